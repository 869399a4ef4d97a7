"""Vendors' files, written by the published descriptions of their formats: no real one is at hand.

Each function writes what a reader must find again, and what the descriptions say lies around it.
"""

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from PIL import Image

Frame = NDArray[np.uint8]
TICKS = 131285284618218310  # the evening of 2017-01-10, in 100 ns from 1601


def write_vol(
    path: Path,
    frames: list[np.ndarray],
    *,
    pattern: int = 3,
    eye: bytes = b"OS",
    order: list[int] | None = None,
) -> Path:
    """Write a Spectralis file by Heidelberg's description; frames lie 0.12 mm apart."""
    rows, columns = frames[0].shape
    slo = 60
    header = struct.pack(
        "<12s3I3d2I2dId4sQiI16s16sI24sdI24sd",
        b"HSF-OCT-103\0", columns, len(frames), rows, 0.011, 0.12, 0.0039,
        slo, slo, 0.02, 0.02, 30, -1.5, eye, 131285284618218310, pattern, 256,
        b"716.0", b"", 86, b"01234", 18904.0, 145, b"", 42746.6,
    )  # fmt: skip
    data = header.ljust(2048, b"\0") + bytes(range(slo)) * slo
    for index in order or range(len(frames)):
        y = 0.12 * index + 0.1
        place = (0.1, y, 1.1, y) if pattern != 2 else (0.9, 0.6, 0.6, 0.6)
        data += struct.pack("<12sI4d", b"HSF-BS-103\0", 256, *place).ljust(256, b"\0")
        data += ((frames[index] / 255.0) ** 4).astype("<f4").tobytes()
    path.write_bytes(data)
    return path


# Heidelberg E2E


def ufloat16(values: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Floats without a sign, of 6 bits of exponent and 10 of mantissa."""
    mantissa, exponent = np.frexp(np.maximum(values, 2.0**-40))
    whole = np.rint((mantissa * 2 - 1) * 1024).astype(int)
    return np.where(values > 0, ((exponent + 62) << 10) + whole, 0).astype(np.uint16)


def e2e_image(frame: Frame, *, bscan: bool = True) -> bytes:
    rows, columns = frame.shape
    kind = 0x02200201 if bscan else 0x02010201
    data = ufloat16((frame / 255.0) ** 4).tobytes() if bscan else frame.tobytes()
    return struct.pack("<5I", len(data) + 20, kind, rows * columns, rows, columns) + data


def e2e_patient(given: str = "Jane", family: str = "Doe", number: str = "P1") -> bytes:
    texts = (given.encode("latin-1"), family.encode("latin-1"), b"")
    return struct.pack("<31s51s15sI1s29s", *texts, 0x12345678, b"F", number.encode())


def e2e_bscan_facts(scale: float = 0.0039, ticks: int = TICKS) -> bytes:
    return struct.pack("<36xf16x32xQ", scale, ticks).ljust(428, b"\0")


Piece = tuple[int, int, int, int, int, bytes]
"""Patient, study, series, slice, type and contents."""


def e2e_pieces(
    frames: Sequence[Frame], *, eye: bytes = b"L", series: tuple[int, int, int] = (7, 1, 1)
) -> list[Piece]:
    """What one volume is made of, its slices in no order."""
    pieces: list[Piece] = [(series[0], -1, -1, -1, 9, e2e_patient())]
    pieces.append((*series, -1, 11, bytes(14) + eye + bytes(12)))
    pieces.append((*series, -1, 3, bytes(4) + eye + bytes(91)))
    localizer = np.tile(np.arange(40, dtype=np.uint8), (30, 1))
    pieces.append((*series, 0, 0x40000000, e2e_image(localizer, bscan=False)))
    for index in sorted(range(len(frames)), key=lambda at: (at * 7) % 5):
        pieces.append((*series, index * 2, 0x40000000, e2e_image(frames[index])))
        pieces.append((*series, index * 2, 10004, e2e_bscan_facts()))
    return pieces


def write_e2e(path: Path, pieces: Sequence[Piece], *, several: bool = False) -> Path:
    """Write the pieces by two directories, of which the later one names the earlier."""
    start = b"E2EMultipleVolumeFile".ljust(64, b"\0") if several else b""
    data = bytearray(b"CMDb".ljust(12, b"\0") + struct.pack("<I", 100) + bytes(20))
    ids = struct.pack("<I", 100) + b"\xff" * 18 + bytes(2)
    main_at = len(data)
    data += bytes(52)
    before, here = 0, 0
    middle = len(pieces) // 2
    for part in (pieces[:middle], pieces[middle:]):
        here = len(data)
        directory = bytearray(b"MDbDir".ljust(12, b"\0") + ids)
        directory += struct.pack("<4I", len(part), here, before, 0)
        at = here + 52 + 44 * len(part)
        contents = bytearray()
        for patient, study, series, slice_, kind, content in part:
            index = 1 if kind == 0x40000000 and content[4:8] == struct.pack("<I", 0x02200201) else 0
            numbers = (patient & 0xFFFFFFFF, study & 0xFFFFFFFF, series & 0xFFFFFFFF, slice_)
            entry = here + 52 + 44 * ((len(directory) - 52) // 44)
            place = (entry, at + len(contents), len(content), 0)
            directory += struct.pack("<4I3IiHHII", *place, *numbers, index, 0, kind, 0)
            contents += struct.pack(
                "<12s5I3IiHHII", b"MDbData", 0, *place, *numbers, index, 0, kind, 0
            )
            contents += content
        data += directory + contents
        before = here
    main = b"MDbMDir".ljust(12, b"\0") + ids + struct.pack("<4I", 512, here, 0, 0)
    data[main_at : main_at + 52] = main
    path.write_bytes(start + bytes(data))
    return path


# Topcon


def _chunk(name: str, content: bytes) -> bytes:
    return bytes([len(name)]) + name.encode() + struct.pack("<I", len(content)) + content


def _topcon(eye: int, *, x: float = 6.0, y: float = 6.0, z: float = 2.6) -> list[bytes]:
    patient = b"".join(part.ljust(32, b"\0") for part in (b"T9", b"Jane", b"Doe")) + bytes(8)
    patient += struct.pack("<B3H", 1, 1950, 1, 2) + bytes(504)
    capture = struct.pack("<BBI100s6H", eye, 2, 0, b"", 2019, 3, 4, 5, 6, 7)
    return [
        _chunk("@HW_INFO_03", b"3DOCT-2000".ljust(16, b"\0") + bytes(160)),
        _chunk("@PATIENT_INFO_02", patient),
        _chunk("@CAPTURE_INFO_02", capture),
        _chunk("@PARAM_SCAN_04", struct.pack("<3I5dBB", 0, 0, 0, x, y, z, 0, 0, 0, 0)),
    ]


def write_fda(path: Path, frames: Sequence[Frame], *, eye: int = 0, pattern: int = 2) -> Path:
    rows, columns = frames[0].shape
    content = struct.pack("<B6I", pattern, 0, 0, columns, rows, len(frames), 0xA02)
    for frame in frames:
        coded = bytes(encode_array(frame))
        content += struct.pack("<I", len(coded)) + coded
    chunks = [*_topcon(eye), _chunk("@IMG_JPEG", content), b"\0"]
    path.write_bytes(b"FOCTFDA" + struct.pack("<2I", 2, 1000) + b"".join(chunks))
    return path


def write_fds(path: Path, frames: Sequence[Frame], *, eye: int = 1) -> Path:
    rows, columns = frames[0].shape
    pixels = b"".join((frame.astype("<u2") * 40).tobytes() for frame in frames)
    content = struct.pack("<B4IBI", 2, columns, rows, 16, len(frames), 0, len(pixels)) + pixels
    chunks = [*_topcon(eye), _chunk("@IMG_SCAN_03", content), b"\0"]
    path.write_bytes(b"FOCTFDS" + struct.pack("<2I", 2, 1000) + b"".join(chunks))
    return path


# Bioptigen


def _record(key: str, content: bytes) -> bytes:
    return struct.pack("<I", len(key)) + key.encode() + struct.pack("<I", len(content)) + content


def write_bioptigen(
    path: Path, frames: Sequence[Frame], *, scans: int | None = None, kind: int = 1
) -> Path:
    """Write frames in passes over `scans` places, all in one where that is not given."""
    rows, columns = frames[0].shape
    places = scans or len(frames)
    whole = {
        "FRAMECOUNT": len(frames), "LINECOUNT": columns, "LINELENGTH": rows, "SAMPLEFORMAT": 2,
        "SCANTYPE": kind, "SCANS": places, "FRAMES": len(frames) // places, "DOPPLERFLAG": 0,
    }  # fmt: skip
    lengths = {"SCANDEPTH": rows * 0.003, "AZSCANLENGTH": columns * 0.01, "ELSCANLENGTH": 5.0}
    data = struct.pack("<2HH", 0x1234, 0x5678, 104)
    data += _record("FRAMEHEADER", b"")
    for key, value in whole.items():
        data += _record(key, struct.pack("<I", value))
    data += _record("DESCRIPTION", b"Rectangular volume scan")
    for key, length in lengths.items():
        data += _record(key, struct.pack("<d", length))
    data += _record("CONFIG", bytes(40)) + struct.pack("<I", 0)
    for frame in frames:
        data += _record("FRAMEDATA", b"")
        data += _record("FRAMEDATETIME", struct.pack("<8H", 2013, 5, 0, 6, 7, 8, 9, 10))
        data += _record("FRAMETIMESTAMP", struct.pack("<d", 0.5))
        data += _record("FRAMELINES", struct.pack("<I", columns))
        data += _record("FRAMESAMPLES", (frame.T.astype("<u2") * 40).tobytes())
        data += struct.pack("<I", 0)
    path.write_bytes(data)
    return path


# Optovue


def write_optovue(path: Path, frames: Sequence[Frame], *, eye: str = "OS") -> Path:
    """Write the floats, and the text beside them."""
    rows, columns = frames[0].shape
    path.write_bytes(b"".join(frame[::-1].T.astype("<f4").tobytes() for frame in frames))
    lines = (
        "[Protocol - 3D Step 1]",
        f"XY Scan Length={columns}",
        f"XY Scan Usage={len(frames)}",
        "XY Scan Size1= 7.00 mm",
        "XY Scan Interval1= 0.050 mm",
        "[Protocol - 3D Step 2]",
        f"XY Scan Length={columns}",
        "XY Scan Usage=0",
        "[General]",
        f"OCT Window Height={rows}",
        "Scan Depth=2.000 mm",
        f"Eye Scanned={eye}",
        "Physical video width=10.0 mm",
    )
    path.with_suffix(".txt").write_text("\r\n".join(lines))
    return path


# Nidek


def write_nidek(folder: Path, frames: Sequence[Frame], *, eye: str = "R") -> Path:
    folder.mkdir(exist_ok=True)
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(folder / f"Fooct_c_{number:03d}.bmp")
    Image.fromarray(np.tile(np.arange(60, dtype=np.uint8), (50, 1))).save(folder / "Fo.bmp")
    (folder / "Fox.xml").write_text(
        f"""<?xml version="1.0"?><NAVIS-EX><RS><Scan><ReleaseDate>2018/02/03</ReleaseDate>
<ScanPattern>MaculaMap</ScanPattern><ScanType>1</ScanType><ScanPointA>{frames[0].shape[1]}</ScanPointA>
<ScanPointB>{len(frames)}</ScanPointB><ScanCenterX>30</ScanCenterX><ScanCenterY>25</ScanCenterY>
<ScanWidth1>30</ScanWidth1><ScanWidth2>30</ScanWidth2><Eye>{eye}</Eye></Scan><Information>
<Manufacture>NIDEK</Manufacture><Model>RS-3000</Model><OCTDepthResolution>4.1</OCTDepthResolution>
<SLOPixelSpacing>15</SLOPixelSpacing></Information></RS></NAVIS-EX>"""
    )
    return folder / "Fox.xml"


# Films


def _riff(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<L", len(content)) + content + b"\0" * (len(content) % 2)


def _frame_of(frame: Frame, codec: bytes, bits: int) -> bytes:
    if codec == b"MJPG":
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=95)
        return buffer.getvalue()
    values = np.repeat(frame[:, :, None], bits // 8, axis=2).reshape(len(frame), -1)
    filled = np.pad(values, ((0, 0), (0, -values.shape[1] % 4)))
    return filled[:: 1 if codec.strip(b"\0") else -1].tobytes()


def write_avi(
    path: Path, frames: Sequence[Frame], *, codec: bytes = b"\0\0\0\0", bits: int = 24
) -> Path:
    """Write a film with a sound stream before its pictures, and one frame that is shown twice."""
    rows, columns = frames[0].shape
    bitmap = struct.pack("<LllHH4sLllLL", 40, columns, rows, 1, bits, codec, 0, 0, 0, 0, 0)
    if bits == 8:
        bitmap += b"".join(bytes([grey, grey, grey, 0]) for grey in range(256))
    sound = _riff(b"strh", b"auds" + bytes(52)) + _riff(b"strf", bytes(18))
    pictures = _riff(b"strh", b"vids" + codec + bytes(48)) + _riff(b"strf", bitmap)
    streams = b"".join(_riff(b"LIST", b"strl" + each) for each in (sound, pictures))
    header = _riff(b"LIST", b"hdrl" + _riff(b"avih", bytes(56)) + streams)
    film = b"".join(
        _riff(b"00wb", b"hm") + _riff(b"01dc", _frame_of(frame, codec, bits)) for frame in frames
    )
    film += _riff(b"01dc", b"")
    path.write_bytes(_riff(b"RIFF", b"AVI " + header + _riff(b"LIST", b"movi" + film)))
    return path

"""Topcon `.fda` and `.fds`: named chunks, one after the other.

FDA holds each B-scan as a JPEG 2000 codestream, FDS as 16-bit numbers. Layout as uocte and
OCT-Converter describe it. Where they contradict each other (the patient's sex, which way the
B-scans run on the fundus) nothing is taken; newer files keep the patient's name where only Topcon
reads it.
"""

import math
import struct
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import BinaryIO

import numpy as np

from app.errors import DamagedFile, UnsupportedFile
from app.language import fill, mark
from app.reading.dicom.codestream import Codestream, is_whole, read_codestream
from app.reading.dicom.syntaxes import Decoder
from app.reading.dicom.workers import WORKERS, decode_frame
from app.reading.entries import Entry, bytes_at
from app.reading.found import Found, by_description
from app.reading.identifiers import uid_of_content, uid_of_words
from app.reading.limits import check_size
from app.reading.raw_frames import RawFrames
from app.study import BScan, FrameSource, Laterality, Patient, Pixels, Spacing, Volume

_FILE_HEADER = 15  # bytes: FOCT, kind of fixation, two numbers
_MOST_CHUNKS = 10_000
_LARGEST_FACTS = 4096  # bytes of a chunk that is no image
_JPEG_HEADER = struct.Struct("<B8x3I4x")  # pattern, width, height, B-scans
_SCAN_HEADER = struct.Struct("<B4IBI")  # pattern, width, height, bits, B-scans, format, size
_VOLUME = 2  # scan pattern: a rectangle; the others are single lines, stars and crosses
_EYES = {0: Laterality.RIGHT, 1: Laterality.LEFT}
_WIDEST_MM, _DEEPEST_UM = 60.0, 50.0  # no scan is wider, no sample deeper
_FIRST_YEAR = 1850

Chunk = tuple[int, int]
"""Where a chunk's contents begin in the file, and their length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frames:
    pattern: int
    rows: int
    columns: int
    bscans: tuple[BScan, ...]
    notes: tuple[str, ...] = ()


def read_topcon(entry: Entry) -> Found:
    """Read the chunks of an `.fda` or `.fds` file.

    Raises:
        DamagedFile: If it is cut, or contradicts itself.
        UnsupportedFile: If it holds no B-scans in a form that is read.
        OSError: If it cannot be read.
    """
    with entry.open() as file:
        chunks = _chunks(file, entry.size)
    if "@IMG_JPEG" in chunks:
        frames = _compressed(entry, chunks["@IMG_JPEG"])
    elif "@IMG_SCAN_03" in chunks:
        frames = _native(entry, chunks["@IMG_SCAN_03"])
    else:
        raise UnsupportedFile(
            "It is a Topcon file without B-scans in a form that is read here. Export the study "
            "as DICOM from the device's program."
        )
    eye, acquired = _capture(entry, chunks)
    patient = _patient(entry, chunks)
    visited = acquired.date() if acquired else None
    volume = Volume(
        uid=uid_of_content([entry]),
        laterality=eye,
        bscans=frames.bscans,
        order=mark("stored order"),
        spacing=_spacing(entry, chunks, frames),
        acquired=acquired,
        device=_device(entry, chunks),
        notes=(by_description(mark("a Topcon FDA or FDS file")), *frames.notes),
    )
    named = patient.identifier and visited
    return Found(
        volume=volume,
        patient=patient,
        study_uid=uid_of_words("topcon", patient.identifier, visited) if named else volume.uid,
        visited=visited,
    )


def _chunks(file: BinaryIO, size: int) -> dict[str, Chunk]:
    """The first chunk of each name."""
    chunks: dict[str, Chunk] = {}
    at = _FILE_HEADER
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        length = file.read(1)
        if length in (b"", b"\0"):
            return chunks
        head = file.read(length[0] + 4)
        if len(head) < length[0] + 4:
            break
        start = at + 1 + len(head)
        (count,) = struct.unpack("<I", head[-4:])
        if start + count > size:
            break
        chunks.setdefault(head[:-4].decode("latin-1"), (start, count))
        at = start + count
    raise DamagedFile("It is a Topcon file that is cut or damaged: a part of it is missing.")


def _facts(entry: Entry, chunks: dict[str, Chunk], *names: str) -> tuple[str, bytes]:
    """The first of these chunks that is there, by name and contents; empty if none is."""
    for name in names:
        if name in chunks:
            start, length = chunks[name]
            return name, bytes_at(entry, start, min(length, _LARGEST_FACTS))
    return "", b""


def _compressed(entry: Entry, chunk: Chunk) -> _Frames:
    start, length = chunk
    if length < _JPEG_HEADER.size:
        raise DamagedFile("It is a Topcon file whose B-scans are damaged.")
    pattern, columns, rows, count = _JPEG_HEADER.unpack(bytes_at(entry, start, _JPEG_HEADER.size))
    check_size(rows, columns, count)
    WORKERS.warm_up()
    end, at = start + length, start + _JPEG_HEADER.size
    bscans = []
    with entry.open() as file:
        for number in range(1, count + 1):
            file.seek(at)
            head = file.read(4)
            size = struct.unpack("<I", head)[0] if len(head) == 4 else 0
            if not size or at + 4 + size > end:
                raise DamagedFile(
                    fill(
                        "The file is cut: its header promises {frames} frames and it holds "
                        "{whole}.",
                        frames=count,
                        whole=number - 1,
                    )
                )
            bscans.append(
                BScan(
                    source=FrameSource(path=entry.path, frame_number=number),
                    rows=rows,
                    columns=columns,
                    load=partial(_load, entry, at + 4, size, rows, columns),
                )
            )
            at += 4 + size
    return _Frames(pattern=pattern, rows=rows, columns=columns, bscans=tuple(bscans))


def _load(entry: Entry, start: int, size: int, rows: int, columns: int) -> Pixels:
    data = bytes_at(entry, start, size)
    stream = read_codestream(data)
    if not _fits(stream, rows, columns) or not is_whole(data):
        raise DamagedFile("A frame is damaged, or of another size than its file's header says.")
    decoder = Decoder.OPENJPEG if stream.process == 0x4F else Decoder.PILLOW
    frame = decode_frame(data, decoder, "", stream, signed=stream.signed, entry=entry)
    return np.frombuffer(frame, np.uint8).reshape(rows, columns)


def _fits(stream: Codestream, rows: int, columns: int) -> bool:
    size = (stream.rows, stream.columns, stream.components, stream.precision)
    return size == (rows, columns, 1, 8) and stream.process in (0x4F, 0xC0) and not stream.signed


def _native(entry: Entry, chunk: Chunk) -> _Frames:
    start, length = chunk
    if length < _SCAN_HEADER.size:
        raise DamagedFile("It is a Topcon file whose B-scans are damaged.")
    pattern, columns, rows, bits, count, _, size = _SCAN_HEADER.unpack(
        bytes_at(entry, start, _SCAN_HEADER.size)
    )
    check_size(rows, columns, count)
    if bits != 16:
        raise UnsupportedFile(
            fill(
                "It is a Topcon file, but its {bits} bits for a pixel are not read here. Export "
                "the study as DICOM from the device's program.",
                bits=bits,
            )
        )
    each = rows * columns * 2
    if min(size, length - _SCAN_HEADER.size) < each * count:
        whole = max(0, min(size, length - _SCAN_HEADER.size)) // each
        raise DamagedFile(
            fill(
                "The file is cut: its header promises {frames} frames and it holds {whole}.",
                frames=count,
                whole=whole,
            )
        )
    first = start + _SCAN_HEADER.size
    bscans, note = RawFrames(
        entry=entry,
        offsets=tuple(first + index * each for index in range(count)),
        dtype="<u2",
        rows=rows,
        columns=columns,
    ).bscans()
    return _Frames(pattern=pattern, rows=rows, columns=columns, bscans=bscans, notes=(note,))


def _capture(entry: Entry, chunks: dict[str, Chunk]) -> tuple[Laterality, datetime | None]:
    name, data = _facts(entry, chunks, "@CAPTURE_INFO_02", "@CAPTURE_INFO")
    at = 106 if name == "@CAPTURE_INFO_02" else 1
    eye = _EYES.get(data[0], Laterality.UNKNOWN) if data else Laterality.UNKNOWN
    if len(data) < at + 12:
        return eye, None
    try:
        return eye, datetime(*struct.unpack_from("<6H", data, at))
    except ValueError:
        return eye, None


def _patient(entry: Entry, chunks: dict[str, Chunk]) -> Patient:
    _, data = _facts(entry, chunks, "@PATIENT_INFO_02")
    if len(data) < 111:
        return Patient()
    number, given, family = (_text(data[at : at + 32]) for at in (0, 32, 64))
    try:
        birth = date(*struct.unpack_from("<3H", data, 105))
    except ValueError:
        birth = None
    return Patient(
        identifier=number or None,
        name=", ".join(name for name in (family, given) if name) or None,
        birth_date=birth if birth and birth.year > _FIRST_YEAR else None,
    )


def _device(entry: Entry, chunks: dict[str, Chunk]) -> str:
    _, data = _facts(entry, chunks, "@HW_INFO_03", "@HW_INFO_02", "@HW_INFO_01")
    return f"Topcon {_text(data[:16])}".strip()


def _text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("latin-1").strip()


def _spacing(entry: Entry, chunks: dict[str, Chunk], frames: _Frames) -> Spacing:
    name, data = _facts(entry, chunks, "@PARAM_SCAN_04", "@PARAM_SCAN_02")
    at = 12 if name == "@PARAM_SCAN_04" else 21
    if len(data) < at + 24:
        return Spacing()
    across, down, depth = struct.unpack_from("<3d", data, at)
    count = len(frames.bscans)
    return Spacing(
        axial_mm=depth / 1000 if _within(depth, _DEEPEST_UM) else None,
        lateral_mm=across / frames.columns if _within(across, _WIDEST_MM) else None,
        between_mm=down / count
        if frames.pattern == _VOLUME and count > 1 and _within(down, _WIDEST_MM)
        else None,
    )


def _within(value: float, most: float) -> bool:
    return math.isfinite(value) and 0 < value <= most

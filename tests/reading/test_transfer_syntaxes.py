"""Every transfer syntax that clinics send is decoded, by the decoder chosen for it.

`frames/` holds what no encoder at hand makes: a speckled B-scan as reversible HTJ2K and as 12-bit
extended JPEG, made with imagecodecs (OpenJPH, libjpeg-turbo).
"""

import io
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import gdcm
import jpeg_ls
import numpy as np
import pydicom
import pytest
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import (
    HTJ2K,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from app.errors import DamagedFile
from app.reading.dicom import workers
from app.reading.dicom.form import form_of
from app.reading.dicom.header import read_header
from app.reading.dicom.pixels import read_stored
from app.reading.dicom.places import find_frames
from app.reading.dicom.syntaxes import SYNTAXES, Decoder
from app.reading.dicom.workers import WORKERS, Worker
from app.reading.entries import entry_at
from app.study import Loss, Volume
from tests.oct_files import (
    Frame,
    bscans,
    compress,
    failure_of,
    opened,
    pixels_of,
    rewrite,
    the_volume,
    write,
)

FRAMES = Path(__file__).parent / "frames"
J2K = bytes.fromhex("ff4fff51")


def as_jpeg(frame: Frame) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def as_jpeg_ls(frame: Frame) -> bytes:
    return bytes(jpeg_ls.encode_array(frame))


def as_jpeg_2000(frame: Frame) -> bytes:
    return bytes(encode_array(frame))


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("columns", [96, 33])
def test_native_syntaxes_keep_every_pixel(tmp_path: Path, syntax: str, columns: int):
    frames = bscans(3, rows=31, columns=columns)
    path = write(tmp_path / "a.dcm", frames)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset["PixelData"].VR = "OB"
    implicit = syntax == ImplicitVRLittleEndian
    pydicom.dcmwrite(
        path, dataset, implicit_vr=implicit, little_endian=syntax != ExplicitVRBigEndian
    )
    assert np.array_equal(pixels_of(the_volume(path)), np.stack(frames))


def test_big_endian_words_of_two_pixels_are_swapped_back(tmp_path: Path):
    frames = bscans(3, rows=31, columns=33)
    path = write(tmp_path / "a.dcm", frames)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    swapped = np.frombuffer(dataset.PixelData, np.uint16).byteswap().tobytes()
    dataset.PixelData = swapped
    dataset["PixelData"].VR = "OW"
    dataset["PixelData"].value = swapped
    pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False)
    assert np.array_equal(pixels_of(the_volume(path)), np.stack(frames))


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [(JPEGLSLossless, as_jpeg_ls), (JPEG2000Lossless, as_jpeg_2000)],
)
def test_lossless_syntaxes_keep_every_pixel(tmp_path: Path, syntax: str, encode):
    frames = bscans(3)
    path = compress(write(tmp_path / "a.dcm", frames), syntax, encode, frames)
    volume = the_volume(path)
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.notes == ()


def test_run_lengths_keep_every_pixel(tmp_path: Path):
    frames = bscans(3)
    path = rewrite(write(tmp_path / "a.dcm", frames), lambda dataset: dataset.compress(RLELossless))
    assert np.array_equal(pixels_of(the_volume(path)), np.stack(frames))


def test_lossless_jpeg_as_heyex_writes_it_keeps_every_pixel(tmp_path: Path):
    frames = bscans(3)
    path = write(tmp_path / "a.dcm", frames)
    to_lossless_jpeg(path)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == JPEGLosslessSV1
    assert np.array_equal(pixels_of(the_volume(path)), np.stack(frames))


def to_lossless_jpeg(path: Path) -> None:
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


def as_lossless_jpeg(frame: Frame, predictor: int) -> bytes:
    """Encode 8 bits as lossless JPEG of any predictor (ITU-T T.81 H.1), with codes of 4 bits."""
    rows, columns = frame.shape
    values = frame.astype(int)
    left, above = np.roll(values, 1, 1), np.roll(values, 1, 0)
    corner = np.roll(left, 1, 0)
    guess = {1: left, 2: above, 3: corner, 4: left + above - corner}[predictor]
    guess[0], guess[:, 0] = left[0], above[:, 0]
    guess[0, 0] = 128
    bits = []
    for difference in (values - guess).ravel().tolist():
        size = abs(difference).bit_length()
        bits.append(f"{size:04b}")
        if size:
            bits.append(
                f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}"
            )
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8).replace(b"\xff", b"\xff\0")
    header = b"\xff\xd8\xff\xc3" + struct.pack(">HBHHB3B", 11, 8, rows, columns, 1, 1, 0x11, 0)
    codes = bytes([0, 0, 0, 0, 10] + [0] * 12) + bytes(range(10))
    header += b"\xff\xc4" + struct.pack(">H", 2 + len(codes)) + codes
    header += b"\xff\xda" + struct.pack(">H6B", 8, 1, 1, 0, predictor, 0, 0)
    return header + data + b"\xff\xd9"


@pytest.mark.parametrize("predictor", [1, 2, 3, 4])
def test_lossless_jpeg_of_every_predictor_keeps_every_pixel(tmp_path: Path, predictor: int):
    frames = bscans(2)

    def encode(frame: Frame) -> bytes:
        return as_lossless_jpeg(frame, predictor)

    path = compress(write(tmp_path / "a.dcm", frames), JPEGLossless, encode, frames)
    volume = the_volume(path)
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.loss is None


def test_lossless_jpeg_of_12_bits_keeps_every_value(tmp_path: Path):
    frames = [frame.astype(np.uint16) * 16 for frame in bscans(2)]

    def deepen(dataset: Dataset) -> None:
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelData = b"".join(frame.tobytes() for frame in frames)
        dataset["PixelData"].VR = "OW"

    path = write(tmp_path / "a.dcm", bscans(2), change=deepen)
    native = pixels_of(the_volume(path))
    to_lossless_jpeg(path)
    assert np.array_equal(pixels_of(the_volume(path)), native)
    assert np.array_equal(native, np.rint(np.stack(frames) * (255 / 4095)))


def test_lossy_jpeg_is_near_and_noted(tmp_path: Path):
    frames = bscans(2)
    path = compress(write(tmp_path / "a.dcm", frames), JPEGBaseline8Bit, as_jpeg, frames)
    volume = the_volume(path)
    assert np.abs(pixels_of(volume).astype(int) - np.stack(frames)).mean() < 3
    # The file says nothing of it, so the ratio is that of the frames as they lie in it.
    packed = sum(len(as_jpeg(frame)) for frame in frames)
    assert volume.loss is not None
    assert volume.loss.methods == ("ISO_10918_1",)
    assert volume.loss.ratios == (pytest.approx(2 * 64 * 96 / packed, rel=0.01),)
    assert volume.notes == (
        f"The images were compressed with loss (JPEG Baseline, about {volume.loss.ratios[0]:.2g} "
        "to 1).",
    )


def test_what_a_file_says_of_earlier_loss_is_taken(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionRatio = ["4", "12.5"]
        dataset.LossyImageCompressionMethod = ["ISO_10918_1", "ISO_15444_1"]

    volume = the_volume(write(tmp_path / "a.dcm", bscans(1), change=change))
    assert volume.loss == Loss(methods=("ISO_10918_1", "ISO_15444_1"), ratios=(4.0, 12.5))
    assert "before it was stored, about 12 to 1" in volume.notes[0]


def test_extended_jpeg_of_12_bits_is_decoded(tmp_path: Path):
    (frame,) = bscans(1, rows=48, columns=64, seed=1)

    def deepen(dataset: Dataset) -> None:
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11

    path = write(tmp_path / "a.dcm", [frame], change=deepen)
    coded = (FRAMES / "extended_12_bit.jpg").read_bytes()
    compress(path, JPEGExtended12Bit, lambda _: coded, [frame])
    read = the_volume(path).bscans[0].pixels()
    assert np.abs(read.astype(int) - np.rint(frame * (16 * 255 / 4095))).max() <= 1


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])
def test_high_throughput_jpeg_2000_is_decoded(tmp_path: Path, syntax: str):
    frames = bscans(1, rows=48, columns=64)
    coded = (FRAMES / "reversible.j2c").read_bytes()
    path = compress(write(tmp_path / "a.dcm", frames), syntax, lambda _: coded, frames)
    assert np.array_equal(pixels_of(the_volume(path)), np.stack(frames))


def test_every_syntax_named_has_a_decoder_and_a_test():
    assert {syntax.decoder for syntax in SYNTAXES.values()} == set(Decoder)
    assert len(SYNTAXES) == 15


@pytest.mark.parametrize(
    "name",
    [
        "JPGExtended.dcm",
        "JPEG2000.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "JPEGLSNearLossless_08.dcm",
        "JPEGLSNearLossless_16.dcm",
        "693_J2KI.dcm",
        "image_dfl.dcm",
        "liver_expb_1frame.dcm",
    ],
)
def test_foreign_files_decode_to_the_values_that_pydicom_finds(name: str):
    path = Path(str(get_testdata_file(name, download=False)))
    header = read_header(entry_at(path, path.stat().st_size))
    if header.dataset.BitsAllocated == 1:
        pytest.skip("one bit is no B-scan")
    form = form_of(header, 1)
    stored = read_stored(find_frames(header, form, 1), 0)
    expected = pydicom.dcmread(path).pixel_array if name != "JPGExtended.dcm" else None
    if expected is not None:
        assert np.array_equal(stored, expected)
    else:
        assert stored.shape == (form.rows, form.columns)
        assert stored.std() > 1


# How frames lie in fragments


def test_a_frame_in_several_fragments_is_put_together(tmp_path: Path):
    frames = bscans(3)
    path = write(tmp_path / "a.dcm", frames)
    coded = [as_jpeg_2000(frame) for frame in frames]

    def change(dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.PixelData = encapsulate(coded, fragments_per_frame=3)
        dataset["PixelData"].is_undefined_length = True

    assert np.array_equal(pixels_of(the_volume(rewrite(path, change))), np.stack(frames))


def test_without_an_offset_table_frames_are_told_apart_by_their_beginnings(tmp_path: Path):
    frames = bscans(3)
    path = write(tmp_path / "a.dcm", frames)
    coded = [as_jpeg_ls(frame) for frame in frames]

    def change(dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
        dataset.PixelData = encapsulate(coded, fragments_per_frame=2, has_bot=False)
        dataset["PixelData"].is_undefined_length = True

    assert np.array_equal(pixels_of(the_volume(rewrite(path, change))), np.stack(frames))


def test_an_extended_offset_table_is_used(tmp_path: Path):
    frames = bscans(3)
    path = write(tmp_path / "a.dcm", frames)

    def change(dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        data, table, lengths = encapsulate_extended([as_jpeg_2000(frame) for frame in frames])
        dataset.PixelData = data
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = table, lengths
        dataset["PixelData"].is_undefined_length = True

    assert np.array_equal(pixels_of(the_volume(rewrite(path, change))), np.stack(frames))


# What cannot be decoded


def test_an_unsupported_syntax_is_named(tmp_path: Path):
    frames = bscans(1)
    path = compress(write(tmp_path / "a.dcm", frames), "1.2.840.10008.1.2.4.102", as_jpeg, frames)
    assert "MPEG-4 AVC/H.264 High Profile" in failure_of(path)


def test_scrambled_zeiss_frames_are_recognised(tmp_path: Path):
    frames = bscans(2)

    def scramble(frame: Frame) -> bytes:
        coded = bytearray(as_jpeg_2000(frame))
        coded[::7] = bytes(byte ^ 0x5A for byte in coded[::7])
        return bytes(coded)

    path = compress(write(tmp_path / "a.dcm", frames), JPEG2000Lossless, scramble, frames)
    rewrite(path, lambda dataset: setattr(dataset, "Manufacturer", "Carl Zeiss Meditec"))
    reason = failure_of(path)
    assert "scrambled" in reason
    assert "FORUM" in reason


@pytest.mark.parametrize(("keyword", "value"), [("Rows", 60), ("Columns", 90), ("BitsStored", 16)])
def test_a_codestream_that_contradicts_the_header_is_refused_before_decoding(
    tmp_path: Path, keyword: str, value: int
):
    frames = bscans(2)
    path = write(tmp_path / "a.dcm", frames)
    to_lossless_jpeg(path)

    def change(dataset: Dataset) -> None:
        setattr(dataset, keyword, value)
        if keyword == "BitsStored":
            dataset.BitsAllocated, dataset.HighBit = 16, 15

    assert "where the header says" in failure_of(rewrite(path, change))


def broken_volume(path: Path, syntax: str, encode: Callable[[Frame], bytes]) -> Volume:
    """A volume whose second frame has lost its end."""
    frames = bscans(3)
    compress(write(path, frames), syntax, encode, frames)

    def cut(dataset: Dataset) -> None:
        coded = list(generate_frames(dataset.PixelData, number_of_frames=3))
        coded[1] = coded[1][: len(coded[1]) // 2]
        dataset.PixelData = encapsulate(coded)

    return the_volume(rewrite(path, cut))


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (JPEGLSLossless, as_jpeg_ls),
        (JPEG2000Lossless, as_jpeg_2000),
        (JPEGBaseline8Bit, as_jpeg),
    ],
)
def test_a_cut_frame_is_reported_and_the_others_are_read(tmp_path: Path, syntax: str, encode):
    volume = broken_volume(tmp_path / "a.dcm", syntax, encode)
    with pytest.raises(DamagedFile, match="cut short"):
        volume.bscans[1].pixels()
    assert volume.bscans[0].pixels().any()
    assert volume.bscans[2].pixels().any()


# The workers


def test_a_worker_that_dies_is_replaced(tmp_path: Path):
    frames = bscans(2)
    path = compress(write(tmp_path / "a.dcm", frames), JPEG2000Lossless, as_jpeg_2000, frames)
    volume = the_volume(path)
    assert np.array_equal(volume.bscans[0].pixels(), frames[0])
    for worker in workers.WORKERS._waiting:
        worker._process.kill()
        worker._process.wait()
    assert np.array_equal(volume.bscans[1].pixels(), frames[1])


def test_a_frame_that_takes_too_long_ends_its_worker_with_a_sentence():
    worker = Worker()
    began = time.monotonic()
    # A request that promises bytes which never come: the worker waits for them for ever.
    request = workers.REQUEST.pack(b"openjpeg", b"", 8, 8, 1, 8, 0, 1000)
    with pytest.raises(DamagedFile, match="not decoded within"):
        worker.decode(request, b"", 0.5)
    assert time.monotonic() - began < 15
    assert not worker.alive


def test_that_a_worker_starts_slowly_is_no_fault_of_the_first_frame(monkeypatch):
    slow = (
        "import sys, time; from app.reading.dicom.decode import READY, REPLY; time.sleep(1.5);"
        "sys.stdout.buffer.write(READY + REPLY.pack(0, 3) + b'abc'); sys.stdout.flush();"
        "sys.stdin.read()"
    )
    monkeypatch.setattr(workers, "_command", lambda: [sys.executable, "-c", slow])
    worker = Worker()

    assert worker.decode(b"", b"", 1) == (0, b"abc")
    worker.end()


def test_a_worker_that_never_starts_is_ended(monkeypatch):
    monkeypatch.setattr(workers, "START_LIMIT", 0.2)
    asleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(workers, "_command", lambda: asleep)
    worker = Worker()

    with pytest.raises(DamagedFile, match="could not be started"):
        worker.decode(b"", b"", 20)
    assert not worker.alive


def test_a_file_whose_frame_took_too_long_is_not_waited_for_again(tmp_path: Path, monkeypatch):
    frames = bscans(3)
    path = compress(write(tmp_path / "a.dcm", frames), JPEG2000Lossless, as_jpeg_2000, frames)
    volume = the_volume(path)
    WORKERS.end()
    monkeypatch.setattr(workers, "_SLOW", set())
    monkeypatch.setattr(workers, "TIME_LIMIT", 0.2)
    asleep = "import time; print(flush=True); time.sleep(60)"
    monkeypatch.setattr(workers, "_command", lambda: [sys.executable, "-c", asleep])
    with pytest.raises(DamagedFile, match="not decoded within"):
        volume.bscans[0].pixels()
    with pytest.raises(DamagedFile, match="until the program is started again"):
        volume.bscans[1].pixels()
    monkeypatch.undo()
    assert np.array_equal(volume.bscans[1].pixels(), frames[1])


def test_frames_are_decoded_from_several_threads_at_once(tmp_path: Path):
    frames = bscans(8)
    path = compress(write(tmp_path / "a.dcm", frames), JPEG2000Lossless, as_jpeg_2000, frames)
    volume = the_volume(path)
    read: dict[int, Frame] = {}

    def load(index: int) -> None:
        read[index] = volume.bscans[index].pixels()

    threads = [threading.Thread(target=load, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(read[index], frames[index]) for index in range(8))


def test_the_worker_stays_small_and_ends_with_its_input():
    code = (
        "import sys; from app.reading.dicom import decode;"
        "print(sorted({'pydicom', 'torch', 'PySide6', 'PIL'} & set(sys.modules)))"
    )
    root = Path(workers.__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
    worker = Worker()
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    assert worker._process.wait(timeout=30) == 0
    worker.end()


@pytest.mark.skipif(sys.platform != "linux", reason="Only here is the limit certain to be kept.")
def test_a_worker_gets_no_more_memory_than_a_frame_can_need():
    code = (
        "from app.reading.dicom import decode; decode._limit_memory()\n"
        "try: bytearray(5 << 30)\n"
        "except MemoryError: print('refused')"
    )
    root = Path(workers.__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "refused"


def test_a_missing_decoder_disables_its_syntax_only(tmp_path: Path, monkeypatch):
    frames = bscans(1)
    path = compress(write(tmp_path / "a.dcm", frames), JPEGLSLossless, as_jpeg_ls, frames)
    volume = the_volume(path)
    reply = (workers.ABSENT, b"jpeg_ls")
    monkeypatch.setattr(workers.WORKERS, "decode", lambda *_: reply)
    with pytest.raises(workers.UnsupportedFile, match="jpeg_ls is not installed"):
        volume.bscans[0].pixels()
    monkeypatch.undo()
    assert opened(path).studies

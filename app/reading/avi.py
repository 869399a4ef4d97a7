"""Films `.avi` of B-scans, frame by frame: uncompressed, or each frame a JPEG (Motion JPEG).

A film says nothing of patient, eye or scale. RIFF and AVI after Microsoft's “AVI RIFF File
Reference”. Films whose frames rest on each other (MPEG-4, H.264) need a decoder of 35 MB and more;
they are named and refused.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np

from app.errors import DamagedFile, UnsupportedFile
from app.language import fill, mark
from app.reading.dicom.codestream import is_whole, read_codestream
from app.reading.dicom.syntaxes import Decoder
from app.reading.dicom.workers import WORKERS, decode_frame
from app.reading.entries import Entry, bytes_at
from app.reading.found import Found
from app.reading.grey import AS_STORED, Stored, luminance, to_grey
from app.reading.identifiers import uid_of_content
from app.reading.limits import MOST_FRAMES, check_size
from app.study import BScan, FrameSource, Laterality, Loss, Patient, Pixels, Volume

_MOTION_JPEG = {"MJPG", "AVRN", "LJPG", "JPEG"}
_GREY = {"Y800", "Y8  ", "GREY"}
_PLAIN = {"", "DIB ", "RGB ", "RAW "}
_MOST_CHUNKS = 4 * MOST_FRAMES  # sound, indices and padding lie between the frames
_BITMAP = struct.Struct("<LllHH4sLllLL")  # size, width, height, _, bits, codec, …, colours, _
_DEEPEST = 4  # lists within lists


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    name: bytes
    start: int  # of its contents
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """How one frame is stored."""

    rows: int
    columns: int
    upward: bool  # the lowest row comes first
    bits: int
    codec: str  # four letters; "" for plain pixels
    greys: tuple[int, ...] = ()  # of the palette


def read_avi(entry: Entry) -> Found:
    """Find the frames of a film.

    Raises:
        DamagedFile: If it is cut, or contradicts itself.
        UnsupportedFile: If it is compressed otherwise.
        OSError: If it cannot be read.
    """
    with entry.open() as file:
        picture, places = _parts(file, entry.size)
    check_size(picture.rows, picture.columns, len(places))
    if picture.codec in _MOTION_JPEG:
        WORKERS.warm_up()
    notes = [
        mark(
            "This is a film: it does not say whose eye it shows, which eye, or at what scale. Its "
            "frames are taken for one volume, in their order."
        )
    ]
    if picture.codec in _MOTION_JPEG:
        notes.append(mark("The images were compressed with loss (Motion JPEG)."))
    uid = uid_of_content([entry])
    volume = Volume(
        uid=uid,
        laterality=Laterality.UNKNOWN,
        bscans=tuple(
            BScan(
                source=FrameSource(path=entry.path, frame_number=number),
                rows=picture.rows,
                columns=picture.columns,
                load=partial(_load, entry, picture, place),
            )
            for number, place in enumerate(places, start=1)
        ),
        order=mark("frame of the film"),
        notes=tuple(notes),
        loss=_loss(picture, places),
    )
    return Found(volume=volume, patient=Patient(), study_uid=uid)


def _loss(picture: _Picture, places: list[tuple[int, int]]) -> Loss | None:
    if picture.codec not in _MOTION_JPEG:
        return None
    plain = picture.rows * picture.columns * max(picture.bits, 8) // 8 * len(places)
    packed = sum(size for _, size in places)
    return Loss(methods=("ISO_10918_1",), ratios=(plain / packed,))


def _parts(file: BinaryIO, size: int) -> tuple[_Picture, list[tuple[int, int]]]:
    """The form of the first stream of pictures, and the place of each of its frames."""
    picture: _Picture | None = None
    streams, number = -1, 99
    kind = b""
    places: list[tuple[int, int]] = []
    for chunk in _chunks(file, 0, size, _DEEPEST):
        if chunk.name == b"strh":
            streams += 1
            kind = _read(file, chunk, 4)
        elif chunk.name == b"strf" and kind == b"vids" and picture is None:
            picture, number = _picture(_read(file, chunk, 40 + 4 * 256)), streams
        elif chunk.name in (b"%02ddc" % number, b"%02ddb" % number) and chunk.size:
            # An empty one shows the frame before once more; it is no B-scan of its own.
            places.append((chunk.start, chunk.size))
    if picture is None:
        raise DamagedFile("It is a film without pictures, or its header is damaged.")
    return picture, places


def _chunks(file: BinaryIO, start: int, end: int, depth: int) -> Iterator[_Chunk]:
    """Every chunk in its order, lists opened."""
    waiting = [(start, end, depth)]
    for _ in range(_MOST_CHUNKS):
        while waiting and waiting[-1][0] + 8 > waiting[-1][1]:
            waiting.pop()
        if not waiting:
            return
        at, end, depth = waiting.pop()
        file.seek(at)
        head = file.read(12)
        name, size = head[:4], struct.unpack("<L", head[4:8])[0]
        if at + 8 + size > end:
            raise DamagedFile("It is a film that is cut or damaged: a part of it is missing.")
        waiting.append((at + 8 + size + size % 2, end, depth))
        if name in (b"RIFF", b"LIST") and size >= 4 and depth:
            waiting.append((at + 12, at + 8 + size, depth - 1))
        else:
            yield _Chunk(name=name, start=at + 8, size=size)
    raise DamagedFile("This film has more frames than any scanner makes; it is not opened.")


def _read(file: BinaryIO, chunk: _Chunk, most: int) -> bytes:
    file.seek(chunk.start)
    return file.read(min(chunk.size, most))


def _picture(data: bytes) -> _Picture:
    """Read BITMAPINFOHEADER and its palette."""
    if len(data) < _BITMAP.size:
        raise DamagedFile("It is a film whose header is damaged.")
    size, width, height, _, bits, compression, _, _, _, used, _ = _BITMAP.unpack_from(data)
    codec = "" if compression == bytes(4) else compression.decode("latin-1").upper()
    codec = "" if codec in _PLAIN else codec
    if codec not in _MOTION_JPEG | _GREY | {""} or (codec == "" and bits not in (8, 24, 32)):
        name = (
            codec.strip() if codec.strip().isalnum() else fill("{bits} bits for a pixel", bits=bits)
        )
        raise UnsupportedFile(
            fill(
                "It is a film compressed in a way that is not read here ({name}). Export the "
                "B-scans as DICOM or pictures, or the film uncompressed or as Motion JPEG.",
                name=name,
            )
        )
    greys: tuple[int, ...] = ()
    if codec == "" and bits == 8:
        palette = np.zeros((256, 4), np.uint8)
        colours = np.frombuffer(data[size : size + 4 * (used or 256)], np.uint8)
        palette[: len(colours) // 4] = colours[: len(colours) // 4 * 4].reshape(-1, 4)
        greys = tuple(np.rint(luminance(palette[:, 2::-1])).astype(int).tolist())
        if not any(greys):
            greys = tuple(range(256))  # no palette: the values are grey themselves
    return _Picture(
        rows=abs(height),
        columns=max(width, 0),
        upward=height > 0 and codec == "",
        bits=8 if codec in _GREY else bits,
        codec=codec,
        greys=greys,
    )


def _load(entry: Entry, picture: _Picture, place: tuple[int, int]) -> Pixels:
    data = bytes_at(entry, *place)
    if picture.codec in _MOTION_JPEG:
        return to_grey(_jpeg(entry, picture, data), AS_STORED)
    # Rows of bitmaps are filled up to 4 bytes.
    stride = (picture.columns * picture.bits // 8 + 3) & ~3
    if len(data) < stride * picture.rows and len(data) == picture.columns * picture.rows:
        stride = picture.columns
    if len(data) < stride * picture.rows:
        raise DamagedFile("A frame of this film is cut short.")
    rows = np.frombuffer(data, np.uint8, stride * picture.rows).reshape(picture.rows, stride)
    rows = rows[::-1] if picture.upward else rows
    if picture.bits == 8:
        grey = rows[:, : picture.columns]
        return np.asarray(picture.greys, np.uint8)[grey] if picture.greys else grey.copy()
    depth = picture.bits // 8
    colours = rows[:, : picture.columns * depth].reshape(picture.rows, picture.columns, depth)
    return np.rint(luminance(colours[:, :, 2::-1])).astype(np.uint8)


def _jpeg(entry: Entry, picture: _Picture, data: bytes) -> Stored:
    stream = read_codestream(data)
    if (stream.rows, stream.columns, stream.precision) != (picture.rows, picture.columns, 8) or (
        stream.process not in (0xC0, 0xC1) or stream.components not in (1, 3) or not is_whole(data)
    ):
        raise DamagedFile("A frame of this film is damaged, or of another size than it says.")
    frame = decode_frame(data, Decoder.PILLOW, "", stream, signed=False, entry=entry)
    values = np.frombuffer(frame, np.uint8).reshape(picture.rows, picture.columns, -1)
    if stream.components == 3 and stream.transform == 0:
        return np.rint(luminance(values)).astype(np.uint8)
    return values[:, :, 0].copy()  # grey, or the first of Y, Cb and Cr

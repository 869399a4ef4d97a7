"""Find where each frame's bytes lie in the file, and that none is missing."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from app.errors import DamagedFile
from app.language import fill
from app.reading.dicom.form import PixelForm
from app.reading.dicom.header import Header
from app.reading.dicom.syntaxes import Decoder
from app.reading.entries import Entry, unreadable

Place = tuple[int, int]
"""Offset in the file and length, in bytes."""

_ITEM = b"\xfe\xff\x00\xe0"
_DELIMITER = b"\xfe\xff\xdd\xe0"
_STARTS = (b"\xff\xd8", b"\xff\x4f", b"\x00\x00\x00\x0cjP")
"""How codestreams begin: JPEG and JPEG-LS, JPEG 2000, JP2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePlaces:
    """Where the frames' bytes lie."""

    entry: Entry
    form: PixelForm
    start: int = 0  # of the first native frame
    fragments: tuple[tuple[Place, ...], ...] = ()  # of each compressed frame

    def read(self, index: int) -> bytes:
        """Read the bytes of one frame, counted from 0.

        Raises:
            DamagedFile: If the file cannot be read, or has become shorter.
        """
        try:
            with self.entry.open() as file:
                if self.fragments:
                    return b"".join(read_at(file, *place) for place in self.fragments[index])
                length = self.form.frame_bytes
                if self.form.swapped:
                    return _read_swapped(file, self.start, index * length, length)
                return read_at(file, self.start + index * length, length)
        except OSError as error:
            raise DamagedFile(
                fill("A frame can no longer be read. {reason}", reason=unreadable(error))
            ) from error


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise DamagedFile("The file ends before its last frame: a part of it is missing.")
    return data


def _read_swapped(file: BinaryIO, start: int, position: int, length: int) -> bytes:
    first = position & ~1
    pairs = ((position + length + 1) & ~1) - first
    data = np.frombuffer(read_at(file, start + first, pairs), np.uint16).byteswap().tobytes()
    return data[position - first : position - first + length]


def find_frames(header: Header, form: PixelForm, frames: int) -> FramePlaces:
    """Find every frame.

    Raises:
        DamagedFile: If frames are missing, or there is more than the header says.
        OSError: If the file cannot be read.
    """
    element = header.pixels
    if element is None:
        raise DamagedFile("It is OCT, but its pixels are missing.")
    if form.syntax.decoder is Decoder.NATIVE:
        if element.length is None:
            raise DamagedFile("Its pixels are compressed, but its transfer syntax says otherwise.")
        _check_native(header.entry.size - element.offset, element.length, form, frames)
        return FramePlaces(entry=header.entry, form=form, start=element.offset)
    if element.length is not None:
        raise DamagedFile("Its pixels are not compressed, but its transfer syntax says they are.")
    with header.entry.open() as file:
        offsets, items = _list_items(file, element.offset, header.entry.size)
        offsets = _extended_offsets(header) or offsets
        fragments = _by_frame(file, offsets, items, frames)
    return FramePlaces(entry=header.entry, form=form, fragments=fragments)


def _check_native(available: int, declared: int, form: PixelForm, frames: int) -> None:
    needed = form.frame_bytes * frames
    if min(available, declared) < needed:
        whole = max(0, min(available, declared)) // form.frame_bytes
        raise DamagedFile(
            fill(
                "The file is cut: its header promises {frames} frames and it holds {whole}.",
                frames=frames,
                whole=whole,
            )
        )
    if declared > needed + 1:
        raise DamagedFile(
            fill(
                "Its header promises {frames} frames, but its pixel data are longer than that; "
                "the frames cannot be told apart.",
                frames=frames,
            )
        )


def _list_items(file: BinaryIO, start: int, size: int) -> tuple[list[int], list[Place]]:
    """Walk the items of encapsulated pixel data (PS3.5 A.4).

    Returns:
        The Basic Offset Table, and the place of each fragment's data.
    """
    items: list[Place] = []
    position = start
    while True:
        file.seek(position)
        head = file.read(8)
        if head[:4] == _DELIMITER:
            break
        if len(head) < 8 or head[:4] != _ITEM:
            raise DamagedFile("The file is cut, or damaged, within its compressed frames.")
        (length,) = struct.unpack("<L", head[4:])
        if position + 8 + length > size:
            raise DamagedFile("The file is cut within a compressed frame: a part of it is missing.")
        items.append((position + 8, length))
        position += 8 + length
    if not items:
        raise DamagedFile("It is OCT, but its compressed frames are missing.")
    table = read_at(file, *items[0])
    offsets = list(struct.unpack(f"<{len(table) // 4}L", table[: len(table) & ~3]))
    return offsets, items[1:]


def _extended_offsets(header: Header) -> list[int]:
    table = header.dataset.get("ExtendedOffsetTable") or b""
    return list(struct.unpack(f"<{len(table) // 8}Q", table[: len(table) & ~7]))


def _by_frame(
    file: BinaryIO, offsets: Sequence[int], items: list[Place], frames: int
) -> tuple[tuple[Place, ...], ...]:
    """Share the fragments out among the frames."""
    if len(items) < frames:
        raise DamagedFile(
            fill(
                "The file is cut: its header promises {frames} frames and it holds {whole}.",
                frames=frames,
                whole=len(items),
            )
        )
    if len(items) == frames:
        return tuple((item,) for item in items)
    if frames == 1:
        return (tuple(items),)
    starts = _starts_by_offset(offsets, items, frames) or _starts_by_content(file, items)
    if len(starts) != frames or starts[0] != 0:
        raise DamagedFile(
            fill(
                "Its header promises {frames} frames, but its compressed data cannot be shared "
                "out among so many.",
                frames=frames,
            )
        )
    ends = [*starts[1:], len(items)]
    return tuple(tuple(items[a:b]) for a, b in zip(starts, ends, strict=True))


def _starts_by_offset(offsets: Sequence[int], items: list[Place], frames: int) -> list[int]:
    if len(offsets) != frames:
        return []
    first = items[0][0] - 8
    by_offset = {place - 8 - first: index for index, (place, _) in enumerate(items)}
    starts = [by_offset.get(offset, -1) for offset in offsets]
    return starts if -1 not in starts and starts == sorted(set(starts)) else []


def _starts_by_content(file: BinaryIO, items: list[Place]) -> list[int]:
    starts = []
    for index, (offset, length) in enumerate(items):
        if read_at(file, offset, min(6, length)).startswith(_STARTS):
            starts.append(index)
    return starts

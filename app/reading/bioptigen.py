"""Bioptigen (Leica Envisu) `.OCT`: records of a key and a value, then a record for each frame.

Layout as Bioptigen's own MATLAB reader and OCT-Converter have it. The file names neither the
patient nor the eye.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from app.errors import DamagedFile, UnsupportedFile
from app.language import mark
from app.reading.entries import Entry
from app.reading.found import Found, by_description
from app.reading.identifiers import uid_of_content, uid_of_words
from app.reading.limits import check_size
from app.reading.raw_frames import RawFrames
from app.study import Laterality, Patient, Spacing, Volume

START = b"\x0b\0\0\0FRAMEHEADER"
"""What follows the first six bytes, a magic number and a version."""

_RECTANGLE, _MIXED = 1, 6  # scan types; the others are lines, circles and stars
_MOST_RECORDS = 200  # in the header, or of a frame
_LONGEST_KEY = 64
_WIDEST_MM = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    samples: int  # where they lie
    taken: datetime | None


def read_bioptigen(entry: Entry) -> list[Found]:
    """Read the records of a Bioptigen file; a time series gives one volume for each time.

    Raises:
        DamagedFile: If it is cut, or contradicts itself.
        UnsupportedFile: If its frames differ in density.
        OSError: If it cannot be read.
    """
    with entry.open() as file:
        file.seek(6)
        header = _header(file)
        rows, columns = _whole(header, "LINELENGTH"), _whole(header, "LINECOUNT")
        count = _whole(header, "FRAMECOUNT")
        check_size(rows, columns, count)
        if _whole(header, "SCANTYPE") == _MIXED:
            raise UnsupportedFile(
                "It is a Bioptigen file of mixed density, which is not read here. Export the study "
                "as DICOM or pictures from the device's program."
            )
        frames = [_frame(file, entry.size, rows * columns * 2) for _ in range(count)]
    each = _frames_of_a_volume(header, count)
    uid = uid_of_content([entry])
    return [
        _found(entry, header, frames[at : at + each], (rows, columns), uid, at)
        for at in range(0, count, each)
    ]


def _records(file: BinaryIO) -> Iterator[tuple[str, int]]:
    """The key and length of each record up to the empty key; each value is to be read or left."""
    for _ in range(_MOST_RECORDS):
        (length,) = _unpacked(file, "<I")
        if length == 0:
            return
        if length > _LONGEST_KEY:
            break
        key = file.read(length).decode("latin-1")
        (size,) = _unpacked(file, "<I")
        at = file.tell()
        yield key, size
        file.seek(at + size)
    raise DamagedFile("It is a Bioptigen OCT file whose records are damaged.")


def _unpacked(file: BinaryIO, form: str) -> tuple[int, ...]:
    data = file.read(struct.calcsize(form))
    if len(data) < struct.calcsize(form):
        raise DamagedFile("The file ends before its last frame: a part of it is missing.")
    return struct.unpack(form, data)


def _container(file: BinaryIO, name: str) -> None:
    """Go into a record whose value is other records."""
    (length,) = _unpacked(file, "<I")
    if length != len(name) or file.read(length) != name.encode():
        raise DamagedFile("It is a Bioptigen OCT file whose records are damaged.")
    _unpacked(file, "<I")


def _header(file: BinaryIO) -> dict[str, bytes]:
    _container(file, "FRAMEHEADER")
    return {key: file.read(min(size, 8)) for key, size in _records(file)}


def _frame(file: BinaryIO, size: int, needed: int) -> _Frame:
    _container(file, "FRAMEDATA")
    samples, taken = None, None
    for key, length in _records(file):
        if key == "FRAMEDATETIME" and length == 16:
            taken = _moment(_unpacked(file, "<8H"))
        elif key == "FRAMESAMPLES":
            samples = file.tell()
            if length != needed or samples + length > size:
                raise DamagedFile(
                    "The file is cut, or a frame has another size than its header says."
                )
    if samples is None:
        raise DamagedFile("It is a Bioptigen OCT file with a frame without pixels.")
    return _Frame(samples=samples, taken=taken)


def _moment(values: tuple[int, ...]) -> datetime | None:
    year, month, _, day, hour, minute, second, milli = values
    try:
        return datetime(year, month, day, hour, minute, second, milli * 1000)
    except ValueError:
        return None


def _frames_of_a_volume(header: Mapping[str, bytes], count: int) -> int:
    """B-scans of one pass over a rectangle, where the file has several; else all of them."""
    positions, passes = _whole(header, "SCANS"), _whole(header, "FRAMES")
    if _whole(header, "SCANTYPE") == _RECTANGLE and passes > 1 and positions * passes == count:
        return positions
    return count


def _found(
    entry: Entry,
    header: Mapping[str, bytes],
    frames: list[_Frame],
    size: tuple[int, int],
    uid: str,
    at: int,
) -> Found:
    rows, columns = size
    bscans, note = RawFrames(
        entry=entry,
        offsets=tuple(frame.samples for frame in frames),
        dtype="<u2",
        rows=rows,
        columns=columns,
        by_column=True,
    ).bscans()
    acquired = frames[0].taken
    rectangle = _whole(header, "SCANTYPE") == _RECTANGLE and len(frames) > 1
    volume = Volume(
        uid=uid_of_words(uid, at),
        laterality=Laterality.UNKNOWN,
        bscans=bscans,
        order=mark("stored order"),
        spacing=Spacing(
            axial_mm=_share(header, "SCANDEPTH", rows),
            lateral_mm=_share(header, "AZSCANLENGTH", columns)
            or _share(header, "SCANLENGTH", columns),
            between_mm=_share(header, "ELSCANLENGTH", len(frames)) if rectangle else None,
        ),
        acquired=acquired,
        device="Bioptigen",
        notes=(by_description(mark("a Bioptigen OCT file")), note),
    )
    return Found(
        volume=volume,
        patient=Patient(),
        study_uid=uid,
        visited=acquired.date() if acquired else None,
    )


def _whole(header: Mapping[str, bytes], key: str) -> int:
    return int.from_bytes(header.get(key, b"")[:4], "little")


def _share(header: Mapping[str, bytes], key: str, parts: int) -> float | None:
    """The length under `key`, in mm, divided among `parts`."""
    data = header.get(key, b"")
    length = struct.unpack("<d", data)[0] if len(data) == 8 else 0.0
    return length / parts if math.isfinite(length) and 0 < length <= _WIDEST_MM else None

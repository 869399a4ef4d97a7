"""Heidelberg Spectralis raw export, `.vol`.

A header of 2,048 bytes, the localizer as 8-bit pixels, then each B-scan as a header and 32-bit
floats: reflectivity from 0 to 1, and 3.4e38 where there is none. What HEYEX shows is its fourth
root. Layout after Heidelberg's "Spectralis special function: exporting raw data".
"""

import struct
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import BinaryIO

import numpy as np

from app.errors import DamagedFile
from app.language import fill, mark
from app.reading.dicom.frames import FrameFacts
from app.reading.dicom.order import spatial_order
from app.reading.entries import Entry, bytes_at
from app.reading.filetime import moment_of
from app.reading.found import Found
from app.reading.identifiers import uid_of_content, uid_of_words
from app.reading.limits import LARGEST_FRAME, check_size
from app.reading.lines import Points, circle_on, line_on
from app.study import (
    BScan,
    FrameSource,
    Laterality,
    Localizer,
    Patient,
    Pixels,
    Spacing,
    Volume,
)

_HEADER_SIZE = 2048
_HEADER = struct.Struct("<12s3I3d2I2dId4sQiI16s16sI24sdI24sd")
_BSCAN_HEADER = struct.Struct("<12sI4d")
_CIRCLE = 2  # scan pattern
_NO_REFLECTIVITY = 1e38
_EYES = {b"OD": Laterality.RIGHT, b"OS": Laterality.LEFT}
_DAY_ZERO = date(1899, 12, 30)  # of dates counted in days


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    columns: int
    bscans: int
    rows: int
    lateral_mm: float
    between_mm: float
    axial_mm: float
    localizer_columns: int
    localizer_rows: int
    localizer_mm: tuple[float, float]  # (row, column)
    eye: Laterality
    acquired: datetime | None
    pattern: int
    bscan_header_size: int
    patient_id: str
    birth_date: date | None
    visited: date | None

    @property
    def bscan_size(self) -> int:
        return self.bscan_header_size + self.rows * self.columns * 4

    def bscan_at(self, index: int) -> int:
        localizer = self.localizer_rows * self.localizer_columns
        return _HEADER_SIZE + localizer + index * self.bscan_size


def read_vol(entry: Entry) -> Found:
    """Read the headers of a `.vol` file.

    Raises:
        DamagedFile: If it is cut, or contradicts itself.
        OSError: If it cannot be read.
    """
    with entry.open() as file:
        header = _read_header(file, entry.size)
        places = [_read_place(file, header, index) for index in range(header.bscans)]
    facts = [FrameFacts(location=place or None) for place in places]
    ordered = spatial_order(facts, mark("stored order"))
    volume = Volume(
        uid=uid_of_content([entry]),
        laterality=header.eye,
        bscans=tuple(_bscan(entry, header, at, places[at]) for at in ordered.order),
        order=ordered.basis,
        spacing=Spacing(
            axial_mm=header.axial_mm or None,
            lateral_mm=header.lateral_mm or None,
            between_mm=header.between_mm if header.bscans > 1 and header.between_mm else None,
        ),
        acquired=header.acquired,
        device="Heidelberg Engineering Spectralis",
        localizer=_localizer(entry, header),
    )
    return Found(
        volume=volume,
        patient=Patient(identifier=header.patient_id or None, birth_date=header.birth_date),
        study_uid=_study_uid(header) or volume.uid,
        visited=header.visited or (header.acquired.date() if header.acquired else None),
    )


def _study_uid(header: _Header) -> str | None:
    """What is common to one patient's files of one visit; nothing, if the patient is not named."""
    if not header.patient_id or header.visited is None:
        return None
    return uid_of_words("vol", header.patient_id, header.birth_date, header.visited)


def _read_header(file: BinaryIO, size: int) -> _Header:
    data = file.read(_HEADER_SIZE)
    if len(data) < _HEADER_SIZE:
        raise DamagedFile("The file is cut within its header: most of it is missing.")
    (
        _, columns, bscans, rows, lateral, between, axial,
        localizer_columns, localizer_rows, localizer_x, localizer_y, _field, _focus,
        position, exam_time, pattern, bscan_header_size, _id, _reference, _pid,
        patient_id, birth, _vid, _visit_id, visit,
    ) = _HEADER.unpack_from(data)  # fmt: skip
    header = _Header(
        columns=columns,
        bscans=bscans,
        rows=rows,
        lateral_mm=_positive(lateral),
        between_mm=_positive(between),
        axial_mm=_positive(axial),
        localizer_columns=localizer_columns,
        localizer_rows=localizer_rows,
        localizer_mm=(_positive(localizer_y), _positive(localizer_x)),
        eye=_EYES.get(position.rstrip(b"\0 "), Laterality.UNKNOWN),
        acquired=moment_of(exam_time),
        pattern=pattern,
        bscan_header_size=_bscan_header_size(
            file, localizer_rows * localizer_columns, bscan_header_size
        ),
        patient_id=patient_id.split(b"\0")[0].decode("latin-1").strip(),
        birth_date=_day(birth),
        visited=_day(visit),
    )
    _check(header, size)
    return header


def _bscan_header_size(file: BinaryIO, localizer_size: int, declared: int) -> int:
    """What the first B-scan says of the size of its header; eyepy writes another in the file's."""
    if localizer_size > LARGEST_FRAME:
        return declared  # refused later, with the rest of what cannot be
    file.seek(_HEADER_SIZE + localizer_size)
    data = file.read(_BSCAN_HEADER.size)
    return int(_BSCAN_HEADER.unpack(data)[1]) if len(data) == _BSCAN_HEADER.size else declared


def _check(header: _Header, size: int) -> None:
    check_size(header.rows, header.columns, header.bscans)
    if header.localizer_rows * header.localizer_columns:
        check_size(header.localizer_rows, header.localizer_columns)
    if header.bscan_header_size < _BSCAN_HEADER.size or header.bscan_at(header.bscans) > size:
        whole = max(0, size - header.bscan_at(0)) // header.bscan_size
        raise DamagedFile(
            fill(
                "The file is cut: its header promises {frames} frames and it holds {whole}.",
                frames=header.bscans,
                whole=whole,
            )
        )


def _positive(value: float) -> float:
    return value if np.isfinite(value) and 0 < value < 1e6 else 0.0


def _day(days: float) -> date | None:
    try:
        return _DAY_ZERO + timedelta(days=int(days)) if days >= 1 else None
    except (OverflowError, ValueError):
        return None


def _read_place(file: BinaryIO, header: _Header, index: int) -> Points:
    file.seek(header.bscan_at(index))
    data = file.read(_BSCAN_HEADER.size)
    if len(data) < _BSCAN_HEADER.size:
        raise DamagedFile("The file is cut within a frame: a part of it is missing.")
    _, _, *position = _BSCAN_HEADER.unpack(data)
    if not all(np.isfinite(value) and abs(value) < 1e3 for value in position):
        return ()
    start, end = (position[0], position[1]), (position[2], position[3])
    place = circle_on if header.pattern == _CIRCLE else line_on
    return place(start, end, header.localizer_mm[0]) if start != end else ()


def _bscan(entry: Entry, header: _Header, index: int, place: Points) -> BScan:
    start = header.bscan_at(index) + header.bscan_header_size
    return BScan(
        source=FrameSource(path=entry.path, frame_number=index + 1),
        rows=header.rows,
        columns=header.columns,
        load=partial(_load_bscan, entry, start, header.rows, header.columns),
        location=place or None,
    )


def _localizer(entry: Entry, header: _Header) -> Localizer | None:
    rows, columns = header.localizer_rows, header.localizer_columns
    if not rows or not columns:
        return None
    known = all(header.localizer_mm)
    return Localizer(
        source=FrameSource(path=entry.path),
        rows=rows,
        columns=columns,
        load=partial(_load_localizer, entry, rows, columns),
        spacing_mm=header.localizer_mm if known else None,
    )


def _load_bscan(entry: Entry, start: int, rows: int, columns: int) -> Pixels:
    data = np.frombuffer(bytes_at(entry, start, rows * columns * 4), "<f4")
    with np.errstate(invalid="ignore"):
        shown = np.where((data >= 0) & (data < _NO_REFLECTIVITY), np.clip(data, 0, 1), 0)
    grey: Pixels = np.rint(shown**0.25 * 255).astype(np.uint8).reshape(rows, columns)
    return grey


def _load_localizer(entry: Entry, rows: int, columns: int) -> Pixels:
    data = bytes_at(entry, _HEADER_SIZE, rows * columns)
    return np.frombuffer(data, np.uint8).reshape(rows, columns)

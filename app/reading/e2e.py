"""Heidelberg HEYEX exports `.e2e`: a small database of typed pieces.

A directory of pieces, each with the numbers of its patient, study, series and slice; a series with
B-scans is a volume. Layout as uocte, LibE2E and eyepy describe it. They do not agree on the birth
date, and none has found the lateral scale, the distance of B-scans (positions are degrees) or the
scale of the localizer: all of these stay unknown here.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from app.errors import DamagedFile
from app.language import mark
from app.reading.dicom.frames import eye_of
from app.reading.entries import Entry, bytes_at
from app.reading.filetime import moment_of
from app.reading.found import Found, by_description
from app.reading.identifiers import uid_of_content, uid_of_words
from app.reading.limits import MOST_FRAMES, check_size
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

_SEVERAL = b"E2EMultipleVolumeFile"
_SEVERAL_SIZE = 64  # bytes before the database begins, if the file begins so
_FILE_HEADER = 36  # bytes
_DIRECTORY = struct.Struct("<12s24s4I")  # of which: magic, _, pieces, here, the one before, _
_PIECE = struct.Struct("<4I3IiHHII")  # _, start, size, _, patient, study, series, slice, kind, …
_HEADER = struct.Struct("<12s5I3IiHHII")  # magic, _, _, start, size, _, and as above
_IMAGE = struct.Struct("<5I")  # size, type, values, rows, columns
_BSCAN_FACTS = struct.Struct("<36xf16x32xQ")  # axial scale in mm, time in 100 ns from 1601
_PATIENT = struct.Struct("<31s51s15s4x1s25s")  # given name, family name, title, sex, number

_IS_PATIENT, _IS_BSCAN_FACTS, _IS_IMAGE = 9, 10004, 0x40000000
_EYE_AT = {3: 4, 11: 14}
"""Where a letter for the eye stands, by type of piece."""
_WANTED = {_IS_PATIENT, _IS_BSCAN_FACTS, _IS_IMAGE, *_EYE_AT}
_LOCALIZER, _BSCAN = 0x02010201, 0x02200201  # types of images
_MOST_PIECES = 2_000_000
_EMPTY = 1.99  # and more: where there is no reflectivity

Series = tuple[int, int, int]
"""Numbers of patient, study and series within the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    series: Series
    slice: int
    kind: int
    start: int  # of what it holds, from the start of the file
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    piece: _Piece
    type: int
    rows: int
    columns: int


def read_e2e(entry: Entry) -> list[Found]:
    """Read the directory of an `.e2e` file and find its volumes.

    Raises:
        DamagedFile: If it is cut, or contradicts itself, or holds no B-scans.
        OSError: If it cannot be read.
    """
    with entry.open() as file:
        start = _SEVERAL_SIZE if file.read(len(_SEVERAL)) == _SEVERAL else 0
        contents = _Contents(file, _whole(file, _pieces(file, start, entry.size), entry.size))
    if not contents.bscans:
        raise DamagedFile("It is a Heidelberg E2E file without B-scans.")
    uid = uid_of_content([entry])
    return [_found(entry, contents, series, uid) for series in sorted(contents.bscans)]


def _pieces(file: BinaryIO, start: int, size: int) -> Iterator[_Piece]:
    """Follow the directories, the last one first, each of which names the one before."""
    at, seen, count = _directory(file, start + _FILE_HEADER, b"MDbMDir")[1], set[int](), 0
    while at:
        if at in seen:
            raise DamagedFile("It is a Heidelberg E2E file whose directories run in a circle.")
        seen.add(at)
        entries, _, before = _directory(file, start + at, b"MDbDir")
        count += entries
        if count > _MOST_PIECES or entries * _PIECE.size > size:
            raise DamagedFile("It is a Heidelberg E2E file whose directory is damaged.")
        data = file.read(entries * _PIECE.size)
        if len(data) < entries * _PIECE.size:
            raise DamagedFile("The file is cut within its directory: a part of it is missing.")
        for values in _PIECE.iter_unpack(data):
            here, begin, length, _, patient, study, series, slice_, _, _, kind, _ = values
            if kind in _WANTED and length and begin > here:
                yield _Piece(
                    series=(patient, study, series),
                    slice=slice_,
                    kind=kind,
                    start=start + begin,
                    size=length,
                )
        at = before


def _directory(file: BinaryIO, at: int, magic: bytes) -> tuple[int, int, int]:
    """Number of pieces, and the places of this directory and of the one before."""
    file.seek(at)
    data = file.read(_DIRECTORY.size)
    if len(data) < _DIRECTORY.size or not data.startswith(magic + b"\0"):
        raise DamagedFile("It is a Heidelberg E2E file whose directory is damaged or missing.")
    _, _, entries, here, before, _ = _DIRECTORY.unpack(data)
    return entries, here, before


def _whole(file: BinaryIO, pieces: Iterable[_Piece], size: int) -> Iterator[_Piece]:
    """The pieces without their headers, which must say the same as the directory.

    An image that does not is damage. HEYEX' own anonymisation leaves other pieces so, and those
    say nothing.
    """
    for piece in list(pieces):
        start = piece.start + _HEADER.size
        file.seek(piece.start)
        data = file.read(_HEADER.size)
        if len(data) == _HEADER.size and start + piece.size <= size:
            magic, _, _, _, length, _, *series, slice_, _, _, kind, _ = _HEADER.unpack(data)
            said = (magic[:8], length, tuple(series), slice_, kind)
            if said == (b"MDbData\0", piece.size, piece.series, piece.slice, piece.kind):
                yield replace(piece, start=start)
                continue
        if piece.kind == _IS_IMAGE:
            raise DamagedFile(
                "It is a Heidelberg E2E file that is cut or damaged: an image that its directory "
                "names is not there."
            )


class _Contents:
    """What the pieces say, by patient and by series."""

    def __init__(self, file: BinaryIO, pieces: Iterable[_Piece]) -> None:
        self.patients: dict[int, Patient] = {}
        self.eyes: dict[Series, set[Laterality]] = defaultdict(set)
        self.bscans: dict[Series, list[_Image]] = defaultdict(list)
        self.localizers: dict[Series, _Image] = {}
        self.scales: dict[Series, set[float]] = defaultdict(set)
        self.times: dict[Series, list[datetime]] = defaultdict(list)
        for piece in pieces:
            file.seek(piece.start)
            self._take(piece, file.read(min(piece.size, 256)))

    def _take(self, piece: _Piece, data: bytes) -> None:
        if piece.kind == _IS_IMAGE:
            self._take_image(piece, data)
        elif piece.kind == _IS_PATIENT and len(data) >= _PATIENT.size:
            self.patients[piece.series[0]] = _patient(data)
        elif piece.kind == _IS_BSCAN_FACTS and len(data) >= _BSCAN_FACTS.size:
            scale, ticks = _BSCAN_FACTS.unpack_from(data)
            if 0 < scale < 1:
                self.scales[piece.series].add(round(scale, 9))
            if moment := moment_of(ticks):
                self.times[piece.series].append(moment)
        elif piece.kind in _EYE_AT and len(data) > _EYE_AT[piece.kind]:
            eye = eye_of(chr(data[_EYE_AT[piece.kind]]))
            self.eyes[piece.series] |= {eye} if eye else set()

    def _take_image(self, piece: _Piece, data: bytes) -> None:
        if len(data) < _IMAGE.size:
            raise DamagedFile("An image of this Heidelberg E2E file is cut short.")
        _, kind, _, rows, columns = _IMAGE.unpack_from(data)
        image = _Image(piece=piece, type=kind, rows=rows, columns=columns)
        if kind == _BSCAN:
            check_size(rows, columns)
            _check_length(image, 2)
            self.bscans[piece.series].append(image)
            if len(self.bscans[piece.series]) > MOST_FRAMES:
                raise DamagedFile("It holds more frames than any scanner makes; it is not opened.")
        elif kind == _LOCALIZER:
            check_size(rows, columns)
            _check_length(image, 1)
            self.localizers.setdefault(piece.series, image)


def _check_length(image: _Image, width: int) -> None:
    if image.rows * image.columns * width > image.piece.size - _IMAGE.size:
        raise DamagedFile("An image of this Heidelberg E2E file is smaller than it says.")


def _found(entry: Entry, contents: _Contents, series: Series, uid: str) -> Found:
    patient = contents.patients.get(series[0], Patient())
    images = sorted(contents.bscans[series], key=lambda each: each.piece.slice)
    acquired = min(contents.times[series], default=None)
    visited = acquired.date() if acquired else None
    eyes, scales = contents.eyes[series], contents.scales[series]
    notes = [by_description(mark("a Heidelberg E2E file"))]
    if len(eyes) > 1:
        notes.append(mark("The file names both eyes in different places; set the eye."))
    volume = Volume(
        uid=uid_of_words(uid, *series),
        laterality=next(iter(eyes)) if len(eyes) == 1 else Laterality.UNKNOWN,
        bscans=tuple(_bscan(entry, image, at) for at, image in enumerate(images, start=1)),
        order=mark("slice number"),
        spacing=Spacing(axial_mm=next(iter(scales)) if len(scales) == 1 else None),
        acquired=acquired,
        device="Heidelberg Engineering",
        localizer=_localizer(entry, contents.localizers.get(series)),
        notes=tuple(notes),
    )
    named = patient.identifier and visited
    return Found(
        volume=volume,
        patient=patient,
        study_uid=uid_of_words("e2e", patient.identifier, visited)
        if named
        else uid_of_words(uid, *series[:2]),
        visited=visited,
    )


def _bscan(entry: Entry, image: _Image, number: int) -> BScan:
    return BScan(
        source=FrameSource(path=entry.path, frame_number=number),
        rows=image.rows,
        columns=image.columns,
        load=partial(_load_bscan, entry, image),
    )


def _localizer(entry: Entry, image: _Image | None) -> Localizer | None:
    if image is None:
        return None
    return Localizer(
        source=FrameSource(path=entry.path),
        rows=image.rows,
        columns=image.columns,
        load=partial(_load_localizer, entry, image),
    )


def _load_bscan(entry: Entry, image: _Image) -> Pixels:
    count = image.rows * image.columns
    data = bytes_at(entry, image.piece.start + _IMAGE.size, count * 2)
    grey: Pixels = _shown()[np.frombuffer(data, "<u2")].reshape(image.rows, image.columns)
    return grey


def _load_localizer(entry: Entry, image: _Image) -> Pixels:
    data = bytes_at(entry, image.piece.start + _IMAGE.size, image.rows * image.columns)
    return np.frombuffer(data, np.uint8).reshape(image.rows, image.columns)


@cache
def _shown() -> NDArray[np.uint8]:
    """What is shown of each stored value: as in `.vol` files, the fourth root of reflectivity.

    The values are floats of 10 bits of mantissa and 6 of exponent, without a sign.
    """
    bits = np.arange(1 << 16)
    exponent, mantissa = bits >> 10, (bits & 0x3FF) / 1024
    value = np.ldexp(np.where(exponent == 0, mantissa, 1 + mantissa), np.maximum(exponent, 1) - 63)
    value[value > _EMPTY] = 0
    shown: NDArray[np.uint8] = np.rint(np.clip(value, 0, 1) ** 0.25 * 255).astype(np.uint8)
    return shown


def _patient(data: bytes) -> Patient:
    given, family, _, sex, number = (
        part.split(b"\0")[0].decode("latin-1").strip() for part in _PATIENT.unpack_from(data)
    )
    return Patient(
        identifier=number or None,
        name=", ".join(name for name in (family, given) if name) or None,
        sex=sex if sex in ("F", "M") else None,
    )

"""A study without its pixels, as the store keeps it: compressed JSON.

The records mirror `app.study` field by field; what is left out there is the loading of pixels.
"""

import json
import zlib
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.cases.files import KeptFiles
from app.errors import DamagedRecord
from app.language import mark
from app.study import (
    BScan,
    FrameSource,
    Laterality,
    Localizer,
    Loss,
    Patient,
    Spacing,
    Study,
    Volume,
)

UNREADABLE = mark(
    "What was kept of this case cannot be read. Remove the case and open its files again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BScanRecord:
    source: FrameSource
    rows: int
    columns: int
    location: tuple[tuple[float, float], ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalizerRecord:
    source: FrameSource
    rows: int
    columns: int
    spacing_mm: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRecord:
    uid: str
    laterality: Laterality
    bscans: tuple[BScanRecord, ...]
    order: str
    spacing: Spacing
    acquired: datetime | None
    device: str | None
    localizer: LocalizerRecord | None
    notes: tuple[str, ...]
    synthetic: bool
    loss: Loss | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    uid: str
    patient: Patient
    volumes: tuple[VolumeRecord, ...]
    visited: date | None
    description: str | None


_STUDY: TypeAdapter[StudyRecord] = TypeAdapter(StudyRecord)


def encode_study(study: Study) -> bytes:
    return pack(_STUDY, _record(study))


def decode_study(raw: bytes, files: KeptFiles) -> Study:
    """Return the study, whose pixels come from `files`.

    Raises:
        DamagedRecord: If the record is damaged.
    """
    record = unpack(_STUDY, raw)
    return Study(
        uid=record.uid,
        patient=record.patient,
        volumes=tuple(_volume(each, files) for each in record.volumes),
        visited=record.visited,
        description=record.description,
    )


def pack(adapter: TypeAdapter[Any], value: object) -> bytes:
    """Compressed JSON. A file name that is no text, as Linux allows, goes through escaped."""
    plain = adapter.dump_python(value, mode="json")
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), level=1)


def unpack(adapter: TypeAdapter[Any], raw: bytes) -> Any:  # noqa: ANN401 - as the adapter says
    """Raises: DamagedRecord: If it is not what `pack` made."""
    try:
        return adapter.validate_python(json.loads(zlib.decompress(raw)))
    except (zlib.error, ValueError, ValidationError) as error:
        raise DamagedRecord(UNREADABLE) from error


def _record(study: Study) -> StudyRecord:
    return StudyRecord(
        uid=study.uid,
        patient=study.patient,
        volumes=tuple(_volume_record(each) for each in study.volumes),
        visited=study.visited,
        description=study.description,
    )


def _volume_record(volume: Volume) -> VolumeRecord:
    return VolumeRecord(
        uid=volume.uid,
        laterality=volume.laterality,
        bscans=tuple(
            BScanRecord(
                source=_absolute(each.source),
                rows=each.rows,
                columns=each.columns,
                location=each.location,
            )
            for each in volume.bscans
        ),
        order=volume.order,
        spacing=volume.spacing,
        acquired=volume.acquired,
        device=volume.device,
        localizer=_localizer_record(volume.localizer),
        notes=volume.notes,
        synthetic=volume.synthetic,
        loss=volume.loss,
    )


def _localizer_record(localizer: Localizer | None) -> LocalizerRecord | None:
    if localizer is None:
        return None
    return LocalizerRecord(
        source=_absolute(localizer.source),
        rows=localizer.rows,
        columns=localizer.columns,
        spacing_mm=localizer.spacing_mm,
    )


def _absolute(source: FrameSource) -> FrameSource:
    # The next start may be from another folder.
    return replace(source, path=source.path.absolute())


def _volume(record: VolumeRecord, files: KeptFiles) -> Volume:
    localizer = record.localizer
    return Volume(
        uid=record.uid,
        laterality=record.laterality,
        bscans=tuple(
            BScan(
                source=each.source,
                rows=each.rows,
                columns=each.columns,
                load=partial(files.bscan, record.uid, index),
                location=each.location,
            )
            for index, each in enumerate(record.bscans)
        ),
        order=record.order,
        spacing=record.spacing,
        acquired=record.acquired,
        device=record.device,
        localizer=None
        if localizer is None
        else Localizer(
            source=localizer.source,
            rows=localizer.rows,
            columns=localizer.columns,
            load=partial(files.localizer, record.uid),
            spacing_mm=localizer.spacing_mm,
        ),
        notes=record.notes,
        synthetic=record.synthetic,
        loss=record.loss,
    )

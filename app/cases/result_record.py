"""A result as the store keeps it: compressed JSON, and the heat maps as halves.

A map is 81 values for each class and B-scan. Divided by the study's highest value and rounded to
11 bits, which no eye tells from the original, the maps of 50 B-scans take about 20 KB; so they
are kept, and a case opens with its heat maps without the network being run again.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from app.cases.study_record import UNREADABLE, pack, unpack
from app.errors import DamagedRecord
from app.study import (
    BScanResult,
    Call,
    EyeResult,
    Gradability,
    Laterality,
    Referral,
    Region,
    Study,
    StudyResult,
    VolumeResult,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BScanResultRecord:
    gradability: Gradability
    probabilities: tuple[float, ...] | None
    region: Region | None
    unfamiliarity: float | None
    familiar: bool
    mapped: bool  # whether the next of the maps is this one's


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeResultRecord:
    uid: str  # of the volume
    bscans: tuple[BScanResultRecord, ...]
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeResultRecord:
    laterality: Laterality
    volumes: tuple[VolumeResultRecord, ...]
    deciding: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRecord:
    eyes: tuple[EyeResultRecord, ...]
    call: Call
    deciding: int
    referral: Referral
    model_id: str
    model_version: str
    model_sha256: str
    analysed: datetime
    model_signer: str | None
    scale: float  # that the maps were divided by
    map_shape: tuple[int, int, int] | None  # (n_classes, h, w) of each; None: there are none
    preprocessing: int | None = None  # earlier records do not state these
    software: str | None = None
    model_key_withdrawn: date | None = None
    model_key: str | None = None


_RESULT: TypeAdapter[ResultRecord] = TypeAdapter(ResultRecord)


def encode_result(result: StudyResult) -> tuple[bytes, bytes]:
    """Return the record, and the maps in the order of the B-scans that have one."""
    maps = [each.maps for each in _bscans(result) if each.maps is not None]
    scale = max((float(each.max()) for each in maps), default=0.0) or 1.0
    record = ResultRecord(
        eyes=tuple(_eye_record(eye) for eye in result.eyes),
        call=result.call,
        deciding=result.deciding,
        referral=result.referral,
        model_id=result.model_id,
        model_version=result.model_version,
        model_sha256=result.model_sha256,
        analysed=result.analysed,
        model_signer=result.model_signer,
        model_key=result.model_key,
        model_key_withdrawn=result.model_key_withdrawn,
        preprocessing=result.preprocessing,
        software=result.software,
        scale=scale,
        map_shape=maps[0].shape if maps else None,
    )
    halves = np.stack(maps).astype(np.float32) / scale if maps else np.zeros(0)
    return pack(_RESULT, record), zlib.compress(halves.astype(np.float16).tobytes(), level=1)


def decode_result(raw: bytes, raw_maps: bytes, study: Study) -> StudyResult:
    """Return the result of `study`.

    Raises:
        DamagedRecord: If the record is damaged, or of other volumes than the study's.
    """
    record: ResultRecord = unpack(_RESULT, raw)
    try:
        halves = np.frombuffer(zlib.decompress(raw_maps), np.float16)
        shaped = halves.reshape(-1, *record.map_shape) if record.map_shape else halves
        maps = iter(shaped.astype(np.float32) * record.scale)
        return StudyResult(
            study=study,
            eyes=tuple(_eye(eye, study, maps) for eye in record.eyes),
            call=record.call,
            deciding=record.deciding,
            referral=record.referral,
            model_id=record.model_id,
            model_version=record.model_version,
            model_sha256=record.model_sha256,
            analysed=record.analysed,
            model_signer=record.model_signer,
            model_key=record.model_key,
            model_key_withdrawn=record.model_key_withdrawn,
            preprocessing=record.preprocessing,
            software=record.software,
        )
    except (zlib.error, ValueError, StopIteration) as error:
        raise DamagedRecord(UNREADABLE) from error


def _bscans(result: StudyResult) -> Iterator[BScanResult]:
    for eye in result.eyes:
        for volume in eye.volumes:
            yield from volume.bscans


def _eye_record(eye: EyeResult) -> EyeResultRecord:
    return EyeResultRecord(
        laterality=eye.laterality,
        volumes=tuple(
            VolumeResultRecord(
                uid=each.volume.uid,
                bscans=tuple(_bscan_record(bscan) for bscan in each.bscans),
                call=each.call,
            )
            for each in eye.volumes
        ),
        deciding=eye.deciding,
    )


def _bscan_record(result: BScanResult) -> BScanResultRecord:
    return BScanResultRecord(
        gradability=result.gradability,
        probabilities=result.probabilities,
        region=result.region,
        unfamiliarity=result.unfamiliarity,
        familiar=result.familiar,
        mapped=result.maps is not None,
    )


def _eye(record: EyeResultRecord, study: Study, maps: Iterator[NDArray[np.float32]]) -> EyeResult:
    volumes = []
    for each in record.volumes:
        volume = next(volume for volume in study.volumes if volume.uid == each.uid)
        bscans = tuple(
            BScanResult(
                source=bscan.source,
                gradability=kept.gradability,
                probabilities=kept.probabilities,
                maps=next(maps) if kept.mapped else None,
                region=kept.region,
                unfamiliarity=kept.unfamiliarity,
                familiar=kept.familiar,
            )
            for bscan, kept in zip(volume.bscans, each.bscans, strict=True)
        )
        volumes.append(VolumeResult(volume=volume, bscans=bscans, call=each.call))
    return EyeResult(laterality=record.laterality, volumes=tuple(volumes), deciding=record.deciding)

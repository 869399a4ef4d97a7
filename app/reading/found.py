"""Gather the volumes that the readers found into studies: one patient, one visit."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

from app.language import fill, mark
from app.study import Laterality, Patient, Study, Volume

_EYES = {Laterality.RIGHT: 0, Laterality.LEFT: 1, Laterality.UNKNOWN: 2}


def by_description(kind: str) -> str:
    """The note of a volume whose format is known from others' descriptions only."""
    return fill(
        "This is {kind}, read by its published description; the reader has not met a "
        "file of a real machine. Check the eye, the order and which side is up.",
        kind=kind,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One volume, and whose it is."""

    volume: Volume
    patient: Patient
    study_uid: str  # volumes that share it are of one visit, unless the patients differ
    visited: date | None = None
    description: str | None = None


def into_studies(found: Iterable[Found]) -> tuple[Study, ...]:
    """Sort volumes into studies, the latest visit last.

    A study identifier is not enough: exports have been seen that give one to two people. Within
    it, volumes are of one study only when nothing that is said of their patients disagrees.
    """
    by_uid: dict[str, list[Found]] = defaultdict(list)
    for each in found:
        by_uid[each.study_uid].append(each)
    studies = [
        _study(group, alone=len(groups) == 1)
        for same_uid in by_uid.values()
        for groups in [_by_patient(same_uid)]
        for group in groups
    ]
    return tuple(sorted(studies, key=lambda study: (study.visited or date.min, study.uid)))


def uid_of_patient(uid: str, patient: Patient) -> str:
    """A study identifier that two patients never share; one that is so already stays as it is.

    The trail of decisions is kept by it (`app.cases.store`): it must never change.
    """
    digest = hashlib.sha256("\0".join(_identity(patient)).encode("utf-8", "replace")).hexdigest()
    return f"{uid.removesuffix(f'-{digest[:8]}')}-{digest[:8]}"


def _by_patient(found: list[Found]) -> list[list[Found]]:
    everyone = [each.patient for each in found]
    if all(_may_be_same(a, b) for a, b in pairwise(everyone)) and all(
        len({_plain(getattr(patient, key)) for patient in everyone} - {""}) <= 1
        for key in ("identifier", "name", "birth_date", "sex")
    ):
        return [found]
    groups: dict[tuple[str, ...], list[Found]] = defaultdict(list)
    for each in found:
        groups[_identity(each.patient)].append(each)
    return list(groups.values())


def _may_be_same(a: Patient, b: Patient) -> bool:
    """Whether two files that do not disagree also share something that names the patient."""
    if a == b:
        return True
    return bool(a.identifier and b.identifier) or bool(a.name and b.name)


def _identity(patient: Patient) -> tuple[str, ...]:
    values = (patient.identifier, patient.name, patient.birth_date, patient.sex)
    return tuple(_plain(value) for value in values)


def _plain(value: object) -> str:
    return " ".join(str(value or "").casefold().split())


def _study(group: list[Found], *, alone: bool) -> Study:
    first = group[0]
    uid, volumes = first.study_uid, [each.volume for each in group]
    if not alone:
        uid = uid_of_patient(uid, first.patient)
        note = mark(
            "Other files of the same study identifier name another patient; "
            "they are kept apart. Check whose eye this is."
        )
        volumes = [replace(volume, notes=(*volume.notes, note)) for volume in volumes]
    volumes.sort(key=lambda each: (_EYES[each.laterality], str(each.acquired or ""), each.uid))
    return Study(
        uid=uid,
        patient=_fullest([each.patient for each in group]),
        volumes=tuple(volumes),
        visited=min((each.visited for each in group if each.visited), default=None),
        description=next((each.description for each in group if each.description), None),
    )


def _fullest(patients: list[Patient]) -> Patient:
    """Join what the files say; they do not disagree."""
    return Patient(
        identifier=next((p.identifier for p in patients if p.identifier), None),
        name=next((p.name for p in patients if p.name), None),
        birth_date=next((p.birth_date for p in patients if p.birth_date), None),
        sex=next((p.sex for p in patients if p.sex), None),
    )

"""One row of the case list, as it is kept: enough to list, sort and find a study.

Its result is kept beside it and read only when the case is opened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

from app.language import fill, mark
from app.modelpack import Card
from app.study import Call, Laterality, Patient, Study, StudyResult

MOST_TRIES = 3
"""A study that ends the program this often, as a decoder may, is not tried again unasked."""

BROKE_OFF = mark("The analysis broke off because of a fault in the program.")
"""Why a case failed that no error tells of."""


def gave_up(tries: int) -> str:
    """Why a case is not tried again unasked."""
    return fill(
        "The program ended {n} times while it analysed this study. Please report the fault.",
        n=tries,
    )


class CaseState(StrEnum):
    """How far a case is. What the analysis says of it is its call."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    STOPPED = "stopped"  # by the reader
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """Which model made a result, and from what input."""

    id: str
    version: str
    sha256: str
    preprocessing: int | None = None  # see StudyResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Who, when, which eyes: what a list tells of a study without its B-scans."""

    study_uid: str
    patient: Patient
    visited: date | None
    eyes: tuple[Laterality, ...]
    synthetic: bool
    place: str  # folder or file name, for a study that names no patient

    @classmethod
    def of(cls, study: Study) -> "Summary":
        held = {volume.laterality for volume in study.volumes}
        path = study.volumes[0].bscans[0].source.path
        return cls(
            study_uid=study.uid,
            patient=study.patient,
            visited=study.visited,
            eyes=tuple(each for each in Laterality if each in held),
            synthetic=study.synthetic,
            place=path.parent.name or path.name,
        )

    @property
    def name(self) -> str:
        """The patient's name or number, else where the files lie: something to tell cases by."""
        return self.patient.name or self.patient.identifier or self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCase:
    """A case as the store lists it."""

    number: int
    summary: Summary
    open_study: Callable[[], Study]  # its B-scans are read from the files when asked for
    state: CaseState
    problem: str  # why it failed, in a sentence; empty otherwise
    added: datetime
    analysed: datetime | None = None
    call: Call | None = None  # the patient's; None until analysed
    level: str = ""  # of the referral
    # The machine's answer for each eye; empty if an earlier version kept the result.
    answers: Mapping[str, str] = field(default_factory=dict)
    card: Card | None = None  # of the model that made the call
    model: ModelName | None = None
    tries: int = 0  # analyses of it during which the program ended
    removed: bool = False  # taken off the list, and can be brought back


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Files and folders that are still to be read."""

    number: int
    paths: tuple[Path, ...]
    tries: int = 0  # readings of them during which the program ended


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedCase:
    """What a case rests on, read back. Its B-scans are read from the files when asked for."""

    study: Study
    result: StudyResult | None
    card: Card | None  # that the result was made with; None also if it cannot be read any more
    contents: Mapping[str, str]  # digest of the files of a volume, by its UID; see app.cases.files
    missing: str = ""  # a sentence, where the files are no longer where they were

"""What became of an eye: the visits of one patient, and the scores at each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import TYPE_CHECKING

from app.cases.trail import Entry
from app.modelpack import Card
from app.readings import NOTHING_READ, Readings, machine_answer
from app.spread import Range, score_ranges
from app.study import EyeResult, Laterality, Patient, Study, StudyResult

if TYPE_CHECKING:
    from app.cases.store import Store


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnalysedStudy:
    """A study with what a model said of it, and readers."""

    study: Study
    result: StudyResult
    card: Card  # of that model
    missing: str = ""  # a sentence, where its files are no longer where they were
    readings: Readings = NOTHING_READ


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visit:
    """One eye at one visit."""

    source: AnalysedStudy
    eye: EyeResult
    moment: datetime | None  # of the acquisition, as the file says; None: unknown

    @property
    def model(self) -> str:
        """Scores are comparable only where this is the same."""
        return self.source.result.model_sha256

    @property
    def said(self) -> Entry | None:
        """The reader's call on the eye, if one stands."""
        return self.source.readings.eye(self.eye.laterality)

    @property
    def overruled(self) -> bool:
        """Whether the reader says otherwise than the machine."""
        return self.said is not None and self.said.after != machine_answer(self.eye.call)

    def ranges(self) -> tuple[Range | None, ...]:
        """How far apart the B-scans behind each score lie; see `app.spread`."""
        return score_ranges(self.eye.volumes[self.eye.deciding].bscans, self.source.card)


def same_patient(one: Patient, other: Patient) -> bool:
    """Whether two studies are of one patient: only if nothing known of them speaks against it.

    The number must be known and equal. Numbers of two clinics can coincide, so that birth dates,
    and where these are unknown names, must not differ.
    """
    if not one.identifier or one.identifier != other.identifier:
        return False
    if one.birth_date is not None and other.birth_date is not None:
        return one.birth_date == other.birth_date
    return one.name == other.name


def history(laterality: Laterality, studies: Iterable[AnalysedStudy]) -> tuple[Visit, ...]:
    """One eye's visits, oldest first; those of unknown date come before all.

    A study that is there twice counts once, as it comes first.
    """
    visits: dict[str, Visit] = {}
    for each in studies:
        for eye in each.result.eyes:
            if eye.laterality is laterality and each.study.uid not in visits:
                visits[each.study.uid] = Visit(source=each, eye=eye, moment=_moment(each, eye))
    return tuple(sorted(visits.values(), key=lambda visit: visit.moment or datetime.min))


def kept_studies(store: "Store", present: Study) -> list[AnalysedStudy]:
    """The other analysed studies of a patient in the file of cases.

    Raises:
        StorageError: If they cannot be read.
    """
    found: list[AnalysedStudy] = []
    if not present.patient.identifier:
        return found
    for kept in store.cases(present.patient.identifier):
        summary = kept.summary
        other = summary.study_uid != present.uid
        if other and same_patient(summary.patient, present.patient) and kept.card is not None:
            loaded = store.load(kept.number)
            if loaded.result is not None and loaded.card is not None:
                found.append(
                    AnalysedStudy(
                        study=loaded.study,
                        result=loaded.result,
                        card=loaded.card,
                        missing=loaded.missing,
                    )
                )
    return found


def _moment(source: AnalysedStudy, eye: EyeResult) -> datetime | None:
    acquired = eye.volumes[eye.deciding].volume.acquired
    if acquired is not None:
        return acquired.replace(tzinfo=None)
    visited = source.study.visited
    return None if visited is None else datetime.combine(visited, time())

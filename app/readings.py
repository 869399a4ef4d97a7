"""What a reader can say beside the machine, and what stands of it for one study.

Machine and reader answer in the same words, so that they can be compared: the classes of the
package, `UNCERTAIN` and `UNGRADABLE`. A reader may also find something that the model does not
know, `OTHER`; the machine may answer that the images are out of its scope.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from app.cases.subjects import PATIENT, bscan_subject
from app.cases.trail import Entry
from app.language import mark
from app.modelpack import Card
from app.study import BScanResult, Call, Gradability, Laterality, Outcome, StudyResult, Volume

UNCERTAIN = str(Outcome.UNCERTAIN)
UNGRADABLE = str(Outcome.UNGRADABLE)
OTHER = mark("other finding")


def possible_answers(card: Card) -> tuple[str, ...]:
    """What a reader can choose from: the classes from healthy to most severe, then the rest."""
    classes = sorted(card.classes, key=lambda each: each.severity)
    return (*(each.name for each in classes), UNCERTAIN, UNGRADABLE, OTHER)


def machine_answer(call: Call) -> str:
    """The machine's call of an eye or a patient, as one word to compare."""
    if call.outcome is Outcome.CALLED and call.label is not None:
        return call.label
    return str(call.outcome)


def machine_bscan_answer(result: BScanResult, card: Card) -> str:
    """The machine's answer for one B-scan: its most probable class where it may be believed."""
    if result.gradability is not Gradability.GRADABLE or result.probabilities is None:
        return UNGRADABLE
    if not result.familiar:
        return str(Outcome.OUT_OF_SCOPE)
    best = max(range(len(result.probabilities)), key=result.probabilities.__getitem__)
    return card.classes[best].name


def machine_answers(result: StudyResult, card: Card) -> dict[str, str]:
    """The machine's answer for each subject of a study: patient, eyes and B-scans."""
    answers = {PATIENT: machine_answer(result.call)}
    for eye in result.eyes:
        answers[str(eye.laterality)] = machine_answer(eye.call)
        for each in eye.volumes:
            for index, bscan in enumerate(each.bscans):
                answers[bscan_subject(each.volume, index)] = machine_bscan_answer(bscan, card)
    return answers


def eye_answers(result: StudyResult) -> dict[str, str]:
    """The machine's answer for each eye of a study."""
    return {str(eye.laterality): machine_answer(eye.call) for eye in result.eyes}


def model_line(result: StudyResult) -> str:
    """The model as the trail names it: id, version and SHA-256."""
    return f"{result.model_id} {result.model_version} {result.model_sha256}"


@dataclass(frozen=True, slots=True)
class Readings:
    """The decisions on one study that stand, by subject; see `app.cases.subjects`."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def standing(cls, trail: Iterable[Entry]) -> "Readings":
        """What stands at the end of a study's trail, which begins with the oldest entry."""
        latest = {entry.subject: entry for entry in trail}
        return cls(tuple(each for each in latest.values() if each.after is not None))

    def of(self, subject: str) -> Entry | None:
        return next((each for each in self.entries if each.subject == subject), None)

    @property
    def patient(self) -> Entry | None:
        return self.of(PATIENT)

    def eye(self, laterality: Laterality) -> Entry | None:
        return self.of(str(laterality))

    def bscan(self, volume: Volume, index: int) -> Entry | None:
        return self.of(bscan_subject(volume, index))

    def bscans(self, volume: Volume) -> tuple[tuple[int, Entry], ...]:
        """Index and decision of each B-scan that a reader spoke of, in spatial order."""
        by_subject = {each.subject: each for each in self.entries}
        subjects = (bscan_subject(volume, index) for index in range(len(volume.bscans)))
        return tuple(
            (index, by_subject[subject])
            for index, subject in enumerate(subjects)
            if subject in by_subject
        )

    def with_entry(self, entry: Entry) -> "Readings":
        """The same with a new row of the trail taken into account."""
        others = tuple(each for each in self.entries if each.subject != entry.subject)
        return Readings(others if entry.after is None else (*others, entry))

    def without_notes(self) -> "Readings":
        return Readings(tuple(replace(each, note="") for each in self.entries))


NOTHING_READ = Readings()


def answer_word(answer: str) -> str:
    """An answer standing alone: "CNV", "Drusen", "Other finding"."""
    return answer if answer.isupper() and len(answer) <= 4 else answer.capitalize()


def stamp(entry: Entry) -> str:
    """Who and when: "AB, 2026-03-14 09:26"."""
    return f"{entry.reader}, {datetime.fromisoformat(entry.time):%Y-%m-%d %H:%M}"

"""In which order cases are listed, and which of them."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from app.cases.subjects import PATIENT
from app.cases.trail import Entry
from app.gui.case import Case, CaseState
from app.readings import Readings, machine_answer
from app.study import Laterality, Outcome


class Standing(StrEnum):
    """What a case asks of the reader, as the list tells it."""

    NEEDS_LOOK = "needs a look"  # uncertain or out of scope
    READY = "ready"
    UNGRADABLE = "ungradable"
    FAILED = "failed"
    RUNNING = "running"
    QUEUED = "queued"
    STOPPED = "stopped"


class Reader(StrEnum):
    """What the reader has said of a case."""

    UNDECIDED = "not decided"
    PARTLY = "partly decided"  # of one eye, and another still waits
    AGREED = "agreed"
    CHANGED = "decided otherwise"


class Order(StrEnum):
    URGENCY = "urgency"
    VISIT = "visit"
    ADDED = "added"
    NAME = "name"
    CALL = "call"
    READER = "reader"
    STANDING = "standing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sieve:
    """Which cases are listed: those that fit each part; an empty part fits all."""

    words: str = ""  # parts of names and numbers, all of which must be there
    calls: frozenset[str] = frozenset()  # as `app.readings.machine_answer` names them
    standings: frozenset[Standing] = frozenset()
    readers: frozenset[Reader] = frozenset()
    days: int | None = None  # visits of the last so many days, today's being 0

    @property
    def choices(self) -> int:
        """How many things are chosen beside the words."""
        chosen = len(self.calls) + len(self.standings) + len(self.readers)
        return chosen + (self.days is not None)

    def fits(self, case: Case, today: date) -> bool:
        return (
            (not self.calls or shown_answer(case) in self.calls)
            and (not self.standings or standing(case) in self.standings)
            and self._read_so(case)
            and self._recent(case, today)
            and self._named(case)
        )

    def _read_so(self, case: Case) -> bool:
        said = reader(case)
        # One eye's call must not hide that the other still waits.
        begun = said is Reader.PARTLY and Reader.UNDECIDED in self.readers
        return not self.readers or said in self.readers or begun

    def _recent(self, case: Case, today: date) -> bool:
        if self.days is None:
            return True
        visited = case.summary.visited
        return visited is not None and today - visited <= timedelta(days=self.days)

    def _named(self, case: Case) -> bool:
        if not self.words:
            return True
        patient = case.summary.patient
        held = f"{patient.name or ''} {patient.identifier or ''}".strip() or case.summary.place
        return all(word in plain(held) for word in plain(self.words).split())


def standing(case: Case) -> Standing:
    """What a case asks for; a hidden call does not show here either."""
    if case.state is not CaseState.READY:
        return Standing(str(case.state))
    if case.call is None or not case.revealed():
        return Standing.READY
    return {
        Outcome.UNCERTAIN: Standing.NEEDS_LOOK,
        Outcome.OUT_OF_SCOPE: Standing.NEEDS_LOOK,
        Outcome.UNGRADABLE: Standing.UNGRADABLE,
    }.get(case.call.outcome, Standing.READY)


def shown_answer(case: Case) -> str | None:
    """The machine's answer for the patient, where it may be seen."""
    return machine_answer(case.call) if case.call is not None and case.revealed() else None


def reader(case: Case) -> Reader:
    """Whether the reader has spoken, on the patient or each eye, and as the machine does now.

    Whether a call on the patient agrees is not told as long as the machine's is hidden.
    """
    said = [each for each in case.readings.entries if each.subject in _subjects(case)]
    if not said:
        return Reader.UNDECIDED
    whole = any(each.subject == PATIENT for each in said)
    if not whole and len(eyes_read(case)) < len(case.summary.eyes):
        return Reader.PARTLY
    agrees = all(each.after == _machine_now(case, each) for each in said)
    return Reader.AGREED if agrees else Reader.CHANGED


def waits(case: Case) -> bool:
    """Whether a case is ready for the reader and not wholly decided on."""
    undecided = reader(case) in (Reader.UNDECIDED, Reader.PARTLY)
    return case.state is CaseState.READY and undecided


def eyes_read(case: Case) -> list[Laterality]:
    """The eyes on which a reader's call stands."""
    return [each for each in case.summary.eyes if case.readings.eye(each) is not None]


def listed(
    cases: Iterable[Case],
    order: Order,
    sieve: Sieve,
    today: date,
    *,
    backwards: bool = False,
    read_then: Mapping[Case, "Read"] | None = None,
) -> list[Case]:
    """The cases that fit, in order; of equal ones the most urgent first, then as they were added.

    What an order knows nothing of comes last, backwards too.

    Args:
        read_then: What the reader had said of some cases, in place of what they have said since.
    """
    then = read_then or {}
    looks = {case: then[case].of(case) if case in then else case for case in cases}
    urgent = sorted(looks, key=lambda case: _urgency(looks[case]))
    fitting = [case for case in urgent if sieve.fits(looks[case], today)]
    keys = {case: _KEYS[order](looks[case]) for case in fitting}
    known = [case for case in fitting if keys[case] is not None]
    return [
        *sorted(known, key=keys.__getitem__, reverse=backwards),
        *(case for case in fitting if keys[case] is None),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a reader had said and seen of a case at one time."""

    readings: Readings
    seen: frozenset[Laterality]

    @classmethod
    def now(cls, case: Case) -> "Read":
        return cls(readings=case.readings, seen=case.seen)

    def of(self, case: Case) -> Case:
        """The case as it is, but for this."""
        return replace(case, readings=self.readings, seen=self.seen)


def answers(cases: Sequence[Case]) -> list[str]:
    """The machine's answers that occur, for a choice of them: the most severe first."""
    found: dict[str, int] = {}
    for case in cases:
        answer = shown_answer(case)
        if answer is not None:
            found[answer] = max(found.get(answer, 0), case.urgency())
    return sorted(found, key=lambda each: -found[each])


@lru_cache(maxsize=10_000)
def plain(text: str) -> str:
    """Text as it is searched: without case, accents, and differences of script in digits."""
    apart = unicodedata.normalize("NFKD", text.translate(_ARABIC).casefold())
    kept = (each for each in apart if not unicodedata.combining(each))
    return "".join(str(unicodedata.digit(each, each)) for each in kept)


# Keyboards differ in these two letters, names do not.
_ARABIC = str.maketrans({"\u064a": "\u06cc", "\u0649": "\u06cc", "\u0643": "\u06a9"})

_STANDINGS = {each: place for place, each in enumerate(Standing)}
_READERS = {each: place for place, each in enumerate(Reader)}


def _machine_now(case: Case, entry: Entry) -> str | None:
    """The machine's answer of today on what was called; another model may have come since."""
    if entry.subject == PATIENT:
        return machine_answer(case.call) if case.call is not None else entry.machine
    # Where none is at hand, as of a result that an earlier version kept, its own model's holds.
    same = case.model is None or entry.model.endswith(case.model.sha256)
    return case.answers.get(entry.subject, entry.machine if same else None)


def _subjects(case: Case) -> set[str]:
    eyes = {str(each) for each in case.summary.eyes}
    return {PATIENT, *eyes} if case.revealed() else eyes


def _urgency(case: Case) -> int:
    return -case.urgency()


def _visit(case: Case) -> int | None:
    visited = case.summary.visited
    return None if visited is None else -visited.toordinal()


def _call(case: Case) -> tuple[int, int] | None:
    """Calls by severity, then what is suspected, and what the machine cannot say."""
    call, card = case.call, case.card
    if call is None or card is None or shown_answer(case) is None:
        return None
    severity = card.class_named(call.label).severity if call.label is not None else 0
    return _OUTCOMES[call.outcome], -severity


_OUTCOMES = {each: place for place, each in enumerate(Outcome)}

_KEYS: dict[Order, Callable[[Case], Any]] = {
    Order.URGENCY: _urgency,
    Order.VISIT: _visit,
    Order.ADDED: lambda case: -case.added.timestamp(),
    Order.NAME: lambda case: plain(case.summary.name),
    Order.CALL: _call,
    Order.READER: lambda case: _READERS[reader(case)],
    Order.STANDING: lambda case: _STANDINGS[standing(case)],
}

"""One study on its way through the program, as the window holds it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.aggregate import rank
from app.cases.kept import CaseState, KeptCase, LoadedCase, ModelName, Summary
from app.modelpack import Card
from app.readings import Readings, eye_answers
from app.study import Call, Laterality, Outcome, Study, StudyResult

__all__ = ["Case", "CaseState"]


@dataclass(eq=False, kw_only=True)
class Case:
    """A study with its state, and its result once it is there.

    What is listed is always at hand; the result of a case that was kept is read back when the
    case is opened, and let go again when many others have been.
    """

    summary: Summary
    state: CaseState = CaseState.QUEUED
    number: int | None = None  # in the store; None: not kept, or not yet
    added: datetime = field(default_factory=lambda: datetime.now().astimezone())
    analysed: datetime | None = None
    call: Call | None = None  # the patient's
    level: str = ""  # of the referral
    answers: Mapping[str, str] = field(default_factory=dict)  # the machine's for each eye
    card: Card | None = None  # of the model that made the result
    model: ModelName | None = None
    result: StudyResult | None = None
    stored: bool = False  # whether the result at hand can be read back
    contents: Mapping[str, str] = field(default_factory=dict)  # see app.cases.files.digest_of
    problem: str = ""  # why it failed, in a sentence
    missing: str = ""  # that its files are gone, in a sentence
    done: int = 0
    total: int = 0
    started: float = 0.0  # time.monotonic
    demo: bool = False
    grown: bool = False  # while it was analysed, so that it must be analysed again
    readings: Readings = field(default_factory=Readings)  # what readers decided
    blind_first: bool = False  # the reader answers before the machine's answer is shown
    seen: frozenset[Laterality] = frozenset()  # eyes whose answer was shown all the same
    open_study: Callable[[], Study] | None = None  # of a case that was kept
    _study: Study | None = None

    @classmethod
    def of(cls, study: Study, *, demo: bool = False) -> "Case":
        return cls(summary=Summary.of(study), demo=demo, _study=study)

    @classmethod
    def of_kept(cls, kept: KeptCase) -> "Case":
        case = cls(
            summary=kept.summary,
            state=kept.state,
            number=kept.number,
            added=kept.added,
            problem=kept.problem,
            open_study=kept.open_study,
        )
        if kept.card is not None:
            case.call, case.level, case.card = kept.call, kept.level, kept.card
            case.answers = kept.answers
            case.model, case.analysed = kept.model, kept.analysed
        elif kept.state is CaseState.READY:
            # Its model's card is of a version of the program that this one cannot read.
            case.state = CaseState.STOPPED
        return case

    @property
    def study(self) -> Study:
        if self._study is None:
            assert self.open_study is not None
            self._study = self.open_study()
        return self._study

    @study.setter
    def study(self, study: Study) -> None:
        self._study = study
        self.summary = Summary.of(study)

    @property
    def uid(self) -> str:
        """Of the study; unlike `study` it costs nothing for a case that was kept."""
        return self.summary.study_uid

    @property
    def at_rest(self) -> bool:
        """Whether it neither waits for an analysis nor is in one."""
        return self.state not in (CaseState.QUEUED, CaseState.RUNNING)

    @property
    def whole(self) -> bool:
        """Whether all that there is of it is at hand, and nothing is to be read back."""
        return self._study is not None and (self.call is None or self.result is not None)

    def take(self, result: StudyResult, card: Card) -> None:
        """Hold a result, with the card of the model that made it."""
        self.result, self.card, self.stored = result, card, False
        self.call, self.level, self.analysed = result.call, result.referral.level, result.analysed
        self.answers = eye_answers(result)
        self.model = ModelName(
            id=result.model_id,
            version=result.model_version,
            sha256=result.model_sha256,
            preprocessing=result.preprocessing,
        )
        self.study = result.study

    def take_back(self, loaded: LoadedCase) -> None:
        """Hold what was read back: what is kept now, which may not be what was let go.

        Another window may have analysed the study with another model since, or lost the result.
        """
        if loaded.result is not None and loaded.card is not None:
            self.take(loaded.result, loaded.card)
            self.stored = True
            if self.state in (CaseState.STOPPED, CaseState.FAILED):
                self.state, self.problem = CaseState.READY, ""
        elif self.call is not None:
            self.forget_result()
            if self.state is CaseState.READY:
                self.state = CaseState.STOPPED
        self.study = loaded.study
        self.contents, self.missing = loaded.contents, loaded.missing

    def forget_result(self) -> None:
        """What was found no longer holds: the study has changed."""
        self.result = self.card = self.call = self.model = self.analysed = None
        self.level = self.problem = ""
        self.contents = self.answers = {}

    def let_go(self) -> None:
        """Give back the memory of a result, if it can be read again."""
        if self.stored:
            self.result = None

    def revealed(self, laterality: Laterality | None = None) -> bool:
        """Whether the machine's answer for an eye may be shown; None: for all, so the patient's."""
        if not self.blind_first:
            return True
        if laterality is None:
            return all(self.revealed(each) for each in self.summary.eyes)
        return laterality in self.seen or self.readings.eye(laterality) is not None

    def seconds_left(self) -> float | None:
        """How long the analysis will still take; None while that cannot be told."""
        if self.state is not CaseState.RUNNING or self.done < 3 or not self.total:
            return None
        passed = time.monotonic() - self.started
        return passed / self.done * (self.total - self.done)

    def urgency(self) -> int:
        """Where it stands in the list: what may harm a patient by waiting comes first.

        Disease by severity, what failed, what the machine cannot say, what it has not looked at,
        and last what it found healthy. A call that is hidden from who reads first does not show
        by its place.
        """
        if self.call is not None and self.card is not None and self.revealed():
            place = rank(self.call, self.card)
            if self.call.outcome is Outcome.OUT_OF_SCOPE:
                return 80
            if self.call.outcome is Outcome.UNGRADABLE:
                return 70
            return 100 + place if place else 10
        return {
            CaseState.FAILED: 90,
            CaseState.RUNNING: 60,
            CaseState.READY: 60,
            CaseState.QUEUED: 50,
            CaseState.STOPPED: 40,
        }[self.state]

"""Which case is analysed next, and what becomes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.cases.kept import BROKE_OFF
from app.errors import AppError
from app.gui.analyst import Analyst, Made
from app.gui.case import Case, CaseState
from app.gui.languages import apart, told
from app.gui.notice import Notice
from app.gui.shelf import Shelf
from app.settings import Settings
from app.study import StudyResult

if TYPE_CHECKING:
    from app.modelpack import Card


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Former:
    """The result that a case had before it was analysed anew."""

    result: StudyResult
    card: "Card"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repeated:
    """A case analysed once more; the former result stands."""

    case: Case
    former: Former
    made: Made


class CaseQueue(QObject):
    """The cases that wait, one of them being analysed. It is kept, and goes on at the next start.

    The case on show comes first, then those of patients whose other visits were most urgent.
    """

    changed = Signal(object)  # Case: its state or result
    repeated = Signal(object)  # Repeated
    progressed = Signal()
    noticed = Signal(object)  # Notice
    settled = Signal(object)  # Settings, that remember what was told
    broken = Signal(Exception)  # a bug

    def __init__(
        self,
        shelf: Shelf,
        settings: Settings,
        listed: Callable[[], Sequence[Case]],
        on_show: Callable[[], Case | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._shelf = shelf
        self._listed = listed
        self._on_show = on_show
        self._analyst = Analyst(shelf.keeper, settings, self)
        self._analyst.ended.connect(self._ended)
        self._analyst.stopped.connect(self._stopped)
        self._analyst.failed.connect(self._failed)
        self._analyst.progressed.connect(self.progressed)
        self._analyst.noticed.connect(self.noticed)
        self._analyst.settled.connect(self.settled)
        self._closing = False
        self._repeating: dict[Case, Former] = {}

    @property
    def running(self) -> Case | None:
        return self._analyst.running

    @property
    def card(self) -> "Card | None":
        """Of the model that is loaded, as its package has it."""
        return self._analyst.card

    def use(self, settings: Settings) -> None:
        self._analyst.settings = settings

    def add(self, case: Case) -> None:
        """Queue a case, unless it waits already."""
        if case.at_rest:
            self._set_state(case, CaseState.QUEUED)
            self.go_on()

    def repeat(self, case: Case) -> None:
        """Analyse a case anew beside its result, which stands until the reader takes the other."""
        if case.result is not None and case.card is not None:
            self._repeating[case] = Former(result=case.result, card=case.card)
            self.add(case)

    def take(self, repeated: "Repeated") -> None:
        """Put what an analysis found anew in the place of the former result."""
        self._take(repeated.case, repeated.made)
        self._tell(repeated.case)

    def grown(self, case: Case) -> None:
        """Its study is another now: what is being found out of the former one is of no use."""
        if case is self.running:
            case.grown = True
            self._analyst.cancel()
        else:
            case.state = CaseState.QUEUED

    def leave(self, case: Case) -> None:
        """It is off the list, and need not be analysed."""
        if case is self.running:
            self._analyst.cancel()

    def cancel(self) -> None:
        """Stop the analysis, and let nothing wait; what is done stays."""
        for case in self._listed():
            case.grown = False
            if case.state is CaseState.QUEUED:
                self._repeating.pop(case, None)
                self._set_state(case, _at_rest(case))
        self._analyst.cancel()

    def shut_down(self) -> None:
        """Stop; what waits goes on at the next start."""
        self._closing = True
        self._analyst.shut_down()

    def go_on(self) -> None:
        """Analyse the next case, if none is being analysed."""
        queued = [case for case in self._listed() if case.state is CaseState.QUEUED]
        if self._closing or self.running is not None or not queued:
            return
        on_show = self._on_show()
        case = on_show if on_show in queued else max(queued, key=self._expected)
        assert case is not None
        # Started before it is told, so that who hears of it can cancel it.
        self._analyst.start(case, anew=case in self._repeating)
        case.state = CaseState.RUNNING
        self._tell(case)

    def _expected(self, case: Case) -> int:
        """How urgent a case may be, going by the patient's other visits; 0 if nothing is known."""
        patient = case.summary.patient
        if not (patient.identifier or patient.name):
            return 0
        others = [each for each in self._listed() if each.call and each.summary.patient == patient]
        return max((each.urgency() for each in others), default=0)

    def _ended(self, case: Case, made: Made) -> None:
        former = self._repeating.pop(case, None)
        if not self._queue_grown(case):
            if former is not None and made.result is not None:
                self.repeated.emit(Repeated(case=case, former=former, made=made))
            elif made.result is None:
                text = self.tr(
                    "This study has been analysed with this very model; its result stands."
                )
                self.noticed.emit(Notice(kind="information", text=text))
            else:
                self._take(case, made)
            self._set_state(case, CaseState.READY)
        self.go_on()

    def _take(self, case: Case, made: Made) -> None:
        from app.analysis import set_eye

        result = made.result
        assert result is not None
        analysed = {each.uid: each.laterality for each in result.study.volumes}
        for volume in case.study.volumes:
            if volume.laterality is not analysed.get(volume.uid):
                # The reader has named an eye meanwhile.
                result = set_eye(result, volume.uid, volume.laterality, made.card)
        case.take(result, made.card)
        case.contents, case.problem = made.contents, ""
        self._shelf.keep_result(case)

    def _stopped(self, case: Case) -> None:
        self._repeating.pop(case, None)
        if case not in self._listed():
            # Taken off the list, not given up: brought back, it goes on.
            case.state = CaseState.QUEUED
        elif not self._queue_grown(case):
            self._set_state(case, _at_rest(case))
        self.go_on()

    def _queue_grown(self, case: Case) -> bool:
        """Queue a case again whose volumes became more while it was analysed."""
        grown, case.grown = case.grown, False
        if grown:
            self._set_state(case, CaseState.QUEUED)
        return grown

    def _failed(self, case: Case, error: Exception) -> None:
        self._repeating.pop(case, None)
        case.grown = False
        # Kept with the case, so in English.
        problem = str(error) if isinstance(error, AppError) else BROKE_OFF
        if case.call is not None:
            # What was found before still holds.
            text = f"{apart(case.summary.name)}: {told(problem)}"
            self.noticed.emit(Notice(kind="problem", text=text))
        else:
            case.problem = problem
        self._set_state(case, CaseState.FAILED if case.call is None else CaseState.READY)
        if not isinstance(error, AppError):
            self.broken.emit(error)
        self.go_on()

    def _set_state(self, case: Case, state: CaseState) -> None:
        case.state = state
        self._shelf.keep_state(case)
        self._tell(case)

    def _tell(self, case: Case) -> None:
        self.changed.emit(case)
        self.progressed.emit()


def _at_rest(case: Case) -> CaseState:
    """Its state when it is not analysed after all: a former result stands."""
    return CaseState.STOPPED if case.call is None else CaseState.READY

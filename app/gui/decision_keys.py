"""The reader's part of the window: keys and rows to decide with, and what was decided."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from app.cases.store import PATIENT, Entry, bscan_subject
from app.gui.actions import Actions, explain, lock, quiet
from app.gui.decision_desk import Desk
from app.gui.decision_dialogs import (
    DecisionDialog,
    InitialsDialog,
    Subject,
    agreement_window,
    earlier_question,
    trail_window,
)
from app.gui.decision_row import DecisionRow, RowState
from app.gui.operating_dialog import OperatingDialog
from app.gui.reading_room import ReadingRoom
from app.gui.result_panel import ResultPanel
from app.gui.session import Case, Session
from app.gui.subject_names import subject_names
from app.gui.taking_back import Turn, told_of
from app.modelpack import Card
from app.readings import possible_answers
from app.settings import locked_settings
from app.study import Laterality, Study

_DIGITS = 9


class DecisionKeys(QObject):
    """Joins the rows of the result panel, the keys and the dialogs to the desk."""

    blind_first_chosen = Signal(bool)

    def __init__(
        self,
        desk: Desk,
        session: Session,
        room: ReadingRoom,
        panel: ResultPanel,
        actions: Actions,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._desk, self._session, self._room, self._panel = desk, session, room, panel
        self._actions, self._window = actions, window
        self._named: tuple[Study, dict[str, str]] | None = None  # names of subjects, latest
        self._next: dict[str, Turn | None] = {}  # what undo and redo say that they do
        desk.initials_wanted.connect(self._ask_initials)
        desk.back.asked.connect(self._ask_earlier)
        session.cases_changed.connect(self.refresh)
        session.current_changed.connect(self.refresh)
        session.case_changed.connect(self._case_changed)
        session.settings_changed.connect(self.refresh)
        room.shown_changed.connect(self.refresh)
        self._wire_row(panel.patient.row, lambda: PATIENT)
        self._wire_row(panel.bscan.row, self._bscan)
        for laterality, block in panel.eyes.items():
            self._wire_row(block.row, partial(str, laterality))
        self._wire_actions()
        for digit in range(1, _DIGITS + 1):
            key = QShortcut(QKeySequence(str(digit)), window)
            key.activated.connect(partial(self._press, digit))
        self.refresh()

    def _wire_row(self, row: DecisionRow, subject: Callable[[], str | None]) -> None:
        row.agreed.connect(lambda: self._on_case(self._desk.agree, subject()))
        row.answered.connect(lambda each: self._on_case(self._desk.decide, subject(), each))
        row.withdrawn.connect(lambda: self._on_case(self._desk.decide, subject(), None))
        row.note_wanted.connect(lambda: self._open(subject()))

    def _wire_actions(self) -> None:
        for name, act in {
            "agree": lambda: self._on_case(self._desk.agree, self._eye()),
            "agree_with_all": lambda: self._on_case(self._desk.agree_with_all),
            "decide_eye": lambda: self._open(self._eye()),
            "decide_bscan": lambda: self._open(self._bscan()),
            "decide_patient": lambda: self._open(PATIENT),
            "undo_decision": lambda: self._go_back(again=False),
            "redo_decision": lambda: self._go_back(again=True),
            "trail": self._ask_trail,
            "agreement": self._ask_agreement,
            "operating_point": partial(self._session.ask_card, self._show_operating_point),
        }.items():
            self._actions[name].triggered.connect(lambda _=False, act=act: act())
        self._actions["blind_first"].toggled.connect(self.blind_first_chosen)
        if "blind_first" in locked_settings():
            lock(self._actions["blind_first"])

    # What is at hand

    def _answered(self) -> Case | None:
        """The present case, once there is something to decide on."""
        case = self._session.current
        ready = case is not None and case.result is not None and case.card is not None
        return case if ready else None

    def _case(self) -> Case | None:
        """The same, as long as its scans or answers are in front."""
        return self._answered() if self._in_front() else None

    def _in_front(self) -> bool:
        return self._room.isVisible() or self._panel.isVisible()

    def _eye(self) -> str:
        return str(self._room.active)

    def _bscan(self) -> str | None:
        panel = self._room.panel
        return None if panel.volume is None else bscan_subject(panel.volume, panel.index)

    def _answers(self, case: Case) -> tuple[str, ...]:
        return possible_answers(case.card) if case.card is not None else ()

    def _on_case(self, act: Callable[..., object], *what: object) -> None:
        case = self._case()
        if case is not None and (not what or what[0] is not None):
            act(case, *what)

    def _press(self, digit: int) -> None:
        case = self._case()
        if case is not None and digit <= len(self._answers(case)):
            self._desk.decide(case, self._eye(), self._answers(case)[digit - 1])

    def _go_back(self, *, again: bool) -> None:
        if self._in_front():
            self._desk.back.go(self._answered(), again=again)

    # Rows

    def _case_changed(self, case: Case) -> None:
        # With all else that is said of a case: the room shows it in a later turn.
        if case is self._session.current:
            self.refresh()

    def refresh(self) -> None:
        """Show what stands, and enable what can be done."""
        case, seen = self._session.current, self._case()
        ready = self._answered() is not None
        self._actions.enable(ready, "trail")
        self._actions.enable(seen is not None, "decide_eye", "decide_bscan", "decide_patient")
        self._actions.enable(seen is not None and seen.revealed(self._room.active), "agree")
        self._actions.enable(seen is not None and seen.revealed(), "agree_with_all")
        self._offer_back("undo_decision", again=False)
        self._offer_back("redo_decision", again=True)
        quiet(self._actions["blind_first"], checked=self._session.settings.blind_first)
        self._panel.patient.row.show_state(self._state(PATIENT, case) if ready else None)
        for laterality, block in self._panel.eyes.items():
            state = self._state(str(laterality), case) if ready else None
            block.row.show_state(state)
        bscan = self._bscan()
        shown_bscan = ready and bscan is not None
        self._panel.bscan.row.show_state(self._state(bscan, case) if shown_bscan else None)

    def _offer_back(self, name: str, *, again: bool) -> None:
        """Enable a command, and have it say whose decision it is that it undoes or repeats."""
        turn = self._desk.back.next(self._answered(), again=again)
        if name not in self._next or self._next[name] != turn:
            self._next[name] = turn
            explain(self._actions[name], "" if turn is None else told_of(turn))
        self._actions.enable(turn is not None, name)

    def _state(self, subject: str | None, case: Case | None) -> RowState | None:
        if case is None or subject is None:
            return None
        eyes = {str(each): each for each in Laterality}
        in_front = subject == self._eye()
        return RowState(
            name=self._names(case).get(subject, ""),
            answers=self._answers(case),
            machine=(
                self._desk.machine_answer(case, subject)
                if self._desk.shows(case, subject)
                else None
            ),
            entry=case.readings.of(subject),
            chosen=in_front or subject not in eyes,
            agreeing=subject == PATIENT or subject in eyes,
            keys="A" if in_front else "",
            digits=in_front,
        )

    def _names(self, case: Case) -> dict[str, str]:
        if self._named is not None and self._named[0] is case.study:
            return self._named[1]
        names = subject_names(case.study)
        self._named = case.study, names
        return names

    # Dialogs

    def _open(self, subject: str | None) -> None:
        case = self._case()
        if case is None or subject is None:
            return
        names, bscan = self._names(case), self._bscan()
        held = dict.fromkeys(str(volume.laterality) for volume in case.study.volumes)
        keys = [*held, PATIENT, *([bscan] if bscan is not None else [])]
        dialog = DecisionDialog(
            self._window,
            case.summary,
            [Subject(key=each, name=names[each]) for each in keys],
            self._answers(case),
            {each.subject: each for each in case.readings.entries},
            chosen=subject,
            initials=self._session.settings.reader,
            fixed="reader" in locked_settings(),
        )
        dialog.signed.connect(self._desk.sign)
        dialog.decided.connect(partial(self._desk.decide, case))
        dialog.open()

    def _ask_initials(self, case: Case) -> None:
        dialog = InitialsDialog(self._window, case.summary)
        dialog.signed.connect(self._desk.sign)
        dialog.open()

    def _ask_earlier(self, turn: Turn) -> None:
        earlier_question(self._window, turn, lambda: self._desk.back.carry_out(turn)).open()

    def _ask_trail(self) -> None:
        case = self._session.current
        if case is not None:
            self._desk.read_trail(case, partial(self._show_trail, case))

    def _ask_agreement(self) -> None:
        self._desk.read_trail(None, self._show_agreement)

    def _show_operating_point(self, card: Card) -> None:
        dialog = OperatingDialog(
            lambda: self._session.settings, card, locked_settings(), self._window
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.changed.connect(self._session.change_settings)
        dialog.open()

    def _show_trail(self, case: Case, trail: Sequence[Entry]) -> None:
        # The reader may be with another patient by now.
        if case is self._session.current:
            told = [
                each if self._desk.shows(case, each.subject) else replace(each, machine=None)
                for each in trail
            ]
            trail_window(self._window, case.summary, told, self._names(case)).open()

    def _show_agreement(self, trail: Sequence[Entry]) -> None:
        agreement_window(self._window, trail).open()

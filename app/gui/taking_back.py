"""Taking decisions back and making them again: which one is next, and that all of it is told.

What this run of the program decided last comes first, in whichever case it was, and that case is
shown. After it come the decisions of earlier runs, of the case on show alone, and none of these
unasked.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.cases.trail import Entry
from app.gui import wording
from app.gui.case import Case
from app.gui.languages import apart
from app.gui.notice import Notice
from app.gui.subject_names import subject_names
from app.gui.undoing import Undoing
from app.undo import Step

if TYPE_CHECKING:
    from app.gui.decision_desk import Desk
    from app.gui.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A decision that is taken back, or made again."""

    case: Case
    step: Step
    again: bool  # made again
    earlier: bool = False  # by an earlier run of the program

    @property
    def answers(self) -> tuple[str | None, str | None]:
        """The answer that stands, and the one that it leads to."""
        both = self.step.entry.after, self.step.answer_before
        return (both[1], both[0]) if self.again else both


class TakingBack(QObject):
    """Finds what is taken back or made again next, does it, and tells the reader."""

    asked = Signal(object)  # Turn of an earlier run: somebody is to ask the reader first

    def __init__(self, desk: "Desk", session: "Session", undoing: Undoing) -> None:
        super().__init__(desk)
        self._desk, self._session, self._undoing = desk, session, undoing
        self._fetching = False  # a case whose decision is taken back

    def next(self, present: Case | None, *, again: bool) -> Turn | None:
        """What is taken back next, or made again, while a case is on show."""
        for case, number in self._undoing.this_run(again=again):
            step = self._latest(case, again=again, of_all=case is not present)
            if step is not None and step.entry.number == number:
                return Turn(case=case, step=step, again=again)
        step = None if present is None else self._latest(present, again=again)
        if present is None or step is None:
            return None
        return Turn(case=present, step=step, again=again, earlier=True)

    def go(self, present: Case | None, *, again: bool) -> None:
        """Take back or make again what is next."""

        def act() -> None:
            turn = self.next(present, again=again)
            if turn is not None and turn.earlier:
                self.asked.emit(turn)
            elif turn is not None:
                self.carry_out(turn)

        self._once_written(act)

    def carry_out(self, turn: Turn) -> None:
        """Show the case, and take the decision back or make it again."""
        case = turn.case
        if case not in self._session.cases:
            self._tell_passed(case)
            return
        if case is not self._session.current:
            self._session.select(case)
        if case.result is not None:
            self._once_written(lambda: self._write(turn))
            return
        self._fetching = True
        self._session.load([case], lambda: self._fetched(turn))

    def _fetched(self, turn: Turn) -> None:
        self._fetching = False
        self._write(turn)

    def _write(self, turn: Turn) -> None:
        case, step = turn.case, turn.step
        latest = self._latest(case, again=turn.again)
        if latest is None or latest.entry.number != step.entry.number:
            self._tell_passed(case)
            return
        answer, note = step.answer_before, step.note_before
        if turn.again:
            answer, note = step.entry.after, step.entry.note

        def written(_: Entry) -> None:
            if turn.again:
                self._undoing.done_again(case, latest)
            else:
                self._undoing.taken_back(case, latest)
            self._tell(replace(turn, step=latest))

        self._desk.write(case, step.entry.subject, answer, note, written)

    def _latest(self, case: Case, *, again: bool, of_all: bool = False) -> Step | None:
        """The latest step of a case that its reader may take back, or make again.

        Args:
            of_all: Also of what the study may not show any more, which is dear to find out.
        """
        if case.call is None:
            return None
        reader = self._session.settings.reader
        subjects = None if of_all else self._desk.answers(case)
        history = self._undoing.of(case, reader, subjects)
        return next(reversed(history.undone if again else history.done), None)

    def _once_written(self, act: Callable[[], object]) -> None:
        """Go on when all that was decided stands: the newest decision may be on its way."""
        if self._desk.writing or self._fetching:
            self._session.keeper.do(lambda store: None, lambda _: self._once_written(act))
        else:
            act()

    # What the reader is told

    def _tell(self, turn: Turn) -> None:
        words = self.tr("Decided again: {what}.") if turn.again else self.tr("Undone: {what}.")
        back = replace(turn, again=not turn.again)
        self._session.noticed.emit(
            Notice(
                kind="information",
                text=words.format(what=told_of(turn)),
                action=self.tr("Undo") if turn.again else self.tr("Redo"),
                act=lambda: self.carry_out(back),
            )
        )

    def _tell_passed(self, case: Case) -> None:
        text = self.tr(
            "Nothing was changed for {name}: something else was decided or changed there since. "
            "Ctrl+H shows the decisions on a study."
        )
        self._session.noticed.emit(
            Notice(kind="warning", text=text.format(name=apart(case.summary.name)))
        )


def translate(text: str) -> str:
    return QCoreApplication.translate("taking_back", text)


def told_of(turn: Turn) -> str:
    """Whose eye or B-scan it is, and from what to what: "Doe, Jane, 2024-05-06, Right eye: …"."""
    case, (before, after) = turn.case, turn.answers
    subject = turn.step.entry.subject
    words = translate("{name}, {visit}, {subject}: from {before} to {after}")
    if before == after:
        words = translate("{name}, {visit}, {subject}: the note on {after}")
    return words.format(
        name=apart(case.summary.name),
        visit=wording.visit_line(case.summary),
        subject=subject_names(case.study).get(subject, subject),
        before=_answer(before),
        after=_answer(after),
    )


def decided_on(turn: Turn) -> datetime:
    """When the decision was made."""
    return datetime.fromisoformat(turn.step.entry.time)


def _answer(answer: str | None) -> str:
    return translate("no call") if answer is None else wording.answer_word(answer)

"""Under each answer of the machine: what the reader says of it, and how to say it."""

from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from app.cases.store import Entry
from app.gui import theme, wording
from app.gui.languages import apart


@dataclass(frozen=True, slots=True, kw_only=True)
class RowState:
    """What a row shows of one subject."""

    name: str  # "Right eye", as it is spoken
    answers: tuple[str, ...]  # to choose from
    machine: str | None  # None: hidden from the reader, or there is none
    entry: Entry | None  # the decision that stands
    chosen: bool = True  # whether this is the subject at hand, so that buttons are shown
    agreeing: bool = True  # whether agreement is offered
    keys: str = ""  # of agreeing, for the tooltip
    digits: bool = False  # whether the keys 1, 2, 3 … give an answer


class DecisionRow(QWidget):
    """The reader's decision on one subject, with the controls to make and withdraw it."""

    agreed = Signal()
    answered = Signal(str)
    note_wanted = Signal()
    withdrawn = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._answers: tuple[str, ...] = ()
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.words.linkActivated.connect(lambda _: self.withdrawn.emit())
        self.agree = QPushButton(self.tr("Agree"))
        self.agree.clicked.connect(self.agreed)
        self.choose = QPushButton(self.tr("My call"))
        self.menu = QMenu(self.choose)
        self.menu.aboutToShow.connect(self._fill)
        self.choose.setMenu(self.menu)
        self._buttons = QWidget()
        row = QHBoxLayout(self._buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP)
        row.addWidget(self.agree)
        row.addWidget(self.choose)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.words)
        layout.addWidget(self._buttons)

    def show_state(self, state: RowState | None) -> None:
        """Show a subject's decision and its controls; None shows nothing."""
        self.setVisible(state is not None)
        if state is None:
            return
        self._answers = state.answers
        words = _decided(state) if state.entry is not None else self._invitation(state)
        self.words.setText(words)
        self.words.setVisible(bool(words))
        agrees = state.entry is not None and state.entry.after == state.machine
        self.agree.setVisible(state.agreeing and state.machine is not None and not agrees)
        self.agree.setToolTip(
            self.tr("Agree with the machine ({keys})").format(keys=apart(state.keys))
            if state.keys
            else self.tr("Agree with the machine")
        )
        theme.say(self.agree, self.tr("{name}: agree with the machine").format(name=state.name))
        self.choose.setText(self.tr("Change") if state.entry is not None else self.tr("My call"))
        theme.say(self.choose, self.tr("{name}: my call").format(name=state.name))
        self._buttons.setVisible(state.chosen)

    def _invitation(self, state: RowState) -> str:
        if state.machine is not None or not state.chosen:
            return ""
        if state.digits:
            return self.tr("Give your call with the keys 1 to {n}.").format(n=len(state.answers))
        return ""

    def _fill(self) -> None:
        self.menu.clear()
        for number, answer in enumerate(self._answers, start=1):
            action = self.menu.addAction(f"&{number}  {wording.answer_word(answer)}")
            action.triggered.connect(lambda _=False, each=answer: self.answered.emit(each))
        self.menu.addSeparator()
        self.menu.addAction(self.tr("With a &note…"), self.note_wanted.emit)


def _decided(state: RowState) -> str:
    """Who said what and when, how it stands to the machine's answer, and a way to withdraw it."""
    entry = state.entry
    assert entry is not None
    answer = wording.as_html(wording.reader_s_call(entry))
    when = datetime.fromisoformat(entry.time)
    today = datetime.now(when.tzinfo).date() == when.date()
    moment = f"{when:%H:%M}" if today else f"{when:%Y-%m-%d %H:%M}"
    parts = [f"<b>{answer}</b>", apart(moment)]
    if state.machine is not None:
        agrees = entry.after == state.machine
        parts.insert(1, wording.translate("agrees") if agrees else wording.translate("differs"))
    if entry.blind:
        parts.append(wording.translate("read blind"))
    withdraw = wording.translate("Withdraw")
    link = f'<a style="color:{theme.current().accent}" href="withdraw">{withdraw}</a>'
    words = "  ·  ".join((*parts, link))
    return f"{words}<br><i>{wording.as_html(entry.note)}</i>" if entry.note else words

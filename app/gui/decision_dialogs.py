"""What a decision may need beyond a key: a note, the reader's initials; and what was decided.

Each of these says whose study it is about: another patient's may lie behind it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from app.agreement import Agreement, agreement, wilson
from app.cases.kept import Summary
from app.cases.store import Entry
from app.gui import theme, wording
from app.gui.dialogs import heading_of, plain_dialog, save_or_cancel, table, words_area
from app.gui.languages import apart, told, wrap
from app.gui.taking_back import Turn, decided_on, told_of

_INITIALS = 12
_NOTE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a reader may decide on now."""

    key: str  # see app.cases.subjects
    name: str  # "Right eye"


class DecisionDialog(QDialog):
    """A call with a note, signed with initials."""

    decided = Signal(str, str, str)  # subject, answer, note
    signed = Signal(str)  # initials that were changed; before `decided`

    def __init__(
        self,
        parent: QWidget,
        whose: Summary,
        subjects: Sequence[Subject],
        answers: Sequence[str],
        standing: dict[str, Entry],
        *,
        chosen: str,
        initials: str,
        fixed: bool = False,
    ) -> None:
        """Ask for a call.

        Args:
            fixed: The clinic has decided what the initials are.
        """
        super().__init__(parent)
        self.setWindowTitle(self.tr("My call: {name}").format(name=whose.name))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._standing, self._initials = standing, initials
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.subject, self.answer = QComboBox(), QComboBox()
        for subject in subjects:
            self.subject.addItem(subject.name, subject.key)
        for number, each in enumerate(answers, start=1):
            # The digit first: a press of it selects the line, as it does in the window.
            self.answer.addItem(f"{number}  {wording.answer_word(each)}", each)
        self.note, self.initials = QLineEdit(), QLineEdit(initials)
        self.note.setMaxLength(_NOTE)
        self.initials.setMaxLength(_INITIALS)
        for words, field in (
            (self.tr("Of"), self.subject),
            (self.tr("My call"), self.answer),
            (self.tr("Note"), self.note),
            (self.tr("Initials"), self.initials),
        ):
            theme.say(field, words)
            form.addRow(words, field)
        if fixed:
            self._fix_initials()
        self._buttons = save_or_cancel(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(14)
        layout.addWidget(heading_of(whose))
        layout.addLayout(form)
        layout.addWidget(self._buttons)
        self.setMinimumWidth(420)
        self.subject.currentIndexChanged.connect(self._show_standing)
        self.answer.currentIndexChanged.connect(self._enable)
        self.initials.textChanged.connect(self._enable)
        self.subject.setCurrentIndex(max(self.subject.findData(chosen), 0))
        self._show_standing()
        self._enable()
        self.answer.setFocus()

    def accept(self) -> None:
        initials = self.initials.text().strip()
        if initials != self._initials:
            self.signed.emit(initials)
        self.decided.emit(
            self.subject.currentData(), self.answer.currentData(), self.note.text().strip()
        )
        super().accept()

    def _fix_initials(self) -> None:
        why = wording.set_for_the_clinic()
        self.initials.setEnabled(False)
        self.initials.setToolTip(why)
        self.initials.setAccessibleDescription(why)

    def _show_standing(self) -> None:
        entry = self._standing.get(self.subject.currentData())
        self.note.setText(entry.note if entry is not None else "")
        # Nothing is chosen beforehand: one key too many must not call an eye healthy.
        self.answer.setCurrentIndex(self.answer.findData(entry.after) if entry is not None else -1)

    def _enable(self) -> None:
        save = self._buttons.button(QDialogButtonBox.StandardButton.Save)
        save.setEnabled(self.answer.currentIndex() >= 0 and bool(self.initials.text().strip()))


class InitialsDialog(QDialog):
    """Who reads: asked once, then kept in the settings."""

    signed = Signal(str)  # "" if the reader would not say

    def __init__(self, parent: QWidget, whose: Summary) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Who reads {name}?").format(name=whose.name))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        about = QLabel(
            self.tr("Your initials stand beside every decision, in the report and in the trail.")
        )
        wrap(about)
        self.initials = QLineEdit()
        self.initials.setMaxLength(_INITIALS)
        theme.say(self.initials, self.tr("Initials"))
        self._buttons = save_or_cancel(self)
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(False)
        self.initials.textChanged.connect(
            lambda text: self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(
                bool(text.strip())
            )
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(12)
        for each in (heading_of(whose), about, self.initials, self._buttons):
            layout.addWidget(each)
        self.setMinimumWidth(360)
        self.finished.connect(
            lambda result: self.signed.emit(self.initials.text().strip() if result else "")
        )


def earlier_question(parent: QWidget, turn: Turn, act: Callable[[], object]) -> QMessageBox:
    """Ask before a decision of an earlier run is taken back or made again; Enter does nothing."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    title, does = parent.tr("Undo an earlier decision?"), parent.tr("Undo it")
    if turn.again:
        title, does = parent.tr("Make an earlier decision again?"), parent.tr("Decide again")
    box.setWindowTitle(title)
    when = apart(f"{decided_on(turn):%Y-%m-%d %H:%M}")
    box.setText(f"{title}\n\n{told_of(turn)}")
    box.setInformativeText(
        parent.tr("It was made on {when}, before the program was started.").format(when=when)
    )
    box.addButton(does, QMessageBox.ButtonRole.AcceptRole).clicked.connect(lambda: act())
    stay = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    return box


def trail_window(
    parent: QWidget, whose: Summary, trail: Sequence[Entry], names: dict[str, str]
) -> QDialog:
    """The trail of one case, newest first.

    Args:
        names: What each subject is called.
    """
    headings = (
        parent.tr("When"),
        parent.tr("Who"),
        parent.tr("Of"),
        parent.tr("From"),
        parent.tr("To"),
        parent.tr("Machine"),
        parent.tr("Blind"),
        parent.tr("Note"),
        parent.tr("Model"),
    )
    rows = [
        (
            apart(f"{datetime.fromisoformat(each.time):%Y-%m-%d %H:%M:%S}"),
            each.reader,
            names.get(each.subject, each.subject),
            wording.answer_word(each.before) if each.before else "",
            wording.answer_word(each.after) if each.after else parent.tr("withdrawn"),
            wording.answer_word(each.machine) if each.machine else "",
            parent.tr("yes") if each.blind else "",
            told(each.note) if each.for_other_scans else each.note,
            _short(each.model),
        )
        for each in reversed(trail)
    ]
    dialog = plain_dialog(
        parent,
        parent.tr("Decisions on this study: {name}").format(name=whose.name),
        heading_of(whose),
        table(headings, rows, parent.tr("Decisions on this study")),
    )
    dialog.resize(860, 380)
    return dialog


def agreement_window(parent: QWidget, trail: Sequence[Entry]) -> QDialog:
    """How often blind readings were what the machine said: of all readers, and of each."""
    readers = agreement(trail).readers
    parts = [_agreement_words(parent, agreement(trail), parent.tr("All readers"))]
    if len(readers) > 1:
        parts += [_agreement_words(parent, agreement(trail, each), each) for each in readers]
    about = parent.tr(
        "Counted are the first calls of eyes that were given before the machine's was shown "
        "(Settings: my call first). Where reader and machine differ, either may be right."
    )
    dialog = plain_dialog(
        parent, parent.tr("Agreement with the machine"), words_area(f"{''.join(parts)}<p>{about}")
    )
    dialog.resize(520, 440)
    return dialog


def _agreement_words(parent: QWidget, found: Agreement, title: str) -> str:
    heading = f"<h3>{wording.as_html(title)}</h3>"
    if not found.total:
        return heading + parent.tr("<p>No eye has been read blind yet.</p>")
    low, high = (f"{100 * each:.0f}" for each in wilson(found.agreed, found.total))
    share = parent.tr(
        "<p><b>{agreed} of {total}</b> eyes: {share} % (95 % interval {low} to {high} %)"
    ).format(
        agreed=found.agreed,
        total=found.total,
        share=f"{100 * found.agreed / found.total:.0f}",
        low=low,
        high=high,
    )
    head = "".join(
        f"<th align='left'>{each}&nbsp;&nbsp;</th>"
        for each in (
            parent.tr("Call"),
            parent.tr("Reader"),
            parent.tr("Machine"),
            parent.tr("Both"),
            parent.tr("Agreement"),
        )
    )
    rows = "".join(
        f"<tr><td>{wording.as_html(wording.answer_word(each.answer))}&nbsp;&nbsp;</td>"
        f"<td>{each.reader}</td><td>{each.machine}</td><td>{each.both}</td>"
        f"<td>{100 * each.share:.0f} %</td></tr>"
        for each in found.classes
    )
    return (
        f"{heading}{share}<br>{_kappa_words(parent, found)}</p>"
        f"<table cellspacing='4'><tr>{head}</tr>{rows}</table>"
    )


def _kappa_words(parent: QWidget, found: Agreement) -> str:
    if found.kappa is None:
        return parent.tr("Cohen's kappa is not defined while only one call was ever given.")
    value = f"{found.kappa.value:.2f}"
    if found.kappa.interval is None:
        return parent.tr("Cohen's kappa {value}; these calls give no interval.").format(value=value)
    low, high = found.kappa.interval
    return parent.tr("Cohen's kappa {value} (95 % interval {low} to {high})").format(
        value=value, low=f"{low:.2f}", high=f"{high:.2f}"
    )


def _short(model: str) -> str:
    """Id, version and the head of the SHA-256."""
    *words, digest = model.split(" ")
    return " ".join((*words, digest[:8]))

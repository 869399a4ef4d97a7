"""Help: keys, what each answer means, limits of use, and how to report a fault."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QMainWindow,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme
from app.gui.actions import gestures
from app.gui.dialogs import table, words_area
from app.gui.icons import icon
from app.gui.languages import apart, told
from app.gui.wording import class_word, listed
from app.modelpack import Card
from app.notices import HEAT_MAP, RESEARCH_USE

KEYBOARD, ANSWERS, LIMITS, FAULT = range(4)


class HelpWindow(QDialog):
    """Pages of help, beside the window rather than over it."""

    def __init__(
        self, window: QMainWindow, card: Card | None, save_bundle: Callable[[], None]
    ) -> None:
        super().__init__(window)
        self.setWindowTitle(self.tr("Help"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.pages = QTabWidget()
        theme.say(self.pages, self.tr("Pages of help"))
        for make, title in (
            (lambda: self._keyboard(window), self.tr("&Keyboard")),
            (lambda: words_area(self._answers(card)), self.tr("What an &answer means")),
            (lambda: words_area(self._limits(card)), self.tr("&Limits of use")),
            (lambda: self._fault(save_bundle), self.tr("Report a &fault")),
        ):
            page = _Page(make)
            page.made.connect(self._end_with_close)
            self.pages.addTab(page, title)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.addWidget(self.pages)
        layout.addWidget(buttons)
        self._close = buttons.button(QDialogButtonBox.StandardButton.Close)
        theme.fit(self, 620, 560)

    def _end_with_close(self, page: QWidget) -> None:
        # What is made after the button would come after it.
        no_focus = Qt.FocusPolicy.NoFocus
        reached = [each for each in page.findChildren(QWidget) if each.focusPolicy() != no_focus]
        QWidget.setTabOrder(reached[-1], self._close)

    def _keyboard(self, window: QMainWindow) -> QWidget:
        headings = self.tr("Keys"), self.tr("What they do")
        return table(headings, keyboard_rows(window), self.tr("Keyboard"))

    def _answers(self, card: Card | None) -> str:
        parts = [
            self.tr(
                "<p>Each eye gets one answer, and the patient that of the more severe eye. An "
                "answer names the B-scans that it rests on.</p>"
            ),
            self.tr(
                "<h3>A finding, such as “CNV”</h3><p>The eye's score reaches the threshold of the "
                "model for that disease, and enough neighbouring B-scans show it. The most severe "
                "disease counts.</p>"
            ),
            self.tr(
                "<h3>Uncertain: possible …</h3><p>The score reaches the lower threshold only. "
                "Have the B-scans read.</p>"
            ),
            self.tr(
                "<h3>Out of scope</h3><p>Too many B-scans are unlike anything the model was "
                "trained on: another disease, device or part of the eye. No finding is given, and "
                "that is not a healthy one.</p>"
            ),
            self.tr(
                "<h3>Ungradable</h3><p>Too few B-scans can be judged: blank, cut off, blurred or "
                "overexposed. Repeat the scan.</p>"
            ),
        ]
        if card is not None:
            named = sorted(card.classes, key=lambda each: each.severity)
            rows = "".join(
                f"<li><b>{class_word(each.name)}</b>: {told(each.title)}</li>" for each in named
            )
            heading = self.tr("<h3>What this model can find</h3>")
            parts.append(f"{heading}<ul>{rows}</ul>")
        return "".join(parts)

    def _limits(self, card: Card | None) -> str:
        sentences = [
            told(RESEARCH_USE),
            self.tr("The result supplements a reading of the original images."),
            told(HEAT_MAP),
            *(map(told, card.limits) if card is not None else ()),
        ]
        return "<ul>" + "".join(f"<li>{each}</li>" for each in sentences) + "</ul>"

    def _fault(self, save_bundle: Callable[[], None]) -> QWidget:
        words = QLabel(
            self.tr(
                "<p>If the program stopped, hung or said something wrong: write down what you did "
                "and what you expected, save the fault bundle, and send both to whoever looks "
                "after KD-OCT for you.</p>"
                "<p>The bundle is a ZIP with the program's logs, versions, facts about this "
                "computer and those settings that tell nothing of the clinic. It holds no image, "
                "no result, no name, number or date of any patient and no name of a file that "
                "was opened. You can open it and read all of it.</p>"
                "<p>Nothing is sent by the program itself.</p>"
            )
        )
        words.setWordWrap(True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        button = QPushButton(icon("save"), self.tr("&Save fault bundle…"))
        button.setAutoDefault(False)
        button.clicked.connect(save_bundle)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.addWidget(words)
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        return page


class _Page(QWidget):
    """A page that is made when it is first looked at: all at once would hold the window."""

    made = Signal(QWidget)  # this page

    def __init__(self, make: Callable[[], QWidget]) -> None:
        super().__init__()
        self._make = make
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(10, 8, 10, 8)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        if not self._column.count():
            made = self._make()
            self._column.addWidget(made)
            made.show()  # else Qt shows it only after the empty page
            self.made.emit(self)
        super().showEvent(event)


def keyboard_rows(window: QMainWindow) -> list[tuple[str, str]]:
    """Keys and what they do: of pointer and viewer, then of every command the window has."""
    return gestures() + [
        (_keys(action.shortcuts()), _plain(action.text()))
        for action in window.findChildren(QAction)
        if action.shortcuts()
    ]


def _keys(sequences: Sequence[QKeySequence]) -> str:
    return listed(
        apart(each.toString(QKeySequence.SequenceFormat.NativeText)) for each in sequences
    )


def _plain(words: str) -> str:
    return words.partition("\t")[0].replace("&", "").replace("…", "")

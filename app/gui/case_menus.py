"""What stands over the case list: which cases, and in which order."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.gui import theme
from app.gui.case_order import Order, Reader, Sieve, Standing, answers
from app.gui.session import Session
from app.gui.wording import answer_word

_ARROW = 8


class FilterButton(QPushButton):
    """Chooses calls, states, decisions and days; says how many things are chosen."""

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._sieve = Sieve()
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill)
        self.setMenu(self._menu)
        self.setToolTip(self.tr("Show only some studies"))
        self._say()

    def sieve(self, words: str) -> Sieve:
        """What is chosen here, with the words that are searched for."""
        return Sieve(
            words=words.strip(),
            calls=self._sieve.calls,
            standings=self._sieve.standings,
            readers=self._sieve.readers,
            days=self._sieve.days,
        )

    def choose(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._say()
        self.changed.emit()

    def clear(self) -> None:
        self.choose(Sieve())

    def _say(self) -> None:
        count = self._sieve.choices
        words = self.tr("Filter") if not count else self.tr("Filter ({n})").format(n=count)
        self.setText(words)
        theme.say(self, self.tr("Filter the list"), words)

    def _fill(self) -> None:
        self._menu.clear()
        chosen = self._sieve
        everything = self._menu.addAction(self.tr("Show all"), self.clear)
        everything.setEnabled(bool(chosen.choices))
        calls = self._menu.addMenu(self.tr("Call"))
        for name in answers(self._session.cases):
            action = self._box(calls, answer_word(name), name in chosen.calls)
            action.triggered.connect(partial(self._toggle_call, name))
        calls.setEnabled(bool(calls.actions()))
        standings = self._menu.addMenu(self.tr("State"))
        for standing, words in self._standings():
            action = self._box(standings, words, standing in chosen.standings)
            action.triggered.connect(partial(self._toggle_standing, standing))
        readers = self._menu.addMenu(self.tr("Reader's decision"))
        for reader, words in self._readers():
            action = self._box(readers, words, reader in chosen.readers)
            action.triggered.connect(partial(self._toggle_reader, reader))
        days = self._menu.addMenu(self.tr("Visit"))
        group = QActionGroup(days)
        for count, words in self._days():
            action = self._box(days, words, count == chosen.days)
            group.addAction(action)
            action.triggered.connect(partial(self._choose_days, count))

    def _box(self, menu: QMenu, words: str, checked: bool) -> QAction:
        action = menu.addAction(words)
        action.setCheckable(True)
        action.setChecked(checked)
        return action

    def _toggle_call(self, name: str) -> None:
        self._change(calls=self._sieve.calls ^ {name})

    def _toggle_standing(self, standing: Standing) -> None:
        self._change(standings=self._sieve.standings ^ {standing})

    def _toggle_reader(self, reader: Reader) -> None:
        self._change(readers=self._sieve.readers ^ {reader})

    def _choose_days(self, days: int | None) -> None:
        self._change(days=days)

    def _change(self, **parts: object) -> None:
        self.choose(replace(self._sieve, **parts))  # type: ignore[arg-type]

    def _standings(self) -> list[tuple[Standing, str]]:
        return [
            (Standing.NEEDS_LOOK, self.tr("Needs a look")),
            (Standing.READY, self.tr("Ready")),
            (Standing.UNGRADABLE, self.tr("Ungradable")),
            (Standing.FAILED, self.tr("Failed")),
            (Standing.RUNNING, self.tr("Being analysed")),
            (Standing.QUEUED, self.tr("Waiting")),
            (Standing.STOPPED, self.tr("Not analysed")),
        ]

    def _readers(self) -> list[tuple[Reader, str]]:
        return [
            (Reader.UNDECIDED, self.tr("Not yet decided")),
            (Reader.PARTLY, self.tr("Partly decided")),
            (Reader.AGREED, self.tr("Agreed with the machine")),
            (Reader.CHANGED, self.tr("Decided otherwise")),
        ]

    def _days(self) -> list[tuple[int | None, str]]:
        return [
            (None, self.tr("Any day")),
            (0, self.tr("Today")),
            (7, self.tr("Last 7 days")),
            (31, self.tr("Last 31 days")),
            (366, self.tr("Last 12 months")),
        ]


class OrderBox(QComboBox):
    """Chooses the order."""

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for order, words in self._orders():
            self.addItem(words, order)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setToolTip(self.tr("Order of the list"))
        theme.say(self, self.tr("Order of the list"))
        self.currentIndexChanged.connect(self.chosen)

    @property
    def order(self) -> Order:
        return Order(self.currentData())

    def choose(self, order: Order) -> None:
        self.setCurrentIndex(self.findData(order))

    def _orders(self) -> list[tuple[Order, str]]:
        return [
            (Order.URGENCY, self.tr("Most urgent")),
            (Order.VISIT, self.tr("Latest visit")),
            (Order.ADDED, self.tr("Last added")),
            (Order.NAME, self.tr("Name")),
            (Order.CALL, self.tr("Call")),
            (Order.READER, self.tr("Undecided")),
            (Order.STANDING, self.tr("State")),
        ]


class Heading(QWidget):
    """What is mostly ordered by, as the heads of a table's columns are."""

    chosen = Signal(Order)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.buttons = {order: self._button(order, words) for order, words in self._words()}
        for button in self.buttons.values():
            row.addWidget(button, 1)
        self.show_order(Order.URGENCY, backwards=False)

    def show_order(self, order: Order, *, backwards: bool) -> None:
        for each, button in self.buttons.items():
            arrow, said = Qt.ArrowType.NoArrow, ""
            if each is order:
                arrow = Qt.ArrowType.UpArrow if backwards else Qt.ArrowType.DownArrow
                said = self.tr("Ordered backwards") if backwards else self.tr("Ordered so")
            button.setArrowType(arrow)
            theme.say(button, self.tr("Order by: {what}").format(what=button.text()), said)

    def _button(self, order: Order, words: str) -> QToolButton:
        button = QToolButton()
        button.setText(words)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setToolTip(self.tr("Order the list by this; once more turns it round"))
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setIconSize(QSize(_ARROW, _ARROW))
        button.setObjectName("head")
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda: self.chosen.emit(order))
        return button

    def _words(self) -> list[tuple[Order, str]]:
        return [
            (Order.NAME, self.tr("Name")),
            (Order.VISIT, self.tr("Visit")),
            (Order.CALL, self.tr("Call")),
            (Order.READER, self.tr("Reader")),
        ]

"""Two minutes on the demo study: a bubble that points at the parts of the real window."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.languages import wrap

_BUBBLE = 340
_EDGE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stop of the tour."""

    place: Callable[[], QWidget | None]  # what is pointed at; None or hidden: passed over
    title: str
    words: str


class Tour(QWidget):
    """Lies over the window, which stays as it is; Escape leaves it at any step."""

    ended = Signal()

    def __init__(self, window: QWidget, steps: list[Step]) -> None:
        super().__init__(window)
        self._window = window
        self._steps = [each for each in steps if _shown(each.place())]
        self._number = 0
        self._before = window.focusWidget()
        self._build()
        window.installEventFilter(self)
        self.setGeometry(window.rect())
        self.show()
        self.raise_()
        self._go(0)

    @property
    def step(self) -> Step:
        return self._steps[self._number]

    def _build(self) -> None:
        self.bubble = QFrame(self)
        self.bubble.setObjectName("card")
        self._title = QLabel()
        self._title.setObjectName("heading")
        self._words = QLabel()
        wrap(self._words)
        self._count = QLabel()
        self._count.setObjectName("muted")
        self.skip = QPushButton(self.tr("&Skip the tour"))
        self.skip.clicked.connect(self.end)
        self.back = QPushButton(self.tr("&Back"))
        self.back.clicked.connect(lambda: self._go(-1))
        self.next = QPushButton()
        self.next.setDefault(True)
        self.next.clicked.connect(lambda: self._go(1))
        row = QHBoxLayout()
        row.addWidget(self.skip)
        row.addStretch(1)
        row.addWidget(self.back)
        row.addWidget(self.next)
        layout = QVBoxLayout(self.bubble)
        layout.setContentsMargins(14, 12, 14, 12)
        for each in (self._title, self._words, self._count):
            layout.addWidget(each)
        layout.addLayout(row)
        for one, other in ((self.next, self.back), (self.back, self.skip)):
            QWidget.setTabOrder(one, other)

    def _go(self, by: int) -> None:
        if self._number + by >= len(self._steps):
            self.end()
            return
        self._number = max(0, self._number + by)
        last = self._number == len(self._steps) - 1
        self._title.setText(self.step.title)
        self._words.setText(self.step.words)
        self._count.setText(
            self.tr("{n} of {all}").format(n=self._number + 1, all=len(self._steps))
        )
        self.skip.setVisible(not last)
        self.back.setEnabled(self._number > 0)
        self.next.setText(self.tr("&Done") if last else self.tr("&Next"))
        # Spoken with the button that has the focus.
        theme.say(self.next, self.next.text().replace("&", ""), self.step.words)
        theme.say(self.bubble, self.step.title, self.step.words)
        self._lay_out()
        self.next.setFocus()

    def end(self) -> None:
        self._window.removeEventFilter(self)
        # Before it is hidden: Qt would look for the next control in what is going.
        (self._before or self._window).setFocus()
        self.hide()
        self.ended.emit()
        self.deleteLater()

    # Places

    def _hole(self) -> QRect:
        widget = self.step.place()
        if widget is None or not _shown(widget):
            return QRect()
        corner = widget.mapTo(self._window, QPoint(0, 0))
        return QRect(corner, widget.size()).adjusted(-3, -3, 3, 3).intersected(self.rect())

    def _lay_out(self) -> None:
        self.bubble.setFixedWidth(min(_BUBBLE, self.width() - 2 * _EDGE))
        self.bubble.adjustSize()
        self.bubble.move(_beside(self._hole(), self.bubble.size(), self.rect()))
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.Resize:
            self.setGeometry(self._window.rect())
            self._lay_out()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shade = QPainterPath()
        shade.addRect(self.rect())
        hole = QPainterPath()
        hole.addRoundedRect(self._hole(), 6, 6)
        painter.fillPath(shade.subtracted(hole), QColor(0, 0, 0, 130))
        painter.setPen(QPen(QColor(theme.current().accent), 2))
        painter.drawPath(hole)

    def event(self, event: QEvent) -> bool:
        # No command acts on what lies under the tour; with Alt the buttons here are pressed.
        if (
            isinstance(event, QKeyEvent)
            and event.type() is QEvent.Type.ShortcutOverride
            and not event.modifiers() & Qt.KeyboardModifier.AltModifier
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Escape:
            self.end()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._go(1)
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            forward = Qt.Key.Key_Right if self.isLeftToRight() else Qt.Key.Key_Left
            self._go(1 if event.key() == forward else -1)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802 - Qt's name
        # What lies under the tour is not for the keyboard either.
        order = [each for each in (self.next, self.back, self.skip) if _usable(each)]
        at = next((n for n, each in enumerate(order) if each.hasFocus()), -1)
        order[(at + (1 if forward else -1)) % len(order)].setFocus(Qt.FocusReason.TabFocusReason)
        return True


def _usable(button: QPushButton) -> bool:
    return button.isVisible() and button.isEnabled()


def _shown(widget: QWidget | None) -> bool:
    return widget is not None and widget.isVisible()


def _beside(hole: QRect, size: QSize, room: QRect) -> QPoint:
    """Where a bubble stands: beside what it points at where there is room, else over its middle."""
    middle = hole.center() if hole.isValid() else room.center()
    up = min(max(middle.y() - size.height() // 2, _EDGE), room.height() - size.height() - _EDGE)
    along = min(max(middle.x() - size.width() // 2, _EDGE), room.width() - size.width() - _EDGE)
    places = (
        QPoint(hole.right() + _EDGE, up),
        QPoint(hole.left() - size.width() - _EDGE, up),
        QPoint(along, hole.bottom() + _EDGE),
        QPoint(along, hole.top() - size.height() - _EDGE),
    )
    inside = room.adjusted(_EDGE // 2, _EDGE // 2, -_EDGE // 2, -_EDGE // 2)
    free = (place for place in places if inside.contains(QRect(place, size)))
    return next(free, QPoint(along, up))

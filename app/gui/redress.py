"""Another theme for the windows that are open, some widgets in each turn of the event loop.

Done at once, and painted after it, it would hold the window for a tenth of a second.
"""

import time
from collections import deque

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from app.gui import theme

_TURN_SECONDS = 0.01
"""For the widgets of one turn; the reader notices five times that."""


class Redress(QObject):
    """Changes the theme; what is on show stays as it was until all of it is dressed."""

    dressed = Signal()  # before it is shown: for what paints itself in the theme's colours

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._undressed: deque[QWidget] = deque()
        self._told = True  # that all are dressed
        self._still: list[QWidget] = []
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._step)

    def to(self, choice: theme.ThemeChoice) -> None:
        """Dress the program anew; where it wears that theme already, `dressed` is told at once."""
        changed = theme.colour(choice)
        if not changed and self._told:
            self.dressed.emit()
            return
        if not self._still:
            self._hold_still()
        self._undressed, self._told = deque(QApplication.allWidgets()), False
        self._timer.start()

    def _step(self) -> None:
        if self._undressed:
            self._dress_some()
        elif not self._told:
            self._told = True
            self.dressed.emit()
        else:
            self._move_on()
            return
        # Due only from now on, so that whatever waited meanwhile comes first.
        self._timer.start()

    def _dress_some(self) -> None:
        end = time.perf_counter() + _TURN_SECONDS
        while self._undressed and time.perf_counter() < end:
            widget = self._undressed.popleft()
            if shiboken6.isValid(widget):
                theme.take_colours(widget)

    def _hold_still(self) -> None:
        shown = (each for each in QApplication.topLevelWidgets() if each.isVisible())
        self._still = [each for each in shown if each.updatesEnabled()]
        for each in self._still:
            each.setUpdatesEnabled(False)

    def _move_on(self) -> None:
        still, self._still = self._still, []
        for each in still:
            if shiboken6.isValid(each):
                each.setUpdatesEnabled(True)

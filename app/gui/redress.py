"""Another theme for the windows that are open, a part in each turn of the event loop.

Qt dresses each widget once for every style sheet that goes or comes; done at once, and painted
after it, the window would be held for a tenth of a second.
"""

from collections import deque
from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from app.gui import theme


class Redress(QObject):
    """Changes the theme; what is on show stays as it was until all of it is dressed."""

    dressed = Signal()  # before it is shown: for what paints itself in the theme's colours

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._steps: deque[Callable[[], object]] = deque()
        self._still: list[QWidget] = []
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._step)

    def to(self, choice: theme.ThemeChoice) -> None:
        """Dress the program anew; where it wears that theme already, `dressed` is told at once."""
        sheet = theme.colour(choice)
        if theme.wears(sheet) and not self._steps:
            self.dressed.emit()
            return
        if not self._steps:
            self._hold_still()
        # To none between them, for the reason that `theme.apply` gives.
        self._steps = deque(
            (
                lambda: theme.wear(""),
                lambda: theme.wear(sheet),
                self.dressed.emit,
                self._move_on,
            )
        )
        self._timer.start()

    def _step(self) -> None:
        self._steps.popleft()()
        if self._steps:
            # Due only from now on, so that whatever waited meanwhile comes first.
            self._timer.start()

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

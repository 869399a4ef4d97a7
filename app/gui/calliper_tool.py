"""Drawing a calliper line, with the mouse or with the keys."""

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from app.gui.callipers import Measurement

_FAR = 10  # samples that Shift and an arrow go

Point = tuple[float, float]
"""(column, row) on the scan."""

_STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class CalliperTool:
    """The line being drawn, and the cross that the keys move."""

    def __init__(self) -> None:
        self.pending: Measurement | None = None
        self.cross: Point | None = None  # None: the keys do not draw

    def begin(self, frame: int, point: Point) -> None:
        self.pending = Measurement(frame=frame, start=point, end=point)

    def stretch(self, point: Point) -> None:
        if self.pending is not None:
            self.pending = replace(self.pending, end=point)

    def end(self) -> Measurement | None:
        """The line as it stands, which is no longer pending."""
        line, self.pending = self.pending, None
        return line

    def stop(self) -> None:
        self.pending = self.cross = None

    def press(
        self, event: QKeyEvent, frame: int, middle: Point, size: tuple[int, int]
    ) -> tuple[bool, Measurement | None]:
        """Take a key: Enter sets the cross and then either end, arrows move it, Escape stops.

        Args:
            middle: Where the cross appears.
            size: (columns, rows) of the scan, which the cross stays on.

        Returns:
            Whether the key meant this tool, and the line if it is complete.
        """
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return True, self._enter(frame, middle)
        if self.cross is None:
            return False, None
        if key is Qt.Key.Key_Escape:
            self.stop()
            return True, None
        if key not in _STEPS:
            return False, None
        far = _FAR if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        across, down = _STEPS[key]
        self.cross = (
            min(max(self.cross[0] + across * far, 0), size[0]),
            min(max(self.cross[1] + down * far, 0), size[1]),
        )
        self.stretch(self.cross)
        return True, None

    def _enter(self, frame: int, middle: Point) -> Measurement | None:
        if self.cross is None:
            self.cross = middle
        elif self.pending is None:
            self.begin(frame, self.cross)
        else:
            return self.end()
        return None

"""The view of one B-scan: heat map, scale bars, zoom, pan, window and level."""

from dataclasses import dataclass, replace
from enum import Enum

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import bscan_marks as marks
from app.gui import theme
from app.gui.calliper_tool import CalliperTool
from app.gui.callipers import Measurement
from app.gui.geometry import Placement, moved, sample_size, transform, zoomed
from app.study import Spacing

_PAGE = 10  # B-scans
_WHEEL_STEP = 120  # eighths of a degree in one notch
_WINDOW_STEP = 0.6  # grey values for each pixel of a drag


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The grey values that are spread from black to white."""

    centre: float = 127.5
    width: float = 255.0
    inverted: bool = False


_PANS = {
    Qt.Key.Key_Left: (0.1, 0.0),
    Qt.Key.Key_Right: (-0.1, 0.0),
    Qt.Key.Key_Up: (0.0, 0.1),
    Qt.Key.Key_Down: (0.0, -0.1),
}
"""With Shift: how far the scan moves, in shares of the view."""


class _Drag(Enum):
    PAN = 1
    WINDOW = 2
    MEASURE = 3


class BScanView(QWidget):
    """Shows the picture it is given. Wheel and keys ask for another B-scan."""

    asked = Signal(int)  # index of the B-scan that the reader wants
    window_changed = Signal(object)  # Window
    measured = Signal(object)  # Measurement
    touched = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(250, 90)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._index, self._count = 0, 0
        self._columns, self._rows = 1, 1
        self._spacing = Spacing()
        self._picture: QImage | None = None
        self._caption = marks.Caption()
        self._true_proportions = True
        self._placement = Placement()
        self._window = Window()
        self._measuring = False
        self._measurements: tuple[Measurement, ...] = ()
        self._tool = CalliperTool()
        self._drag: _Drag | None = None
        self._last = QPointF()
        self._notches = 0
        theme.say(self, self.tr("B-scan"))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(640, 320)

    @property
    def placement(self) -> Placement:
        return self._placement

    @property
    def grey_window(self) -> Window:
        return self._window

    def show_volume(self, count: int, spacing: Spacing) -> None:
        self._count, self._spacing = count, spacing
        self._picture = None
        self._measurements = ()
        self.reset()

    def clear(self) -> None:
        """Show no scan, and tell of none."""
        self.show_volume(0, Spacing())
        self.show_bscan(0, (1, 1), None, marks.Caption())

    def show_bscan(
        self,
        index: int,
        size: tuple[int, int],
        picture: QImage | None,
        caption: marks.Caption,
    ) -> None:
        """Show B-scan `index` of `size` (columns, rows); a picture may have another resolution."""
        if index != self._index:
            # A line lies on one B-scan.
            self._tool.stop()
        self._index, (self._columns, self._rows) = index, size
        self._picture, self._caption = picture, caption
        spoken = caption.spoken()
        if spoken != self.accessibleDescription():
            self.setAccessibleDescription(spoken)
            QAccessible.updateAccessibility(
                QAccessibleEvent(self, QAccessible.Event.DescriptionChanged)
            )
        self.update()

    def set_true_proportions(self, true_proportions: bool) -> None:
        self._true_proportions = true_proportions
        self.update()

    def set_measuring(self, measuring: bool) -> None:
        self._measuring = measuring
        self._tool.stop()
        cursor = Qt.CursorShape.CrossCursor if measuring else Qt.CursorShape.ArrowCursor
        self.setCursor(cursor)

    def set_measurements(self, measurements: tuple[Measurement, ...]) -> None:
        self._measurements = measurements
        self.update()

    def invert(self) -> None:
        self._set_window(replace(self._window, inverted=not self._window.inverted))

    def reset(self) -> None:
        """Whole scan, full range of grey."""
        self._placement = Placement()
        self._set_window(Window())
        self.update()

    def zoom_by(self, factor: float) -> None:
        self._zoom(factor, QRectF(self.rect()).center())

    def adjust_window(self, *, centre: float = 0, width: float = 0) -> None:
        """Shift the level and widen the window, in grey values."""
        self._set_window(
            replace(
                self._window,
                centre=min(max(self._window.centre + centre, 0), 255),
                width=min(max(self._window.width + width, 8), 510),
            )
        )

    def to_view(self) -> QTransform:
        """From (column, row) of the scan to this widget."""
        sample = sample_size(self._spacing, true_proportions=self._true_proportions)
        return transform(QRectF(self.rect()), self._columns, self._rows, sample, self._placement)

    def _set_window(self, window: Window) -> None:
        if window != self._window:
            self._window = window
            self.window_changed.emit(window)

    def _zoom(self, factor: float, point: QPointF) -> None:
        self._placement = zoomed(QRectF(self.rect()), self._placement, factor, point)
        self.update()

    def _ask(self, index: int) -> None:
        index = min(max(index, 0), self._count - 1)
        if self._count and index != self._index:
            self.asked.emit(index)

    def _scan_point(self, position: QPointF) -> tuple[float, float]:
        back, _ = self.to_view().inverted()
        point = back.map(position)
        return (
            min(max(point.x(), 0), self._columns),
            min(max(point.y(), 0), self._rows),
        )

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        delta = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._zoom(1.0015**delta, event.position())
        else:
            self._notches += delta
            # Touchpads send small steps: they add up to whole B-scans.
            steps = int(self._notches / _WHEEL_STEP)
            self._notches -= steps * _WHEEL_STEP
            if steps:
                self._ask(self._index - steps)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        key = Qt.Key
        if self._measuring and self._press_tool(event):
            return
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and event.key() in _PANS:
            across, down = _PANS[key(event.key())]
            self._pan(QPointF(across * self.width(), down * self.height()))
            return
        index = {
            key.Key_Left: self._index - 1,
            key.Key_Up: self._index - 1,
            key.Key_Right: self._index + 1,
            key.Key_Down: self._index + 1,
            key.Key_PageUp: self._index - _PAGE,
            key.Key_PageDown: self._index + _PAGE,
            key.Key_Home: 0,
            key.Key_End: self._count - 1,
        }.get(key(event.key()))
        if index is None:
            super().keyPressEvent(event)
        else:
            self._ask(index)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self.touched.emit()
        self._last = event.position()
        if event.button() is Qt.MouseButton.RightButton:
            self._drag = _Drag.WINDOW
        elif event.button() is Qt.MouseButton.LeftButton and self._measuring:
            self._drag = _Drag.MEASURE
            self._tool.begin(self._index, self._scan_point(event.position()))
        else:
            self._drag = _Drag.PAN

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        by = event.position() - self._last
        self._last = event.position()
        if self._drag is _Drag.WINDOW:
            self.adjust_window(centre=-by.y() * _WINDOW_STEP, width=by.x() * _WINDOW_STEP)
        elif self._drag is _Drag.PAN:
            self._pan(by)
        elif self._drag is _Drag.MEASURE:
            self._tool.stretch(self._scan_point(event.position()))
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self._drag is _Drag.MEASURE:
            self._measured(self._tool.end())
        self._drag = None

    def _measured(self, line: Measurement | None) -> None:
        if line is not None:
            to_view = self.to_view()
            apart = to_view.map(QPointF(*line.end)) - to_view.map(QPointF(*line.start))
            # A click is not a line.
            if apart.manhattanLength() > 4:
                self.measured.emit(line)
        self.update()

    def _press_tool(self, event: QKeyEvent) -> bool:
        """Let the calliper have a key; whether it took it."""
        middle = self._scan_point(QRectF(self.rect()).center())
        size = (self._columns, self._rows)
        taken, line = self._tool.press(event, self._index, middle, size)
        if taken:
            self._measured(line)
        return taken

    def _pan(self, by: QPointF) -> None:
        if self._placement.zoom > 1:
            self._placement = moved(QRectF(self.rect()), self._placement, by)
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if not self._measuring:
            self._placement = Placement()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.IMAGE_GROUND)
        if not self._count:
            return
        to_view = self.to_view()
        scan = to_view.mapRect(QRectF(0, 0, self._columns, self._rows))
        if self._picture is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(scan, self._picture)
        lines = [each for each in self._measurements if each.frame == self._index]
        if self._tool.pending is not None:
            lines.append(self._tool.pending)
        for line in lines:
            marks.draw_measurement(
                painter,
                to_view.map(QPointF(*line.start)),
                to_view.map(QPointF(*line.end)),
                line.length_um(self._spacing),
            )
        if self._tool.cross is not None:
            marks.draw_cross(painter, to_view.map(QPointF(*self._tool.cross)))
        frame = self.rect()
        marks.draw_caption(painter, frame, self._caption)
        marks.draw_scale_bars(painter, frame, to_view, self._spacing)
        if self.hasFocus():
            marks.draw_focus(painter, frame)

    def focusInEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, N802
        self.touched.emit()
        super().focusInEvent(event)

    def point_of(self, column: float, row: float) -> QPoint:
        """Where a sample is on this widget."""
        return self.to_view().map(QPointF(column, row)).toPoint()

"""What the panels share that show a whole volume and lead to one of its B-scans."""

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget


class BScanChooser(QWidget):
    """Click, or drag, to go to a B-scan.

    What does not change with the present B-scan is drawn once for each size of the panel.
    """

    asked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._index = 0
        self._drawn: QPixmap | None = None

    def set_index(self, index: int) -> None:
        self._index = index
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._point_at(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._point_at(event.position())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._drawn = None
        super().resizeEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            words = self._told(self._index_at(QPointF(event.pos())))
            if words is not None:
                QToolTip.showText(event.globalPos(), words, self)
                return True
        return super().event(event)

    def _index_at(self, position: QPointF) -> int | None:
        """The B-scan at a place on the panel."""
        raise NotImplementedError

    def _paint_still(self, painter: QPainter) -> None:
        """Paint what does not change with the present B-scan."""
        raise NotImplementedError

    def _told(self, index: int | None) -> str | None:
        """What pointing there tells; None where the panel has one tooltip for all of it."""
        return None

    def _still(self, size: QSize, ground: QColor) -> QPixmap:
        """What `_paint_still` paints, on a ground."""
        if self._drawn is None:
            ratio = self.devicePixelRatioF()
            self._drawn = QPixmap(size * ratio)
            self._drawn.setDevicePixelRatio(ratio)
            self._drawn.fill(ground)
            painter = QPainter(self._drawn)
            painter.setFont(self.font())
            self._paint_still(painter)
            painter.end()
        return self._drawn

    def _redraw(self) -> None:
        self._drawn = None
        self.update()

    def _point_at(self, position: QPointF) -> None:
        index = self._index_at(position)
        if index is not None:
            self.asked.emit(index)

"""One page of the report on the screen."""

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.gui import theme


class Sheet(QWidget):
    """A page at its own size, or smaller where the window is narrower; it can be dragged out."""

    pressed = Signal()
    dragged = Signal()

    def __init__(self, picture: QImage, name: str, words: str) -> None:
        super().__init__()
        self.picture = picture
        self._pressed: QPoint | None = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setToolTip(self.tr("Drag the report from here to a mail or a folder"))
        theme.say(self, name, words)
        self.fit(self.picture.width())

    def fit(self, width: int) -> None:
        """Take at most `width` device-independent pixels."""
        whole = self.picture.deviceIndependentSize()
        scale = min(1.0, width / whole.width())
        self.setFixedSize(QSize(round(whole.width() * scale), round(whole.height() * scale)))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self.rect(), self.picture)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        left = event.button() is Qt.MouseButton.LeftButton
        self._pressed = event.position().toPoint() if left else None
        if left:
            self.pressed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self._pressed is None:
            return
        moved = (event.position().toPoint() - self._pressed).manhattanLength()
        if moved >= QApplication.startDragDistance():
            self._pressed = None
            self.dragged.emit()

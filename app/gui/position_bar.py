"""Where in its volume the B-scan on show lies, and the way to another."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from app.gui import theme
from app.gui.icons import icon
from app.gui.languages import apart

_PAGE = 10  # B-scans


class PositionBar(QWidget):
    """A slider over all B-scans, with buttons from one deciding B-scan to the next."""

    asked = Signal(int)
    stepped = Signal(int)  # 1 to the next deciding B-scan, -1 to the one before

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Space, not text: it runs as the filmstrip below does, whichever way a language is read.
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setPageStep(_PAGE)
        self.slider.setToolTip(self.tr("Position in the volume (arrow keys, Page Up, Page Down)"))
        theme.say(self.slider, self.tr("Position in the volume"))
        self.slider.valueChanged.connect(self.asked)
        self._place = QLabel()
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        for name, words, keys, step in (
            ("previous", self.tr("Previous deciding B-scan"), "P", -1),
            ("next", self.tr("Next deciding B-scan"), "N", 1),
        ):
            button = QToolButton()
            button.setIcon(icon(name))
            button.setToolTip(f"{words} ({apart(keys)})")
            theme.say(button, words)
            button.clicked.connect(lambda _=False, step=step: self.stepped.emit(step))
            row.addWidget(button)
        row.addWidget(self.slider, 1)
        row.addSpacing(6)
        row.addWidget(self._place)

    @property
    def index(self) -> int:
        return self.slider.value()

    def show_place(self, index: int, count: int) -> None:
        """Show where the reader is, without asking for it."""
        self.slider.blockSignals(True)
        self.slider.setRange(0, count - 1)
        self.slider.setValue(index)
        self.slider.blockSignals(False)
        self._place.setText(f"{index + 1} / {count}")

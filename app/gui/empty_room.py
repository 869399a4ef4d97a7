"""What stands in the window while no study is open."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.icons import pixmap


class EmptyRoom(QWidget):
    """The ways to a first study."""

    folder_wanted = Signal()
    files_wanted = Signal()
    demo_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title = self._title = QLabel(self.tr("Drop an OCT study here"))
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setBold(True)
        title.setFont(font)
        about = QLabel(
            self.tr("A folder or files: DICOM OCT, or images of B-scans (PNG, JPEG, TIFF).")
        )
        about.setObjectName("muted")
        about.setWordWrap(True)
        about.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = self._ways = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        row.addStretch(1)
        for words, signal in (
            (self.tr("Open folder…"), self.folder_wanted),
            (self.tr("Open files…"), self.files_wanted),
            (self.tr("Open the demo study"), self.demo_wanted),
        ):
            button = QPushButton(words)
            button.clicked.connect(signal)
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setSpacing(14)
        layout.addStretch(2)
        for each in (self._picture, title, about):
            layout.addWidget(each)
        layout.addLayout(row)
        layout.addStretch(3)
        self.dress()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(self._title.minimumSizeHint().width(), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Put the buttons below one another where they do not fit beside one another."""
        super().resizeEvent(event)
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        buttons = self.findChildren(QPushButton)
        width = sum(each.sizeHint().width() + self._ways.spacing() for each in buttons)
        self._ways.setDirection(across if width + 4 * theme.GAP <= self.width() else down)

    def dress(self) -> None:
        self._picture.setPixmap(pixmap("eye", QColor(theme.current().muted), 64))

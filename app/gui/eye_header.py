"""Whose eye a panel shows, and which of its acquisitions."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from app.gui import theme, wording
from app.gui.elided_label import ElidedLabel
from app.gui.languages import apart, told
from app.study import Laterality, Volume

_CHOICE_WIDTH = 200
_LEAST_CHOICE = 6  # characters


class EyeHeader(QWidget):
    """The row above a B-scan."""

    volume_chosen = Signal(int)
    eye_named = Signal(object)  # Laterality
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = QLabel()
        self._title.setObjectName("heading")
        self._about = ElidedLabel("muted")
        self._volumes = QComboBox()
        theme.say(self._volumes, self.tr("Acquisition"))
        self._volumes.setMaximumWidth(_CHOICE_WIDTH)
        self._volumes.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._volumes.setMinimumContentsLength(_LEAST_CHOICE)
        self._volumes.activated.connect(self.volume_chosen)
        self._right = self._eye_button(self.tr("Right (OD)"), Laterality.RIGHT)
        self._left = self._eye_button(self.tr("Left (OS)"), Laterality.LEFT)
        self._close = QToolButton()
        self._close.setText("✕")
        self._close.setToolTip(self.tr("Close this visit"))
        theme.say(self._close, self.tr("Close this visit"))
        self._close.clicked.connect(self.closed)
        # Side by side, scans must begin at one height.
        policy = self._close.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._close.setSizePolicy(policy)
        self._close.hide()
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 8, 4)
        row.setSpacing(10)
        row.addWidget(self._title)
        row.addWidget(self._about, 1)
        for each in (self._volumes, self._right, self._left, self._close):
            row.addWidget(each)

    def set_short(self, *, short: bool) -> None:
        """Take as little height as the words need, where the window is low."""
        edge = 0 if short else 4
        self._row.setContentsMargins(10, edge, 8, edge)

    def _eye_button(self, words: str, laterality: Laterality) -> QPushButton:
        button = QPushButton(words)
        button.setAccessibleDescription(self.tr("Say which eye this is"))
        button.clicked.connect(lambda: self.eye_named.emit(laterality))
        return button

    def show_volume(self, volume: Volume, siblings: tuple[Volume, ...], *, visit: str = "") -> None:
        """Say what a volume is; `visit` names the visit where it is not the one being read."""
        unknown = volume.laterality is Laterality.UNKNOWN
        short, long = wording.eye_short(volume.laterality), wording.eye_long(volume.laterality)
        title = self.tr("Which eye is it?") if unknown else f"{apart(short)}  {long}"
        self._title.setText(f"{apart(short)}  {apart(visit)}" if visit else title)
        self._about.setText(wording.volume_line(volume))
        self._about.setToolTip("\n".join((wording.volume_line(volume), *map(told, volume.notes))))
        for button in (self._right, self._left):
            button.setVisible(unknown and not visit)
        self._close.setVisible(bool(visit))
        self._volumes.setVisible(len(siblings) > 1)
        self._offer(
            [
                f"{number}: {wording.volume_line(each)}"
                for number, each in enumerate(siblings, start=1)
            ]
        )
        self._volumes.setCurrentIndex([each.uid for each in siblings].index(volume.uid))

    def _offer(self, acquisitions: list[str]) -> None:
        offered = [self._volumes.itemText(at) for at in range(self._volumes.count())]
        # Filled anew, a list that the reader has open would close.
        if acquisitions != offered:
            self._volumes.clear()
            self._volumes.addItems(acquisitions)

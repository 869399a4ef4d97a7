"""Which heat map, and how strong: the controls in the tool bar, and the classes as a menu."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSlider,
    QWidget,
)

from app.gui import theme, wording
from app.modelpack import Card

_STEP = 10


class HeatControls(QWidget):
    """Class and opacity of the heat map."""

    class_chosen = Signal(object)  # name of the class; None: that of the call
    opacity_chosen = Signal(float)  # from 0 to 1

    def __init__(self, opacity: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._chosen: str | None = None  # also while a model is on show that does not know it
        self.classes = QComboBox()
        self.classes.addItem(self.tr("Class called"), None)
        self.classes.setToolTip(self.tr("Whose heat map is shown"))
        self.classes.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        theme.say(self.classes, self.tr("Class of the heat map"))
        self.classes.activated.connect(self._choose)
        self.menu = QMenu(self.tr("&Class of the heat map"))
        self.menu.aboutToShow.connect(self._check_choice)
        self._fill_menu()
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setPageStep(_STEP)
        self.opacity.setFixedWidth(90)
        self.opacity.setValue(round(opacity * 100))
        self.opacity.setToolTip(self.tr("Opacity of the heat map ([ and ])"))
        theme.say(self.opacity, self.tr("Opacity of the heat map"))
        self.opacity.valueChanged.connect(lambda value: self.opacity_chosen.emit(value / 100))
        label = QLabel(self.tr("Opacity"))
        label.setObjectName("muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 6, 0)
        layout.setSpacing(8)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        for each in (self.classes, label, self.opacity):
            layout.addWidget(each)

    def show_card(self, card: Card | None) -> None:
        """Offer the classes of a model, the most severe first."""
        names = card.names if card is not None else ()
        if names == self._names:
            return
        self._names = names
        while self.classes.count() > 1:
            self.classes.removeItem(1)
        if card is not None:
            for info in sorted(card.classes, key=lambda each: -each.severity):
                self.classes.addItem(wording.class_word(info.name), info.name)
        self.classes.setCurrentIndex(max(self.classes.findData(self._chosen), 0))
        self._fill_menu()

    def step(self, direction: int) -> None:
        self.opacity.setValue(self.opacity.value() + direction * _STEP)

    def _fill_menu(self) -> None:
        self.menu.clear()
        group = QActionGroup(self.menu)
        for place in range(self.classes.count()):
            choice = self.menu.addAction(self.classes.itemText(place))
            choice.setCheckable(True)
            choice.triggered.connect(lambda _=False, place=place: self._choose(place))
            group.addAction(choice)

    def _check_choice(self) -> None:
        self.menu.actions()[self.classes.currentIndex()].setChecked(True)

    def _choose(self, place: int) -> None:
        self.classes.setCurrentIndex(place)
        self._chosen = self.classes.currentData()
        self.class_chosen.emit(self._chosen)

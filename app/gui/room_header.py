"""Whose eyes are on show, and the choice between them."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from app.gui import theme, wording
from app.gui.elided_label import ElidedLabel
from app.gui.languages import apart
from app.study import Laterality, Study


class RoomHeader(QWidget):
    """Patient and visit at one end, the eyes at the other."""

    eye_chosen = Signal(object)  # Laterality; None: all of them side by side

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._patient = ElidedLabel("heading")
        self._visit = ElidedLabel("muted")
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._patient)
        words.addWidget(self._visit)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 5, 8, 5)
        self._row.addLayout(words, 1)
        self._short = False
        self._told = "", ""  # of the patient, of the visit
        self._eyes = QButtonGroup(self)
        self._buttons: dict[Laterality | None, QToolButton] = {}
        for laterality, keys in (
            (Laterality.RIGHT, "Ctrl+1"),
            (Laterality.LEFT, "Ctrl+2"),
            (Laterality.UNKNOWN, ""),
            (None, "Ctrl+3"),
        ):
            button = self._eye_button(laterality, keys)
            self._buttons[laterality] = button
            self._row.addWidget(button)

    def _eye_button(self, laterality: Laterality | None, keys: str) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setText(self.tr("Both") if laterality is None else wording.eye_short(laterality))
        name = self.tr("Side by side") if laterality is None else wording.eye_long(laterality)
        button.setToolTip(f"{name} ({apart(keys)})" if keys else name)
        theme.say(button, name)
        button.clicked.connect(lambda: self.eye_chosen.emit(laterality))
        self._eyes.addButton(button)
        return button

    def add_command(self, action: QAction) -> None:
        """Offer a command before the eyes, as long as it can be carried out."""
        button = QToolButton()
        button.setDefaultAction(action)
        theme.say(button, action.toolTip())
        action.enabledChanged.connect(button.setVisible)
        button.setVisible(action.isEnabled())
        self._row.insertWidget(1, button)

    def show_study(self, study: Study, held: Sequence[Laterality]) -> None:
        """Name the patient and the visit; `held` are the eyes that the study has."""
        visit = wording.visit_line(study), apart(study.description or "")
        self._told = wording.patient_line(study.patient), "  ·  ".join(filter(None, visit))
        self._tell()
        for eye, button in self._buttons.items():
            button.setVisible(len(held) > 1 and (eye is None or eye in held))

    def set_short(self, *, short: bool) -> None:
        """Take one line where the window is low."""
        self._short = short
        edge = 1 if short else 5
        self._row.setContentsMargins(10, edge, 8, edge)
        self._tell()

    def _tell(self) -> None:
        patient, visit = self._told
        both = "  ·  ".join(filter(None, self._told))
        self._patient.setText(both if self._short else patient)
        self._visit.setText(visit)
        self._visit.setVisible(not self._short)

    def check(self, laterality: Laterality | None) -> None:
        """Show which eye is chosen."""
        self._buttons[laterality].setChecked(True)

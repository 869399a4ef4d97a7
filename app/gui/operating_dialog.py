"""The clinic's operating point, in a window of its own."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QFrame, QScrollArea, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.dialogs import save_or_cancel
from app.gui.operating_form import OperatingForm
from app.modelpack import Card
from app.settings import Settings, edited_onto


class OperatingDialog(QDialog):
    """Edits a copy; once it is accepted, `changed` carries what holds then with what was edited."""

    changed = Signal(object)  # Settings

    def __init__(
        self,
        current: Callable[[], Settings],
        card: Card,
        locked: frozenset[str],
        parent: QWidget,
    ) -> None:
        """Build it.

        Args:
            card: The package's own, without the clinic's thresholds.
            locked: The settings that the clinic's IT keeps as they are.
        """
        super().__init__(parent)
        self.setWindowTitle(self.tr("Operating point"))
        self._current = current
        self._before = current()
        self.form = OperatingForm(card, self._before, locked)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(self.form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(14)
        layout.addWidget(area)
        layout.addWidget(save_or_cancel(self))
        theme.fit(self, 560, 560)

    def accept(self) -> None:
        self.changed.emit(edited_onto(self._current(), self._before, self.form.edited()))
        super().accept()

"""The visits of the patient on show: a list to choose from, and the change from one to the next."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QSizePolicy, QWidget

from app.cases.trail import Entry
from app.gui import theme
from app.gui.languages import told
from app.gui.visit_chart import VisitChart, visit_line, visit_words
from app.study import EyeResult
from app.visits import Visit

_HEIGHT = 150
_LIST_WIDTH = 250

_Shown = tuple[list[tuple[EyeResult, Entry | None]], EyeResult | None]
"""What is told of the visits, and the present one."""


class VisitStrip(QWidget):
    """One eye's visits; the one chosen is shown beside the present one."""

    chosen = Signal(object)  # Visit

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMaximumHeight(_HEIGHT)
        self._shown: _Shown = [], None
        self.chart = VisitChart()
        self.chart.chosen.connect(self.chosen)
        self.list = QListWidget()
        self.list.setMaximumWidth(_LIST_WIDTH)
        # Both calls of a visit are read at once, without rolling sideways.
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setToolTip(self.tr("Enter shows a visit beside the present one"))
        theme.say(
            self.list,
            self.tr("Visits"),
            self.tr("Enter shows a visit beside the present one."),
        )
        self.list.itemActivated.connect(self._choose)
        self.list.itemClicked.connect(self._choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 8, 6)
        row.addWidget(self.list)
        row.addWidget(self.chart, 1)

    def show_visits(self, visits: Sequence[Visit], present: Visit | None) -> None:
        """Show these, oldest first; `present` is the one being read."""
        eyes = [(each.eye, each.said) for each in visits]
        shown = eyes, present.eye if present is not None else None
        if shown == self._shown:
            # Nothing is new, and the reader may be choosing.
            return
        self._shown = shown
        self.list.clear()
        for visit in reversed(visits):
            words = visit_words(visit)
            item = QListWidgetItem(
                self.tr("{visit} · this visit").format(visit=words) if visit is present else words
            )
            item.setToolTip(f"{visit_line(visit)}\n{told(visit.source.missing)}".strip())
            item.setData(Qt.ItemDataRole.UserRole, visit)
            if visit is present:
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.list.addItem(item)
        # Whoever comes here with the keys wants another visit, and mostly the one before.
        others = [row for row, visit in enumerate(reversed(visits)) if visit is not present]
        here = next((row for row, visit in enumerate(reversed(visits)) if visit is present), -1)
        self.list.setCurrentRow(next((row for row in others if row > here), others[-1]))
        self.chart.show_visits(visits, present)

    def _choose(self, item: QListWidgetItem) -> None:
        if item.flags() & Qt.ItemFlag.ItemIsSelectable:
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))

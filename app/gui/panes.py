"""The window's three panes: side by side where there is room, else what is being read comes first.

A window too narrow for all of them, as on a small screen at 200 %, keeps the scans and at most one
of the others: beside them where both fit, in their place where not. What was on show comes back
with the room.
"""

from enum import Enum

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QWidget

_ROOMY = 480  # width of the scans from which all three panes stand side by side
_READABLE = 360  # and of the scans beside one other pane


class Pane(Enum):
    STUDIES = 0
    SCANS = 1
    RESULTS = 2


class Panes(QSplitter):
    """Shows as many of the panes as fit; `want` and `bring_forward` say which the reader needs."""

    arranged = Signal()

    def __init__(self, studies: QWidget, scans: QWidget, results: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setChildrenCollapsible(False)
        self._scans = scans
        self._held = {Pane.STUDIES: studies, Pane.RESULTS: results}
        self._widgets = {
            Pane.STUDIES: _scrolled(studies),
            Pane.SCANS: _scrolled(scans),
            Pane.RESULTS: results,
        }
        scans.installEventFilter(self)
        for each in self._widgets.values():
            self.addWidget(each)
        self.setStretchFactor(1, 1)
        self._sizes = [220, 900, 320]
        self.setSizes(self._sizes)
        self._filled = False
        self._wanted = {Pane.STUDIES, Pane.RESULTS}
        self._beside: Pane | None = Pane.RESULTS  # the scans, while the window is narrow
        self._in_front = False  # in their place, if both do not fit
        self.folded = False

    def fill(self, filled: bool) -> None:
        """Say whether a case is on show: without one there is nothing to list or to find."""
        self._filled = filled
        self.arrange()

    def want(self, pane: Pane, wanted: bool) -> None:
        """Show one of the panes beside the scans, or put it away."""
        if not self.folded:
            (self._wanted.add if wanted else self._wanted.discard)(pane)
        elif wanted:
            self._wanted.add(pane)
            self._beside, self._in_front = pane, True
        elif self._fits(pane):
            self._beside = None
        else:
            self._in_front = False
        self.arrange()

    def bring_forward(self) -> None:
        """Show the scans, if another pane stands in their place."""
        if self._in_front:
            self._in_front = False
            self.arrange()

    def shows(self, pane: Pane) -> bool:
        return not self._widgets[pane].isHidden()

    def arrange(self) -> None:
        """Show what fits now."""
        before = [self.shows(pane) for pane in Pane]
        was_folded, self.folded = self.folded, self._filled and not self._room_for_all()
        if self.folded and not was_folded:
            self._sizes = self.sizes() if all(before) else self._sizes
        shown = self._shown()
        for pane, widget in self._widgets.items():
            widget.setVisible(pane in shown)
        if before == [self.shows(pane) for pane in Pane] and was_folded == self.folded:
            return
        if self.folded:
            self.setSizes([self._least(Pane.STUDIES), self.width(), self._least(Pane.RESULTS)])
        elif was_folded:
            self.setSizes(self._sizes)
        self.arranged.emit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        # Of the panes that stand now it would keep the window from becoming narrow.
        return QSize(max(self._least(Pane.STUDIES), self._least(Pane.RESULTS)), 60)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.LayoutRequest:
            # Eyes side by side need more width than one.
            self.arrange()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self.arrange()
        super().resizeEvent(event)

    def _shown(self) -> set[Pane]:
        if not self._filled:
            return {Pane.SCANS}
        if not self.folded:
            return {Pane.SCANS, *self._wanted}
        if self._beside is None or self._beside not in self._wanted:
            return {Pane.SCANS}
        if self._fits(self._beside):
            return {Pane.SCANS, self._beside}
        return {self._beside if self._in_front else Pane.SCANS}

    def _room_for_all(self) -> bool:
        least = self._least(Pane.STUDIES) + self._least(Pane.RESULTS) + 2 * self.handleWidth()
        return self.width() >= least + max(_ROOMY, self._scans.minimumSizeHint().width())

    def _fits(self, pane: Pane) -> bool:
        scans = max(_READABLE, self._scans.minimumSizeHint().width())
        return self.width() >= self._least(pane) + self.handleWidth() + scans

    def _least(self, pane: Pane) -> int:
        widget = self._held[pane]
        return max(widget.minimumSizeHint().width(), widget.minimumWidth())


def _scrolled(widget: QWidget) -> QScrollArea:
    """What is cut off by a low window is scrolled to, by Tab too."""
    area = QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area

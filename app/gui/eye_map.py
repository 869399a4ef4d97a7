"""The eye at a glance: where along every B-scan a class was seen, one row for each."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import theme, wording
from app.gui.bscan_chooser import BScanChooser
from app.gui.findings import Findings
from app.gui.images import colour_image

_MARGIN = 8
_EDGE = 5  # width of the column of class colours
_GROUND = np.array([0x16, 0x1A, 0x1F], np.uint8)  # where nothing speaks for the class
_PRESENT = QColor("#8ef0c0")
_WORDS = QColor("#b4bec8")
_HATCH = QColor("#8b95a0")


class EyeMap(BScanChooser):
    """Frame by lateral position, coloured as the heat maps are; click to go to a B-scan."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(90, 90)
        self._findings: Findings | None = None
        self._position: int | None = None
        self._colours: tuple[QColor | None, ...] = ()
        self._picture: QImage | None = None
        self._upside_down = False
        theme.say(self, self.tr("Map of the eye"))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(150, 170)

    def show_findings(self, findings: Findings | None, position: int | None) -> None:
        """Show where the class at `position` was seen; with None there is none to show."""
        if findings is not self._findings:
            self._colours = findings.colours if findings is not None else ()
        self._findings, self._position = findings, position
        self._upside_down = findings is not None and _first_is_below(findings)
        self._picture = None
        if findings is not None and position is not None:
            self._picture = _picture(findings, position)
        self.setAccessibleDescription(self._described())
        self._redraw()

    def _described(self) -> str:
        if self._findings is None or self._position is None:
            return self.tr("No disease was called, so that there is none to show.")
        strongest = self._findings.from_above(self._position).max(axis=1)
        return self.tr(
            "Where each B-scan speaks for {name}: most in B-scan {n} of {count}. Click to go there."
        ).format(name=self._name(), n=int(strongest.argmax()) + 1, count=len(strongest))

    def _name(self) -> str:
        assert self._findings is not None
        assert self._position is not None
        return wording.class_word(self._findings.card.names[self._position])

    def _count(self) -> int:
        return len(self._findings.result.bscans) if self._findings is not None else 0

    def _field(self) -> QRectF:
        """Where the rows lie on this widget, under the caption."""
        top = _MARGIN + self.fontMetrics().height() + 4
        return QRectF(self.rect()).adjusted(_MARGIN + _EDGE + 2, top, -_MARGIN, -_MARGIN)

    def _row(self, index: int, field: QRectF) -> QRectF:
        height = field.height() / max(self._count(), 1)
        place = self._count() - 1 - index if self._upside_down else index
        return QRectF(field.left(), field.top() + place * height, field.width(), height)

    def _index_at(self, position: QPointF) -> int | None:
        field = self._field()
        if not field.adjusted(-_EDGE - 3, 0, 0, 0).contains(position) or not self._count():
            return None
        place = int((position.y() - field.top()) / field.height() * self._count())
        place = min(max(place, 0), self._count() - 1)
        return self._count() - 1 - place if self._upside_down else place

    def _told(self, index: int | None) -> str:
        if index is None:
            return ""
        assert self._findings is not None
        finding, _ = wording.bscan_finding(self._findings.result.bscans[index], self._findings.card)
        return self.tr("B-scan {n}: {finding}").format(n=index + 1, finding=finding)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still(self.size(), theme.IMAGE_GROUND))
        if self._picture is None:
            return
        painter.setPen(QPen(_PRESENT, 1.5))
        row = self._row(self._index, self._field())
        painter.drawRect(row.adjusted(-_EDGE - 3, 0, 1, max(3 - row.height(), 0)))

    def _paint_still(self, painter: QPainter) -> None:
        if self._findings is None:
            return
        painter.setPen(_WORDS)
        words = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN - 2, -_MARGIN, 0)
        field = self._field()
        if self._picture is None:
            centre = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(words, centre, self.tr("No disease called: choose a class above"))
            return
        room = int(words.width())
        caption = self.fontMetrics().elidedText(
            self.tr("Where: {name}").format(name=self._name()), Qt.TextElideMode.ElideRight, room
        )
        painter.drawText(words, Qt.AlignmentFlag.AlignTop, caption)
        painter.save()
        if self._upside_down:
            painter.translate(0, field.top() + field.bottom())
            painter.scale(1, -1)
        # Rows are B-scans: they must not run into one another.
        painter.drawImage(field, self._picture)
        painter.restore()
        for index, colour in enumerate(self._colours):
            self._paint_row(painter, self._row(index, field), colour)

    def _paint_row(self, painter: QPainter, row: QRectF, colour: QColor | None) -> None:
        edge = QRectF(row.left() - _EDGE - 2, row.top(), _EDGE, row.height() + 0.5)
        if colour is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_HATCH)
            painter.fillRect(row.adjusted(-_EDGE - 2, 0, 0, 0.5), Qt.BrushStyle.BDiagPattern)
        else:
            painter.fillRect(edge, colour)


def _picture(findings: Findings, position: int) -> QImage:
    from app.overlay import FLOOR, colours

    share = findings.from_above(position)
    ramp = np.clip((share - FLOOR) / (1 - FLOOR), 0, 1)[:, :, None]
    heat = colours()[(share * 255).astype(np.uint8)]
    shown = _GROUND * (1 - ramp**0.5) + heat * ramp**0.5
    return colour_image(shown.astype(np.uint8))


def _first_is_below(findings: Findings) -> bool:
    """Whether the first B-scan lies below the last on the localizer: shown there as it lies."""
    volume = findings.result.volume
    first, last = (bscan.location for bscan in (volume.bscans[0], volume.bscans[-1]))
    if volume.localizer is None or not first or not last:
        return False
    return sum(row for row, _ in first) / len(first) > sum(row for row, _ in last) / len(last)

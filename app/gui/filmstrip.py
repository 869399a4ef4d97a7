"""All B-scans of a volume at a glance: what each shows, which decided, which do not count."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import theme, wording
from app.gui.bscan_chooser import BScanChooser
from app.gui.images import colour_image
from app.modelpack import Card
from app.study import BScanResult, Gradability, VolumeResult

_MARK = 8  # height of the row of triangles
_TRIANGLE = 10  # width of one with its edge
_BARS = 34
_BETWEEN = 6
_THUMBNAIL = (40, 128)  # least and greatest height
_MOST_SCALED = 96  # thumbnails kept at the size of the screen
_FAINT = 0.35  # a bar of a B-scan that is unlike the training data
_STRIPE = 4  # colour bar under a thumbnail
_GROUND = QColor("#0e1114")
_EMPTY = QColor("#20262d")
_HATCH = QColor("#8b95a0")
_DECIDING = QColor("#ffffff")
_PRESENT = QColor(theme.DARK.accent)


class Filmstrip(BScanChooser):
    """Bars of probability for every B-scan, and thumbnails around the present one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._count = 0
        self._aspect = 1.6
        self._thumbnails: list[QImage | None] = []
        self._result: VolumeResult | None = None
        self._card: Card | None = None
        self._changed: dict[int, str] = {}
        self._scaled: dict[int, QPixmap] = {}  # thumbnails at the size they are painted in
        theme.say(self, self.tr("Filmstrip"), self._described())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(400, _MARK + _BARS + _BETWEEN + 60 + _STRIPE + 6)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        # Thumbnails are left out where a low window has no room for them.
        return QSize(120, _MARK + _BARS + _BETWEEN)

    def _thumbnail(self) -> int:
        """Height of a thumbnail: what room there is."""
        room = self.height() - _MARK - _BARS - _BETWEEN - _STRIPE - 6
        return min(max(room, _THUMBNAIL[0]), _THUMBNAIL[1])

    def show_volume(self, thumbnails: list[QImage | None], aspect: float) -> None:
        """Show a volume without results; `thumbnails` may fill up later."""
        self._thumbnails, self._count, self._aspect = thumbnails, len(thumbnails), aspect
        self._result, self._index = None, 0
        self._scaled.clear()
        self.show_changed({})

    def show_result(self, result: VolumeResult | None, card: Card | None) -> None:
        self._result, self._card = result, card
        self._redraw()

    def show_changed(self, changed: Mapping[int, str]) -> None:
        """Mark the B-scans that the reader called otherwise; see `EyePanel.show_changed`."""
        self._changed = dict(changed)
        self.setAccessibleDescription(self._described())
        self._redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._scaled.clear()
        super().resizeEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        # Thumbnails move with the present B-scan: dragging over them would run away.
        if event.position().y() < _MARK + _BARS:
            self._point_at(event.position())

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        delta = event.angleDelta().y() or event.angleDelta().x()
        if delta and self._count:
            step = -1 if delta > 0 else 1
            self.asked.emit(min(max(self._index + step, 0), self._count - 1))
        event.accept()

    def _told(self, index: int | None) -> str:
        if index is None:
            return ""
        words = self.tr("B-scan {n}").format(n=index + 1)
        if self._result is None or self._card is None:
            return words
        finding, _ = wording.bscan_finding(self._result.bscans[index], self._card)
        words = self.tr("B-scan {n}: {finding}").format(n=index + 1, finding=finding)
        if index in self._result.call.evidence:
            words = self.tr("{words} · ▼ weighed most").format(words=words)
        if index in self._changed:
            words = self.tr("{words} · ◆ changed by {call}").format(
                words=words, call=self._changed[index]
            )
        return words

    def _described(self) -> str:
        words = self.tr("All B-scans with the probability of each class. Click one to go there.")
        if not self._changed:
            return words
        calls = (
            self.tr("B-scan {n}, {call}").format(n=index + 1, call=call)
            for index, call in sorted(self._changed.items())
        )
        return self.tr("{words} Calls changed by the reader: {calls}.").format(
            words=words, calls="; ".join(calls)
        )

    def _index_at(self, position: QPointF) -> int | None:
        if not self._count:
            return None
        if position.y() < _MARK + _BARS + _BETWEEN / 2 or not self._has_thumbnails():
            index = int(position.x() / max(self.width(), 1) * self._count)
        else:
            first, width = self._thumbnails_from()
            index = int((position.x() - first) // width)
        return index if 0 <= index < self._count else None

    def _thumbnails_from(self) -> tuple[float, float]:
        """Where the first thumbnail begins, and how wide each is with its gap."""
        width = min(max(self._thumbnail() * self._aspect, 36), 240) + 3
        if self._count * width <= self.width():
            return 0.0, width
        first = self.width() / 2 - (self._index + 0.5) * width
        return min(max(first, self.width() - self._count * width), 0.0), width

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), _GROUND)
        if not self._count:
            return
        painter.drawPixmap(0, 0, self._still(QSize(self.width(), _MARK + _BARS), _GROUND))
        width = self.width() / self._count
        x = self._index * width
        painter.setPen(QPen(_PRESENT, 2))
        painter.drawRect(QRectF(x, _MARK, max(width, 3), _BARS).adjusted(0, 1, 0, -1))
        self._paint_thumbnails(painter)

    def _paint_still(self, painter: QPainter) -> None:
        """Paint the bars of probability."""
        width = self.width() / self._count
        painter.drawImage(QRectF(0, _MARK, self.width(), _BARS), self._bars_image(width))
        if self._result is not None:
            for index, bscan in enumerate(self._result.bscans):
                if bscan.probabilities is None:
                    _hatch(painter, QRectF(index * width, _MARK, max(width - 1, 0.6), _BARS))
            _paint_triangles(
                painter, [(index + 0.5) * width for index in self._result.call.evidence], _MARK
            )
        for index in self._changed:
            _paint_diamond(painter, QPointF((index + 0.5) * width, _MARK + _BARS - 7))

    def _bars_image(self, width: float) -> QImage:
        """For every B-scan, `width` wide, the probabilities of its classes on one another."""
        ratio = self.devicePixelRatioF()
        columns, rows = round(self.width() * ratio), round(_BARS * ratio)
        place = (np.arange(columns) + 0.5) / columns * self._count
        index = place.astype(int)
        # Where bars are wide enough, a gap of one point lies between them.
        gap = ((place - index) * width > width - 1) & (width > 4)
        pixels: NDArray[np.uint8] = np.empty((rows, columns, 3), np.uint8)
        pixels[:] = _rgb(_EMPTY)
        if self._result is not None and self._card is not None:
            faint = np.array([not each.familiar for each in self._result.bscans])[index]
            height = (rows - np.arange(rows) - 0.5) / rows  # of the middle of each row
            bars = _stacked(self._result.bscans, self._card, height)[:, index]
            bars[:, faint] = _FAINT * bars[:, faint] + (1 - _FAINT) * pixels[:, faint]
            pixels[:] = bars
        pixels[:, gap] = _rgb(_GROUND)
        return colour_image(pixels)

    def _has_thumbnails(self) -> bool:
        return self.height() >= _MARK + _BARS + _BETWEEN + _THUMBNAIL[0] + _STRIPE + 6

    def _paint_thumbnails(self, painter: QPainter) -> None:
        if not self._has_thumbnails():
            return
        first, width = self._thumbnails_from()
        top = _MARK + _BARS + _BETWEEN
        start = max(0, int(-first // width))
        stop = min(self._count, int((self.width() - first) // width) + 1)
        deciding = set(self._result.call.evidence) if self._result else set()
        for index in range(start, stop):
            box = QRectF(first + index * width, top, width - 3, self._thumbnail())
            picture = self._scaled_thumbnail(index, box.size())
            if picture is None:
                painter.fillRect(box, _EMPTY)
            else:
                painter.drawPixmap(box.topLeft(), picture)
            self._paint_stripe(painter, index, box)
            if index in deciding:
                _paint_triangles(painter, [box.left() + 8], top + 10)
            if index in self._changed:
                _paint_diamond(painter, QPointF(box.right() - 9, top + 9))
            if index == self._index:
                painter.setPen(QPen(_PRESENT, 2))
                painter.drawRect(box.adjusted(1, 1, -1, -1))

    def _scaled_thumbnail(self, index: int, size: QSizeF) -> QPixmap | None:
        """A thumbnail as large as it is painted: scaling it anew at each step would cost most."""
        if index in self._scaled:
            return self._scaled[index]
        picture = self._thumbnails[index]
        if picture is None:
            return None
        ratio = self.devicePixelRatioF()
        scaled = QPixmap.fromImage(
            picture.scaled(
                (size * ratio).toSize(),
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
        scaled.setDevicePixelRatio(ratio)
        if len(self._scaled) >= _MOST_SCALED:
            # Those that came first lie farthest behind whoever scrolls on.
            del self._scaled[next(iter(self._scaled))]
        self._scaled[index] = scaled
        return scaled

    def _paint_stripe(self, painter: QPainter, index: int, box: QRectF) -> None:
        if self._result is None or self._card is None:
            return
        result = self._result.bscans[index]
        stripe = QRectF(box.left(), box.bottom() + 2, box.width(), _STRIPE)
        best = wording.bscan_class(result)
        if result.gradability is not Gradability.GRADABLE or best is None:
            _hatch(painter, box)
            return
        painter.fillRect(stripe, theme.class_colour(self._card.classes[best].severity, theme.DARK))


def _hatch(painter: QPainter, box: QRectF) -> None:
    painter.fillRect(box, QBrush(_HATCH, Qt.BrushStyle.BDiagPattern))


def _rgb(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()


def _stacked(
    bscans: Sequence[BScanResult], card: Card, height: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The colour of each B-scan's bar at each height, 0 to 1: (len(height), n_bscans, 3)."""
    severities = [each.severity for each in card.classes]
    # The most severe lies at the bottom, where bars of different B-scans compare best.
    order = sorted(range(len(severities)), key=lambda each: -severities[each])
    colours = [*(theme.class_colour(severities[each], theme.DARK) for each in order), _EMPTY]
    palette = np.array([_rgb(each) for each in colours], np.float32)
    none = np.zeros(len(order), np.float32)
    shares = [none if each.probabilities is None else each.probabilities for each in bscans]
    tops = np.cumsum(np.stack(shares)[:, order], axis=1)
    colour = (height[:, None, None] > tops).sum(axis=2)
    return np.asarray(palette[colour], np.float32)


def _paint_triangles(painter: QPainter, places: Iterable[float], bottom: float) -> None:
    """Paint the marks of B-scans that decided the call."""
    mark = _triangle(painter.device().devicePixelRatioF())
    for x in places:
        painter.drawPixmap(QPointF(x - _TRIANGLE / 2, bottom - _MARK), mark)


def _triangle(ratio: float) -> QPixmap:
    """The mark, to be drawn once: hundreds of it are painted at a time."""
    mark = QPixmap(QSize(_TRIANGLE, _MARK) * ratio)
    mark.setDevicePixelRatio(ratio)
    mark.fill(Qt.GlobalColor.transparent)
    painter = QPainter(mark)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(0, 0, 0, 180), 1))
    painter.setBrush(_DECIDING)
    middle = _TRIANGLE / 2
    painter.drawPolygon(
        QPolygonF([QPointF(middle - 4, 1), QPointF(middle + 4, 1), QPointF(middle, _MARK - 1)])
    )
    painter.end()
    return mark


def _paint_diamond(painter: QPainter, centre: QPointF) -> None:
    """The mark of a B-scan that the reader called otherwise: told by its shape on any colour."""
    shape = QPolygonF(
        [centre + QPointF(*each) for each in ((0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0))]
    )
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(0, 0, 0), 1.5))
    painter.setBrush(_DECIDING)
    painter.drawPolygon(shape)
    painter.setBrush(Qt.BrushStyle.NoBrush)

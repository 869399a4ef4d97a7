"""What is written and drawn on a B-scan: caption, legend, scale bars, callipers."""

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen, QTransform

from app.gui.geometry import scale_bar_um
from app.gui.languages import apart
from app.gui.legend import draw_legend
from app.gui.theme import DARK
from app.study import Spacing

_MARGIN = 10
_ELIDE = Qt.TextElideMode.ElideRight
_INK = QColor("#f2f5f8")
_QUIET = QColor("#b4bec8")
_SHADE = QColor(6, 7, 8, 190)  # dark enough for every ink here, muted words too, over white
_CALLIPER = QColor("#8ef0c0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """The words on a B-scan."""

    place: str = ""  # "B-scan 12 of 49"
    finding: str = ""  # "CNV 87 %"
    finding_colour: QColor | None = None
    changed: str = ""  # "◆ AB: DME", where the reader's call is another
    remark: str = ""  # "Decided the call"
    message: str = ""  # across the middle, where there is no picture
    legend: str = ""  # of the heat map; "" where none is shown
    outlined: bool = False  # it is shown as lines
    hint: str = ""  # why there is none

    def spoken(self) -> str:
        told = (self.place, self.finding, self.changed, self.remark)
        words = (*told, self.message, self.legend, self.hint)
        return ". ".join(each for each in words if each)


def translate(text: str) -> str:
    return QCoreApplication.translate("BScanView", text)


def draw_caption(painter: QPainter, frame: QRect, caption: Caption) -> None:
    inside = frame.adjusted(_MARGIN, _MARGIN - 2, -_MARGIN, -_MARGIN + 2)
    metrics = painter.fontMetrics()
    left = _plate(painter, inside.topLeft().toPointF(), [(caption.place, _INK, None)])
    if caption.finding:
        words = [(caption.finding, _INK, caption.finding_colour)]
        more = ((caption.changed, _INK), (caption.remark, _QUIET))
        words += [(each, ink, None) for each, ink in more if each]
        room = inside.width() - left - _MARGIN
        while len(words) > 1 and _plate_width(metrics, words) > room:
            words.pop()
        width = _plate_width(metrics, words)
        _plate(painter, QPointF(inside.right() - width, inside.top()), words)
    if caption.message:
        painter.setPen(_QUIET)
        painter.drawText(
            inside, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, caption.message
        )
    if caption.hint:
        words = [(metrics.elidedText(caption.hint, _ELIDE, inside.width() * 2 // 3), _QUIET, None)]
        at = QPointF(
            inside.right() - _plate_width(metrics, words), inside.bottom() - metrics.height() - 4
        )
        _plate(painter, at, words)
    if caption.legend:
        draw_legend(painter, inside, caption.legend, outlined=caption.outlined)


def draw_scale_bars(painter: QPainter, frame: QRect, to_view: QTransform, spacing: Spacing) -> None:
    """An L in the lower left corner: lateral and axial, each with its own length in µm."""
    corner = QPointF(frame.left() + _MARGIN + 4, frame.bottom() - _MARGIN - 4)
    if spacing.lateral_mm is None and spacing.axial_mm is None:
        text = translate("scale unknown")
        height = painter.fontMetrics().height() + 4
        _plate(painter, QPointF(corner.x() - 4, corner.y() - height + 4), [(text, _QUIET, None)])
        return
    painter.save()
    # Figures and units lie beside what they measure, whichever way a language is read.
    painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    metrics = painter.fontMetrics()
    tips = []
    # Words first: their ground must not lie over the ends of the bars.
    if spacing.lateral_mm is not None:
        per_um = to_view.m11() / spacing.lateral_mm / 1000
        length = scale_bar_um(per_um, min(140.0, frame.width() / 3))
        if length is not None:
            tip = corner + QPointF(length * per_um, 0)
            tips.append(tip)
            beside = tip - QPointF(0, metrics.height() / 2 + 5)
            _plate(painter, beside, [(f"{length} µm", _INK, None)])
    if spacing.axial_mm is not None:
        per_um = to_view.m22() / spacing.axial_mm / 1000
        length = scale_bar_um(per_um, min(90.0, frame.height() / 3))
        if length is not None:
            tip = corner - QPointF(0, length * per_um)
            tips.append(tip)
            _plate(painter, tip - QPointF(0, 6), [(f"{length} µm", _INK, None)])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for width, colour in ((4, _SHADE), (2, _INK)):
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap))
        for tip in tips:
            painter.drawLine(corner, tip)
    painter.restore()


def draw_measurement(
    painter: QPainter, start: QPointF, end: QPointF, length_um: float | None
) -> None:
    painter.save()
    painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for width, colour in ((4, _SHADE), (1.6, _CALLIPER)):
        painter.setPen(QPen(colour, width))
        painter.drawLine(start, end)
        for tip in (start, end):
            painter.drawEllipse(tip, 3.5, 3.5)
    text = translate("scale unknown") if length_um is None else apart(f"{length_um:.0f} µm")
    words: list[tuple[str, QColor, QColor | None]] = [(text, _CALLIPER, None)]
    metrics = painter.fontMetrics()
    middle = (start + end) / 2
    above = QPointF(_plate_width(metrics, words) / 2, metrics.height() * 1.5 + 2)
    _plate(painter, middle - above, words)
    painter.restore()


def draw_cross(painter: QPainter, at: QPointF) -> None:
    """Where the keys will set the end of a calliper."""
    for width, colour in ((3, _SHADE), (1, _CALLIPER)):
        painter.setPen(QPen(colour, width))
        painter.drawLine(at - QPointF(9, 0), at + QPointF(9, 0))
        painter.drawLine(at - QPointF(0, 9), at + QPointF(0, 9))


def draw_focus(painter: QPainter, frame: QRect) -> None:
    painter.setPen(QPen(QColor(DARK.accent), 1))
    painter.drawRect(frame.adjusted(0, 0, -1, -1))


def _plate_width(metrics: QFontMetrics, words: list[tuple[str, QColor, QColor | None]]) -> int:
    width = 12
    for text, _, mark in words:
        width += metrics.horizontalAdvance(text) + (16 if mark else 0) + 10
    return width - 10


def _plate(painter: QPainter, at: QPointF, words: list[tuple[str, QColor, QColor | None]]) -> int:
    """Words on a dark ground, so that they can be read over bright tissue; return the width."""
    if not any(text for text, _, _ in words):
        return 0
    metrics = painter.fontMetrics()
    plate = QRectF(at.x(), at.y(), _plate_width(metrics, words), metrics.height() + 4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_SHADE)
    painter.drawRoundedRect(plate, 4, 4)
    x = plate.left() + 6
    for text, colour, mark in words:
        if mark is not None:
            painter.setBrush(mark)
            painter.drawRoundedRect(QRectF(x, plate.center().y() - 5, 10, 10), 2, 2)
            x += 16
        painter.setPen(colour)
        width = metrics.horizontalAdvance(text)
        painter.drawText(
            QRectF(x, plate.top(), width + 1, plate.height()), Qt.AlignmentFlag.AlignVCenter, text
        )
        painter.setPen(Qt.PenStyle.NoPen)
        x += width + 10
    painter.setBrush(Qt.BrushStyle.NoBrush)
    return int(plate.width())

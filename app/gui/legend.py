"""The legend of the heat map: whose it is, and what its colours stand for."""

import numpy as np
from PySide6.QtCore import QCoreApplication, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPen

from app.gui.languages import apart

_INK = QColor("#f2f5f8")
_QUIET = QColor("#b4bec8")
_SHADE = QColor(6, 7, 8, 190)
_INSET = 7
_BAR = 6  # height of the ramp
_CAPTION = 16  # what the caption above takes beside its line of words
_SHORT_RAMP = 56
_SCALES = 190  # width that the scale bars and their figures may take


def draw_legend(painter: QPainter, inside: QRect, title: str, *, outlined: bool) -> None:
    """Draw it in the lower corner of `inside` that the scale bars leave free.

    The scale is a share of the strongest value that the class has in the study, as the heat maps
    are coloured: see `app.overlay.heat_scales`.
    """
    from app.overlay import CONTOURS, FLOOR

    metrics = painter.fontMetrics()
    if inside.height() < 4 * metrics.height() + _BAR + _CAPTION:
        _draw_line(painter, inside, title, outlined=outlined)
        return
    unit = QCoreApplication.translate("BScanView", "of the study's strongest")
    marks = CONTOURS if outlined else (FLOOR, 1.0)
    labels = [apart(f"{share * 100:.0f} %") for share in marks]
    ends = sum(metrics.horizontalAdvance(each) + 10 for each in labels)
    width = max(metrics.horizontalAdvance(title), metrics.horizontalAdvance(unit), ends)
    line = metrics.height()
    box = QRectF(0, 0, width + 2 * _INSET, 3 * line + _BAR + 10)
    box.moveBottomRight(inside.bottomRight().toPointF())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_SHADE)
    painter.drawRoundedRect(box, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    words = box.adjusted(_INSET, 3, -_INSET, -3)
    painter.setPen(_INK)
    painter.drawText(words, Qt.AlignmentFlag.AlignTop, title)
    painter.setPen(_QUIET)
    painter.drawText(words, Qt.AlignmentFlag.AlignBottom, unit)
    ramp = QRectF(words.left(), words.top() + line + 3, words.width(), _BAR)
    places = _draw_lines(painter, ramp, marks) if outlined else _draw_ramp(painter, ramp)
    painter.setPen(_INK)
    for text, x in zip(labels, places, strict=True):
        label = QRectF(0, ramp.bottom() + 1, metrics.horizontalAdvance(text) + 2, line)
        label.moveLeft(min(max(x - label.width() / 2, ramp.left()), ramp.right() - label.width()))
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)


def _draw_line(painter: QPainter, inside: QRect, title: str, *, outlined: bool) -> None:
    """Draw title and colours in one line, where a low scan has no room for more."""
    from app.overlay import CONTOURS

    metrics = painter.fontMetrics()
    height = metrics.height() + 4
    if metrics.horizontalAdvance(title) + _SHORT_RAMP + 3 * _INSET > inside.width() - _SCALES:
        title = ""
    width = metrics.horizontalAdvance(title) + _SHORT_RAMP + (3 if title else 2) * _INSET
    box = QRectF(0, 0, width, height)
    box.moveBottomRight(inside.bottomRight().toPointF())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_SHADE)
    painter.drawRoundedRect(box, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(_INK)
    words = box.adjusted(_INSET, 0, -_INSET, 0)
    painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)
    left = words.right() - _SHORT_RAMP
    ramp = QRectF(left, words.center().y() - _BAR / 2, _SHORT_RAMP, _BAR)
    if outlined:
        _draw_lines(painter, ramp, CONTOURS)
    else:
        _draw_ramp(painter, ramp)


def _colour(share: float) -> QColor:
    from app.overlay import colours

    red, green, blue = (int(each) for each in colours()[round(255 * share)])
    return QColor(red, green, blue)


def _draw_ramp(painter: QPainter, ramp: QRectF) -> list[float]:
    """The colours from the faintest shown to the strongest; return where those two are."""
    from app.overlay import FLOOR

    gradient = QLinearGradient(ramp.topLeft(), ramp.topRight())
    for share in np.linspace(FLOOR, 1, 9):
        gradient.setColorAt((share - FLOOR) / (1 - FLOOR), _colour(share))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(gradient)
    painter.drawRoundedRect(ramp, 2, 2)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    return [ramp.left(), ramp.right()]


def _draw_lines(painter: QPainter, ramp: QRectF, shares: tuple[float, ...]) -> list[float]:
    """A stroke for each line of equal heat; return where they are."""
    part = ramp.width() / len(shares)
    for place, share in enumerate(shares):
        painter.setPen(QPen(_colour(share), 2.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        left = ramp.left() + place * part
        painter.drawLine(
            QRectF(left + 4, ramp.center().y(), part - 8, 0).topLeft(),
            QRectF(left + 4, ramp.center().y(), part - 8, 0).topRight(),
        )
    return [ramp.left() + (place + 0.5) * part for place in range(len(shares))]

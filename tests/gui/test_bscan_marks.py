"""What is written on a scan can be read over any tissue, and over an inverted scan."""

from collections import Counter

import pytest
from PySide6.QtCore import QPointF, QRect
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QTransform

from app.gui.bscan_marks import Caption, draw_caption, draw_measurement, draw_scale_bars
from app.gui.geometry import scale_bar_um
from app.study import Spacing

FRAME = QRect(0, 0, 600, 300)
SPACING = Spacing(axial_mm=0.004, lateral_mm=0.012)
MUTED, INK, CALLIPER = "#b4bec8", "#f2f5f8", "#8ef0c0"
READABLE = 4.5  # WCAG 2.2, contrast of text
GREYS = (0, 32, 64, 96, 128, 160, 192, 224, 255)


def luminance(colour):
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
        for each in colour.getRgbF()[:3]
    ]
    return sum(share * each for share, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def painted(grey, draw):
    """The picture of tissue of one grey with something drawn on it, and the height of a line."""
    picture = QImage(FRAME.size(), QImage.Format.Format_RGB32)
    picture.fill(QColor(grey, grey, grey))
    painter = QPainter(picture)
    font = QFont()
    font.setPixelSize(24)  # strokes as wide as a pixel show their ink unmixed
    painter.setFont(font)
    draw(painter)
    line = painter.fontMetrics().height()
    painter.end()
    return picture, line


def read(picture, place, ink):
    """The ink as it was painted in a place, and what it stands on there."""
    colours = Counter(
        picture.pixel(x, y)
        for x in range(place.left(), place.right())
        for y in range(place.top(), place.bottom())
    )
    wanted = QColor(ink)

    def distance(pixel):
        found = QColor(pixel)
        return sum(
            abs(one - other)
            for one, other in zip(found.getRgb()[:3], wanted.getRgb()[:3], strict=True)
        )

    return QColor(min(colours, key=distance)), QColor(colours.most_common(1)[0][0])


def measurement(painter):
    draw_measurement(painter, QPointF(100, 200), QPointF(500, 200), 1234)


def scale_bars(painter):
    draw_scale_bars(painter, FRAME, QTransform.fromScale(1.2, 0.8), SPACING)


def unknown_scale(painter):
    draw_scale_bars(painter, FRAME, QTransform(), Spacing())


def beside_the_lateral_bar(line):
    per_um = 1.2 / 0.012 / 1000
    tip = round(14 + scale_bar_um(per_um, 140.0) * per_um)
    return QRect(tip + 8, 300 - 15 - line // 2 - 2, 50, line)


@pytest.mark.parametrize("grey", GREYS)
@pytest.mark.parametrize(
    ("draw", "ink", "place"),
    [
        (measurement, CALLIPER, lambda line: QRect(270, 200 - line * 3 // 2, 60, line)),
        (scale_bars, INK, beside_the_lateral_bar),
        (unknown_scale, MUTED, lambda line: QRect(18, 300 - 14 - line, 100, line)),
        (
            lambda painter: draw_caption(painter, FRAME, Caption(place="B-scan 1 of 9")),
            INK,
            lambda line: QRect(18, 10, 100, line),
        ),
        (
            lambda painter: draw_caption(painter, FRAME, Caption(hint="No heat map")),
            MUTED,
            lambda line: QRect(500, 300 - 12 - line, 80, line),
        ),
    ],
    ids=["calliper", "scale bars", "unknown scale", "place", "hint"],
)
def test_that_words_on_a_scan_can_be_read_over_any_tissue(qapp, draw, ink, place, grey):
    picture, line = painted(grey, draw)

    inked, ground = read(picture, place(line), ink)

    assert contrast(inked, QColor(ink)) < 1.05  # they are there
    assert contrast(inked, ground) >= READABLE

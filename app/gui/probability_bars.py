"""Probabilities as bars, with what is known of how far they can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import theme, wording
from app.gui.languages import apart, told
from app.modelpack import Card, Figure
from app.spread import Range

_ROW = 22
_LEAST_RANGE = 0.02  # below it a line would be a blot
_CALIBRATION = "calibration"  # in the name of every figure that measures it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    word: str
    value: float
    severity: int
    range: Range | None


class ProbabilityBars(QWidget):
    """One bar for each class, with its name and its percentage."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._rows: list[_Row] = []

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(200, _ROW * len(self._rows))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return self.sizeHint()

    def show_values(
        self,
        values: tuple[float, ...] | None,
        card: Card,
        name: str,
        *,
        at_least: bool = False,
        ranges: Sequence[Range | None] | None = None,
    ) -> None:
        """Show one value in [0, 1] for each class, the most severe first; None shows nothing.

        Args:
            at_least: Whether a class's value counts the more severe ones in, as an eye's do.
            ranges: For each class the lowest and the highest of the B-scans that its value is the
                mean of, drawn as a line over the bar; see `app.spread`.
        """
        rows = []
        if values is not None:
            rows = [
                _Row(
                    word=(
                        wording.at_least(info, card) if at_least else wording.class_word(info.name)
                    ),
                    value=value,
                    severity=info.severity,
                    range=among,
                )
                for info, value, among in zip(
                    card.classes, values, ranges or (None,) * len(values), strict=True
                )
            ]
        self._rows = sorted(rows, key=lambda row: -row.severity)
        spoken = wording.listed(_spoken(row) for row in self._rows)
        trust = trustworthiness(card, of_eye=at_least)
        theme.say(self, f"{name}: {spoken}", trust)
        self.setToolTip(trust)
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = theme.current()
        metrics = self.fontMetrics()
        names = max((metrics.horizontalAdvance(row.word) for row in self._rows), default=0) + 10
        figures = metrics.horizontalAdvance("> 99 %") + 8
        mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        first, last = (figures, names) if mirrored else (names, figures)
        leading = Qt.AlignmentFlag.AlignRight if mirrored else Qt.AlignmentFlag.AlignLeft
        trailing = Qt.AlignmentFlag.AlignLeft if mirrored else Qt.AlignmentFlag.AlignRight
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignAbsolute
        for place, row in enumerate(self._rows):
            top = place * _ROW
            line = QRectF(0, top, self.width(), _ROW)
            painter.setPen(QColor(colours.text))
            painter.drawText(line, middle | leading, row.word)
            painter.drawText(line, middle | trailing, wording.percent(row.value))
            groove = QRectF(first, top + 7, max(self.width() - first - last, 10), _ROW - 14)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.raised))
            painter.drawRoundedRect(groove, 3, 3)
            painter.setBrush(theme.class_colour(row.severity, colours))
            painter.drawRoundedRect(_part(groove, 0, row.value, mirrored=mirrored), 3, 3)
            if row.range is not None and row.range[1] - row.range[0] >= _LEAST_RANGE:
                _paint_range(painter, _part(groove, *row.range, mirrored=mirrored), colours)


def trustworthiness(card: Card, *, of_eye: bool) -> str:
    """How the values came about, and how well they were measured to hold."""
    calibrated = QCoreApplication.translate(
        "ProbabilityBars",
        "Calibrated probabilities: of B-scans given 80 %, about 8 in 10 should show the class.",
    )
    figure = next((each for each in card.figures if _CALIBRATION in each.name), None)
    sentences = [calibrated] if figure is None else [calibrated, _measured(figure)]
    if of_eye:
        made = QCoreApplication.translate(
            "ProbabilityBars",
            "A score ranks the evidence in an eye; it is not a risk. It is the mean of the "
            "{count} B-scans that speak most for the class or worse, and the line over a bar runs "
            "from the lowest of them to the highest. That is no confidence interval.",
        ).format(count=card.aggregation.top_k)
        sentences.insert(0, made)
    return "\n".join(sentences)


def _measured(figure: Figure) -> str:
    return QCoreApplication.translate(
        "ProbabilityBars",
        "Measured to be {value} off on average (95 % interval {low} to {high}; {data}).",
    ).format(
        value=_points(figure.value),
        low=_points(figure.low),
        high=_points(figure.high),
        data=told(figure.data),
    )


def _points(share: float) -> str:
    return apart(f"{share * 100:.1f} %")


def _spoken(row: _Row) -> str:
    words = f"{row.word} {wording.percent(row.value)}"
    if row.range is None:
        return words
    return QCoreApplication.translate("ProbabilityBars", "{value} ({low} to {high})").format(
        value=words, low=wording.percent(row.range[0]), high=wording.percent(row.range[1])
    )


def _part(groove: QRectF, low: float, high: float, *, mirrored: bool) -> QRectF:
    """The stretch of the groove between two shares of it, never too short to be seen."""
    part = QRectF(groove)
    part.setWidth(max(groove.width() * (high - low), 3))
    if mirrored:
        part.moveRight(groove.right() - groove.width() * low)
    else:
        part.moveLeft(groove.left() + groove.width() * low)
    return part


def _paint_range(painter: QPainter, part: QRectF, colours: theme.Colours) -> None:
    """A line with a stop at either end, in the ink of the text and seamed with the ground."""
    y = part.center().y()
    for width, ink in ((3.5, colours.panel), (1.4, colours.text)):
        painter.setPen(QPen(QColor(ink), width))
        painter.drawLine(QPointF(part.left(), y), QPointF(part.right(), y))
        for x in (part.left(), part.right()):
            painter.drawLine(QPointF(x, y - 4), QPointF(x, y + 4))

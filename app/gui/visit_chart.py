"""How an eye's scores changed from visit to visit."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.gui import theme, wording
from app.gui.languages import apart
from app.spread import Range
from app.visits import Visit

_MARK = 4.0  # half the size of a visit's mark
_MARGIN = 10
_APART = 7.0  # between the classes' marks of one visit, so that none hides another


class VisitChart(QWidget):
    """Scores over time, one line for each disease; click a visit to see it beside this one."""

    chosen = Signal(object)  # Visit

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 110)
        # Time runs as in every clinic's charts, whichever way a language is read.
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self._visits: tuple[Visit, ...] = ()
        self._present: Visit | None = None
        self._ranges: dict[Visit, tuple[Range | None, ...]] = {}
        theme.say(self, self.tr("Change over the visits"))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(420, 130)

    def show_visits(self, visits: Sequence[Visit], present: Visit | None) -> None:
        """Show the visits whose date is known, `present` among them."""
        self._visits = tuple(each for each in visits if each.moment is not None)
        self._present = present
        self._ranges = {each: each.ranges() for each in self._visits}
        self.setAccessibleDescription("\n".join(visit_line(each) for each in self._visits))
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        visit = self._visit_at(event.position())
        if visit is not None and visit is not self._present:
            self.chosen.emit(visit)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            visit = self._visit_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), visit_line(visit) if visit else "", self)
            return True
        return super().event(event)

    def _visit_at(self, position: QPointF) -> Visit | None:
        near = [(abs(self._x(each) - position.x()), each) for each in self._visits]
        distance, visit = min(near, key=lambda each: each[0], default=(0.0, None))
        return visit if distance <= 4 * _MARK else None

    def _field(self) -> QRectF:
        """Where 0 to 100 % and the first to the last visit are drawn."""
        metrics = self.fontMetrics()
        figures, names = metrics.horizontalAdvance("100 %"), self._name_width()
        readers = metrics.height() if any(each.overruled for each in self._visits) else 0
        return QRectF(self.rect()).adjusted(
            _MARGIN + figures + 14,
            _MARGIN + readers,
            -_MARGIN - names - 20,
            -_MARGIN - metrics.height(),
        )

    def _name_width(self) -> int:
        cards = [each.source.card for each in self._visits]
        names = [wording.at_least(info, card) for card in cards for info in card.classes]
        return max((self.fontMetrics().horizontalAdvance(each) for each in names), default=0)

    def _x(self, visit: Visit) -> float:
        field = self._field()
        first, last = self._visits[0].moment, self._visits[-1].moment
        assert first is not None
        assert last is not None
        assert visit.moment is not None
        span = last - first
        if span <= timedelta():
            return field.center().x()
        return field.left() + field.width() * ((visit.moment - first) / span)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._visits:
            painter.setPen(QColor(theme.current().muted))
            painter.drawText(
                self.rect(), Qt.AlignmentFlag.AlignCenter, self.tr("No dates are known")
            )
            return
        self._paint_axes(painter)
        self._paint_readers(painter)
        diseases = sorted(
            (info for info in self._visits[-1].source.card.classes if info.severity > 0),
            key=lambda info: info.severity,
        )
        names = [
            self._paint_class(painter, info.name, info.severity, place - (len(diseases) - 1) / 2)
            for place, info in enumerate(diseases)
        ]
        self._paint_names(painter, names)

    def _paint_axes(self, painter: QPainter) -> None:
        colours, field, metrics = theme.current(), self._field(), self.fontMetrics()
        for share in (0.0, 0.5, 1.0):
            y = field.bottom() - share * field.height()
            painter.setPen(QPen(QColor(colours.line), 1))
            painter.drawLine(QPointF(field.left() - 10, y), QPointF(field.right() + 10, y))
            painter.setPen(QColor(colours.muted))
            label = QRectF(0, y - metrics.height() / 2, field.left() - 14, metrics.height())
            painter.drawText(label, Qt.AlignmentFlag.AlignRight, apart(f"{share * 100:.0f} %"))
        free = float("-inf")
        for visit in self._visits:
            x = self._x(visit)
            if visit is self._present:
                painter.setPen(QPen(QColor(colours.accent), 1, Qt.PenStyle.DashLine))
                painter.drawLine(QPointF(x, field.top()), QPointF(x, field.bottom()))
            words = day(visit.moment)
            label = QRectF(0, field.bottom() + 4, metrics.horizontalAdvance(words), 20)
            label.moveLeft(min(max(x - label.width() / 2, 2), self.width() - label.width() - 2))
            if label.left() > free:
                painter.setPen(QColor(colours.text if visit is self._present else colours.muted))
                painter.drawText(label, Qt.AlignmentFlag.AlignTop, words)
                free = label.right() + 8

    def _paint_readers(self, painter: QPainter) -> None:
        """Over each visit that was overruled a diamond, as on the filmstrip, and that call."""
        metrics = self.fontMetrics()
        painter.setPen(QColor(theme.current().text))
        free = float("-inf")
        for visit in self._visits:
            if visit.said is None or not visit.overruled:
                continue
            words = f"◆ {wording.answer_word(visit.said.after or '')}"
            label = QRectF(0, 4, metrics.horizontalAdvance(words) + 1, metrics.height())
            label.moveLeft(min(self._x(visit) - _MARK, self.width() - label.width() - 2))
            # Of visits close together the first is named; each has its line in the list.
            if label.left() > free:
                painter.drawText(label, Qt.AlignmentFlag.AlignVCenter, words)
                free = label.right() + 8

    def _paint_class(
        self, painter: QPainter, name: str, severity: int, place: float
    ) -> tuple[float, str, QColor]:
        """One class's line; return where it ends, with its words and colour.

        Args:
            place: Of its marks beside the visit's moment, in steps of `_APART`.
        """
        colour = theme.class_colour(severity, theme.current())
        field = self._field()
        last: tuple[QPointF, str] | None = None
        for visit in self._visits:
            card = visit.source.card
            if name not in card.names:
                last = None
                continue
            position = card.names.index(name)
            x = self._x(visit) + place * _APART
            at = QPointF(x, field.bottom() - visit.eye.call.scores[position] * field.height())
            if last is not None:
                # Another model's scores are no continuation of the former's.
                same = last[1] == visit.model
                style = Qt.PenStyle.SolidLine if same else Qt.PenStyle.DotLine
                painter.setPen(QPen(colour, 1.6 if same else 1, style))
                painter.drawLine(last[0], at)
            among = self._ranges[visit][position]
            if among is not None:
                painter.setPen(QPen(colour, 1))
                low, high = (field.bottom() - each * field.height() for each in among)
                painter.drawLine(QPointF(x, low), QPointF(x, high))
            _paint_mark(painter, at, severity, colour)
            last = at, visit.model
        card = self._visits[-1].source.card
        info = card.class_named(name)
        y = last[0].y() if last is not None else field.bottom()
        return y, wording.at_least(info, card), colour

    def _paint_names(self, painter: QPainter, names: list[tuple[float, str, QColor]]) -> None:
        """Each class's name at the end of its line, moved apart where lines end together."""
        flag = Qt.AlignmentFlag
        height = self.fontMetrics().height()
        field = self._field()
        lowest = field.bottom() + height / 2
        for number, (y, words, colour) in enumerate(sorted(names, key=lambda each: -each[0])):
            remaining = len(names) - 1 - number
            y = min(y, lowest - height / 2)
            y = max(y, field.top() + remaining * height)
            lowest = y - height / 2
            painter.setPen(colour)
            painter.drawText(
                QRectF(field.right() + 16, y - height / 2, self.width(), height),
                # Beside its line, whichever way the name is read.
                flag.AlignVCenter | flag.AlignLeft | flag.AlignAbsolute,
                words,
            )


def visit_line(visit: Visit) -> str:
    """A visit in a sentence: day, the machine's call with each disease's score, the reader's."""
    card = visit.source.card
    scores = [
        f"{wording.at_least(info, card)} {wording.percent(score)}"
        for info, score in sorted(
            zip(card.classes, visit.eye.call.scores, strict=True),
            key=lambda each: -each[0].severity,
        )
        if info.severity > 0
    ]
    words = wording.translate("{call} ({scores})")
    call = wording.call_title(visit.eye.call)
    return _told(visit, words.format(call=call, scores=wording.listed(scores)))


def visit_words(visit: Visit) -> str:
    """A visit in a few words: day and call, the machine's and the reader's."""
    return _told(visit, wording.call_title(visit.eye.call))


def _told(visit: Visit, call: str) -> str:
    if visit.said is not None:
        both = wording.translate("machine {call}; {reader}")
        call = both.format(call=call, reader=wording.reader_s_call(visit.said))
    return f"{day(visit.moment)}: {call}"


def day(moment: datetime | None) -> str:
    """A visit's date, in the one form that nobody misreads."""
    return wording.translate("Date unknown") if moment is None else apart(f"{moment:%Y-%m-%d}")


def _paint_mark(painter: QPainter, at: QPointF, severity: int, colour: QColor) -> None:
    """A shape of its own for each severity: colour alone says nothing to some readers."""
    painter.setPen(QPen(QColor(theme.current().panel), 1))
    painter.setBrush(colour)
    size = _MARK
    if severity % 4 == 1:
        painter.drawEllipse(at, size, size)
    elif severity % 4 == 2:
        painter.drawRect(QRectF(at.x() - size, at.y() - size, 2 * size, 2 * size))
    else:
        up = 1 if severity % 4 == 3 else -1
        corners = [(-size - 1, size), (size + 1, size), (0, -size - 1)]
        painter.drawPolygon(QPolygonF([at + QPointF(x, up * y) for x, y in corners]))
    painter.setBrush(Qt.BrushStyle.NoBrush)

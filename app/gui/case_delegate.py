"""How a case is drawn in the list: patient, visit and eyes, and the call with its shape."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.gui import theme, wording
from app.gui.case import Case, CaseState
from app.gui.case_model import CASE, CaseModel
from app.gui.case_order import Reader, reader
from app.gui.icons import pixmap

_HEIGHT = 64
_ICON = 14
_BAR = 3  # height of the bar that tells how far the analysis is
_Index = QModelIndex | QPersistentModelIndex


class CaseDelegate(QStyledItemDelegate):
    """Three lines, and on the third what the reader said."""

    def __init__(self, model: CaseModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:  # noqa: N802
        return QSize(180, max(_HEIGHT, option.fontMetrics.height() * 3 + 20))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        case: Case = index.data(CASE)
        colours = theme.current()
        painter.save()
        painter.setLayoutDirection(option.direction)
        box: QRect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor(colours.raised))
        if self._model.on_show(case):
            edge = QRect(box.left(), box.top(), 3, box.height())
            painter.fillRect(_mirrored(option, edge), QColor(colours.accent))
        painter.setPen(QPen(QColor(colours.line)))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        if case.state is CaseState.RUNNING and case.total:
            done = QRect(box.left(), box.bottom() - _BAR + 1, 0, _BAR)
            done.setWidth(box.width() * case.done // case.total)
            painter.fillRect(_mirrored(option, done), QColor(colours.accent))
        self._write(painter, option, case, colours)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(colours.accent), 1, Qt.PenStyle.DotLine))
            painter.drawRect(box.adjusted(4, 1, -2, -2))
        painter.restore()

    def _write(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        case: Case,
        colours: theme.Colours,
    ) -> None:
        inside: QRect = option.rect.adjusted(12, 9, -10, -9)
        height = inside.height() // 3
        lines = [
            QRect(inside.left(), inside.top() + number * height, inside.width(), height)
            for number in range(3)
        ]
        font = option.font
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        _text(painter, option, lines[0], case.summary.name)
        font.setBold(False)
        painter.setFont(font)
        painter.setPen(QColor(colours.muted))
        _text(painter, option, lines[1], self._model.visit(case))
        room = self._write_reader(painter, option, lines[2], case, colours)
        name, colour = _mark(case, colours)
        place = QRect(room.left(), room.top() + (height - _ICON) // 2, _ICON, _ICON)
        painter.drawPixmap(_mirrored(option, place, within=room), pixmap(name, colour, _ICON))
        words = room.adjusted(_ICON + 6, 0, 0, 0)
        painter.setPen(QColor(colours.text))
        _text(painter, option, _mirrored(option, words, within=room), self._model.state(case))

    def _write_reader(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        line: QRect,
        case: Case,
        colours: theme.Colours,
    ) -> QRect:
        """Say at the end of the line what the reader said; return what room is left."""
        said = self._model.read(case)
        if not said:
            return line
        painter.setPen(QColor(colours.muted))
        width = min(width_of(said, painter.fontMetrics()), line.width() // 2)
        whole = width + _ICON + 4
        end = _mirrored(
            option,
            QRect(line.right() - whole + 1, line.top(), whole, line.height()),
            within=line,
        )
        name = "check" if reader(case) is Reader.AGREED else "pen"
        place = QRect(end.left(), end.top() + (end.height() - _ICON) // 2, _ICON, _ICON)
        painter.drawPixmap(
            _mirrored(option, place, within=end), pixmap(name, QColor(colours.muted), _ICON)
        )
        _text(
            painter, option, _mirrored(option, end.adjusted(_ICON + 4, 0, 0, 0), within=end), said
        )
        left = QRect(line.left(), line.top(), line.width() - whole - 6, line.height())
        return _mirrored(option, left, within=line)


def width_of(words: str, metrics: QFontMetrics) -> int:
    """The room in which words are not elided: their own width is rounded, also down."""
    return metrics.horizontalAdvance(words) + 1


def _mark(case: Case, colours: theme.Colours) -> tuple[str, QColor]:
    """The shape and colour of a case's call or state."""
    match case.state:
        case CaseState.FAILED:
            return "problem", QColor(colours.uncertain)
        case CaseState.READY if not case.revealed():
            return "eye", QColor(colours.accent)
        case CaseState.READY if case.call is not None and case.card is not None:
            severities = {each.name: each.severity for each in case.card.classes}
            return (
                wording.call_icon(case.call, case.card),
                theme.call_colour(case.call, severities, colours),
            )
        case CaseState.STOPPED:
            return "info", QColor(colours.muted)
    return "clock", QColor(colours.muted)


def _mirrored(option: QStyleOptionViewItem, place: QRect, *, within: QRect | None = None) -> QRect:
    return QStyle.visualRect(option.direction, within or option.rect, place)


def _text(painter: QPainter, option: QStyleOptionViewItem, place: QRect, text: str) -> None:
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
    ahead = QStyle.visualAlignment(option.direction, Qt.AlignmentFlag.AlignLeft)
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | ahead, shown)

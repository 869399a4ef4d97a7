"""The studies that are open: patient, visit, call or state."""

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.gui import theme, wording
from app.gui.icons import pixmap
from app.gui.session import Case, CaseState, Session
from app.study import Laterality

_CASE = Qt.ItemDataRole.UserRole
_HEIGHT = 64
_Index = QModelIndex | QPersistentModelIndex


class StudyModel(QAbstractListModel):
    """The session's cases as rows."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        session.cases_changed.connect(self._reset)
        session.case_changed.connect(self._changed)
        session.progressed.connect(self._progressed)

    def rowCount(self, parent: _Index | None = None) -> int:  # noqa: N802 - Qt's name
        return len(self._session.cases) if parent is None or not parent.isValid() else 0

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        case = self._session.cases[index.row()]
        if role == _CASE:
            return case
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{case_name(case)}, {wording.visit_line(case.study)}: {self.state(case)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return case.problem or wording.patient_line(case.study.patient)
        return None

    def state(self, case: Case) -> str:
        """The call, or how far the case is, in a few words."""
        match case.state:
            case CaseState.QUEUED:
                return self.tr("Waiting")
            case CaseState.RUNNING:
                left = case.seconds_left()
                share = f"{case.done * 100 // case.total} %" if case.total else ""
                parts = [self.tr("Analysing"), share, wording.duration(left) if left else ""]
                return "  ".join(each for each in parts if each)
            case CaseState.STOPPED:
                return self.tr("Not analysed")
            case CaseState.FAILED:
                return self.tr("Could not be analysed")
        if not case.revealed():
            return self.tr("Your call first")
        return wording.call_title(case.result.call) if case.result else ""

    def _reset(self) -> None:
        self.beginResetModel()
        self.endResetModel()

    def _changed(self, case: Case) -> None:
        if case in self._session.cases:
            row = self.index(self._session.cases.index(case))
            self.dataChanged.emit(row, row)

    def _progressed(self) -> None:
        if self._session.running is not None:
            self._changed(self._session.running)


class _CaseDelegate(QStyledItemDelegate):
    """Three lines: patient, visit and eyes, call with its shape."""

    def __init__(self, session: Session, model: StudyModel) -> None:
        super().__init__(model)
        self._session, self._model = session, model

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:  # noqa: N802
        return QSize(180, max(_HEIGHT, option.fontMetrics.height() * 3 + 20))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        case: Case = index.data(_CASE)
        colours = theme.current()
        painter.save()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        box: QRect = option.rect
        if chosen:
            painter.fillRect(box, QColor(colours.raised))
            painter.fillRect(QRect(box.left(), box.top(), 3, box.height()), QColor(colours.accent))
        painter.setPen(QPen(QColor(colours.line)))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        inside = box.adjusted(12, 9, -10, -9)
        line = inside.height() // 3
        bold = option.font
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(QColor(colours.text))
        _line(painter, inside, 0, line, case_name(case), 0)
        bold.setBold(False)
        painter.setFont(bold)
        painter.setPen(QColor(colours.muted))
        eyes = " + ".join(_eyes(case))
        _line(painter, inside, 1, line, f"{wording.visit_line(case.study)}  ·  {eyes}", 0)
        name, colour = self._mark(case, colours)
        painter.drawPixmap(
            inside.left(), inside.top() + 2 * line + (line - 14) // 2, pixmap(name, colour, 14)
        )
        painter.setPen(QColor(colours.text))
        _line(painter, inside, 2, line, self._model.state(case), 20)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(colours.accent), 1, Qt.PenStyle.DotLine))
            painter.drawRect(box.adjusted(4, 1, -2, -2))
        painter.restore()

    def _mark(self, case: Case, colours: theme.Colours) -> tuple[str, QColor]:
        card = case.card
        if not case.revealed():
            return "eye", QColor(colours.accent)
        if case.result is not None and card is not None:
            severities = {each.name: each.severity for each in card.classes}
            call = case.result.call
            return wording.call_icon(call, card), theme.call_colour(call, severities, colours)
        if case.state is CaseState.FAILED:
            return "problem", QColor(colours.uncertain)
        return "clock", QColor(colours.muted)


class StudyList(QListView):
    """The left side of the window."""

    chosen = Signal(object)  # Case

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        model = StudyModel(session)
        self.setModel(model)
        self.setItemDelegate(_CaseDelegate(session, model))
        self.setMinimumWidth(170)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setUniformItemSizes(True)
        theme.say(self, self.tr("Studies"), self.tr("The open studies with their calls"))
        session.current_changed.connect(self._show_current)
        session.cases_changed.connect(self._show_current)
        self.selectionModel().currentChanged.connect(self._choose)

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(index.data(_CASE))

    def _show_current(self) -> None:
        case = self._session.current
        if case in self._session.cases:
            self.setCurrentIndex(self.model().index(self._session.cases.index(case), 0))


def case_name(case: Case) -> str:
    """The patient's name or number, else where the files lie: something to tell cases apart."""
    patient = case.study.patient
    path = case.study.volumes[0].bscans[0].source.path
    return patient.name or patient.identifier or path.parent.name or path.name


def _eyes(case: Case) -> list[str]:
    held = {volume.laterality for volume in case.study.volumes}
    return [wording.eye_short(each) for each in Laterality if each in held]


def _line(painter: QPainter, box: QRect, number: int, height: int, text: str, indent: int) -> None:
    place = QRect(box.left() + indent, box.top() + number * height, box.width() - indent, height)
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

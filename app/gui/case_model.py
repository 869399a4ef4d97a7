"""The cases as rows of a list: ordered, filtered, and put in words."""

from datetime import date

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QGuiApplication

from app.gui import wording
from app.gui.case import Case, CaseState
from app.gui.case_order import Order, Read, Reader, Sieve, eyes_read, listed, reader
from app.gui.languages import apart, told
from app.gui.session import Session

CASE = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


class CaseModel(QAbstractListModel):
    """The session's cases that fit the sieve, in order.

    What the reader says of a case moves it only once they have gone on to another: else the next
    row would be another than the one that stood below, or none.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.order = Order.URGENCY
        self.backwards = False
        self.sieve = Sieve()
        self.cases: list[Case] = []
        self._stale: list[Case] = []  # changed since the list was arranged
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._freshen)
        self._current = session.current
        self._then: dict[Case, Read] = {}  # as the cases that stay in their places were read
        # What stands under the pointer must still be there for the second of two clicks.
        self._left = QTimer(self, singleShot=True)
        self._left.setInterval(QGuiApplication.styleHints().mouseDoubleClickInterval())
        self._left.timeout.connect(self.arrange)
        session.cases_changed.connect(self.arrange)
        session.current_changed.connect(self._go_on)
        session.case_changed.connect(self._changed)
        session.progressed.connect(self._progressed)

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802 - Qt's name
        return len(self.cases) if parent is None or not parent.isValid() else 0

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        case = self.cases[index.row()]
        if role == CASE:
            return case
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            parts = [case.summary.name, self.visit(case), self.state(case), self.read(case)]
            return wording.listed(each for each in parts if each)
        if role == Qt.ItemDataRole.ToolTipRole:
            said = wording.patient_line(case.summary.patient)
            words = [told(case.problem), told(case.missing), self.read(case)]
            return "\n".join([said, *(each for each in words if each)])
        return None

    def arrange(self) -> None:
        """Filter and order anew."""
        self._left.stop()
        self._then = {}
        self._stay()
        self._arrange()

    def _arrange(self) -> None:
        """The same, but that what the reader says of a case leaves it in its place."""
        cases = listed(
            self._session.cases,
            self.order,
            self.sieve,
            date.today(),
            backwards=self.backwards,
            read_then=self._then,
        )
        if cases == self.cases:
            return
        if set(cases) != set(self.cases):
            self.beginResetModel()
            self.cases = cases
            self.endResetModel()
            return
        # Only moved: what is selected and where the list is scrolled to stay.
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        moved = [self.index(cases.index(self.cases[each.row()])) for each in held]
        self.cases = cases
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    def on_show(self, case: Case) -> bool:
        return case is self._session.current

    def visit(self, case: Case) -> str:
        """Day of the visit, and the eyes."""
        eyes = " + ".join(wording.eye_short(each) for each in case.summary.eyes)
        return f"{wording.visit_line(case.summary)}  ·  {apart(eyes)}"

    def state(self, case: Case) -> str:
        """The call, or how far the case is, in a few words."""
        match case.state:
            case CaseState.QUEUED:
                return self.tr("Waiting")
            case CaseState.RUNNING:
                left = case.seconds_left()
                share = apart(f"{case.done * 100 // case.total} %") if case.total else ""
                parts = [self.tr("Analysing"), share, wording.duration(left) if left else ""]
                return "  ".join(each for each in parts if each)
            case CaseState.STOPPED:
                return self.tr("Not analysed")
            case CaseState.FAILED:
                return told(case.problem) or self.tr("Could not be analysed")
        if not case.revealed():
            return self.tr("Your call first")
        return wording.call_title(case.call) if case.call else ""

    def read(self, case: Case) -> str:
        """What the reader has said, in a few words; nothing while nothing was said."""
        match reader(case):
            case Reader.UNDECIDED:
                return ""
            case Reader.PARTLY:
                done, every = len(eyes_read(case)), len(case.summary.eyes)
                return self.tr("{n} of {all} eyes").format(n=done, all=every)
            case Reader.AGREED:
                return self.tr("Agreed")
        said = case.readings.patient
        if said is None or said.after is None:
            return self.tr("Changed")
        return self.tr("Read: {answer}").format(answer=wording.answer_word(said.after))

    def _go_on(self) -> None:
        if self._session.current is not self._current:
            self._current = self._session.current
            self._stay()
            self._left.start()

    def _stay(self) -> None:
        """Keep the case on show where it stands, whatever the reader says of it from now on."""
        if self._current is not None:
            self._then.setdefault(self._current, Read.now(self._current))

    def _changed(self, case: Case) -> None:
        # Once for all that change at a time: a thousand cases are ordered in milliseconds, but
        # not a thousand times.
        self._stale.append(case)
        self._soon.start()

    def _freshen(self) -> None:
        stale, self._stale = self._stale, []
        self._arrange()
        if len(stale) > 1 and self.cases:
            self.dataChanged.emit(self.index(0), self.index(len(self.cases) - 1))
        else:
            self._show_anew(stale[-1])

    def _progressed(self) -> None:
        if self._session.running is not None:
            self._show_anew(self._session.running)

    def _show_anew(self, case: Case) -> None:
        if case in self.cases:
            row = self.index(self.cases.index(case))
            self.dataChanged.emit(row, row)

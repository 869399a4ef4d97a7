"""The case list: find, filter and order the studies that are kept, and choose one or several."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QContextMenuEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme
from app.gui.case import Case, CaseState
from app.gui.case_delegate import CaseDelegate
from app.gui.case_menus import FilterButton, Heading, OrderBox
from app.gui.case_model import CASE, CaseModel
from app.gui.case_order import Order, Sieve, waits
from app.gui.session import Notice, Session

_LOW, _WIDE = 200, 380  # where search, filter and order stand in one row
_LEAST = 56  # height of the list itself


class StudyList(QWidget):
    """One side of the window."""

    chosen = Signal(object)  # Case
    entered = Signal()  # the reader goes on to the scans

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._model = CaseModel(session)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Find name or number"))
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip(self.tr("Find a study by the patient's name or number (Ctrl+F)"))
        theme.say(self.search, self.tr("Find a study by name or number"))
        self.search.textChanged.connect(self._sift)
        self.search.installEventFilter(self)
        self.filter = FilterButton(session)
        self.filter.changed.connect(self._sift)
        self.order = OrderBox()
        self.order.chosen.connect(lambda: self._order_by(self.order.order))
        self.heading = Heading()
        self.heading.chosen.connect(self._turn_to)
        self.view = self._make_view()
        self.shown = QLabel()
        self.shown.setObjectName("muted")
        self.all = QPushButton(self.tr("Show all"))
        self.all.setToolTip(self.tr("Clear what is searched for and filtered (Esc)"))
        self.all.clicked.connect(self.show_all)
        self._foot = QWidget()
        self._arrange()
        self.setMinimumWidth(220)
        session.current_changed.connect(self._show_current)
        session.folder_wanted.connect(self.ask_folder)
        self._model.modelReset.connect(self._show_current)
        self._model.modelReset.connect(self._count)
        session.cases_changed.connect(self._count)
        self._count()

    def model(self) -> CaseModel:
        return self._model

    def selected_cases(self) -> list[Case]:
        """The cases that the reader selected, as listed; where none is, the one on show."""
        current = self._session.current
        return self._selected() or ([current] if current is not None else [])

    def step(self, step: int) -> None:
        """Go to the next or previous study of the list."""
        cases, current = self._model.cases, self._session.current
        place = cases.index(current) + step if current in cases else 0
        if 0 <= place < len(cases):
            self.chosen.emit(cases[place])

    def next_undecided(self) -> None:
        """Go to the most urgent study that waits for the reader; say so where none does."""
        others = [each for each in self._model.cases if each is not self._session.current]
        waiting = [each for each in others if waits(each)]
        if waiting:
            self.chosen.emit(max(waiting, key=Case.urgency))
        else:
            self._session.noticed.emit(self._nothing_waits())

    def _nothing_waits(self) -> Notice:
        listed = {*self._model.cases, self._session.current}
        hidden = [each for each in self._session.cases if each not in listed and waits(each)]
        if not hidden:
            text = self.tr("No other study that is ready waits for your call.")
            return Notice(kind="information", text=text)
        words = self.tr("No other study shown here waits for your call, but {n} not shown do.")
        return Notice(
            kind="information",
            text=words.format(n=len(hidden)),
            action=self.tr("Show all"),
            act=self.show_all,
        )

    def find_study(self) -> None:
        """Put the cursor where a name or number is typed."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def show_all(self) -> None:
        self.search.clear()
        self.filter.clear()

    def remove_selected(self) -> None:
        """Take the selected studies off the list; a notice offers them back."""
        gone, listed = self.selected_cases(), self._model.cases
        places = [place for place, each in enumerate(listed) if each in gone]
        first = places[0] if places else 0
        order = [*listed[first:], *reversed(listed[:first])]
        self._session.remove(gone, next((each for each in order if each not in gone), None))

    def ask_folder(self, case: Case) -> None:
        """Ask where the files of a case lie now."""
        title = self.tr("Locate the files of {name}").format(name=case.summary.name)
        dialog = QFileDialog(self.window(), title)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._session.locate(case, Path(name)))
        dialog.open()

    # Building

    def _make_view(self) -> "_View":
        view = _View()
        view.setModel(self._model)
        view.setItemDelegate(CaseDelegate(self._model, view))
        view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setUniformItemSizes(True)
        view.setMinimumHeight(_LEAST)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        theme.say(view, self.tr("Studies"), self.tr("The studies on the list with their calls"))
        view.selectionModel().currentChanged.connect(self._choose)
        view.entered_case.connect(self.entered)
        view.unwanted.connect(self.remove_selected)
        view.menu_wanted.connect(self._show_menu)
        return view

    def _arrange(self) -> None:
        head = QWidget()
        top = QBoxLayout(QBoxLayout.Direction.TopToBottom, head)
        top.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP)
        top.setSpacing(6)
        top.addWidget(self.search)
        choices = QHBoxLayout()
        choices.setSpacing(6)
        choices.addWidget(self.filter)
        choices.addWidget(self.order, 1)
        top.addLayout(choices)
        self._head = top
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(theme.GAP, 4, theme.GAP, 4)
        foot.addWidget(self.shown, 1)
        foot.addWidget(self.all)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head)
        layout.addWidget(self.heading)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._foot)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Put what chooses studies into one row where the window is low and wide."""
        super().resizeEvent(event)
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        low = event.size().height() < _LOW and event.size().width() >= _WIDE
        self._head.setDirection(across if low else down)
        self.heading.setVisible(event.size().height() >= _LOW)

    # What is listed

    def _sift(self) -> None:
        self._keep_selection(self._set_sieve)

    def _set_sieve(self) -> None:
        self._model.sieve = self.filter.sieve(self.search.text())
        self._model.arrange()
        self._count()

    def _order_by(self, order: Order, *, backwards: bool = False) -> None:
        self._model.order, self._model.backwards = order, backwards
        self._model.arrange()
        self.heading.show_order(order, backwards=backwards)
        self.view.scrollToTop()

    def _turn_to(self, order: Order) -> None:
        """Order by this, or where that is so already, the other way round."""
        if order is self._model.order:
            self._order_by(order, backwards=not self._model.backwards)
        else:
            self.order.choose(order)

    def _keep_selection(self, change: Callable[[], None]) -> None:
        selected = self._selected()
        change()
        self._select(selected)

    def _selected(self) -> list[Case]:
        rows = sorted(index.row() for index in self.view.selectionModel().selectedIndexes())
        return [self._model.cases[row] for row in rows]

    def _select(self, cases: Sequence[Case]) -> None:
        selection = QItemSelection()
        for case in cases:
            if case in self._model.cases:
                row = self._model.index(self._model.cases.index(case))
                selection.select(row, row)
        self.view.selectionModel().select(
            selection, QItemSelectionModel.SelectionFlag.ClearAndSelect
        )

    def _count(self) -> None:
        every, shown = len(self._session.cases), len(self._model.cases)
        self._foot.setVisible(self._model.sieve != Sieve())
        if shown:
            text = self.tr("{n} of {all} studies").format(n=shown, all=every)
        else:
            text = self.tr("No study fits")
        self.shown.setText(text)

    # What is chosen

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(index.data(CASE))

    def _show_current(self) -> None:
        case = self._session.current
        if case not in self._model.cases:
            return
        row = self._model.index(self._model.cases.index(case))
        if row != self.view.currentIndex():
            self.view.setCurrentIndex(row)

    def _show_menu(self, event: QContextMenuEvent) -> None:
        cases = self.selected_cases()
        if not cases:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in self.menu_actions(cases, menu):
            menu.addAction(action)
        menu.popup(event.globalPos())

    def menu_actions(self, cases: Sequence[Case], parent: QObject) -> list[QAction]:
        """What can be done with these cases."""
        resting = [each for each in cases if each.at_rest]
        lost = [each for each in cases if each.missing or each.state is CaseState.FAILED]
        again = QAction(self.tr("Analyse again"), parent)
        again.setEnabled(bool(resting))
        again.triggered.connect(lambda: self._analyse(resting))
        locate = QAction(self.tr("Locate folder…"), parent)
        locate.setEnabled(len(cases) == 1 and bool(lost))
        locate.triggered.connect(lambda: self.ask_folder(cases[0]))
        remove = QAction(self.tr("Take off the list"), parent)
        remove.setShortcut(Qt.Key.Key_Delete)
        remove.triggered.connect(self.remove_selected)
        return [again, locate, remove]

    def _analyse(self, cases: Sequence[Case]) -> None:
        for case in cases:
            self._session.analyse(case)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if (
            watched is self.search
            and isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and self._key_in_search(event.key())
        ):
            return True
        return super().eventFilter(watched, event)

    def _key_in_search(self, key: int) -> bool:
        """Down and Enter go on to the list, Escape gives up."""
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._model.cases and not self.view.currentIndex().isValid():
                self.view.setCurrentIndex(self._model.index(0))
            self.view.setFocus()
            return True
        if key == Qt.Key.Key_Escape:
            self.show_all()
            self.view.setFocus()
            return True
        return False


class _View(QListView):
    """The list itself, with its keys."""

    entered_case = Signal()
    unwanted = Signal()
    menu_wanted = Signal(QContextMenuEvent)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered_case.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.unwanted.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        self.menu_wanted.emit(event)

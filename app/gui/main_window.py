"""The window: menus, panes and wiring. What is shown is decided in the session and the panels."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QLabel, QMainWindow, QToolButton, QVBoxLayout, QWidget

from app.gui import dialogs, theme
from app.gui.actions import Actions, quiet
from app.gui.activity import Activity
from app.gui.again import Again
from app.gui.bars import Bars, RollingBars
from app.gui.decision_desk import Desk
from app.gui.decision_keys import DecisionKeys
from app.gui.heat_controls import HeatControls
from app.gui.help_desk import HelpDesk
from app.gui.icons import program_icon
from app.gui.languages import told
from app.gui.leaving import Leaving
from app.gui.opening import Opening, local_paths
from app.gui.pages import Pages
from app.gui.panes import Pane, Panes
from app.gui.paperwork import Paperwork
from app.gui.reading_room import ReadingRoom
from app.gui.redress import Redress
from app.gui.result_panel import ResultPanel
from app.gui.session import Case, Notice, Session
from app.gui.study_list import StudyList
from app.gui.tool_bar import ToolBar
from app.gui.upkeep import Upkeep
from app.gui.viewing import Viewing
from app.gui.window_state import FullScreen, WindowState
from app.installed import demo_study
from app.notices import RESEARCH_USE, SYNTHETIC, banners
from app.package_file import SUFFIX

_LOW = 420  # height of a window under which bars and headers take less of it

_CASE_ACTIONS = (
    "close_study",
    "anonymise",
    "show_right",
    "show_left",
    "show_both",
    "in_step",
)
_RESULT_ACTIONS = (
    "show_report",
    "save_report",
    "print",
    "export",
    "repeat",
    "next_deciding",
    "previous_deciding",
)


class MainWindow(QMainWindow):
    """Everything is reached from here, and nothing is kept here."""

    broken = Signal(Exception)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._newly_opened = True  # what is shown next is what the reader asked for
        self._dragged: list[Path] = []  # what is held over the window
        self._focus_due = False  # for the scan, once it is there
        # In a turn of its own: with all else that is shown of a case it would hold the window.
        self._room_due = QTimer(self, singleShot=True, interval=0)
        self._room_due.timeout.connect(self._show_in_room)
        self.state = WindowState()
        self.setWindowTitle("KD-OCT")
        self.setWindowIcon(program_icon())
        self.setAcceptDrops(True)
        self.actions_ = Actions(self)
        # First to hear of a case: what is hidden must be hidden before it is shown.
        self.desk = Desk(session)
        self.room = ReadingRoom(session.keeper)
        self.room.past.ask(self.desk.shows_visit)
        self.results = ResultPanel()
        self.list = StudyList(session)
        self.bars = Bars()
        self.opening = Opening(self, self.state)
        self.papers = Paperwork(
            session, self.bars, self.opening, self.state, self, self.list.selected_cases
        )
        self.heat = HeatControls(session.settings.heat_opacity)
        self._build_panes()
        self.tools = ToolBar(self.actions_, self.heat)
        self.addToolBar(self.tools)
        self.actions_.menus["heat"].addMenu(self.heat.menu)
        self._build_foot()
        self.viewing = Viewing(session, self.room, self.heat, self.actions_)
        self.again = Again(session, self, self.list.selected_cases)
        self.upkeep = Upkeep(session, self)
        self.help = HelpDesk(self)
        self._redress = Redress(self)
        self.leaving = Leaving(lambda: session.saving or self.papers.unsaved, self.bars, self)
        self._wire_session()
        self._wire_room()
        self._wire_actions()
        self.decisions = DecisionKeys(
            self.desk, session, self.room, self.results, self.actions_, self
        )
        self.decisions.blind_first_chosen.connect(self.upkeep.choose_blind_first)
        self.pages.currentChanged.connect(lambda _: self.decisions.refresh())
        self.state.restore(self, self.panes)
        self._show_case()

    # Building

    def _build_panes(self) -> None:
        self.panes = Panes(self.list, self.room, self.results)
        self.pages = Pages()
        self.pages.addWidget(self.panes)
        self.pages.addWidget(self.papers.report)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._rolling = RollingBars(self.bars)
        layout.addWidget(self._rolling)
        layout.addWidget(self.pages, 1)
        self.setCentralWidget(centre)

    def _build_foot(self) -> None:
        self.statusBar().setSizeGripEnabled(False)
        note = QLabel(told(RESEARCH_USE))
        note.setObjectName("muted")
        note.setContentsMargins(10, 3, 10, 3)
        self.statusBar().addWidget(note)
        self.activity = Activity(self.session)
        self.statusBar().addPermanentWidget(self.activity)

    # Wiring

    def _wire_session(self) -> None:
        session = self.session
        session.current_changed.connect(self._show_case)
        session.case_changed.connect(self._case_changed)
        session.case_changed.connect(self.room.past.hear)
        session.scans_changed.connect(self.room.callipers.follow)
        session.noticed.connect(self.bars.show_notice)
        session.broken.connect(self.broken)
        session.progressed.connect(self._enable)
        session.settings_changed.connect(self._settings_changed)
        self.list.chosen.connect(session.select)
        self.list.entered.connect(self._read_scans)
        self.panes.arranged.connect(self._panes_arranged)
        self.bars.acted.connect(self._act)
        self.opening.chosen.connect(self.open)
        self.papers.report_wanted.connect(lambda: self.pages.setCurrentIndex(1))
        self.papers.report.closed.connect(self.show_scans)
        self.papers.broken.connect(self.broken)
        self.help.demo_wanted.connect(self.open_demo)
        self.help.faults.noticed.connect(self.bars.show_notice)
        self.help.faults.saved.connect(self.papers.tell_saved)
        self.help.faults.broken.connect(self.broken)
        self.tools.theme_chosen.connect(self.upkeep.choose_theme)
        self.upkeep.broken.connect(self.broken)
        self._redress.dressed.connect(self._dress)

    def _wire_room(self) -> None:
        self.room.shown_changed.connect(self._shown_changed)
        self.room.noticed.connect(self.bars.show_notice)
        self.room.broken.connect(self.broken)
        self.room.empty.folder_wanted.connect(self.opening.ask_folder)
        self.room.empty.files_wanted.connect(self.opening.ask_files)
        self.room.empty.demo_wanted.connect(self.open_demo)
        self.results.jumped.connect(self.room.jump)
        self.results.jumped.connect(lambda *_: self.panes.bring_forward())

    def _wire_actions(self) -> None:
        for name, act in {
            "open_files": self.opening.ask_files,
            "open_folder": self.opening.ask_folder,
            "close_study": self.list.remove_selected,
            "show_report": self.papers.show_report,
            "save_report": self.papers.save_report,
            "print": self.papers.print_report,
            "export": self.papers.export,
            "anonymise": self.papers.anonymise,
            "report_selected": self.papers.report_selected,
            "quit": self.close,
            "cancel": self.session.cancel,
            "find_study": self._find_study,
            "next_study": lambda: self.list.step(1),
            "previous_study": lambda: self.list.step(-1),
            "next_undecided": self.list.next_undecided,
            "skipped": lambda: dialogs.left_out(self, self.session.skipped).open(),
            **self.again.acts(),
            **self.viewing.acts(),
            **self.upkeep.acts(),
            **self.help.acts(),
        }.items():
            self.actions_[name].triggered.connect(lambda _=False, act=act: act())
        for name, toggle in {
            **self.viewing.toggles(),
            "study_list": partial(self._want_pane, Pane.STUDIES),
            "results": partial(self._want_pane, Pane.RESULTS),
        }.items():
            self.actions_[name].toggled.connect(toggle)
        FullScreen(self, self.actions_["full_screen"])
        self.actions_.menus["file"].insertMenu(self.actions_["close_study"], self.opening.recent)

    # Opening

    def open(self, paths: Sequence[Path]) -> None:
        """Read what the reader chose or dropped; of model packages, show what they hold."""
        packages = [path for path in paths if path.suffix.lower() == SUFFIX]
        if packages:
            self.upkeep.manage_models(packages[0])
        paths = [path for path in paths if path not in packages]
        if not paths:
            return
        self.show_scans()
        self._newly_opened = True
        self.bars.clear_notices()
        self.opening.remember(list(paths))
        self.session.open(paths)

    def open_demo(self) -> None:
        self.show_scans()
        self._newly_opened = True
        self.session.open([demo_study()], demo=True)

    def receive(self, paths: Sequence[Path]) -> None:
        """Come forward, with what a second start or the desktop asks to open."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        if paths:
            self.open(paths)

    # Showing

    def show_scans(self) -> None:
        if self.pages.currentIndex():
            self.pages.setCurrentIndex(0)
            self.room.panel.view.setFocus()

    def _read_scans(self) -> None:
        self.panes.bring_forward()
        self.room.panel.view.setFocus()

    def _want_pane(self, pane: Pane, wanted: bool) -> None:
        self.panes.want(pane, wanted)
        if wanted and self.panes.folded:
            (self.list.view if pane is Pane.STUDIES else self.results).setFocus()

    def _panes_arranged(self) -> None:
        panes = {"study_list": Pane.STUDIES, "results": Pane.RESULTS}
        if self.panes.folded or self.session.current is not None:
            for name, pane in panes.items():
                quiet(self.actions_[name], checked=self.panes.shows(pane))
        self.tools.offer_panes(offered=self.panes.folded)
        focus = self.focusWidget()
        if focus is not None and not focus.isVisibleTo(self) and self.panes.shows(Pane.SCANS):
            # Never leave the keyboard in a pane that is gone.
            self.room.panel.view.setFocus()

    def _show_case(self) -> None:
        self.show_scans()
        if self._newly_opened and self.session.current is not None:
            self._newly_opened, self._focus_due = False, True
        self._tell_case()
        if self.room.case is None and self.session.current is not None:
            self._enable()
            self._room_due.start()
        else:
            # At once: what is done next must not meet the former case's scans.
            self._show_in_room()

    def _case_changed(self, case: Case) -> None:
        if case is self.session.current:
            self._tell_case()
            self._room_due.start()

    def _refresh(self) -> None:
        self._tell_case()
        self._show_in_room()

    def _tell_case(self) -> None:
        """What is said of the case on show, but in the middle of the window."""
        case, card = self.session.current, self.session.card
        self.results.show_case(case, card)
        self.panes.fill(case is not None)
        self.heat.show_card(card)
        self._show_banners(case)

    def _show_in_room(self) -> None:
        # The last: it says which eye and B-scan are in front, for all the others.
        self._room_due.stop()
        self.room.show_case(self.session.current, self.session.card)
        if self._focus_due:
            # The next key is for the scan, not for a name to search for.
            self._focus_due = False
            self.room.panel.view.setFocus()

    def _show_banners(self, case: Case | None) -> None:
        sentences: tuple[str, ...] = ()
        if case is not None and case.result is not None and self.session.card is not None:
            sentences = banners(case.result, self.session.card)
        elif case is not None and case.study.synthetic:
            sentences = (SYNTHETIC,)
        self.bars.show_banners(sentences)

    def _shown_changed(self) -> None:
        panel, result = self.room.panel, self.room.shown_result()
        self.results.bring_forward(self.room.active)
        self.results.show_bscan(
            self.room.active,
            panel.index,
            result.bscans[panel.index] if result is not None else None,
            self.session.card,
        )
        self._enable()

    def _enable(self) -> None:
        case = self.session.current
        self.actions_.enable(case is not None, *_CASE_ACTIONS)
        told = case is not None and case.result is not None and case.revealed()
        self.actions_.enable(told, *_RESULT_ACTIONS)
        # What is done with a selection, whichever of it is on show.
        self.actions_.enable(any(each.at_rest for each in self.session.cases), "analyse")
        self.actions_.enable(any(each.call for each in self.session.cases), "report_selected")
        self.actions_.enable(self.session.busy, "cancel")
        self.actions_.enable(bool(self.session.skipped), "skipped")
        self.viewing.enable()

    # Doing

    def _find_study(self) -> None:
        self.actions_["study_list"].setChecked(True)
        self.list.find_study()

    def _act(self, notice: Notice) -> None:
        if notice.act is not None:
            notice.act()
        else:
            dialogs.left_out(self, self.session.skipped).open()

    def _settings_changed(self) -> None:
        self._redress.to(theme.ThemeChoice(self.session.settings.theme))

    def _dress(self) -> None:
        self.bars.dress()
        self.room.dress()
        self._refresh()

    # Qt

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        short = event.size().height() < _LOW
        if short is not self.property("short"):
            self.setProperty("short", short)
            self.tools.set_small(small=short)
            self.room.set_short(short=short)
            buttons = self.tools.findChildren(QToolButton)
            theme.repolish(self.menuBar(), self.tools, self.statusBar(), *buttons)
        super().resizeEvent(event)
        self._rolling.fit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self.decisions.refresh()
        QGuiApplication.styleHints().colorSchemeChanged.connect(
            self._desktop_changed, Qt.ConnectionType.UniqueConnection
        )

    def _desktop_changed(self) -> None:
        if self.session.settings.theme == "system":
            self._settings_changed()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        self._dragged = local_paths(event.mimeData())
        if self._dragged:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        event.acceptProposedAction()
        # A busy program that it comes from may not tell again in time what it has told before.
        self.open(local_paths(event.mimeData()) or self._dragged)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        self.viewing.keep()
        if not self.leaving.allowed():
            event.ignore()
            return
        self.state.save(self, self.panes)
        self.session.shut_down()
        self.papers.shut_down()
        self.help.shut_down()
        self.upkeep.shut_down()
        self.room.shut_down()
        super().closeEvent(event)

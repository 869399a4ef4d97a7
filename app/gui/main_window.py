"""The window: menus, panes and wiring. What is shown is decided in the session and the panels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QLabel,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.gui import dialogs, theme
from app.gui.actions import Actions, quiet
from app.gui.activity import Activity
from app.gui.bars import Bars
from app.gui.decision_desk import Desk
from app.gui.decision_keys import DecisionKeys
from app.gui.heat_controls import HeatControls
from app.gui.help_desk import HelpDesk
from app.gui.icons import program_icon
from app.gui.model_manager import ModelManager
from app.gui.opening import Opening, local_paths
from app.gui.paperwork import Paperwork
from app.gui.reading_room import ReadingRoom
from app.gui.result_panel import ResultPanel
from app.gui.session import Case, CaseState, Notice, Session
from app.gui.settings_dialog import SettingsDialog
from app.gui.study_list import StudyList
from app.gui.tool_bar import ToolBar
from app.gui.window_state import WindowState
from app.installed import demo_study
from app.notices import RESEARCH_USE, SYNTHETIC, banners
from app.package_file import SUFFIX
from app.settings import Settings
from app.study import Laterality

_GREY_STEP = 12
_ZOOM_STEP = 1.25
_CASE_ACTIONS = (
    "close_study",
    "anonymise",
    "analyse",
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
    "report_selected",
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
        self.state = WindowState()
        self.setWindowTitle("KD-OCT")
        self.setWindowIcon(program_icon())
        self.setAcceptDrops(True)
        self.resize(1440, 900)
        self.actions_ = Actions(self)
        # First to hear of a case: what is hidden must be hidden before it is shown.
        self.desk = Desk(session)
        self.room = ReadingRoom(session.keeper)
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
        self._build_foot()
        self.help = HelpDesk(self)
        self._wire_session()
        self._wire_room()
        self._wire_actions()
        self.decisions = DecisionKeys(
            self.desk, session, self.room, self.results, self.actions_, self
        )
        self.decisions.blind_first_chosen.connect(self._choose_blind_first)
        self.room.set_options(opacity=session.settings.heat_opacity)
        self.state.restore(self, self.panes)
        self._show_case()

    # Building

    def _build_panes(self) -> None:
        self.panes = QSplitter(Qt.Orientation.Horizontal)
        self.panes.setChildrenCollapsible(False)
        for each in (self.list, self.room, self.results):
            self.panes.addWidget(each)
        self.panes.setStretchFactor(1, 1)
        self.panes.setSizes([220, 900, 320])
        self.pages = QStackedWidget()
        self.pages.addWidget(self.panes)
        self.pages.addWidget(self.papers.report)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bars)
        layout.addWidget(self.pages, 1)
        self.setCentralWidget(centre)

    def _build_foot(self) -> None:
        self.statusBar().setSizeGripEnabled(False)
        note = QLabel(RESEARCH_USE)
        note.setObjectName("muted")
        note.setContentsMargins(10, 3, 0, 3)
        self.statusBar().addWidget(note)
        self.activity = Activity(self.session)
        self.statusBar().addPermanentWidget(self.activity)

    # Wiring

    def _wire_session(self) -> None:
        session = self.session
        session.current_changed.connect(self._show_case)
        session.case_changed.connect(self._case_changed)
        session.case_changed.connect(self.room.past.hear)
        session.noticed.connect(self.bars.show_notice)
        session.broken.connect(self.broken)
        session.progressed.connect(self._enable)
        session.settings_changed.connect(self._settings_changed)
        self.list.chosen.connect(session.select)
        self.list.entered.connect(lambda: self.room.panel.view.setFocus())
        self.bars.acted.connect(self._act)
        self.opening.chosen.connect(self.open)
        self.papers.report_wanted.connect(lambda: self.pages.setCurrentIndex(1))
        self.papers.report.closed.connect(self.show_scans)
        self.papers.broken.connect(self.broken)
        self.help.demo_wanted.connect(self.open_demo)
        self.help.faults.noticed.connect(self.bars.show_notice)
        self.help.faults.saved.connect(self.papers.tell_saved)
        self.help.faults.broken.connect(self.broken)
        self.tools.theme_chosen.connect(self.choose_theme)

    def _wire_room(self) -> None:
        self.room.shown_changed.connect(self._shown_changed)
        self.room.eye_named.connect(self._name_eye)
        self.room.place_command(self.actions_["visits"])
        self.room.visits_found.connect(self.actions_["visits"].setEnabled)
        # Two visits are of most use in step, and the menu shows that they are.
        self.room.compared.connect(lambda: self.actions_["in_step"].setChecked(True))
        self.room.noticed.connect(self.bars.show_notice)
        self.room.broken.connect(self.broken)
        self.room.empty.folder_wanted.connect(self.opening.ask_folder)
        self.room.empty.files_wanted.connect(self.opening.ask_files)
        self.room.empty.demo_wanted.connect(self.open_demo)
        self.results.jumped.connect(self.room.jump)
        self.heat.class_chosen.connect(self._choose_heat)
        self.heat.opacity_chosen.connect(lambda opacity: self.room.set_options(opacity=opacity))

    def _wire_actions(self) -> None:
        room = self.room
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
            "settings": self._edit_settings,
            "models": self.manage_models,
            "quit": self.close,
            "analyse": self._analyse,
            "cancel": self.session.cancel,
            "find_study": self._find_study,
            "next_study": lambda: self.list.step(1),
            "previous_study": lambda: self.list.step(-1),
            "name_right": lambda: self._name_shown(Laterality.RIGHT),
            "name_left": lambda: self._name_shown(Laterality.LEFT),
            "skipped": lambda: dialogs.left_out(self, self.session.skipped).open(),
            "show_right": lambda: room.show_eye(Laterality.RIGHT),
            "show_left": lambda: room.show_eye(Laterality.LEFT),
            "show_both": lambda: room.show_eye(None),
            "next_deciding": lambda: room.panel.go_to_deciding(1),
            "previous_deciding": lambda: room.panel.go_to_deciding(-1),
            "zoom_in": lambda: room.panel.view.zoom_by(_ZOOM_STEP),
            "zoom_out": lambda: room.panel.view.zoom_by(1 / _ZOOM_STEP),
            "brighter": lambda: room.panel.view.adjust_window(centre=-_GREY_STEP),
            "darker": lambda: room.panel.view.adjust_window(centre=_GREY_STEP),
            "more_contrast": lambda: room.panel.view.adjust_window(width=-2 * _GREY_STEP),
            "less_contrast": lambda: room.panel.view.adjust_window(width=2 * _GREY_STEP),
            "invert": lambda: room.panel.view.invert(),
            "reset": lambda: room.panel.view.reset(),
            "clear_measurements": room.clear_measurements,
            "stronger": lambda: self.heat.step(1),
            "fainter": lambda: self.heat.step(-1),
            **self.help.acts(),
        }.items():
            self.actions_[name].triggered.connect(lambda _=False, act=act: act())
        for name, toggle in {
            "heat": lambda on: room.set_options(heat=on),
            "outlined": lambda on: room.set_options(outlined=on),
            "measure": lambda on: room.set_options(measuring=on),
            "true_proportions": lambda on: room.set_options(true_proportions=on),
            "in_step": room.set_in_step,
            "visits": room.want_visits,
            "study_list": self.list.setVisible,
            "results": self.results.setVisible,
            "full_screen": lambda on: self.showFullScreen() if on else self.showNormal(),
        }.items():
            self.actions_[name].toggled.connect(toggle)
        self.actions_.menus["file"].insertMenu(self.actions_["close_study"], self.opening.recent)

    # Opening

    def open(self, paths: Sequence[Path]) -> None:
        """Read what the reader chose or dropped; of model packages, show what they hold."""
        packages = [path for path in paths if path.suffix.lower() == SUFFIX]
        if packages:
            self.manage_models(packages[0])
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

    def _show_case(self) -> None:
        self.show_scans()
        self._refresh()
        if self._newly_opened and self.session.current is not None:
            # The next key is for the scan, not for a name to search for.
            self._newly_opened = False
            self.room.panel.view.setFocus()

    def _case_changed(self, case: Case) -> None:
        if case is self.session.current:
            self._refresh()

    def _refresh(self) -> None:
        case, card = self.session.current, self.session.card
        self.room.show_case(case, card)
        self.results.show_case(case, card)
        self.results.setVisible(case is not None and self.actions_["results"].isChecked())
        self.list.setVisible(case is not None and self.actions_["study_list"].isChecked())
        self.heat.show_card(card)
        self._show_banners(case)
        self._shown_changed()

    def _show_banners(self, case: Case | None) -> None:
        sentences: tuple[str, ...] = ()
        if case is not None and case.result is not None and self.session.card is not None:
            sentences = banners(case.study, self.session.card, case.result.model_signer)
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
        again = case is not None and case.state not in (CaseState.QUEUED, CaseState.RUNNING)
        self.actions_.enable(again, "analyse")
        self.actions_.enable(self.session.busy, "cancel")
        self.actions_.enable(bool(self.session.skipped), "skipped")
        volume = self.room.panel.volume
        # What the file says of the eye stands; what the reader said can be taken back.
        open_eye = volume is not None and (
            volume.laterality is Laterality.UNKNOWN or volume.eye_set
        )
        self.actions_.enable(open_eye, "name_right", "name_left")

    # Doing

    def _find_study(self) -> None:
        self.actions_["study_list"].setChecked(True)
        self.list.find_study()

    def _analyse(self) -> None:
        for case in self.list.selected_cases():
            self.session.analyse(case)

    def _choose_heat(self, position: int | None) -> None:
        if not self.actions_["heat"].isChecked():
            quiet(self.actions_["heat"], checked=True)
        self.room.set_options(class_index=position, heat=True)

    def _name_shown(self, laterality: Laterality) -> None:
        volume = self.room.panel.volume
        if volume is not None:
            self.room.active = laterality
            self._name_eye(volume.uid, laterality)

    def _name_eye(self, uid: str, laterality: Laterality) -> None:
        if self.session.current is not None:
            self.session.set_eye(self.session.current, uid, laterality)

    def _act(self, notice: Notice) -> None:
        if notice.act is not None:
            notice.act()
        else:
            dialogs.left_out(self, self.session.skipped).open()

    def manage_models(self, file: Path | None = None) -> None:
        """Open the window of model packages, with the package in a file beside the one in use."""
        managers = [each for each in self.findChildren(ModelManager) if each.isVisible()]
        if managers:
            manager = managers[0]
        else:
            manager = ModelManager(self.session.settings, self)
            manager.chosen.connect(self.session.change_settings)
            manager.broken.connect(self.broken)
            manager.show()
        manager.activateWindow()
        if file is not None:
            manager.examine(file)

    def _edit_settings(self) -> None:
        dialog = SettingsDialog(self.session.settings, self)
        dialog.changed.connect(self.session.change_settings)
        dialog.broken.connect(self.broken)
        dialog.open()

    def choose_theme(self, choice: theme.ThemeChoice) -> None:
        self.session.change_settings(replace(self.session.settings, theme=choice.value))

    def _choose_blind_first(self, on: bool) -> None:
        self.session.change_settings(replace(self.session.settings, blind_first=on))

    def _settings_changed(self) -> None:
        self.apply_theme(self.session.settings)

    def apply_theme(self, settings: Settings) -> None:
        theme.apply(theme.ThemeChoice(settings.theme))
        self.bars.dress()
        self.room.dress()
        self._refresh()

    # Qt

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        QGuiApplication.styleHints().colorSchemeChanged.connect(
            self._desktop_changed, Qt.ConnectionType.UniqueConnection
        )

    def _desktop_changed(self) -> None:
        if self.session.settings.theme == "system":
            self.apply_theme(self.session.settings)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        event.acceptProposedAction()
        self.open(local_paths(event.mimeData()))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        self.state.save(self, self.panes)
        self.session.shut_down()
        self.papers.shut_down()
        self.help.shut_down()
        for manager in self.findChildren(ModelManager):
            manager.shut_down()
        for settings in self.findChildren(SettingsDialog):
            settings.shut_down()
        self.room.shut_down()
        super().closeEvent(event)

"""The window: menus, panes and wiring. What is shown is decided in the session and the panels."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, QUrl, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QMainWindow,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import AppError
from app.gui import dialogs, theme
from app.gui.actions import Actions, quiet
from app.gui.activity import Activity
from app.gui.bars import Bars
from app.gui.export import Exporter
from app.gui.heat_controls import HeatControls
from app.gui.icons import icon, program_icon
from app.gui.reading_room import ReadingRoom
from app.gui.report_view import ReportView
from app.gui.result_panel import ResultPanel
from app.gui.session import Case, CaseState, Notice, Session
from app.gui.settings_dialog import SettingsDialog
from app.gui.study_list import StudyList
from app.gui.window_state import WindowState
from app.installed import demo_study
from app.notices import RESEARCH_USE, SYNTHETIC, banners
from app.settings import Settings
from app.study import Laterality

_GREY_STEP = 12
_ZOOM_STEP = 1.25
_CASE_ACTIONS = ("close_study", "analyse", "show_right", "show_left", "show_both", "in_step")
_RESULT_ACTIONS = (
    "show_report",
    "save_report",
    "print",
    "export",
    "next_deciding",
    "previous_deciding",
)


class MainWindow(QMainWindow):
    """Everything is reached from here, and nothing is kept here."""

    broken = Signal(Exception)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.state = WindowState()
        self.setWindowTitle("KD-OCT")
        self.setWindowIcon(program_icon())
        self.setAcceptDrops(True)
        self.resize(1440, 900)
        self.actions_ = Actions(self)
        self.room = ReadingRoom()
        self.results = ResultPanel()
        self.list = StudyList(session)
        self.bars = Bars()
        self.report = ReportView()
        self.exporter = Exporter(self)
        self.heat = HeatControls(session.settings.heat_opacity)
        self._build_panes()
        self._build_tools()
        self._build_foot()
        self._wire_session()
        self._wire_room()
        self._wire_actions()
        self.room.set_options(opacity=session.settings.heat_opacity)
        self.state.restore(self, self.panes)
        self._fill_recent()
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
        self.pages.addWidget(self.report)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bars)
        layout.addWidget(self.pages, 1)
        self.setCentralWidget(centre)

    def _build_tools(self) -> None:
        bar = QToolBar(self.tr("Tools"))
        bar.setObjectName("tools")
        bar.setMovable(False)
        bar.toggleViewAction().setVisible(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.addToolBar(bar)
        spelt_out = {
            "open_folder": self.tr("Open"),
            "heat": self.tr("Heat map"),
            "show_report": self.tr("Report"),
        }
        for name in ("open_folder", "open_files", "", "heat", "outlined"):
            self._add_tool(bar, name, spelt_out.get(name, ""))
        bar.addWidget(self.heat)
        for name in ("", "measure", "invert", "reset"):
            self._add_tool(bar, name, spelt_out.get(name, ""))
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(gap)
        for name in ("show_report", "save_report", "print"):
            self._add_tool(bar, name, spelt_out.get(name, ""))
        bar.addSeparator()
        self._theme_menu(bar)

    def _add_tool(self, bar: QToolBar, name: str, words: str = "") -> None:
        if not name:
            bar.addSeparator()
            return
        action = self.actions_[name]
        bar.addAction(action)
        button = bar.widgetForAction(action)
        if button is not None:
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            theme.say(button, action.toolTip())
        if isinstance(button, QToolButton) and words:
            action.setIconText(words)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)

    def _theme_menu(self, bar: QToolBar) -> None:
        menu = self.actions_.menus["view"].addMenu(self.tr("T&heme"))
        for choice, words in (
            (theme.ThemeChoice.SYSTEM, self.tr("As the desktop")),
            (theme.ThemeChoice.DARK, self.tr("Dark")),
            (theme.ThemeChoice.LIGHT, self.tr("Light")),
        ):
            menu.addAction(words, partial(self.choose_theme, choice))
        action = bar.addAction(
            icon("theme"), self.tr("Dark or light"), "Ctrl+T", self._switch_theme
        )
        action.setToolTip(self.tr("Dark or light (Ctrl+T)"))
        button = bar.widgetForAction(action)
        if button is not None:
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            theme.say(button, self.tr("Dark or light theme"))

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
        session.noticed.connect(self.bars.show_notice)
        session.broken.connect(self.broken)
        session.progressed.connect(self._enable)
        session.settings_changed.connect(self._settings_changed)
        self.list.chosen.connect(session.select)
        self.bars.acted.connect(self._act)
        self.report.noticed.connect(self.bars.show_notice)
        self.report.saved.connect(self._saved)
        self.report.closed.connect(self.show_scans)
        self.report.broken.connect(self.broken)
        self.exporter.written.connect(self._saved)
        self.exporter.failed.connect(self._export_failed)

    def _wire_room(self) -> None:
        self.room.shown_changed.connect(self._shown_changed)
        self.room.eye_named.connect(self._name_eye)
        self.room.broken.connect(self.broken)
        self.room.empty.folder_wanted.connect(self.open_folder)
        self.room.empty.files_wanted.connect(self.open_files)
        self.room.empty.demo_wanted.connect(self.open_demo)
        self.results.jumped.connect(self.room.jump)
        self.heat.class_chosen.connect(self._choose_heat)
        self.heat.opacity_chosen.connect(lambda opacity: self.room.set_options(opacity=opacity))

    def _wire_actions(self) -> None:
        room = self.room
        for name, act in {
            "open_files": self.open_files,
            "open_folder": self.open_folder,
            "close_study": self._close_study,
            "show_report": self.show_report,
            "save_report": lambda: self._with_report(self.report.save),
            "print": lambda: self._with_report(self.report.print),
            "export": self._export,
            "settings": self._edit_settings,
            "quit": self.close,
            "analyse": self._analyse,
            "cancel": self.session.cancel,
            "next_study": lambda: self._step_study(1),
            "previous_study": lambda: self._step_study(-1),
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
            "clear_measurements": lambda: room.panel.clear_measurements(),
            "stronger": lambda: self.heat.step(1),
            "fainter": lambda: self.heat.step(-1),
            "keys": lambda: dialogs.keyboard(self).open(),
            "demo": self.open_demo,
            "about_model": lambda: dialogs.about_model(self, self.session.card).open(),
            "about": lambda: dialogs.about(self).open(),
        }.items():
            self.actions_[name].triggered.connect(lambda _=False, act=act: act())
        for name, toggle in {
            "heat": lambda on: room.set_options(heat=on),
            "outlined": lambda on: room.set_options(outlined=on),
            "measure": lambda on: room.set_options(measuring=on),
            "true_proportions": lambda on: room.set_options(true_proportions=on),
            "in_step": room.set_in_step,
            "study_list": self.list.setVisible,
            "results": self.results.setVisible,
            "full_screen": lambda on: self.showFullScreen() if on else self.showNormal(),
        }.items():
            self.actions_[name].toggled.connect(toggle)
        self._recent = self.actions_.menus["file"].addMenu(self.tr("Open rece&nt"))
        self.actions_.menus["file"].insertMenu(self.actions_["close_study"], self._recent)

    # Opening

    def open(self, paths: Sequence[Path]) -> None:
        """Read what the reader chose or dropped."""
        self.show_scans()
        self.bars.clear_notices()
        for path in paths:
            self.state.add_recent(path)
        self._fill_recent()
        self.session.open(paths)

    def open_demo(self) -> None:
        self.show_scans()
        self.session.open([demo_study()], demo=True)

    def open_files(self) -> None:
        dialog = self._file_dialog(self.tr("Open files"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda names: self.open([Path(name) for name in names]))
        dialog.open()

    def open_folder(self) -> None:
        dialog = self._file_dialog(self.tr("Open folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.filesSelected.connect(lambda names: self.open([Path(name) for name in names]))
        dialog.open()

    def _file_dialog(self, title: str) -> QFileDialog:
        recent = self.state.recent()
        home = QStandardPaths.StandardLocation.HomeLocation
        folder = recent[0].parent if recent else Path(QStandardPaths.writableLocation(home))
        dialog = QFileDialog(self, title, str(folder))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def _fill_recent(self) -> None:
        self._recent.clear()
        for path in self.state.recent():
            self._recent.addAction(path.name or str(path), partial(self.open, [path]))
        self._recent.addSeparator()
        self._recent.addAction(self.tr("Clear this list"), self._forget_recent)
        self._recent.setEnabled(bool(self.state.recent()))

    def _forget_recent(self) -> None:
        self.state.forget_recent()
        self._fill_recent()

    # Showing

    def show_scans(self) -> None:
        self.pages.setCurrentIndex(0)

    def show_report(self) -> None:
        if self._set_report_subject():
            self.pages.setCurrentIndex(1)
            self.report.show_report()

    def _show_case(self) -> None:
        self.show_scans()
        self._refresh()

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
            sentences = banners(case.study, self.session.card)
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
        self.actions_.enable(case is not None and case.result is not None, *_RESULT_ACTIONS)
        again = case is not None and case.state in (CaseState.STOPPED, CaseState.FAILED)
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

    def _close_study(self) -> None:
        if self.session.current is not None:
            self.session.close_case(self.session.current)

    def _analyse(self) -> None:
        if self.session.current is not None:
            self.session.analyse(self.session.current)

    def _step_study(self, step: int) -> None:
        cases = self.session.cases
        if self.session.current in cases:
            place = cases.index(self.session.current) + step
            if 0 <= place < len(cases):
                self.session.select(cases[place])

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

    def _set_report_subject(self) -> bool:
        case, card = self.session.current, self.session.card
        if case is None or case.result is None or card is None:
            return False
        self.report.set_subject(case.result, card, self.session.settings)
        return True

    def _with_report(self, act) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        if self._set_report_subject():
            act()

    def _export(self) -> None:
        dialog = self._file_dialog(self.tr("Export PDF, JSON and CSV into a folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        if self.session.settings.folder is not None:
            dialog.setDirectory(str(self.session.settings.folder))
        dialog.fileSelected.connect(lambda name: self.export_to(Path(name)))
        dialog.open()

    def export_to(self, folder: Path) -> None:
        """Write all results of the present case into a folder."""
        case, card = self.session.current, self.session.card
        if case is not None and case.result is not None and card is not None:
            self.exporter.export(case.result, card, self.session.settings, folder)

    def _saved(self, path: Path) -> None:
        folder = path if path.is_dir() else path.parent
        self.bars.show_notice(
            Notice(
                kind="information",
                text=self.tr("Saved in “{folder}”.").format(folder=folder),
                action=self.tr("Open folder"),
                act=lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))),
            )
        )

    def _export_failed(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self.bars.show_notice(Notice(kind="problem", text=str(error)))
        else:
            self.broken.emit(error)

    def _act(self, notice: Notice) -> None:
        if notice.act is not None:
            notice.act()
        else:
            dialogs.left_out(self, self.session.skipped).open()

    def _edit_settings(self) -> None:
        dialog = SettingsDialog(self.session.settings, self)
        dialog.changed.connect(self.session.change_settings)
        dialog.open()

    def choose_theme(self, choice: theme.ThemeChoice) -> None:
        self.session.change_settings(replace(self.session.settings, theme=choice.value))

    def _switch_theme(self) -> None:
        dark = theme.current() is theme.DARK
        self.choose_theme(theme.ThemeChoice.LIGHT if dark else theme.ThemeChoice.DARK)

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
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.open(paths)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        self.state.save(self, self.panes)
        self.session.shut_down()
        self.report.shut_down()
        self.exporter.shut_down()
        self.room.shut_down()
        super().closeEvent(event)

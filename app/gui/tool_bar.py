"""The bar of tools: the commands that are used all day, one click away."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QToolBar, QToolButton, QWidget

from app.gui import theme
from app.gui.actions import Actions, lock
from app.gui.heat_controls import HeatControls
from app.gui.icons import icon
from app.settings import locked_settings


class ToolBar(QToolBar):
    """Opening, heat map and measuring at one end, the report and the theme at the other."""

    theme_chosen = Signal(object)  # ThemeChoice

    def __init__(self, actions: Actions, heat: HeatControls) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Tools"))
        self.setObjectName("tools")
        self.setMovable(False)
        self.toggleViewAction().setVisible(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._actions = actions
        self._spelt_out = {
            "open_folder": self.tr("Open"),
            "heat": self.tr("Heat map"),
            "show_report": self.tr("Report"),
        }
        self._add("open_folder", "open_files", "", "heat", "outlined")
        self.addWidget(heat)
        self._add("", "measure", "invert", "reset")
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(gap)
        self._add("show_report", "save_report", "print", "")
        self._add_themes()

    def _add(self, *names: str) -> None:
        for name in names:
            if not name:
                self.addSeparator()
                continue
            action = self._actions[name]
            self.addAction(action)
            button = self.widgetForAction(action)
            if button is not None:
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                theme.say(button, action.toolTip())
            words = self._spelt_out.get(name)
            if isinstance(button, QToolButton) and words:
                action.setIconText(words)
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)

    def _add_themes(self) -> None:
        menu = self._actions.menus["view"].addMenu(self.tr("T&heme"))
        for choice, words in (
            (theme.ThemeChoice.SYSTEM, self.tr("As the desktop")),
            (theme.ThemeChoice.DARK, self.tr("Dark")),
            (theme.ThemeChoice.LIGHT, self.tr("Light")),
        ):
            menu.addAction(words, partial(self.theme_chosen.emit, choice))
        action = self.addAction(icon("theme"), self.tr("Dark or light"), "Ctrl+T", self._switch)
        action.setToolTip(self.tr("Dark or light (Ctrl+T)"))
        button = self.widgetForAction(action)
        if button is not None:
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            theme.say(button, self.tr("Dark or light theme"))
        if "theme" in locked_settings():
            lock(menu.menuAction(), action)

    def _switch(self) -> None:
        dark = theme.current() is theme.DARK
        self.theme_chosen.emit(theme.ThemeChoice.LIGHT if dark else theme.ThemeChoice.DARK)

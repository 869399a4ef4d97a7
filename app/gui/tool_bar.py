"""The bar of tools: the commands that are used all day, one click away."""

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from app.gui import theme
from app.gui.actions import Actions, lock
from app.gui.heat_controls import HeatControls
from app.gui.icons import icon
from app.settings import locked_settings

_WORDS = "words"  # beside icons
_HEAT = "heat controls"
_GIVES_WAY = (
    _WORDS,
    _HEAT,
    *("invert", "reset", "open_files", "outlined", "theme", "save_report", "measure"),
)
"""What leaves the bar of a narrow window for the button “More”, the least used first."""
_FIRST_IN_MORE = 1  # of those; words just go
_PANES = ("study_list", "results")
_SMALL = 0.75  # of the icons' size
_EDGES = 72  # the bar's own padding, and its lines between groups


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
        self._actions, self._heat = actions, heat
        self._buttons: dict[str, QToolButton] = {}
        self._places: dict[str, QAction] = {}  # of each button in the bar
        self._given_way: tuple[str, ...] = ()
        self._panes_offered = False
        self._icons = self.iconSize()
        self._spelt_out = {
            "open_folder": self.tr("Open"),
            "heat": self.tr("Heat map"),
            "show_report": self.tr("Report"),
        }
        self._theme = self._make_themes()
        self._add(*_PANES, "open_folder", "open_files", "", "heat", "outlined")
        self._places[_HEAT] = self.addWidget(heat)
        self._add("", "measure", "invert", "reset")
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(gap)
        self._add("show_report", "save_report", "print", "", "theme")
        self._add_more()
        self.offer_panes(offered=False)

    def button(self, name: str) -> QToolButton:
        """The button of a command."""
        return self._buttons[name]

    def offer_panes(self, *, offered: bool) -> None:
        """Show the buttons that lead to the panes which a narrow window has no room for."""
        self._panes_offered = offered
        for name in _PANES:
            self._places[name].setVisible(offered)
        self._fit(self.width())

    def set_small(self, *, small: bool) -> None:
        """Spare height where the window is low."""
        self.setIconSize(self._icons * (_SMALL if small else 1))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._fit(event.size().width())
        super().resizeEvent(event)

    def _add(self, *names: str) -> None:
        for name in names:
            if not name:
                self.addSeparator()
                continue
            action = self._theme if name == "theme" else self._actions[name]
            words = self._spelt_out.get(name)
            if words:
                action.setIconText(words)
            # Of its own, so that it can give way while the menus keep the command.
            self._add_button(name, QToolButton()).setDefaultAction(action)
            theme.say(self._buttons[name], action.toolTip())

    def _add_button(self, name: str, button: QToolButton) -> QToolButton:
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setIconSize(self.iconSize())
        self.iconSizeChanged.connect(button.setIconSize)
        self._buttons[name] = button
        self._places[name] = self.addWidget(button)
        return button

    # Room

    def _fit(self, width: int) -> None:
        """Let as few tools give way as the width asks for."""
        # Icons alone are all of one width, and words add theirs.
        for count in range(len(_GIVES_WAY) + 1):
            gone = _GIVES_WAY[:count]
            if self._width_without(gone) <= width:
                break
        if gone == self._given_way:
            return
        self._given_way = gone
        for name in _GIVES_WAY[_FIRST_IN_MORE:]:
            self._places[name].setVisible(name not in gone)
            # Qt enables what comes back, whatever became of its command.
            button = self._buttons.get(name)
            if button is not None:
                button.setEnabled(button.defaultAction().isEnabled())
        self._places["more"].setVisible(len(gone) > _FIRST_IN_MORE)
        style = Qt.ToolButtonStyle
        for name in self._spelt_out:
            self._buttons[name].setToolButtonStyle(
                style.ToolButtonIconOnly if _WORDS in gone else style.ToolButtonTextBesideIcon
            )

    def _width_without(self, gone: tuple[str, ...]) -> int:
        layout = self.layout()
        gap = layout.spacing() if layout is not None else 0
        button = self._buttons["print"].sizeHint().width() + gap
        more = len(gone) > _FIRST_IN_MORE
        shown = [
            name
            for name in self._buttons
            if name not in gone
            and (name not in _PANES or self._panes_offered)
            and (name != "more" or more)
        ]
        width = _EDGES + len(shown) * button
        if _HEAT not in gone:
            width += self._heat.sizeHint().width() + gap
        if _WORDS not in gone:
            metrics = self.fontMetrics()
            words = (f" {each}  " for each in self._spelt_out.values())
            width += sum(metrics.horizontalAdvance(each) for each in words)
        return width

    def _add_more(self) -> None:
        button = self._add_button("more", QToolButton())
        button.setIcon(icon("more"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolTip(self.tr("More tools"))
        theme.say(button, self.tr("More tools"))
        menu = QMenu(button)
        menu.aboutToShow.connect(partial(self._fill_more, menu))
        button.setMenu(menu)

    def _fill_more(self, menu: QMenu) -> None:
        menu.clear()
        for name in reversed(self._given_way[_FIRST_IN_MORE:]):
            if name == _HEAT:
                menu.addMenu(self._heat.menu)
                menu.addActions([self._actions["stronger"], self._actions["fainter"]])
            else:
                menu.addAction(self._theme if name == "theme" else self._actions[name])

    # Theme

    def _make_themes(self) -> QAction:
        menu = self._actions.menus["view"].addMenu(self.tr("T&heme"))
        for choice, words in (
            (theme.ThemeChoice.SYSTEM, self.tr("As the desktop")),
            (theme.ThemeChoice.DARK, self.tr("Dark")),
            (theme.ThemeChoice.LIGHT, self.tr("Light")),
        ):
            menu.addAction(words, partial(self.theme_chosen.emit, choice))
        action = QAction(icon("theme"), self.tr("Dark or light"), self)
        action.setShortcut("Ctrl+T")
        action.triggered.connect(self._switch)
        action.setToolTip(self.tr("Dark or light (Ctrl+T)"))
        # Its key holds while the button has given way.
        menu.addSeparator()
        menu.addAction(action)
        if "theme" in locked_settings():
            lock(menu.menuAction(), action)
        return action

    def _switch(self) -> None:
        dark = theme.current() is theme.DARK
        self.theme_chosen.emit(theme.ThemeChoice.LIGHT if dark else theme.ThemeChoice.DARK)

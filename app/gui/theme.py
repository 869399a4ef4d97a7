"""Colours and spacing, for a dark reading room and for a light office.

Pairs of text and ground keep WCAG AA (4.5 : 1), marks and graphs 3 : 1; `tests/gui/test_theme.py`
measures them. A colour never says anything alone: a word or a shape goes with it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from app.paths import resources
from app.study import Call, Outcome


class ThemeChoice(StrEnum):
    SYSTEM = "system"
    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """One theme. All but the name are `#rrggbb`."""

    name: str
    window: str
    panel: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    warning: str  # ground of a bar that warns
    on_warning: str
    problem: str
    on_problem: str
    information: str
    on_information: str
    classes: tuple[str, ...]  # by severity, healthy first
    uncertain: str
    out_of_scope: str
    ungradable: str


DARK = Colours(
    name="dark",
    window="#14171b",
    panel="#1b2026",
    raised="#262d35",
    line="#3a444f",
    text="#e8ecf0",
    muted="#a3afbb",
    accent="#5aa9f7",
    on_accent="#08131f",
    warning="#3d3113",
    on_warning="#ffe3a1",
    problem="#46201c",
    on_problem="#ffd2ca",
    information="#17304a",
    on_information="#cfe5fb",
    classes=("#7f9db8", "#e8c547", "#4fb3e8", "#f0704c", "#c77fd6", "#9bd07a"),
    uncertain="#e0a53a",
    out_of_scope="#b79be8",
    ungradable="#98a2ad",
)

LIGHT = Colours(
    name="light",
    window="#f2f4f6",
    panel="#ffffff",
    raised="#e8ecf0",
    line="#c6ced6",
    text="#18202a",
    muted="#52606d",
    accent="#0a62c2",
    on_accent="#ffffff",
    warning="#fff1cc",
    on_warning="#573d00",
    problem="#fde3de",
    on_problem="#7c1d0c",
    information="#dfeefc",
    on_information="#0c3c6e",
    classes=("#4d6b87", "#856500", "#1a76b0", "#c03a14", "#8d3ca0", "#47782a"),
    uncertain="#8f5a00",
    out_of_scope="#6a46b5",
    ungradable="#5b6671",
)

_OF_PALETTE = replace(
    DARK,
    window="palette(window)",
    panel="palette(base)",
    raised="palette(button)",
    line="palette(mid)",
    text="palette(text)",
    muted="palette(placeholder-text)",
    accent="palette(highlight)",
    on_accent="palette(highlighted-text)",
    on_problem="palette(bright-text)",
)
"""As a style sheet names them that holds for both themes; `_palette` gives them to Qt."""

IMAGE_GROUND = QColor("#060708")
"""Behind every scan, in both themes: eyes adapted to a bright screen miss faint fluid."""

_SHARE = 0.92
"""Of the screen that a dialog takes at most: its frame and the task bar need the rest."""

GAP = 8
"""The unit of spacing, in device-independent pixels."""


def current() -> Colours:
    """The colours of the theme that the program shows now."""
    dark = QApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128
    return DARK if dark else LIGHT


def class_colour(severity: int, colours: Colours) -> QColor:
    return QColor(colours.classes[severity % len(colours.classes)])


def notice_colours(kind: str, colours: Colours) -> tuple[str, str]:
    """Ground of a bar, and ink of its picture: "information", "warning" or "problem"."""
    return {
        "information": (colours.information, colours.on_information),
        "warning": (colours.warning, colours.on_warning),
        "problem": (colours.problem, colours.on_problem),
    }[kind]


def call_colour(call: Call, severities: dict[str, int], colours: Colours) -> QColor:
    """The colour that goes with a call's words; `severities` are by class name."""
    if call.outcome is Outcome.CALLED and call.label is not None:
        return class_colour(severities[call.label], colours)
    return QColor(
        {
            Outcome.UNCERTAIN: colours.uncertain,
            Outcome.OUT_OF_SCOPE: colours.out_of_scope,
        }.get(call.outcome, colours.ungradable)
    )


def apply(choice: ThemeChoice) -> None:
    """Dress the program at once; for windows that are open see `Redress`."""
    changed = colour(choice)
    if not _wear(_sheet()) and changed:
        for each in QApplication.allWidgets():
            take_colours(each)


def colour(choice: ThemeChoice) -> bool:
    """Give the program a theme's palette; return whether that is another one.

    `SYSTEM` follows the desktop, and is dark where that does not say. Widgets that are there need
    `take_colours`.
    """
    schemes = {
        ThemeChoice.DARK: Qt.ColorScheme.Dark,
        ThemeChoice.LIGHT: Qt.ColorScheme.Light,
        ThemeChoice.SYSTEM: Qt.ColorScheme.Unknown,
    }
    hints = QGuiApplication.styleHints()
    hints.setColorScheme(schemes[choice])
    scheme = hints.colorScheme() if choice is ThemeChoice.SYSTEM else schemes[choice]
    palette = _palette(LIGHT if scheme is Qt.ColorScheme.Light else DARK)
    program = _program()
    changed = program.palette() != palette
    program.setPalette(palette)
    return changed


def _wear(sheet: str) -> bool:
    """Dress every widget, unless they wear it already; return whether they had to be."""
    program = _program()
    if program.styleSheet() == sheet:
        return False
    # From one sheet to another Qt dresses each widget once more for every widget that it lies in.
    # To none and from none it comes to each once.
    program.setStyleSheet("")
    program.setStyleSheet(sheet)
    return True


def _sheet() -> str:
    """The one style sheet of both themes."""
    return _style_sheet(_OF_PALETTE) + (_mirrored() if _program().isRightToLeft() else "")


def _program() -> QApplication:
    program = QApplication.instance()
    assert isinstance(program, QApplication)
    return program


def take_colours(widget: QWidget) -> None:
    """Have the style sheet look at the palette again."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def repolish(*widgets: QWidget) -> None:
    """Have the style sheet looked at again, after a property that it asks for."""
    for each in widgets:
        take_colours(each)
        each.updateGeometry()


def fit(dialog: QWidget, width: int, height: int) -> None:
    """Make a dialog that large, or as large as its screen allows."""
    dialog.resize(QSize(width, height).boundedTo(dialog.screen().availableSize() * _SHARE))


def say(widget: QWidget, name: str, description: str = "") -> None:
    """Give a control the words that a screen reader speaks."""
    widget.setAccessibleName(name)
    if description:
        widget.setAccessibleDescription(description)


def _palette(colours: Colours) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for each, colour in {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.panel,
        role.AlternateBase: colours.raised,
        role.Text: colours.text,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.BrightText: colours.on_problem,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.PlaceholderText: colours.muted,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent,
        role.Link: colours.accent,
        role.LinkVisited: colours.accent,
        role.Light: colours.raised,
        role.Midlight: colours.raised,
        role.Mid: colours.line,
        role.Dark: colours.line,
        role.Shadow: colours.window,
        role.Accent: colours.accent,
    }.items():
        palette.setColor(each, QColor(colour))
    for each in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, QColor(colours.muted))
    return palette


def _mirrored() -> str:
    """What Qt leaves out of a window that runs from right to left: that a button opens a menu."""
    return f"""
    QPushButton::menu-indicator {{ subcontrol-origin: content; subcontrol-position: right center;
        image: url("{_icons()}/down.svg"); width: 12px; height: 12px; }}
    """


def _icons() -> str:
    # A style sheet takes pictures from files only: the ink of these stands out in both themes.
    return (resources() / "icons").as_posix()


def _style_sheet(c: Colours) -> str:
    icons = _icons()
    return f"""
    QMainWindow, QDialog {{ background: {c.window}; }}
    QToolTip {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line};
        padding: 4px; }}
    QMenuBar {{ background: {c.panel}; padding: 2px 4px; }}
    QMenuBar::item {{ padding: 4px 10px; border-radius: 4px; background: transparent; }}
    QMenuBar::item:selected {{ background: {c.raised}; }}
    QMenu {{ background: {c.panel}; border: 1px solid {c.line}; padding: 4px; }}
    QMenu::item {{ padding: 5px 28px 5px 28px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QMenu::item:disabled {{ color: {c.muted}; }}
    QMenu::icon {{ padding-left: 6px; }}
    QMenu::separator {{ height: 1px; background: {c.line}; margin: 4px 8px; }}
    QToolBar {{ background: {c.panel}; border: none; border-bottom: 1px solid {c.line};
        padding: 4px 6px; spacing: 4px; }}
    QToolBar::separator {{ width: 1px; background: {c.line}; margin: 5px 6px; }}
    QToolButton {{ border: 1px solid transparent; border-radius: 5px; padding: 4px 8px; }}
    QToolButton:hover {{ background: {c.raised}; }}
    QToolButton:pressed, QToolButton:checked {{ background: {c.raised};
        border-color: {c.accent}; }}
    QToolButton:focus {{ border-color: {c.accent}; }}
    QToolButton:disabled {{ color: {c.muted}; }}
    QToolButton#head {{ padding: 3px; }}
    QStatusBar {{ background: {c.panel}; border-top: 1px solid {c.line}; color: {c.muted}; }}
    QStatusBar::item {{ border: none; }}
    QStatusBar QPushButton {{ padding: 1px 12px; }}
    QMainWindow[short="true"] QMenuBar {{ padding: 0 4px; }}
    QMainWindow[short="true"] QMenuBar::item {{ padding: 1px 8px; }}
    QMainWindow[short="true"] QToolBar {{ padding: 1px 4px; }}
    QMainWindow[short="true"] QToolBar QToolButton {{ padding: 2px 5px; }}
    QSplitter::handle {{ background: {c.line}; }}
    QSplitter::handle:horizontal {{ width: 1px; }}
    QSplitter::handle:vertical {{ height: 1px; }}
    QPushButton {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 5px;
        padding: 5px 14px; }}
    QPushButton:hover, QPushButton:focus {{ border-color: {c.accent}; }}
    QPushButton:default {{ background: {c.accent}; color: {c.on_accent};
        border-color: {c.accent}; }}
    QPushButton:default:focus {{ border-color: {c.text}; }}
    QPushButton:disabled {{ color: {c.muted}; background: {c.panel}; border-color: {c.line}; }}
    QComboBox, QLineEdit, QAbstractSpinBox {{ background: {c.panel}; border: 1px solid {c.line};
        border-radius: 5px; padding: 3px 8px; selection-background-color: {c.accent}; }}
    QComboBox:focus, QLineEdit:focus, QAbstractSpinBox:focus {{ border-color: {c.accent}; }}
    QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: none; }}
    QAbstractSpinBox QLineEdit {{ border: none; padding: 0 6px; }}
    QComboBox QAbstractItemView {{ background: {c.panel}; border: 1px solid {c.line}; }}
    QComboBox::drop-down {{ border: none; width: 18px; }}
    QComboBox::down-arrow {{ image: url("{icons}/down.svg"); width: 12px; height: 12px; }}
    QListView, QTreeView, QTableView {{ background: {c.panel}; border: none; outline: none; }}
    QHeaderView::section {{ background: {c.raised}; border: none; padding: 5px 8px;
        color: {c.muted}; }}
    QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
    QProgressBar {{ background: {c.raised}; border: none; border-radius: 3px; height: 6px; }}
    QProgressBar::chunk {{ background: {c.accent}; border-radius: 3px; }}
    QScrollBar:vertical {{ background: transparent; width: 11px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 11px; margin: 0; }}
    QScrollBar::handle {{ background: {c.line}; border-radius: 4px; margin: 2px;
        min-height: 24px; min-width: 24px; }}
    QScrollBar::handle:hover {{ background: {c.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QFrame#card {{ background: {c.panel}; border: 1px solid {c.line}; border-radius: 6px; }}
    QFrame#side {{ background: {c.window}; }}
    QLabel#muted {{ color: {c.muted}; }}
    QLabel#heading {{ font-weight: 600; }}
    QCheckBox:focus {{ color: {c.accent}; }}
    QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {c.muted};
        border-radius: 3px; background: {c.panel}; }}
    QCheckBox::indicator:checked {{ border-color: {c.accent};
        image: url("{icons}/tick.svg"); }}
    QCheckBox::indicator:focus {{ border-color: {c.text}; }}
    QCheckBox:disabled {{ color: {c.muted}; }}
    QCheckBox::indicator:disabled {{ border-color: {c.line}; }}
    QListWidget::item {{ padding: 6px 8px; border-bottom: 1px solid {c.line}; }}
    QListWidget::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QLabel#problem {{ color: {c.on_problem}; border: 1px solid {c.on_problem};
        border-radius: 5px; padding: 6px 10px; }}
    QTabWidget::pane {{ border: 1px solid {c.line}; border-radius: 6px; background: {c.panel}; }}
    QTabBar::tab {{ background: transparent; color: {c.muted}; padding: 6px 14px;
        border-bottom: 2px solid transparent; }}
    QTabBar::tab:selected {{ color: {c.text}; border-bottom-color: {c.accent}; }}
    QTabBar::tab:focus, QTabBar::tab:hover {{ color: {c.text}; background: {c.raised}; }}
    QGroupBox {{ border: 1px solid {c.line}; border-radius: 6px; margin-top: 10px;
        padding-top: 8px; }}
    QGroupBox::title {{ subcontrol-origin: margin; left: 10px; padding: 0 4px; }}
    QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
    QDialogButtonBox QPushButton {{ min-width: 72px; }}
    """

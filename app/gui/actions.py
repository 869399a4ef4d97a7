"""Every command of the window: its words, key, icon and place in the menus, in one table."""

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from app.gui import wording
from app.gui.icons import icon
from app.gui.languages import apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    name: str
    words: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    checkable: bool = False
    checked: bool = False
    hint: str = ""  # for the status bar


def translate(text: str) -> str:
    return QCoreApplication.translate("actions", text)


def _file() -> list[Command | None]:
    return [
        Command(name="open_files", words=translate("Open &files…"), keys=("Ctrl+O",), icon="file"),
        Command(
            name="open_folder",
            words=translate("Open f&older…"),
            keys=("Ctrl+Shift+O",),
            icon="folder",
        ),
        None,
        Command(name="close_study", words=translate("Take &off the list"), keys=("Ctrl+W",)),
        None,
        Command(
            name="show_report", words=translate("Show &report"), keys=("Ctrl+R",), icon="report"
        ),
        Command(
            name="save_report", words=translate("&Save report…"), keys=("Ctrl+S",), icon="save"
        ),
        Command(name="print", words=translate("&Print report…"), keys=("Ctrl+P",), icon="print"),
        Command(
            name="export", words=translate("&Export results…"), keys=("Ctrl+E",), icon="export"
        ),
        Command(name="anonymise", words=translate("Save anon&ymised copy…")),
        Command(
            name="report_selected",
            words=translate("Reports of selected st&udies…"),
            keys=("Ctrl+Shift+S",),
        ),
        None,
        Command(name="settings", words=translate("Se&ttings…"), keys=("Ctrl+,",), icon="settings"),
        Command(name="operating_point", words=translate("Operating po&int…")),
        Command(name="models", words=translate("&Model packages…")),
        None,
        Command(name="quit", words=translate("&Quit"), keys=("Ctrl+Q",)),
    ]


def _study() -> list[Command | None]:
    return [
        Command(name="analyse", words=translate("&Analyse again"), keys=("F5",)),
        Command(name="repeat", words=translate("Analyse again and co&mpare…"), keys=("Shift+F5",)),
        Command(name="cancel", words=translate("&Cancel reading and analysis"), keys=("Ctrl+.",)),
        None,
        Command(name="find_study", words=translate("&Find study…"), keys=("Ctrl+F",)),
        Command(name="next_study", words=translate("&Next study"), keys=("Ctrl+Down",)),
        Command(name="previous_study", words=translate("&Previous study"), keys=("Ctrl+Up",)),
        Command(name="next_undecided", words=translate("Next &undecided study"), keys=("U",)),
        None,
        Command(name="name_right", words=translate("This is the &right eye (OD)")),
        Command(name="name_left", words=translate("This is the &left eye (OS)")),
        None,
        Command(name="skipped", words=translate("Files &left out…")),
    ]


def _decisions() -> list[Command | None]:
    return [
        Command(
            name="agree",
            words=translate("&Agree with the machine: eye in front"),
            keys=("A",),
            icon="check",
        ),
        Command(
            name="agree_with_all",
            words=translate("Agree on all &eyes and the patient"),
            keys=("Shift+A",),
        ),
        None,
        Command(
            name="decide_eye", words=translate("&My call for this eye…"), keys=("D",), icon="pen"
        ),
        Command(
            name="decide_bscan", words=translate("My call for this &B-scan…"), keys=("Shift+D",)
        ),
        Command(
            name="decide_patient", words=translate("My call for the &patient…"), keys=("Ctrl+D",)
        ),
        Command(name="undo_decision", words=translate("&Undo decision"), keys=("Ctrl+Z",)),
        Command(
            name="redo_decision",
            words=translate("&Redo decision"),
            keys=("Ctrl+Shift+Z", "Ctrl+Y"),
        ),
        None,
        Command(
            name="blind_first",
            words=translate("My call &first, then the machine's"),
            checkable=True,
        ),
        None,
        Command(name="trail", words=translate("&Decisions on this study…"), keys=("Ctrl+H",)),
        Command(name="agreement", words=translate("A&greement with the machine…")),
    ]


def _view() -> list[Command | None]:
    return [
        Command(name="show_right", words=translate("&Right eye"), keys=("Ctrl+1",)),
        Command(name="show_left", words=translate("&Left eye"), keys=("Ctrl+2",)),
        Command(name="show_both", words=translate("Side by &side"), keys=("Ctrl+3",), icon="both"),
        Command(
            name="in_step", words=translate("Scroll both in step"), keys=("L",), checkable=True
        ),
        Command(name="visits", words=translate("Other &visits"), keys=("V",), checkable=True),
        None,
        Command(
            name="next_deciding",
            words=translate("&Next deciding B-scan"),
            keys=("N",),
            icon="next",
        ),
        Command(
            name="previous_deciding",
            words=translate("&Previous deciding B-scan"),
            keys=("P",),
            icon="previous",
        ),
        None,
        Command(name="zoom_in", words=translate("Zoom &in"), keys=("+", "="), icon="zoom"),
        Command(name="zoom_out", words=translate("Zoom &out"), keys=("-",)),
        Command(name="brighter", words=translate("&Brighter"), keys=("B",)),
        Command(name="darker", words=translate("&Darker"), keys=("Shift+B",)),
        Command(name="more_contrast", words=translate("More &contrast"), keys=("C",)),
        Command(name="less_contrast", words=translate("Less contrast"), keys=("Shift+C",)),
        Command(name="invert", words=translate("In&vert grey"), keys=("I",), icon="invert"),
        Command(name="reset", words=translate("Rese&t view"), keys=("R",), icon="reset"),
        Command(
            name="measure",
            words=translate("&Measure"),
            keys=("M",),
            icon="measure",
            checkable=True,
        ),
        Command(
            name="clear_measurements",
            words=translate("Remove measurements"),
            keys=("Shift+M",),
        ),
        Command(
            name="true_proportions",
            words=translate("True &proportions (µm)"),
            keys=("T",),
            checkable=True,
            checked=True,
        ),
        None,
        Command(
            name="study_list",
            words=translate("Study li&st"),
            keys=("F9",),
            icon="list",
            checkable=True,
            checked=True,
        ),
        Command(
            name="results",
            words=translate("R&esults"),
            keys=("F10",),
            icon="results",
            checkable=True,
            checked=True,
        ),
        Command(name="full_screen", words=translate("&Full screen"), keys=("F11",), checkable=True),
    ]


def _heat() -> list[Command | None]:
    return [
        Command(
            name="heat",
            words=translate("&Heat map"),
            keys=("H",),
            icon="heat",
            checkable=True,
            checked=True,
        ),
        Command(
            name="outlined",
            words=translate("As &outlines"),
            keys=("O",),
            icon="outline",
            checkable=True,
        ),
        Command(name="stronger", words=translate("&Stronger"), keys=("]",)),
        Command(name="fainter", words=translate("&Fainter"), keys=("[",)),
    ]


def _help() -> list[Command | None]:
    return [
        Command(name="keys", words=translate("&Keyboard"), keys=("F1",)),
        Command(name="answers", words=translate("What an &answer means")),
        Command(name="tour", words=translate("Take the &tour")),
        Command(name="demo", words=translate("Open the &demo study")),
        None,
        Command(name="report_fault", words=translate("Report a &fault…")),
        None,
        Command(name="about_model", words=translate("The &model and its limits…"), icon="info"),
        Command(name="about", words=translate("&About KD-OCT…")),
    ]


def menus() -> list[tuple[str, list[Command | None]]]:
    """Title and commands of each menu; None is a line between."""
    return [
        (translate("&File"), _file()),
        (translate("&Study"), _study()),
        (translate("My &call"), _decisions()),
        (translate("&View"), _view()),
        (translate("&Heat map"), _heat()),
        (translate("H&elp"), _help()),
    ]


class Actions:
    """The window's commands by name, with its menus filled."""

    def __init__(self, window: QMainWindow) -> None:
        self._by_name: dict[str, QAction] = {}
        self.menus: dict[str, QMenu] = {}
        names = ("file", "study", "decisions", "view", "heat", "help")
        for name, (title, commands) in zip(names, menus(), strict=True):
            menu = window.menuBar().addMenu(title)
            self.menus[name] = menu
            for command in commands:
                if command is None:
                    menu.addSeparator()
                else:
                    menu.addAction(self._make(window, command))

    def __getitem__(self, name: str) -> QAction:
        return self._by_name[name]

    def enable(self, enabled: bool, *names: str) -> None:
        for name in names:
            self._by_name[name].setEnabled(enabled)

    def _make(self, window: QMainWindow, command: Command) -> QAction:
        action = QAction(command.words, window)
        if command.keys and window.isRightToLeft() and not window.menuBar().isNativeMenuBar():
            # A menu would turn the keys around with the line: ".+Ctrl" for "Ctrl+.".
            action.setText(f"{command.words}\t{apart(command.keys[0])}")
            action.setIconText(_plain(command.words))
        if command.keys:
            action.setShortcuts([QKeySequence(keys) for keys in command.keys])
        if command.icon:
            action.setIcon(icon(command.icon))
        action.setCheckable(command.checkable)
        action.setChecked(command.checked)
        plain = _plain(command.words)
        action.setToolTip(f"{plain} ({apart(command.keys[0])})" if command.keys else plain)
        self._by_name[command.name] = action
        return action


def _plain(words: str) -> str:
    return words.replace("&", "").replace("…", "")


def gestures() -> list[tuple[str, str]]:
    """What the pointer and the keys that are no commands do, for the help."""
    return [
        (translate("Wheel, ← →, ↑ ↓"), translate("Previous or next B-scan")),
        (translate("Page Up, Page Down"), translate("Ten B-scans back or on")),
        (translate("Home, End"), translate("First or last B-scan")),
        (translate("Ctrl + wheel"), translate("Zoom at the pointer")),
        (translate("Drag, double click"), translate("Move the enlarged scan; whole scan again")),
        (translate("Shift + arrows"), translate("Move the enlarged scan")),
        (translate("Drag with the right button"), translate("Brightness and contrast")),
        (
            translate("While measuring: Enter, arrows, Enter"),
            translate("Set one end, go to the other, set it; Shift goes faster"),
        ),
        (translate("Tab, Shift+Tab"), translate("Next or previous control")),
        (translate("Enter in the list"), translate("Go on to the scans")),
        (translate("Delete in the list"), translate("Take off the list")),
        (translate("1, 2, 3 …"), translate("My call for the eye in front, in the menu's order")),
    ]


def explain(action: QAction, words: str) -> None:
    """Say in a command's tooltip what it does at present; "" says its own words again."""
    plain = _plain(action.iconText())
    keys = [apart(each.toString()) for each in action.shortcuts()[:1]]
    about = f"{plain}: {words}" if words else plain
    action.setToolTip(f"{about} ({keys[0]})" if keys else about)
    _show_tooltips(action)


def lock(*actions: QAction) -> None:
    """Keep commands from being given, and say why: the clinic's configuration has decided."""
    why = wording.set_for_the_clinic()
    for action in actions:
        action.setEnabled(False)
        action.setToolTip(why)
        _show_tooltips(action)


def _show_tooltips(action: QAction) -> None:
    for menu in action.associatedObjects():
        if isinstance(menu, QMenu):
            menu.setToolTipsVisible(True)


def quiet(action: QAction, *, checked: bool) -> None:
    """Set a checkable action without carrying it out."""
    action.blockSignals(True)
    action.setChecked(checked)
    action.blockSignals(False)

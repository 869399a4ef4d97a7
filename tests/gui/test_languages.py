"""The window in another language: every text, in its direction, and what the core says as well."""

import ast
import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QLibraryInfo, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QListWidget,
    QMenu,
    QTableWidget,
    QTabWidget,
    QToolButton,
    QWidget,
)

import app.gui
from app.gui import languages as module
from app.gui.decision_row import DecisionRow, RowState
from app.gui.languages import apart, speak, spoken, told
from app.gui.operating_dialog import OperatingDialog
from app.gui.settings_dialog import SettingsDialog
from app.installed import demo_study
from app.paths import resources
from app.settings import load_settings
from tests.decisions import entry
from tests.gui.every_window import every_window
from tests.gui_window import WAIT, install_tiny_package, opened_window, wait_until_ended
from tests.tiny_package import tiny_card

PERSIAN = re.compile("[آ-ی]")
FOREIGN_DIGITS = re.compile("[\u06f0-\u06f9\u0660-\u0669]")
CONTROLS = re.compile("[\u200e\u200f\u2066-\u2069]")


@pytest.fixture(autouse=True)
def _english_again(qapp):
    yield
    speak("en", qapp)


@pytest.fixture
def persian(qapp):
    speak("fa", qapp)


@pytest.fixture
def worded():
    """The id of a package that answers quickly, in the words of the one that ships."""
    (shipped,) = (resources() / "models").glob("*/model.json")
    card = json.loads(shipped.read_bytes())
    said = ("title", "classes", "referral", "training", "figures", "limits")
    install_tiny_package(id="worded", **{each: card[each] for each in said})
    return "worded"


# One language and another


def test_that_persian_runs_from_right_to_left(persian):
    assert spoken() == "fa"
    assert QGuiApplication.layoutDirection() is Qt.LayoutDirection.RightToLeft
    assert QCoreApplication.translate("actions", "&File") == "&فایل"


def test_that_english_comes_back_whole(qapp, persian):
    speak("en", qapp)

    assert spoken() == "en"
    assert QGuiApplication.layoutDirection() is Qt.LayoutDirection.LeftToRight
    assert QCoreApplication.translate("actions", "&File") == "&File"
    assert told("drusen") == "drusen"
    assert apart("1 mm") == "1 mm"


def test_that_a_text_without_a_translation_stays_as_it_is(persian):
    assert QCoreApplication.translate("actions", "No such text") == "No such text"


def test_that_qt_speaks_it_as_well(persian):
    if not Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)).is_dir():
        pytest.skip("this build of Qt has no translations")
    assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "انصراف"


def test_that_keys_are_named_as_they_are_printed_on_the_keyboard(persian):
    assert QCoreApplication.translate("QShortcut", "Ctrl") == "Ctrl"


@pytest.mark.parametrize("damage", [b"", b"damaged", b"\xde\x12\x04\x95\0\0"])
def test_that_a_language_without_a_usable_catalogue_stays_english(
    qapp, tmp_path, monkeypatch, damage
):
    (tmp_path / "translations" / "fa").mkdir(parents=True)
    (tmp_path / "translations" / "fa" / "window.mo").write_bytes(damage)
    monkeypatch.setattr(module, "resources", lambda: tmp_path)

    for code in ("fa", "xx", "../fa"):
        speak(code, qapp)

        assert spoken() == "en"
        assert QGuiApplication.layoutDirection() is Qt.LayoutDirection.LeftToRight


# The source


def _sources():
    return sorted(Path(app.gui.__file__).parent.glob("*.py"))


SHOWN_BY = {
    *("QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QGroupBox", "QAction", "QMenu"),
    *("Notice", "say", "addAction", "addMenu", "addTab", "addRow", "addSection", "addButton"),
    *("setText", "setToolTip", "setStatusTip", "setWindowTitle", "setTitle", "setPlaceholderText"),
    *("setSpecialValueText", "setAccessibleName", "setAccessibleDescription", "setLabelText"),
    *("setNameFilter", "setHorizontalHeaderLabels", "drawText", "showText", "addItem", "_tell"),
}
"""Calls whose texts somebody sees or hears."""

NO_WORDS = {"KD-OCT", "A4", "Letter", "Ctrl+T"}
"""Names that are the same in every language, and keys."""


def _called(node):
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _untranslated(node):
    """Words written straight into what is shown, those that a translation call takes left out."""
    if isinstance(node, ast.Call) and _called(node) in {"tr", "translate", "setObjectName"}:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        words = re.sub(r"<[^>]*>|&\w+;", "", node.value)
        if re.search(r"[A-Za-z]{3}", words) and node.value not in NO_WORDS:
            yield node.value
    elif isinstance(node, ast.Call):
        for child in (*node.args, *(each.value for each in node.keywords if each.arg == "text")):
            yield from _untranslated(child)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _untranslated(child)


@pytest.mark.parametrize("path", _sources(), ids=lambda path: path.stem)
def test_that_what_is_shown_goes_through_a_catalogue(path):
    tree = ast.parse(path.read_text())
    shown = [
        words
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _called(call) in SHOWN_BY
        for words in _untranslated(call)
        if " " in words or words[:1].isupper()
    ]

    assert shown == []


@pytest.mark.parametrize("path", _sources(), ids=lambda path: path.stem)
def test_that_no_translation_hides_within_an_f_string(path):
    # What collects the texts cannot look into one.
    hidden = [
        ast.unparse(call)
        for string in ast.walk(ast.parse(path.read_text()))
        if isinstance(string, ast.JoinedStr)
        for call in ast.walk(string)
        if isinstance(call, ast.Call) and _called(call) in {"tr", "translate"}
    ]

    assert hidden == []


# The running window

NAMES = {
    *("OCT", "DICOM", "PS3", "PNG", "JPEG", "JPG", "TIFF", "PDF", "JSON", "CSV", "ZIP", "SHA"),
    *("OD", "OS", "CNV", "DME", "KD", "en", "face", "English", "Letter", "mm", "m", "px"),
    *("Ctrl", "Shift", "Alt", "Enter", "Return", "Tab", "Page", "Up", "Down", "Home", "End"),
    *("Esc", "Delete", "Del", "AUROC", "AB", "A4"),
}
"""Latin words that a Persian reader reads: formats, eyes, units, keys."""


def _texts_of(widget):
    """All that one widget shows or says."""
    yield from (widget.windowTitle(), widget.toolTip(), widget.statusTip())
    yield from (widget.accessibleName(), widget.accessibleDescription())
    if isinstance(widget, QLineEdit | QAbstractSpinBox):
        # What stands in a field the user wrote.
        yield widget.placeholderText() if isinstance(widget, QLineEdit) else widget.text()
    elif isinstance(widget, QComboBox):
        yield from (widget.itemText(row) for row in range(widget.count()))
    elif isinstance(widget, QTabWidget):
        yield from (widget.tabText(page) for page in range(widget.count()))
    elif isinstance(widget, QListWidget):
        yield from (widget.item(row).text() for row in range(widget.count()))
        yield from (widget.item(row).toolTip() for row in range(widget.count()))
    elif isinstance(widget, QTableWidget):
        for column in range(widget.columnCount()):
            yield widget.horizontalHeaderItem(column).text()
            for row in range(widget.rowCount()):
                yield widget.item(row, column).text()
    elif isinstance(widget, QMenu):
        yield widget.title()
    elif callable(getattr(widget, "text", None)):
        yield widget.text()
    for action in widget.actions():
        yield from (action.text(), action.toolTip())


def _seen(root):
    widgets = [root, *(each for each in root.findChildren(QWidget) if each.isVisible())]
    return {text for widget in widgets for text in _texts_of(widget) if text}


def _latin(text, names):
    """The Latin words of a text that are nobody's name."""
    words = re.findall(r"[A-Za-z][A-Za-z0-9]*", re.sub(r"<[^>]*>|&[a-z]+;", " ", text))
    return [each for each in words if not re.fullmatch(r".|F\d+", each) and each not in names]


def _names(window):
    """Of the patient, the files, the device and the model, and the keys that were written."""
    study, card = window.session.current.study, window.session.card
    said = [study.patient.name, study.patient.identifier, study.description]
    said += [volume.device for volume in study.volumes]
    said += [card.id, card.title, card.architecture, card.graph_sha256]
    said += [card.graph_sha256[at : at + 8] for at in range(0, 64, 8)]
    said += [card.graph_sha256[:8]]
    for each in card.training:
        said += [each.name, each.device, each.licence]
    said += [each.data.partition(",")[0] for each in card.figures]  # "kermany and octdl"
    said += [tiny_card().title]
    said += ["note", "notes on him.txt", "a.dcm", "a name.dcm", "data", "nobody"]
    return NAMES.union(*(re.findall(r"[A-Za-z][A-Za-z0-9]*", each or "") for each in said))


def test_that_every_text_that_can_be_seen_is_persian(qtbot, persian, worded):
    """All windows and pages, one after the other: no word is left that is nobody's name."""
    found = {}
    with opened_window(qtbot, [], model_id=worded, reader="AB") as window:
        window.help._offered = False
        wait_until_ended(qtbot, window)
        names = _names(window)

        def wait(condition):
            qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT)

        for name, widget in every_window(window, wait):
            if name == "report":
                # The pages speak for themselves: tests/report looks at them.
                continue
            for text in _seen(widget):
                for word in _latin(text, names):
                    found.setdefault(text, f"{name}: {word!r} in {text!r}")

    assert not found, "\n".join(found.values())


def test_that_figures_and_dates_keep_their_digits(qtbot, persian):
    with opened_window(qtbot, [demo_study()]) as window:
        wait_until_ended(qtbot, window)
        window.actions_["operating_point"].trigger()
        qtbot.waitUntil(lambda: bool(window.findChildren(OperatingDialog)))
        texts = _seen(window)

    assert any("2026-01-15" in each for each in texts)
    assert not [each for each in texts if FOREIGN_DIGITS.search(each)]


def test_that_no_two_commands_of_a_menu_share_a_key(qtbot, persian):
    with opened_window(qtbot, []) as window:
        menus = [window.menuBar(), *window.actions_.menus.values()]
        for menu in menus:
            keys = Counter(
                found[1] for each in menu.actions() if (found := re.search("&(.)", each.text()))
            )
            assert keys
            assert [key for key, count in keys.items() if count > 1] == []


def test_that_the_keys_of_a_menu_stay_in_the_menu(qtbot, persian):
    with opened_window(qtbot, []) as window:
        actions = [each for menu in window.actions_.menus.values() for each in menu.actions()]
        assert any("\t\u2068Ctrl+.\u2069" in each.text() for each in actions)
        assert not [each.iconText() for each in actions if "\t" in each.iconText()]


def test_that_names_and_keys_in_a_tooltip_keep_together(qtbot, persian):
    with opened_window(qtbot, [demo_study()], reader="AB") as window:
        wait_until_ended(qtbot, window)
        window.opening.remember([demo_study()])
        (recent, *_) = window.opening.recent.actions()
        assert recent.text() == apart(demo_study().name)
        assert recent.toolTip() == apart(str(demo_study()))
        tips = [each.toolTip() for each in window.findChildren(QToolButton) if each.toolTip()]
        assert [each for each in tips if "\u2068P\u2069" in each]
        assert not [each for each in tips if re.search(r"\([A-Z]\)", each)]
        rows = [each.row.agree.toolTip() for each in window.results.eyes.values()]
        assert [each for each in rows if "\u2068A\u2069" in each]


def test_that_who_said_what_is_kept_together_beside_the_eye(qtbot, persian):
    row = DecisionRow()
    qtbot.addWidget(row)
    row.show_state(
        RowState(name="", answers=(), machine=None, entry=entry("OD", "CNV", reader="A<B"))
    )

    assert "\u2068A&lt;B\u2069" in row.words.text()
    assert "<b>A&lt;B: CNV</b>" in CONTROLS.sub("", row.words.text())


def test_that_a_window_in_english_reads_no_catalogue(qtbot, monkeypatch):
    def read(*what):
        raise AssertionError(what)

    monkeypatch.setattr(module, "_translator", read)
    monkeypatch.setattr("app.language._language", read)
    with opened_window(qtbot, []) as window:
        assert window.menuBar().actions()[0].text() == "&File"


def test_that_every_menu_of_the_bar_has_a_key(qtbot, persian):
    with opened_window(qtbot, []) as window:
        for action in window.menuBar().actions():
            assert re.search("&[آ-ی]", action.text())


def test_that_pictures_keep_their_sides_and_panels_change_them(qtbot, persian):
    with opened_window(qtbot, [demo_study()]) as window:
        wait_until_ended(qtbot, window)
        window.actions_["show_both"].trigger()
        right, left = list(window.room.panels.values())[:2]
        qtbot.waitUntil(lambda: right.isVisible() and left.isVisible())

        assert _x(right, window) < _x(left, window)
        assert _x(window.list, window) > _x(window.results, window)
        for strip in (right.position, right.position.slider):
            assert strip.layoutDirection() is Qt.LayoutDirection.LeftToRight


def _x(widget, window):
    return widget.mapTo(window, widget.rect().center()).x()


# From one language to the other


def test_that_a_language_chosen_in_the_settings_is_spoken_from_the_next_start_on(qtbot, qapp):
    with opened_window(qtbot, []) as window:
        window.actions_["settings"].trigger()
        dialog = window.findChild(SettingsDialog)
        dialog.language.setCurrentIndex(dialog.language.findText("فارسی"))
        dialog.accept()

    settings = load_settings()
    speak(settings.language, qapp)
    with opened_window(qtbot, [], language=settings.language) as window:
        assert window.menuBar().actions()[0].text() == "&فایل"
        assert window.room.empty.isVisibleTo(window)


def test_that_a_case_that_was_read_in_english_is_told_in_persian(qtbot, qapp, tmp_path, worded):
    study = tmp_path / "study"
    study.symlink_to(demo_study(), target_is_directory=True)
    with opened_window(qtbot, [study], model_id=worded) as window:
        wait_until_ended(qtbot, window)
        case = window.session.current
        english = case.result.call.reason
        assert not PERSIAN.search(window.results.patient.sentence.text())

    speak("fa", qapp)
    with opened_window(qtbot, [], model_id=worded, language="fa") as window:
        window.session.resume()
        qtbot.waitUntil(lambda: window.session.current is not None, timeout=WAIT)
        qtbot.waitUntil(lambda: window.session.current.result is not None, timeout=WAIT)
        result = window.session.current.result
        shown = [window.results.patient.sentence.text()]
        shown += [block.sentence.text() for block in window.results.eyes.values()]

        # What is kept stays English, and what is shown is not.
        assert result.call.reason == english
        assert not PERSIAN.search(english)
        for text in filter(None, shown):
            assert PERSIAN.search(text)
            assert not _latin(CONTROLS.sub("", text), NAMES)


def test_that_what_failed_is_kept_in_english_and_told_in_persian(qtbot, persian, tmp_path):
    from app.cases.kept import BROKE_OFF, gave_up

    for sentence in (BROKE_OFF, gave_up(3)):
        assert PERSIAN.search(told(sentence))
        assert sentence.isascii()


def test_that_no_letter_is_left_without_a_font(qapp, persian):
    from PySide6.QtGui import QFontMetrics, QRawFont

    alphabet = module._ALPHABETS["fa"][0]
    families = module.QFontDatabase.families(alphabet)

    assert families
    font = QRawFont.fromFont(qapp.font().__class__(families[0]))
    assert all(font.supportsCharacter(ord(each)) for each in "پچژگکی")
    assert QFontMetrics(qapp.font()).horizontalAdvance("پرونده") > 0


def test_that_letters_that_nobody_sees_do_so(persian):
    assert unicodedata.category("\u2068") == "Cf"
    assert CONTROLS.sub("", apart("1 mm")) == "1 mm"

"""The window for everybody: keyboard, screen readers, contrast, scale."""

import re
import subprocess
import sys

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollArea,
    QTabWidget,
    QWidget,
)

from app.gui import theme
from app.gui.actions import menus
from app.gui.help_window import HelpWindow
from app.gui.icons import icon
from app.gui.model_manager import ModelManager
from app.gui.settings_dialog import SettingsDialog
from app.paths import resources
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write


def luminance(colour):
    parts = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    """Contrast ratio of WCAG 2.2, from 1 to 21."""
    low, high = sorted((luminance(QColor(one)), luminance(QColor(other))))
    return (high + 0.05) / (low + 0.05)


BOTH = pytest.mark.parametrize("colours", [theme.DARK, theme.LIGHT], ids=["dark", "light"])

_TEXTS = (
    ("WindowText", "Window"),
    ("Text", "Base"),
    ("Text", "AlternateBase"),
    ("ButtonText", "Button"),
    ("ToolTipText", "ToolTipBase"),
    ("PlaceholderText", "Base"),
    ("HighlightedText", "Highlight"),
    ("Link", "Window"),
    ("Link", "Base"),
    ("LinkVisited", "Base"),
)


@BOTH
def test_that_every_text_of_the_palette_keeps_wcag_aa(colours):
    palette = theme._palette(colours)
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Disabled):
        for ink, ground in _TEXTS:
            pair = [
                palette.color(group, getattr(QPalette.ColorRole, each)) for each in (ink, ground)
            ]
            assert contrast(*pair) >= 4.5, (group, ink, ground)


def rules(colours):
    """(selector, colour of its text, its grounds) of every rule that colours text."""
    sheet = re.sub(r"url\([^)]*\)", "", theme._style_sheet(colours))
    found = re.findall(r"([^{}]+)\{([^{}]*)\}", sheet)
    declared = {
        each.strip(): dict(re.findall(r"(?<![\w-])(color|background):\s*(#\w+)", body))
        for selectors, body in found
        for each in selectors.split(",")
    }
    anywhere = [colours.window, colours.panel, colours.raised]
    for selector, says in declared.items():
        if "color" in says:
            parent = declared.get(selector.rsplit(" ", 1)[0], {})
            base = declared.get(re.split(r":(?!:)", selector)[0], {})
            sides = (says, parent, base)
            grounds = [side["background"] for side in sides if "background" in side]
            yield selector, says["color"], grounds[:1] or anywhere


@BOTH
def test_that_every_text_of_the_style_sheet_keeps_wcag_aa(colours):
    told = list(rules(colours))

    assert len(told) > 15
    for selector, ink, grounds in told:
        for ground in grounds:
            assert contrast(ink, ground) >= 4.5, (selector, ink, ground)


@BOTH
@pytest.mark.parametrize("kind", ["information", "warning", "problem"])
def test_that_every_text_of_a_bar_keeps_wcag_aa(colours, kind):
    ground, ink = theme.notice_colours(kind, colours)
    for each in (ink, colours.text):
        assert contrast(each, ground) >= 4.5


@BOTH
def test_that_every_text_keeps_wcag_aa_wherever_it_may_stand(colours):
    for ink in (colours.text, colours.muted, colours.accent):
        for ground in (colours.window, colours.panel, colours.raised):
            assert contrast(ink, ground) >= 4.5, (ink, ground)


@BOTH
def test_that_boxes_to_tick_and_the_focus_stand_out(colours):
    for mark in (colours.muted, colours.accent):
        for ground in (colours.window, colours.panel):
            assert contrast(mark, ground) >= 3


@BOTH
def test_that_what_is_drawn_in_one_ink_for_both_themes_stands_out(colours):
    for name in ("down", "tick"):
        drawing = (resources() / "icons" / f"{name}.svg").read_text()
        (ink,) = re.findall(r'stroke="(#\w+)"', drawing)
        assert contrast(ink, colours.panel) >= 3


@BOTH
def test_that_every_mark_stands_out_from_its_ground(colours):
    marks = (*colours.classes, colours.uncertain, colours.out_of_scope, colours.ungradable)
    for mark in marks:
        assert contrast(mark, colours.panel) >= 3


def test_that_class_colours_stand_out_on_the_dark_of_the_images():
    for mark in theme.DARK.classes:
        assert contrast(mark, theme.IMAGE_GROUND) >= 3


def test_that_no_key_means_two_things():
    keys = [
        key
        for _, commands in menus()
        for command in commands
        if command is not None
        for key in command.keys
    ]

    assert len(keys) == len(set(keys))


def test_that_every_icon_that_a_command_names_is_there(qapp):
    for path in (resources() / "icons").glob("*.svg"):
        assert not icon(path.stem).pixmap(16, 16).isNull()
    for _, commands in menus():
        for command in commands:
            if command is not None and command.icon:
                assert (resources() / "icons" / f"{command.icon}.svg").is_file()


CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QTabWidget,
)


def controls(root):
    """Every control that is seen and that the keyboard can reach."""
    return [
        each
        for each in root.findChildren(QWidget)
        if isinstance(each, CONTROLS)
        and each.isVisible()
        and each.window() is root.window()
        and each.focusPolicy() & Qt.FocusPolicy.TabFocus
        # A spin box and an editable list hold a line of their own.
        and not isinstance(each.parentWidget(), QAbstractSpinBox | QComboBox)
    ]


def nameless(root):
    return [
        each
        for each in controls(root)
        if not (each.accessibleName() or getattr(each, "text", str)())
    ]


def along_tab(root):
    """The controls in the order in which Tab comes to them."""
    wanted, order = controls(root), []
    each = root
    while (each := each.nextInFocusChain()) is not root:
        if each in wanted and each.isEnabled():
            order.append(each)
    return order


def scrolled(widget):
    """The area in which a control scrolls, if any."""
    while widget is not None and not isinstance(widget, QScrollArea):
        widget = widget.parentWidget()
    return widget


@pytest.mark.parametrize("choice", ["dark", "light"])
def test_that_every_control_has_a_name_that_can_be_spoken(qtbot, tmp_path, choice):
    write(tmp_path / "right.dcm", bscans(3))
    with opened_window(qtbot, [tmp_path], theme=choice) as window:
        wait_until_ended(qtbot, window)
        assert theme.current().name == choice
        assert nameless(window) == []

        window.actions_["show_report"].trigger()
        qtbot.waitUntil(lambda: window.papers.report.pdf is not None, timeout=60_000)
        assert nameless(window.papers.report) == []


def dialogs_of(qtbot, window):
    """Each dialog of the window with each of its pages, one after the other."""
    for name, kind in (
        ("settings", SettingsDialog),
        ("models", ModelManager),
        ("keys", HelpWindow),
    ):
        window.actions_[name].trigger()
        dialog = window.findChild(kind)
        jobs = getattr(dialog, "_jobs", None)
        qtbot.waitUntil(lambda jobs=jobs: jobs is None or not jobs.busy, timeout=60_000)
        pages = getattr(dialog, "pages", None)
        for page in range(pages.count() if pages is not None else 1):
            if pages is not None:
                pages.setCurrentIndex(page)
            qtbot.wait(20)
            yield dialog
        dialog.reject()


def test_that_dialogs_can_be_spoken_and_tab_goes_through_them_as_one_reads(qtbot):
    with opened_window(qtbot, []) as window:
        for dialog in dialogs_of(qtbot, window):
            assert nameless(dialog) == []
            order = along_tab(dialog)
            assert order
            rows = [each.mapTo(dialog, each.rect().center()).y() for each in order]
            jumps = [
                (one, other)
                for one, other, y, next_y in zip(order, order[1:], rows, rows[1:], strict=False)
                # Up again only within what stands side by side, or out of what scrolls.
                if next_y < y - max(one.height(), other.height())
                and scrolled(one) is scrolled(other)
            ]
            assert jumps == [], dialog


def test_that_dialogs_fit_a_small_screen_at_twice_the_size(qtbot):
    with opened_window(qtbot, []) as window:
        for dialog in dialogs_of(qtbot, window):
            least = dialog.minimumSizeHint()
            assert least.width() <= 640, dialog
            assert least.height() <= 360, dialog


def test_that_tab_goes_round_the_whole_window(qtbot, tmp_path):
    write(tmp_path / "right.dcm", bscans(3))
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        window.activateWindow()
        window.room.panel.view.setFocus()
        passed = set()
        for _ in range(60):
            qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
            passed.add(window.focusWidget())

        assert {window.list.view, window.list.search, window.room.panel.view} <= passed
        assert window.room.panel.position.slider in passed


def test_that_nothing_is_cut_on_a_small_screen(qtbot, tmp_path):
    write(tmp_path / "right.dcm", bscans(3))
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        window.resize(1280, 720)
        qtbot.wait(50)

        assert (window.width(), window.height()) == (1280, 720)
        # Word-wrapped labels are as high as their words need.
        for block in (window.results.patient, window.results.bscan):
            for label in (block.heading, block.answer, block.sentence):
                if label.isVisible():
                    assert label.height() >= label.heightForWidth(label.width())


def test_that_the_window_starts_without_what_only_the_work_needs():
    code = (
        "import sys, app.gui.application\n"
        "print(*{'pydicom', 'onnxruntime', 'reportlab', 'PIL', 'pypdfium2', 'torch'}"
        " & set(sys.modules))"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)

    assert loaded.split() == []

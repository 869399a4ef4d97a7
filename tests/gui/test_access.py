"""The window for everybody: keyboard, screen readers, contrast, scale."""

import subprocess
import sys

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QAbstractSlider, QComboBox

from app.gui import theme
from app.gui.actions import menus
from app.gui.icons import icon
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


@pytest.mark.parametrize("colours", [theme.DARK, theme.LIGHT], ids=["dark", "light"])
def test_that_every_text_keeps_wcag_aa(colours):
    for ink in (colours.text, colours.muted):
        for ground in (colours.window, colours.panel, colours.raised):
            assert contrast(ink, ground) >= 4.5
    for kind in ("warning", "problem", "information"):
        assert contrast(getattr(colours, f"on_{kind}"), getattr(colours, kind)) >= 4.5
    assert contrast(colours.on_accent, colours.accent) >= 4.5
    assert contrast(colours.accent, colours.panel) >= 4.5


@pytest.mark.parametrize("colours", [theme.DARK, theme.LIGHT], ids=["dark", "light"])
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


@pytest.mark.parametrize("choice", ["dark", "light"])
def test_that_every_control_has_a_name_that_can_be_spoken(qtbot, tmp_path, choice):
    write(tmp_path / "right.dcm", bscans(3))
    kinds = (QAbstractButton, QAbstractSlider, QAbstractItemView, QComboBox)
    with opened_window(qtbot, [tmp_path], theme=choice) as window:
        wait_until_ended(qtbot, window)
        assert theme.current().name == choice

        nameless = [
            widget
            for kind in kinds
            for widget in window.findChildren(kind)
            if widget.isVisible()
            and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
            and not (widget.accessibleName() or getattr(widget, "text", str)())
        ]

        assert nameless == []


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

"""The window's style holds wherever the program lies."""

import shutil

import numpy as np
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QComboBox, QWidget

from app.gui import theme
from app.gui.notice import Notice
from app.paths import resources
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write


@pytest.mark.parametrize("name", ["Program Files (x86)", "O'Hara", "Übung Ω 1"])
def test_that_the_style_can_be_read_in_any_folder(qtbot, qtlog, tmp_path, monkeypatch, name):
    folder = tmp_path / name
    shutil.copytree(resources() / "icons", folder / "icons")
    monkeypatch.setattr(theme, "resources", lambda: folder)

    theme.apply("dark")
    box = QComboBox()
    qtbot.addWidget(box)
    box.show()

    assert [record.message for record in qtlog.records] == []


class Dressed(QWidget):
    """Counts how often a theme reached it."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self.times = 0

    def changeEvent(self, event):  # noqa: N802 - Qt's name
        self.times += event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange)
        super().changeEvent(event)


def test_that_a_theme_comes_to_each_widget_once_however_deep_it_lies_and_only_when_it_changes(
    qtbot,
):
    QApplication.setStyle("Fusion")
    theme.apply("dark")
    top = widget = Dressed()
    qtbot.addWidget(top)
    for _ in range(12):
        widget = Dressed(widget)
    top.show()
    qtbot.waitExposed(top)
    before = widget.times

    theme.apply("light")

    assert widget.times == before + 1
    theme.apply("light")
    assert widget.times == before + 1


@pytest.mark.parametrize("size", [(1440, 900), (853, 480)])
def test_that_open_windows_change_their_theme_as_if_at_once(qtbot, study, size):
    """Dressed in several turns, in between which they are laid out, they end where they stood."""
    with opened_window(qtbot, [study], theme="dark") as window:
        wait_until_ended(qtbot, window)
        window.resize(*size)
        qtbot.wait(100)
        before = picture_of(window)
        shown = []
        for _ in range(2):
            window.tools._switch()
            assert not window.updatesEnabled()
            qtbot.waitUntil(window.updatesEnabled)
            qtbot.wait(100)
            shown.append(picture_of(window))

    assert not np.array_equal(shown[0], before)
    assert np.array_equal(shown[1], before)


def test_that_a_window_that_changed_its_theme_looks_like_one_opened_in_it(qtbot, study):
    with opened_window(qtbot, [study]) as window:
        wait_until_ended(qtbot, window)
    pictures = []
    for first in (theme.LIGHT, theme.DARK):
        with opened_window(qtbot, [], theme=first.name) as window:
            qtbot.waitUntil(lambda window=window: window.room.shown_result() is not None)
            window.bars.show_notice(Notice(kind="problem", text="Something went wrong."))
            if first is not theme.LIGHT:
                window.tools._switch()
                qtbot.waitUntil(window.updatesEnabled)
            qtbot.wait(300)
            pictures.append(picture_of(window))

    assert np.array_equal(*pictures)


def test_that_the_theme_chosen_last_is_worn_however_quickly(qtbot, study):
    with opened_window(qtbot, [study], theme="dark") as window:
        wait_until_ended(qtbot, window)
        qtbot.wait(100)
        before = picture_of(window)
        window.tools.theme_chosen.emit(theme.ThemeChoice.LIGHT)
        QApplication.processEvents()
        window.tools.theme_chosen.emit(theme.ThemeChoice.DARK)
        qtbot.waitUntil(window.updatesEnabled)

        assert theme.current() is theme.DARK
        qtbot.wait(100)
        assert np.array_equal(picture_of(window), before)


@pytest.fixture
def study(tmp_path):
    return write(tmp_path / "study.dcm", bscans(9))


def picture_of(window):
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.asarray(image.constBits()).copy()

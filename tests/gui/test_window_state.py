"""What the window is like when it comes back: as large as it was, or all over the screen."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.gui.application import open_window
from app.settings import Settings
from tests.gui_window import install_tiny_package


@pytest.fixture
def open_again(qtbot):
    """Open the window for a first or another time, as large as it comes, and act on it."""
    install_tiny_package()

    def open_again(act):
        window = open_window(Settings(model_id="tiny"), [])
        try:
            act(window)
        finally:
            window.close()
            window.deleteLater()
            QApplication.processEvents()

    return open_again


def covers_screen(window):
    return bool(window.windowState() & Qt.WindowState.WindowFullScreen)


def maximised(window):
    return bool(window.windowState() & Qt.WindowState.WindowMaximized)


def test_that_a_window_left_in_full_screen_comes_back_so_and_f11_leaves_it(open_again):
    open_again(lambda window: window.actions_["full_screen"].trigger())

    def leave(window):
        action = window.actions_["full_screen"]
        assert covers_screen(window)
        assert action.isChecked()
        action.trigger()
        assert not covers_screen(window)
        assert not action.isChecked()

    open_again(leave)


def test_that_a_maximised_window_is_one_again_after_full_screen(open_again):
    def cover_and_leave(window):
        window.showMaximized()
        for _ in range(2):
            window.actions_["full_screen"].trigger()
        assert maximised(window)
        window.actions_["full_screen"].trigger()

    open_again(cover_and_leave)

    def leave(window):
        window.actions_["full_screen"].trigger()
        assert maximised(window)

    open_again(leave)


def test_that_the_command_follows_what_the_desktop_does(open_again):
    def by_the_desktop(window):
        action = window.actions_["full_screen"]
        window.showFullScreen()
        assert action.isChecked()
        window.showNormal()
        assert not action.isChecked()

    open_again(by_the_desktop)

"""Closing the window loses nothing that the reader asked to be saved."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QMessageBox

from app.gui import report_view, session
from app.gui.report_pdf import page_sizes
from app.settings import load_settings, settings_path
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write

WAIT = 60_000


@pytest.fixture
def window(qtbot, tmp_path):
    visit = write(tmp_path / "visit.dcm", bscans(3))
    with opened_window(qtbot, [visit]) as window:
        wait_until_ended(qtbot, window)
        yield window


@contextmanager
def slow_disk(monkeypatch, module, name):
    """Let nothing be written by that function until the block ends."""
    free, write = threading.Event(), getattr(module, name)

    def write_later(*what):
        assert free.wait(WAIT / 1000)
        write(*what)

    monkeypatch.setattr(module, name, write_later)
    try:
        yield free
    finally:
        free.set()


def answer(qtbot, window, words):
    """Press a button of the question that comes up while the window is being closed."""

    def press():
        box = window.findChild(QMessageBox)
        if box is None or not box.isVisible():
            QTimer.singleShot(20, window, press)
            return
        next(each for each in box.buttons() if each.text() == words).click()

    QTimer.singleShot(0, window, press)


def test_that_a_report_still_to_be_made_is_saved_before_the_window_goes(window, tmp_path):
    window.papers.set_subject()
    window.papers.report.save_as(tmp_path / "report.pdf")

    assert window.close()

    assert page_sizes((tmp_path / "report.pdf").read_bytes())


def test_that_a_window_stays_to_tell_that_what_it_waited_for_was_not_saved(window, tmp_path):
    (tmp_path / "file").touch()
    window.papers.set_subject()
    window.papers.report.save_as(tmp_path / "file" / "report.pdf")

    assert not window.close()

    assert any("could not be written" in each for each in window.bars.texts)
    assert window.close()


def test_that_a_long_wait_is_told_and_the_reader_may_stay_or_go(
    qtbot, window, tmp_path, monkeypatch
):
    with slow_disk(monkeypatch, report_view, "save_report") as free:
        window.papers.set_subject()
        window.papers.report.save_as(tmp_path / "report.pdf")

        answer(qtbot, window, "Do not close")
        assert not window.close()

        assert window.isVisible()
        QTimer.singleShot(1000, free.set)
        assert window.close()
    assert (tmp_path / "report.pdf").is_file()


def test_that_exports_are_finished_before_the_window_goes(window, tmp_path):
    for name in ("one", "two"):
        window.papers.export_to(tmp_path / name)

    assert window.close()

    for name in ("one", "two"):
        assert len(list((tmp_path / name).iterdir())) == 3


def test_that_the_last_of_settings_changed_in_a_row_is_on_disk_when_the_window_has_gone(
    window, monkeypatch
):
    with slow_disk(monkeypatch, session, "save_settings") as free:
        for name in ("Northfield", "Southfield", "Westfield"):
            changed = replace(window.session.settings, clinic_name=name)
            window.session.change_settings(changed)
        assert window.session.settings.clinic_name == "Westfield"
        QTimer.singleShot(100, free.set)

        assert window.close()

    assert load_settings().clinic_name == "Westfield"


def test_that_settings_that_cannot_be_saved_are_told_in_the_window(qtbot, window):
    settings_path().mkdir(parents=True)

    window.session.change_settings(replace(window.session.settings, clinic_name="Northfield"))

    qtbot.waitUntil(lambda: any("could not be saved" in each for each in window.bars.texts))
    assert window.session.settings.clinic_name == "Northfield"

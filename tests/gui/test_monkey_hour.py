"""A working hour's worth of a monkey's actions, each of them looked at: `make test-long`.

`MONKEY_SEED=7 MONKEY_ACTIONS=500 pytest -m long tests/gui/test_monkey_hour.py` repeats what one
seed did, or less of it.
"""

import gc
import os
import threading
import time
from dataclasses import replace

import psutil
import pytest
from PySide6.QtCore import QEvent, Qt, QThreadPool
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.cases.database import default_path
from app.cases.trail import read_whole_trail
from app.gui.application import open_window
from app.settings import load_settings
from tests.gui.monkey import Monkey, make_studies
from tests.gui_window import install_tiny_package

ACTIONS = 3600  # one each second
HANGING = 30  # seconds without an answer that no other work on the machine explains
WARM = 300  # actions after which all has been loaded that is loaded once
GROWTH = 400 << 20  # bytes that it may take beyond that

WARNINGS = ("QtWarningMsg", "QtCriticalMsg", "QtFatalMsg")
SIZES = ((1440, 900), (1280, 720), (853, 480), (640, 360), (427, 240))


class Guest(Monkey):
    """A monkey that stays: it decides, writes reports, goes home and comes back."""

    def __init__(self, window, seed, folders, out):
        super().__init__(window, seed, folders)
        self.out = out
        self.faults = []
        window.broken.connect(self.faults.append)

    def weights(self):
        return super().weights() | {
            self.decide: 4,
            self.undo: 2,
            self.search: 2,
            self.scroll: 4,
            self.resize: 2,
            self.write_reports: 1,
            self.show_case: 3,
            self.reopen: 0.25,
        }

    def decide(self):
        case = self.window.session.current
        if case is None or case.result is None:
            return
        self.note("decide")
        panel = self.window.room.panel
        QTest.keyClick(
            panel.view if panel.view.isVisible() else self.window.list.view,
            self.choice.choice([Qt.Key.Key_A, Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_6]),
        )
        block = self.choice.choice([self.window.results.patient, self.window.results.bscan])
        block.row.answered.emit(self.choice.choice(["CNV", "NORMAL", "uncertain"]))

    def undo(self):
        name = self.choice.choice(UNDOING)
        self.note(name)
        self.window.actions_[name].trigger()

    def search(self):
        self.note("search")
        self.window.actions_["find_study"].trigger()
        self.window.list.search.setText(self.choice.choice(["doe", "P2", "1.3", ""]))
        if self.choice.random() < 0.5:
            self.window.list.show_all()

    def scroll(self):
        self.note("scroll")
        for _ in range(self.choice.randrange(1, 12)):
            self.window.room.panel.go_to(self.window.room.panel.index + 1)
            QApplication.processEvents()

    def resize(self):
        size = self.choice.choice(SIZES)
        self.note("resize", size)
        self.window.showNormal()
        self.window.resize(*size)

    def write_reports(self):
        self.note("write reports")
        if self.window.papers.exporter.busy:
            return
        write = self.choice.choice(
            [self.window.papers.export_to, self.window.papers.reports_to, self._save]
        )
        write(self.out)

    def _save(self, folder):
        if self.window.papers.set_subject():
            self.window.papers.report.save_as(folder / "one.pdf")

    def show_case(self):
        cases = self.window.session.cases
        if cases:
            self.note("show a case")
            self.window.session.select(self.choice.choice(cases))

    def reopen(self):
        """Close the window, see that nothing is left of it, and start again."""
        self.note("close and open")
        close(self.window)
        self.window = open_window(settings(), [])
        self.window.broken.connect(self.faults.append)


UNDOING = ("undo_decision", "redo_decision")


def settings():
    return replace(load_settings(), model_id="tiny", reader="AB")


def close(window):
    assert window.close() or window.close()  # what could not be saved has been told
    window.deleteLater()
    QApplication.processEvents()
    # Deletion that was put off is done by an event loop alone, unless it is asked for.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert QThreadPool.globalInstance().waitForDone(30_000)
    pools = ("Dummy-", "MainThread")  # Qt's own threads, once Python has run on them
    assert [each for each in threading.enumerate() if not each.name.startswith(pools)] == []


@pytest.fixture
def guest(qtbot, tmp_path):
    # Nothing of the desktop: its dialogs would wait for somebody.
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    QApplication.setStyle("Fusion")
    install_tiny_package()
    (tmp_path / "studies").mkdir()
    (tmp_path / "out").mkdir()
    folders = make_studies(tmp_path / "studies")
    window = open_window(settings(), [folders[0]])
    guest = Guest(window, int(os.environ.get("MONKEY_SEED", "1")), folders, tmp_path / "out")
    qtbot.waitUntil(
        lambda: bool(guest.window.session.cases) and not guest.window.session.busy, timeout=60_000
    )
    yield guest
    close(guest.window)


@pytest.mark.long
def test_that_an_hour_of_a_monkey_breaks_nothing(qtbot, qtlog, guest):
    process = psutil.Process()
    taken = []
    began = time.monotonic()
    try:
        for number in range(int(os.environ.get("MONKEY_ACTIONS", ACTIONS))):
            start = time.monotonic()
            with qtbot.captureExceptions() as raised:
                guest.act()
            assert raised == []
            assert guest.faults == []
            assert [each.message for each in qtlog.records if each.type_name in WARNINGS] == []
            assert time.monotonic() - start < HANGING
            if default_path().exists():
                read_whole_trail(default_path())
            if number % 100 == 0:
                gc.collect()
                taken.append(process.memory_info().rss)
                print(
                    f"{number}: {taken[-1] >> 20} MB, {time.monotonic() - began:.0f} s", flush=True
                )
            if number > WARM:
                assert process.memory_info().rss < taken[WARM // 100] + GROWTH
        qtbot.waitUntil(lambda: not guest.window.session.busy, timeout=120_000)
    finally:
        print(f"seed {guest.seed}: {len(guest.done)} done:", *guest.done[-30:], sep="\n  ")

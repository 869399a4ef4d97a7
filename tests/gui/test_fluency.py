"""The window never waits: what takes time is not done on its thread, and scrolling is smooth.

The suite holds what does not depend on the machine: which thread does what. Times are measured by
the benchmark, as processor time of the thread, so that other work on the machine counts little.
"""

import os
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from app import analysis, enface, overlay, preprocess, reading, report
from app.cases import files
from app.cases.database import Database
from app.gui import report_pdf
from app.gui.frames import _AHEAD, _BEHIND, _DECODED_BYTES, _PICTURE_BYTES
from app.gui.handed_out import HandedOut
from app.settings import save_settings
from app.study import BScan, Laterality
from tests.gui_window import opened_window, wait_until_ended
from tests.heartbeat import STALL_MS, Heartbeat
from tests.oct_files import bscans, write
from tests.tiny_study import layered_bscan

BSCANS = 300
FRAME_SECONDS = 1 / 60

SLOW = (
    BScan.pixels,
    overlay.heat_levels,
    overlay.heat_overlay,
    overlay.outline_overlay,
    enface.column_means,
    preprocess.prepare,
    analysis.analyse,
    reading.open_studies,
    report.render,
    report_pdf.make_report,
    report_pdf.save_report,
    report_pdf.page_texts,
    HandedOut.write,
    save_settings,
    files.digest_of,
    Database.__init__,
    Database.reading.__wrapped__,
    Database.writing.__wrapped__,
)
"""What decodes, colours, computes, writes a PDF or asks the disk."""


@contextmanager
def calls_on_this_thread(functions):
    """Names of those functions that are called on the thread that asks, which is the GUI's."""
    codes = {each.__code__: each.__qualname__ for each in functions}
    called = []

    def note(frame, event, argument):
        if event == "call" and frame.f_code in codes:
            called.append(codes[frame.f_code])

    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(None)


def test_that_nothing_slow_is_done_on_the_thread_of_the_window(qtbot, tmp_path):
    folder = tmp_path / "visit"
    folder.mkdir()
    write(folder / "right.dcm", bscans(9), uid="1.2.31")
    write(folder / "left.dcm", bscans(7, seed=50), uid="1.2.32", laterality=Laterality.LEFT)
    with (
        calls_on_this_thread(SLOW) as called,
        opened_window(qtbot, [folder]) as window,
    ):
        wait_until_ended(qtbot, window)
        panel, room = window.room.panel, window.room
        room.set_options(class_name="DME")
        for index in range(9):
            panel.go_to(index)
            QApplication.processEvents()
        qtbot.waitUntil(lambda: panel._frames.picture(8, panel._look()) is not None)
        for name in ("outlined", "invert", "show_both", "in_step", "reset", "show_left"):
            window.actions_[name].trigger()
            QApplication.processEvents()
        window.actions_["show_report"].trigger()
        qtbot.waitUntil(lambda: window.papers.report.pdf is not None, timeout=60_000)
        window.papers.report.copy_file()
        qtbot.waitUntil(lambda: not window.papers.unsaved)
        window.show_scans()
        window.tools._switch()
        qtbot.waitUntil(lambda: not window.session.saving)
        window.actions_["close_study"].trigger()
        QApplication.processEvents()
        assert called == []


def test_that_this_test_would_see_a_slow_call(qapp):
    with calls_on_this_thread([overlay.heat_levels]) as called:
        overlay.colours()
        overlay.heat_levels(
            np.ones((2, 2), np.float32),
            overlay.Region(top=0, bottom=4, left=0, right=4),
            (4, 4),
            1.0,
        )

    assert called == ["heat_levels"]


def test_that_pictures_are_ready_ahead_of_the_reader_and_take_bounded_memory(qtbot, tmp_path):
    write(tmp_path / "long.dcm", bscans(60))
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        panel = window.room.panel
        window.room.set_options(class_name="DME")
        panel.go_to(20)
        panel.go_to(30)
        frames, look = panel._frames, panel._look()
        around = range(30 - _BEHIND, 30 + _AHEAD + 1)

        qtbot.waitUntil(lambda: all(frames.picture(each, look) is not None for each in around))

        for index in range(60):
            panel.go_to(index)
            QApplication.processEvents()
        assert sum(each.sizeInBytes() for each in frames._pictures.values()) <= _PICTURE_BYTES
        assert sum(each.nbytes for each in frames._decoded.values()) <= _DECODED_BYTES


@pytest.fixture
def long_volume(tmp_path):
    few = [layered_bscan(seed, rows=496, columns=768) for seed in range(10)]
    frames = [np.roll(few[index % 10], 7 * index, axis=1) for index in range(BSCANS)]
    return write(tmp_path / "long.dcm", frames)


@pytest.mark.benchmark
def test_that_scrolling_through_300_bscans_with_heat_maps_is_smooth(qtbot, long_volume, capsys):
    with opened_window(qtbot, [long_volume]) as window:
        window.resize(1440, 900)
        opening = Heartbeat()
        wait_until_ended(qtbot, window, milliseconds=600_000)
        opening.stop()
        panel = window.room.panel
        panel.go_to(0)
        window.room.set_options(class_name="CNV", heat=True)
        qtbot.wait(2000)
        scrolling, steps, sharp = Heartbeat(), [], 0
        start = time.perf_counter()
        for index in range(1, BSCANS):
            before = time.thread_time()
            panel.go_to(index)
            QApplication.processEvents()
            steps.append(time.thread_time() - before)
            sharp += panel._frames.picture(index, panel._look()) is not None
            while time.perf_counter() < start + index * FRAME_SECONDS:
                time.sleep(0.001)
                QApplication.processEvents()
        rate = (BSCANS - 1) / (time.perf_counter() - start)
        scrolling.stop()
        made = [_cost_of_a_picture(panel, index) for index in range(0, BSCANS, 30)]

    step, picture = np.median(steps), np.median(made)
    with capsys.disabled():
        print(
            f"\nscrolling: {rate:.0f} B-scans a second of 60 asked for, {sharp} of {BSCANS - 1} "
            f"with their heat map at once, at a load of {os.getloadavg()[0]:.1f} on "
            f"{os.cpu_count()} cores\n"
            f"window's thread: {step * 1000:.1f} ms of its processor for a B-scan "
            f"({step / FRAME_SECONDS:.0%} of what 60 a second leave), a worker's: "
            f"{picture * 1000:.1f} ms ({picture / FRAME_SECONDS:.0%})\n"
            f"window's thread at work without a pause: at most {max(scrolling.held_ms):.0f} ms "
            f"while scrolling, {max(opening.held_ms):.0f} ms while opening and analysing; "
            f"away from it, other work counted: {max(scrolling.gaps_ms):.0f} and "
            f"{max(opening.gaps_ms):.0f} ms"
        )
    assert step < FRAME_SECONDS
    assert picture < FRAME_SECONDS
    assert max(scrolling.held_ms) < STALL_MS
    assert max(opening.held_ms) < STALL_MS


def _cost_of_a_picture(panel, index):
    """Processor seconds that a worker takes to decode a B-scan and lay its heat map over it."""
    frames = panel._frames
    frames._decoded.clear()
    before = time.thread_time()
    frames._make(index, panel._look(), frames._heat)
    return time.thread_time() - before

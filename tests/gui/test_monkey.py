"""Whatever a monkey does at the window, nothing may break.

`MONKEY_SEED=7 pytest tests/gui/test_monkey.py` repeats what one seed did.
"""

import os
import time

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from tests.gui.monkey import Monkey, make_studies
from tests.gui_window import opened_window, wait_until_ended

ACTIONS = 120
PATIENCE = 60  # seconds
HANGING = 30  # seconds without an answer that no other work on the machine explains


def test_that_a_monkey_breaks_nothing(qtbot, tmp_path):
    seed = int(os.environ.get("MONKEY_SEED", "1"))
    folders = make_studies(tmp_path)
    end = time.monotonic() + PATIENCE
    with opened_window(qtbot, [folders[0]]) as window:
        # Nothing of the desktop: its dialogs would wait for somebody.
        QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
        wait_until_ended(qtbot, window)
        monkey = Monkey(window, seed, folders)
        try:
            while len(monkey.done) < ACTIONS and time.monotonic() < end:
                start = time.monotonic()
                monkey.act()
                assert time.monotonic() - start < HANGING
            qtbot.waitUntil(lambda: not window.session.busy, timeout=120_000)
        finally:
            print(f"seed {seed}:", *monkey.done[-30:], sep="\n  ")

"""How soon the first window is on screen."""

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.benchmark

WATCH = """
import sys
from PySide6.QtCore import QEvent, QObject

class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            print("shown", flush=True)
            import os
            os._exit(0)
        return False
"""

OURS = f"""
from app.gui.application import open_window, QApplication
from app.settings import Settings
{WATCH}
program = QApplication(sys.argv)
program.setStyle("Fusion")
watch = Watch()
program.installEventFilter(watch)
window = open_window(Settings(), [])
program.exec()
"""

BARE = f"""
from PySide6.QtWidgets import QApplication, QLabel
import torch, timm
{WATCH}
program = QApplication(sys.argv)
watch = Watch()
program.installEventFilter(watch)
window = QLabel("window")
window.show()
program.exec()
"""


def seconds_to_window(code):
    start = time.perf_counter()
    told = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert told == "shown\n"
    return time.perf_counter() - start


def test_first_window_against_a_bare_script_with_torch_and_timm():
    # In turn, the first of each to warm the disk cache.
    times = [(seconds_to_window(OURS), seconds_to_window(BARE)) for _ in range(4)][1:]
    ours, bare = (min(each) for each in zip(*times, strict=True))
    print(
        f"\nfirst window after {ours:.2f} s, with PySide6, torch and timm after {bare:.2f} s: "
        f"{ours / bare:.2f} x"
    )
    assert ours <= bare / 3

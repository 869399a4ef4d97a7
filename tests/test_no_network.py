"""The program opens no connection: it is run from start to end and every socket is looked at.

Where strace is installed and allowed, the system tells of each, Qt's and every library's too;
Python's own audit events tell of what Python code opens, everywhere.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from app.installed import demo_study
from app.paths import user_data
from app.settings import Settings, save_settings
from tests.sockets import STRACE, outside_calls, traced, user_environment
from tests.tiny_package import tiny_package

CHECKOUT = Path(__file__).parents[1]
MINUTES = 5 * 60

LISTEN = """
import os, sys
told = open(os.environ["KD_OCT_TOLD"], "a", buffering=1)
def note(event, arguments):
    if event.startswith("socket."):
        print(event, *arguments, file=told)
sys.addaudithook(note)
"""

ANALYSE = """
from app.cli import main
sys.exit(main(sys.argv[1:]))
"""

WINDOW = """
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from app.gui.application import main
from app.gui.main_window import MainWindow
from app.gui.session import CaseState
program = QApplication([])
def look():
    for window in program.topLevelWidgets():
        if isinstance(window, MainWindow) and window.session.cases and not window.session.busy:
            assert all(case.state is CaseState.READY for case in window.session.cases)
            print("analysed")
            program.closeAllWindows()
timer = QTimer()
timer.timeout.connect(look)
timer.start(100)
sys.exit(main([]))
"""


REACHES_OUT = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9), timeout=1)
except OSError:
    pass
"""


def watched(program, arguments, folder):
    """Run Python; return the audit events and, if strace works, the system calls about sockets."""
    told, log = folder / "told.txt", folder / "calls.txt"
    ended = subprocess.run(
        [*traced(log), sys.executable, "-c", LISTEN + program, *map(str, arguments)],
        cwd=CHECKOUT,
        env=user_environment() | {"KD_OCT_TOLD": str(told), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=MINUTES,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    # A socket that is made and never connected or bound reaches nothing.
    events = [line for line in told.read_text().splitlines() if "socket.__new__" not in line]
    return ended.stdout, events, outside_calls(log)


@pytest.fixture(autouse=True)
def _tiny_model():
    tiny_package(user_data() / "models")
    save_settings(Settings(model_id="tiny"))


def test_that_a_study_is_analysed_and_reported_without_a_connection(tmp_path):
    arguments = ["analyse", demo_study(), "--out", tmp_path / "out"]

    _, events, calls = watched(ANALYSE, arguments, tmp_path)

    assert len(list((tmp_path / "out").iterdir())) == 3
    assert (events, calls) == ([], [])


def test_that_the_window_opens_and_analyses_a_study_without_a_connection(tmp_path):
    said, events, calls = watched(WINDOW, [], tmp_path)

    assert "analysed" in said
    assert (events, calls) == ([], [])


def test_that_a_connection_would_have_been_noticed(tmp_path):
    _, events, calls = watched(REACHES_OUT, [], tmp_path)

    assert any(event.startswith("socket.connect") for event in events)
    assert not STRACE or any("connect(" in call and "127.0.0.1" in call for call in calls)

"""Long work shows how far it is, where somebody looks."""

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

from ml.data import Views
from ml.manifest import read_manifest
from tests.ml.training_data import tiny_run

CHECKOUT = Path(__file__).parents[2]
WORK = """
import time
from ml.progress import progress_bar
report = progress_bar("reading", shown={shown})
for done in range(1, 4):
    time.sleep(0.6)
    report(done, 3)
"""


def on_a_terminal(*, shown: bool) -> str:
    """What the work writes on a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.format(shown=shown)], cwd=CHECKOUT, stderr=theirs
    )
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # Linux's way of saying that the other side has closed it
        pass
    os.close(ours)
    assert process.wait() == 0
    return said.decode()


def test_that_a_terminal_sees_the_time_left():
    said = on_a_terminal(shown=True)

    assert "reading:  67%" in said
    assert re.search(r"2/3 \[00:\d\d<00:\d\d", said)


def test_that_a_process_that_is_not_the_first_shows_nothing():
    assert on_a_terminal(shown=False) == ""


def test_that_a_log_is_not_filled_with_what_takes_a_moment():
    command = [sys.executable, "-c", WORK.format(shown=True)]

    ended = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)

    assert ended.stderr == b""


def test_that_reading_what_a_run_shows_says_how_far_it_is(phantoms):
    run, samples = tiny_run(phantoms), read_manifest(phantoms)[:3]
    told = []

    Views(samples, [0, 0, 0], run, run.input, lambda *progress: told.append(progress))

    assert told == [(1, 3), (2, 3), (3, 3)]

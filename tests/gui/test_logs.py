"""What stays behind of a fault, and what does not."""

import logging
import subprocess
import sys

import pytest

from app.gui.logs import keep_logs, log_fault
from app.paths import user_logs

CRASH = (
    "import faulthandler\n"
    "from app.gui.logs import keep_crashes, keep_logs\n"
    "keep_logs(); keep_crashes(); faulthandler._sigsegv()"
)


@pytest.fixture
def log():
    keep_logs()
    handler = logging.getLogger("app").handlers[-1]
    yield user_logs() / "kd-oct.log"
    logging.getLogger("app").removeHandler(handler)
    handler.close()


def test_that_the_log_begins_with_what_runs(log):
    assert "KD-OCT" in log.read_text()
    assert "Python" in log.read_text()


def test_that_a_fault_is_logged_by_its_place_and_not_by_its_words(log):
    try:
        {}["Doe, Jane"]
    except KeyError as error:
        log_fault(error)

    text = log.read_text()
    assert "KeyError" in text
    assert "test_logs.py" in text
    assert "Doe, Jane'" not in text


def test_that_a_disk_that_cannot_be_written_stops_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("app.gui.logs.user_logs", lambda: tmp_path / "file" / "logs")
    before = list(logging.getLogger("app").handlers)

    keep_logs()

    assert logging.getLogger("app").handlers == before


def test_that_crashes_leave_where_they_were_until_they_are_reported():
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", CRASH], check=False).returncode != 0

    text = (user_logs() / "kd-oct-crash.log").read_text()
    assert text.count("Fatal Python error") == 2

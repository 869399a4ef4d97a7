"""A program killed in the middle of its queue goes on with it at the next start."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest

from app.cases.store import CaseState, Decision, Store
from app.paths import user_data
from app.study import Patient
from tests.gui_window import install_tiny_package
from tests.oct_files import bscans, write

STUDIES = 4
RUN = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from app.gui.application import open_window
from app.gui.session import CaseState
from app.settings import Settings

program = QApplication([])
window = open_window(Settings(model_id="tiny"), [Path(each) for each in sys.argv[1:]])
session = window.session
running = set()

def tell(case):
    if case.state is CaseState.RUNNING:
        running.add(case)
    elif case.state is CaseState.READY and case in running:
        running.discard(case)
        print("analysed", case.summary.patient.identifier, flush=True)

def look():
    if len(session.cases) == {studies} and not session.busy and all(
        case.state is CaseState.READY for case in session.cases
    ):
        window.close()
        program.quit()

session.case_changed.connect(tell)
timer = QTimer()
timer.timeout.connect(look)
timer.start(50)
program.exec()
"""


def start(*paths):
    code = RUN.replace("{studies}", str(STUDIES))
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, paths)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )


@pytest.fixture
def clinic(tmp_path):
    install_tiny_package()
    folder = tmp_path / "morning"
    folder.mkdir()
    for number in range(STUDIES):
        write(
            folder / f"{number}.dcm",
            bscans(24, seed=number),
            patient=Patient(identifier=f"P{number}"),
            study=f"1.2.840.{number}",
            uid=f"1.2.5.{number}",
        )
    return folder


def test_that_a_queue_killed_in_the_middle_ends_at_the_next_start_with_nothing_twice(clinic):
    first = start(clinic)
    with first:
        first.stdout.readline()
        os.kill(first.pid, signal.SIGKILL)
    store = Store()
    store.decide(
        Decision(
            reader="AB",
            study_uid="1.2.840.0",
            subject="OD",
            answer="CNV",
            machine=None,
            blind=False,
            note="",
            model="tiny",
        ),
        datetime.now(UTC),
    )
    kept = {each.summary.patient.identifier for each in store.cases() if each.call is not None}
    assert kept < {f"P{number}" for number in range(STUDIES)}
    store.close()

    second = start()
    with second:
        told_later = [line.split()[1] for line in second.stdout]
    assert second.returncode == 0

    store = Store()
    cases = store.cases()
    assert [case.state for case in cases] == [CaseState.READY] * STUDIES
    assert len({case.summary.study_uid for case in cases}) == STUDIES
    assert all(store.load(case.number).result is not None for case in cases)
    assert store.dropped() == []
    assert store.verify() == 1
    store.close()
    # What was kept before the kill was not analysed again, and the rest once.
    assert sorted(told_later) == sorted({f"P{number}" for number in range(STUDIES)} - kept)


def test_that_a_program_killed_while_it_reads_reads_again(clinic):
    # As a kill leaves it between the drop and the first study: noted, and nothing else.
    store = Store()
    store.drop([clinic], datetime.now(UTC))
    store.close()

    process = start()
    with process:
        told = [line.split()[1] for line in process.stdout]

    assert sorted(told) == [f"P{number}" for number in range(STUDIES)]
    with closing(sqlite3.connect(user_data() / "cases.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM study_case").fetchone() == (STUDIES,)
        assert database.execute("SELECT count(*) FROM dropped").fetchone() == (0,)

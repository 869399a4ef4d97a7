import threading

import pytest
from PySide6.QtCore import QObject

from app.errors import DamagedFile
from app.gui.tasks import Task


@pytest.fixture
def start(qapp):
    parent = QObject()
    tasks = []

    def start(function):
        task = Task(function, parent)
        tasks.append(task)
        return task

    yield start
    for task in tasks:
        task.cancel()
        task.wait()


def test_that_the_result_arrives_on_the_gui_thread(qtbot, start):
    task = start(lambda progress: threading.get_ident())
    seen = []
    task.succeeded.connect(lambda worker: seen.append((worker, threading.get_ident())))

    with qtbot.waitSignal(task.succeeded):
        task.start()

    [(worker, gui)] = seen
    assert worker != gui == threading.main_thread().ident


def test_that_progress_is_reported_in_order(qtbot, start):
    def work(progress):
        for done in range(3):
            progress(done, 3)

    task, seen = start(work), []
    task.progressed.connect(lambda done, total: seen.append(done))

    with qtbot.waitSignal(task.succeeded):
        task.start()

    assert seen == [0, 1, 2]


def test_that_a_cancelled_task_never_delivers_a_result(qtbot, start):
    running = threading.Event()

    def work(progress):
        while True:
            progress(0, 1)
            running.set()

    task, results = start(work), []
    task.succeeded.connect(results.append)

    with qtbot.waitSignal(task.cancelled):
        task.start()
        assert running.wait(5)
        task.cancel()

    assert results == []


def test_that_an_error_is_delivered_whole(qtbot, start):
    def work(progress):
        raise DamagedFile("scan.dcm is cut short.")

    task = start(work)

    with qtbot.waitSignal(task.failed) as blocker:
        task.start()

    assert isinstance(blocker.args[0], DamagedFile)


def test_that_a_retired_owner_goes_once_its_function_has_returned(qtbot, qapp):
    owner, running, go_on = QObject(), threading.Event(), threading.Event()

    def work(progress):
        running.set()
        go_on.wait(5)
        progress(0, 1)

    task = Task(work, owner)
    task.start()
    assert running.wait(5)
    gone = []
    owner.destroyed.connect(lambda: gone.append(True))

    task.retire(owner)
    qapp.processEvents()
    assert gone == []
    go_on.set()

    qtbot.waitUntil(lambda: gone == [True])


def test_that_a_task_can_be_started_again(qtbot, start):
    task, seen = start(lambda progress: len(seen)), []
    task.succeeded.connect(seen.append)

    for _ in range(2):
        with qtbot.waitSignal(task.succeeded):
            task.start()

    assert seen == [0, 1]

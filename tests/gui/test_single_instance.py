"""A second start brings the first window forward, whatever became of an earlier one."""

import os
import subprocess
import sys

import pytest
from PySide6.QtCore import QEvent, QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.gui.opened_by_desktop import OpenedByDesktop
from app.gui.single_instance import SingleInstance
from app.paths import user_data
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write

WAIT = 60_000


@pytest.fixture
def first(qapp):
    instance = SingleInstance()
    assert instance.claim()
    yield instance
    instance.leave()


def second_start(*paths, cwd=None):
    code = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, paths)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": os.getcwd(), "QT_QPA_PLATFORM": "offscreen"},
    )


def test_that_a_second_start_hands_its_files_over_and_ends(qtbot, first, tmp_path):
    write(tmp_path / "one.dcm", bscans(3))
    write(tmp_path / "two.dcm", bscans(3, seed=7), uid="1.2.9", study="1.2.840.9")
    with opened_window(qtbot, [tmp_path / "one.dcm"]) as window:
        wait_until_ended(qtbot, window)
        first.arrived.connect(window.receive)
        window.showMinimized()

        second = second_start("two.dcm", cwd=tmp_path)
        qtbot.waitUntil(lambda: second.poll() is not None, timeout=WAIT)

        assert second.returncode == 0
        wait_until_ended(qtbot, window, studies=2)
        assert not window.isMinimized()


def test_that_a_second_start_without_files_only_brings_the_window_forward(qtbot, first):
    later = SingleInstance()
    assert not later.claim()
    with qtbot.waitSignal(first.arrived, timeout=WAIT) as arrived:
        second = second_start()

    assert arrived.args == [[]]
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=WAIT)
    assert second.returncode == 0


def test_that_a_socket_left_by_a_crash_blocks_nobody(qapp):
    code = (
        "import os; from PySide6.QtCore import QCoreApplication; program = QCoreApplication([])\n"
        "from app.gui.single_instance import SingleInstance\n"
        "first = SingleInstance(); assert first.claim(); print('up', flush=True); os.abort()"
    )
    crashed = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False
    )
    assert crashed.stdout == "up\n"
    assert crashed.returncode != 0

    later = SingleInstance()

    assert later.claim()
    later.leave()


def test_that_a_first_that_does_not_answer_is_not_waited_for_forever(qapp, first, monkeypatch):
    monkeypatch.setattr("app.gui.single_instance._PATIENCE_MS", 50)
    first._server.close()

    assert not SingleInstance().hand_over([])


def test_that_another_user_has_a_window_of_his_own(first, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another"))
    other = SingleInstance()

    assert other._name != first._name
    assert other.claim()
    other.leave()


def test_that_only_this_user_may_speak_to_the_window(first):
    assert first._server.socketOptions() == QLocalServer.SocketOption.UserAccessOption
    if os.name == "posix":
        assert os.stat(first._server.fullServerName()).st_mode & 0o077 == 0


@pytest.mark.parametrize("line", [b"\xff\n", b"{}\n", b"[1]\n", b"GET / HTTP/1.1\n"])
def test_that_what_is_no_list_of_files_is_not_heard(qtbot, first, line):
    heard = []
    first.arrived.connect(heard.append)
    socket = QLocalSocket()
    socket.connectToServer(first._name)
    assert socket.waitForConnected(WAIT)

    with qtbot.waitSignal(socket.disconnected, timeout=WAIT):
        socket.write(line)
        socket.flush()

    assert heard == []


def test_that_a_home_that_cannot_be_written_still_opens_a_window(qapp, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    assert not user_data().exists()

    assert SingleInstance().claim()


def test_that_a_file_opened_from_the_desktop_arrives(qtbot, qapp, tmp_path):
    desktop = OpenedByDesktop()
    qapp.installEventFilter(desktop)
    with qtbot.waitSignal(desktop.arrived) as arrived:
        qapp.sendEvent(qapp, QFileOpenEvent(QUrl.fromLocalFile(str(tmp_path / "one.dcm"))))
    qapp.removeEventFilter(desktop)

    assert arrived.args == [[tmp_path / "one.dcm"]]
    assert not desktop.eventFilter(qapp, QEvent(QEvent.Type.User))

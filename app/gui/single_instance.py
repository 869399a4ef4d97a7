"""One window for each user: a second start hands its files to the first and goes.

Whoever holds the lock is the first; the lock goes with its process, so a crash blocks nobody. The
files are told through a socket of this computer that only this user may open: nothing listens to
a network.
"""

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.cases.leader import Lead
from app.paths import user_data

_PATIENCE_MS = 5000
"""How long a first window that is just starting, or busy, is waited for."""

_MOST_BYTES = 1_000_000
_TAKEN = b"taken\n"


class SingleInstance(QObject):
    """This process's claim to be the first, and its ear for later ones."""

    arrived = Signal(list)  # of Path, which may be empty: the window should come forward

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        folder = user_data()
        # Another user, or another home of the same one, has another name.
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        self._name = f"kd-oct-{digest}"
        self._lead = Lead(folder / "window.lock")
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._receive)

    def claim(self) -> bool:
        """Whether this is the first; from then on it hears of those that start later."""
        try:
            user_data().mkdir(parents=True, exist_ok=True)
        except OSError:
            # Where nothing can be kept, nothing can be found either: each window is its own.
            return True
        if not self._lead.take():
            return False
        # What a crash left behind: nobody else can be listening while this process has the lead.
        QLocalServer.removeServer(self._name)
        self._server.listen(self._name)
        return True

    def hand_over(self, paths: Sequence[Path]) -> bool:
        """Tell the first window what to open; False if it does not answer."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(_PATIENCE_MS):
            return False
        _let_come_forward()
        socket.write(json.dumps([os.path.abspath(path) for path in paths]).encode() + b"\n")
        socket.waitForBytesWritten(_PATIENCE_MS)
        if not socket.waitForReadyRead(_PATIENCE_MS):
            return False
        return bytes(socket.readAll().data()) == _TAKEN

    def leave(self) -> None:
        self._server.close()
        self._lead.leave()

    def _receive(self) -> None:
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            socket.readyRead.connect(lambda socket=socket: self._read(socket))
            socket.disconnected.connect(socket.deleteLater)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() > _MOST_BYTES:
                socket.abort()
            return
        paths = _paths(bytes(socket.readLine(_MOST_BYTES).data()))
        if paths is None:
            socket.abort()
            return
        socket.write(_TAKEN)
        socket.flush()
        self.arrived.emit(paths)


def _paths(line: bytes) -> list[Path] | None:
    """What a later start asks to open; None if this is not its language."""
    try:
        names = json.loads(line)
    except ValueError:
        return None
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        return None
    return [Path(each) for each in names]


def _let_come_forward() -> None:
    """Windows lets only the program that the user just started give the focus away."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(-1)

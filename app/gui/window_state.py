"""What the window remembers from one start to the next: its place, and what was opened."""

from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow

from app.gui.actions import quiet
from app.gui.panes import Panes
from app.paths import user_config

_MOST_RECENT = 8
_FIRST_SIZE = QSize(1440, 900)  # where the screen has it


class FullScreen(QObject):
    """Has a window cover the screen, and keeps the command in step with it.

    The desktop can do so too, and a window that was left so comes back so.
    """

    def __init__(self, window: QMainWindow, action: QAction) -> None:
        super().__init__(window)
        self._window, self._action = window, action
        action.toggled.connect(self._cover)
        window.installEventFilter(self)

    def _cover(self, on: bool) -> None:
        # The other states stay: a maximised window is one again after it.
        full, now = Qt.WindowState.WindowFullScreen, self._window.windowState()
        self._window.setWindowState(now | full if on else now & ~full)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.WindowStateChange:
            quiet(self._action, checked=self._window.isFullScreen())
        return False


class WindowState:
    """Kept apart from the settings: nobody edits it, and losing it costs nothing."""

    def __init__(self) -> None:
        self._store = QSettings(str(user_config() / "window.ini"), QSettings.Format.IniFormat)

    def restore(self, window: QMainWindow, panes: Panes) -> None:
        geometry, sizes = self._store.value("geometry"), self._store.value("splitter")
        if isinstance(geometry, QByteArray):
            window.restoreGeometry(geometry)
        else:
            window.resize(_FIRST_SIZE.boundedTo(window.screen().availableSize()))
        if isinstance(sizes, QByteArray):
            panes.restoreState(sizes)

    def save(self, window: QMainWindow, panes: Panes) -> None:
        self._store.setValue("geometry", window.saveGeometry())
        # Of a narrow window it would tell how wide no pane was meant to be.
        if not panes.folded:
            self._store.setValue("splitter", panes.saveState())
        self._store.sync()

    def toured(self) -> bool:
        """Whether this user has had the tour, or left it."""
        return self._store.value("toured", "") == "yes"

    def set_toured(self) -> None:
        self._store.setValue("toured", "yes")

    def left_out(self) -> list[str]:
        """The sections that this user last left out of a report."""
        return self._list("left_out")

    def set_left_out(self, sections: list[str]) -> None:
        self._store.setValue("left_out", sections)

    def recent(self) -> list[Path]:
        """What was opened last, the latest first."""
        return [Path(each) for each in self._list("recent")]

    def add_recent(self, path: Path) -> None:
        kept = [each for each in self.recent() if each != path]
        self._store.setValue("recent", [str(each) for each in [path, *kept][:_MOST_RECENT]])

    def forget_recent(self) -> None:
        self._store.remove("recent")

    def _list(self, key: str) -> list[str]:
        value = self._store.value(key, [])
        # One entry comes back from an INI file as a string.
        names = [value] if isinstance(value, str) else value
        return [str(each) for each in names] if isinstance(names, list) else []

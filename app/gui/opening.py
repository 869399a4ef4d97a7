"""Ways in: file dialogs, what was opened before, and what is dropped on the window."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, QStandardPaths, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from app.gui.languages import apart
from app.gui.window_state import WindowState


class Opening(QObject):
    """Asks which files and folders are meant; reading them is the session's."""

    chosen = Signal(list)  # of Path

    def __init__(self, window: QWidget, state: WindowState) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self.recent = QMenu(self.tr("Open rece&nt"), window)
        self._fill_recent()

    def remember(self, paths: list[Path]) -> None:
        """Offer these again in the menu, now and at the next start."""
        for path in paths:
            self._state.add_recent(path)
        self._fill_recent()

    def ask_files(self) -> None:
        self._ask(self.tr("Open files"), QFileDialog.FileMode.ExistingFiles)

    def ask_folder(self) -> None:
        self._ask(self.tr("Open folder"), QFileDialog.FileMode.Directory)

    def folder_dialog(self, title: str, folder: Path | None = None) -> QFileDialog:
        """A dialog for a folder to write into; `folder` is offered first."""
        dialog = self._dialog(title, QFileDialog.FileMode.Directory)
        if folder is not None:
            dialog.setDirectory(str(folder))
        return dialog

    def _ask(self, title: str, mode: QFileDialog.FileMode) -> None:
        dialog = self._dialog(title, mode)
        dialog.filesSelected.connect(lambda names: self.chosen.emit([Path(each) for each in names]))
        dialog.open()

    def _dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        recent = self._state.recent()
        home = QStandardPaths.StandardLocation.HomeLocation
        folder = recent[0].parent if recent else Path(QStandardPaths.writableLocation(home))
        dialog = QFileDialog(self._window, title, str(folder))
        dialog.setFileMode(mode)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def _fill_recent(self) -> None:
        self.recent.clear()
        for path in self._state.recent():
            words = apart((path.name or str(path)).replace("&", "&&"))
            action = self.recent.addAction(words, partial(self.chosen.emit, [path]))
            action.setToolTip(apart(str(path)))
        self.recent.addSeparator()
        self.recent.addAction(self.tr("Clear this list"), self._forget_recent)
        self.recent.setEnabled(bool(self._state.recent()))

    def _forget_recent(self) -> None:
        self._state.forget_recent()
        self._fill_recent()


def local_paths(data: QMimeData) -> list[Path]:
    """The files and folders of this computer that something dragged stands for."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]

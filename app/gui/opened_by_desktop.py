"""Files that a desktop hands to the running program, as the Finder of macOS does."""

from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QFileOpenEvent


class OpenedByDesktop(QObject):
    """Filters the program's events for files to open."""

    arrived = Signal(list)  # of Path

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if isinstance(event, QFileOpenEvent) and event.file():
            self.arrived.emit([Path(event.file())])
            return True
        return False

"""What the reader asked to be saved is saved before the window goes."""

from collections.abc import Callable

from PySide6.QtCore import QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QMessageBox, QWidget

from app.gui.bars import Bars

_MOMENT = 700  # ms; a wait that is over by then needs no question
_LOOK = 20  # ms between two looks


class Leaving(QObject):
    """Lets the window go once nothing is left to be saved, and not before a failure is read."""

    def __init__(self, unsaved: Callable[[], bool], bars: Bars, window: QWidget) -> None:
        super().__init__(window)
        self._unsaved = unsaved
        self._window = window
        self._waiting = False
        self._failed = False
        bars.troubled.connect(self._hear_trouble)

    def allowed(self) -> bool:
        """Wait for what is being saved, and return whether the window may go.

        It may not while this waits already, or if something failed meanwhile: who closes it again
        has seen what.
        """
        if self._waiting:
            return False
        if not self._unsaved():
            return True
        self._waiting, self._failed = True, False
        insisted = self._wait()
        self._waiting = False
        return insisted or not (self._unsaved() or self._failed)

    def _hear_trouble(self) -> None:
        self._failed = True

    def _wait(self) -> bool:
        """Return once all is saved, or the reader waits no longer and has said what is to be."""
        loop, look, box = QEventLoop(), QTimer(), self.question()
        box.finished.connect(loop.quit)
        look.timeout.connect(lambda: None if self._unsaved() else loop.quit())
        look.start(_LOOK)
        QTimer.singleShot(_MOMENT, box, box.open)
        loop.exec()
        insisted = box.buttonRole(box.clickedButton()) is QMessageBox.ButtonRole.DestructiveRole
        box.hide()
        box.deleteLater()
        return insisted

    def question(self) -> QMessageBox:
        """Ask who waits whether to go on waiting; Escape loses nothing."""
        box = QMessageBox(self._window)
        box.setWindowTitle(self.tr("KD-OCT is closing"))
        box.setText(self.tr("What you asked for is still being saved."))
        box.addButton(self.tr("Close without saving"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(self.tr("Do not close"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        return box

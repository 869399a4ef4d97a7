"""The bundle for a fault report: asked for, written, and said where it lies."""

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, Qt, Signal, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app.errors import AppError
from app.gui.session import Notice, Session
from app.gui.tasks import Task
from app.progress import Progress


class FaultReports(QObject):
    """Saves what the makers need to find a fault, without a word of any patient."""

    noticed = Signal(object)  # Notice
    saved = Signal(object)  # Path
    broken = Signal(Exception)

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window
        self._path = Path()
        self._facts: dict[str, str] = {}
        self._identifiers: list[str] = []
        self._task = Task(self._write, self)
        self._task.succeeded.connect(self.saved)
        self._task.failed.connect(self._failed)

    def ask(self) -> None:
        """Ask where to, then save the bundle."""
        dialog = QFileDialog(self._window, self.tr("Save the fault bundle"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(self.tr("ZIP (*.zip)"))
        dialog.setDefaultSuffix("zip")
        documents = QStandardPaths.StandardLocation.DocumentsLocation
        dialog.setDirectory(QStandardPaths.writableLocation(documents))
        dialog.selectFile(f"KD-OCT fault {datetime.now():%Y-%m-%d %H%M}.zip")
        dialog.fileSelected.connect(lambda name: self.save_as(Path(name)))
        dialog.open()

    def save_as(self, path: Path) -> None:
        self._path = path
        self._facts = _facts()
        self._identifiers = _identifiers(self._session)
        self._task.start()

    def shut_down(self) -> None:
        self._task.wait()

    def _write(self, progress: Progress) -> Path:
        from app.fault_bundle import write_fault_bundle

        write_fault_bundle(
            self._path,
            self._session.settings,
            facts=self._facts,
            identifiers=self._identifiers,
        )
        return self._path

    def _failed(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self.noticed.emit(Notice(kind="problem", text=str(error)))
        else:
            self.broken.emit(error)


def _facts() -> dict[str, str]:
    screens = [
        f"{each.size().width()} x {each.size().height()} at {each.devicePixelRatio():g}"
        for each in QGuiApplication.screens()
    ]
    return {
        "Qt": qVersion(),
        "window system": QGuiApplication.platformName(),
        "screens": ", ".join(screens),
    }


def _identifiers(session: Session) -> list[str]:
    """Whatever of the studies on the list could tell whose they are."""
    words: list[str] = []
    for case in session.cases:
        told = case.summary
        words += [each for each in (told.patient.name, told.patient.identifier, told.place) if each]
        words += [str(each) for each in (told.patient.birth_date, told.visited) if each]
    if session.current is not None:
        sources = {
            bscan.source.path for volume in session.current.study.volumes for bscan in volume.bscans
        }
        words += [path.stem for path in sources]
    return words

"""All results of a case into one folder, as the command line writes them."""

from datetime import datetime
from itertools import chain, count
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.gui.tasks import Task
from app.modelpack import Card
from app.progress import Progress
from app.results.output import file_stem
from app.settings import Settings
from app.study import StudyResult


class Exporter(QObject):
    """Writes PDF, JSON and CSV; one case at a time."""

    written = Signal(object)  # Path of the folder
    failed = Signal(Exception)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._order: tuple[StudyResult, Card, Settings, Path] | None = None
        self._task = Task(self._write, self)
        self._task.succeeded.connect(self._ended)
        self._task.failed.connect(self._broke)

    def export(self, result: StudyResult, card: Card, settings: Settings, folder: Path) -> None:
        """Write the files into `folder`, under names that tell nothing of the patient.

        They are those of the command line, with a number where such a file already stands.
        """
        if self._order is None:
            self._order = (result, card, settings, folder)
            self._task.start()

    def shut_down(self) -> None:
        self._task.wait()

    def _write(self, progress: Progress) -> Path:
        from app.report import write_report
        from app.results import write_csv, write_json

        assert self._order is not None
        result, card, settings, folder = self._order
        when = datetime.now().astimezone()
        report = _unused(folder, file_stem(result.study))
        identity = settings.export_identity
        write_report(result, card, report, settings, when)
        write_json(result, card, report.with_suffix(".json"), identity=identity)
        write_csv(result, card, report.with_suffix(".csv"), identity=identity)
        return folder

    def _ended(self, folder: Path) -> None:
        self._order = None
        self.written.emit(folder)

    def _broke(self, error: Exception) -> None:
        self._order = None
        self.failed.emit(error)


def _unused(folder: Path, stem: str) -> Path:
    """The first report of this name with none of its files there yet: nothing is written over."""
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(
        folder / f"{name}.pdf"
        for name in names
        if not any((folder / f"{name}.{kind}").exists() for kind in ("pdf", "json", "csv"))
    )

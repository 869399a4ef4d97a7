"""Reads what is dropped, one drop after the other, and looks up what is known of it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.cases.kept import Dropped
from app.errors import ReadError, StorageError
from app.gui.case import Case
from app.gui.keeper import Keeper
from app.gui.tasks import Task
from app.progress import Progress
from app.study import Skipped, Study

if TYPE_CHECKING:
    from app.cases.recognise import Recognised
    from app.cases.store import Store


@dataclass(kw_only=True, eq=False)
class Reading:
    """One drop: files and folders, and how far they are read."""

    paths: tuple[Path, ...]
    demo: bool = False
    locating: Case | None = None  # whose files are looked for, and nothing else
    number: int | None = None  # in the store, until it has been read
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Read:
    """What a drop turned out to hold."""

    reading: Reading
    studies: "tuple[Recognised, ...]"
    skipped: tuple[Skipped, ...]


class Intake(QObject):
    """The drops that wait, and the one being read. What waits survives the program."""

    ended = Signal(object)  # Read
    failed = Signal(Exception)
    progressed = Signal()
    troubled = Signal(object)  # AppError: the store could not be asked

    def __init__(self, keeper: Keeper, parent: QObject) -> None:
        super().__init__(parent)
        self.reading: Reading | None = None
        self._keeper = keeper
        self._waiting: list[Reading] = []
        self._closing = False
        self._held = True  # until what was kept is known
        self._task = Task(self._read, self)
        self._task.progressed.connect(self._progressed)
        self._task.succeeded.connect(self._ended)
        self._task.cancelled.connect(self._stopped)
        self._task.failed.connect(self._failed)

    def take(self, paths: Sequence[Path], *, demo: bool = False) -> None:
        reading = Reading(paths=tuple(path.absolute() for path in paths), demo=demo)
        if not demo:
            when = datetime.now().astimezone()

            def keep(store: "Store") -> None:
                reading.number = store.drop(reading.paths, when)

            # Where it cannot be kept it is read all the same.
            self._keeper.do(keep)
        self._wait(reading)

    def take_up(self, dropped: Sequence[Dropped]) -> None:
        """Go on with what an earlier run was asked to read, before what came since."""
        earlier = [Reading(paths=each.paths, number=each.number) for each in dropped]
        self._waiting = earlier + self._waiting

    def begin(self) -> None:
        """Read from now on."""
        self._held = False
        self._next()

    def locate(self, case: Case, folder: Path) -> None:
        """Look for the files of a case that has lost them."""
        self._wait(Reading(paths=(folder.absolute(),), locating=case))

    def cancel(self) -> None:
        """Stop, and forget what waits."""
        for reading in self._waiting:
            self._put_away(reading)
        self._waiting.clear()
        self._task.cancel()

    def shut_down(self) -> None:
        """Stop; what was not read is read at the next start."""
        self._closing = True
        self._waiting.clear()
        self._task.cancel()
        self._task.wait()
        number = self.reading.number if self.reading is not None else None
        if number is not None:
            self._keeper.do(lambda store: store.rest_reading(number))

    def _wait(self, reading: Reading) -> None:
        self._waiting.append(reading)
        self._next()

    def _next(self) -> None:
        if self.reading is None and self._waiting and not (self._held or self._closing):
            self.reading = self._waiting.pop(0)
            self._task.start()
            self.progressed.emit()

    def _read(self, progress: Progress) -> Read:
        from app.reading import open_studies

        reading = self.reading
        assert reading is not None
        if reading.number is not None:
            with suppress(StorageError):
                self._keeper.store().begin_reading(reading.number)
        opened = open_studies(reading.paths, progress)
        studies = []
        for study in opened.studies:
            # The last word on whether to go on, after files that take long to compare.
            progress(reading.done, reading.total)
            studies.append(self._recognise(study, demo=reading.demo))
        return Read(reading=reading, studies=tuple(studies), skipped=opened.skipped)

    def _recognise(self, study: Study, *, demo: bool) -> "Recognised":
        from app.cases.recognise import Recognised, recognise

        if not demo:
            try:
                return recognise(study, self._keeper.store())
            except (StorageError, ReadError) as error:
                self.troubled.emit(error)
        return Recognised(study=study)

    def _progressed(self, done: int, total: int) -> None:
        if self.reading is not None:
            self.reading.done, self.reading.total = done, total
            self.progressed.emit()

    def _ended(self, read: Read) -> None:
        if self._closing:
            # Told too late to be kept: it is read again at the next start.
            return
        self.reading = None
        self.ended.emit(read)
        # After the cases are kept: between the two nothing can be lost.
        self._put_away(read.reading)
        self.progressed.emit()
        self._next()

    def _stopped(self) -> None:
        if self._closing:
            return
        reading, self.reading = self.reading, None
        if reading is not None:
            self._put_away(reading)
        self.progressed.emit()
        self._next()

    def _failed(self, error: Exception) -> None:
        self._stopped()
        if not self._closing:
            self.failed.emit(error)

    def _put_away(self, reading: Reading) -> None:
        if not reading.demo and reading.locating is None:
            self._keeper.do(lambda store: _picked_up(store, reading))


def _picked_up(store: "Store", reading: Reading) -> None:
    if reading.number is not None:
        store.picked_up(reading.number)

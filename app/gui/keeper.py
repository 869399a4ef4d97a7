"""The file of cases for the window: used off the GUI thread, in the order asked for."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, Signal

from app.errors import AppError, StorageError
from app.gui.tasks import Task
from app.progress import Progress

if TYPE_CHECKING:
    from app.cases.store import Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job:
    work: "Callable[[Store], Any]"
    then: Callable[[Any], object] | None
    otherwise: Callable[[AppError], object] | None


class Keeper(QObject):
    """Carries out what is to be kept or read back; the window never waits for the disk.

    Where the file cannot be opened, `failed` says so once, and everything else goes on without
    being kept.
    """

    failed = Signal(object)  # AppError: a sentence for the reader
    broken = Signal(Exception)  # a bug
    _ended = Signal(object)  # what to call on the GUI thread

    def __init__(self, parent: QObject, path: Path | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._store: Store | None = None
        self._problem: AppError | None = None
        self._opening = threading.Lock()
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque()
        self._working = False
        self._job: _Job | None = None  # the one that is carried out
        self._closed = False
        self._told = ""
        self._task = Task(self._work, self)
        self._task.succeeded.connect(self._go_on)
        self._task.failed.connect(self._broke)
        self._ended.connect(self._carry_out)

    def do(
        self,
        work: "Callable[[Store], T]",
        then: Callable[[T], object] | None = None,
        otherwise: Callable[[AppError], object] | None = None,
    ) -> None:
        """Have the store used, after all that was asked for before.

        Args:
            work: Called on another thread.
            then: Called with what `work` returned, on the GUI thread.
            otherwise: Called with the error on the GUI thread, in place of `failed`; after a fault
                in the program too, so that who waits for one of the two never waits in vain.
        """
        if self._closed:
            return
        with self._lock:
            self._jobs.append(_Job(work=work, then=then, otherwise=otherwise))
            start = not self._working
            self._working = True
        if start:
            self._task.start()

    def store(self) -> "Store":
        """The open store, for another task's thread; never ask for it on the GUI thread.

        Raises:
            StorageError: If it cannot be opened.
        """
        from app.cases.store import Store

        with self._opening:
            if self._problem is not None:
                raise self._problem
            if self._store is None:
                try:
                    self._store = Store(self._path)
                except AppError as error:
                    self._problem = error
                    raise
            return self._store

    def shut_down(self) -> None:
        """Finish what was asked for, and close the file."""
        self._closed = True
        self._task.wait()
        if self._jobs:
            # What a fault in the program left undone is still to be kept.
            self._task.start()
            self._task.wait()
        if self._store is not None:
            self._store.close()

    def _work(self, progress: Progress) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._working = False
                    return
                job = self._job = self._jobs.popleft()
            try:
                outcome = job.work(self.store())
            except AppError as error:
                self._tell(job, error)
            else:
                if job.then is not None:
                    self._later(job.then, outcome)

    def _tell(self, job: _Job, error: AppError) -> None:
        if job.otherwise is not None:
            self._later(job.otherwise, error)
        else:
            self._later(self._say_once, error)

    def _later(self, act: Callable[[Any], object], what: object) -> None:
        self._ended.emit(lambda: act(what))

    def _carry_out(self, act: Callable[[], object]) -> None:
        # After the end there is nobody to hear of it.
        if not self._closed:
            act()

    def _say_once(self, error: AppError) -> None:
        # A full disk fails every time; one sentence is enough.
        if str(error) != self._told:
            self._told = str(error)
            self.failed.emit(error)

    def _broke(self, error: Exception) -> None:
        self.broken.emit(error)
        with self._lock:
            self._working = False
            job, self._job = self._job, None
        if job is not None and job.otherwise is not None:
            words = self.tr("The list of cases met a fault in the program. Please report it.")
            job.otherwise(StorageError(words))
        self._go_on()

    def _go_on(self, _: object = None) -> None:
        with self._lock:
            start = bool(self._jobs) and not self._working
            self._working = self._working or start
        if start and not self._closed:
            self._task.start()

"""Long calls one after the other, off the GUI thread."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.gui.tasks import Task
from app.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    work: Callable[[], Any]
    then: Callable[[Any], object]


class Jobs(QObject):
    """Carries out what it is given in order, and goes on with the result on the GUI thread."""

    changed = Signal()  # whether it is at work
    failed = Signal(Exception)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: list[_Job] = []
        self._job: _Job | None = None
        self._task = Task(self._work, self)
        self._task.succeeded.connect(self._worked)
        self._task.failed.connect(self._broke)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def do(self, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        """Call `work` elsewhere once what was asked for before is done, then `then` with it."""
        self._waiting.append(_Job(work=work, then=then))
        self._go_on()

    def shut_down(self) -> None:
        self._waiting.clear()
        self._task.wait()

    def retire(self, owner: QObject) -> None:
        """Destroy `owner` as soon as nothing of this runs any more."""
        self._waiting.clear()
        self._task.retire(owner)

    def _go_on(self) -> None:
        if self._job is None and self._waiting:
            self._job = self._waiting.pop(0)
            self._task.start()
        self.changed.emit()

    def _work(self, progress: Progress) -> Any:  # noqa: ANN401 - whatever the job makes
        assert self._job is not None
        return self._job.work()

    def _worked(self, made: object) -> None:
        job, self._job = self._job, None
        assert job is not None
        job.then(made)
        self._go_on()

    def _broke(self, error: Exception) -> None:
        self._job = None
        self.failed.emit(error)
        self._go_on()

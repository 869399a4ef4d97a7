"""Results into one folder, as the command line writes them: of one case, or of many."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.errors import AppError, ReportError
from app.gui.report_pdf import ReportOrder
from app.gui.tasks import Task
from app.language import fill
from app.progress import Progress
from app.results.output import file_stem

ALL_KINDS = ("pdf", "json", "csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    orders: tuple[ReportOrder, ...]
    folder: Path
    kinds: tuple[str, ...]
    begun: Callable[[], object] | None


class Exporter(QObject):
    """Writes PDF, JSON and CSV; one batch after the other."""

    progressed = Signal(int, int)  # cases
    written = Signal(object)  # Path of the folder
    stopped = Signal()  # by the reader; the files written so far are whole
    failed = Signal(Exception)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._batch: _Batch | None = None
        self._waiting: deque[_Batch] = deque()
        self._task = Task(self._write, self)
        self._task.progressed.connect(self.progressed)
        self._task.succeeded.connect(lambda folder: self._end(self.written, folder))
        self._task.cancelled.connect(lambda: self._end(self.stopped))
        self._task.failed.connect(lambda error: self._end(self.failed, error))

    @property
    def busy(self) -> bool:
        return self._batch is not None

    def export(
        self,
        orders: Sequence[ReportOrder],
        folder: Path,
        kinds: tuple[str, ...] = ALL_KINDS,
        *,
        begun: Callable[[], object] | None = None,
    ) -> None:
        """Write files of these kinds for each case into `folder`, after what is being written.

        Their names tell nothing of the patient. They are those of the command line, with a
        number where such a file already stands.

        Args:
            begun: Called when their turn has come.
        """
        self._waiting.append(_Batch(orders=tuple(orders), folder=folder, kinds=kinds, begun=begun))
        self._go_on()

    def cancel(self) -> None:
        """Stop what is being written now."""
        self._task.cancel()

    def shut_down(self) -> None:
        self._waiting.clear()
        self._task.cancel()
        self._task.wait()

    def _go_on(self) -> None:
        if self._batch is None and self._waiting:
            self._batch = self._waiting.popleft()
            if self._batch.begun is not None:
                self._batch.begun()
            self._task.start()

    def _write(self, progress: Progress) -> Path:
        assert self._batch is not None
        batch, failures = self._batch, list[AppError]()
        for done, order in enumerate(batch.orders):
            progress(done, len(batch.orders))
            try:
                _write_case(order, batch.folder, batch.kinds)
            except AppError as error:
                failures.append(error)
        if failures:
            raise _not_written(failures, len(batch.orders))
        return batch.folder

    def _end(self, signal, *what: object) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        self._batch = None
        signal.emit(*what)
        self._go_on()


def _not_written(failures: Sequence[AppError], asked: int) -> AppError:
    """What to tell of a batch, of which all else was written."""
    if asked == 1:
        return failures[0]
    return ReportError(
        fill(
            "{n} of {all} studies were not written, the others were. {problem}",
            n=len(failures),
            all=asked,
            problem=failures[0],
        )
    )


def _write_case(order: ReportOrder, folder: Path, kinds: tuple[str, ...]) -> None:
    from app.report import write_report
    from app.results import write_csv, write_json

    report = _unused(folder, file_stem(order.result.study), kinds)
    identity = order.settings.export_identity
    if "pdf" in kinds:
        when = datetime.now().astimezone()
        write_report(
            order.result,
            order.card,
            report,
            order.settings,
            when,
            order.sections,
            order.readings,
        )
    if "json" in kinds:
        write_json(
            order.result,
            order.card,
            report.with_suffix(".json"),
            identity=identity,
            readings=order.readings,
        )
    if "csv" in kinds:
        write_csv(order.result, order.card, report.with_suffix(".csv"), identity=identity)


def _unused(folder: Path, stem: str, kinds: tuple[str, ...]) -> Path:
    """The first report of this name with none of its files there yet: nothing is written over."""
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(
        folder / f"{name}.pdf"
        for name in names
        if not any((folder / f"{name}.{kind}").exists() for kind in kinds)
    )

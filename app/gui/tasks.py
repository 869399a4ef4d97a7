"""Run a function off the GUI thread, with progress and cancellation.

The core knows nothing of this: a long function takes `progress(done, total)`, and cancelling
makes that call raise `Cancelled`.
"""

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from app.progress import Cancelled, Progress

_THREADS = 8
"""Room for reading, analysis, the store, a report and both eyes' frames; most of them wait."""


class Task(QObject):
    """One background call, which can be started again once it has ended.

    Its signals arrive on the thread that created it. Exactly one of `succeeded`, `failed` and
    `cancelled` is emitted for each start, and it is the last.
    """

    progressed = Signal(int, int)
    succeeded = Signal(object)
    failed = Signal(Exception)
    cancelled = Signal()
    _left = Signal()

    def __init__(self, function: Callable[[Progress], Any], parent: QObject) -> None:
        super().__init__(parent)
        self._function = function
        self._stop = threading.Event()
        self._running = 0
        self._changed = threading.Condition()

    def start(self) -> None:
        self._stop.clear()
        with self._changed:
            self._running += 1
        pool = QThreadPool.globalInstance()
        pool.setMaxThreadCount(max(pool.maxThreadCount(), _THREADS))
        pool.start(QRunnable.create(self._run))

    def cancel(self) -> None:
        """Ask the function to stop. One that has already returned still succeeds."""
        self._stop.set()

    def wait(self) -> None:
        """Block until the function has returned. Call it before the parent is destroyed."""
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0)

    def retire(self, owner: QObject) -> None:
        """Cancel, and destroy `owner`, whose task this is, once the function has returned.

        For what is no longer looked at: to wait for it would hold the GUI thread.
        """
        self.cancel()
        with self._changed:
            if self._running:
                self._left.connect(owner.deleteLater)
            else:
                owner.deleteLater()

    def _report(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise Cancelled
        self.progressed.emit(done, total)

    def _run(self) -> None:
        try:
            result = self._function(self._report)
        except Cancelled:
            self.cancelled.emit()
        except Exception as error:  # noqa: BLE001 - the one broad except: no failure may be lost
            self.failed.emit(error)
        else:
            self.succeeded.emit(result)
        finally:
            with self._changed:
                # With the count, so that who retires this either hears it or finds it ended.
                self._left.emit()
                self._running -= 1
                self._changed.notify_all()

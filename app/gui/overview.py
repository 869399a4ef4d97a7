"""One pass over a volume in the background: thumbnails, and the view from above."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.errors import ReadError
from app.gui.images import grey_image, shrunk
from app.gui.tasks import Task
from app.progress import Progress
from app.study import Volume

_THUMBNAIL = 192  # columns
_PROJECTION = 256  # columns
_STEP = 8  # B-scans between two redraws of the projection while it grows


class Overview(QObject):
    """Thumbnails and projection of one volume, filled in while they are looked at."""

    grown = Signal()
    finished = Signal()
    broken = Signal(Exception)

    def __init__(self, volume: Volume, first: int, parent: QObject) -> None:
        """Begin at B-scan `first`, which is on show, and go on with those nearest to it."""
        super().__init__(parent)
        self._volume = volume
        self._first = first
        self.thumbnails: list[QImage | None] = [None] * len(volume.bscans)
        self.enface: QImage | None = None  # the localizer, or else the mean projection
        # Without places for the lines, a projection shows where a B-scan lies and a localizer not.
        self.has_localizer = volume.localizer is not None and any(
            bscan.location for bscan in volume.bscans
        )
        self._columns = min(_PROJECTION, max(each.columns for each in volume.bscans))
        self._rows: NDArray[np.float32] = np.full(
            (len(volume.bscans), self._columns), np.nan, dtype=np.float32
        )
        self._task = Task(self._survey, self)
        self._task.progressed.connect(self._progressed)
        self._task.succeeded.connect(self._finished)
        self._task.failed.connect(self.broken)

    def start(self) -> None:
        self._task.start()

    def retire(self) -> None:
        """Stop without waiting; this object is destroyed when its worker has stopped."""
        self.blockSignals(True)
        self._task.retire(self)

    def close(self) -> None:
        """Stop the worker. Call it before this object is destroyed."""
        self._task.cancel()
        self._task.wait()

    def _survey(self, progress: Progress) -> None:
        # Here, not above: the window must not wait for what the worker needs.
        from app.enface import column_means

        total = len(self._volume.bscans)
        progress(0, total)
        self._load_localizer()
        nearest = sorted(range(total), key=lambda index: abs(index - self._first))
        for done, index in enumerate(nearest, start=1):
            try:
                pixels = self._volume.bscans[index].pixels()
            except ReadError:
                # The viewer tells the sentence when the reader comes to this B-scan.
                continue
            # In the screen's own format: painting must not convert what it repeats so often.
            self.thumbnails[index] = grey_image(shrunk(pixels, _THUMBNAIL)).convertToFormat(
                QImage.Format.Format_RGB32
            )
            if not self.has_localizer:
                means = column_means(pixels)
                self._rows[index] = means[(np.arange(self._columns) * len(means)) // self._columns]
                if done % _STEP == 0:
                    self.enface = self._project()
            progress(done, total)
        if not self.has_localizer:
            self.enface = self._project()

    def _load_localizer(self) -> None:
        if self._volume.localizer is None:
            return
        try:
            self.enface = grey_image(self._volume.localizer.load())
        except ReadError:
            self.has_localizer = False

    def _project(self) -> QImage | None:
        from app.enface import to_grey

        return None if np.isnan(self._rows).all() else grey_image(to_grey(self._rows))

    def _progressed(self, done: int, total: int) -> None:
        if done % _STEP == 0 or done == total:
            self.grown.emit()

    def _finished(self) -> None:
        self.grown.emit()
        self.finished.emit()

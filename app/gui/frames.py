"""The B-scans of one volume as pictures, made ahead of the reader by a worker.

Decoding a frame and laying a heat map over it takes longer than the 16 ms between two screen
refreshes. So the worker prepares the frame on show first, then those that scrolling will reach,
and what it made is kept up to a bound, whatever the length of the volume.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.errors import ReadError
from app.gui.images import colour_image, grey_image, windowed
from app.gui.tasks import Task
from app.progress import Progress
from app.study import BScanResult, Pixels, Volume

_DECODED_BYTES = 48_000_000
_PICTURE_BYTES = 96_000_000
_AHEAD, _BEHIND = 16, 6  # B-scans prepared on either side of the one on show


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a B-scan is shown."""

    class_index: int | None = None  # whose heat map lies over it; None: none
    opacity: float = 0.6
    outlined: bool = False  # lines of equal heat, which leave the tissue between them untouched
    centre: float = 127.5  # of the window, in grey values
    width: float = 255.0
    inverted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heat:
    """The maps of a volume, and the value of each class's that takes the strongest colour."""

    bscans: tuple[BScanResult, ...]
    scales: tuple[float, ...]


class Frames(QObject):
    """Pictures of one volume's B-scans, ready or on their way."""

    ready = Signal(int)  # index of a B-scan whose picture, or whose problem, is now known
    broken = Signal(Exception)

    def __init__(self, volume: Volume, parent: QObject) -> None:
        super().__init__(parent)
        self._volume = volume
        self._heat: Heat | None = None
        self._lock = threading.Lock()
        self._decoded: OrderedDict[int, Pixels] = OrderedDict()
        self._pictures: OrderedDict[tuple[int, Look], QImage] = OrderedDict()
        self._problems: dict[int, str] = {}
        self._wishes: list[tuple[int, Look]] = []
        self._working = False
        self._task = Task(self._work, self)
        self._task.succeeded.connect(self._ended)
        self._task.failed.connect(self._broke)

    def set_heat(self, heat: Heat | None) -> None:
        with self._lock:
            self._heat = heat
            self._pictures.clear()
            self._wishes.clear()

    def picture(self, index: int, look: Look) -> QImage | None:
        with self._lock:
            picture = self._pictures.get((index, self._seen(index, look)))
            if picture is not None:
                self._pictures.move_to_end((index, self._seen(index, look)))
            return picture

    def problem(self, index: int) -> str | None:
        """Why this B-scan cannot be shown, in a sentence."""
        return self._problems.get(index)

    def want(self, index: int, look: Look, *, forwards: bool = True) -> None:
        """Prepare this B-scan, then those that the reader will come to; older wishes lapse."""
        step = 1 if forwards else -1
        order = [index + step * ahead for ahead in range(_AHEAD + 1)]
        order += [index - step * behind for behind in range(1, _BEHIND + 1)]
        # More than is kept would push out what comes next.
        order = order[: self._room(index)]
        with self._lock:
            self._wishes = [
                (each, self._seen(each, look))
                for each in order
                if 0 <= each < len(self._volume.bscans)
            ]
            start = not self._working
            self._working = True
        if start:
            self._task.start()

    def retire(self) -> None:
        """Stop without waiting; this object is destroyed when its worker has stopped."""
        self.blockSignals(True)
        with self._lock:
            self._wishes.clear()
        self._task.retire(self)

    def close(self) -> None:
        """Stop the worker. Call it before this object is destroyed."""
        with self._lock:
            self._wishes.clear()
        self._task.cancel()
        self._task.wait()

    def _room(self, index: int) -> int:
        """How many pictures of this size are kept, one at the least."""
        bscan = self._volume.bscans[index]
        return max(1, _PICTURE_BYTES // (4 * bscan.rows * bscan.columns))

    def _seen(self, index: int, look: Look) -> Look:
        """What tells this B-scan's pictures apart: without a map, opacity and class do not."""
        heat = self._heat
        if look.class_index is None or heat is None or heat.bscans[index].maps is None:
            return Look(centre=look.centre, width=look.width, inverted=look.inverted)
        return look

    def _ended(self) -> None:
        with self._lock:
            self._working = bool(self._wishes)
            again = self._working
        if again:
            self._task.start()

    def _broke(self, error: Exception) -> None:
        with self._lock:
            self._working = False
        self.broken.emit(error)

    def _work(self, progress: Progress) -> None:
        while True:
            progress(0, 0)
            with self._lock:
                if not self._wishes:
                    return
                index, look = self._wishes.pop(0)
                if (index, look) in self._pictures or index in self._problems:
                    continue
                heat = self._heat
            try:
                picture = self._make(index, look, heat)
            except ReadError as error:
                self._problems[index] = str(error)
            else:
                with self._lock:
                    # A result that came meanwhile makes this picture an old one.
                    if heat is self._heat:
                        self._keep(index, look, picture)
            self.ready.emit(index)

    def _make(self, index: int, look: Look, heat: Heat | None) -> QImage:
        pixels = windowed(
            self._pixels(index), centre=look.centre, width=look.width, inverted=look.inverted
        )
        if look.class_index is None or heat is None:
            return _for_screen(grey_image(pixels))
        result = heat.bscans[index]
        if result.maps is None or result.region is None:
            return _for_screen(grey_image(pixels))
        from app.overlay import heat_overlay, outline_overlay

        map_, scale = result.maps[look.class_index], heat.scales[look.class_index]
        if look.outlined:
            return colour_image(outline_overlay(pixels, map_, result.region, scale))
        return colour_image(heat_overlay(pixels, map_, result.region, look.opacity, scale))

    def _pixels(self, index: int) -> Pixels:
        with self._lock:
            pixels = self._decoded.get(index)
        if pixels is None:
            pixels = self._volume.bscans[index].pixels()
            with self._lock:
                self._decoded[index] = pixels
                while sum(each.nbytes for each in self._decoded.values()) > _DECODED_BYTES:
                    self._decoded.popitem(last=False)
        return pixels

    def _keep(self, index: int, look: Look, picture: QImage) -> None:
        self._pictures[index, look] = picture
        total = sum(each.sizeInBytes() for each in self._pictures.values())
        # The latest always stays, however large one frame may be.
        while total > _PICTURE_BYTES and len(self._pictures) > 1:
            _, oldest = self._pictures.popitem(last=False)
            total -= oldest.sizeInBytes()


def _for_screen(picture: QImage) -> QImage:
    """In the screen's own format, converted here rather than at every paint."""
    return picture.convertToFormat(QImage.Format.Format_RGB32)

"""Calliper lines: how long they are, and that they are kept with the case."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.cases.subjects import bscan_subject, bscan_subjects
from app.gui.case import Case
from app.gui.keeper import Keeper
from app.study import Spacing, Study, Volume

if TYPE_CHECKING:
    from app.cases.annotations import Annotation, Points
    from app.cases.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A calliper line on one B-scan, in (column, row); the scan begins at (0, 0)."""

    frame: int  # index of the B-scan
    start: tuple[float, float]
    end: tuple[float, float]

    def length_um(self, spacing: Spacing) -> float | None:
        """Length in the plane of the scan; axial and lateral samples differ in size."""
        if spacing.lateral_mm is None or spacing.axial_mm is None:
            return None
        across = (self.end[0] - self.start[0]) * spacing.lateral_mm
        down = (self.end[1] - self.start[1]) * spacing.axial_mm
        return float((across**2 + down**2) ** 0.5 * 1000)


@dataclass(slots=True, kw_only=True, eq=False)
class _Line:
    """One line of a study, on show at once and in the file a moment later."""

    subject: str
    points: "Points"  # (row, column), as the file has them
    number: int | None = None  # in the file; None until it is there
    removed: bool = False


class Callipers(QObject):
    """The calliper lines of every study that was on show."""

    changed = Signal(str)  # UID of the study

    def __init__(self, keeper: Keeper, parent: QObject) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self._lines: dict[str, list[_Line]] = {}

    def fetch(self, study_uid: str) -> None:
        """Have the lines of a study read, once; `changed` tells when they are there."""
        if study_uid in self._lines:
            return
        self._lines[study_uid] = []

        def arrived(kept: "list[Annotation]") -> None:
            lines = [
                _Line(subject=each.subject, points=each.points, number=each.number)
                for each in kept
                if each.kind == "calliper" and len(each.points) == 2
            ]
            # What was drawn meanwhile is newer than what was kept.
            self._lines[study_uid] = lines + self._lines[study_uid]
            self.changed.emit(study_uid)

        self._keeper.do(lambda store: store.annotations(study_uid), arrived)

    def on(self, study_uid: str, volume: Volume) -> tuple[Measurement, ...]:
        """The lines on a volume's B-scans, oldest first."""
        places = {bscan_subject(volume, index): index for index in range(len(volume.bscans))}
        return tuple(
            Measurement(frame=places[line.subject], start=(x0, y0), end=(x1, y1))
            for line in self._lines.get(study_uid, [])
            if not line.removed and line.subject in places
            for (y0, x0), (y1, x1) in [line.points]
        )

    def add(self, study_uid: str, volume: Volume, drawn: Measurement) -> None:
        """Keep a line that the reader drew."""
        (x0, y0), (x1, y1) = drawn.start, drawn.end
        line = _Line(subject=bscan_subject(volume, drawn.frame), points=((y0, x0), (y1, x1)))
        self._lines.setdefault(study_uid, []).append(line)
        when = datetime.now().astimezone()

        def keep(store: "Store") -> None:
            line.number = store.annotate(study_uid, line.subject, line.points, when).number

        self._keeper.do(keep)
        self.changed.emit(study_uid)

    def clear(self, study_uid: str, volume: Volume, index: int) -> Callable[[], None] | None:
        """Take the lines off one B-scan; return what brings them back, None if there were none."""
        subject = bscan_subject(volume, index)
        standing = [
            each
            for each in self._lines.get(study_uid, [])
            if each.subject == subject and not each.removed
        ]
        if not standing:
            return None
        self._set_removed(study_uid, standing, removed=True)
        return lambda: self._set_removed(study_uid, standing, removed=False)

    def follow(self, case: Case, before: Study, replaced: Collection[str]) -> None:
        """Take the lines off scans in whose place others have come: they measure nothing there."""
        uid, when = case.uid, datetime.now().astimezone()
        volumes = [each for each in before.volumes if each.uid in replaced]
        subjects = {subject for volume in volumes for subject in bscan_subjects(volume)}

        def remove(store: "Store") -> set[int]:
            gone = {each.number for each in store.annotations(uid) if each.subject in subjects}
            for number in gone:
                store.remove_annotation(number, when)
            return gone

        def removed(gone: set[int]) -> None:
            # What was being fetched meanwhile.
            self._take_off(uid, lambda line: line.number in gone)

        if subjects:
            self._take_off(uid, lambda line: line.subject in subjects)
            self._keeper.do(remove, removed)

    def _take_off(self, study_uid: str, gone: Callable[[_Line], bool]) -> None:
        for line in filter(gone, self._lines.get(study_uid, [])):
            line.removed = True
        self.changed.emit(study_uid)

    def _set_removed(self, study_uid: str, lines: list[_Line], *, removed: bool) -> None:
        when = datetime.now().astimezone()
        for line in lines:
            line.removed = removed

        def file(store: "Store") -> None:
            for line in lines:
                # None where the disk did not take it: then there is nothing to change.
                if line.number is not None and removed:
                    store.remove_annotation(line.number, when)
                elif line.number is not None:
                    store.restore_annotation(line.number)

        self._keeper.do(file)
        self.changed.emit(study_uid)

"""What the reader of each case can take back and do again, from its trail and from this run."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from app.cases.store import Entry
from app.cases.subjects import is_eye
from app.gui.case import Case
from app.undo import History, Step

_Place = tuple[Case, int]
"""A case, and the number of a decision in the trail."""


class Undoing:
    """The history of decisions on each case."""

    def __init__(self) -> None:
        self._histories: dict[Case, History] = {}
        self._trails: dict[Case, Sequence[Entry]] = {}  # read, and not yet made histories
        self._done: list[_Place] = []  # by this run of the program, the latest last
        self._undone: list[_Place] = []

    def learn(self, case: Case, trail: Sequence[Entry]) -> None:
        """Take up what earlier runs decided, once it is asked for."""
        self._trails[case] = trail

    def keep(self, cases: Collection[Case]) -> None:
        """Forget all other cases."""
        self._histories = {case: each for case, each in self._histories.items() if case in cases}
        self._trails = {case: each for case, each in self._trails.items() if case in cases}

    def of(self, case: Case, reader: str, subjects: Collection[str] | None) -> History:
        """What a reader can take back on the subjects that a case has; None: on any."""
        whole = self._whole(case)
        if subjects is None:
            subjects = {each.entry.subject for each in (*whole.done, *whole.undone)}
        return whole.of(reader, subjects)

    def this_run(self, *, again: bool) -> Iterator[tuple[Case, int]]:
        """Case and number of what this run decided, or took back, the latest first."""
        return reversed(self._undone if again else self._done)

    def decided(self, case: Case, former: Entry | None, entry: Entry) -> None:
        self._histories[case] = self._whole(case).decided(former, entry)
        self._done.append((case, entry.number))

    def taken_back(self, case: Case, step: Step) -> None:
        self._histories[case] = self._whole(case).taken_back(step)
        _move((case, step.entry.number), self._done, self._undone)

    def done_again(self, case: Case, step: Step) -> None:
        self._histories[case] = self._whole(case).done_again(step)
        _move((case, step.entry.number), self._undone, self._done)

    def drop(self, case: Case, subjects: Iterable[str]) -> None:
        """Nothing said of these can be taken back any more: they show other scans."""
        self._histories[case] = self._whole(case).without(set(subjects))

    def _whole(self, case: Case) -> History:
        trail = self._trails.pop(case, None)
        if trail is not None:
            # Only now: a case on the list is not read back whole for it.
            self._histories[case] = _told_by(trail, case)
        return self._histories.get(case, History())


def _move(place: _Place, source: list[_Place], target: list[_Place]) -> None:
    if place in source:
        source.remove(place)
    target.append(place)


def _told_by(trail: Sequence[Entry], case: Case) -> History:
    if any(volume.eye_set for volume in case.study.volumes):
        # Which scans an eye showed when it was called is not in the trail.
        trail = [entry for entry in trail if not is_eye(entry.subject)]
    return History.told_by(trail)

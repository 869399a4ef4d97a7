"""What a reader can take back, and do again: told by the audit trail, also after a restart.

Taking back is one more entry, which restores what stood before; the trail itself is never changed.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from app.cases.trail import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A decision, with what it took the place of."""

    entry: Entry
    answer_before: str | None
    note_before: str

    @classmethod
    def after(cls, former: Entry | None, entry: Entry) -> "Step":
        stood = former is not None and former.after is not None
        return cls(
            entry=entry,
            answer_before=former.after if former is not None else None,
            note_before=former.note if former is not None and stood else "",
        )

    def restored_by(self, entry: Entry) -> bool:
        """Whether its reader put back with an entry what stood before this decision."""
        return self._leads_to(entry, self.answer_before, self.note_before)

    def repeated_by(self, entry: Entry) -> bool:
        """Whether its reader made this decision once more with an entry."""
        return self._leads_to(entry, self.entry.after, self.entry.note)

    def _leads_to(self, entry: Entry, answer: str | None, note: str) -> bool:
        # Another reader who comes to the same answer has decided, and undoes nothing of anybody's.
        wanted = self.entry.reader, self.entry.subject, answer, note
        return (entry.reader, entry.subject, entry.after, entry.note) == wanted


@dataclass(frozen=True, slots=True)
class History:
    """The decisions on one study that can be taken back, and those that were, the latest last."""

    done: tuple[Step, ...] = ()
    undone: tuple[Step, ...] = ()

    @classmethod
    def told_by(cls, trail: Iterable[Entry]) -> "History":
        """What a study's trail tells, which begins with the oldest entry.

        An entry by which a reader puts back what stood before their last one is taken for its
        undoing: the trail does not tell a second thought from it, and both lead to the same
        answers.
        """
        history = cls()
        latest: dict[str, Entry] = {}
        for entry in trail:
            if entry.for_other_scans:
                # What was said of the former scans must not be put back on these.
                history = history.without({entry.subject})
            elif history.done and history.done[-1].restored_by(entry):
                history = history.taken_back(history.done[-1])
            elif history.undone and history.undone[-1].repeated_by(entry):
                history = history.done_again(history.undone[-1])
            else:
                history = history.decided(latest.get(entry.subject), entry)
            latest[entry.subject] = entry
        return history

    def decided(self, former: Entry | None, entry: Entry) -> "History":
        """The same after a new decision, which closes the way to what was taken back before."""
        return History((*self.done, Step.after(former, entry)))

    def taken_back(self, step: Step) -> "History":
        return History(_less(self.done, step), (*self.undone, step))

    def done_again(self, step: Step) -> "History":
        return History((*self.done, step), _less(self.undone, step))

    def without(self, subjects: Collection[str]) -> "History":
        """The same without decisions on subjects that show other scans now."""
        return self._only(lambda step: step.entry.subject not in subjects)

    def of(self, reader: str, subjects: Collection[str]) -> "History":
        """What a reader may take back: their own decisions, up to the latest of somebody else."""
        known = self._only(lambda step: step.entry.subject in subjects)
        return replace(
            known, done=_latest(known.done, reader), undone=_latest(known.undone, reader)
        )

    def _only(self, keep: Callable[[Step], bool]) -> "History":
        return History(tuple(filter(keep, self.done)), tuple(filter(keep, self.undone)))


def _less(steps: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    return tuple(each for each in steps if each is not step)


def _latest(steps: tuple[Step, ...], reader: str) -> tuple[Step, ...]:
    others = [place for place, each in enumerate(steps) if each.entry.reader != reader]
    return steps[others[-1] + 1 :] if others else steps

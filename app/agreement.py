"""How often reader and machine agree, over first calls of eyes that were read blind.

Cohen's kappa (Educ Psychol Meas 1960;20:37) sets the share of agreement against the share that
chance alone would give; its 95 % interval rests on the large-sample standard error of Fleiss,
Cohen and Everitt (Psychol Bull 1969;72:323). Both eyes of a patient count, as if they were
independent, so the interval is a little too narrow.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from app.cases.subjects import is_eye
from app.cases.trail import Entry

_Z = 1.959964  # of the standard normal distribution: 95 % lie within

Pair = tuple[str, str]
"""The reader's answer and the machine's."""


Interval = tuple[float, float]
"""Of 95 %: its lower and its upper end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    value: float
    interval: Interval | None  # None where its formula has no width: all agree, or too few


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAgreement:
    """How one answer was given."""

    answer: str
    reader: int
    machine: int
    both: int

    @property
    def share(self) -> float:
        """Of all times that either said it: how often did both (Dice; positive agreement)."""
        return 2 * self.both / (self.reader + self.machine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of `total` eyes read blind, in `agreed` the reader said what the machine said."""

    agreed: int
    total: int
    kappa: Kappa | None
    classes: tuple[ClassAgreement, ...]  # the most frequent first
    readers: tuple[str, ...]  # initials, sorted


def agreement(trail: Iterable[Entry], reader: str | None = None) -> Agreement:
    """Compare the first answer for each eye, where it was given blind, with the machine's.

    Later answers, and those given with the machine's in sight, say nothing of the reader.

    Args:
        reader: Initials of whom to look at; None looks at all.
    """
    first: dict[tuple[str, str], Entry] = {}
    for entry in trail:
        if is_eye(entry.subject):
            first.setdefault((entry.study_uid, entry.subject), entry)
    counted = [
        entry
        for entry in first.values()
        if entry.blind and entry.machine is not None and reader in (None, entry.reader)
    ]
    pairs = [(entry.after or "", entry.machine or "") for entry in counted]
    return Agreement(
        agreed=sum(mine == its for mine, its in pairs),
        total=len(pairs),
        kappa=cohen(pairs),
        classes=_by_class(pairs),
        readers=tuple(sorted({entry.reader for entry in counted})),
    )


def cohen(pairs: Sequence[Pair]) -> Kappa | None:
    """Return Cohen's kappa with its 95 % interval; None where it is not defined."""
    n = len(pairs)
    if n == 0:
        return None
    shares = {cell: count / n for cell, count in Counter(pairs).items()}
    rows: dict[str, float] = defaultdict(float)
    columns: dict[str, float] = defaultdict(float)
    for (mine, its), share in shares.items():
        rows[mine] += share
        columns[its] += share
    observed = sum(share for (mine, its), share in shares.items() if mine == its)
    expected = sum(rows[each] * columns[each] for each in rows)
    if expected > 1 - 1e-9:
        return None
    value = (observed - expected) / (1 - expected)
    if observed > 1 - 1e-9:
        return Kappa(value=1.0, interval=None)
    # Fleiss, Cohen and Everitt, equation 13, with kappa put in.
    agreeing = sum(
        share * (1 - (rows[mine] + columns[mine]) * (1 - value)) ** 2
        for (mine, its), share in shares.items()
        if mine == its
    )
    differing = sum(
        share * (columns[mine] + rows[its]) ** 2
        for (mine, its), share in shares.items()
        if mine != its
    )
    rest = (value - expected * (1 - value)) ** 2
    variance = (agreeing + (1 - value) ** 2 * differing - rest) / (n * (1 - expected) ** 2)
    spread = _Z * sqrt(max(variance, 0.0))
    if spread < 1e-6:
        return Kappa(value=value, interval=None)
    return Kappa(value=value, interval=(max(-1.0, value - spread), min(1.0, value + spread)))


def wilson(count: int, n: int) -> Interval:
    """The 95 % interval of a share (Wilson, J Am Stat Assoc 1927;22:209)."""
    share, weight = count / n, _Z**2 / n
    centre = (share + weight / 2) / (1 + weight)
    half = _Z / (1 + weight) * sqrt(share * (1 - share) / n + weight / (4 * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _by_class(pairs: Sequence[Pair]) -> tuple[ClassAgreement, ...]:
    mine = Counter(each for each, _ in pairs)
    its = Counter(each for _, each in pairs)
    both = Counter(each for each, other in pairs if each == other)
    answers = sorted({*mine, *its}, key=lambda each: (-mine[each] - its[each], each))
    return tuple(
        ClassAgreement(answer=each, reader=mine[each], machine=its[each], both=both[each])
        for each in answers
    )

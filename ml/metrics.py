"""Figures with intervals: how good the answers are, and how sure we are of that.

Every figure is computed from weights, one per patient: all of them 1 gives the figure itself,
and multinomial draws give the bootstrap by patient (patients, not B-scans, are drawn with
replacement, so that the many B-scans of one patient do not pass for many patients). All draws go
through the same array arithmetic at once. Intervals are the 2.5th to 97.5th percentile of 2,000,
with two exceptions. A share that is 1 or 0 in all draws is not for that certain: its interval is
Wilson's over the patients concerned. And an expected calibration error, whose every gap counts as
positive, is larger in draws than in the cases: its draws are moved by as much as they lie above it
(it is for the same reason larger in the cases than it is in truth, which nothing here mends).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from app.agreement import wilson

REPLICATES = 2000
ECE_BINS = 15  # of equal width over [0, 1] of the highest probability (Guo 2017)
_CALIBRATION_ERROR = "expected calibration error"
_CHUNK = 4_000_000  # weights held at once: 32 MB

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """A score that should be higher where `positive` is true."""

    name: str
    scores: Floats  # (n,)
    positive: NDArray[np.bool_]  # (n,)
    graded: bool = False  # scores lie in [0, 1], and how near they come to probabilities is asked
    spared: float | None = None  # also the sensitivity where this share of the others is spared


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cases:
    """n B-scans, eyes or patients with their labels and answers."""

    unit: str  # "B-scan", "eye", "patient"
    classes: tuple[str, ...]
    labels: NDArray[np.int64]  # (n,), index into classes
    answers: NDArray[np.int64]  # (n,), index into classes; len(classes): no answer
    patients: NDArray[np.str_]  # (n,)
    rankings: tuple[Ranking, ...] = ()
    referable: NDArray[np.bool_] | None = None  # (n,), by label
    referred: NDArray[np.bool_] | None = None  # (n,), by the model
    probabilities: Floats | None = None  # (n, n_classes), where they mean something

    @property
    def correct(self) -> NDArray[np.bool_]:
        return np.asarray(self.labels == self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval, by patient. NaN where the data do not determine it."""

    name: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def measure(cases: Cases, *, replicates: int = REPLICATES, seed: int = 0) -> tuple[Estimate, ...]:
    """Compute every figure that the cases allow, with intervals."""
    drawn = _drawn(cases, cases.patients, replicates, seed)
    estimates = _summarise(
        {
            name: _moved(values) if name.startswith(_CALIBRATION_ERROR) else values
            for name, values in drawn.items()
        }
    )
    if not any(map(_looks_certain, estimates)):
        return estimates
    concerned = dict(_concerned(cases))
    return tuple(
        _not_certain(each, cases.patients[concerned[each.name]])
        if each.name in concerned and _looks_certain(each)
        else each
        for each in estimates
    )


def compare(
    one: Cases, other: Cases, *, replicates: int = REPLICATES, seed: int = 0
) -> tuple[Estimate, ...]:
    """Compute the differences `one` minus `other` on the same cases, drawn together.

    Raises:
        ValueError: If the cases are not the same.
    """
    if not (
        np.array_equal(one.labels, other.labels) and np.array_equal(one.patients, other.patients)
    ):
        raise ValueError("not the same cases in the same order")
    mine = _drawn(one, one.patients, replicates, seed)
    theirs = _drawn(other, one.patients, replicates, seed)
    return _summarise({name: mine[name] - theirs[name] for name in mine if name in theirs})


def mcnemar(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[int, int, float]:
    """McNemar's exact test of two models on the same cases (two-sided binomial).

    It takes the cases for independent: give it patients, or read it beside the bootstrap.

    Args:
        one: Whether the first model was right, shape (n,).
        other: Whether the second was.

    Returns:
        Cases that only the first got right, that only the second did, and the p-value.
    """
    first, second = int((one & ~other).sum()), int((other & ~one).sum())
    n, fewer = first + second, min(first, second)
    tail = sum(comb(n, k) for k in range(fewer + 1))
    return first, second, min(1.0, 2 * tail / 2**n)


def confusion(cases: Cases) -> NDArray[np.int64]:
    """Count labels (rows) by answers (columns, the last for no answer), shape (c, c + 1)."""
    n_classes = len(cases.classes)
    counts = np.zeros((n_classes, n_classes + 1), dtype=np.int64)
    np.add.at(counts, (cases.labels, cases.answers), 1)
    return counts


def roc_curve(ranking: Ranking) -> tuple[Floats, Floats]:
    """False and true positive rate at every threshold, from none to all."""
    positive, negative = _steps(ranking, np.ones((1, len(ranking.scores))))
    true = np.cumsum(positive[0]) / max(positive.sum(), 1)
    false = np.cumsum(negative[0]) / max(negative.sum(), 1)
    return np.r_[0.0, false], np.r_[0.0, true]


def reliability(cases: Cases) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Per bin of the highest probability: its mean, the share that is right, the count."""
    if cases.probabilities is None:
        raise ValueError("no probabilities")
    confidence = cases.probabilities.max(axis=1)
    right = cases.probabilities.argmax(axis=1) == cases.labels
    bins = _bins(confidence)
    counts = np.bincount(bins, minlength=ECE_BINS)
    filled = np.maximum(counts, 1)
    mean = np.bincount(bins, confidence, minlength=ECE_BINS) / filled
    share = np.bincount(bins, right.astype(float), minlength=ECE_BINS) / filled
    return mean, share, counts


def score_not_exceeded(scores: NDArray[np.floating], share: float) -> float:
    """Return one of the scores (n,), that at least this share of them does not exceed."""
    return float(np.quantile(scores, share, method="higher"))


def _summarise(drawn: Mapping[str, Floats]) -> tuple[Estimate, ...]:
    """The first value of each array is the figure, the others its replicates."""
    estimates = []
    for name, values in drawn.items():
        known = values[1:][np.isfinite(values[1:])]
        low, high = np.percentile(known, (2.5, 97.5)) if len(known) else (np.nan, np.nan)
        estimates.append(
            Estimate(name=name, value=float(values[0]), low=float(low), high=float(high))
        )
    return tuple(estimates)


def _moved(values: Floats) -> Floats:
    """A figure and its draws, these so that they lie about it."""
    draws = values[1:]
    moved = np.maximum(draws - (np.nanmean(draws) - values[0]), 0)
    return np.asarray(np.r_[values[0], moved])


def _looks_certain(estimate: Estimate) -> bool:
    """Whether it is 1 or 0, and so in every draw. NaN is neither."""
    return round(estimate.high - estimate.low, 9) == 0 and round(estimate.value, 9) in (0, 1)


def _not_certain(estimate: Estimate, patients: NDArray[np.str_]) -> Estimate:
    """A share that looks certain, with what so few patients can say of it."""
    count = len(np.unique(patients))
    low, high = wilson(count * round(estimate.value), count)
    return Estimate(name=estimate.name, value=estimate.value, low=low, high=high)


def _concerned(cases: Cases) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Of each figure that is a share, the cases it is a share of."""

    everyone = np.ones(len(cases.labels), dtype=np.bool_)

    def scarcest(sides: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """A mean over several is no surer than what is known of the one with fewest patients."""
        met = [side for side in sides if side.any()]
        return min(met, key=lambda side: len(np.unique(cases.patients[side])), default=everyone)

    kinds = [(name, cases.labels == c, cases.answers == c) for c, name in enumerate(cases.classes)]
    yield "accuracy", everyone
    yield "balanced accuracy", scarcest(own for _, own, _ in kinds)
    yield "macro specificity", scarcest(~own for _, own, _ in kinds)
    if cases.referable is not None and cases.referred is not None:
        kinds.append(("referable", cases.referable, cases.referred))
    for name, ill, said in kinds:
        yield f"sensitivity for {name}", ill
        yield f"specificity for {name}", ~ill
        yield f"PPV for {name}", said
        yield f"NPV for {name}", ~said
        yield f"F1 for {name}", ill | said
    for ranking in cases.rankings:
        yield f"AUROC for {ranking.name}", scarcest((ranking.positive, ~ranking.positive))
        yield f"AUPRC for {ranking.name}", ranking.positive
        if ranking.spared is not None:
            yield sensitivity_at(ranking.name, ranking.spared), ranking.positive


def sensitivity_at(name: str, specificity: float) -> str:
    """What the sensitivity is called where that share of the others is spared."""
    return f"sensitivity for {name} at specificity {specificity:g}"


def _drawn(
    cases: Cases, patients: NDArray[np.str_], replicates: int, seed: int
) -> dict[str, Floats]:
    """Every figure as an array (1 + replicates,): the figure, then its replicates."""
    names, patient = np.unique(patients, return_inverse=True)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    weights = np.vstack([np.ones((1, len(names))), draws])
    figures = dict(_from_sums(cases, weights, patient))
    chunk = max(1, _CHUNK // len(cases.labels))
    for ranking in cases.rankings:
        parts = [
            _areas(ranking, weights[start : start + chunk][:, patient])
            for start in range(0, len(weights), chunk)
        ]
        figures |= {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
    return figures


def _from_sums(
    cases: Cases, weights: Floats, patient: NDArray[np.intp]
) -> Iterator[tuple[str, Floats]]:
    """Figures that are sums over cases: each patient's share first, then the draws of patients."""

    def summed(values: Floats) -> Floats:
        """Sum values (n, …) by patient, then over each draw, to (draws, …)."""
        by_patient = np.zeros((weights.shape[1], *values.shape[1:]))
        np.add.at(by_patient, patient, values)
        return np.asarray(np.tensordot(weights, by_patient, axes=1))

    n_classes = len(cases.classes)
    cells = np.eye((n_classes + 1) ** 2)[cases.labels * (n_classes + 1) + cases.answers]
    counts = summed(cells).reshape(-1, n_classes + 1, n_classes + 1)
    yield from _from_confusion(counts, cases.classes)
    if cases.referable is not None and cases.referred is not None:
        ill, sent = cases.referable.astype(np.intp), cases.referred.astype(np.intp)
        two = summed(np.eye(4)[ill * 2 + sent]).reshape(-1, 2, 2)
        yield from _binary(two[:, 1, 1], two[:, 0, 1], two[:, 1, 0], two[:, 0, 0], "referable")
    if cases.probabilities is not None:
        yield from _of_probabilities(cases, cases.probabilities, summed)
    for ranking in cases.rankings:
        if ranking.graded:
            yield from _of_scores(ranking, summed)


def _from_confusion(counts: Floats, classes: tuple[str, ...]) -> Iterator[tuple[str, Floats]]:
    """Figures of confusion matrices, shape (draws, c + 1, c + 1): labels by answers."""
    total = counts.sum(axis=(1, 2))
    rows, columns = counts.sum(axis=2), counts.sum(axis=1)
    hits = np.diagonal(counts, axis1=1, axis2=2)
    yield "accuracy", hits.sum(axis=1) / total
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits[:, :-1] / rows[:, :-1]
    # A class that a draw lacks is left out of its mean, as scikit-learn does.
    present = rows[:, :-1] > 0
    yield (
        "balanced accuracy",
        np.where(present, recall, 0).sum(axis=1) / np.maximum(present.sum(axis=1), 1),
    )
    misses = columns[:, :-1] - hits[:, :-1]
    others = total[:, None] - rows[:, :-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        yield "macro specificity", np.mean(1 - misses / others, axis=1)
    chance = (rows * columns).sum(axis=1) / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        yield "Cohen's kappa", (hits.sum(axis=1) / total - chance) / (1 - chance)
    for c, name in enumerate(classes):
        true, missed = hits[:, c], rows[:, c] - hits[:, c]
        false = columns[:, c] - hits[:, c]
        yield from _binary(true, false, missed, total - true - missed - false, name)


def _binary(
    true: Floats, false: Floats, missed: Floats, spared: Floats, name: str
) -> Iterator[tuple[str, Floats]]:
    with np.errstate(invalid="ignore", divide="ignore"):
        yield f"sensitivity for {name}", true / (true + missed)
        yield f"specificity for {name}", spared / (spared + false)
        yield f"PPV for {name}", true / (true + false)
        yield f"NPV for {name}", spared / (spared + missed)
        yield f"F1 for {name}", 2 * true / (2 * true + false + missed)


def _of_probabilities(
    cases: Cases, probabilities: Floats, summed: Callable[[Floats], Floats]
) -> Iterator[tuple[str, Floats]]:
    total = summed(np.ones(len(probabilities)))
    truth = np.eye(len(cases.classes))[cases.labels]
    yield "Brier score", summed(((probabilities - truth) ** 2).sum(axis=1)) / total
    likely = probabilities[np.arange(len(probabilities)), cases.labels]
    yield "negative log-likelihood", summed(-np.log(np.maximum(likely, 1e-12))) / total
    confidence = probabilities.max(axis=1)
    gap = confidence - (probabilities.argmax(axis=1) == cases.labels)
    yield _CALIBRATION_ERROR, _calibration_error(confidence, gap, summed) / total


def _of_scores(
    ranking: Ranking, summed: Callable[[Floats], Floats]
) -> Iterator[tuple[str, Floats]]:
    """Of one yes or no: the mean squared error, 0 to 1, and the gap between score and share."""
    total = summed(np.ones(len(ranking.scores)))
    gap = ranking.scores - ranking.positive
    yield f"Brier score for {ranking.name}", summed(gap**2) / total
    error = _calibration_error(ranking.scores, gap, summed)
    yield f"{_CALIBRATION_ERROR} for {ranking.name}", error / total


def _calibration_error(
    confidence: Floats, gap: Floats, summed: Callable[[Floats], Floats]
) -> Floats:
    """The gaps between confidence and truth summed within each bin, then over bins; (draws,)."""
    by_bin = summed(np.eye(ECE_BINS)[_bins(confidence)] * gap[:, None])
    return np.asarray(np.abs(by_bin).sum(axis=1))


def _bins(confidence: Floats) -> NDArray[np.intp]:
    return np.minimum((confidence * ECE_BINS).astype(np.intp), ECE_BINS - 1)


def _steps(ranking: Ranking, weights: Floats) -> tuple[Floats, Floats]:
    """Weights of positives and negatives per distinct score, highest first; (draws, n_scores)."""
    order = np.argsort(-ranking.scores, kind="stable")
    scores, positive = ranking.scores[order], ranking.positive[order]
    starts = np.flatnonzero(np.r_[True, np.diff(scores) != 0])
    ordered = weights[:, order]
    of_positives = np.add.reduceat(ordered * positive, starts, axis=1)
    of_negatives = np.add.reduceat(ordered * ~positive, starts, axis=1)
    return of_positives, of_negatives


def _areas(ranking: Ranking, weights: Floats) -> dict[str, Floats]:
    """What follows from the order of the scores, by the figure's name, each (draws,).

    AUROC (ties count half), AUPRC (average precision, no interpolation), and the sensitivity where
    `ranking.spared` of the others are spared, at a threshold of each draw's own.
    """
    positive, negative = _steps(ranking, weights)
    true, false = np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)
    pairs = true[:, -1] * false[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        auroc = (negative * (true - positive / 2)).sum(axis=1) / pairs
        precision = true / (true + false)
        steps = np.where(positive > 0, positive * precision, 0)
        auprc = steps.sum(axis=1) / true[:, -1]
        found = {f"AUROC for {ranking.name}": auroc, f"AUPRC for {ranking.name}": auprc}
        if ranking.spared is not None:
            allowed = 1 - false / false[:, -1:] >= ranking.spared - 1e-9
            caught = np.where(allowed, true, 0).max(axis=1) / true[:, -1]
            caught[false[:, -1] == 0] = np.nan
            found[sensitivity_at(ranking.name, ranking.spared)] = caught
    return found

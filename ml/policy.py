"""Fit the rule that calls an eye from its B-scans, on validation patients.

The rule (`app.aggregate`) has to serve a single picture and a volume of a hundred B-scans, and
validation data often hold only a few B-scans of each eye. So it is fitted on two things together:
the eyes as they are, and volumes composed from the same B-scans: a healthy eye is made of normal
B-scans in runs of one to three (neighbours look alike, so that a mistake lasts for some B-scans),
and an ill one has a run of B-scans of one ill patient among them. What composed volumes cannot
show, as how the normal B-scans of an ill eye look, is a limit of the fit.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from app.errors import UsageError
from app.modelpack import AggregationPolicy, ClassInfo, ClassRule
from ml.predictions import Predictions

Probabilities = NDArray[np.float64]

_VOLUMES = 150  # composed, for each class
_LENGTHS = (13, 25, 49)  # B-scans in a composed volume
_SHARES = (0.08, 0.3)  # of a volume that its lesion takes, from and to
_ALIKE = 3  # neighbouring B-scans that share a source, at most
_ALIKE_GOOD = 0.01  # of balanced accuracy
_TOP_K = (3, 2, 5)  # in the order of preference; a single B-scan never decides a volume
_ADJACENT = (2, 3)  # where there are neighbours: eyes of one B-scan are called by that one
_LOWEST, _HIGHEST = 0.2, 0.9  # thresholds stay within, however easy the validation data
_LEAST_SUSPECT = 0.1
_WELL_SUSPECTED = 0.05  # of well eyes
_MIN_GRADABLE = 0.5  # half an eye unseen is not an eye seen
_SEED = 43


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittingEye:
    """One eye, real or composed."""

    probabilities: Probabilities  # (n_bscans, n_classes), calibrated, in spatial order
    severity: int


def fit_policy(
    predictions: Predictions,
    classes: Sequence[ClassInfo],
    wanted_sensitivity: float = 0.95,
    *,
    max_unfamiliar: float = 0.5,
    seed: int = _SEED,
) -> AggregationPolicy:
    """Choose top_k, adjacent and every class's rule.

    An eye is called a disease from the threshold with the highest balanced accuracy for "at least
    this ill". It is suspected, and so sent to a reader, down to where one well eye in twenty is,
    and further down if the wanted sensitivity asks for it. Of the pairs of top_k and adjacent
    whose mean balanced accuracy of calls is within 0.01 of the best, the first in the order of
    `_TOP_K`, then `_ADJACENT`, is kept: composed volumes tell no smaller differences.

    Args:
        predictions: Of validation B-scans, with the fitted temperature.
        classes: In the predictions' order.
        wanted_sensitivity: Of called and suspected together, for each disease, by eye.
        max_unfamiliar: Share of unfamiliar B-scans above which an eye is out of scope.
        seed: Of the composed volumes.

    Raises:
        UsageError: If a class has no validation patient.
    """
    known = predictions.labelled()
    severities = np.array([each.severity for each in classes])
    require_every_class(known.labels.tolist(), classes)
    eyes = [*_real_eyes(known, severities), *_composed(known, severities, seed)]
    candidates = []
    for top_k, adjacent in product(_TOP_K, _ADJACENT):
        rules, quality = {}, []
        for disease in classes:
            if disease.severity == 0:
                continue
            rule, balanced = _fit_rule(
                eyes, known, severities, disease, top_k, adjacent, wanted_sensitivity
            )
            rules[disease.name] = rule
            quality.append(balanced)
        policy = AggregationPolicy(
            top_k=top_k,
            adjacent=adjacent,
            min_gradable=_MIN_GRADABLE,
            max_unfamiliar=max_unfamiliar,
            rules=rules,
        )
        candidates.append((float(np.mean(quality)), policy))
    best = max(quality for quality, _ in candidates)
    return next(policy for quality, policy in candidates if quality >= best - _ALIKE_GOOD)


def require_every_class(labels: Iterable[int], classes: Sequence[ClassInfo]) -> None:
    """Verify that the rule can be fitted on validation B-scans of these classes' indices.

    Raises:
        UsageError: If a class has no validation patient.
    """
    present = set(labels)
    lacking = [each.name for c, each in enumerate(classes) if c not in present]
    if lacking:
        raise UsageError(
            f"No validation patient has {lacking[0]}: the rule for it cannot be fitted. Use "
            "another fold, or more data."
        )


def operating_threshold(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], wanted_sensitivity: float
) -> float:
    """Return the highest threshold that reaches the wanted sensitivity (a score at it counts).

    Where no other score lies near, it is moved halfway down to the next lower negative score, so
    that patients beyond these have some room, but not below 0.2; it is never above 0.9.

    Raises:
        UsageError: If there is no positive, or the wanted sensitivity is no share.
    """
    if not 0 < wanted_sensitivity <= 1:
        raise UsageError(
            f"A sensitivity of {wanted_sensitivity:g} cannot be had: name a share above 0 and up "
            "to 1."
        )
    ill = np.sort(scores[positive])
    if not len(ill):
        raise UsageError("There is no positive B-scan or eye to fit a threshold on.")
    spared = int(np.floor((1 - wanted_sensitivity) * len(ill) + 1e-9))
    highest = float(ill[spared])
    below = scores[~positive & (scores < highest)]
    room = float(below.max()) if len(below) else 0.0
    return min(highest, max((highest + room) / 2, _LOWEST), _HIGHEST)


def best_threshold(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the threshold with the highest balanced accuracy, within 0.2 and 0.9.

    Of a range of equally good ones it is the middle, where patients beyond these have most room.
    """
    cuts = np.unique(np.r_[0.0, scores, 1.0])
    between = (cuts[1:] + cuts[:-1]) / 2
    ill, well = np.sort(scores[positive]), np.sort(scores[~positive])
    sensitivity = 1 - np.searchsorted(ill, between) / max(len(ill), 1)
    specificity = np.searchsorted(well, between) / max(len(well), 1)
    good = (sensitivity + specificity).round(9)
    # Equally good cuts side by side are one range; the widest one is taken.
    best = np.flatnonzero(good == good.max())
    widest = max(best, key=lambda index: cuts[index + 1] - cuts[index])
    return float(np.clip(between[widest], _LOWEST, _HIGHEST))


def tails(
    probabilities: Probabilities, severities: NDArray[np.intp], severity: int
) -> Probabilities:
    """Probability of being at least so ill, shape (n_bscans,); see `app.aggregate`."""
    return np.asarray(probabilities[:, severities >= severity].sum(axis=1))


def _fit_rule(
    eyes: Sequence[FittingEye],
    known: Predictions,
    severities: NDArray[np.intp],
    disease: ClassInfo,
    top_k: int,
    adjacent: int,
    wanted: float,
) -> tuple[ClassRule, float]:
    """Fit one disease's rule for a given top_k and adjacent; return it and how well it does."""
    ill = np.array([eye.severity >= disease.severity for eye in eyes])
    rows = [tails(eye.probabilities, severities, disease.severity) for eye in eyes]
    scores = np.array([np.sort(row)[::-1][:top_k].mean() for row in rows])
    threshold = best_threshold(scores, ill)
    of_bscans = tails(known.probabilities, severities, disease.severity)
    frame = best_threshold(of_bscans, severities[known.labels] >= disease.severity)
    frame = min(frame, threshold)
    runs = np.array([_has_run(row >= frame, adjacent) for row in rows])
    called = (scores >= threshold) & runs
    balanced = (called[ill].mean() + (~called[~ill]).mean()) / 2
    tolerated = float(np.quantile(scores[~ill], 1 - _WELL_SUSPECTED))
    suspect = min(
        threshold, operating_threshold(scores, ill, wanted), max(tolerated, _LEAST_SUSPECT)
    )
    return (
        ClassRule(threshold=round(threshold, 4), suspect=round(suspect, 4), frame=round(frame, 4)),
        float(balanced),
    )


def _has_run(positive: NDArray[np.bool_], adjacent: int) -> bool:
    length = min(adjacent, len(positive))
    longest = np.convolve(positive, np.ones(length), mode="valid").max()
    return bool(longest >= length - 0.5)


def _by_patient(known: Predictions) -> dict[tuple[str, str], NDArray[np.intp]]:
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, key in enumerate(zip(known.patients.tolist(), known.eyes.tolist(), strict=True)):
        groups[key].append(index)
    return {
        key: np.array(sorted(members, key=lambda index: str(known.frames[index])))
        for key, members in groups.items()
    }


def _real_eyes(known: Predictions, severities: NDArray[np.intp]) -> Iterator[FittingEye]:
    probabilities = known.probabilities
    for members in _by_patient(known).values():
        yield FittingEye(
            probabilities=probabilities[members],
            severity=int(severities[known.labels[members]].max()),
        )


def _composed(known: Predictions, severities: NDArray[np.intp], seed: int) -> Iterator[FittingEye]:
    """Volumes of each class: a run of one patient's B-scans of it among normal ones."""
    rng = np.random.default_rng(seed)
    probabilities = known.probabilities
    normal = np.flatnonzero(severities[known.labels] == 0)
    by_class: dict[int, list[NDArray[np.intp]]] = defaultdict(list)
    for members in _by_patient(known).values():
        for c in np.unique(known.labels[members]):
            by_class[int(c)].append(members[known.labels[members] == c])
    for c, patients in sorted(by_class.items()):
        for number in range(_VOLUMES):
            length = _LENGTHS[number % len(_LENGTHS)]
            alike = rng.integers(1, _ALIKE + 1, length)
            sources = np.repeat(rng.choice(normal, length), alike)[:length]
            if severities[c] > 0:
                ill = patients[int(rng.integers(len(patients)))]
                width = max(2, round(length * rng.uniform(*_SHARES)))
                lesion = np.repeat(rng.permutation(ill), -(-width // len(ill)))[:width]
                start = int(rng.integers(0, length - width + 1))
                sources[start : start + width] = lesion
            yield FittingEye(probabilities=probabilities[sources], severity=int(severities[c]))


def fit_scope_share(
    policy: AggregationPolicy,
    in_scope: Sequence[NDArray[np.bool_]],
    outside: Sequence[NDArray[np.bool_]],
) -> AggregationPolicy:
    """Set the share of unfamiliar B-scans above which an eye is out of scope.

    Args:
        policy: The rest of the rule.
        in_scope: For each eye of validation patients in scope, which B-scans are unfamiliar.
        outside: The same for eyes that are out of scope.

    The share that best parts the two is kept; of equally good ones the largest, so that a few odd
    B-scans do not take an eye out.
    """
    if not in_scope or not outside:
        return policy

    def parted(share: float) -> float:
        lost = np.mean([eye.mean() > share for eye in in_scope])
        caught = np.mean([eye.mean() > share for eye in outside])
        return round(float(caught - lost), 6)

    best = max((0.5, 0.4, 0.3, 0.2), key=parted)
    return replace(policy, max_unfamiliar=best)

"""Fit the rule that calls an eye from its B-scans, on validation patients.

The rule (`app.aggregate`) has to serve a single picture and a volume of a hundred B-scans, and
validation data often hold only a few B-scans of each eye. So it is fitted on two things together:
the eyes as they are, and volumes composed from the same B-scans: a healthy eye is made of normal
B-scans in runs of three (neighbours look alike, so that a mistake lasts for some B-scans), and an
ill one has a run of B-scans of one ill patient among them. What composed volumes cannot show, as
how the normal B-scans of an ill eye look, is a limit of the fit and is said in the model card.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
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
_ALIKE = 3  # neighbouring B-scans that share a source
_TOP_K = (3, 1, 5)  # in the order of preference among equally good ones
_ADJACENT = (2, 1, 3)
_LOWEST, _HIGHEST = 0.1, 0.9  # thresholds stay within, however easy the validation data
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

    For each disease the threshold is the highest that reaches the wanted sensitivity for "at
    least this ill"; where ill and well do not overlap, halfway between them. Below it eyes are
    suspected down to the threshold of half the misses, as long as at most one well eye in twenty
    is. The pair of top_k and adjacent that gives the highest mean balanced accuracy is kept.

    Args:
        predictions: Of validation B-scans, with the fitted temperature.
        classes: In the predictions' order.
        wanted_sensitivity: For each disease, by eye.
        max_unfamiliar: Share of unfamiliar B-scans above which an eye is out of scope.
        seed: Of the composed volumes.

    Raises:
        UsageError: If a class has no validation patient.
    """
    known = predictions.labelled()
    severities = np.array([each.severity for each in classes])
    for c, each in enumerate(classes):
        if not (known.labels == c).any():
            raise UsageError(
                f"No validation patient has {each.name}: the rule for it cannot be fitted. Use "
                "another fold, or more data."
            )
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
        candidates.append((round(float(np.mean(quality)), 3), policy))
    return max(candidates, key=lambda each: each[0])[1]


def operating_threshold(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], wanted_sensitivity: float
) -> float:
    """Return the highest threshold that reaches the wanted sensitivity (a score at it counts).

    Where no other score lies near, it is moved halfway down to the next lower negative score, so
    that patients beyond these have some room; it stays within 0.1 and 0.9.

    Raises:
        UsageError: If there is no positive.
    """
    ill = np.sort(scores[positive])
    if not len(ill):
        raise UsageError("There is no positive B-scan or eye to fit a threshold on.")
    spared = int(np.floor((1 - wanted_sensitivity) * len(ill) + 1e-9))
    highest = float(ill[spared])
    below = scores[~positive & (scores < highest)]
    room = float(below.max()) if len(below) else 0.0
    return float(np.clip((highest + room) / 2, _LOWEST, min(_HIGHEST, max(highest, _LOWEST))))


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
    frame = operating_threshold(
        tails(known.probabilities, severities, disease.severity),
        severities[known.labels] >= disease.severity,
        wanted,
    )
    ill = np.array([eye.severity >= disease.severity for eye in eyes])
    rows = [tails(eye.probabilities, severities, disease.severity) for eye in eyes]
    scores = np.array([np.sort(row)[::-1][:top_k].mean() for row in rows])
    threshold = operating_threshold(scores, ill, wanted)
    frame = min(frame, threshold)
    runs = np.array([_has_run(row >= frame, adjacent) for row in rows])
    called = (scores >= threshold) & runs
    balanced = (called[ill].mean() + (~called[~ill]).mean()) / 2
    doubtful = operating_threshold(scores, ill, (1 + wanted) / 2)
    tolerated = float(np.quantile(scores[~ill], 0.95))
    suspect = min(threshold, max(doubtful, tolerated))
    return (
        ClassRule(
            threshold=round(threshold, 4),
            suspect=round(min(suspect, threshold), 4),
            frame=round(frame, 4),
        ),
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
            sources = np.repeat(rng.choice(normal, -(-length // _ALIKE)), _ALIKE)[:length]
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

"""What the thresholds a clinic may choose were measured to give: a card's operating points."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.aggregate import call_patient
from app.agreement import wilson
from app.language import fill
from app.modelpack import Card, ClassRule, Estimate, OperatingPoint
from app.study import Call, Outcome
from ml.levels import call_eyes, eyes_of
from ml.predictions import Predictions

_GRID = tuple(round(0.05 * step, 2) for step in range(1, 20))
_LEAST = 0.7
"""Of sensitivity and of specificity: a threshold that gives less is not offered to anybody."""


def operating_points(
    predictions: Predictions, card: Card, *, part: str = "test"
) -> dict[str, tuple[OperatingPoint, ...]]:
    """Measure, by patient, what a package gives with other thresholds for one class at a time.

    Sensitivity is the share of patients of a class who are called it, specificity the share of
    the others who are not; a suspicion is no call. Intervals are Wilson's: patients are drawn
    independently. Thresholds that give what the one before gives are left out, and so is a class
    whose own threshold gives less than anybody should be offered.
    """
    known = predictions.labelled()
    found = {}
    for name in card.aggregation.rules:
        own = card.aggregation.rules[name].threshold
        points = [
            point
            for threshold in sorted({*_GRID, own})
            if (point := _point(known, card, name, threshold, part)) is not None
        ]
        kept = [
            point
            for before, point in zip([None, *points], points, strict=False)
            if point.threshold == own or before is None or _gives(point) != _gives(before)
        ]
        if len(kept) > 1 and any(point.threshold == own for point in kept):
            found[name] = tuple(kept)
    return found


def _point(
    known: Predictions, card: Card, name: str, threshold: float, part: str
) -> OperatingPoint | None:
    own = card.aggregation.rules[name]
    rule = ClassRule(threshold=threshold, suspect=min(own.suspect, threshold), frame=own.frame)
    rules = card.aggregation.rules | {name: rule}
    local = replace(card, aggregation=replace(card.aggregation, rules=rules))
    ill, called = _of_patients(known, local, name)
    if not ill.any() or ill.all():
        return None
    sensitivity, specificity = _share(called[ill]), _share(~called[~ill])
    if min(sensitivity.value, specificity.value) < _LEAST:
        return None
    sources = " and ".join(np.unique(known.sources).tolist())
    return OperatingPoint(
        threshold=threshold,
        sensitivity=sensitivity,
        specificity=specificity,
        data=fill(
            "{sources}, {part}, by patient: {ill} with it and {well} without",
            sources=sources,
            part=part,
            ill=ill.sum(),
            well=(~ill).sum(),
        ),
    )


def _of_patients(
    known: Predictions, card: Card, name: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who has a disease as the worst in either eye, and who is called it, both (n_patients,)."""
    eyes = eyes_of(known, card)
    severity = [each.severity for each in card.classes]
    labels: dict[str, list[int]] = defaultdict(list)
    calls: dict[str, list[Call]] = defaultdict(list)
    for eye, call in zip(eyes, call_eyes(known, eyes, card), strict=True):
        labels[eye.patient].append(eye.label)
        calls[eye.patient].append(call)
    worst = [card.names[max(own, key=severity.__getitem__)] for own in labels.values()]
    answers = [call_patient(own, card) for own in calls.values()]
    called = [each.outcome is Outcome.CALLED and each.label == name for each in answers]
    return np.array([each == name for each in worst]), np.array(called)


def _share(hits: NDArray[np.bool_]) -> Estimate:
    low, high = wilson(int(hits.sum()), len(hits))
    return Estimate(*(round(float(each), 4) for each in (hits.mean(), low, high)))


def _gives(point: OperatingPoint) -> tuple[float, float]:
    return point.sensitivity.value, point.specificity.value

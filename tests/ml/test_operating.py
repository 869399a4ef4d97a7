"""A package offers thresholds with what each was measured to give, and none that fails."""

from dataclasses import replace

import numpy as np
import pytest

from app.operating_point import localised, measured_point
from ml.operating import operating_points
from ml.predictions import predictions_of
from tests.labelled_sets import sample
from tests.tiny_package import CLASSES, tiny_card

LENIENT = {
    "top_k": 3,
    "adjacent": 1,
    "min_gradable": 0.5,
    "max_unfamiliar": 0.3,
    "rules": {name: {"threshold": 0.5, "suspect": 0.1, "frame": 0.1} for name in CLASSES[1:]},
}


def measured(cnv, healthy):
    """Points of CNV for patients with one B-scan each, by the probability of CNV given to them."""
    shares = [*cnv, *healthy]
    samples = [
        sample(
            f"{number}",
            label="CNV" if number < len(cnv) else "NORMAL",
            patient=f"p{number}",
            source="here",
        )
        for number in range(len(shares))
    ]
    odds = np.array([[1 - share, 1e-9, 1e-9, share] for share in shares])
    predictions = predictions_of(samples, CLASSES, np.log(odds), model="m")
    card = tiny_card(aggregation=LENIENT, temperature=1.0)
    return card, operating_points(predictions, card)


def test_that_each_threshold_states_what_calling_from_it_on_gives():
    _, found = measured([0.97, 0.72, 0.72, 0.42], [0.02] * 8 + [0.62, 0.02])

    by_threshold = {point.threshold: point for point in found["CNV"]}
    assert by_threshold[0.5].sensitivity.value == 0.75
    assert by_threshold[0.5].specificity.value == 0.9
    low, high = by_threshold[0.5].sensitivity[1:]
    # Wilson's interval of 3 in 4.
    assert (low, high) == pytest.approx((0.3006, 0.9544), abs=1e-4)
    assert "4 with it and 10 without" in by_threshold[0.5].data
    assert min(by_threshold) < 0.42


def test_that_thresholds_that_give_too_little_or_nothing_new_are_left_out():
    _, found = measured([0.97, 0.97, 0.97, 0.42], [0.02] * 10)

    assert list(found) == ["CNV"]
    thresholds = [point.threshold for point in found["CNV"]]
    assert thresholds == [0.05, 0.45, 0.5]


def test_that_a_clinic_can_choose_what_was_measured():
    card, found = measured([0.97, 0.72, 0.72, 0.42], [0.02] * 9 + [0.62])
    offered = replace(card, operating_points=found)

    local = localised(offered, {"CNV": found["CNV"][0].threshold})

    assert local.aggregation.rules["CNV"].packaged == 0.5
    assert measured_point(local, "CNV") == found["CNV"][0]


def test_that_a_class_without_patients_offers_nothing():
    _, found = measured([0.97] * 4, [])

    assert found == {}

"""Thresholds are the clinic's within what the package permits; what a call is worth follows."""

from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.aggregate import call_eye
from app.errors import PackageError
from app.modelpack import Card, Estimate, OperatingPoint, load_package
from app.operating_point import (
    changed_rules,
    localised,
    localised_package,
    measured_point,
    not_permitted,
    predictive,
)
from app.settings import Settings
from app.study import Outcome
from tests.results_builder import card
from tests.tiny_package import tiny_card, tiny_graph, tiny_package, write_package

POINTS = [
    {
        "threshold": threshold,
        "sensitivity": [sensitivity, sensitivity - 0.05, sensitivity + 0.02],
        "specificity": [specificity, specificity - 0.03, specificity + 0.01],
        "data": "a test, by patient",
    }
    for threshold, sensitivity, specificity in (
        (0.3, 0.97, 0.9),
        (0.6, 0.92, 0.96),
        (0.8, 0.8, 0.99),
    )
]


def permitting() -> Card:
    return tiny_card(operating_points={"CNV": POINTS})


SHARES = st.floats(0.02, 0.98)
ESTIMATES = st.tuples(SHARES, st.floats(0, 1), st.floats(0, 1)).map(
    lambda each: Estimate(each[0], each[0] * each[1], each[0] + (1 - each[0]) * each[2])
)


def both_values(found):
    return found.positive, found.negative


def test_that_predictive_values_follow_bayes_rule():
    found = predictive(Estimate(0.9, 0.85, 0.95), Estimate(0.8, 0.75, 0.85), 0.1)

    assert found.positive.value == pytest.approx(0.09 / (0.09 + 0.18))
    assert found.negative.value == pytest.approx(0.72 / (0.72 + 0.01))


def test_that_their_intervals_join_those_of_both_figures():
    # Of 200 ill and 200 healthy each: the log ratio's standard error is the root of the sum of
    # 0.1/(0.9*200) and 0.8/(0.2*200), for intervals that are symmetric on the log scale.
    spread = 1.96 * (0.1 / 180) ** 0.5, 1.96 * (0.8 / 40) ** 0.5
    sensitivity = Estimate(0.9, 0.9 * exp(-spread[0]), 0.9 * exp(spread[0]))
    false = Estimate(0.2, 0.2 * exp(-spread[1]), 0.2 * exp(spread[1]))
    specificity = Estimate(0.8, 1 - false.high, 1 - false.low)

    found = predictive(sensitivity, specificity, 0.5).positive

    joined = (spread[0] ** 2 + spread[1] ** 2) ** 0.5
    assert log(found.value / (1 - found.value)) == pytest.approx(log(4.5))
    assert log(found.low / (1 - found.low)) == pytest.approx(log(4.5) - joined)
    assert log(found.high / (1 - found.high)) == pytest.approx(log(4.5) + joined)


@given(ESTIMATES, ESTIMATES, st.floats(0.001, 0.999))
def test_that_every_value_lies_in_its_interval_within_0_and_1(sensitivity, specificity, share):
    for value, low, high in both_values(predictive(sensitivity, specificity, share)):
        assert 0 <= low <= value + 1e-9
        assert value <= high + 1e-9
        assert high <= 1


@given(ESTIMATES, ESTIMATES, st.floats(0.01, 0.5))
def test_that_a_rarer_disease_makes_a_call_worth_less_and_none_worth_more(one, other, share):
    common, rare = predictive(one, other, share), predictive(one, other, share / 2)

    assert rare.positive.value <= common.positive.value
    assert rare.negative.value >= common.negative.value


def test_that_a_perfect_figure_leaves_the_doubt_of_its_interval():
    found = predictive(Estimate(1.0, 0.9, 1.0), Estimate(1.0, 0.95, 1.0), 0.2)

    assert (found.positive.value, found.positive.high) == (1.0, 1.0)
    assert found.positive.low == pytest.approx(0.18 / (0.18 + 0.04))


def test_that_a_permitted_threshold_holds_and_is_marked_as_the_clinic_s():
    local = localised(permitting(), {"CNV": 0.3})

    rule = local.aggregation.rules["CNV"]
    assert (rule.threshold, rule.suspect, rule.packaged) == (0.3, 0.3, 0.6)
    assert list(changed_rules(local)) == ["CNV"]
    assert measured_point(local, "CNV").sensitivity.value == 0.97


@pytest.mark.parametrize("thresholds", [{"CNV": 0.31}, {"DME": 0.3}, {"RVO": 0.3}, {}])
def test_that_any_other_threshold_leaves_the_package_s_own(thresholds):
    assert localised(permitting(), thresholds) == permitting()


def test_that_a_threshold_that_does_not_hold_is_told():
    (sentence,) = not_permitted(permitting(), {"CNV": 0.31, "RVO": 0.2})

    assert "31 %" in sentence
    assert not_permitted(permitting(), {"CNV": 0.3}) == ()
    assert not_permitted(permitting(), {"CNV": 0.6}) == ()


def test_that_the_clinic_s_threshold_changes_the_call():
    eye = np.array([[0.55, 0, 0, 0.45]] * 5)
    seen = np.ones(5, dtype=bool)
    own = tiny_card(
        operating_points={"CNV": POINTS},
        aggregation={
            "top_k": 3,
            "adjacent": 1,
            "min_gradable": 0.5,
            "max_unfamiliar": 0.3,
            "rules": {
                name: {"threshold": 0.6, "suspect": 0.4, "frame": 0.4}
                for name in ("DRUSEN", "DME", "CNV")
            },
        },
    )

    assert call_eye(eye, seen, own).outcome is Outcome.UNCERTAIN
    called = call_eye(eye, seen, localised(own, {"CNV": 0.3}))
    assert (called.outcome, called.label) == (Outcome.CALLED, "CNV")


def test_that_the_settings_hold_for_their_own_model_only(tmp_path):
    package = tiny_package(tmp_path, operating_points={"CNV": POINTS})

    here = localised_package(package, Settings(thresholds={"tiny": {"CNV": 0.8}}))
    elsewhere = localised_package(package, Settings(thresholds={"other": {"CNV": 0.8}}))

    assert here.card.aggregation.rules["CNV"].threshold == 0.8
    assert elsewhere is package


def test_that_a_package_without_points_gives_its_figures_of_patients_first():
    point = measured_point(card(), "CNV")

    assert (point.sensitivity.value, point.specificity.value) == (0.92, 0.97)
    assert measured_point(card(), "DRUSEN") is None
    by_patient = tuple(
        replace(each, value=0.5, low=0.4, high=0.6, data="b, by patient") for each in card().figures
    )
    both = replace(card(), figures=(*card().figures, *by_patient))
    assert measured_point(both, "CNV").sensitivity.value == 0.5


def test_that_a_package_may_not_pretend_to_be_a_clinic_s(tmp_path):
    folder = write_package(
        tmp_path / "tiny", localised(permitting(), {"CNV": 0.3}), tiny_graph(permitting())
    )

    with pytest.raises(PackageError, match="of a clinic"):
        load_package(folder)


def test_that_points_are_for_classes_that_have_a_rule():
    with pytest.raises(ValueError, match="operating_points"):
        tiny_card(operating_points={"NORMAL": POINTS})


def test_that_a_point_is_what_the_card_says():
    (first, *_) = permitting().operating_points["CNV"]

    assert isinstance(first, OperatingPoint)
    assert first.sensitivity == pytest.approx(Estimate(0.97, 0.92, 0.99))

"""Figures against scikit-learn and by hand; intervals that know patients from B-scans."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as reference

from app.agreement import wilson
from ml.metrics import (
    ECE_BINS,
    Cases,
    Ranking,
    compare,
    confusion,
    mcnemar,
    measure,
    reliability,
    roc_curve,
)

CLASSES = ("NORMAL", "DRUSEN", "CNV")


def random_cases(seed, *, n=120, patients=40, skill=1.5):
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, 2, rng.integers(0, 3, n - 3)]
    # Rounded, so that there are ties.
    logits = rng.normal(size=(n, 3)).round(1) + skill * np.eye(3)[labels]
    powers = np.exp(logits)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    ill, risk = labels == 2, probabilities[:, 2]
    return Cases(
        unit="B-scan",
        classes=CLASSES,
        labels=labels,
        answers=probabilities.argmax(axis=1),
        patients=rng.integers(0, patients, n).astype(str),
        rankings=(Ranking(name="CNV", scores=risk, positive=ill, graded=True),),
        referable=ill,
        referred=risk >= 0.5,
        probabilities=probabilities,
    )


def figures(cases, **options):
    return {each.name: each for each in measure(cases, **options)}


@pytest.mark.parametrize("seed", range(5))
def test_that_the_figures_are_those_of_scikit_learn(seed):
    cases = random_cases(seed)
    found = {name: each.value for name, each in figures(cases, replicates=2).items()}
    y, answers, p = cases.labels, cases.answers, cases.probabilities
    report = reference.classification_report(
        y, answers, labels=[0, 1, 2], output_dict=True, zero_division=np.nan
    )

    assert found["accuracy"] == pytest.approx(reference.accuracy_score(y, answers))
    assert found["balanced accuracy"] == pytest.approx(
        reference.balanced_accuracy_score(y, answers)
    )
    assert found["Cohen's kappa"] == pytest.approx(reference.cohen_kappa_score(y, answers))
    assert found["Brier score"] == pytest.approx(
        np.mean([((row - np.eye(3)[label]) ** 2).sum() for row, label in zip(p, y, strict=True)])
    )
    assert found["negative log-likelihood"] == pytest.approx(reference.log_loss(y, p))
    assert found["AUROC for CNV"] == pytest.approx(reference.roc_auc_score(y == 2, p[:, 2]))
    assert found["AUPRC for CNV"] == pytest.approx(
        reference.average_precision_score(y == 2, p[:, 2])
    )
    assert found["Brier score for CNV"] == pytest.approx(
        reference.brier_score_loss(y == 2, p[:, 2])
    )
    for c, name in enumerate(CLASSES):
        assert found[f"sensitivity for {name}"] == pytest.approx(report[str(c)]["recall"])
        assert found[f"PPV for {name}"] == pytest.approx(report[str(c)]["precision"])
        assert found[f"F1 for {name}"] == pytest.approx(report[str(c)]["f1-score"])
        assert found[f"specificity for {name}"] == pytest.approx(
            reference.recall_score(y != c, answers != c)
        )


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(float, 12, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    arrays.arrays(bool, 12),
)
def test_that_areas_hold_with_any_ties(scores, positive):
    positive[:2] = (True, False)
    ranking = Ranking(name="x", scores=scores, positive=positive)
    labels = positive.astype(np.int64)
    cases = Cases(
        unit="B-scan",
        classes=("no", "x"),
        labels=labels,
        answers=labels,
        patients=np.arange(12).astype(str),
        rankings=(ranking,),
    )
    found = figures(cases, replicates=2)

    assert found["AUROC for x"].value == pytest.approx(reference.roc_auc_score(positive, scores))
    false, true = roc_curve(ranking)
    assert np.trapezoid(true, false) == pytest.approx(found["AUROC for x"].value)


def test_figures_counted_by_hand():
    cases = Cases(
        unit="eye",
        classes=("NORMAL", "CNV"),
        labels=np.array([0, 0, 0, 1, 1]),
        answers=np.array([0, 0, 1, 1, 2]),  # the last eye got no answer
        patients=np.array(list("abcde")),
    )
    found = {name: each.value for name, each in figures(cases, replicates=2).items()}

    assert confusion(cases).tolist() == [[2, 1, 0], [0, 1, 1]]
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["sensitivity for CNV"] == pytest.approx(1 / 2)
    assert found["specificity for CNV"] == pytest.approx(2 / 3)
    assert found["PPV for CNV"] == pytest.approx(1 / 2)
    assert found["NPV for CNV"] == pytest.approx(2 / 3)


def test_the_calibration_error_by_hand():
    # Three B-scans said at 0.8 of which two are right, one at 0.6 that is wrong.
    p = np.array([[0.8, 0.2]] * 3 + [[0.6, 0.4]])
    labels = np.array([0, 0, 1, 1])
    cases = Cases(
        unit="B-scan",
        classes=("a", "b"),
        labels=labels,
        answers=p.argmax(axis=1),
        patients=np.array(list("wxyz")),
        probabilities=p,
    )
    found = figures(cases, replicates=2)["expected calibration error"].value

    assert found == pytest.approx((3 * abs(0.8 - 2 / 3) + abs(0.6 - 0)) / 4)
    assert reliability(cases)[2].sum() == 4
    assert len(reliability(cases)[0]) == ECE_BINS


def test_the_calibration_error_of_a_score_by_hand():
    """An eye's score for one disease or worse: three at 0.8, two of them ill; one at 0.1, ill."""
    ill = np.array([True, True, False, True])
    scores = np.array([0.8, 0.8, 0.8, 0.1])
    cases = Cases(
        unit="eye",
        classes=("a", "b"),
        labels=ill.astype(np.int64),
        answers=(scores >= 0.5).astype(np.int64),
        patients=np.array(list("wxyz")),
        rankings=(
            Ranking(name="b or worse", scores=scores, positive=ill, graded=True),
            Ranking(name="distance", scores=50 * scores, positive=ill),
        ),
    )

    found = figures(cases, replicates=2)

    error = found["expected calibration error for b or worse"].value
    assert error == pytest.approx((3 * abs(0.8 - 2 / 3) + abs(0.1 - 1)) / 4)
    assert found["Brier score for b or worse"].value == pytest.approx((2 * 0.04 + 0.64 + 0.81) / 4)
    assert not any("Brier score for distance" in name for name in found)


def test_that_what_was_right_in_all_patients_is_not_for_that_certain():
    """Of ten patients with CNV, each with two B-scans, all were found: as few as 72 % may be."""
    labels = np.repeat([0, 1], [40, 20])
    scores = labels + np.linspace(0, 0.5, 60)
    cases = Cases(
        unit="B-scan",
        classes=("NORMAL", "CNV"),
        labels=labels,
        answers=labels,
        patients=np.repeat(np.arange(30), 2).astype(str),
        rankings=(Ranking(name="CNV", scores=scores, positive=labels == 1, spared=0.95),),
    )

    found = figures(cases, replicates=50)

    ten, twenty, thirty = (wilson(n, n) for n in (10, 20, 30))
    assert (found["sensitivity for CNV"].low, found["sensitivity for CNV"].high) == ten
    assert ten[0] == pytest.approx(0.722, abs=1e-3)
    assert found["specificity for CNV"].low == twenty[0]
    assert found["AUROC for CNV"].low == ten[0]
    assert found["sensitivity for CNV at specificity 0.95"].low == ten[0]
    assert found["accuracy"].low == thirty[0]
    assert found["balanced accuracy"].low == found["macro specificity"].low == ten[0]
    nobody = figures(replace(cases, answers=np.zeros(60, np.int64)), replicates=50)
    assert (nobody["sensitivity for CNV"].value, nobody["sensitivity for CNV"].low) == (0, 0)
    assert nobody["sensitivity for CNV"].high == pytest.approx(1 - ten[0])


def test_that_the_sensitivity_at_a_specificity_is_that_of_the_roc_curve():
    cases = random_cases(2)
    ranking = replace(cases.rankings[0], spared=0.9)

    found = figures(replace(cases, rankings=(ranking,)), replicates=20)

    false, true, _ = reference.roc_curve(cases.labels == 2, ranking.scores)
    estimate = found["sensitivity for CNV at specificity 0.9"]
    assert estimate.value == pytest.approx(true[false <= 0.1].max())
    assert estimate.low < estimate.value < estimate.high


def test_that_the_interval_of_a_calibration_error_lies_about_it():
    """Of a perfectly calibrated model: gaps of either sign count, so that draws have more."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 300)
    p = np.stack([confidence, 1 - confidence], axis=1)
    labels = (rng.random(300) > confidence).astype(np.int64)
    cases = Cases(
        unit="B-scan",
        classes=("a", "b"),
        labels=labels,
        answers=p.argmax(axis=1),
        patients=np.arange(300).astype(str),
        probabilities=p,
    )

    found = figures(cases)["expected calibration error"]

    assert 0 <= found.low < found.value < found.high
    assert found.value - found.low == pytest.approx(found.high - found.value, rel=0.5)


def test_that_repeating_every_bscan_makes_nobody_surer():
    cases = random_cases(3)
    ten = np.repeat(np.arange(len(cases.labels)), 10)
    repeated = Cases(
        unit="B-scan",
        classes=CLASSES,
        labels=cases.labels[ten],
        answers=cases.answers[ten],
        patients=cases.patients[ten],
    )
    once, tenfold = figures(cases)["accuracy"], figures(repeated)["accuracy"]

    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


def test_that_the_interval_of_independent_patients_is_the_binomial_one():
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.9
    cases = Cases(
        unit="patient",
        classes=("a", "b"),
        labels=np.zeros(400, dtype=np.int64),
        answers=(~right).astype(np.int64),
        patients=np.arange(400).astype(str),
    )
    found = figures(cases)["accuracy"]
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 400)

    assert found.high - found.low == pytest.approx(2 * half, rel=0.08)


def test_that_a_class_nobody_has_gives_no_figure_and_no_warning():
    cases = Cases(
        unit="patient",
        classes=("a", "b"),
        labels=np.zeros(5, dtype=np.int64),
        answers=np.zeros(5, dtype=np.int64),
        patients=np.arange(5).astype(str),
    )
    found = figures(cases, replicates=20)

    assert np.isnan(found["sensitivity for b"].value)
    assert found["balanced accuracy"].value == 1


def test_that_a_model_does_not_differ_from_itself_and_loses_to_a_better_one():
    weak, strong = (
        random_cases(1, n=600, patients=300),
        random_cases(1, n=600, patients=300, skill=4),
    )

    same = {each.name: each for each in compare(weak, weak, replicates=200)}
    gain = {each.name: each for each in compare(strong, weak, replicates=200)}

    assert (same["accuracy"].value, same["accuracy"].low, same["accuracy"].high) == (0, 0, 0)
    assert gain["accuracy"].low > 0
    with pytest.raises(ValueError, match="not the same cases"):
        compare(weak, random_cases(2, n=600))


def test_mcnemar_by_hand():
    one = np.array([True] * 8 + [False] * 2 + [True] * 5)
    other = np.array([False] * 8 + [True] * 2 + [True] * 5)

    first, second, p = mcnemar(one, other)

    assert (first, second) == (8, 2)
    assert p == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert mcnemar(one, one) == (0, 0, 1.0)


def test_that_two_thousand_draws_take_seconds():
    cases = random_cases(0, n=1000, patients=400)
    start = time.perf_counter()
    measure(cases)

    assert time.perf_counter() - start < 10

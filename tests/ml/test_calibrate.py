"""What is fitted on validation patients: temperature, thresholds, the rule that calls eyes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.aggregate import call_eye
from app.errors import UsageError
from app.study import Outcome
from ml.calibrate import calibrate, load_calibration, write_calibration
from ml.calibrate import main as calibrate_main
from ml.classes import class_info
from ml.evaluate import main as evaluate_main
from ml.familiarity import load_gate
from ml.levels import eye_cases
from ml.policy import best_threshold, fit_policy, fit_scope_share, operating_threshold
from ml.predictions import predictions_of
from ml.softmax import fit_temperature
from ml.teach import teach
from tests.labelled_sets import sample
from tests.ml.training_data import tiny_run
from tests.tiny_package import CLASSES, tiny_card


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def clinic_predictions(seed=0, *, patients=30, skill=4.0, scans=2, outside=0):
    """Validation predictions of `patients` of each class, right more often the higher the skill."""
    rng = np.random.default_rng(seed)
    samples = [
        sample(f"{label}{p}{i}", label=label, patient=f"{label}{p}")
        for label in CLASSES
        for p in range(patients)
        for i in range(scans)
    ]
    samples += [
        sample(f"x{p}{i}", label=None, patient=f"x{p}", finding="ERM")
        for p in range(outside)
        for i in range(scans)
    ]
    truth = np.array([CLASSES.index(each.label) if each.label else 0 for each in samples])
    logits = rng.normal(size=(len(samples), 4)) + skill * np.eye(4)[truth]
    return predictions_of(samples, CLASSES, logits)


@settings(max_examples=5, deadline=None)
@given(st.floats(0.3, 6.0), st.integers(0, 99))
def test_that_the_temperature_that_was_put_in_is_found(temperature, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (6000, 4))
    labels = (softmax(logits).cumsum(axis=1) < rng.random((6000, 1))).sum(axis=1).clip(0, 3)

    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.1)


def test_that_validation_data_without_a_mistake_do_not_ask_for_certainty():
    temperature = fit_temperature(10 * np.eye(4), np.arange(4))

    assert 0.04 < temperature < 1


def test_that_a_temperature_without_labels_is_refused():
    with pytest.raises(UsageError, match="labelled validation"):
        fit_temperature(np.zeros((2, 4)), np.array([0, -1]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.lists(st.floats(0, 1), max_size=40),
    st.sampled_from([0.8, 0.9, 0.95, 1.0]),
)
def test_that_an_operating_threshold_reaches_the_wanted_sensitivity(ill, well, wanted):
    scores = np.array(ill + well)
    positive = np.arange(len(scores)) < len(ill)

    threshold = operating_threshold(scores, positive, wanted)

    assert (np.array(ill) >= threshold).mean() >= wanted - 1e-9


def test_an_operating_threshold_by_hand():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.1])
    positive = np.array([True, True, True, True, True, False, False])

    assert operating_threshold(scores, positive, 1.0) == pytest.approx(0.45)
    assert operating_threshold(scores, positive, 0.8) == pytest.approx(0.5)
    with pytest.raises(UsageError, match="no positive"):
        operating_threshold(scores, ~positive & positive, 0.9)


def test_that_the_fitted_rule_calls_lesions_and_spares_the_healthy():
    predictions = clinic_predictions(skill=7.0)
    policy = fit_policy(predictions, class_info(CLASSES))
    card = replace(tiny_card(), aggregation=policy)
    healthy, cnv = softmax(np.array([[7.0, 0, 0, 0], [0, 0, 0, 7.0]]))
    volume = np.tile(healthy, (49, 1))
    ill = volume.copy()
    ill[20:26] = cnv
    familiar = np.ones(49, dtype=bool)

    assert set(policy.rules) == {"DRUSEN", "DME", "CNV"}
    assert call_eye(volume, familiar, card).label == "NORMAL"
    assert (call_eye(ill, familiar, card).outcome, call_eye(ill, familiar, card).label) == (
        Outcome.CALLED,
        "CNV",
    )
    assert call_eye(cnv[None], familiar[:1], card).label == "CNV"


def test_that_called_and_suspected_together_reach_the_wanted_sensitivity():
    predictions = clinic_predictions(skill=2.5)
    card = replace(tiny_card(), aggregation=fit_policy(predictions, class_info(CLASSES), 0.97))

    cases = eye_cases(predictions, card)
    ill = cases.labels > 0

    assert (cases.answers[ill] > 0).mean() >= 0.95
    assert all(rule.suspect <= rule.threshold for rule in card.aggregation.rules.values())


def test_that_the_best_threshold_lies_in_the_middle_of_the_gap():
    scores = np.array([0.1, 0.3, 0.7, 0.9])

    assert best_threshold(scores, scores > 0.5) == pytest.approx(0.5)
    assert best_threshold(np.array([0.001, 0.004]), np.array([False, True])) == 0.2


def test_that_a_single_bscan_does_not_decide_a_volume():
    policy = fit_policy(clinic_predictions(skill=7.0), class_info(CLASSES))

    assert policy.top_k > 1
    assert policy.adjacent > 1


@pytest.mark.parametrize("wanted", [0, 1.5, 95, float("nan")])
def test_that_a_sensitivity_that_is_no_share_is_refused(wanted):
    with pytest.raises(UsageError, match="name a share above 0"):
        operating_threshold(np.array([0.1, 0.9]), np.array([False, True]), wanted)


def test_that_a_rule_for_a_class_nobody_has_is_refused():
    predictions = clinic_predictions()
    without = predictions.take(predictions.labels != CLASSES.index("DME"))

    with pytest.raises(UsageError, match="No validation patient has DME"):
        fit_policy(without, class_info(CLASSES))


def test_that_the_share_for_out_of_scope_parts_the_eyes():
    policy = tiny_card().aggregation
    few = [np.array([True, False, False, False])] * 5
    many = [np.array([True, True, False, False, False])] * 5

    assert fit_scope_share(policy, few, many).max_unfamiliar == 0.3
    assert fit_scope_share(policy, [], many) == policy


def test_that_calibration_lowers_the_error_and_reads_back(tmp_path):
    predictions = clinic_predictions(skill=3.0, outside=8)
    sure = replace(
        predictions,
        logits=predictions.logits * 10,
        unfamiliarity=(predictions.labels < 0).astype(np.float32),
    )
    known = sure.labelled()
    sure = replace(sure, temperature=fit_temperature(known.logits, known.labels))

    calibration = calibrate(sure, unfamiliarity_threshold=0.5)
    write_calibration(calibration, tmp_path / "calibration.json")

    before, after = (calibration.measured[when] for when in ("before", "after"))
    assert calibration.temperature > 2
    assert after["expected calibration error"] < before["expected calibration error"]
    assert after["accuracy"] == before["accuracy"]
    assert load_calibration(tmp_path / "calibration.json") == calibration
    assert json.loads((tmp_path / "calibration.json").read_text())["bscans"] == 240
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(UsageError, match="no calibration"):
        load_calibration(tmp_path / "broken.json")


def test_that_severity_counts_among_the_classes_a_model_has():
    three = class_info(("CNV", "NORMAL", "DRUSEN"))

    assert [(each.name, each.severity, each.referable) for each in three] == [
        ("CNV", 2, True),
        ("NORMAL", 0, False),
        ("DRUSEN", 1, False),
    ]
    assert three[1].title == "no sign of drusen or CNV"
    with pytest.raises(UsageError, match="cannot be exported"):
        class_info(("NORMAL", "ERM"))


def test_that_a_finished_run_is_calibrated_on_its_own_split_and_scored(phantoms, tmp_path, capsys):
    folder = tmp_path / "run"
    teach(tiny_run(phantoms, train={"epochs": 1}), folder)

    assert calibrate_main(["--run", str(folder)]) == 0
    calibration = load_calibration(folder / "calibration.json")
    gate, threshold = load_gate(folder / "gate.safetensors")
    scored = f"--run {folder} --manifest {phantoms} --replicates 20 --out {tmp_path}/figures"

    assert calibration.classes == ("NORMAL", "DRUSEN", "CNV", "DME")
    assert calibration.bscans == 8
    assert calibration.unfamiliarity_threshold == threshold
    assert gate.kind == calibration.measured["gate"]["kept"]
    assert evaluate_main(scored.split()) == 0
    assert "strange pictures AUROC" in capsys.readouterr().out
    (folder / "split.json").write_text('{"sha256": "another"}')
    assert calibrate_main(["--run", str(folder)]) == 2
    assert "trained on the division another" in capsys.readouterr().err

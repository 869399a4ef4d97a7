"""The gate: fitted on training data, kept as tensors, the same in torch and in the graph."""

import numpy as np
import pytest
import torch

from app.errors import UsageError
from app.preprocess import missing
from ml.devices import as_other_devices
from ml.familiarity import (
    Gate,
    JointGate,
    Seen,
    fit_gate_threshold,
    fit_gates,
    load_gate,
    save_gate,
    score,
)
from ml.gating import UNSEEN, Looked, choose_gate
from ml.predictions import predictions_of
from ml.strangers import KINDS, strangers
from tests.labelled_sets import bscan, sample

CLASSES = ("NORMAL", "DRUSEN", "DME", "CNV")
WIDTH = 96


def directions():
    return np.random.default_rng(99).normal(size=(6, WIDTH)).astype(np.float32)


def inside(seed, n=240):
    """Features around four class centres, logits that know them."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    features = 2 * directions()[labels] + rng.normal(size=(n, WIDTH))
    logits = 6 * np.eye(4)[labels] + rng.normal(size=(n, 4))
    return Seen(
        features=features.astype(np.float32), logits=logits.astype(np.float32), labels=labels
    )


def outside(seed, n=80, kind=4):
    """Features around a centre of their own, logits without a favourite."""
    rng = np.random.default_rng(seed)
    features = 2 * directions()[kind] + rng.normal(size=(n, WIDTH))
    return Seen(
        features=features.astype(np.float32),
        logits=rng.normal(size=(n, 4)).astype(np.float32),
        labels=np.full(n, -1),
    )


def threshold_for(scores):
    return fit_gate_threshold(scores, np.full(len(scores), "kermany"))


@pytest.fixture(scope="module")
def gates():
    return fit_gates(inside(0), outside(1))


@pytest.mark.parametrize(
    "kind", ["energy", "softmax", "mahalanobis", "neighbours", "head", "joint"]
)
def test_that_every_gate_tells_new_outliers_from_new_training_like_ones(gates, kind):
    gate = gates[kind]
    threshold = threshold_for(score(gate, inside(2)))

    assert (score(gate, outside(3)) > threshold).mean() > 0.8
    assert (score(gate, inside(4)) > threshold).mean() < 0.12


def test_that_distance_also_tells_outliers_of_a_kind_never_seen(gates):
    threshold = threshold_for(score(gates["mahalanobis"], inside(2)))

    assert (score(gates["mahalanobis"], outside(5, kind=5)) > threshold).mean() > 0.9


@pytest.mark.parametrize("kind", ["energy", "mahalanobis", "neighbours", "head", "joint"])
def test_that_a_gate_reads_back_and_runs_as_a_graph(gates, kind, tmp_path):
    save_gate(gates[kind], 1.25, tmp_path / "gate.safetensors")

    gate, threshold = load_gate(tmp_path / "gate.safetensors")
    exported = torch.export.export(
        gate.eval(),
        tuple(torch.from_numpy(each) for each in (inside(6).features, inside(6).logits)),
    ).module()

    assert threshold == 1.25
    assert gate.kind == kind
    expected = score(gates[kind], inside(6))
    assert np.allclose(score(gate, inside(6)), expected, atol=1e-5)
    assert np.allclose(exported(*inside(6).tensors()).numpy(), expected, atol=1e-4)


def test_that_a_file_without_a_gate_is_refused(tmp_path):
    (tmp_path / "gate.safetensors").write_bytes(b"nothing")

    with pytest.raises(UsageError, match="no unfamiliarity gate"):
        load_gate(tmp_path / "gate.safetensors")
    with pytest.raises(UsageError, match="no unfamiliarity gate"):
        load_gate(tmp_path / "none.safetensors")


def test_that_the_threshold_sends_the_stated_share_of_in_scope_scans_to_a_reader():
    scores = np.random.default_rng(0).normal(size=1000)

    assert (scores > threshold_for(scores)).mean() == pytest.approx(0.05, abs=0.002)


def test_that_no_device_has_more_than_that_share_sent():
    rng = np.random.default_rng(0)
    scores = np.r_[rng.normal(size=900), rng.normal(2, size=100)]
    sources = np.repeat(["kermany", "octdl"], [900, 100])

    threshold = fit_gate_threshold(scores, sources)

    assert 0.02 < (scores[900:] > threshold).mean() <= 0.05
    assert (scores[:900] > threshold).mean() < 0.01


def test_that_a_device_with_few_bscans_sets_no_threshold():
    scores = np.r_[np.random.default_rng(0).normal(size=900), np.full(5, 50.0)]
    sources = np.repeat(["kermany", "octdl"], [900, 5])

    assert fit_gate_threshold(scores, sources) < 3


def looked_at(*, odd, strangers):
    """What a network said of validation B-scans, a hundred in scope and forty out of it."""
    val, ill = inside(7, n=100), outside(8, n=40)
    samples = [
        sample(f"v{i}", label=CLASSES[label] if label >= 0 else None, patient=f"v{i}")
        for i, label in enumerate(np.r_[val.labels, ill.labels])
    ]
    validation = predictions_of(
        samples,
        CLASSES,
        np.concatenate([val.logits, ill.logits]),
        features=np.concatenate([val.features, ill.features]),
    )
    return Looked(
        inside=inside(0),
        outside=outside(1),
        odd=odd,
        validation=validation,
        strangers=strangers,
        devices=outside(8, n=40),
    )


def test_that_the_gate_that_does_best_on_validation_patients_is_kept():
    choice = choose_gate(looked_at(odd=outside(2, kind=5), strangers=outside(9, kind=5)))

    kinds = choice.measured["kinds"]
    best = max(
        kinds, key=lambda kind: kinds[kind]["diseases_auroc"] + kinds[kind]["strangers_auroc"]
    )
    assert choice.measured["kept"] == best
    assert (choice.validation_scores[:100] > choice.threshold).mean() <= 0.05
    assert (choice.validation_scores[100:] > choice.threshold).mean() > 0.9
    assert kinds[best]["devices_sent"] > 0.9


def test_that_each_kind_of_strange_picture_is_also_judged_by_a_gate_that_never_met_it():
    """All of one kind look like B-scans in scope: only a gate that was shown them could tell."""

    def pictures(seed, n):
        odd, like_bscans = outside(seed, n=n, kind=5), inside(seed + 1, n=n)
        first = np.arange(n) % len(KINDS) == 0
        odd.features[first], odd.logits[first] = (
            like_bscans.features[first],
            like_bscans.logits[first],
        )
        return odd

    measured = choose_gate(looked_at(odd=pictures(2, 160), strangers=pictures(4, 96))).measured

    caught = measured[UNSEEN]
    first, *others = KINDS
    assert list(caught) == list(KINDS)
    assert caught[first] < 0.3
    assert min(caught[kind] for kind in others) > 0.9


def test_that_a_very_strange_picture_does_not_overflow(gates):
    far = outside(1, n=2)
    far.features[:] = 1e4

    assert isinstance(gates["joint"], JointGate)
    assert isinstance(gates["joint"], Gate)
    assert np.isfinite(score(gates["joint"], far)).all()


def test_that_strange_pictures_come_in_every_kind_the_same_for_a_seed():
    scans = [bscan(seed) for seed in range(len(KINDS))]

    first, again = strangers(scans, seed=1), strangers(scans, seed=1)

    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    assert all(each.dtype == np.uint8 and min(each.shape) > 32 for each in first)
    upside_down = first[list(KINDS).index("upside_down")]
    assert (upside_down[::-1] == scans[list(KINDS).index("upside_down")]).all()


def test_that_other_devices_show_the_same_eye_otherwise_and_the_same_for_a_seed():
    scans = [bscan(seed) for seed in range(12)]

    first, again = (list(as_other_devices(scans, seed=1)) for _ in range(2))

    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    assert all(each.dtype == np.uint8 for each in first)
    for scan, shown in zip(scans, first, strict=True):
        assert shown.shape == scan.shape
        assert np.corrcoef(scan.ravel(), shown.ravel())[0, 1] > 0.5
    assert sum((scan != shown).any() for scan, shown in zip(scans, first, strict=True)) > 8


def test_that_other_devices_leave_what_the_exporter_left():
    scan = bscan(3)
    scan[:, :20] = 255

    (shown, *_) = as_other_devices([scan] * 4, seed=2)

    assert (shown[:, :20] == 255).all()
    assert (missing(shown) == missing(scan)).mean() > 0.99

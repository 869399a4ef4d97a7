"""Classes are answered for as they come in the data, however they were drawn to be learnt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data import drawn_shares
from ml.predictions import predictions_of
from ml.softmax import fit_softmax, offsets_of
from tests.labelled_sets import sample

CLASSES = ("NORMAL", "DRUSEN", "CNV")
COUNTS = np.array([600, 60, 240])


def answers(counts, shares, *, seed=0, spread=1.2):
    """Labels as they come, and the logits of whoever learnt them as if they came in `shares`.

    Each class lies around a corner of its own, so that the best answer is known: log of the
    density there plus log of the share.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    corners = 2.0 * np.eye(len(counts))
    seen = corners[labels] + spread * rng.normal(size=(len(labels), len(counts)))
    distance = ((seen[:, None] - corners[None]) ** 2).sum(axis=2)
    return labels, np.log(shares) - distance / (2 * spread**2)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(["root", "equal"]), st.integers(0, 99))
def test_that_answers_for_drawn_classes_become_those_for_classes_as_they_come(balance, seed):
    labels, logits = answers(COUNTS, drawn_shares(COUNTS, balance), seed=seed)
    _, best = answers(COUNTS, COUNTS / COUNTS.sum(), seed=seed)

    softmax = fit_softmax(logits, labels, offsets_of(labels, 3, balance))

    assert any(softmax.offsets)
    assert softmax.loss < softmax.loss_as_drawn
    assert softmax.temperature == pytest.approx(1, abs=0.15)
    right = (best.argmax(axis=1) == labels).mean()
    corrected = (logits + np.array(softmax.offsets)).argmax(axis=1)
    assert (corrected == labels).mean() == pytest.approx(right)


def test_that_offsets_that_make_it_worse_are_left_out():
    labels, logits = answers(COUNTS, COUNTS / COUNTS.sum())

    softmax = fit_softmax(logits, labels, offsets_of(labels, 3, "equal"))

    assert softmax.offsets == (0, 0, 0)
    assert softmax.loss == softmax.loss_as_drawn


def test_the_offsets_by_hand():
    labels = [0] * 16 + [1] * 1 + [2] * 4

    offsets = offsets_of(labels, 3, "root")

    # Drawn 4 : 1 : 2, so that 16 : 1 : 4 needs log 4, log 1 and log 2, but for what is common.
    expected = np.log([4, 1, 2])
    assert offsets == pytest.approx(expected - expected.mean())
    assert not offsets_of(labels, 3, "none").any()


def test_that_predictions_get_offsets_and_temperature():
    samples = [sample(name, label="CNV") for name in "ab"]
    logits = np.array([[1.0, 2, 3], [3, 2, 1]])
    labels, drawn = answers(COUNTS, drawn_shares(COUNTS, "root"))
    softmax = fit_softmax(drawn, labels, offsets_of(labels, 3, "root"))

    found = softmax.of(predictions_of(samples, CLASSES, logits))

    powers = np.exp((logits + np.array(softmax.offsets)) / softmax.temperature)
    expected = powers / powers.sum(axis=1, keepdims=True)
    assert found.probabilities == pytest.approx(expected, abs=1e-6)

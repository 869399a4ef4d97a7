"""What a model said, kept whole; and the same judged by B-scan, eye and patient."""

import numpy as np
import pytest

from app.errors import UsageError
from ml.levels import bscan_cases, eye_cases, eyes_of, patient_cases
from ml.predictions import (
    join_predictions,
    load_predictions,
    predictions_of,
    save_predictions,
)
from tests.labelled_sets import sample
from tests.tiny_package import CLASSES, tiny_card


def sure(*names):
    """Logits that say each name with near certainty."""
    return 12.0 * np.eye(4)[[CLASSES.index(name) for name in names]]


def said(samples, *names, **described):
    return predictions_of(samples, CLASSES, sure(*names), **described)


def volume(patient, eye, labels):
    return [
        sample(f"{patient}{eye}{i}", label=label, patient=patient, eye=eye, frame=f"{i:03d}")
        for i, label in enumerate(labels)
    ]


def test_that_predictions_read_back_as_they_were_written(tmp_path):
    samples = [sample("a", label="CNV", eye="OD", frame="001"), sample("b", label=None)]
    before = said(samples, "CNV", "DME", features=np.ones((2, 5)), model="m", temperature=1.3)
    save_predictions(before, tmp_path / "p.npz")

    after = load_predictions(tmp_path / "p.npz")

    assert after.labels.tolist() == [3, -1]
    assert (after.classes, after.model, after.temperature) == (CLASSES, "m", 1.3)
    assert np.array_equal(after.probabilities, before.probabilities)
    assert np.array_equal(after.features, before.features)
    assert after.unfamiliarity is None
    assert after.eyes.tolist() == ["OD", ""]


def test_that_an_unknown_label_is_refused_and_never_the_first_class():
    with pytest.raises(UsageError, match="does not know the labels AMD"):
        said([sample("a", label="AMD")], "CNV")
    with pytest.raises(UsageError, match="Use the classes"):
        predictions_of([sample("a")], CLASSES, np.zeros((1, 3)))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"no archive"])
def test_that_a_file_that_holds_no_predictions_is_refused(tmp_path, content):
    (tmp_path / "p.npz").write_bytes(content)

    with pytest.raises(UsageError, match="holds no predictions"):
        load_predictions(tmp_path / "p.npz")


def test_that_folds_join_and_a_bscan_in_two_of_them_is_refused():
    one, other = said([sample("a")], "CNV"), said([sample("b")], "DME", temperature=2.0)

    joined = join_predictions([one, other])

    assert joined.images.tolist() == ["a", "b"]
    assert np.allclose(joined.probabilities[1], other.probabilities[0])
    with pytest.raises(UsageError, match="count twice"):
        join_predictions([one, one])
    with pytest.raises(UsageError, match="other views"):
        join_predictions([one, said([sample("b")], "DME", views="5 views")])


def test_that_folds_of_two_divisions_are_not_joined():
    one = said([sample("a")], "CNV", split_sha256="1" * 64)
    other = said([sample("b")], "DME", split_sha256="2" * 64)

    with pytest.raises(UsageError, match=r"the division 111111111111, those .* to 222222222222"):
        join_predictions([one, other])
    assert len(join_predictions([one, said([sample("b")], "DME")])) == 2


def test_that_what_only_some_folds_have_is_not_kept_of_all():
    one = said([sample("a")], "CNV", features=np.ones((1, 5)), unfamiliarity=np.ones(1))
    other = said([sample("b")], "DME", unfamiliarity=np.zeros(1))

    joined = join_predictions([one, other])

    assert joined.features is None
    assert joined.unfamiliarity is not None
    assert joined.unfamiliarity.tolist() == [1, 0]
    assert joined.take(np.array([1])).images.tolist() == ["b"]


def test_that_bscans_without_a_label_are_not_judged():
    cases = bscan_cases(said([sample("a", label=None), sample("b")], "CNV", "NORMAL"), ["CNV"])

    assert cases.labels.tolist() == [0]
    assert cases.correct.tolist() == [True]


def test_that_an_eye_is_its_bscans_in_spatial_order_and_its_worst_label():
    samples = volume("p1", "OD", ["NORMAL", "CNV", "DRUSEN"])[::-1] + volume("p1", "OS", ["NORMAL"])
    eyes = eyes_of(said(samples, *["NORMAL"] * 4), tiny_card())

    assert [(each.eye, each.bscans.tolist(), each.label) for each in eyes] == [
        ("OD", [2, 1, 0], 3),
        ("OS", [3], 0),
    ]


def test_that_the_patient_has_the_worse_eye_in_label_and_call():
    samples = volume("p1", "OD", ["NORMAL"] * 3) + volume("p1", "OS", ["CNV"] * 3)
    predictions = said(samples, *["NORMAL"] * 3, *["CNV"] * 3)
    card = tiny_card(temperature=1.0)

    eyes, patients = eye_cases(predictions, card), patient_cases(predictions, card)

    assert (eyes.labels.tolist(), eyes.answers.tolist()) == ([0, 3], [0, 3])
    assert (patients.labels.tolist(), patients.answers.tolist()) == ([3], [3])
    assert patients.referred.tolist() == [True]


def test_that_one_noisy_bscan_of_ten_is_answered_by_the_clinics_rule():
    samples = volume("p1", "OD", ["NORMAL"] * 10)
    predictions = said(samples, *["NORMAL"] * 5, "CNV", *["NORMAL"] * 4)

    cases = eye_cases(predictions, tiny_card(temperature=1.0))

    assert cases.answers.tolist() == [0]
    assert cases.referred.tolist() == [False]


def test_that_an_out_of_scope_eye_has_no_answer_and_goes_to_a_reader():
    samples = volume("p1", "OD", ["NORMAL"] * 4)
    predictions = said(samples, *["NORMAL"] * 4, unfamiliarity=np.full(4, 2.0))

    cases = eye_cases(predictions, tiny_card(temperature=1.0, unfamiliarity_threshold=1.0))

    assert cases.answers.tolist() == [len(CLASSES)]
    assert cases.referred.tolist() == [True]

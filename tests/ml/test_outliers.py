"""B-scans of other diseases in training: no class is to be likelier than another."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from app.errors import UsageError
from ml.assemble import divide, trainer
from ml.classes import NO_LABEL
from ml.config import Distill, Loss
from ml.data import Batch
from ml.distill import Distillation
from ml.dryrun import rehearse
from ml.manifest import read_manifest, write_manifest
from ml.outliers import OutlierExposure, undecided_loss
from ml.predict import load_trained
from ml.teach import Supervised, teach
from ml.teachers import Teacher
from tests.ml.training_data import tiny_run

THREE = {"classes": ("NORMAL", "CNV", "DME")}


@pytest.fixture(scope="module")
def with_others(phantoms, tmp_path_factory):
    """Phantoms whose drusen count as a disease outside the classes."""
    samples = [
        replace(each, label=None, finding="ERM") if each.label == "DRUSEN" else each
        for each in read_manifest(phantoms)
    ]
    path = tmp_path_factory.mktemp("others") / "manifest.csv"
    write_manifest(samples, path)
    return path


def batch_of(labels):
    count = len(labels)
    return Batch(
        frames=torch.zeros(count, 1, 4, 4),
        labels=torch.tensor(labels),
        samples=torch.arange(count),
        views=torch.zeros(count, dtype=torch.int64),
    )


def test_that_indecision_is_lowest_where_all_classes_are_alike():
    alike, certain = torch.zeros(2, 4), torch.tensor([[9.0, 0, 0, 0], [0, 0, 9.0, 0]])

    assert undecided_loss(alike).item() == pytest.approx(math.log(4))
    assert undecided_loss(certain) > undecided_loss(certain / 3) > undecided_loss(alike)


def test_that_each_bscan_counts_once_and_outliers_by_their_weight():
    logits = torch.randn(4, 3)
    plain = Supervised(Loss(), None)
    inside, _ = plain.loss(logits[[0, 2]], batch_of([1, 2]))
    outside = undecided_loss(logits[[1, 3]])

    total, parts = OutlierExposure(plain, 0.4).loss(logits, batch_of([1, NO_LABEL, 2, NO_LABEL]))

    assert total.item() == pytest.approx((2 * inside + 0.4 * 2 * outside).item() / 4)
    assert parts["loss"] == pytest.approx(total.item())


def test_that_a_batch_of_one_kind_is_no_exception():
    logits = torch.randn(2, 3)
    exposed = OutlierExposure(Supervised(Loss(), None), 0.4)

    known, _ = exposed.loss(logits, batch_of([0, 1]))
    others, _ = exposed.loss(logits, batch_of([NO_LABEL, NO_LABEL]))

    assert known.item() == pytest.approx(
        Supervised(Loss(), None).loss(logits, batch_of([0, 1]))[0].item()
    )
    assert others.item() == pytest.approx(0.4 * undecided_loss(logits).item())


def test_that_classes_are_learnt_beside_indecision_about_the_rest():
    torch.manual_seed(43)
    features = torch.randn(9, 16)
    labels = [0, 1, 2, 0, 1, 2, NO_LABEL, NO_LABEL, NO_LABEL]
    network = torch.nn.Linear(16, 3)
    task = OutlierExposure(Supervised(Loss(), None), 0.5)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)

    for _ in range(200):
        optimizer.zero_grad()
        task.loss(network(features), batch_of(labels))[0].backward()
        optimizer.step()

    said = torch.softmax(network(features), dim=1)
    assert (said[range(6), labels[:6]] > 0.9).all()
    assert (said[6:] < 0.5).all()


def test_that_a_run_takes_steps_with_other_diseases(with_others, tmp_path):
    run = tiny_run(with_others, data=THREE, train={"epochs": 1}, loss={"outliers": 0.5})
    division = divide(run)

    teach(run, tmp_path / "run")

    steps = json.loads((tmp_path / "run" / "result.json").read_text())["steps"]
    assert steps == (len(division.train) + len(division.outliers)) // 4


def test_that_teachers_are_asked_about_classes_only(with_others, tmp_path):
    teach(tiny_run(with_others, data=THREE, train={"epochs": 1}), tmp_path / "teacher")
    run = tiny_run(
        with_others, data=THREE, augment={"views": 1}, train={"epochs": 1}, loss={"outliers": 0.5}
    )
    division = divide(run)
    teacher = load_trained(tmp_path / "teacher")
    task = Distillation(
        Distill(teachers=(), replay=True), [Teacher([teacher])], len(division.train), 1
    )

    trainer(run, task, division, tmp_path / "student").fit()

    said = task.tensors()["said"]
    labels = np.array([each.label for each in division.train])
    assert len(said) == len(labels)
    assert all((~torch.isnan(said[labels == name])).any() for name in THREE["classes"])


def test_that_only_training_patients_other_diseases_are_shown(with_others):
    division = divide(tiny_run(with_others, data=THREE, loss={"outliers": 0.5}))
    patients = {each.patient for each in (*division.val, *division.test)}

    assert division.outliers
    assert {each.finding for each in division.outliers} == {"ERM"}
    assert {each.split for each in division.outliers} == {"train"}
    assert patients.isdisjoint(each.patient for each in division.outliers)
    assert not divide(tiny_run(with_others, data=THREE)).outliers


def test_that_a_rehearsal_counts_other_diseases(with_others):
    run = tiny_run(with_others, data=THREE, loss={"outliers": 0.5})

    assert f"and {len(divide(run).outliers)} training B-scans of other diseases" in rehearse(run)


def test_that_data_without_other_diseases_are_refused(phantoms):
    with pytest.raises(UsageError, match=r"loss\.outliers"):
        divide(tiny_run(phantoms, loss={"outliers": 0.5}))


def test_that_outliers_are_not_mixed(phantoms):
    with pytest.raises(UsageError, match="exclude each other"):
        tiny_run(phantoms, loss={"outliers": 0.5}, augment={"mixup": 0.2})

"""The paper's runs are the paper's, number for number (arXiv 2512.09069 and its published code)."""

from pathlib import Path

import pytest
import torch

from ml.config import load_run
from ml.models import build, count_parameters

CONFIGS = Path(__file__).parents[2] / "ml" / "configs"
SETS = ("neh", "ucsd")
CLASSES = {"neh": ("NORMAL", "DRUSEN", "CNV"), "ucsd": ("CNV", "DME", "DRUSEN", "NORMAL")}
BATCHES = {  # size, and how many are accumulated
    "paper-neh-teacher": (4, 4),
    "paper-ucsd-teacher": (64, 1),
    "paper-neh": (8, 2),
    "paper-ucsd": (16, 2),
}


def preset(name):
    return load_run(CONFIGS / f"{name}.toml")


@pytest.mark.parametrize("data", SETS)
def test_that_teacher_and_student_see_what_the_paper_s_saw(data):
    for name in (f"paper-{data}-teacher", f"paper-{data}"):
        run = preset(name)
        assert run.data.classes == CLASSES[data]
        assert (run.input.height, run.input.width, run.input.crop) == (384, 384, "whole")
        assert run.input.mean == (0.485, 0.456, 0.406)
        assert run.input.std == (0.229, 0.224, 0.225)
        assert (run.train.batch, run.train.accumulate) == BATCHES[name]
        assert run.train.seed == 43
        assert run.data.balance == "none"


@pytest.mark.parametrize("data", SETS)
def test_that_the_teacher_is_trained_as_the_paper_s(data):
    run = preset(f"paper-{data}-teacher")

    train, loss = run.train, run.loss
    assert run.model.architecture == "convnextv2_large.fcmae_ft_in22k_in1k"
    assert (run.model.start, run.model.dropout, run.model.drop_path) == ("hub", 0.3, 0.3)
    assert run.augment.recipe == "paper-teacher"
    assert (train.epochs, train.patience, train.frozen_epochs) == (150, 25, 5)
    assert (train.lr, train.head_lr, train.weight_decay) == (2e-5, 1e-4, 0.05)
    assert (train.warmup_epochs, train.floor, train.per_step) == (10, 0.001, False)
    assert (train.swa_start, train.swa_lr) == (100, 1e-5)
    assert (loss.kind, loss.gamma, loss.balanced, loss.smoothing) == ("focal", 2.0, True, 0.0)
    assert (train.precision, train.clip, train.ema, train.decay_norms) == ("float16", 0, 0, True)
    assert run.distill is None


@pytest.mark.parametrize("data", SETS)
def test_that_the_student_is_distilled_as_the_paper_s(data):
    run = preset(f"paper-{data}")

    train, distill = run.train, run.distill
    assert run.model.architecture == "efficientnet_b2"
    assert (run.model.start, run.model.dropout, run.model.drop_path) == ("hub", 0.3, 0.0)
    assert run.augment.recipe == "paper-student"
    assert (train.epochs, train.patience, train.frozen_epochs) == (100, 20, 0)
    assert (train.lr, train.head_lr, train.weight_decay) == (1e-3, None, 0.01)
    assert (train.warmup_epochs, train.floor, train.per_step) == (5, 0.001, False)
    assert (train.precision, train.clip, train.ema, train.swa_start) == ("float16", 0, 0, -1)
    assert distill.teachers == (Path(f"ml/configs/paper-{data}-teacher.toml"),)
    assert (distill.temperature, distill.alpha, distill.beta) == (4.0, 0.7, 0.3)
    assert not distill.replay


@pytest.mark.parametrize("data", SETS)
def test_that_teacher_and_student_are_chosen_by_one_criterion(data):
    assert preset(f"paper-{data}").train.select == preset(f"paper-{data}-teacher").train.select


@pytest.mark.parametrize("data", SETS)
def test_that_the_networks_have_the_paper_s_sizes(data):
    for name, millions in ((f"paper-{data}-teacher", 196.4), (f"paper-{data}", 7.7)):
        run = preset(name)
        with torch.device("meta"):
            network = build(run.model.architecture.split(".")[0], len(run.data.classes))
        assert count_parameters(network) / 1e6 == pytest.approx(millions, abs=0.05)

"""A crossed teacher is asked only about patients whom the asked network does not know."""

import pytest
import torch
from torch import nn

from app.errors import UsageError
from ml.assemble import divide
from ml.config import Distill, read_dumped
from ml.distill import Distillation, distil, main
from ml.folds import run_folds
from ml.losses import softened
from ml.predict import Trained
from ml.splits import load_splits
from ml.teachers import Teacher, unknown_to
from tests.ml.training_data import noise_batch, tiny_run, tiny_settings, write_toml


class Saying(nn.Module):
    """Says one thing of everything."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self._logits = torch.tensor(logits)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self._logits.expand(len(frames), -1)


@pytest.fixture
def crossed(phantoms, tmp_path, monkeypatch):
    """A distilled student whose teacher was trained on either half of the training patients."""
    monkeypatch.chdir(tmp_path)
    short = {"train": {"epochs": 1}}
    teacher = write_toml(tmp_path / "teacher.toml", tiny_settings(phantoms, **short))
    run = tiny_run(phantoms, **short, distill={"teachers": (str(teacher),), "cross": 2})
    distil(run, tmp_path / "runs" / "student")
    return run


def test_that_of_every_bscan_that_network_is_asked_that_does_not_know_it(phantoms, tmp_path):
    run = tiny_run(phantoms)
    folds = [
        Trained(network=Saying(*logits), run=run, folder=tmp_path, split_sha256="")
        for logits in ((1.0, 0, 0, 0), (0, 0, 0, 2.0))
    ]
    unknown = torch.tensor([1, 0, 0, 1])
    task = Distillation(
        Distill(teachers=(), replay=True), [Teacher(folds, unknown)], samples=4, views=1
    )
    batch = noise_batch([3, 1, 0], [0, 1, 2], 64, 96)

    said = task.targets(batch)

    logits = torch.tensor([[0, 0, 0, 2.0], [1.0, 0, 0, 0], [0, 0, 0, 2.0]])
    assert torch.equal(said, softened([logits], 4.0))
    assert torch.equal(task.targets(batch), said)


def test_that_no_fold_was_trained_on_whom_it_is_asked_about(crossed, tmp_path):
    file = load_splits(tmp_path / "runs" / "student" / "cross.json")
    whole = divide(crossed)

    asked = unknown_to(whole.train, file.folds).tolist()

    for fold, split in enumerate(file.folds):
        own = divide(read_dumped(tmp_path / "runs" / f"teacher-fold{fold}" / "run.json"))
        assert own.split == split
        about = {one.patient for one, its in zip(whole.train, asked, strict=True) if its == fold}
        assert about
        assert not about & {one.patient for one in own.train}
        assert {one.sha256 for one in own.val} == {one.sha256 for one in whole.val}
        known = {one.patient for one in (*own.train, *own.val)}
        assert not known & {one.patient for one in whole.test}


def test_that_crossed_teachers_are_trained_once(crossed, tmp_path, capsys):
    distil(crossed, tmp_path / "runs" / "another")

    assert "Training teacher first" not in capsys.readouterr().err


def test_that_a_teacher_crossed_otherwise_is_refused(crossed, phantoms, tmp_path):
    run = tiny_run(phantoms, distill={"teachers": (str(tmp_path / "teacher.toml"),), "cross": 3})

    with pytest.raises(UsageError, match="different splits"):
        distil(run, tmp_path / "runs" / "another")


def test_that_one_fold_crosses_nothing(phantoms):
    with pytest.raises(UsageError, match="two folds at least"):
        tiny_run(phantoms, distill={"teachers": (), "cross": 1})


def test_that_folds_of_a_crossed_run_are_refused_before_any_is_trained(phantoms, tmp_path):
    settings = tiny_settings(phantoms, distill={"teachers": ("teacher.toml",), "cross": 2})
    config = write_toml(tmp_path / "student.toml", settings)

    with pytest.raises(UsageError, match=r"distill\.cross=0"):
        run_folds(config, tmp_path / "folds.json")


def test_that_a_rehearsal_says_what_is_trained_first(phantoms, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_toml(tmp_path / "teacher.toml", tiny_settings(phantoms))
    settings = tiny_settings(phantoms, distill={"teachers": ("teacher.toml",), "cross": 2})
    config = write_toml(tmp_path / "student.toml", settings)
    command = ["--config", str(config), "--dry-run"]

    assert main(command) == 0
    assert "first teacher is trained 2 times" in capsys.readouterr().out
    assert main([*command, "--set", "distill.cross=0"]) == 0
    assert "first teacher is trained; " in capsys.readouterr().out

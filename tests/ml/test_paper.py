"""The paper's own networks at the paper's own size take a true optimisation step."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ml.assemble import divide, trainer
from ml.config import Run, load_run
from ml.distill import Distillation
from ml.predict import load_trained
from ml.teach import supervised
from ml.teachers import Teacher

CONFIGS = Path(__file__).parents[2] / "ml" / "configs"
SETS = ("neh", "ucsd")


def paper(name: str, phantoms: Path, *more: str) -> Run:
    """The paper's run on two phantoms, for one step; everything else is as the file says."""
    run = load_run(CONFIGS / f"{name}.toml", ["model.start=noise", *more])
    others = {"NORMAL", "DRUSEN", "CNV", "DME"} - set(run.data.classes)
    return replace(
        run,
        data=replace(
            run.data, manifest=phantoms, split=None, limit=2, ignore=tuple(sorted(others))
        ),
        train=replace(
            run.train, epochs=1, batch=2, accumulate=1, workers=0, frozen_epochs=0, swa_start=-1
        ),
    )


def share_of_changed(before: list[torch.Tensor], network: torch.nn.Module) -> float:
    pairs = zip(before, network.parameters(), strict=True)
    return sum(not torch.equal(old, new) for old, new in pairs) / len(before)


@pytest.mark.long
@pytest.mark.parametrize("name", SETS)
def test_that_the_paper_s_teacher_and_its_student_take_a_true_step(name, phantoms, tmp_path):
    """The student's step is a distillation step: it asks the very teacher that was just made."""
    run = paper(f"paper-{name}-teacher", phantoms)
    division = divide(run)
    made = trainer(run, supervised(run, division), division, tmp_path / "teacher")
    before = [parameter.detach().clone() for parameter in made.network.parameters()]

    made.fit()

    # A few norms' first gradients are too small for float32 to move them.
    assert share_of_changed(before, made.network) > 0.9
    del made, before

    run = paper(f"paper-{name}", phantoms)
    teacher = load_trained(tmp_path / "teacher")
    task = Distillation(run.distill, [Teacher([teacher])], len(division.train), run.augment.views)
    made = trainer(run, task, division, tmp_path / "student")
    before = [parameter.detach().clone() for parameter in made.network.parameters()]

    made.fit()

    assert share_of_changed(before, made.network) > 0.9

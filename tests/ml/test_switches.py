"""What the switches of a run do, seen in the network that is trained."""

import re
import shutil
from dataclasses import replace

import pytest
import torch

from ml.assemble import divide, trainer
from ml.config import Distill, check_run
from ml.data import Batch, network_input
from ml.distill import Distillation, main
from ml.predict import load_trained
from ml.teach import supervised, teach
from tests.ml.training_data import tiny_run, tiny_settings, write_toml


@pytest.mark.parametrize("wished", [True, False])
def test_that_channels_last_is_what_the_run_says(wished, phantoms, tmp_path):
    run = tiny_run(
        phantoms,
        train={"epochs": 1, "channels_last": wished, "precision": "bfloat16"},
        data={"limit": 4},
    )
    division = divide(run)
    made = trainer(run, supervised(run, division), division, tmp_path)
    seen = []
    for module in made.network.modules():
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size != (1, 1):
            module.register_forward_hook(lambda _, given, __: seen.append(given[0]))

    made.fit()

    last = [each.is_contiguous(memory_format=torch.channels_last) for each in seen]
    ambiguous = [each.is_contiguous() and each.shape[1] == 1 for each in seen]
    assert len(seen) > 5
    assert not any(ambiguous)
    assert all(last) if wished else not any(last)


def test_that_without_a_compiler_the_network_runs_as_it_is(phantoms, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")

    teach(tiny_run(phantoms, train={"epochs": 1, "compile": True}, data={"limit": 4}), tmp_path)

    assert "no C++ compiler" in "".join(capsys.readouterr())
    assert (tmp_path / "model.safetensors").exists()


@pytest.mark.long
def test_that_a_compiled_network_learns_the_same(phantoms, tmp_path):
    if not shutil.which("c++"):
        pytest.skip("There is no C++ compiler here.")
    losses = []
    for compiled in (False, True):
        run = tiny_run(phantoms, train={"epochs": 2, "compile": compiled}, model={"dropout": 0.0})
        losses.append(teach(run, tmp_path / str(compiled)).loss)

    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_that_small_views_come_first_and_whole_ones_after(phantoms, tmp_path):
    run = tiny_run(phantoms, train={"epochs": 2, "sizes": [[0, 0.5], [1, 1.0]]}, data={"limit": 4})
    division = divide(run)
    made = trainer(run, supervised(run, division), division, tmp_path)
    seen = []
    made.network.conv_stem.register_forward_pre_hook(
        lambda module, given: seen.append(tuple(given[0].shape[2:])) if module.training else None
    )

    made.fit()

    assert seen == [(32, 64), (64, 96)]


def test_that_a_rehearsal_says_what_a_run_will_need(phantoms, tmp_path, capsys):
    teacher = write_toml(tmp_path / "teacher.toml", tiny_settings(phantoms))
    settings = tiny_settings(
        phantoms,
        augment={"views": 1},
        train={"epochs": 4},
        distill={"teachers": (str(teacher),), "replay": True},
    )
    config = write_toml(tmp_path / "student.toml", settings)

    assert main(["--config", str(config), "--out", str(tmp_path / "out"), "--dry-run"]) == 0

    said = capsys.readouterr().out
    division = divide(check_run(settings, "run"))
    batches = len(division.train) // 4
    assert f"training: {len(division.train)} B-scans of" in said
    assert re.search(r"test_efficientnet: 0\.\d M parameters, 64 x 96, start from noise", said)
    assert f"{4 * batches} batches of 4" in said
    assert f"teacher teacher, test_efficientnet: {batches} batches" in said  # asked once a view
    assert "memory in use" in said
    assert not (tmp_path / "out").exists()


def test_that_several_teachers_are_asked_at_their_own_sizes(phantoms, tmp_path):
    """Their answers are averaged, and replayed as they were given."""
    small = tiny_run(phantoms, train={"epochs": 1}, data={"limit": 4})
    large = tiny_run(
        phantoms, train={"epochs": 1}, data={"limit": 4}, input={"height": 96, "width": 128}
    )
    teachers = []
    for name, run in (("small", small), ("large", large)):
        teach(run, tmp_path / name)
        teachers.append(load_trained(tmp_path / name))
    distill = Distill(teachers=(), replay=True)
    task = Distillation(distill, teachers, samples=4, views=1)
    batch = Batch(
        frames=torch.rand(3, 1, 96, 128),
        labels=torch.tensor([0, 1, 2]),
        samples=torch.tensor([0, 1, 3]),
        views=torch.zeros(3, dtype=torch.int64),
    )

    said = task.targets(batch)

    with torch.inference_mode():
        each = [
            torch.softmax(teacher.network(network_input(batch.frames, teacher.run.input)) / 4, 1)
            for teacher in teachers
        ]
    assert torch.allclose(said.exp(), (each[0] + each[1]) / 2, atol=1e-6)
    assert torch.equal(task.targets(replace(batch, frames=torch.zeros(3, 1, 96, 128))), said)
    assert task.tensors()["said"][2].isnan().all()

"""Training as the laboratory starts it, on phantoms and a network of 0.4 M parameters."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from app.errors import UsageError
from ml.assemble import divide, labels_of, trainer
from ml.checkpoint import load_state
from ml.config import Distill, check_run, load_run, read_dumped
from ml.distill import Distillation, distil
from ml.optimize import optimizer_for, rate_factor, set_rates
from ml.predict import load_trained, outputs_of
from ml.teach import supervised, teach
from ml.teachers import Teacher
from tests.ml.training_data import tiny_run, tiny_settings, write_toml

CHECKOUT = Path(__file__).parents[2]


def command(config: Path, out: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "ml.teach", "--config", str(config), "--out", str(out), *more
    ]  # fmt: skip


def by_two_processes(config: Path, out: Path, port: int, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
        "--master-port", str(port), *command(config, out, *more)[1:],
    ]  # fmt: skip


def quick() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def settings(phantoms):
    return tiny_settings(
        phantoms,
        train={"epochs": 6, "ema": 0.9, "swa_start": 3, "accumulate": 2, "clip": 1.0},
    )


def test_that_a_killed_run_resumes_to_the_numbers_of_an_unbroken_one(settings, tmp_path):
    config = write_toml(tmp_path / "tiny.toml", settings)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(config, whole), check=True, capture_output=True, env=quick())
    process = subprocess.Popen(
        command(config, broken), env=quick(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not any(broken.glob("checkpoint-0002-00000[24]")):  # in the midst of an epoch
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()

    subprocess.run(
        command(config, broken, "--resume"), check=True, capture_output=True, env=quick()
    )

    expected, resumed = (load_file(run / "model.safetensors") for run in (whole, broken))
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    assert (whole / "log.csv").read_text() == (broken / "log.csv").read_text()
    assert (whole / "result.json").read_text() == (broken / "result.json").read_text()


def test_that_another_configuration_does_not_resume(settings, tmp_path):
    short = {**settings["train"], "epochs": 1, "swa_start": 0}
    run = check_run({**settings, "train": short}, "run")
    teach(run, tmp_path / "run")
    other = check_run({**settings, "train": {**short, "lr": 0.5}}, "run")

    with pytest.raises(UsageError, match="another configuration"):
        teach(other, tmp_path / "run", resume=True)
    with pytest.raises(UsageError, match="already holds a run"):
        teach(run, tmp_path / "run")


def test_that_a_run_goes_on_whatever_package_is_to_be_made_of_it(settings, tmp_path):
    short = {**settings["train"], "epochs": 1, "swa_start": 0}
    run = check_run({**settings, "train": short}, "run")
    scores = teach(replace(run, package="one", version="2.0.0"), tmp_path / "run")

    assert teach(run, tmp_path / "run", resume=True) == scores
    assert read_dumped(tmp_path / "run" / "run.json") == run


def test_that_averaged_weights_are_judged_and_the_better_ones_kept(settings, tmp_path):
    teach(check_run(settings, "run"), tmp_path / "run")

    result = json.loads((tmp_path / "run" / "result.json").read_text())
    losses = {name: scores["loss"] for name, scores in result["validation"].items()}
    assert set(losses) == {"best epoch", "swa"}
    assert result["kept"] == min(losses, key=losses.get)


def test_that_smoothed_weights_are_what_is_judged_and_kept(phantoms, tmp_path):
    teach(tiny_run(phantoms, train={"epochs": 1, "ema": 0.9}), tmp_path / "run")

    kept = load_file(tmp_path / "run" / "model.safetensors")
    groups, _ = load_state(tmp_path / "run")
    assert all(torch.equal(kept[name], groups["ema"][name]) for name in kept)
    assert any(not torch.equal(kept[name], groups["network"][name]) for name in kept)


def test_that_the_parts_of_a_distillation_s_loss_are_logged(phantoms, tmp_path):
    teacher = trained_teacher(phantoms, tmp_path / "teacher")
    run = tiny_run(phantoms, train={"epochs": 2})
    division = divide(run)
    task = Distillation(Distill(teachers=()), [Teacher([teacher])], len(division.train), 0)
    trainer(run, task, division, tmp_path / "student").fit()

    events = EventAccumulator(str(tmp_path / "student" / "tensorboard")).Reload()

    def logged(name):
        return np.array([each.value for each in events.Scalars(name)])

    whole, soft, hard = (logged(f"train_loss/{part}") for part in ("loss", "soft", "hard"))
    assert len(whole) == 2
    assert whole == pytest.approx(0.7 * soft + 0.3 * hard, rel=1e-5)
    assert logged("train_loss") == pytest.approx(whole)


def trained_teacher(phantoms, folder):
    run = tiny_run(phantoms, train={"epochs": 1})
    teach(run, folder)
    return load_trained(folder)


def test_that_replayed_teachers_give_the_same_loss(phantoms, tmp_path):
    teacher = trained_teacher(phantoms, tmp_path / "teacher")
    run = tiny_run(phantoms, augment={"views": 2}, train={"epochs": 4})
    division = divide(run)
    losses = []
    for replay in (False, True):
        task = Distillation(
            Distill(teachers=(), replay=replay),
            [Teacher([teacher])],
            len(division.train),
            run.augment.views,
        )
        made = trainer(run, task, division, tmp_path / f"replay-{replay}")
        made.fit()
        losses.append((tmp_path / f"replay-{replay}" / "log.csv").read_text().splitlines()[1:])

    asked, replayed = ([float(line.split(",")[2]) for line in each] for each in losses)
    assert replayed == pytest.approx(asked, abs=1e-6)


def test_that_a_teacher_of_another_split_is_refused(phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = tiny_settings(phantoms, train={"epochs": 1})
    config = write_toml(tmp_path / "teacher.toml", settings)
    teach(load_run(config), tmp_path / "runs" / "teacher")
    (tmp_path / "runs" / "teacher" / "split.json").write_text('{"sha256": "0"}')
    run = tiny_run(phantoms, distill={"teachers": (str(config),)})

    with pytest.raises(UsageError, match="split"):
        distil(run, tmp_path / "student")


def test_that_a_run_without_teachers_is_not_distilled(phantoms, tmp_path):
    with pytest.raises(UsageError, match="teachers"):
        distil(tiny_run(phantoms), tmp_path)


def test_that_weights_of_another_architecture_are_refused(phantoms, tmp_path):
    trained_teacher(phantoms, tmp_path)
    configuration = (tmp_path / "run.json").read_text()
    (tmp_path / "run.json").write_text(configuration.replace("test_efficientnet", "test_resnet"))

    with pytest.raises(UsageError, match="not of “test_resnet”"):
        load_trained(tmp_path)


def test_that_a_full_disk_is_one_sentence(settings, tmp_path):
    """A limit on the size of files stands for the full disk."""
    config = write_toml(tmp_path / "tiny.toml", settings)
    limited = f"ulimit -f 600; exec {' '.join(command(config, tmp_path / 'out'))}"

    ended = subprocess.run(
        ["bash", "-c", limited], capture_output=True, text=True, env=quick(), check=False
    )

    assert ended.returncode == 1
    assert "cannot be written" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list((tmp_path / "out").rglob(".*"))


def test_that_the_schedule_is_the_paper_s():
    run = load_run(CHECKOUT / "ml" / "configs" / "paper-neh-teacher.toml")

    factors = [rate_factor(run.train, epoch) for epoch in (0, 4, 9, 10, 80, 149.5)]

    assert factors[:4] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert factors[4] == pytest.approx(0.001 + 0.999 * 0.5, abs=1e-6)
    assert factors[5] == pytest.approx(0.001, abs=2e-4)


@pytest.mark.parametrize("epochs", [0.5, 1.5])
def test_that_a_warm_up_by_epoch_never_exceeds_the_rate(epochs, phantoms):
    run = tiny_run(phantoms, train={"warmup_epochs": epochs, "per_step": False, "epochs": 9})

    assert max(rate_factor(run.train, epoch) for epoch in range(9)) == 1


def test_that_swa_never_raises_a_rate():
    run = load_run(CHECKOUT / "ml" / "configs" / "paper-neh-teacher.toml")
    network = torch.nn.Sequential()
    network.head = torch.nn.Linear(4, 2)
    network.body = torch.nn.Linear(4, 4)
    optimizer = optimizer_for(network, run.train)
    rates = []
    for epoch in range(90, 150):
        set_rates(optimizer, run.train, epoch)
        rates.append([group["lr"] for group in optimizer.param_groups])

    for before, after in itertools.pairwise(rates):
        assert all(later <= earlier for earlier, later in zip(before, after, strict=True))


def test_that_two_processes_take_the_gradients_of_one(phantoms, tmp_path):
    """Without BatchNorm, whose statistics are each process's own, the numbers are the same."""
    settings = tiny_settings(
        phantoms,
        model={"architecture": "test_vit", "dropout": 0.0},
        input={"height": 160, "width": 160},
        train={"epochs": 1, "batch": 4},
        data={"limit": 4},
    )
    config = write_toml(tmp_path / "tiny.toml", settings)
    alone, together = tmp_path / "alone", tmp_path / "together"
    subprocess.run(command(config, alone), check=True, capture_output=True, env=quick())

    both = by_two_processes(config, together, 29517)
    subprocess.run(both, check=True, capture_output=True, env=quick())

    # After one step AdamW's first moment is the gradient, scaled.
    expected, got = (
        load_file(next(run.glob("checkpoint-*")) / "optimizer.safetensors")
        for run in (alone, together)
    )
    moments = [name for name in expected if name.endswith("exp_avg")]
    assert max(expected[name].abs().max() for name in moments) > 1e-4
    for name in moments:
        assert torch.allclose(expected[name], got[name], atol=1e-7, rtol=1e-4), name


@pytest.fixture(scope="module")
def shared_run(phantoms, tmp_path_factory):
    """A run of two processes: its file and its folder."""
    folder = tmp_path_factory.mktemp("shared")
    settings = tiny_settings(
        phantoms,
        train={"epochs": 3, "batch": 8, "ema": 0.9, "swa_start": 1, "patience": 1, "lr": 3e-3},
    )
    config = write_toml(folder / "tiny.toml", settings)
    whole = by_two_processes(config, folder / "whole", 29518)
    subprocess.run(whole, check=True, capture_output=True, env=quick())
    return config, folder / "whole"


def test_that_processes_decide_together_and_leave_what_one_can_judge(shared_run):
    """With BatchNorm each process sees other statistics; all follow those of the first."""
    config, out = shared_run
    result = json.loads((out / "result.json").read_text())

    kept = result["validation"][result["kept"]]
    trained, division = load_trained(out), divide(load_run(config))
    labels = torch.tensor(labels_of(division.val, trained.run.data.classes))
    logits = torch.from_numpy(outputs_of(trained, division.val).logits)
    loss = torch.nn.functional.cross_entropy(logits, labels).item()
    assert loss == pytest.approx(kept["loss"], abs=1e-4)
    assert len((out / "log.csv").read_text().splitlines()) >= 3


@pytest.mark.long
def test_that_two_killed_processes_resume_to_the_numbers_of_unbroken_ones(shared_run, tmp_path):
    config, whole = shared_run
    broken = tmp_path / "broken"
    process = subprocess.Popen(
        by_two_processes(config, broken, 29519), env=quick(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not any(broken.glob("checkpoint-0001-*")):
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    again = by_two_processes(config, broken, 29520, "--resume")
    subprocess.run(again, check=True, capture_output=True, env=quick())

    assert (whole / "log.csv").read_text() == (broken / "log.csv").read_text()
    assert (whole / "result.json").read_text() == (broken / "result.json").read_text()


def test_that_a_process_ends_with_a_sentence_when_another_one_has_ended(phantoms, tmp_path):
    """Started without torchrun, which would end the second itself."""
    config = write_toml(tmp_path / "tiny.toml", tiny_settings(phantoms, data={"limit": 8}))
    # Only the first writes, and a limit on the size of its files stands for its full disk.
    ended = []
    for rank, limit in enumerate(("ulimit -f 600; ", "")):
        place = {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
        ended.append(
            subprocess.Popen(
                ["bash", "-c", f"{limit}exec {' '.join(command(config, tmp_path / 'out'))}"],
                env=quick() | place | {"MASTER_PORT": "29521"},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    said = [process.communicate(timeout=300)[1] for process in ended]

    assert [process.returncode for process in ended] == [1, 1]
    assert "cannot be written" in said[0]
    assert "Another of the processes ended" in said[1]
    assert "Traceback" not in "".join(said)


def test_that_processes_refuse_a_batch_that_they_cannot_share(phantoms, tmp_path):
    from torch.testing._internal.distributed.fake_pg import FakeStore

    run = tiny_run(phantoms, train={"batch": 5})
    division = divide(run)
    made = trainer(run, supervised(run, division), division, tmp_path)
    torch.distributed.init_process_group("fake", rank=0, world_size=2, store=FakeStore())
    try:
        with pytest.raises(UsageError, match=r"2 processes cannot share train\.batch = 5"):
            made.fit()
    finally:
        torch.distributed.destroy_process_group()

"""What the switches of a run do, seen in the network that is trained."""

import errno
import os
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from app.errors import UsageError
from ml.assemble import divide, trainer
from ml.command import arguments_of, carry_out
from ml.config import Distill, check_run, load_run
from ml.data import batches, network_input
from ml.distill import Distillation, distil, main
from ml.dryrun import rehearse
from ml.endings import in_one_sentence
from ml.manifest import read_manifest
from ml.models import build
from ml.optimize import optimizer_for
from ml.predict import load_trained
from ml.splits import make_folds, write_splits
from ml.teach import main as teach_command
from ml.teach import supervised, teach
from ml.teachers import Teacher
from tests.ml.training_data import noise_batch, tiny_run, tiny_settings, write_toml


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


def test_that_bfloat16_is_full_precision_where_the_processor_has_none(phantoms, tmp_path, capsys):
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("This processor has bfloat16.")
    losses = [
        teach(
            tiny_run(phantoms, train={"epochs": 1, "precision": precision}, data={"limit": 4}),
            tmp_path / precision,
        ).loss
        for precision in ("float32", "bfloat16")
    ]

    assert losses[0] == losses[1]
    assert "no quick bfloat16" in "".join(capsys.readouterr())


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
    assert re.search(r"memory: about \d.* for each process, of which bands \d", said)
    assert not (tmp_path / "out").exists()


def test_that_a_rehearsal_counts_the_bands_that_a_run_keeps(phantoms, tmp_path):
    """Those to train on at the largest size that anyone sees, and a quarter larger both ways."""
    large = tiny_settings(phantoms, input={"height": 256, "width": 384})
    teacher = write_toml(tmp_path / "teacher.toml", large)
    alone = tiny_run(phantoms, input={"height": 256, "width": 384})
    taught = tiny_run(phantoms, distill={"teachers": (str(teacher),)})
    division = divide(alone)
    shown = len(division.train) * 320 * 480
    judged = len(division.val) * 256 * 384

    assert f"of which bands {(shown + judged) / 1e6:.0f} MB" in rehearse(alone)
    judged = len(division.val) * 64 * 96
    assert f"of which bands {(shown + judged) / 1e6:.0f} MB" in rehearse(taught)


def test_that_of_several_processes_the_first_says_what_a_run_will_need(phantoms, tmp_path, capsys):
    from torch.testing._internal.distributed.fake_pg import FakeStore

    config = write_toml(tmp_path / "tiny.toml", tiny_settings(phantoms))
    said = []
    for rank in range(2):
        torch.distributed.init_process_group("fake", rank=rank, world_size=2, store=FakeStore())
        try:
            assert teach_command(["--config", str(config), "--dry-run"]) == 0
        finally:
            torch.distributed.destroy_process_group()
        said.append(capsys.readouterr().out)

    assert "for each process" in said[0]
    assert said[1] == ""


def test_that_a_package_of_a_network_without_maps_is_refused_before_training(
    phantoms, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    teacher = write_toml(tmp_path / "teacher.toml", tiny_settings(phantoms))
    settings = tiny_settings(
        phantoms,
        model={"architecture": "mobilenetv3_small_050"},
        distill={"teachers": (str(teacher),)},
    )
    config = write_toml(tmp_path / "student.toml", settings)
    command = ["--config", str(config), "--out", "out"]

    for more in (["--package", "p"], ["--package", "p", "--dry-run"]):
        assert main([*command, *more]) == 1
        assert "“mobilenetv3_small_050” cannot become a package" in capsys.readouterr().err
    assert main([*command, "--dry-run"]) == 0
    assert "cannot become a package" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "out").exists()


def test_that_small_views_that_a_network_cannot_take_are_refused(phantoms, tmp_path):
    run = tiny_run(
        phantoms,
        model={"architecture": "deit_tiny_patch16_224"},
        train={"sizes": [[0, 0.5], [1, 1.0]]},
        data={"limit": 4},
    )

    with pytest.raises(UsageError, match=r"does not take frames of 32 x 64.*train\.sizes"):
        teach(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_that_a_transformer_is_trained_and_read_back_at_the_run_s_size(phantoms, tmp_path):
    run = tiny_run(
        phantoms, model={"architecture": "test_vit"}, train={"epochs": 1}, data={"limit": 4}
    )

    teach(run, tmp_path)

    trained = load_trained(tmp_path).network
    assert trained(torch.zeros(1, 3, 64, 96)).shape == (1, 4)


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
    task = Distillation(distill, [Teacher([each]) for each in teachers], samples=4, views=1)
    batch = noise_batch([0, 1, 3], [0, 1, 2], 96, 128)

    said = task.targets(batch)

    with torch.inference_mode():
        each = [
            torch.softmax(teacher.network(network_input(batch.frames, teacher.run.input)) / 4, 1)
            for teacher in teachers
        ]
    assert torch.allclose(said.exp(), (each[0] + each[1]) / 2, atol=1e-6)
    assert torch.equal(task.targets(replace(batch, frames=torch.zeros(3, 1, 96, 128))), said)
    assert task.tensors()["said"][2].isnan().all()


def take_one_step(phantoms, out, **train):
    """Train for one epoch of one step."""
    run = tiny_run(phantoms, train={"epochs": 1, **train}, data={"limit": 4})
    division = divide(run)
    trainer(run, supervised(run, division), division, out).fit()


def test_that_a_frozen_backbone_stays_while_the_head_learns(phantoms, tmp_path):
    """And learns from the next epoch on; an epoch is one step here."""
    run = tiny_run(phantoms, train={"epochs": 3, "frozen_epochs": 1}, data={"limit": 4})
    division = divide(run)
    made = trainer(run, supervised(run, division), division, tmp_path)
    seen = []
    made.network.register_forward_pre_hook(
        lambda network, _: seen.append(copy_of(network)) if network.training else None
    )

    made.fit()

    first, second, third = seen
    assert changed(first, second) == {"classifier.weight", "classifier.bias"}
    assert changed(second, third) > {"classifier.weight", "classifier.bias"}


def copy_of(network):
    return {name: each.detach().clone() for name, each in network.named_parameters()}


def changed(before, after):
    return {name for name, each in after.items() if not torch.equal(each, before[name])}


def test_that_the_head_learns_at_a_rate_of_its_own(phantoms):
    train = tiny_run(phantoms, train={"lr": 1e-4, "head_lr": 1e-3}).train
    network = build("test_efficientnet", 4)

    rates = {
        id(parameter): group["base_lr"]
        for group in optimizer_for(network, train).param_groups
        for parameter in group["params"]
    }

    for name, parameter in network.named_parameters():
        assert rates[id(parameter)] == (1e-3 if name.startswith("classifier") else 1e-4)


@pytest.mark.parametrize("decay_norms", [False, True])
def test_that_norms_and_biases_decay_only_if_they_are_to(decay_norms, phantoms):
    train = tiny_run(phantoms, train={"weight_decay": 0.1, "decay_norms": decay_norms}).train
    network = build("test_efficientnet", 4)

    decays = {
        id(parameter): group["weight_decay"]
        for group in optimizer_for(network, train).param_groups
        for parameter in group["params"]
    }

    norms = {id(p) for n, p in network.named_parameters() if "bn" in n or n.endswith("bias")}
    assert norms
    for parameter, decay in decays.items():
        assert decay == (0.1 if decay_norms or parameter not in norms else 0.0)


def test_that_gradients_are_clipped_to_the_norm_that_is_set(phantoms, tmp_path):
    """After one step AdamW's first moment is a tenth of the gradient."""
    norms = []
    for clip in (0.0, 1e-3):
        take_one_step(phantoms, tmp_path / str(clip), clip=clip)
        state = load_file(
            next((tmp_path / str(clip)).glob("checkpoint-*")) / "optimizer.safetensors"
        )
        moments = [each.flatten() for name, each in state.items() if name.endswith("exp_avg")]
        norms.append(10 * torch.cat(moments).norm().item())

    assert norms[0] > 0.01
    assert norms[1] == pytest.approx(1e-3, rel=1e-2)


def test_that_a_run_stops_when_its_patience_ends(phantoms, tmp_path):
    """A rate so small changes no weight, so that no epoch is better than the first."""
    run = tiny_run(
        phantoms,
        model={"architecture": "test_vit"},
        input={"height": 160, "width": 160},
        train={"epochs": 9, "patience": 1, "lr": 1e-30, "weight_decay": 0.0},
        data={"limit": 4},
    )

    teach(run, tmp_path)

    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + 2
    assert len((tmp_path / "times.csv").read_text().splitlines()) == 1 + 2
    assert any((tmp_path / "tensorboard").iterdir())


def test_that_a_chain_of_runs_is_trained_by_one_command(phantoms, tmp_path, monkeypatch):
    """Teacher, student of it, and a second one that goes on from that and learns from it."""
    monkeypatch.chdir(tmp_path)
    short = {"train": {"epochs": 1}, "data": {"limit": 4}}
    teacher = write_toml(tmp_path / "teacher.toml", tiny_settings(phantoms, **short))
    taught = tiny_settings(phantoms, **short, distill={"teachers": (str(teacher),)})
    first = write_toml(tmp_path / "first.toml", taught)
    # At so small a rate it keeps what it starts from.
    still = {"epochs": 1, "lr": 1e-30, "weight_decay": 0.0}
    second = tiny_run(
        phantoms,
        data=short["data"],
        train=still,
        model={"continues": str(first)},
        distill={"teachers": (str(first), str(teacher))},
    )

    distil(second, tmp_path / "runs" / "second")

    begun = load_trained(tmp_path / "runs" / "first").network
    ended = load_trained(tmp_path / "runs" / "second").network
    for own, other in zip(begun.parameters(), ended.parameters(), strict=True):
        torch.testing.assert_close(own, other)


def test_that_going_on_from_an_unfinished_run_says_so(phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tiny_run(phantoms, model={"continues": "first.toml"})

    with pytest.raises(UsageError, match=r"no finished run in runs/first.*Train it first"):
        teach(run, tmp_path / "second")


def test_that_a_run_goes_on_only_from_one_of_the_same_patients_and_classes(
    phantoms, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    samples = read_manifest(phantoms)
    short = {"train": {"epochs": 1}, "data": {"limit": 4, "split": "folds.json"}}
    write_splits(make_folds(samples, folds=2), Path("folds.json"))
    first = tiny_run(phantoms, **short)
    teach(first, Path("runs/first-fold0"))
    second = tiny_run(phantoms, **short, model={"continues": "first.toml"})

    turned = replace(second, data=replace(second.data, classes=second.data.classes[::-1]))
    with pytest.raises(UsageError, match="knows NORMAL, DRUSEN, CNV, DME, this one"):
        teach(turned, tmp_path / "turned")

    write_splits(make_folds(samples, folds=2, seed=1), Path("folds.json"))
    with pytest.raises(UsageError, match="would know some test patients"):
        teach(second, tmp_path / "second")


def test_that_too_little_memory_names_the_setting_to_lower(phantoms, tmp_path, capsys):
    config = write_toml(tmp_path / "tiny.toml", tiny_settings(phantoms))
    options = arguments_of("").parse_args(["--config", str(config)])

    def work(run, out):
        torch.empty(1 << 60, dtype=torch.uint8)

    assert carry_out(options, work) == 1
    assert "Lower train.batch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "train.workers"),
        (RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"), "train.workers"),
        (
            RuntimeError("unable to allocate shared memory(shm) for file </torch_7>"),
            "train.workers",
        ),
        (RuntimeError("CUDA error: out of memory"), "Lower train.batch"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "Lower train.batch"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "Lower train.batch"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "Lower train.batch"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device. Mend that"),
    ],
)
def test_that_want_of_memory_or_disk_is_one_sentence(error, sentence, phantoms, tmp_path, capsys):
    config = write_toml(tmp_path / "tiny.toml", tiny_settings(phantoms))
    options = arguments_of("").parse_args(["--config", str(config)])

    def work(run, out):
        raise error

    assert carry_out(options, work) == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_that_a_killed_worker_names_the_setting_to_lower(phantoms, tmp_path, capsys):
    """Killed as the system does it that has no memory left."""
    config = write_toml(tmp_path / "tiny.toml", tiny_settings(phantoms))
    options = arguments_of("").parse_args(["--config", str(config)])

    def work(run, out):
        stream = batches(_KillsItsWorker(), [[(0, 0)]], workers=1)
        next(stream)

    assert carry_out(options, work) == 1
    assert "lower train.workers" in capsys.readouterr().err


class _KillsItsWorker(torch.utils.data.Dataset):
    def __getitem__(self, key):
        os.kill(os.getpid(), signal.SIGKILL)


def test_that_what_scores_ends_in_a_sentence_of_its_own(capsys):
    def work():
        torch.empty(1 << 60, dtype=torch.uint8)

    assert in_one_sentence(work, status=2) == 2
    said = capsys.readouterr().err
    assert "start the same command again" in said
    assert "--out" not in said


@pytest.mark.parametrize("trains", [True, False])
def test_that_an_interruption_ends_in_a_sentence(trains, capsys):
    def work():
        signal.raise_signal(signal.SIGINT)
        time.sleep(5)

    # Whoever starts the tests in the background has them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert in_one_sentence(work, trains=trains) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert ("--resume" in capsys.readouterr().err) == trains


def test_that_a_mistake_of_the_program_is_none_of_the_user_s():
    def work():
        raise RuntimeError("index out of range")

    with pytest.raises(RuntimeError, match="index out of range"):
        in_one_sentence(work)


def test_that_a_teacher_of_a_trial_is_not_taken_for_a_whole_one(phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_toml(tmp_path / "teacher.toml", tiny_settings(phantoms, train={"epochs": 1}))
    teach(load_run(config, ["data.limit=4"]), tmp_path / "runs" / "teacher")

    with pytest.raises(UsageError, match=r"another choice of the data .*data\.limit"):
        distil(tiny_run(phantoms, distill={"teachers": (str(config),)}), tmp_path / "student")


def test_that_a_teacher_of_other_classes_is_refused(phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    three = {"classes": ("NORMAL", "DRUSEN", "CNV"), "ignore": ("DME",), "limit": 4}
    config = write_toml(
        tmp_path / "teacher.toml", tiny_settings(phantoms, train={"epochs": 1}, data=three)
    )
    teach(load_run(config), tmp_path / "runs" / "teacher")

    with pytest.raises(UsageError, match="teacher knows NORMAL, DRUSEN, CNV, the student"):
        distil(tiny_run(phantoms, distill={"teachers": (str(config),)}), tmp_path / "student")


def test_that_a_teacher_whose_file_was_changed_since_is_not_taken(phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = {"data": {"limit": 4}, "train": {"epochs": 1}}
    config = write_toml(tmp_path / "teacher.toml", tiny_settings(phantoms, **short))
    student = tiny_run(phantoms, **short, distill={"teachers": (str(config),)})
    distil(student, tmp_path / "first")
    distil(student, tmp_path / "second")  # as its file says: taken as it is

    longer = {**short, "train": {"epochs": 2}}
    write_toml(config, tiny_settings(phantoms, **longer))

    with pytest.raises(UsageError, match=r"runs/teacher was not made as .*teacher\.toml says now"):
        distil(student, tmp_path / "third")


def test_that_a_teacher_of_another_part_of_the_frame_is_refused_before_it_is_trained(
    phantoms, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    whole = tiny_settings(phantoms, input={"crop": "whole"}, train={"epochs": 1})
    config = write_toml(tmp_path / "teacher.toml", whole)

    with pytest.raises(UsageError, match="cut to “whole”, the student to “retina”"):
        distil(tiny_run(phantoms, distill={"teachers": (str(config),)}), tmp_path / "student")
    assert not (tmp_path / "runs").exists()

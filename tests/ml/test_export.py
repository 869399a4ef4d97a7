"""From phantoms to an installed package in one command, and what must not be exported."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from app.analysis import analyse
from app.engine import Engine
from app.errors import StorageError, UsageError
from app.modelpack import TrainingSplit, load_package
from app.preprocess import prepare
from app.reading import open_studies
from ml.calibrate import calibration_of, load_calibration, write_calibration
from ml.classes import NO_LABEL
from ml.config import read_dumped
from ml.distill import main as distil
from ml.evaluate import main as evaluate_command
from ml.export import TOLERANCE, Int8, install, make_package, prove
from ml.export import main as export
from ml.familiarity import Seen, fit_gates, load_gate, score
from ml.graph import Explained, export_graph
from ml.manifest import decode, read_manifest
from ml.models import build, penultimate
from ml.predict import load_trained
from ml.predictions import load_predictions
from ml.quantize import quantized
from ml.scoring import score_package, score_run
from tests.ml.training_data import tiny_settings, write_toml

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pipeline(phantoms, tmp_path_factory):
    """A folder in which teacher, student and package were made by one command, cut in two."""
    folder = tmp_path_factory.mktemp("pipeline")
    teacher = write_toml(
        folder / "teacher.toml", tiny_settings(phantoms, train={"epochs": 8, "lr": 3e-3})
    )
    student = write_toml(
        folder / "student.toml",
        tiny_settings(
            phantoms,
            augment={"views": 2},
            train={"epochs": 8, "lr": 3e-3},
            distill={"teachers": (str(teacher),), "replay": True},
        ),
    )
    command = [
        sys.executable, "-m", "ml.distill", "--config", str(student), "--resume",
        "--out", "runs/student",
    ]  # fmt: skip
    environment = {"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def package(pipeline):
    return make_package(pipeline / "runs" / "student", "smoke", pipeline / "models").folder


def test_that_the_missing_teacher_was_trained_first_on_the_same_split(pipeline):
    splits = [
        json.loads((pipeline / "runs" / name / "split.json").read_text())["sha256"]
        for name in ("teacher", "student")
    ]

    assert splits[0] == splits[1]


def test_that_a_finished_run_is_not_taken_for_that_of_a_file_that_was_changed(pipeline, capsys):
    command = ["--config", str(pipeline / "student.toml"), "--out", str(pipeline / "runs/student")]

    assert distil([*command, "--resume"]) == 0
    assert distil([*command, "--resume", "--set", "train.seed=7"]) == 1

    assert "a finished run of another configuration" in capsys.readouterr().err


def test_that_a_finished_run_becomes_a_package_of_another_version(pipeline, tmp_path):
    run = str(pipeline / "runs" / "student")

    assert export(f"--run {run} --package again --version 2.0.0 --out {tmp_path}".split()) == 0

    assert load_package(tmp_path / "again").card.version == "2.0.0"


def test_that_a_finished_run_keeps_what_its_file_says_of_its_package_now(pipeline, tmp_path):
    run = shutil.copytree(pipeline / "runs" / "student", tmp_path / "run")
    stated = ["--set", "version=2.0.0", "--set", "limits=['One clinic.']"]
    command = ["--config", str(pipeline / "student.toml"), "--out", str(run), "--resume"]

    assert distil([*command, *stated]) == 0

    made = read_dumped(run / "run.json")
    assert (made.version, made.limits) == ("2.0.0", ("One clinic.",))


def test_that_the_package_loads_and_carries_its_card(package):
    card = load_package(package).card

    assert card.trained
    assert card.names == ("NORMAL", "DRUSEN", "CNV", "DME")
    figures = {figure.name: figure.value for figure in card.figures}
    assert {"accuracy", "sensitivity for CNV"} <= figures.keys()
    assert figures["AUROC for pictures that are no B-scan"] > 0.5
    assert all(figure.low <= figure.value <= figure.high for figure in card.figures)
    told = (package / "card.md").read_text()
    assert card.graph_sha256 in told
    assert "First weights: random numbers; 8 epochs" in told
    assert re.search(r"\d M parameters, \d+\.\d+ G multiply-adds for one B-scan", told)


def test_that_the_package_says_on_which_division_it_was_trained(package, pipeline):
    split = json.loads((pipeline / "runs" / "student" / "split.json").read_text())

    assert load_package(package).card.split == TrainingSplit(sha256=split["sha256"], fold=0)


def test_that_the_program_runs_the_package_on_a_study(package, phantoms):
    images = sorted((phantoms.parent / "CNV").glob("*.png"))[:2]
    study = open_studies(images).studies[0]

    result = analyse(study, load_package(package))

    bscans = result.eyes[0].volumes[0].bscans
    assert len(bscans) == 2
    assert all(each.maps is None or each.maps.shape[0] == 4 for each in bscans)


def test_that_a_package_that_cannot_be_put_in_place_leaves_the_former_one(package, tmp_path):
    former = shutil.copytree(package, tmp_path / "smoke")

    with pytest.raises(StorageError, match="cannot be put at"):
        install(tmp_path / "elsewhere" / "smoke", former)

    assert [path.name for path in tmp_path.iterdir()] == ["smoke"]
    assert load_package(former).card == load_package(package).card


def test_that_an_export_leaves_nothing_beside_the_package(package):
    assert {path.name for path in package.parent.iterdir()} == {"smoke"}
    assert {path.name for path in package.iterdir()} == {
        "card.md", "model.json", "model.onnx", "weights.safetensors",
    }  # fmt: skip


def test_that_the_graph_is_the_network_for_any_number_of_frames(tmp_path):
    import onnxruntime

    torch.manual_seed(0)
    network = build("test_efficientnet", 4).eval()

    class Energy(nn.Module):
        def forward(self, features: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
            return -torch.logsumexp(logits, 1)

    explained = Explained(network, Energy()).eval()
    session = onnxruntime.InferenceSession(export_graph(explained, (3, 64, 96)))

    for count in (1, 2, 5):
        frames = np.random.default_rng(count).random((count, 3, 64, 96), dtype=np.float32)
        with torch.inference_mode():
            expected = [each.numpy() for each in explained(torch.from_numpy(frames))]
        for own, other in zip(expected, session.run(None, {"frames": frames}), strict=True):
            assert np.abs(own - other).max() <= 1e-4 * max(np.abs(own).max(), 1)


def test_that_every_gate_goes_into_the_graph_and_into_8_bit_integers():
    import onnxruntime

    torch.manual_seed(0)
    network = build("test_efficientnet", 4).eval()
    frames = torch.rand(96, 3, 64, 96)
    with torch.inference_mode():
        _, pooled, logits = (each.numpy() for each in penultimate(network, frames))
    inside = Seen(features=pooled, logits=logits, labels=np.arange(96) % 4)
    outside = Seen(features=pooled + 1, logits=logits, labels=np.full(96, NO_LABEL))
    shown = frames[:16].numpy()

    for kind, gate in fit_gates(inside, outside).items():
        whole = export_graph(Explained(network, gate).eval(), (3, 64, 96))
        for graph, tolerance in ((whole, 1e-3), (quantized(whole, shown), 0.5)):
            session = onnxruntime.InferenceSession(graph)
            said = session.run(["unfamiliarity"], {"frames": shown})[0]
            expected = score(gate, replace(inside, features=pooled[:16], logits=logits[:16]))
            scale = max(np.abs(expected).max(), 1)
            assert np.abs(said - expected).max() <= tolerance * scale, kind
            assert session.run(["unfamiliarity"], {"frames": shown[:1]})[0].shape == (1,), kind


def test_that_a_network_without_a_linear_head_is_refused():
    network = build("test_efficientnet", 4)
    network.reset_classifier(0)

    with pytest.raises(UsageError, match="one linear layer"):
        Explained(network, nn.Identity())


def test_that_an_unfinished_run_is_not_exported(tmp_path):
    with pytest.raises(UsageError, match="no finished run"):
        make_package(tmp_path, "none", tmp_path / "models")


@pytest.fixture
def proved(pipeline, package, phantoms):
    """A package, the network that it was made of, and B-scans to hold them against each other."""
    run = pipeline / "runs" / "student"
    gate, _ = load_gate(run / "gate.safetensors")
    network = load_trained(run).network
    if offsets := load_calibration(run / "calibration.json").offsets:
        network.get_classifier().bias.data += torch.tensor(offsets)
    spec = load_package(package).card.input
    images = sorted(phantoms.parent.glob("*/*.png"))[::9]
    frames = np.stack([prepare(decode(image), spec).tensor for image in images])
    return package, Explained(network, gate).eval(), frames


def test_that_a_package_is_proved_in_probabilities_maps_and_unfamiliarity(proved):
    assert all(each <= TOLERANCE for each in astuple(prove(*proved, exact=True)))


def of_logits(explained):
    explained.network.get_classifier().bias.data[1] += 0.01


def of_maps(explained):
    # Added to every class alike, so that probabilities stay.
    explained.network.get_classifier().weight.data += 0.05


def of_the_gate(explained):
    explained.gate = Moved(explained.gate)


class Moved(nn.Module):
    def __init__(self, gate):
        super().__init__()
        self.gate = gate

    def forward(self, features, logits):
        return 1.01 * self.gate(features, logits)


def of_nothing_that_is_a_number(explained):
    explained.network.get_classifier().bias.data[0] = torch.nan


@pytest.mark.parametrize("change", [of_logits, of_maps, of_the_gate, of_nothing_that_is_a_number])
def test_that_a_graph_that_does_not_agree_with_its_network_is_refused(proved, change):
    package, explained, frames = proved
    change(explained)

    with pytest.raises(UsageError, match=r"does not agree .* No package was written\."):
        prove(package, explained, frames, exact=True)
    assert prove(package, explained, frames, exact=False) is not None


def test_that_a_refused_graph_leaves_the_former_package_and_nothing_else(
    pipeline, package, tmp_path, monkeypatch
):
    former = shutil.copytree(package, tmp_path / "smoke")
    monkeypatch.setattr("ml.export.TOLERANCE", -1.0)  # less than any difference

    with pytest.raises(UsageError, match="No package was written"):
        make_package(pipeline / "runs" / "student", "smoke", tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["smoke"]
    assert load_package(former).card == load_package(package).card


@pytest.mark.parametrize(
    ("allowed", "sentence"),
    [
        (("--int8-movement", "0"), r"move by 0\.\d+ on average \(they may by 0\)"),
        (("--int8-accuracy", "-1"), r"from [01]\.\d+ to [01]\.\d+ \(it may fall by -1\)"),
        (("--int8-movement", "nan"), r"\(they may by nan\)"),
    ],
)
def test_that_int8_that_costs_more_than_allowed_is_refused(pipeline, allowed, sentence, capsys):
    run = ["--run", str(pipeline / "runs" / "student"), "--package", "costly", "--int8"]

    assert export([*run, "--out", str(pipeline / "costly"), *allowed]) == 1

    said = capsys.readouterr().err
    assert re.search(sentence, said)
    assert "No package was written" in said
    assert not list((pipeline / "costly").iterdir())


def test_that_int8_answers_much_like_the_network(pipeline, package, phantoms):
    # So small a network on so few B-scans: one of them is more accuracy than is usually allowed.
    allowed = Int8(accuracy=0.25, movement=0.1)
    folder = make_package(
        pipeline / "runs" / "student", "smoke-int8", pipeline / "models", int8=allowed
    ).folder

    small, whole = (each / "model.onnx" for each in (folder, package))
    assert small.stat().st_size < 0.6 * whole.stat().st_size
    spec = load_package(package).card.input
    images = sorted(phantoms.parent.glob("*/*.png"))[::2]
    frames = np.stack([prepare(decode(image), spec).tensor for image in images])
    answers = [Engine(load_package(each)).infer(frames).probabilities for each in (folder, package)]
    assert np.abs(answers[0] - answers[1]).mean() < 0.1
    changes = [
        figure
        for figure in load_package(folder).card.figures
        if figure.name == "difference in accuracy to smoke-int8 in full precision"
    ]
    assert [figure.data.split(", ")[1] for figure in changes] == ["by B-scan", "by patient"]
    assert all(figure.low <= figure.value <= figure.high for figure in changes)
    assert changes[0].name in (folder / "card.md").read_text()


def test_that_a_run_and_its_package_say_the_same_of_five_views(pipeline, package, phantoms):
    samples = read_manifest(phantoms)[:6]

    run = score_run(pipeline / "runs" / "student", samples, tta=True)
    packaged = score_package(load_package(package), samples, tta=True)

    assert run.views == packaged.views
    assert run.temperature == packaged.temperature != 1  # its own, without being told
    assert np.abs(run.probabilities - packaged.probabilities).max() < 0.01


def test_that_a_calibrated_run_is_judged_by_its_own_rule_and_gate(
    pipeline, package, phantoms, tmp_path
):
    judged = {}
    for what, path in (("run", pipeline / "runs" / "student"), ("package", package)):
        command = f"--{what} {path} --manifest {phantoms} --replicates 5 --out {tmp_path / what}"
        assert evaluate_command(command.split()) == 0
        judged[what] = json.loads((tmp_path / what / "evaluation.json").read_text())

    of_run, of_package = (
        [
            (each["subset"], each["unit"], [figure["value"] for figure in each["figures"]])
            for each in judged[what]["results"]
        ]
        for what in ("run", "package")
    )
    assert [each[:2] for each in of_run] == [each[:2] for each in of_package]
    assert ("all", "patient") in [each[:2] for each in of_run]
    for run, made in zip(of_run, of_package, strict=True):
        assert run[2] == pytest.approx(made[2], abs=1e-3, nan_ok=True)
    own, packaged = (
        load_predictions(tmp_path / what / "predictions.npz").unfamiliarity
        for what in ("run", "package")
    )
    assert np.abs(own - packaged).max() < 1e-2 * max(1, np.abs(packaged).max())


def test_that_what_calibration_adds_to_the_logits_is_in_the_package(
    pipeline, package, phantoms, tmp_path
):
    run = tmp_path / "student"
    shutil.copytree(pipeline / "runs" / "student", run)
    calibration = load_calibration(run / "calibration.json")
    offsets = (0.5, -1.0, 0.25, 0.25)
    write_calibration(replace(calibration, offsets=offsets), run / "calibration.json")
    samples = read_manifest(phantoms)[:6]

    made = make_package(run, "moved", tmp_path / "models").folder

    before = score_package(load_package(package), samples)
    after = score_package(load_package(made), samples)
    assert np.abs(after.logits - before.logits - np.array(offsets)).max() < 1e-4
    assert np.abs(after.logits - score_run(run, samples).logits).max() < 3e-2
    assert "DRUSEN -1.000" in (made / "card.md").read_text()


def test_that_a_calibration_of_other_weights_is_not_taken(pipeline, package, tmp_path):
    copied = tmp_path / "student"
    shutil.copytree(pipeline / "runs" / "student", copied)
    assert calibration_of(copied) == load_calibration(copied / "calibration.json")

    tensors = load_file(copied / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, copied / "model.safetensors")

    assert calibration_of(copied) is None


def test_that_the_graph_names_no_folder_of_the_computer_that_trained(package):
    graph = (package / "model.onnx").read_bytes()

    assert str(CHECKOUT).encode() not in graph
    assert b"site-packages" not in graph

"""A run can learn what was published of one data set, and another begin with what it learnt."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.errors import UsageError
from app.modelpack import load_package
from ml.assemble import divide, earlier_of, network_of, require_sound_data
from ml.calibrate import main as calibrate_command
from ml.config import keep_run, load_run
from ml.distill import distil
from ml.distill import main as distil_command
from ml.dryrun import rehearse
from ml.evaluate import main as evaluate_command
from ml.export import make_package
from ml.manifest import read_manifest
from ml.predict import load_trained
from ml.predictions import load_predictions
from ml.splits import make_folds, write_splits
from ml.teach import teach
from tests.ml.training_data import (
    CLASSES,
    FINDINGS,
    PUBLISHED,
    STRANGE,
    tiny_run,
    tiny_settings,
    two_devices,
    write_toml,
)

EVERY_FINDING = {"classes": FINDINGS, "label": "finding", "sources": ("octdl",)}
SHORT = {"train": {"epochs": 1}}
STILL = {"train": {"epochs": 1, "lr": 1e-30, "weight_decay": 0.0}}
"""At so small a rate a run keeps what it starts with."""


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    return two_devices(tmp_path_factory.mktemp("devices"))


@pytest.fixture
def octdl(devices, tmp_path, monkeypatch):
    """The file of a run that pre-trains, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return write_toml(Path("octdl.toml"), tiny_settings(devices, **SHORT, data=EVERY_FINDING))


def begun_with(octdl, devices, **sections):
    return tiny_run(devices, model={"pretrained": str(octdl)}, **sections)


def backbone(network):
    return {
        name: tensor
        for name, tensor in network.named_parameters()
        if not name.startswith("classifier")
    }


def test_that_findings_are_learnt_as_published_also_those_that_are_no_class(devices):
    division = divide(tiny_run(devices, data=EVERY_FINDING))

    assert {each.source for each in division.train} == {"octdl"}
    assert {each.label for each in division.train} == set(FINDINGS)
    assert len(division.train) > len(divide(tiny_run(devices, data={"sources": ("octdl",)})).train)


def test_that_findings_and_classes_are_learnt_of_one_division(devices):
    findings, classes = divide(tiny_run(devices, data=EVERY_FINDING)), divide(tiny_run(devices))

    assert findings.split.sha256 == classes.split.sha256


def test_that_a_finding_nobody_named_is_an_error_and_can_be_left_out(devices):
    known = [name for name in FINDINGS if name not in STRANGE.values()]
    some = {**EVERY_FINDING, "classes": known}

    with pytest.raises(UsageError, match=r"labels that are none of NO, AMD/drusen.*ERM, RAO, RVO"):
        divide(tiny_run(devices, data=some))

    left_out = tuple(STRANGE.values())
    assert {
        each.label for each in divide(tiny_run(devices, data={**some, "ignore": left_out})).train
    } == set(known)


def test_that_labels_of_another_source_are_not_asked_for(devices):
    classes = {"classes": tuple(PUBLISHED.values()), "label": "finding", "sources": ("octdl",)}

    with pytest.raises(UsageError, match="AMD/MNV_suspected") as refused:
        divide(tiny_run(devices, data=classes))

    assert "NORMAL" not in str(refused.value)


def test_that_one_command_pretrains_and_begins_with_all_but_the_classifier(octdl, devices):
    teach(begun_with(octdl, devices, **STILL), Path("student"))

    earlier = load_trained(Path("runs/octdl")).network
    own = load_trained(Path("student")).network
    assert own.get_classifier().out_features == len(CLASSES)
    assert earlier.get_classifier().out_features == len(FINDINGS)
    for name, tensor in backbone(earlier).items():
        torch.testing.assert_close(backbone(own)[name], tensor)


def test_that_a_distilled_student_can_be_pretrained_too(octdl, devices):
    teacher = write_toml(Path("teacher.toml"), tiny_settings(devices, **SHORT))
    run = begun_with(octdl, devices, **STILL, distill={"teachers": (str(teacher),)})

    assert "first octdl is trained" in rehearse(run)
    distil(run, Path("student"))

    earlier, own = (load_trained(Path(folder)).network for folder in ("runs/octdl", "student"))
    for name, tensor in backbone(earlier).items():
        torch.testing.assert_close(backbone(own)[name], tensor)
    assert "octdl is trained" not in rehearse(run)


def test_that_a_new_classifier_begins_near_equal_probabilities(octdl, devices):
    run = begun_with(octdl, devices)
    teach(load_run(octdl), Path("runs/octdl"))

    weights = network_of(run).get_classifier().weight

    assert weights.std().item() == pytest.approx(0.01, rel=0.2)


def test_that_a_pretrained_run_that_knows_other_patients_is_refused(octdl, devices):
    write_toml(octdl, tiny_settings(devices, **SHORT))

    def on_folds(seed):
        write_splits(make_folds(read_manifest(devices), folds=2, seed=seed), Path("folds.json"))

    on_folds(0)
    run = begun_with(octdl, devices, **SHORT, data={"split": "folds.json"})
    teach(run, Path("first"))
    on_folds(1)

    with pytest.raises(UsageError, match="would know some test patients"):
        teach(run, Path("second"))


def test_that_a_pretrained_run_made_otherwise_than_its_file_says_is_refused(octdl, devices):
    run = begun_with(octdl, devices, **SHORT)
    teach(replace(load_run(octdl), data=run.data), Path("runs/octdl"))

    with pytest.raises(UsageError, match=r"runs/octdl was not made as octdl\.toml says now"):
        teach(run, Path("student"))


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"data": {**EVERY_FINDING, "classes": FINDINGS[:4]}}, "labels that are none of NO, AMD"),
        ({"data": {"classes": (*CLASSES, "GLAUCOMA")}}, "No training patient has GLAUCOMA"),
        ({"model": {"architecture": "test_vit"}}, "“test_vit”, which is not the run's"),
        ({"distill": {"teachers": ("teacher.toml",)}}, "teachers cannot pre-train"),
    ],
)
def test_that_what_cannot_pretrain_is_refused_before_anything_is_trained(
    sections, sentence, octdl, devices, capsys
):
    write_toml(octdl, tiny_settings(devices, **SHORT, **sections))
    teacher = write_toml(Path("teacher.toml"), tiny_settings(devices, **SHORT))
    model = {"pretrained": str(octdl)}
    settings = tiny_settings(devices, model=model, distill={"teachers": (str(teacher),)})
    student = write_toml(Path("student.toml"), settings)

    for more in ([], ["--dry-run"]):
        assert distil_command(["--config", str(student), *more]) == 1
        assert sentence in capsys.readouterr().err
    assert not Path("runs").exists()


def test_that_a_pretraining_file_that_is_missing_is_refused_before_anything_is_trained(
    devices, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match=r"nowhere\.toml cannot be read"):
        require_sound_data(begun_with("nowhere.toml", devices))


def test_that_what_was_learnt_before_is_told_by_that_run_of_where_the_data_are_now(octdl, devices):
    keep_run(tiny_run(devices, data=EVERY_FINDING), Path("runs/octdl"))
    octdl.unlink()

    told = earlier_of(begun_with(octdl, Path("moved.csv")))

    assert (told.data.label, told.data.manifest) == ("finding", Path("moved.csv"))
    with pytest.raises(UsageError, match="What nowhere learnt, with which this run began, cannot"):
        earlier_of(begun_with("nowhere.toml", devices))


def test_that_a_card_counts_what_was_learnt_before(octdl, devices):
    run = begun_with(octdl, devices, **SHORT, data={"sources": ("kermany",)})
    teach(run, Path("student"))

    card = load_package(make_package(Path("student"), "pretrained", Path("models")).folder).card

    shown = {each.name: each.bscans for each in card.training}
    assert shown["octdl"] == len(divide(tiny_run(devices, data=EVERY_FINDING)).train)
    assert shown["kermany"] == len(divide(run).train)
    assert any("4 B-scans of other diseases" in each for each in card.limits)


def test_that_a_run_of_findings_is_judged_on_them_and_has_no_rule(octdl, devices, capsys):
    teach(load_run(octdl), Path("runs/octdl"))
    command = f"--run runs/octdl --manifest {devices} --sources octdl --split train --out out"

    assert evaluate_command([*command.split(), "--replicates", "5"]) == 0
    known = load_predictions(Path("out/predictions.npz")).labelled()
    assert len(known) == len(divide(load_run(octdl)).train)

    assert calibrate_command(["--run", "runs/octdl"]) == 2
    assert "cannot be exported" in capsys.readouterr().err

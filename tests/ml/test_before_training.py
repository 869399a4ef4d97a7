"""What can be known before anything is trained is said then, and not hours later."""

import hashlib
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.errors import UsageError
from ml.assemble import inspected, require_sound_data
from ml.distill import main as distil
from ml.manifest import decode, read_manifest, write_manifest
from ml.splits import main as divide
from ml.splits import make_folds, write_splits
from ml.teach import main as teach
from tests.labelled_sets import write_image
from tests.ml.training_data import tiny_run, tiny_settings, write_toml

SHORT = {"train": {"epochs": 1}, "data": {"limit": 4}}


@pytest.fixture
def own(phantoms, tmp_path, monkeypatch) -> Path:
    """The manifest of phantoms that a test may spoil, in the folder of a test's own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(phantoms.parent, tmp_path / "data")
    return tmp_path / "data" / "manifest.csv"


@pytest.fixture
def student(own) -> list[str]:
    """The command that distils a student whose teacher is not trained."""
    write_toml(Path("teacher.toml"), tiny_settings(own, **SHORT))
    taught = tiny_settings(own, **SHORT, distill={"teachers": ("teacher.toml",)})
    config = write_toml(Path("student.toml"), taught)
    return ["--config", str(config)]


def with_near_duplicate(manifest: Path) -> Path:
    """The same and one training image more, brighter and under another patient's name."""
    samples = read_manifest(manifest)
    first = next(each for each in samples if each.split == "train")
    copy = manifest.with_name("copy.png")
    Image.fromarray(np.clip(decode(first.image) * 1.2 + 3, 0, 255).astype(np.uint8)).save(copy)
    again = replace(
        first,
        image=copy,
        patient="somebody-else",
        sha256=hashlib.sha256(copy.read_bytes()).hexdigest(),
    )
    write_manifest([*samples, again], manifest)
    return manifest


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("part", "spoil", "sentence"),
    [
        ("test", lambda image: image.write_bytes(b"no image"), "images that cannot be read"),
        ("train", lambda image: write_image(image, 1), "images that are not those"),
    ],
)
def test_that_no_run_begins_on_data_with_a_fault(own, part, spoil, sentence, more, capsys):
    """Also where a split file says who is where, and no image is decoded to find it out."""
    samples = read_manifest(own)
    split = make_folds(samples, folds=2)
    write_splits(split, Path("folds.json"))
    named = getattr(split.folds[0], part)
    image = next(each.image for each in samples if each.sha256 in named)
    spoil(image)
    config = write_toml(Path("run.toml"), tiny_settings(own, data={"split": "folds.json"}))

    assert teach(["--config", str(config), *more]) == 1

    said = capsys.readouterr().err
    assert f"The data cannot be trained on: {sentence}" in said
    assert image.name in said
    assert not Path("runs").exists()


def test_that_no_split_is_made_of_data_with_a_fault(own, capsys):
    image = read_manifest(own)[0].image
    image.write_bytes(b"no image")

    assert divide([str(own), "--out", "folds.json", "--folds", "2"]) == 2

    assert image.name in capsys.readouterr().err
    assert not Path("folds.json").exists()


def test_that_a_run_says_in_short_what_is_odd_about_its_data(own, capsys):
    config = write_toml(Path("run.toml"), tiny_settings(with_near_duplicate(own)))

    assert teach(["--config", str(config), "--dry-run"]) == 0

    said = capsys.readouterr().err.splitlines()
    assert "warning: 1 near-duplicates of different patients, who may be one person" in said
    assert f"`python -m ml.datasets check {own}` says which." in said


def test_that_what_is_odd_is_said_once_of_a_run_and_what_it_is_pretrained_by(own, capsys):
    write_toml(Path("before.toml"), tiny_settings(with_near_duplicate(own)))

    require_sound_data(tiny_run(own, model={"pretrained": "before.toml"}))

    assert capsys.readouterr().err.count("near-duplicates") == 1


def test_that_images_are_decoded_once_for_a_chain_of_runs(student):
    inspected.cache_clear()

    assert distil(student) == 0

    assert inspected.cache_info().misses == 1


def test_that_of_several_processes_the_first_looks(own, capsys):
    from torch.testing._internal.distributed.fake_pg import FakeStore

    read_manifest(own)[0].image.write_bytes(b"no image")
    torch.distributed.init_process_group("fake", rank=1, world_size=2, store=FakeStore())
    try:
        require_sound_data(tiny_run(own))
    finally:
        torch.distributed.destroy_process_group()

    assert capsys.readouterr().err == ""


def test_that_images_of_sources_that_are_not_chosen_need_not_be_there(own):
    elsewhere = [
        replace(each, source="elsewhere", image=Path("away") / each.image.name)
        if each.patient.endswith("1")
        else each
        for each in read_manifest(own)
    ]
    write_manifest(elsewhere, own)

    require_sound_data(tiny_run(own, data={"sources": ["phantom"]}))
    with pytest.raises(UsageError, match="cannot be read"):
        require_sound_data(tiny_run(own))


def test_that_a_published_division_that_a_run_does_not_use_may_be_as_it_likes(own):
    samples = read_manifest(own)
    write_splits(make_folds(samples, folds=2), Path("folds.json"))
    write_manifest(
        [replace(each, split="test") if n % 3 else each for n, each in enumerate(samples)], own
    )

    require_sound_data(tiny_run(own, data={"split": "folds.json"}))
    with pytest.raises(UsageError, match="patient in two splits"):
        require_sound_data(tiny_run(own))


def without_validation_of(label: str, manifest: Path) -> None:
    samples = read_manifest(manifest)
    write_manifest([s for s in samples if (s.label, s.split) != (label, "val")], manifest)


def renamed(label: str, name: str, manifest: Path) -> None:
    samples = read_manifest(manifest)
    write_manifest([replace(s, label=name) if s.label == label else s for s in samples], manifest)


@pytest.mark.parametrize(
    ("spoil", "keys", "sentence"),
    [
        (
            partial(renamed, "DME", "ODEMA"),
            ['data.classes=["NORMAL", "DRUSEN", "CNV", "ODEMA"]'],
            "The classes NORMAL, DRUSEN, CNV, ODEMA cannot be exported",
        ),
        (partial(without_validation_of, "DME"), [], "No validation patient has DME"),
    ],
)
def test_that_a_package_that_cannot_be_is_refused_before_a_teacher_is_trained(
    own, student, spoil, keys, sentence, capsys
):
    spoil(own)
    command = [*student, *(f"--set={key}" for key in keys)]

    for more in (["--package", "p"], ["--package", "p", "--dry-run"]):
        assert distil([*command, *more]) == 1
        assert sentence in capsys.readouterr().err
    assert not Path("runs").exists()
    assert distil([*command, "--dry-run"]) == 0  # without a package it can be trained


@pytest.mark.parametrize("there", ["model.safetensors", "checkpoint-0001-000000/state.json"])
def test_that_a_folder_that_holds_a_run_is_refused_before_a_teacher_is_trained(
    student, there, capsys
):
    held = Path("runs/student") / there
    held.parent.mkdir(parents=True)
    held.touch()

    assert distil(student) == 1

    assert "runs/student already holds a run. Add --resume" in capsys.readouterr().err
    assert not Path("runs/teacher").exists()

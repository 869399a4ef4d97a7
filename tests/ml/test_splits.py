"""Patients are divided, never images; whoever trains with another's split is refused."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import UsageError
from ml.checks import inspect_images
from ml.grouping import groups_of
from ml.manifest import read_manifest
from ml.splits import (
    Split,
    cross_split,
    division,
    fixed_split,
    load_split,
    load_splits,
    main,
    make_folds,
    refuse_leaks,
    require_same_split,
    select,
    write_splits,
)
from tests.labelled_sets import clinic, sample, write_image
from tests.shared_data import SHARED, needs_shared

LABELS = ("NORMAL", "DRUSEN", "CNV", None)


def sides(samples, split):
    """The parts of `split` that each patient stands in."""
    found: dict[str, set[str]] = {}
    for part in ("train", "val", "test"):
        for each in select(samples, getattr(split, part)):
            found.setdefault(each.patient, set()).add(part)
    return found


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(LABELS)), min_size=1, max_size=80))
def test_that_no_patient_ever_stands_on_two_sides_whatever_labels_he_has(extra):
    samples = clinic(patients=6, labels=LABELS)
    samples += [
        sample(f"x{i}", label=label, patient=f"here-DRUSEN-{p}")
        for i, (p, label) in enumerate(extra)
    ]

    for split in make_folds(samples).folds:
        assert all(len(parts) == 1 for parts in sides(samples, split).values())


def test_that_folds_test_every_image_once_and_keep_the_shares_of_the_classes():
    samples = clinic(patients=50, labels=LABELS)

    file = make_folds(samples)

    tested = Counter(sha256 for split in file.folds for sha256 in split.test)
    assert set(tested.values()) == {1}
    assert len(tested) == len(samples)
    for split in file.folds:
        labels = Counter(each.label for each in select(samples, split.test))
        assert all(24 <= labels[label] <= 36 for label in LABELS)
        assert 0.60 < len(split.train) / len(samples) < 0.68
        assert 0.13 < len(split.val) / len(samples) < 0.19


def test_that_the_same_seed_makes_the_same_folds_and_another_seed_others():
    samples = clinic(patients=20, labels=LABELS)

    assert make_folds(samples).sha256 == make_folds(samples).sha256
    assert make_folds(samples).sha256 != make_folds(samples, seed=1).sha256


def test_that_patients_who_share_an_image_are_one_group():
    samples = [
        sample("a", patient="CNV-26", sha256="one"),
        sample("b", patient="CNV-147", sha256="one"),
        sample("c", patient="CNV-147", sha256="two"),
        sample("d", patient="DRUSEN-9", sha256="two"),
        sample("e", patient="CNV-5"),
    ]

    groups = groups_of(samples)

    assert groups["CNV-26"] == groups["CNV-147"] == groups["DRUSEN-9"]
    assert groups["CNV-5"] == "CNV-5"


def test_that_linked_patients_stay_together_in_every_fold():
    samples = clinic(patients=20, labels=("NORMAL", "CNV"))
    linked = [(samples[0], samples[9]), (samples[9], samples[60])]
    people = {each.patient for pair in linked for each in pair}

    for split in make_folds(samples, linked=linked).folds:
        found = sides(samples, split)
        assert len(set.union(*(found[patient] for patient in people))) == 1


def test_that_a_fixed_split_leaves_out_of_training_whoever_is_also_tested():
    samples = [
        sample("a", patient="p1", split="train"),
        sample("b", patient="p2", split="train"),
        sample("c", patient="p3", split="test"),
        sample("d", patient="p4", split="val"),
    ]

    (split,) = fixed_split(samples, linked=[(samples[0], samples[2])]).folds

    assert (split.train, split.val, split.test) == (("b",), ("d",), ("c",))


def test_that_a_fixed_split_with_a_patient_on_two_sides_is_refused():
    samples = [sample("a", split="train"), sample("b", split="test")]

    with pytest.raises(UsageError, match="in two of its parts"):
        fixed_split(samples)


def test_that_training_patients_are_crossed_each_once_and_nobody_else():
    samples = clinic(patients=10, labels=("NORMAL", "CNV", None))
    whole = make_folds(samples, folds=5).folds[0]
    linked = [
        (one, other)
        for one, other in pairwise(select(samples, whole.train))
        if one.label == other.label == "CNV"
    ][:2]

    file = cross_split(samples, whole, folds=3, linked=linked)

    assert sorted(each for split in file.folds for each in split.test) == sorted(whole.train)
    for split in file.folds:
        assert split.val == whole.val
        assert {*split.train, *split.test} == {*whole.train}
        refuse_leaks(samples, split, linked)
    assert file == cross_split(samples, whole, folds=3, linked=linked)


def test_that_a_leak_is_refused():
    samples = clinic(patients=2, labels=("CNV",))
    leaking = Split(
        fold=0, train=(samples[0].sha256,), val=(samples[3].sha256,), test=(samples[1].sha256,)
    )
    twice = replace(leaking, test=leaking.train)

    with pytest.raises(UsageError, match="here-CNV-0"):
        refuse_leaks(samples, leaking)
    with pytest.raises(UsageError, match="names an image in two"):
        refuse_leaks(samples, twice)


def test_that_teacher_and_student_of_different_splits_are_refused():
    require_same_split("abc", "abc")
    with pytest.raises(UsageError, match="Train the teacher on the student's split"):
        require_same_split("abc", "abd")


@pytest.mark.parametrize("folds", [1, 0, -1])
def test_that_fewer_than_two_folds_are_refused(folds):
    with pytest.raises(UsageError, match="at least 2"):
        make_folds(clinic(patients=4, labels=("CNV",)), folds=folds)


def test_that_a_class_with_fewer_patients_than_folds_is_refused():
    samples = clinic(patients=8, labels=("NORMAL",)) + clinic(patients=3, labels=("CNV",))

    with pytest.raises(UsageError, match="CNV has fewer"):
        make_folds(samples)


def test_that_a_split_file_is_known_by_its_hash(tmp_path):
    samples = clinic(patients=10, labels=LABELS)
    file = make_folds(samples)
    write_splits(file, tmp_path / "splits.json")

    assert load_splits(tmp_path / "splits.json") == file
    assert load_split(tmp_path / "splits.json", 3) == file.folds[3]
    assert load_split(tmp_path / "splits.json", 3).sha256 == file.sha256
    text = (tmp_path / "splits.json").read_text()
    (tmp_path / "splits.json").write_text(text.replace('"seed": 43', '"seed": 44'))
    assert load_splits(tmp_path / "splits.json").sha256 != file.sha256


def test_that_a_split_for_other_data_is_refused(tmp_path):
    write_splits(make_folds(clinic(patients=10, labels=LABELS)), tmp_path / "splits.json")

    with pytest.raises(UsageError, match="made for other data"):
        division(clinic(patients=9, labels=LABELS), tmp_path / "splits.json", 0, ())
    with pytest.raises(UsageError, match="not 7"):
        load_split(tmp_path / "splits.json", 7)
    with pytest.raises(UsageError, match="cannot be read"):
        load_split(tmp_path / "none.json")


def test_the_command_that_writes_folds(tmp_path, capsys):
    from ml.importers import import_folders
    from ml.manifest import write_manifest

    for label in ("CNV", "NORMAL"):
        for patient in range(6):
            write_image(
                tmp_path / f"{label}/p{label}{patient}/1.png", patient + 50 * (label == "CNV")
            )
    write_manifest(import_folders(tmp_path), tmp_path / "manifest.csv")

    status = main(
        [str(tmp_path / "manifest.csv"), "--out", str(tmp_path / "s.json"), "--folds", "3"]
    )

    assert status == 0
    assert load_splits(tmp_path / "s.json").sha256 in capsys.readouterr().out


def test_the_command_that_crosses_training_patients(tmp_path, capsys):
    from ml.importers import import_folders
    from ml.manifest import write_manifest

    parts = ["train"] * 4 + ["val", "test"]
    for label in ("CNV", "NORMAL"):
        for patient in range(6):
            write_image(
                tmp_path / f"{label}/p{label}{patient}/1.png", patient + 50 * (label == "CNV")
            )
    samples = [
        replace(each, split=parts[int(each.patient[-1])]) for each in import_folders(tmp_path)
    ]
    manifest, out = tmp_path / "manifest.csv", tmp_path / "s.json"
    write_manifest(samples, manifest)

    assert main([str(manifest), "--out", str(out), "--cross", "2"]) == 0

    asked = [sha256 for split in load_splits(out).folds for sha256 in split.test]
    assert sorted(asked) == sorted(each.sha256 for each in samples if each.split == "train")
    assert main([str(manifest), "--out", str(out), "--cross", "1"]) == 2
    assert "cross nothing" in capsys.readouterr().err


def test_that_a_seed_is_refused_where_nothing_is_drawn(tmp_path, capsys):
    command = [str(tmp_path / "manifest.csv"), "--out", str(tmp_path / "s.json"), "--fixed"]

    assert main([*command, "--seed", "1"]) == 2

    assert "--seed changes nothing beside --fixed" in capsys.readouterr().err


@pytest.mark.long
@needs_shared
def test_that_the_collected_data_have_people_under_two_names_who_are_then_kept_out_of_training():
    samples = read_manifest(SHARED / "data")
    linked = inspect_images(samples).linked

    (split,) = fixed_split(samples, linked=linked).folds

    assert len(linked) > 30
    assert len(split.test) == sum(each.split == "test" for each in samples)
    assert len(split.train) < sum(each.split == "train" for each in samples)
    refuse_leaks(samples, split, linked)

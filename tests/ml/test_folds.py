"""All folds of a split, teacher and student, pooled by patient; on phantoms."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.errors import UsageError
from ml.calibrate import calibrate
from ml.classes import class_info
from ml.config import read_dumped
from ml.folds import Folded, main, pooled, run_folds
from ml.levels import patient_cases
from ml.manifest import read_manifest
from ml.predictions import load_predictions, predictions_of
from ml.splits import make_folds, write_splits
from tests.labelled_sets import sample
from tests.ml.training_data import CLASSES, tiny_run, tiny_settings, write_toml
from tests.tiny_package import tiny_card

FOLDS = 2
KEYS = ("data.balance=root", "train.lr=2e-3")


def said(prefix, *, skill):
    """Predictions of a dozen patients of each class, two B-scans each; another set by prefix."""
    samples = [
        sample(f"{prefix}{label}{p}{i}", label=label, patient=f"{prefix}{label}{p}")
        for label in CLASSES
        for p in range(12)
        for i in range(2)
    ]
    truth = np.eye(4)[[CLASSES.index(each.label) for each in samples]]
    noise = np.random.default_rng(len(prefix)).normal(size=truth.shape)
    return predictions_of(samples, CLASSES, skill * truth + noise, model="m", split_sha256="5" * 64)


@pytest.fixture
def two_folds():
    """One fold's network tells the classes apart, the other's hardly does: their rules differ."""
    runs = [
        tiny_run(Path("none.csv"), data={"split": "none.json", "fold": fold}) for fold in range(2)
    ]
    skills = (8.0, 1.5)
    return Folded(
        name="m",
        runs=tuple(runs),
        validations=tuple(said("v" * (n + 1), skill=skill) for n, skill in enumerate(skills)),
        parts=tuple(said("t" * (n + 3), skill=skill) for n, skill in enumerate(skills)),
    )


def cards_of(folded):
    rules = [
        calibrate(each, unfamiliarity_threshold=0.0).aggregation for each in folded.validations
    ]
    return [replace(tiny_card(), classes=class_info(CLASSES), aggregation=each) for each in rules]


def called(folded, cards):
    """The patients of each fold, called by that fold's card."""
    return [patient_cases(*each) for each in zip(folded.parts, cards, strict=True)]


def test_that_each_fold_s_patients_are_called_by_the_rule_of_its_own_validation(two_folds):
    cards = cards_of(two_folds)

    found = pooled([two_folds])

    answers = [answer for each in called(two_folds, cards) for answer in each.answers.tolist()]
    assert cards[0].aggregation != cards[1].aggregation
    assert found.result("all", "patient").cases.answers.tolist() == answers
    assert "the rule that a model's own answers" in found.notes[0]


def test_that_every_model_calls_patients_by_the_rule_of_its_own_answers(two_folds):
    """One that answers alike but is less sure of it calls nobody by another's thresholds."""

    def unsure(parts):
        return tuple(replace(each, logits=each.logits * 0.3) for each in parts)

    other = replace(
        two_folds,
        name="unsure",
        validations=unsure(two_folds.validations),
        parts=unsure(two_folds.parts),
    )

    found = pooled([two_folds, other])

    def right(folded, cards):
        return float(np.concatenate([each.correct for each in called(folded, cards)]).mean())

    own, lent = right(other, cards_of(other)), right(other, cards_of(two_folds))
    (by_patient,) = (each for each in found.comparisons if each.unit == "patient")
    assert own > lent
    assert by_patient.differences[0].value == pytest.approx(
        right(two_folds, cards_of(two_folds)) - own
    )
    assert not any("one rule" in each for each in found.notes)


def test_that_folds_whose_rule_cannot_be_fitted_are_judged_by_bscan(two_folds):
    without = tuple(each.take(each.labels != 3) for each in two_folds.validations)

    found = pooled([replace(two_folds, validations=without)])

    assert {each.cases.unit for each in found.results} == {"B-scan"}
    assert "No validation patient has DME" in found.notes[0]


@pytest.fixture(scope="module")
def folded(phantoms, tmp_path_factory):
    """A folder in which teacher and student of two folds were trained and judged."""
    folder = tmp_path_factory.mktemp("folds")
    short = {"epochs": 1, "batch": 8}
    teacher = write_toml(folder / "teacher.toml", tiny_settings(phantoms, train=short))
    student = tiny_settings(phantoms, train=short, distill={"teachers": (str(teacher),)})
    write_toml(folder / "student.toml", student)
    write_toml(folder / "alone.toml", tiny_settings(phantoms, train=short))
    write_splits(make_folds(read_manifest(phantoms), folds=FOLDS), folder / "folds.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        also = ["--also", "alone.toml", *(f"--set={key}" for key in KEYS)]
        assert main(["--config", "student.toml", "--split", "folds.json", *also]) == 0
    return folder


def test_that_every_bscan_is_tested_once_and_the_student_compared_with_the_others(folded, phantoms):
    out = folded / "runs" / "student-pooled"
    plain = json.loads((out / "evaluation.json").read_text())

    tested = load_predictions(out / "predictions.npz").images
    assert sorted(tested) == sorted({each.sha256 for each in read_manifest(phantoms)})
    assert [each["other"] for each in plain["comparisons"]] == ["teacher", "alone"]
    assert plain["results"][0]["patients"] == len(
        {each.patient for each in read_manifest(phantoms)}
    )


def test_that_overrides_of_the_data_are_of_all_runs_and_others_of_the_run_itself(folded):
    student, alone = (
        read_dumped(folded / f"runs/{name}-fold0/run.json") for name in ("student", "alone")
    )

    assert (student.data.balance, alone.data.balance) == ("root", "root")
    assert (student.train.lr, alone.train.lr) == (2e-3, 1e-3)


def test_that_a_run_is_corrected_for_the_shares_that_it_was_shown(folded, monkeypatch):
    monkeypatch.chdir(folded)
    names = ("student.toml", "folds.json")

    *_, alone = run_folds(*map(Path, names), [0], KEYS, also=[Path("alone.toml")])

    assert (alone.name, alone.runs[0].data.balance) == ("alone", "root")


def test_that_the_table_has_every_fold_and_their_mean(folded):
    lines = (folded / "runs" / "student-pooled" / "table.md").read_text().splitlines()

    assert lines[0] == "| figure | model | fold 0 | fold 1 | mean ± sd |"
    figure, model, first, second, mean = (cell.strip() for cell in lines[2].split("|")[1:-1])
    assert (figure, model) == ("accuracy", "student")
    values = [float(first), float(second)]
    assert mean == f"{np.mean(values):.4f} ± {np.std(values):.4f}"


def test_that_trained_folds_are_not_trained_again(folded, monkeypatch):
    monkeypatch.chdir(folded)
    before = {path: path.stat().st_mtime_ns for path in folded.rglob("model.safetensors")}

    again = run_folds(folded / "student.toml", folded / "folds.json", [1], KEYS)

    assert len(before) == 3 * FOLDS
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert [each.name for each in again] == ["student", "teacher"]


def test_that_a_finished_student_whose_teacher_is_gone_is_said_plainly(folded, monkeypatch):
    monkeypatch.chdir(folded)
    teacher = folded / "runs" / "teacher-fold0"
    teacher.rename(folded / "away")

    with pytest.raises(UsageError, match="There is no finished run in runs/teacher-fold0"):
        run_folds(folded / "student.toml", Path("folds.json"), [0], KEYS)

    (folded / "away").rename(teacher)


def test_that_runs_of_another_split_are_not_taken_for_this_one_s(folded, phantoms, monkeypatch):
    monkeypatch.chdir(folded)
    other = make_folds(read_manifest(phantoms), folds=FOLDS, seed=1)
    write_splits(other, folded / "others.json")

    with pytest.raises(UsageError, match="may know some of the patients"):
        run_folds(folded / "student.toml", folded / "others.json", [1], KEYS)

"""All folds of a split, teacher and student, pooled by patient; on phantoms."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.errors import UsageError
from ml.folds import main, run_folds
from ml.manifest import read_manifest
from ml.predictions import load_predictions
from ml.splits import make_folds, write_splits
from tests.ml.training_data import tiny_settings, write_toml

FOLDS = 2


@pytest.fixture(scope="module")
def folded(phantoms, tmp_path_factory):
    """A folder in which teacher and student of two folds were trained and judged."""
    folder = tmp_path_factory.mktemp("folds")
    short = {"epochs": 1, "batch": 8}
    teacher = write_toml(folder / "teacher.toml", tiny_settings(phantoms, train=short))
    student = tiny_settings(phantoms, train=short, distill={"teachers": (str(teacher),)})
    write_toml(folder / "student.toml", student)
    write_splits(make_folds(read_manifest(phantoms), folds=FOLDS), folder / "folds.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        assert main(["--config", "student.toml", "--split", "folds.json"]) == 0
    return folder


def test_that_every_bscan_is_tested_once_and_the_student_compared_with_its_teacher(
    folded, phantoms
):
    out = folded / "runs" / "student-pooled"
    plain = json.loads((out / "evaluation.json").read_text())

    tested = load_predictions(out / "predictions.npz").images
    assert sorted(tested) == sorted({each.sha256 for each in read_manifest(phantoms)})
    assert [each["other"] for each in plain["comparisons"]] == ["teacher"]
    assert plain["results"][0]["patients"] == len(
        {each.patient for each in read_manifest(phantoms)}
    )


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

    again = run_folds(folded / "student.toml", folded / "folds.json", [1])

    assert len(before) == 2 * FOLDS
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert [each.name for each in again] == ["student", "teacher"]


def test_that_runs_of_another_split_are_not_taken_for_this_one_s(folded, phantoms, monkeypatch):
    monkeypatch.chdir(folded)
    other = make_folds(read_manifest(phantoms), folds=FOLDS, seed=1)
    write_splits(other, folded / "others.json")

    with pytest.raises(UsageError, match="may know some of the test patients"):
        run_folds(folded / "student.toml", folded / "others.json", [1])

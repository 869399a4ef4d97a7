"""One command from a manifest to a package, killed on its way as a computer that loses power is."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.modelpack import load_package
from tests.ml.training_data import tiny_settings, write_toml

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def place(phantoms, tmp_path):
    """A copy of the program, whose models are not the checkout's, with the files of two runs."""
    shutil.copytree(
        CHECKOUT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(CHECKOUT / "resources" / "keys", tmp_path / "resources" / "keys")
    (tmp_path / "ml").symlink_to(CHECKOUT / "ml")
    write_toml(tmp_path / "teacher.toml", tiny_settings(phantoms))
    student = tiny_settings(
        phantoms,
        augment={"views": 2},
        train={"epochs": 4, "lr": 3e-3},
        distill={"teachers": ("teacher.toml",), "replay": True},
    )
    write_toml(tmp_path / "student.toml", student)
    return tmp_path


def start(place: Path, name: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "ml.distill", "--config", "student.toml", "--resume"]
    return subprocess.Popen(
        [*command, "--out", f"runs/{name}", "--package", name],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )


def kill_when(process: "subprocess.Popen[bytes]", folder: Path, there: str) -> None:
    """Give the process no chance to clean up once a file of that name is there."""
    while not any(folder.glob(there)):
        assert process.poll() is None, "the command ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_that_a_killed_distillation_ends_in_the_package_of_an_unbroken_one(place):
    """Killed while what the teacher said is read back, and again before calibration."""
    whole, broken = place / "runs" / "whole", place / "runs" / "broken"
    assert start(place, "whole").wait() == 0

    kill_when(start(place, "broken"), broken, "checkpoint-0002-00000[24]")
    kill_when(start(place, "broken"), broken, "model.safetensors")
    assert not (broken / "calibration.json").exists()
    assert start(place, "broken").wait() == 0

    assert (broken / "log.csv").read_text() == (whole / "log.csv").read_text()
    results = [json.loads((each / "result.json").read_text()) for each in (whole, broken)]
    assert results[0] == results[1]
    models = place / "resources" / "models"
    hashes = [load_package(models / each.name).card.graph_sha256 for each in (whole, broken)]
    assert hashes[0] == hashes[1]

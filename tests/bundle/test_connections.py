"""The frozen program, with the model that ships and every library in it, opens no connection."""

import os
import subprocess
from pathlib import Path

import pytest

from app.installed import demo_study
from tests.sockets import STRACE, outside_calls, traced, user_environment

BUNDLE = Path(os.environ.get("KD_OCT_BUNDLE", "dist/kd-oct")).resolve()

pytestmark = [
    pytest.mark.bundle,
    pytest.mark.skipif(not STRACE, reason="strace is not installed, or not allowed here."),
]


def test_that_the_frozen_program_analyses_a_study_without_a_connection(tmp_path):
    program = BUNDLE / "kd-oct" if BUNDLE.is_dir() else BUNDLE
    log = tmp_path / "calls.txt"

    ended = subprocess.run(
        [*traced(log), program, "analyse", demo_study(), "--out", tmp_path / "out"],
        env=user_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert outside_calls(log) == []

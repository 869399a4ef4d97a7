"""The frozen program, with the model that ships and every library in it, opens no connection."""

import subprocess

import pytest

from app.installed import demo_study
from tests.sockets import STRACE, outside_calls, traced, user_environment

pytestmark = [
    pytest.mark.bundle,
    pytest.mark.skipif(not STRACE, reason="strace is not installed, or not allowed here."),
]


def test_that_the_frozen_program_analyses_a_study_without_a_connection(console, tmp_path):
    log = tmp_path / "calls.txt"

    ended = subprocess.run(
        [*traced(log), str(console), "analyse", demo_study(), "--out", tmp_path / "out"],
        env=user_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert outside_calls(log) == []

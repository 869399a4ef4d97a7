"""The two faces of the frozen program."""

from pathlib import Path

import pytest

from tests.bundle.program import found


@pytest.fixture(scope="module")
def console() -> Path:
    """The program that has standard output; on Windows the window's has none."""
    return found("kd-oct-cli.exe", "kd-oct", "Contents/MacOS/kd-oct")


@pytest.fixture(scope="module")
def windowed() -> Path:
    return found("kd-oct.exe", "kd-oct", "Contents/MacOS/kd-oct")

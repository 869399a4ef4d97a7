"""What every test needs: no display, and nothing of this user's settings or data."""

import atexit
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings


def _own_screen() -> None:
    """Give each process of the suite a screen: windows on one screen take the keyboard in turn."""
    program = shutil.which("Xvfb")
    if program and os.environ.get("DISPLAY") and "PYTEST_XDIST_WORKER" in os.environ:
        reading, writing = os.pipe()
        command = [program, "-displayfd", str(writing), "-screen", "0", "1280x1024x24"]
        screen = subprocess.Popen(
            [*command, "-nolisten", "tcp"], pass_fds=[writing], stderr=subprocess.DEVNULL
        )
        os.close(writing)
        atexit.register(screen.kill)
        with os.fdopen(reading) as told:
            os.environ["DISPLAY"] = f":{told.readline().strip()}"


# Before any test module imports Qt; a display that is there (Xvfb) is used.
_own_screen()
if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# How long an example takes says more of the machine's other work than of the program. On CI the
# same examples are run every time, so that a change fails for what it changed.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, cases and logs go to a folder of the test's own."""
    home: Path = tmp_path_factory.mktemp("home")
    for name in (
        "XDG_CONFIG_DIRS",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
    ):
        monkeypatch.setenv(name, str(home / name.lower()))

"""What every test needs: no display, and nothing of this user's settings or data."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before any test module imports Qt; a display that is there (Xvfb) is used.
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests are shared out among processes, a file's stay together, and all windows' do.

    What a file prepares is then prepared once, and no two windows claim one screen's keyboard.
    """
    windows = Path(__file__).parent / "gui"
    for item in items:
        group = "windows" if item.path.is_relative_to(windows) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


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

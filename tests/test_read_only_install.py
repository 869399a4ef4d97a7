"""Where only an administrator may write: the program runs, and keeps what it makes elsewhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.paths import user_data
from app.settings import Settings, save_settings
from tests.tiny_package import tiny_package

CHECKOUT = Path(__file__).parents[1]

PROGRAM = """
import sys
from pathlib import Path
from app.cli import main
from app.installed import demo_study
try:
    Path(demo_study(), "written").touch()
except OSError:
    pass
else:
    sys.exit("This process may write everywhere.")
assert main(["analyse", str(demo_study()), "--out", sys.argv[1]]) == 0
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
program = QApplication([])
QTimer.singleShot(0, program.closeAllWindows)
sys.exit(main([str(demo_study())]))
"""


@pytest.fixture
def unprivileged():
    """What to start a command with, so that file modes hold for it."""
    if sys.platform == "win32":
        pytest.skip("Windows has no such modes.")
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("The superuser may write everywhere, and setpriv is not installed.")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.fixture
def installed(tmp_path):
    """A copy of the program that nobody may write to."""
    folder = tmp_path / "program"
    shutil.copytree(CHECKOUT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        CHECKOUT / "resources", folder / "resources", ignore=shutil.ignore_patterns("models")
    )
    everything = [folder, *folder.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode & ~0o222)
    yield folder
    for path in everything:
        path.chmod(path.stat().st_mode | 0o200)


def test_that_the_program_runs_where_it_may_not_write(unprivileged, installed, tmp_path):
    tiny_package(user_data() / "models")
    save_settings(Settings(model_id="tiny"))
    before = sorted(installed.rglob("*"))

    ended = subprocess.run(
        [*unprivileged, sys.executable, "-c", PROGRAM, str(tmp_path / "out")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert sorted(installed.rglob("*")) == before

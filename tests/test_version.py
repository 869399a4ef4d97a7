"""The version stands in one place, and everything that tells it agrees."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import app
from app.paths import user_data
from app.settings import Settings, save_settings
from tests.oct_files import bscans, write
from tests.report.pdf_pages import metadata, texts
from tests.tiny_package import tiny_package

CHECKOUT = Path(__file__).parents[1]
OTHER = "9.8.7"

RELEASE = f"""
import sys
import app
app.__version__ = "{OTHER}"
from app.cli import main
assert main(["analyse", sys.argv[1], "--out", sys.argv[2]]) == 0
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
program = QApplication([])
QTimer.singleShot(0, program.quit)
main([sys.argv[1]])
print("window", program.applicationVersion())
main(["--version"])
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """What a program of another version says and writes."""
    folder = tmp_path_factory.mktemp("release")
    homes = {name: str(folder / name) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    with pytest.MonkeyPatch.context() as patch:
        for name, home in homes.items():
            patch.setenv(name, home)
        tiny_package(user_data() / "models")
        save_settings(Settings(model_id="tiny"))
        exam = write(folder / "exam.dcm", bscans(4), uid="1.2.3")
        ended = subprocess.run(
            [sys.executable, "-c", RELEASE, exam, folder / "out"],
            cwd=CHECKOUT,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines(), folder / "out"


def test_that_window_command_line_report_and_results_tell_the_same_version(release):
    said, out = release
    [report], [record], [table] = (list(out.glob(f"*.{kind}")) for kind in ("pdf", "json", "csv"))

    assert said[-2:] == [f"window {OTHER}", f"KD-OCT {OTHER}"]
    assert all(f"KD-OCT {OTHER}," in page for page in texts(report.read_bytes()))
    assert f"KD-OCT {OTHER}," in metadata(report.read_bytes())["Creator"]
    assert json.loads(record.read_text("utf-8"))["software"]["version"] == OTHER
    assert f",{OTHER}," in table.read_text("utf-8-sig")


def test_that_packaging_reads_the_version_and_repeats_it_nowhere():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    literal = re.compile(rf"(?<![\d.=]){re.escape(app.__version__)}(?![\d.])")
    sources = [
        path
        for folder in ("app", "installers")
        for path in (CHECKOUT / folder).rglob("*")
        if path.suffix in (".py", ".spec", ".sh", ".iss", ".nsi", ".in", ".plist", ".desktop")
    ]
    repeated = [path for path in sources if literal.search(path.read_text("utf-8"))]

    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "app.__version__"}
    assert repeated == [Path(app.__file__)]


def test_that_the_change_log_begins_with_this_version():
    headings = re.findall(r"^## (\S+)", (CHECKOUT / "CHANGELOG.md").read_text("utf-8"), re.M)

    assert headings[0] == app.__version__

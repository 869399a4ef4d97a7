"""The Windows setup run by Wine, around files that stand for the program's."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "installers" / "windows" / "kd-oct.nsi"
ICON = Path("/usr/share/nsis/Contrib/Graphics/Icons/modern-install.ico")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not (shutil.which("makensis") and shutil.which("wine")),
        reason="nsis and wine are not installed.",
    ),
]


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    """The setup, compiled for 64-bit Wine, of a program of three files."""
    folder = tmp_path_factory.mktemp("setup")
    bundle = folder / "bundle"
    (bundle / "lib").mkdir(parents=True)
    for name in ("kd-oct.exe", "kd-oct-cli.exe", "lib/part.txt"):
        (bundle / name).write_text(name)
    made = folder / "kd-oct-setup.exe"
    given = {"VERSION": "1.2.3", "NUMBERS": "1.2.3.0", "BUNDLE": bundle, "OUT": made, "ICON": ICON}
    options = [f"-D{name}={value}" for name, value in given.items()]
    subprocess.run(
        ["makensis", "-V1", "-WX", "-XTarget amd64-unicode", *options, SCRIPT], check=True
    )
    return made


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """A drive C: of its own, and what runs programs there and returns their exit status."""
    prefix = tmp_path_factory.mktemp("wine")
    environment = {"WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "WINEARCH": "win64"}
    environment = {**os.environ, **environment, "DISPLAY": ""}

    def run(program: str | Path, *options: str) -> int:
        command = ["wine", str(program), *options]
        return subprocess.run(
            command, env=environment, check=False, timeout=300, capture_output=True
        ).returncode

    assert run("wineboot", "-i") == 0
    yield prefix / "drive_c", run
    subprocess.run(["wineserver", "-k"], env=environment, check=False)


def files_in(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


def test_that_a_folder_that_holds_other_things_is_left_alone(setup, windows):
    drive, run = windows
    (drive / "tools" / "lib").mkdir(parents=True)
    (drive / "tools" / "lib" / "precious.txt").write_text("somebody's")

    assert run(setup, "/S", r"/D=C:\tools") == 5

    assert files_in(drive / "tools") == {"lib/precious.txt"}


def test_that_an_upgrade_leaves_nothing_of_the_version_before_and_removing_leaves_the_cases(
    setup, windows
):
    drive, run = windows
    ours = drive / "Apps" / "KD-OCT"
    ours.mkdir(parents=True)  # an empty one is as good as none
    assert run(setup, "/S", r"/D=C:\Apps\KD-OCT") == 0
    program = files_in(ours)
    (ours / "lib" / "of-the-version-before.txt").write_text("")
    (ours / "mine.txt").write_text("somebody's")

    assert run(setup, "/S", r"/D=C:\Apps\KD-OCT") == 0

    assert program == {"kd-oct.exe", "kd-oct-cli.exe", "uninstall.exe", "lib/part.txt"}
    assert files_in(ours) == program | {"mine.txt"}
    (data,) = drive.glob("users/*/AppData/Local")
    (data / "KD-OCT").mkdir()
    (data / "KD-OCT" / "case.txt").write_text("a patient's")
    uninstaller = ours / "uninstall.exe"
    assert run(uninstaller, "/S", r"_?=C:\Apps\KD-OCT") == 0
    assert files_in(ours) <= {"mine.txt", "uninstall.exe"}
    assert (data / "KD-OCT" / "case.txt").exists()
    assert run(setup, "/S", r"/D=C:\Apps\other") == 0
    assert run(drive / "Apps/other/uninstall.exe", "/S", "/REMOVECASES", r"_?=C:\Apps\other") == 0
    assert not (data / "KD-OCT").exists()

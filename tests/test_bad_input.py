"""Bad input through the program as a user starts it: no crash, no guess, nothing lost.

Each test runs `python -m app analyse` in a process of its own and looks at what it says, how it
ends and what it leaves. What single damages do to reading is tested in tests/reading.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID

from app.paths import user_data
from app.study import Laterality
from tests.oct_files import bscans, compress, fresh_uid, rewrite, write
from tests.tiny_package import tiny_package

REPOSITORY = Path(__file__).resolve().parent.parent
MINUTES = 3 * 60  # a subprocess that has not ended by then hangs

CAN_MOUNT = (
    sys.platform == "linux"
    and shutil.which("unshare") is not None
    and subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
)

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither of these.")


@dataclass(frozen=True)
class Ended:
    """What is left of a run of the program."""

    status: int
    said: str
    complaints: tuple[str, ...]  # lines of standard error
    results: tuple[Path, ...]  # every file in the output folder, hidden ones too

    def complaint_about(self, path: Path) -> str:
        """The one line that names a file."""
        about = [line for line in self.complaints if re.search(rf"{re.escape(path.name)}\b", line)]
        assert len(about) == 1, (path.name, self.complaints)
        return about[0]

    def kinds(self) -> list[str]:
        return sorted(path.suffix for path in self.results)


@pytest.fixture
def model() -> Path:
    return tiny_package(user_data() / "models").folder


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A folder with one sound study."""
    folder = tmp_path / "exam"
    folder.mkdir()
    write(folder / "sound.dcm", bscans(6), uid=fresh_uid(), study=fresh_uid())
    return folder


def analyse(out: Path, *paths: Path, before: str = "", prefix: Sequence[object] = ()) -> Ended:
    """Run the program; `before` is Python that runs in its process first."""
    arguments = ["analyse", *paths, "--out", out, "--model", "tiny"]
    program = f"{before}\nimport sys; from app.cli import main; sys.exit(main())"
    ended = subprocess.run(
        [*map(str, prefix), sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=MINUTES,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    results = sorted(path for path in out.rglob("*") if path.is_file()) if out.is_dir() else []
    return Ended(
        status=ended.returncode,
        said=ended.stdout,
        complaints=tuple(ended.stderr.splitlines()),
        results=tuple(results),
    )


def damaged_files(folder: Path) -> dict[str, str]:
    """Write every kind of damaged OCT into a folder; return what must be said of each."""
    whole = (folder / "sound.dcm").read_bytes()
    start = whole.index(b"\xe0\x7f\x10\x00")  # Pixel Data

    def made(name: str, change: object = None, *, rows: int = 64, columns: int = 96) -> Path:
        frames = bscans(3, rows=rows, columns=columns, seed=len(name))
        return write(folder / name, frames, uid=fresh_uid(), study=fresh_uid(), change=change)

    (folder / "cut-in-header.dcm").write_bytes(whole[:700])
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "text.dcm").write_text("Dear colleague, thank you for referring this patient.")
    (folder / "no-pixels.dcm").write_bytes(whole[:start])

    def no_frames(dataset: Dataset) -> None:
        dataset.NumberOfFrames = 0

    def missing_frames(dataset: Dataset) -> None:
        dataset.NumberOfFrames = 300

    def odd_length(dataset: Dataset) -> None:
        dataset.Rows = 65

    made("zero-frames.dcm", no_frames)
    made("missing-frames.dcm", missing_frames)
    made("wrong-length.dcm", odd_length)
    compress(made("video.dcm"), "1.2.840.10008.1.2.4.102", bytes, bscans(3))
    return {
        "cut-in-header.dcm": "",
        "empty.dcm": "empty",
        "text.dcm": "contents are not",
        "no-pixels.dcm": "",
        "zero-frames.dcm": "",
        "missing-frames.dcm": "",
        "wrong-length.dcm": "",
        "video.dcm": UID("1.2.840.10008.1.2.4.102").name,
    }


def test_that_every_damaged_file_gets_one_sentence_and_the_sound_study_is_done(
    good, model, tmp_path
):
    expected = damaged_files(good)

    ended = analyse(tmp_path / "out", good)

    assert ended.status == 1
    for name, words in expected.items():
        sentence = ended.complaint_about(good / name)
        assert sentence.startswith("Not read: ")
        assert words in sentence
        assert sentence.endswith(".")
    assert ended.kinds() == [".csv", ".json", ".pdf"]
    assert len(ended.said.split(" eye: ")) == 2


def test_that_frames_of_one_pixel_are_no_normal_eye(model, tmp_path):
    path = write(tmp_path / "dot.dcm", bscans(6, rows=16, columns=16), uid=fresh_uid())

    def shrink(dataset: Dataset) -> None:
        dataset.Rows = dataset.Columns = 1
        dataset.PixelData = b"\x40" * 6

    rewrite(path, shrink)
    ended = analyse(tmp_path / "out", path)

    assert "no sign of" not in ended.said
    assert "ungradable" in ended.said or ended.complaint_about(path)


def test_that_a_study_whose_every_frame_is_damaged_is_no_normal_eye(model, tmp_path):
    path = write(tmp_path / "noise.dcm", bscans(6), uid=fresh_uid(), laterality=Laterality.LEFT)
    compress(path, "1.2.840.10008.1.2.4.80", lambda frame: b"\xff\xd8" + bytes(200), bscans(6))

    ended = analyse(tmp_path / "out", path)

    assert ended.status == 1
    assert "no sign of" not in ended.said


@on_posix
def test_that_loops_of_links_end_and_each_file_is_read_once(good, model, tmp_path):
    (good / "again").symlink_to(good)
    (good / "deeper").mkdir()
    (good / "deeper" / "up").symlink_to(good.parent)
    (good / "round").symlink_to(good / "about")
    (good / "about").symlink_to(good / "round")

    ended = analyse(tmp_path / "out", good)

    assert ended.status == 1  # of two links that lead nowhere, each is told
    assert ended.complaint_about(good / "round")
    assert ended.kinds() == [".csv", ".json", ".pdf"]


@on_posix
def test_that_an_unreadable_folder_is_told_and_the_rest_is_done(good, model, tmp_path):
    locked = good / "locked"
    locked.mkdir()
    prefix = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("The superuser may read everything, and setpriv is not installed.")
        prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    locked.chmod(0)
    try:
        ended = analyse(tmp_path / "out", good, prefix=prefix)
    finally:
        locked.chmod(0o700)

    assert ended.status == 1
    assert "Permission denied" in ended.complaint_about(locked)
    assert ended.kinds() == [".csv", ".json", ".pdf"]


@on_posix
@pytest.mark.parametrize("limit", [100, 6_000])
def test_that_a_full_disk_is_told_and_leaves_no_half_file(good, model, tmp_path, limit):
    ended = analyse(
        tmp_path / "out",
        good,
        before=f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))",
    )

    assert ended.status == 1
    assert any("could not be written" in line for line in ended.complaints), ended.complaints
    assert all(path.stat().st_size < limit for path in ended.results)
    assert ".pdf" not in ended.kinds()
    assert not [path for path in ended.results if path.name.startswith(".")]


@pytest.mark.skipif(not CAN_MOUNT, reason="This machine lets us mount nothing.")
def test_that_a_disk_that_fills_up_is_told_and_leaves_no_half_file(good, model, tmp_path):
    out, left = tmp_path / "out", tmp_path / "left"
    out.mkdir()
    small_disk = 'mount -t tmpfs -o size=48k tmpfs "$0"; "$@"; ended=$?; ls -A "$0" >"$0/../left"'
    prefix = ["unshare", "-rm", "sh", "-c", f"{small_disk}; exit $ended", out]

    ended = analyse(out, good, prefix=prefix)

    assert ended.status == 1
    assert "The disk is full" in ended.complaints[-1]
    names = left.read_text().split()
    assert not [name for name in names if name.startswith(".") or name.endswith(".pdf")], names


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no /dev/full here.")
def test_that_results_are_written_even_if_nothing_can_be_printed(good, model, tmp_path):
    command = ["analyse", str(good), "--out", str(tmp_path / "out"), "--model", "tiny"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "app", *command],
            cwd=REPOSITORY,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=MINUTES,
            check=False,
        )
    assert ended.returncode == 0
    assert ended.stderr.count(b"No more can be printed") == 1
    assert b"Traceback" not in ended.stderr
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_that_a_package_with_a_changed_byte_is_refused_before_anything_is_analysed(
    good, model, tmp_path
):
    graph = bytearray((model / "model.onnx").read_bytes())
    graph[len(graph) // 2] ^= 1
    (model / "model.onnx").write_bytes(graph)

    ended = analyse(tmp_path / "out", good)

    assert ended.status == 1
    assert len(ended.complaints) == 1
    assert "changed or damaged" in ended.complaints[0]
    assert ended.results == ()
    assert ended.said == ""


@on_posix
def test_that_a_killed_run_can_be_started_again(good, model, tmp_path):
    out = tmp_path / "out"
    started = subprocess.Popen(
        [sys.executable, "-m", "app", "analyse", good, "--out", out, "--model", "tiny"],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + MINUTES
    while started.poll() is None and not out.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    started.kill()
    started.wait()
    assert all(path.stat().st_size > 0 for path in out.glob("study-*"))

    ended = analyse(out, good)

    assert ended.status == 0
    visible = [path.suffix for path in ended.results if not path.name.startswith(".")]
    assert visible == [".csv", ".json", ".pdf"]

"""The frozen program as a clinic runs it: `make bundle-test`, or `pytest -m bundle`.

KD_OCT_BUNDLE names the frozen program's folder, or an installed program. Nothing here imports what
is tested: every test starts the program and looks at what it says, shows, writes and leaves behind.
"""

import csv
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from pydicom.uid import (
    HTJ2K,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

import app
from app.signatures import read_keyring
from app.study import Laterality, Patient
from tests.bundle.program import (
    DEMO,
    ended,
    faults,
    own_processes,
    running,
    speckle,
    text_of,
    wait_until,
)
from tests.oct_files import Frame, bscans, compress, fresh_uid, rewrite, write
from tests.reading.test_transfer_syntaxes import (
    FRAMES,
    as_jpeg,
    as_jpeg_2000,
    as_jpeg_ls,
    to_lossless_jpeg,
)
from tests.screen import THERE, screen

pytestmark = pytest.mark.bundle


def test_that_it_tells_the_version_of_the_sources(console):
    answer = ended(console, "--version")

    assert answer.stdout == f"KD-OCT {app.__version__}\n"
    assert answer.returncode == 0


def test_that_the_demo_study_gives_pdf_json_and_csv(console, tmp_path):
    answer = ended(console, "analyse", DEMO, "--out", tmp_path)

    assert answer.returncode == 0, answer.stderr
    (pdf,) = tmp_path.glob("*.pdf")
    (record,) = tmp_path.glob("*.json")
    (table,) = tmp_path.glob("*.csv")
    assert "SYNTHETIC" in text_of(pdf)
    assert len(json.loads(record.read_bytes())["eyes"]) == 2
    assert len(list(csv.reader(table.read_text("utf-8-sig").splitlines()))) > 48
    assert sorted(tmp_path.iterdir()) == sorted([pdf, record, table])


def test_that_reports_are_set_in_the_fonts_that_come_along(console, tmp_path):
    names = {"Arabic": "مريم^رضا", "DroidSans": "王^小东", "Hebrew": "כהן^רחל"}
    for number, name in enumerate(names.values()):
        patient = Patient(identifier="P1", name=name)
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder / "a.dcm", bscans(3), patient=patient, uid=fresh_uid(), study=fresh_uid())

        assert ended(console, "analyse", folder, "--out", folder).returncode == 0

    for number, font in enumerate(names):
        (pdf,) = (tmp_path / str(number)).glob("*.pdf")
        embedded = set(re.findall(rb"/FontName\s*/[A-Z]{6}\+([\w-]+)", pdf.read_bytes()))
        assert any(font.encode() in each for each in embedded), (font, embedded)


def test_that_a_bad_file_gets_one_sentence_and_no_result(console, tmp_path):
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 4000)

    answer = ended(console, "analyse", bad, "--out", tmp_path / "out")

    assert answer.returncode == 1
    assert sum("bad.dcm" in line for line in answer.stderr.splitlines()) == 1
    assert "Traceback" not in answer.stderr
    assert not list(tmp_path.rglob("*.pdf"))


def test_that_every_command_of_the_sources_is_there(console):
    from app.commands import NAMES

    for name in NAMES:
        answer = ended(console, name, "--help")
        assert answer.returncode == 0, (name, answer.stderr)


def test_that_it_trusts_the_keys_that_the_sources_do(console):
    ring = read_keyring()

    told = ended(console, "model", "keys").stdout.splitlines()

    withdrawn = {each.key for each in ring.withdrawn}
    counting = [each for each in ring.keys if each.fingerprint not in withdrawn]
    assert told[: len(counting)] == [f"{each.fingerprint} {each.name}" for each in counting]
    assert len(told) == len(counting) + len(ring.withdrawn)


# Compressed frames: each decoder's libraries, in workers that are the frozen program again

GREY = bscans(4)
SMALL = bscans(1, rows=48, columns=64)


def packed(syntax: str, encode: Callable[[Frame], bytes], frames: Sequence[Frame] = GREY):
    return lambda path: compress(write(path, frames), syntax, encode, frames)


def recorded(name: str) -> Callable[[Frame], bytes]:
    return lambda _: (FRAMES / name).read_bytes()


def twelve_bits(path: Path) -> Path:
    (frame,) = bscans(1, rows=48, columns=64, seed=1)

    def deepen(dataset) -> None:
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11

    write(path, [frame], change=deepen)
    return compress(path, JPEGExtended12Bit, recorded("extended_12_bit.jpg"), [frame])


CODINGS: dict[str, Callable[[Path], object]] = {
    "run lengths": lambda path: rewrite(write(path, GREY), lambda data: data.compress(RLELossless)),
    "JPEG": packed(JPEGBaseline8Bit, as_jpeg),
    "JPEG of 12 bits": twelve_bits,
    "lossless JPEG": lambda path: to_lossless_jpeg(write(path, GREY)),
    "JPEG-LS": packed(JPEGLSLossless, as_jpeg_ls),
    "JPEG 2000": packed(JPEG2000Lossless, as_jpeg_2000),
    "HTJ2K lossless": packed(HTJ2KLossless, recorded("reversible.j2c"), SMALL),
    "HTJ2K lossless RPCL": packed(HTJ2KLosslessRPCL, recorded("reversible.j2c"), SMALL),
    "HTJ2K": packed(HTJ2K, recorded("reversible.j2c"), SMALL),
}
EXACT = dict.fromkeys(("run lengths", "lossless JPEG", "JPEG-LS", "JPEG 2000"), GREY) | {
    name: SMALL for name in CODINGS if name.startswith("HTJ2K")
}


def probabilities(console: Path, path: Path, out: Path) -> list[object]:
    answer = ended(console, "analyse", path, "--out", out)
    assert answer.returncode == 0, answer.stderr
    assert "could not be read" not in answer.stderr
    (record,) = out.glob("*.json")
    eyes = json.loads(record.read_bytes())["eyes"]
    rows = [b for eye in eyes for volume in eye["volumes"] for b in volume["bscans"]]
    return [row["probabilities"] for row in rows]


@pytest.mark.parametrize("name", CODINGS)
def test_that_compressed_frames_give_what_the_plain_ones_do(console, tmp_path, name):
    packed_file = tmp_path / "packed.dcm"
    CODINGS[name](packed_file)

    found = probabilities(console, packed_file, tmp_path / "packed")

    assert found
    if name in EXACT:
        plain = write(tmp_path / "plain.dcm", EXACT[name])
        assert found == probabilities(console, plain, tmp_path / "plain")


def test_that_frames_are_decoded_in_processes_of_their_own_and_none_is_left(console, tmp_path):
    frames = bscans(16, rows=248, columns=384)
    path = compress(write(tmp_path / "a.dcm", frames), JPEG2000Lossless, as_jpeg_2000, frames)
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for process in own_processes(console):
                try:
                    if "--decode-frames" in process.cmdline():
                        seen.add(process.pid)
                except psutil.Error:
                    continue  # it has just ended

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        answer = ended(console, "analyse", path, "--out", tmp_path / "out")
    finally:
        done.set()
        watcher.join()

    assert answer.returncode == 0, answer.stderr
    assert seen
    assert not own_processes(console)


# The window


@pytest.fixture
def alone(windowed, tmp_path, monkeypatch) -> None:
    """No window of another test or user takes what this one is given."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    # Workers of a window that a test has ended notice it when they next look for a frame.
    wait_until(lambda: not own_processes(windowed))


@pytest.mark.skipif(not THERE, reason="There is no X display to look at; run under xvfb-run.")
def test_that_the_window_shows_the_demo_study(windowed, alone, qapp, tmp_path):
    empty = screen(qapp)
    with running(windowed):
        # Speckle is what nothing but a B-scan shows so much of.
        wait_until(lambda: speckle(screen(qapp)) > speckle(empty) + 0.02)
    assert not faults()


@pytest.mark.skipif(not THERE, reason="There is no X display; run under xvfb-run.")
def test_that_a_file_given_to_a_second_start_opens_in_the_first_window(windowed, alone, tmp_path):
    path = write(tmp_path / "a.dcm", bscans(4, rows=248, columns=384), laterality=Laterality.LEFT)
    with running(windowed, path) as first:
        time.sleep(8)
        second = ended(windowed, path)
        assert second.returncode == 0, second.stderr
        assert first.poll() is None
    assert not faults()


@pytest.mark.skipif(not THERE, reason="There is no X display; run under xvfb-run.")
def test_that_what_the_window_starts_finds_the_system_s_own_libraries(windowed, alone):
    with running(windowed) as window:
        wait_until(lambda: psutil.Process(window.pid).children(recursive=True))
        # Linux shows what a process was started with; the workers are started as browsers are.
        for child in psutil.Process(window.pid).children():
            assert "LD_LIBRARY_PATH" not in child.environ()

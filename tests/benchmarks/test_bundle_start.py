"""How soon the frozen program's first window is on screen, against the sources' run."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import app
from installers.licences import shipped
from tests.screen import THERE, screen

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(
        "KD_OCT_BUNDLE" not in os.environ, reason="KD_OCT_BUNDLE names no frozen program."
    ),
    pytest.mark.skipif(not THERE, reason="There is no X display to look at; run under xvfb-run."),
]

SOURCES = Path(app.__file__).parent.parent
ROUNDS = 2


def forget(files: Iterable[Path]) -> None:
    """Let the system read files from disk next time, as after it was switched on.

    Only these: other programs of the computer keep what they have in memory.
    """
    for path in files:
        if path.is_file() and not path.is_symlink():
            file = os.open(path, os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def of_the_sources() -> Iterator[Path]:
    """The program's files and its libraries', but not Python's own."""
    yield from (SOURCES / "app").rglob("*")
    yield from (SOURCES / "resources").rglob("*")
    for package in shipped():
        yield from (Path(str(file.locate())) for file in package.files or ())


def seconds_to_window(qapp, command, folder, run) -> float:
    run.mkdir(mode=0o700)
    # A home of its own: a first start, whose window is handed nothing to an earlier one.
    environment = os.environ | {"XDG_RUNTIME_DIR": str(run), "XDG_DATA_HOME": str(run / "data")}
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        while screen(qapp).max() < 16:
            assert time.perf_counter() < start + 120, "no window"
        return time.perf_counter() - start
    finally:
        process.terminate()
        process.wait(timeout=30)
        time.sleep(0.5)


@pytest.mark.parametrize("cold", [True, False], ids=["cold", "warm"])
def test_first_window_of_the_frozen_program_against_the_sources(qapp, tmp_path, cold):
    bundle = Path(os.environ["KD_OCT_BUNDLE"]).resolve()
    times = []
    for number in range(ROUNDS):
        if cold:
            forget([*bundle.rglob("*"), *of_the_sources()])
        times.append(
            (
                seconds_to_window(qapp, [bundle / "kd-oct"], SOURCES, tmp_path / f"b{number}"),
                seconds_to_window(
                    qapp, [sys.executable, "-m", "app"], SOURCES, tmp_path / f"s{number}"
                ),
            )
        )
    frozen, sources = (min(each) for each in zip(*times, strict=True))
    print(
        f"\nfirst window, {'cold' if cold else 'warm'}: frozen {frozen:.2f} s, sources "
        f"{sources:.2f} s: {frozen / sources:.2f} x"
    )
    assert frozen < 2 * sources

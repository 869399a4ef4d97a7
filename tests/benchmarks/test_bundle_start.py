"""How soon the frozen program's first window is on screen, against the sources' run."""

import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil
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
ROUNDS = int(os.environ.get("KD_OCT_ROUNDS", "5"))


@dataclass(frozen=True, slots=True)
class Start:
    """What it took until the window was there."""

    wall: float  # seconds, other programs' share of the computer with them
    processor: float  # seconds of all its processes: what a busy computer leaves comparable


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


def start(qapp, command, folder, run) -> Start:
    run.mkdir(mode=0o700)
    # A home of its own: a first start, whose window is handed nothing to an earlier one.
    environment = os.environ | {"XDG_RUNTIME_DIR": str(run), "XDG_DATA_HOME": str(run / "data")}
    # The sources start as they do the second time: compiled.
    environment["PYTHONPYCACHEPREFIX"] = str(run.parent / "compiled")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    begun = time.perf_counter()
    process = psutil.Popen(command, cwd=folder, env=environment)
    try:
        while screen(qapp).max() < 16:
            assert time.perf_counter() < begun + 300, "no window"
            time.sleep(0.02)
        wall = time.perf_counter() - begun
        return Start(wall, sum(map(processor_time, [process, *process.children(recursive=True)])))
    finally:
        process.terminate()
        process.wait(timeout=60)
        while screen(qapp).max() >= 16:
            time.sleep(0.1)


def processor_time(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@pytest.mark.parametrize("cold", [True, False], ids=["cold", "warm"])
def test_first_window_of_the_frozen_program_against_the_sources(qapp, tmp_path, cold):
    bundle = Path(os.environ["KD_OCT_BUNDLE"]).resolve()
    commands = {
        "frozen": [str(bundle / "kd-oct" if bundle.is_dir() else bundle)],
        "sources": [sys.executable, "-m", "app"],
    }
    taken: dict[str, list[Start]] = {name: [] for name in commands}
    for name, command in commands.items():
        start(qapp, command, SOURCES, tmp_path / f"{name}-first")
    for number in range(ROUNDS):
        # By turns, and the other first every second time: what else runs here meets both alike.
        for name in sorted(commands, reverse=bool(number % 2)):
            if cold:
                folder = bundle if bundle.is_dir() else bundle.parent
                forget([*folder.rglob("*"), *of_the_sources()])
            run = tmp_path / f"{name}{number}"
            taken[name].append(start(qapp, commands[name], SOURCES, run))
    frozen, sources = (
        Start(*(statistics.median(each) for each in zip(*map(astuple, taken[name]), strict=True)))
        for name in commands
    )
    print(
        f"\nfirst window, {'cold' if cold else 'warm'}, medians of {ROUNDS}: "
        f"wall {frozen.wall:.2f} s frozen, {sources.wall:.2f} s sources, "
        f"{frozen.wall / sources.wall:.2f} x; "
        f"processor {frozen.processor:.2f} s frozen, {sources.processor:.2f} s sources, "
        f"{frozen.processor / sources.processor:.2f} x"
    )

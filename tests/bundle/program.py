"""The frozen program, or an installed one: where it is, and what is seen of it from outside.

KD_OCT_BUNDLE names its folder.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pypdfium2
import pytest

import app

DEMO = Path(app.__file__).parent.parent / "resources" / "demo"
MINUTES = 5 * 60  # a process that has not ended by then hangs
BUNDLE = Path(os.environ.get("KD_OCT_BUNDLE", "dist/kd-oct")).resolve()
FOUND = TypeVar("FOUND")


def found(*names: str) -> Path:
    places = [BUNDLE / name for name in names] if BUNDLE.is_dir() else [BUNDLE]
    for place in places:
        if place.is_file():
            return place
    pytest.fail(f"There is no frozen program in {BUNDLE}. Run: make bundle")


def ended(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=MINUTES,
        check=False,
    )


def own_processes(program: Path) -> list[psutil.Process]:
    """Every process of the frozen program, workers too."""
    true_path = program.resolve()
    return [
        process
        for process in psutil.process_iter(["exe"])
        if process.info["exe"] and Path(process.info["exe"]) == true_path
    ]


@contextmanager
def running(program: Path, *arguments: object) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the program and, at the end, end it; it must have lived until then."""
    process = subprocess.Popen([str(program), *map(str, arguments)])
    try:
        yield process
        assert process.poll() is None, "the program has ended by itself"
    finally:
        process.terminate()
        process.wait(timeout=30)


def text_of(pdf: Path) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def wait_until(condition: Callable[[], FOUND], seconds: float = 240) -> FOUND:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it has not come about"
        time.sleep(0.5)
    return found


def faults() -> list[str]:
    """What the program's log calls an error."""
    logs = Path(os.environ["XDG_STATE_HOME"]).rglob("*.log*")
    return [line for log in logs for line in log.read_text().splitlines() if " ERROR " in line]


def speckle(picture: np.ndarray) -> float:
    """The share of pixels that differ slightly from the one beside them."""
    steps = np.abs(np.diff(picture.astype(int), axis=1))
    return float(((steps > 2) & (steps < 30)).mean())

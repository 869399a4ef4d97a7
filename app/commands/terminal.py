"""What a command says on the terminal."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.errors import system_says
from app.study import Skipped


def say(sentence: str) -> None:
    """Print a line; where it cannot go, the results must still be written."""
    try:
        print(sentence, flush=True)
    except OSError as error:
        # A full disk, or a pipe that nobody reads any more.
        complain(f"No more can be printed: {system_says(error)}. The results are still written.")
        # What is left in the buffer would fail again when the program ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def tell_skipped(skipped: Iterable[Skipped], given: Sequence[Path]) -> None:
    """Say of every file that was not taken why it was not.

    A path often holds a patient's name, so each is shown only as far as it goes beyond what the
    user typed.
    """
    for each in skipped:
        verb = "Not read" if each.failed else "Skipped"
        complain(f"{verb}: {_beyond(each.path, given)}: {each.reason}")


def _beyond(path: Path, given: Sequence[Path]) -> str:
    for folder in given:
        if path != folder and path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return path.name


class Counter:
    """Shows on a terminal how far a study is, and nothing elsewhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        if self._shown:
            end = "\r\x1b[K" if done == total else ""
            print(
                f"\r{self._name}: {done} of {total} B-scans", end=end, file=sys.stderr, flush=True
            )

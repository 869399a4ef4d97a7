"""What follows `python -m app`: one module for each command, loaded when it is asked for.

To add one: a module here with `DESCRIPTION`, `add_arguments` and `run`, a row in `NAMES` and a
case in `command_named`. `app.cli` parses, runs it and turns an AppError into a sentence and an
exit status.
"""

from argparse import ArgumentParser, Namespace
from typing import Protocol

NAMES = ("analyse", "convert", "anonymise", "compare", "audit", "model")


class Command(Protocol):
    """What a module of this package provides."""

    DESCRIPTION: str  # for --help

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, options: Namespace) -> int:
        """Do it; return the exit status: 0, or 1 where a part of it failed and was told.

        Raises:
            AppError: If it could not be done; a UsageError if it was called wrongly.
        """


def command_named(name: str) -> Command:
    """Load the command of that name, one of `NAMES`."""
    # Written out, so that the frozen program and the type checker find every one.
    match name:
        case "analyse":
            from app.commands import analyse

            return analyse
        case "convert":
            from app.commands import convert

            return convert
        case "anonymise":
            from app.commands import anonymise

            return anonymise
        case "compare":
            from app.commands import compare

            return compare
        case "audit":
            from app.commands import audit

            return audit
        case "model":
            from app.commands import model

            return model
    raise ValueError(f"{name} is no command")

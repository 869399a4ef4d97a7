"""The program on the command line.

`python -m app [PATH…]` opens the window; `python -m app COMMAND …` does without one, and
`app.commands` says what commands there are. Exit status: 0, or 1 where something could not be
read, done or written (the rest still is), or 2 for wrong usage.
"""

import argparse
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from app import __version__
from app.commands import NAMES, command_named
from app.commands.terminal import complain, say
from app.errors import AppError, UsageError

HEADLESS_FOLDER = Path("kd-oct-results")
"""Where results go, under the current folder, when there is no display and none was named."""

_CALLED = "kd-oct" if getattr(sys, "frozen", False) else "python -m app"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in NAMES:
        return _run(given[0], given[1:])
    options = _window_parser().parse_args(given)
    if has_display():
        return _open_window(options.paths)
    return _without_display(options.paths)


def has_display() -> bool:
    """Whether a window can be shown. Qt ends the process where it cannot, so it is asked before."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    wayland, x11 = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY")
    if wayland:
        place = Path(os.environ.get("XDG_RUNTIME_DIR", "/"), wayland)
        if _answers(str(place)):
            return True
    if x11 and x11.startswith(":"):
        number = x11[1:].split(".")[0]
        # A Linux X server also listens on the abstract name, often only there in a container.
        place_x = f"/tmp/.X11-unix/X{number}"
        return _answers(place_x) or _answers(f"\0{place_x}")
    return bool(x11)


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.settimeout(1)
        probe.connect(address)
        return True
    return False


def _window_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_CALLED,
        description="Screens OCT volumes of the retina. Opens the window.",
        epilog=f"Without a window: {_CALLED} {', '.join(NAMES)}; each has --help.",
    )
    parser.add_argument("--version", action="version", version=f"KD-OCT {__version__}")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files or folders")
    return parser


def _run(name: str, arguments: Sequence[str]) -> int:
    command = command_named(name)
    parser = argparse.ArgumentParser(prog=f"{_CALLED} {name}", description=command.DESCRIPTION)
    command.add_arguments(parser)
    options = parser.parse_args(arguments)
    return _guarded(lambda: command.run(options))


def _open_window(paths: Sequence[Path]) -> int:
    try:
        from app.gui.application import main as open_window
    except ImportError as error:
        # A system library of Qt is missing; its name is in the message.
        complain(f"The window cannot be opened: {error}. Install that library, or use “analyse”.")
        return 1
    return open_window(paths)


def _without_display(paths: Sequence[Path]) -> int:
    from app.commands.analyse import Order, analyse_paths
    from app.installed import demo_study

    what = "this" if paths else "the demo study"
    say(f"There is no display, so {what} is analysed without a window.")
    order = Order(paths=paths or [demo_study()], out=HEADLESS_FOLDER, name_files=True)
    return _guarded(lambda: analyse_paths(order))


def _guarded(work: Callable[[], int]) -> int:
    try:
        return work()
    except AppError as error:
        complain(str(error))
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        complain("Stopped. The files written so far are whole.")
        return 130

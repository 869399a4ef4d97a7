"""A desk with a screen: a window manager, a menu, somebody's mouse and keys. Seen from outside."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bundle.program import wait_until
from tests.screen import THERE

ROOT = Path(__file__).parents[2]
_TOOLS = ("xdotool", "openbox", "gio", "update-mime-database", "update-desktop-database")
_WINDOW = "^KD-OCT$"


def lacking() -> str:
    """What is missing to sit down at one, in a sentence; "" if nothing is."""
    if not THERE:
        return "There is no X display; run under xvfb-run."
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"Not installed: {', '.join(missing)}." if missing else ""


@contextmanager
def window_manager() -> Iterator[None]:
    process = subprocess.Popen(["openbox", "--sm-disable"], stderr=subprocess.DEVNULL)
    try:
        # It says on the root window that it is there.
        wait_until(lambda: xdotool("get_desktop").isdigit())
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def put_into_menu(program: Path, folder: Path) -> None:
    """As the tarball does it: its own script, for the user whose XDG_DATA_HOME this is."""
    here = ROOT / "installers" / "linux"
    (folder / "share" / "applications").mkdir(parents=True)
    (folder / "share" / "mime" / "packages").mkdir(parents=True)
    (folder / "share" / "icons").mkdir()
    shutil.copy(here / "kd-oct.desktop", folder / "share" / "applications")
    shutil.copy(here / "kd-oct.mime.xml", folder / "share" / "mime" / "packages" / "kd-oct.xml")
    shutil.copy(here / "menu.sh", folder)
    (folder / "kd-oct").symlink_to(program)
    subprocess.run(["sh", folder / "menu.sh"], check=True)


def start_from_menu() -> None:
    entry = Path(os.environ["XDG_DATA_HOME"]) / "applications" / "kd-oct.desktop"
    subprocess.run(["gio", "launch", entry], check=True)


def double_click(path: Path) -> None:
    """What a file manager does with it: the desktop's program for that type of file."""
    subprocess.run(["gio", "open", path], check=True)


def xdotool(*arguments: object) -> str:
    command = ["xdotool", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def windows(title: str) -> list[str]:
    return xdotool("search", "--onlyvisible", "--name", title).split()


def window(title: str = _WINDOW) -> str:
    """Wait for a window, and bring it to the front."""
    number = wait_until(lambda: windows(title))[-1]
    xdotool("windowactivate", "--sync", number)
    return number


def press(*keys: str) -> None:
    xdotool("key", "--delay", "80", *keys)


def press_until_there(keys: str, title: str, within: str = _WINDOW) -> str:
    """Press keys in the program's window, or another of its own, until a dialog comes of it.

    Args:
        keys: As xdotool names them, with blanks between them.
    """

    def tried() -> list[str]:
        window(within)
        press(*keys.split())
        time.sleep(2)
        return windows(title)

    wait_until(tried)
    return window(title)


def write(text: str) -> None:
    xdotool("type", "--delay", "40", text)


@contextmanager
def dragged_onto_window(path: Path, said: Path) -> Iterator[None]:
    """Drag a path out of another program's window into the middle of the program's.

    The other program stays there within the block: it hands over what was dropped when asked.

    Args:
        said: A file for what that program says of it.
    """
    width, height = (int(each) for each in xdotool("getdisplaygeometry").split())
    corner = width - 220, height - 110
    command = [sys.executable, Path(__file__).with_name("drag_source.py"), path, *corner]
    with (
        said.open("w") as out,
        subprocess.Popen([*map(str, command)], stdout=out) as source,
    ):
        try:
            wait_until(lambda: windows("^drag source$"))
            _move((corner[0] + 100, corner[1] + 40), _middle(), said)
            wait_until(lambda: "dropped" in said.read_text())
            assert "dropped CopyAction" in said.read_text(), "nobody took what was dropped"
            yield
        finally:
            source.terminate()


def _middle() -> tuple[int, int]:
    place = xdotool("getwindowgeometry", "--shell", windows(_WINDOW)[-1])
    told = dict(line.split("=") for line in place.splitlines())
    return int(told["X"]) + int(told["WIDTH"]) // 3, int(told["Y"]) + int(told["HEIGHT"]) // 2


def _move(start: tuple[int, int], end: tuple[int, int], said: Path) -> None:
    xdotool("mousemove", *start, "mousedown", 1)
    steps = 12
    for step in range(1, steps + 1):
        point = (a + (b - a) * step // steps for a, b in zip(start, end, strict=True))
        xdotool("mousemove", *point)
        time.sleep(0.15)

    def welcome() -> bool:
        # Who asks "may I drop here?" does so when the mouse moves.
        xdotool("mousemove_relative", 1, 1)
        return said.read_text().splitlines()[-1:] == ["over CopyAction"]

    wait_until(welcome)
    xdotool("mouseup", 1)

"""Watch which sockets a program opens, as it does at a user's."""

import os
import re
import shutil
import subprocess
from pathlib import Path


def _strace_works() -> bool:
    command = ["strace", "-f", "-e", "trace=network", "-o", os.devnull, "true"]
    return (
        shutil.which("strace") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


STRACE = _strace_works()
"""Whether the system tells here of every socket, a library's too."""


def traced(log: Path) -> list[str]:
    """What to start a command with, so that its sockets are written to a log."""
    return ["strace", "-f", "-qq", "-e", "trace=network", "-o", str(log)] if STRACE else []


def outside_calls(log: Path) -> list[str]:
    """The calls in a log that are about more than this computer; none without strace."""
    calls = log.read_text().splitlines() if STRACE else []
    # Within this computer: to a screen, the desktop's bus, a second start of the program.
    return [line for line in calls if re.search(r"\b[AP]F_(?!UNIX|LOCAL|NETLINK)", line)]


def user_environment() -> dict[str, str]:
    """The environment without what says that this is a test: ONNX Runtime is silent in those."""
    kept = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR", "USER")
    return {
        name: value
        for name, value in os.environ.items()
        if name in kept or name.startswith(("XDG_", "LC_"))
    }

"""The program's log, and what it does with its own faults. Nothing in it tells of a patient."""

import faulthandler
import logging
import platform
import traceback
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from types import TracebackType

from PySide6.QtCore import qVersion

from app import __version__
from app.paths import user_logs

logger = logging.getLogger(__name__)

_BYTES = 500_000
_KEPT = 2
_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def keep_logs() -> None:
    """Write what the program logs into the user's log folder."""
    folder = user_logs()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            folder / "kd-oct.log", maxBytes=_BYTES, backupCount=_KEPT, encoding="utf-8"
        )
    except OSError:
        # A full or read-only disk: the program is more use than its log.
        return
    handler.setFormatter(logging.Formatter(_FORM))
    log = logging.getLogger("app")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    logger.info(
        "KD-OCT %s on Python %s, Qt %s, %s",
        __version__,
        platform.python_version(),
        qVersion(),
        platform.system(),
    )


def keep_crashes() -> None:
    """Let a crash of the interpreter itself leave behind where it was."""
    path = user_logs() / "kd-oct-crash.log"
    with suppress(OSError):
        # What an earlier crash left stays for the fault report that it is worth.
        mode = "w" if path.exists() and path.stat().st_size > _BYTES else "a"
        # Open as long as the program: it is written when nothing else works any more.
        faulthandler.enable(path.open(mode, encoding="utf-8"))


def log_fault(error: BaseException, trace: TracebackType | None = None) -> None:
    """Log where a bug is, not what it says: its words may quote a file, which names a patient."""
    frames = "".join(traceback.format_tb(trace or error.__traceback__))
    logger.error("%s\n%s", type(error).__name__, frames)

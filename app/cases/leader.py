"""One process goes on with what the last one left in the queue; a second one beside it does not.

The lock is the operating system's, on a file beside the cases: it goes with the process, however
that ends.
"""

import os
import sys
from pathlib import Path


class Lead:
    """Held from `take` until `leave` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> bool:
        """Whether this process has the lead now."""
        if self._handle is not None:
            return True
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return False
        if not _lock(handle):
            os.close(handle)
            return False
        self._handle = handle
        return True

    def leave(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

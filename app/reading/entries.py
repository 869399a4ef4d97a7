"""Find the files under what the user dropped, each of them once.

An `Entry` is one run of bytes with a name: a file, or a member of an archive. Readers open it and
never ask where it lies.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from app.errors import DamagedFile
from app.language import fill, mark
from app.study import Skipped

_CLUTTER = {".ds_store", "thumbs.db", "desktop.ini", "__macosx"}
"""What file managers leave behind: nobody asks why it was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    path: Path  # what it is called; for a member of an archive, archive/member
    size: int  # bytes
    open: Callable[[], BinaryIO] = field(repr=False)
    on_disk: bool = False  # `path` is a file that another process can open too

    def head(self, count: int) -> bytes:
        """Read the first `count` bytes.

        Raises:
            OSError: If the file cannot be opened or read.
        """
        with self.open() as file:
            return file.read(count)


def entry_at(path: Path, size: int) -> Entry:
    def open_file() -> BinaryIO:
        return path.open("rb")

    return Entry(path=path, size=size, open=open_file, on_disk=True)


def bytes_at(entry: Entry, start: int, length: int) -> bytes:
    """Read a run of bytes of an entry that was looked at before.

    Raises:
        DamagedFile: If it can no longer be read, or has become shorter.
    """
    try:
        with entry.open() as file:
            file.seek(start)
            data = file.read(length)
    except OSError as error:
        raise DamagedFile(
            fill("A frame can no longer be read. {reason}", reason=unreadable(error))
        ) from error
    if len(data) != length:
        raise DamagedFile("The file ends before its last frame: a part of it is missing.")
    return data


def find_entries(paths: Sequence[Path]) -> Iterator[Entry | Skipped]:
    """Yield every file at or under `paths`, in a fixed order, or why it cannot be read.

    Links are followed, but no folder or file is visited twice, however many names it has; so a
    loop of links ends. Devices and pipes are never opened.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        yield from _find(path, seen)


def _find(top: Path, seen: set[tuple[int, int]]) -> Iterator[Entry | Skipped]:
    waiting = [top]
    while waiting:
        path = waiting.pop()
        try:
            status = os.stat(path)
        except OSError as error:
            yield Skipped(path=path, reason=unreadable(error), failed=True)
            continue
        identity = (status.st_dev, status.st_ino)
        # Some network file systems give every file the number 0.
        if status.st_ino and identity in seen:
            folder = stat.S_ISDIR(status.st_mode)
            yield Skipped(
                path=path,
                reason=mark("This folder has been read under another name.")
                if folder
                else mark("This file has been read under another name."),
            )
            continue
        seen.add(identity)
        if stat.S_ISDIR(status.st_mode):
            try:
                names = sorted(os.listdir(path), key=natural, reverse=True)
            except OSError as error:
                yield Skipped(path=path, reason=unreadable(error), failed=True)
                continue
            waiting.extend(path / name for name in names if name.lower() not in _CLUTTER)
        elif stat.S_ISREG(status.st_mode):
            yield entry_at(path, status.st_size)
        else:
            yield Skipped(path=path, reason=mark("This is a device or a pipe, not a file."))


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key by which B2 comes before B10."""
    parts: list[tuple[int, int, str]] = []
    digits = text = ""
    for character in name.casefold() + "\0":
        if character.isascii() and character.isdigit():
            if text:
                parts.append((1, 0, text))
                text = ""
            digits += character
        else:
            if digits:
                # Nobody numbers files by more digits than this; int() of a million is slow.
                parts.append((0, int(digits[:300]), digits))
                digits = ""
            text += character
    return (*parts, (1, 0, text))


def unreadable(error: OSError) -> str:
    """Say why the system would not give us the file, without naming it."""
    reason = error.strerror or type(error).__name__
    return fill("The system does not let us read it: {reason}.", reason=reason)

"""Unpacked bytes that live no longer than the program.

What comes out of archives and deflated files holds patients' data. It goes to one nameless
temporary file each, which the system removes when it is closed, even if the program dies.
"""

import io
import tempfile
import threading
import weakref
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from app.errors import DamagedFile
from app.reading.entries import Entry


class Scratch:
    """A nameless temporary file to which runs of bytes are added, and read from any thread."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as its entries
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._end = 0

    def add(self, path: Path, chunks: Iterable[bytes], *, limit: int) -> Entry:
        """Store `chunks` and return the entry that reads them back.

        Raises:
            DamagedFile: If there are more than `limit` bytes.
            OSError: If the disk is full.
        """
        with self._lock:
            start = self._end
            self._file.seek(start)
            size = 0
            for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise DamagedFile("It unpacks to far more than it should; it is not opened.")
                self._file.write(chunk)
            self._end = start + size
        return Entry(path=path, size=size, open=partial(self._open, start, size))

    def read_at(self, position: int, count: int) -> bytes:
        with self._lock:
            self._file.seek(position)
            return self._file.read(count)

    def _open(self, start: int, size: int) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(_Section(self, start, size)))


class _Section(io.RawIOBase):
    name = ""  # pydicom asks every file for one

    def __init__(self, scratch: Scratch, start: int, size: int) -> None:
        super().__init__()
        self._scratch, self._start, self._size = scratch, start, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer)).cast("B")
        count = max(0, min(len(view), self._size - self._position))
        data = self._scratch.read_at(self._start + self._position, count)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

"""Stand-ins for the identifiers that a file does not have: DICOM UIDs of form 2.25 (PS3.5 B.2).

They are made by a hash, so that the same input gets the same one, and so that nothing can be read
from them: an identifier stands in results that must not tell whose they are.
"""

import hashlib
from collections.abc import Iterable

from app.errors import DamagedFile
from app.reading.entries import Entry, unreadable

_CHUNK = 1 << 20


def uid_of_content(entries: Iterable[Entry]) -> str:
    """Identify files by all their bytes: beginnings alone are alike among black-framed pictures.

    Raises:
        DamagedFile: If one cannot be read.
    """
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(entry.size.to_bytes(8))
        try:
            with entry.open() as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise DamagedFile(unreadable(error)) from error
    return _uid(digest.digest())


def uid_of_words(*words: object) -> str:
    """Identify something by what is said of it."""
    return _uid(hashlib.sha256("\0".join(map(str, words)).encode()).digest())


def _uid(digest: bytes) -> str:
    return f"2.25.{int.from_bytes(digest[:15])}"

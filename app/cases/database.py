"""The file of cases: opened, brought up to date, and never left half written.

Several threads and several processes may use it at once: within a process one lock orders the
calls, between processes SQLite's write-ahead log and its IMMEDIATE transactions do.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.cases.leader import Lead
from app.cases.schema import MIGRATIONS
from app.errors import StorageError
from app.files import backup_path
from app.language import fill, mark
from app.paths import user_data

_PATIENCE = 10.0  # seconds that another process may hold the file
_NOT_OURS = mark(
    "The case list is damaged or no case list at all: “{name}”. Restore it from a backup, or move "
    "it away and a new one is made."
)


def default_path() -> Path:
    """Where this user's cases are kept."""
    return user_data() / "cases.sqlite"


class Database:
    """An open file of cases. Any thread may call."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file; create it, or bring it up to date after a backup beside it.

        Raises:
            StorageError: If that cannot be done. A file of a later version, or one that is none
                of ours, is left as it is.
        """
        self.path = path or default_path()
        self._lock = threading.RLock()
        self._lead = Lead(self.path.with_suffix(".lock"))
        with told(mark("opened")):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            version = _version(self.path)
            # Made by ourselves, for the owner alone: SQLite gives its side files the same rights.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(
                self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
        try:
            with told(mark("opened")):
                self._connection.text_factory = _as_it_stands
                self._connection.execute("PRAGMA journal_mode = WAL")
                # What was told to be kept must outlive a power cut too.
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA foreign_keys = ON")
                # What was wiped must not stay legible in the file's free pages.
                self._connection.execute("PRAGMA secure_delete = ON")
                self._migrate(version)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        with self._lock:
            self._lead.leave()
            self._connection.close()

    def take_lead(self) -> bool:
        """Whether this process is the one that goes on with what an earlier one left."""
        return self._lead.take()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone.

        Raises:
            StorageError: If the database fails.
        """
        with told(mark("read")), self._lock:
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction: all that the block does, or nothing.

        Raises:
            StorageError: If the database fails; nothing is written then.
        """
        with told(mark("written")), self._lock:
            # IMMEDIATE: two processes must not both build on the same newest entry.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _migrate(self, version: int) -> None:
        if version == len(MIGRATIONS):
            return
        if version:
            _back_up(self._connection, self.path, version)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have done it while this one waited.
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            _refuse_later(version)
            for statement in (each for step in MIGRATIONS[version:] for each in step):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _version(path: Path) -> int:
    """The version of a file, looked at without touching it; 0 if there is none yet."""
    if not path.exists() or path.stat().st_size == 0:
        return 0
    with closing(open_to_look(path)) as looked_at:
        version: int = looked_at.execute("PRAGMA user_version").fetchone()[0]
        (tables,) = looked_at.execute("SELECT count(*) FROM sqlite_master").fetchone()
    _refuse_later(version)
    if version == 0 and tables:
        raise StorageError(fill(_NOT_OURS, name=path.name))
    return version


def _refuse_later(version: int) -> None:
    if version > len(MIGRATIONS):
        raise StorageError(
            "The case list was made by a later version of this program and is left as it is. "
            "Update the program."
        )


def open_to_look(path: Path) -> sqlite3.Connection:
    """A connection that cannot change the file, even where the folder cannot be written."""
    mode = "ro"
    beside = path.with_name(f"{path.name}-wal")
    if not beside.exists() and not os.access(path.parent, os.W_OK):
        # No process has it open for writing, so it will not change while it is read.
        mode = "ro&immutable=1"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)
    connection.text_factory = _as_it_stands
    return connection


def _as_it_stands(raw: bytes) -> str:
    """What another program wrote must be seen, whatever its bytes."""
    return raw.decode("utf-8", "surrogateescape")


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Copy the database beside itself, whole, readable by its owner alone."""
    target = backup_path(path, version)
    unfinished = target.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    try:
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o600))
        with closing(sqlite3.connect(unfinished)) as copy:
            connection.backup(copy)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what the database says into a sentence for the reader."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            fill("The case list could not be {what}: {reason}", what=what, reason=_reason(error))
        ) from error


def _reason(error: sqlite3.Error | OSError) -> str:
    message = str(error).lower()
    if "disk is full" in message or "no space" in message:
        return mark("the disk is full. Free some space.")
    if "not a database" in message or "malformed" in message:
        return mark(
            "the file is damaged. Restore it from a backup, or move it away to begin a new one."
        )
    if "locked" in message or "busy" in message:
        return mark("another program holds the file. Close that program and try again.")
    if isinstance(error, PermissionError) or "readonly" in message or "unable to open" in message:
        return mark("you may not write there. Check the rights of the folder of your own data.")
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return fill(
        "{words}. Check the disk, and that you may write to the folder of your own data.",
        words=words,
    )

"""What readers decided: append-only, and every change from outside shows.

Each decision is one row, which the database itself refuses to change or delete; a decision is
corrected or withdrawn by another row. Every row holds the SHA-256 of its own fields together with
the hash of the row before it, so that a row that was altered, removed or slipped in by any other
program breaks the chain, and `Trail.verify` names the place. Cutting off the newest rows leaves a
shorter chain that is whole: compare `Trail.head` with a copy kept elsewhere to see that too.
"""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.cases.database import Database, open_to_look, told
from app.errors import StorageError
from app.language import fill, mark

OTHER_SCANS = mark("The scans are other ones now.")
"""The note of an entry by which the program itself withdraws a call."""

_NO_HASH = "0" * 64

_Row = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a reader says of a B-scan, an eye or the patient."""

    reader: str  # initials
    study_uid: str  # with the patient: see app.cases.store.trail_key
    subject: str  # see app.cases.subjects
    answer: str | None  # None withdraws the former one
    machine: str | None  # the machine's answer at that time
    blind: bool  # given before the reader saw the machine's
    note: str
    model: str  # id, version and SHA-256 of the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the trail: who said what of whom, and what the machine said."""

    number: int  # counts from 1
    time: str  # ISO 8601 with time zone
    reader: str  # initials
    study_uid: str  # with the patient: see app.cases.store.trail_key
    subject: str  # see app.cases.subjects
    before: str | None  # the reader's answer until then; None: there was none
    after: str | None  # the reader's answer; None: withdrawn
    machine: str | None  # the machine's answer at that time
    blind: bool  # given before the reader saw the machine's
    note: str
    model: str  # id, version and SHA-256 of the model
    hash: str  # of the row and, through it, of all rows before

    @property
    def agrees(self) -> bool:
        """Whether it agreed with the machine then; the machine may answer otherwise now."""
        return self.after is not None and self.after == self.machine

    @property
    def for_other_scans(self) -> bool:
        """Whether it withdraws a call because it was given on other scans than there are now."""
        return self.after is None and self.note == OTHER_SCANS


class Trail(Database):
    """The decisions in the file of cases."""

    def decide(self, decision: Decision, when: datetime, follows: str | None = None) -> Entry:
        """Append a decision to the trail.

        Args:
            when: With time zone.
            follows: The `study_uid` under which an earlier version kept the decision before.

        Raises:
            StorageError: If it cannot be written; nothing is then.
        """
        if when.tzinfo is None:
            raise ValueError("a time without zone means nothing elsewhere")
        with self.writing() as database:
            before = _latest(database, decision.study_uid, decision.subject, follows)
            head, number = _head(database)
            row: _Row = (
                number + 1,
                when.isoformat(timespec="seconds"),
                _clean(decision.reader),
                decision.study_uid,
                decision.subject,
                before.after if before is not None else None,
                decision.answer,
                decision.machine,
                int(decision.blind),
                _clean(decision.note),
                decision.model,
            )
            hashed = _hash(row, head)
            database.execute(
                f"INSERT INTO trail VALUES ({', '.join('?' * 13)})", (*row, head, hashed)
            )
        return _entry((*row, hashed))

    def decision(self, study_uid: str, subject: str) -> Entry | None:
        """The decision that holds; None if there is none or it was withdrawn."""
        with self.reading() as database:
            entry = _latest(database, study_uid, subject)
        return entry if entry is not None and entry.after is not None else None

    def decisions(self, study_uid: str) -> dict[str, Entry]:
        """All decisions on a study that hold, by subject."""
        latest = {entry.subject: entry for entry in self.trail(study_uid)}
        return {subject: each for subject, each in latest.items() if each.after is not None}

    def trail(self, study_uid: str | None = None) -> list[Entry]:
        """Every entry, or those of one study, oldest first."""
        where, given = ("", ()) if study_uid is None else (" WHERE study_uid = ?", (study_uid,))
        with self.reading() as database:
            rows = database.execute(f"{_SELECT}{where} ORDER BY number", given).fetchall()
        return [_entry(row) for row in rows]

    def head(self) -> str:
        """The hash of the newest entry: it stands for the whole trail."""
        with self.reading() as database:
            return _head(database)[0]

    def verify(self) -> int:
        """Check the chain from its first entry; return how many there are.

        Raises:
            StorageError: Naming the first entry that is not as it was written.
        """
        with self.reading() as database:
            rows = database.execute(_SELECT_CHAIN).fetchall()
        return len(_checked(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeTrail:
    """A trail whose chain was found whole."""

    entries: tuple[Entry, ...]
    hashes: tuple[str, ...]  # one for each entry


def read_whole_trail(path: Path) -> WholeTrail:
    """Check the trail in a file without changing the file, be it a backup or the one in use.

    Raises:
        StorageError: If it cannot be read, is no file of cases, or an entry is not as it was
            written.
    """
    if not path.is_file():
        raise StorageError(
            fill("There is no file “{name}”. Name the file of cases to verify.", name=path.name)
        )
    with told(mark("read")), closing(open_to_look(path)) as database:
        rows = database.execute(_SELECT_CHAIN).fetchall()
    hashes = _checked(rows)
    entries = tuple(_entry((*fields, hashed)) for *fields, _, hashed in rows)
    return WholeTrail(entries=entries, hashes=hashes)


def _checked(rows: Sequence[_Row]) -> tuple[str, ...]:
    """The hash of every row, each of which must follow from the row before."""
    previous = _NO_HASH
    hashes = []
    for count, (*fields, linked, hashed) in enumerate(rows, start=1):
        # The row as it stands, not as an Entry: that would hide a 2 where a 1 was written.
        whole = fields[0] == count and linked == previous
        if not whole or hashed != _hash(tuple(fields), previous):
            raise StorageError(
                fill(
                    "The audit trail was changed outside this program: entry {count} is not as it "
                    "was written. Restore the file from a backup and tell who is responsible.",
                    count=count,
                )
            )
        previous = str(hashed)
        hashes.append(previous)
    return tuple(hashes)


_COLUMNS = "number, time, reader, study_uid, subject, before, after, machine, blind, note, model"
_SELECT = f"SELECT {_COLUMNS}, hash FROM trail"
_SELECT_CHAIN = f"SELECT {_COLUMNS}, previous, hash FROM trail ORDER BY number"


def _latest(
    database: sqlite3.Connection, study_uid: str, subject: str, former_uid: str | None = None
) -> Entry | None:
    row = database.execute(
        f"{_SELECT} WHERE study_uid IN (?, ?) AND subject = ? ORDER BY number DESC LIMIT 1",
        (study_uid, former_uid or study_uid, subject),
    ).fetchone()
    return _entry(row) if row is not None else None


def _head(database: sqlite3.Connection) -> tuple[str, int]:
    row = database.execute("SELECT hash, number FROM trail ORDER BY number DESC LIMIT 1").fetchone()
    return (row[0], row[1]) if row is not None else (_NO_HASH, 0)


def _entry(row: _Row) -> Entry:
    values = dict(zip((*_COLUMNS.split(", "), "hash"), row, strict=True))
    return Entry(**values | {"blind": bool(values["blind"])})  # type: ignore[arg-type]


def _hash(row: _Row, previous: str) -> str:
    # JSON keeps fields apart: "ab" + "c" must not hash as "a" + "bc". Bytes, which only another
    # program can have written, hash as what they are.
    written = json.dumps([previous, *row], ensure_ascii=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(written.encode()).hexdigest()


def _clean(text: str) -> str:
    """Half a character, which a clipboard may hold, cannot be kept."""
    return text.encode("utf-8", "replace").decode()

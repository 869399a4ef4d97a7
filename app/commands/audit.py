"""`python -m app audit …`: whether the trail of readers' decisions is whole, and what it says."""

import csv
import hashlib
import io
from argparse import ArgumentParser, Namespace
from pathlib import Path

from app.cases.database import default_path
from app.cases.subjects import PATIENT, is_eye
from app.cases.trail import Entry, WholeTrail, read_whole_trail
from app.commands.terminal import say
from app.errors import StorageError
from app.results.output import output_file

DESCRIPTION = (
    "Verifies the trail of readers' decisions, or writes it as CSV. The file is never changed."
)

_COLUMNS = (
    "number", "time", "reader", "study", "subject", "before", "after", "machine", "blind", "note",
    "model", "hash",
)  # fmt: skip


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="whether every entry is as it was written")
    verify.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: this user's")
    verify.add_argument(
        "--head",
        metavar="HASH",
        help="a hash noted earlier: also check that the entry is still there, so that the newest "
        "entries were not cut off",
    )
    export = actions.add_parser("export", help="write it as CSV, without what names a patient")
    export.add_argument("out", type=Path, metavar="OUT.csv")
    export.add_argument("--file", type=Path, metavar="FILE", help="default: this user's")
    export.add_argument(
        "--notes", action="store_true", help="with readers' notes, which may name a patient"
    )


def run(options: Namespace) -> int:
    trail = read_whole_trail(options.file or default_path())
    if options.action == "export":
        _export(trail, options.out, notes=options.notes)
    else:
        _verify(trail, options.head)
    return 0


def _verify(trail: WholeTrail, head: str | None) -> None:
    if head is not None and head.strip().lower() not in trail.hashes:
        raise StorageError(
            "The audit trail no longer holds the entry with that hash: its newest entries were "
            "cut off, or the file is another. Restore it from a backup and tell who is responsible."
        )
    say(f"The audit trail is whole: {len(trail.entries)} entries.")
    if trail.hashes:
        say(f"Its newest entry, to be noted elsewhere: {trail.hashes[-1]}")


def _export(trail: WholeTrail, out: Path, *, notes: bool) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for entry, hashed in zip(trail.entries, trail.hashes, strict=True):
        table.writerow(_row(entry, hashed, notes=notes))
    with output_file(out) as file:
        # The byte order mark tells Excel that it is UTF-8.
        file.write(b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace"))
    say(f"{len(trail.entries)} entries are in “{out.name}”.")


def _row(entry: Entry, hashed: str, *, notes: bool) -> list[object]:
    values: list[object] = [
        entry.number,
        entry.time,
        entry.reader,
        f"study-{_digest(entry.study_uid)}",
        _subject(entry.subject),
        entry.before,
        entry.after,
        entry.machine,
        int(entry.blind),
        entry.note if notes else "",
        entry.model,
        hashed,
    ]
    return [_harmless(each) for each in values]


def _subject(subject: str) -> str:
    """A B-scan's holds the UID of its file, by which an archive would find the patient."""
    if subject == PATIENT or is_eye(subject):
        return subject
    uid, _, number = subject.rpartition("/")
    return f"B-scan {_digest(uid)}/{number}"


def _digest(uid: str) -> str:
    """The same every time, and nothing of the patient."""
    return hashlib.sha256(uid.encode()).hexdigest()[:8]


def _harmless(value: object) -> object:
    """A spreadsheet must not take what a reader wrote for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value

"""What a reader drew on B-scans, kept with the case."""

import json
from dataclasses import dataclass
from datetime import datetime

from app.cases.database import Database

CALLIPER = "calliper"

Points = tuple[tuple[float, float], ...]
"""(row, column) in pixels of the frame as it is stored, the centre of the first pixel at 0.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One thing drawn on one B-scan."""

    number: int  # unique in the file
    study_uid: str
    subject: str  # see app.cases.subjects.bscan_subject
    kind: str  # CALLIPER: two points, whose distance is told in µm
    points: Points
    created: str  # ISO 8601 with time zone
    removed: str | None = None  # likewise; None: it stands


class Annotations(Database):
    """The annotations in the file of cases."""

    def annotate(
        self, study_uid: str, subject: str, points: Points, when: datetime, *, kind: str = CALLIPER
    ) -> Annotation:
        """Keep an annotation.

        Raises:
            StorageError: If it cannot be written.
        """
        created = when.isoformat(timespec="seconds")
        with self.writing() as database:
            number = database.execute(
                "INSERT INTO annotation (study_uid, subject, kind, points, created) "
                "VALUES (?, ?, ?, ?, ?)",
                (study_uid, subject, kind, json.dumps(points), created),
            ).lastrowid
        assert number is not None
        return Annotation(
            number=number,
            study_uid=study_uid,
            subject=subject,
            kind=kind,
            points=points,
            created=created,
        )

    def remove_annotation(self, number: int, when: datetime) -> None:
        """Take an annotation off its B-scan. It is kept, so that this can be undone."""
        self._set_removed(number, when.isoformat(timespec="seconds"))

    def restore_annotation(self, number: int) -> None:
        """Undo a removal."""
        self._set_removed(number, None)

    def annotations(self, study_uid: str, subject: str | None = None) -> list[Annotation]:
        """What stands on a study's B-scans, or on one of them, oldest first."""
        where, given = ("", ()) if subject is None else (" AND subject = ?", (subject,))
        with self.reading() as database:
            rows = database.execute(
                "SELECT number, subject, kind, points, created FROM annotation "
                f"WHERE study_uid = ? AND removed IS NULL{where} ORDER BY number",
                (study_uid, *given),
            ).fetchall()
        return [
            Annotation(
                number=number,
                study_uid=study_uid,
                subject=about,
                kind=kind,
                points=tuple((row, column) for row, column in json.loads(points)),
                created=created,
            )
            for number, about, kind, points, created in rows
        ]

    def _set_removed(self, number: int, when: str | None) -> None:
        with self.writing() as database:
            database.execute("UPDATE annotation SET removed = ? WHERE number = ?", (when, number))

"""Decisions as the trail holds them, for tests that need no database."""

from app.cases.trail import Entry
from tests.results_builder import WHEN


def entry(subject: str, answer: str | None, *, number: int = 1, **fields: object) -> Entry:
    """One line of the trail of the study of `tests.results_builder`, by reader AB."""
    plain = {
        "number": number,
        "time": WHEN.isoformat(timespec="seconds"),
        "reader": "AB",
        "study_uid": "2.25.42",
        "subject": subject,
        "before": None,
        "after": answer,
        "machine": answer,
        "blind": False,
        "note": "",
        "model": "kd-oct-b2 1.2.0 0123",
        "hash": f"{number:064x}",
    }
    return Entry(**plain | fields)

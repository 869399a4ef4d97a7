"""The file of cases as the program uses it: one object for all that it keeps.

Call it from tasks: nothing here is meant for the GUI thread.
"""

from app.cases.annotations import CALLIPER, Annotation, Annotations
from app.cases.case_table import CaseTable
from app.cases.kept import CaseState, KeptCase, LoadedCase, Summary
from app.cases.subjects import PATIENT, bscan_subject
from app.cases.trail import Decision, Entry, Trail

__all__ = [
    "CALLIPER",
    "PATIENT",
    "Annotation",
    "CaseState",
    "Decision",
    "Entry",
    "KeptCase",
    "LoadedCase",
    "Store",
    "Summary",
    "bscan_subject",
]


class Store(Trail, Annotations, CaseTable):
    """Decisions, annotations and cases of one user. Any thread may call."""

"""The file of cases as the program uses it: one object for all that it keeps.

Call it from tasks: nothing here is meant for the GUI thread.
"""

from collections import defaultdict
from collections.abc import Sequence

from app.cases.annotations import CALLIPER, Annotation, Annotations
from app.cases.case_table import CaseTable
from app.cases.kept import CaseState, KeptCase, LoadedCase, Summary
from app.cases.subjects import PATIENT, bscan_subject
from app.cases.trail import Decision, Entry, Trail
from app.errors import DamagedRecord
from app.reading.found import uid_of_patient
from app.study import Patient

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
    "trail_key",
]


def trail_key(study_uid: str, patient: Patient) -> str:
    """What decisions on one patient's visit are kept under, as their `study_uid`.

    Exports have been seen that give one study UID to two people, and which of them are opened
    together changes what each is called, so that the patient is always part of it.
    """
    return uid_of_patient(study_uid, patient)


class Store(Trail, Annotations, CaseTable):
    """Decisions, annotations and cases of one user. Any thread may call."""

    def trails(self, visits: Sequence[tuple[str, Patient]]) -> list[list[Entry]]:
        """The entries on each visit, oldest first.

        Earlier versions kept them under the study's UID alone: those are the first patient's of
        whom a case with that UID was kept.

        Args:
            visits: UID and patient of each study.
        """
        by_key: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.trail():
            by_key[entry.study_uid].append(entry)
        found = []
        for uid, patient in visits:
            key = trail_key(uid, patient)
            plain = key.rpartition("-")[0]
            entries = list(by_key.get(key, ()))
            if plain in by_key and self._is_first(uid, plain, patient):
                entries += by_key[plain]
            found.append(sorted(entries, key=lambda entry: entry.number))
        return found

    def _is_first(self, uid: str, plain: str, patient: Patient) -> bool:
        try:
            first = self.first_patient(plain)
        except DamagedRecord:
            # Whose they were cannot be told any more: better nobody's than another's.
            return False
        if first is None:
            return uid == plain
        return trail_key(plain, first) == trail_key(plain, patient)

"""The other visits of the patient on show: found among the open cases and those that are kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.gui.case import Case
from app.gui.keeper import Keeper
from app.readings import Readings
from app.study import Laterality, Patient, Study
from app.visits import AnalysedStudy, Visit, history, kept_studies, same_patient

if TYPE_CHECKING:
    from app.cases.store import Store

_Kept = tuple[AnalysedStudy, frozenset[str]]
"""A study, and the subjects of which the trail tells."""


class PastVisits(QObject):
    """What became of each eye of one case."""

    changed = Signal()

    def __init__(self, keeper: Keeper, parent: QObject) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self._case: Case | None = None
        self._looked_for: tuple[str, Patient] | None = None
        self._kept: list[_Kept] = []
        self._shows: Callable[[AnalysedStudy, Laterality, frozenset[str]], bool] | None = None

    def ask(self, shows: Callable[[AnalysedStudy, Laterality, frozenset[str]], bool]) -> None:
        """Have somebody say whether the machine's answer on an eye at a visit may be seen."""
        self._shows = shows

    def look_up(self, case: Case | None) -> None:
        """Find the other visits of a case's patient; `changed` tells when they are known."""
        self._case = case
        wanted = None if case is None else (case.uid, case.summary.patient)
        if wanted == self._looked_for:
            return
        self._looked_for, self._kept = wanted, []
        self._fetch()

    def hear(self, case: Case) -> None:
        """Look again if what happened to another case makes it one of these visits."""
        present = self._case
        if present is None or case is present or case.call is None:
            return
        if same_patient(case.summary.patient, present.summary.patient):
            self._fetch()

    def of(self, laterality: Laterality) -> tuple[tuple[Visit, ...], Visit | None]:
        """One eye's visits, oldest first, and the present one of them.

        None as long as the machine's answer is kept from who reads first.
        """
        case = self._case
        if case is None or case.result is None or case.card is None:
            return (), None
        if not case.revealed(laterality):
            return (), None
        present = AnalysedStudy(
            study=case.study, result=case.result, card=case.card, readings=case.readings
        )
        # A reader who is to answer first must not meet here what that visit's case keeps back.
        told = [
            each
            for each, decided in self._kept
            if self._shows is None or self._shows(each, laterality, decided)
        ]
        visits = history(laterality, [present, *told])
        return visits, next((each for each in visits if each.source is present), None)

    def _fetch(self) -> None:
        if self._case is None or self._looked_for is None:
            return
        study, wanted = self._case.study, self._looked_for

        def arrived(found: Sequence[_Kept]) -> None:
            # The reader may be with another patient by now.
            if wanted == self._looked_for:
                self._kept = list(found)
                self.changed.emit()

        self._keeper.do(lambda store: _kept(store, study), arrived)


def _kept(store: "Store", present: Study) -> list[_Kept]:
    studies = kept_studies(store, present)
    trails = store.trails([(each.study.uid, each.study.patient) for each in studies])
    return [
        (
            replace(study, readings=Readings.standing(trail)),
            frozenset(entry.subject for entry in trail),
        )
        for study, trail in zip(studies, trails, strict=True)
    ]

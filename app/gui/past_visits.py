"""The other visits of the patient on show: found among the open cases and those that are kept."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from app.gui.case import Case
from app.gui.keeper import Keeper
from app.study import Laterality, Patient
from app.visits import AnalysedStudy, Visit, history, kept_studies, same_patient


class PastVisits(QObject):
    """What became of each eye of one case."""

    changed = Signal()

    def __init__(self, keeper: Keeper, parent: QObject) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self._case: Case | None = None
        self._looked_for: tuple[str, Patient] | None = None
        self._kept: list[AnalysedStudy] = []

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
        present = AnalysedStudy(study=case.study, result=case.result, card=case.card)
        visits = history(laterality, [present, *self._kept])
        return visits, next((each for each in visits if each.source is present), None)

    def _fetch(self) -> None:
        if self._case is None or self._looked_for is None:
            return
        study, wanted = self._case.study, self._looked_for

        def arrived(found: Sequence[AnalysedStudy]) -> None:
            # The reader may be with another patient by now.
            if wanted == self._looked_for:
                self._kept = list(found)
                self.changed.emit()

        self._keeper.do(lambda store: kept_studies(store, study), arrived)

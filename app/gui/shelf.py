"""Cases and what the store holds of them: put there, read back, and let go of in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.cases.kept import CaseState, KeptCase, LoadedCase
from app.errors import AppError
from app.gui.case import Case
from app.gui.findings import study_scales
from app.gui.keeper import Keeper

if TYPE_CHECKING:
    from app.cases.store import Store

_HELD = 12
"""Results in memory beside the one on show; the others are read back when asked for."""


class Before:
    """What earlier runs left: the list, what is still to be read, and whether it is ours to do."""

    def __init__(self, store: "Store") -> None:
        store.wipe_removed(datetime.now().astimezone())
        self.leading = store.take_lead()
        self.cases: list[KeptCase]
        self.damaged: list[int]
        self.cases, self.damaged = store.listed()
        self.dropped = store.dropped() if self.leading else []


class Shelf(QObject):
    """What happens to cases is kept in the order in which it happens."""

    changed = Signal(object)  # Case that was read back, or could not be
    missing = Signal(object)  # Case whose files are gone

    def __init__(self, keeper: Keeper, on_show: Callable[[], Case | None], parent: QObject) -> None:
        super().__init__(parent)
        self.keeper = keeper
        self._on_show = on_show
        self._held: list[Case] = []  # with their results in memory, the latest last

    def read_before(
        self, then: Callable[[Before], object], otherwise: Callable[[AppError], object]
    ) -> None:
        self.keeper.do(Before, then, otherwise)

    def add(self, case: Case, dropped: Sequence[Path]) -> None:
        """Keep a case that is new, or whose study has grown."""
        if case.demo:
            return
        study, when = case.study, case.added

        def keep(store: "Store") -> None:
            case.number = store.keep(study, dropped, when)

        self.keeper.do(keep)

    def keep(self, case: Case, work: "Callable[[Store, int], object]") -> None:
        """Have something kept of a case; nothing of one that is not kept itself."""

        def keep(store: "Store") -> None:
            if case.number is not None:
                work(store, case.number)

        if not case.demo:
            self.keeper.do(keep)

    def keep_state(self, case: Case) -> None:
        state, problem = case.state, case.problem
        # A result that is to be made anew is still there after a restart.
        if case.call is None or state is not CaseState.QUEUED:
            self.keep(case, lambda store, number: store.set_state(number, state, problem))

    def keep_result(self, case: Case) -> None:
        result, card, contents = case.result, case.card, case.contents
        assert result is not None
        assert card is not None

        def keep(store: "Store") -> bool:
            if case.number is not None:
                store.keep_result(case.number, result, card, contents)
            return case.number is not None

        def kept(done: bool) -> None:
            if case.result is result:
                case.stored = done

        if not case.demo:
            self.keeper.do(keep, kept)
        self._hold(case)

    def load(self, cases: Sequence[Case], then: Callable[[], object]) -> None:
        """Have these cases whole, and then go on."""
        for case in cases:
            if not case.whole and case.number is not None:
                self._read_back(case, case.number)
        self.keeper.do(lambda store: None, lambda _: then(), lambda _: then())

    def _read_back(self, case: Case, number: int) -> None:
        def loaded(back: LoadedCase) -> None:
            if not case.whole:
                before = case.call, case.card
                case.take_back(back)
                self._hold(case)
                if (case.call, case.card) != before:
                    self.changed.emit(case)
                if case.missing:
                    self.missing.emit(case)

        def failed(error: AppError) -> None:
            case.forget_result()
            case.state, case.problem = CaseState.FAILED, str(error)
            self.changed.emit(case)

        def load(store: "Store") -> LoadedCase:
            back = store.load(number)
            if back.result is not None and back.card is not None:
                # At hand when the window asks for them.
                study_scales(back.result, len(back.card.classes))
            return back

        self.keeper.do(load, loaded, failed)

    def _hold(self, case: Case) -> None:
        self._held = [each for each in self._held if each is not case] + [case]
        on_show = self._on_show()
        for each in [each for each in self._held if each is not on_show][:-_HELD]:
            if each.state is CaseState.READY:
                each.let_go()
        self._held = [each for each in self._held if each.result is not None]

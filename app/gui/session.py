"""The one view-model: which cases there are, how far they are, and what the reader asked for.

It holds no widget and makes no medical decision. Every study that is dropped becomes a case that
is kept (`Shelf`, `app.cases`); reading, analysis and the store work in the background (`Intake`,
`CaseQueue`, `Keeper`), and what an earlier run left undone goes on at the next start.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.cases.kept import MOST_TRIES, CaseState, Dropped, KeptCase, gave_up
from app.errors import AppError
from app.gui.admission import Admission
from app.gui.case import Case
from app.gui.case_queue import CaseQueue, Repeated
from app.gui.intake import Intake, Read, Reading
from app.gui.jobs import Jobs
from app.gui.keeper import Keeper
from app.gui.languages import told
from app.gui.notice import Notice
from app.gui.shelf import Before, Shelf
from app.settings import Settings, dated, permitted, save_settings
from app.study import Laterality, Skipped

if TYPE_CHECKING:
    from app.cases.store import Store
    from app.modelpack import Card

__all__ = ["Case", "CaseState", "Notice", "Session", "default_report_name"]


class Session(QObject):
    """Opens, queues, analyses and keeps studies."""

    cases_changed = Signal()  # which there are
    case_changed = Signal(object)  # Case: its state, study or result
    progressed = Signal()
    current_changed = Signal()
    settings_changed = Signal()
    repeated = Signal(object)  # Repeated
    eyes_set = Signal(object, object)  # Case, and its Study as it was before
    scans_changed = Signal(object, object, object)  # the same; UIDs of volumes with other files
    noticed = Signal(object)  # Notice
    broken = Signal(Exception)  # a bug: to the excepthook
    resumed = Signal(bool)  # whether an earlier run left anything on the list or to be read
    folder_wanted = Signal(object)  # Case whose files the reader wants to locate

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cases: list[Case] = []
        self.current: Case | None = None
        self.skipped: tuple[Skipped, ...] = ()
        self.settings = settings
        self._wanted: Case | None = None  # to be shown once it is read back
        self._awaited = False  # the reader waits for what was dropped, and does nothing else
        self._begun = False
        self._saving = Jobs(self)
        self.keeper = Keeper(self)
        self.shelf = Shelf(self.keeper, lambda: self.current, self)
        self._intake = Intake(self.keeper, self)
        self._admission = Admission(self.shelf, self)
        self._queue = CaseQueue(
            self.shelf, settings, lambda: self.cases, lambda: self.current, self
        )
        self._wire()

    def _wire(self) -> None:
        self._saving.failed.connect(self._tell_failure)
        self.keeper.failed.connect(self._not_kept)
        self.keeper.broken.connect(self.broken)
        self.shelf.changed.connect(self._tell_change)
        self.shelf.missing.connect(self._admission.tell_missing)
        self._intake.ended.connect(self._read)
        self._intake.failed.connect(self._tell_failure)
        self._intake.troubled.connect(self._not_kept)
        self._intake.progressed.connect(self.progressed)
        self._admission.noticed.connect(self.noticed)
        self._admission.scans_changed.connect(self.scans_changed)
        self._admission.grown.connect(self._grown)
        self._admission.moved.connect(self._moved)
        self._admission.folder_wanted.connect(self.folder_wanted)
        self._queue.changed.connect(self.case_changed)
        self._queue.progressed.connect(self.progressed)
        self._queue.noticed.connect(self.noticed)
        self._queue.repeated.connect(self.repeated)
        self._queue.settled.connect(self.change_settings)
        self._queue.broken.connect(self.broken)

    def change_settings(self, settings: Settings) -> None:
        settings = permitted(settings)
        if not self.settings.blind_first:
            settings = replace(settings, blind_since=0.0)
        self.settings = settings = dated(settings)
        self._queue.use(settings)
        self.settings_changed.emit()
        self._saving.do(lambda: save_settings(settings), lambda _: None)

    @property
    def saving(self) -> bool:
        """Whether settings are still on their way to the disk."""
        return self._saving.busy

    @property
    def card(self) -> "Card | None":
        """Of the model that made the result on show; where there is none, of the one loaded."""
        if self.current is not None and self.current.card is not None:
            return self.current.card
        return self._queue.card

    def ask_card(self, then: Callable[["Card"], object]) -> None:
        """Go on with the card of the chosen model, as its package has it."""
        settings = self.settings

        def read() -> "Card":
            from app.installed import choose_package

            return choose_package(settings.model_id, settings.keys).card

        self._saving.do(read, then)

    @property
    def busy(self) -> bool:
        return self.reading is not None or self.running is not None

    @property
    def reading(self) -> Reading | None:
        return self._intake.reading

    @property
    def running(self) -> Case | None:
        return self._queue.running

    # What is asked for

    def resume(self) -> None:
        """Take up what earlier runs kept: the list, what was to be read and to be analysed."""
        if not self._begun:
            self._begun = True
            if self.settings != dated(self.settings):
                # Reading blind was switched by the clinic's file since.
                self.change_settings(self.settings)
            self.shelf.read_before(self._resumed, self._begin_without)

    def open(self, paths: Sequence[Path], *, demo: bool = False) -> None:
        """Read studies from files and folders, and analyse them in turn."""
        if paths:
            self._awaited = True
            self.resume()
            self._intake.take(paths, demo=demo)

    def stay(self) -> None:
        """Leave the reader, who is at work, with the case on show, whatever arrives."""
        self._awaited = False

    def select(self, case: Case) -> None:
        """Show a case; one that was kept is read back first."""
        if case is not self._wanted:
            self.stay()
        self._wanted = case
        if case.whole:
            self._show(case)
        elif case is not self.current:
            self.load([case], lambda: self._show(case))
        elif _let_go(case):
            self.load([case], lambda: self._tell_change(case))

    def load(self, cases: Sequence[Case], then: Callable[[], object]) -> None:
        """Have the results of these cases at hand, and then go on."""
        self.shelf.load(cases, then)

    def remove(self, cases: Sequence[Case], after: Case | None = None) -> None:
        """Take studies off the list, with a way back; their files are not touched.

        Args:
            after: What to show if the case on show is among them; None leaves the choice.
        """
        gone = [case for case in cases if case in self.cases]
        if not gone:
            return
        place = self.cases.index(gone[0])
        when = datetime.now().astimezone()
        for case in gone:
            self.cases.remove(case)
            self._queue.leave(case)
            self.shelf.keep(case, lambda store, number: store.remove(number, when))
        self.cases_changed.emit()
        if self.current in gone:
            self._wanted = self.current = None
            self.current_changed.emit()
            if self.cases:
                self.select(after or self.cases[min(place, len(self.cases) - 1)])
        text = _one_or_all(
            gone,
            self.tr("Taken off the list: {name}."),
            self.tr("{n} studies were taken off the list."),
        )
        undo = Notice(
            kind="information",
            text=text,
            action=self.tr("Undo"),
            act=lambda: self.bring_back(gone),
        )
        self.noticed.emit(undo)

    def bring_back(self, cases: Sequence[Case]) -> None:
        """Undo `remove`; a visit that was dropped again meanwhile is on the list already."""
        listed = {(each.uid, each.summary.patient) for each in self.cases}
        back = [case for case in cases if (case.uid, case.summary.patient) not in listed]
        for case in back:
            self.shelf.keep(case, lambda store, number: store.restore(number))
            if case.state is CaseState.RUNNING and case is not self.running:
                case.state = CaseState.QUEUED
        self.cases += back
        if back:
            self.cases_changed.emit()
            self.select(back[0])
        self._queue.go_on()

    def cancel(self) -> None:
        """Stop reading and analysis; what is done stays."""
        self._intake.cancel()
        self._queue.cancel()

    def analyse(self, case: Case) -> None:
        """Queue a case again; one that this very model has analysed is not analysed twice."""
        self._queue.add(case)

    def repeat(self, case: Case) -> None:
        """Analyse a case anew beside its result; `repeated` tells what came of it."""
        self._queue.repeat(case)

    def take(self, repeated: Repeated) -> None:
        """Put what an analysis found anew in the place of the former result."""
        self._queue.take(repeated)
        self._tell_change(repeated.case)

    def locate(self, case: Case, folder: Path) -> None:
        """Look in a folder for the files of a case that has lost them."""
        self._intake.locate(case, folder)

    def set_eye(self, case: Case, volume_uid: str, laterality: Laterality) -> None:
        """Say which eye a volume shows, where the file does not; the calls are drawn anew."""
        if _let_go(case):
            # Else the kept study would name one eye, and the kept result another.
            self.load([case], lambda: self._set_eye(case, volume_uid, laterality))
        else:
            self._set_eye(case, volume_uid, laterality)

    def _set_eye(self, case: Case, volume_uid: str, laterality: Laterality) -> None:
        before = case.study
        former = {each.laterality for each in before.volumes if each.uid == volume_uid}
        if any(case.revealed(each) for each in former):
            case.seen |= {laterality}
        volumes = tuple(
            each.on_eye(laterality) if each.uid == volume_uid else each
            for each in case.study.volumes
        )
        case.study = study = replace(case.study, volumes=volumes)
        if case.result is not None and case.card is not None:
            from app.analysis import set_eye

            case.take(set_eye(case.result, volume_uid, laterality, case.card), case.card)
            self.eyes_set.emit(case, before)
            self.shelf.keep_result(case)
        else:
            self.eyes_set.emit(case, before)
            self.shelf.keep(case, lambda store, number: store.keep_study(number, study))
        self._tell_change(case)

    def shut_down(self) -> None:
        """Stop all background work and keep what is done. Call it before the window goes."""
        self._intake.shut_down()
        self._queue.shut_down()
        self._saving.shut_down()
        self.keeper.shut_down()

    # What earlier runs kept

    def _resumed(self, before: Before) -> None:
        self.cases = [self._taken_up(each, leading=before.leading) for each in before.cases]
        self._intake.take_up([each for each in before.dropped if each.tries < MOST_TRIES])
        for each in before.dropped:
            if each.tries >= MOST_TRIES:
                self._give_up(each)
        if before.damaged:
            self._tell_damaged(before.damaged)
        if self.cases:
            self.cases_changed.emit()
            self.select(max(self.cases, key=Case.urgency))
        self._begin(anything=bool(self.cases or before.dropped))

    def _taken_up(self, kept: KeptCase, *, leading: bool) -> Case:
        case = Case.of_kept(kept)
        if case.state is CaseState.QUEUED and not leading:
            # The window that leads analyses it; here it can be looked at.
            case.state = CaseState.STOPPED
        elif case.state is CaseState.QUEUED and kept.tries >= MOST_TRIES:
            case.state = CaseState.FAILED
            case.problem = gave_up(kept.tries)
            self.shelf.keep_state(case)
        return case

    def _give_up(self, dropped: Dropped) -> None:
        self.keeper.do(lambda store: store.picked_up(dropped.number))
        text = self.tr(
            "The program ended {n} times while it read “{name}”, so it is left out. Please report "
            "the fault."
        ).format(n=dropped.tries, name=dropped.paths[0].name)
        self.noticed.emit(Notice(kind="problem", text=text))

    def _tell_damaged(self, numbers: Sequence[int]) -> None:
        def remove(store: "Store") -> None:
            for number in numbers:
                store.remove(number, datetime.now().astimezone())

        text = self.tr(
            "{n} of the kept studies cannot be read back, and are not on the list. Open their "
            "files again."
        ).format(n=len(numbers))
        notice = Notice(
            kind="problem",
            text=text,
            action=self.tr("Do not tell again"),
            act=lambda: self.keeper.do(remove),
        )
        self.noticed.emit(notice)

    def _begin_without(self, error: AppError) -> None:
        self._not_kept(error)
        self._begin(anything=False)

    def _begin(self, *, anything: bool) -> None:
        self.resumed.emit(anything)
        self._intake.begin()
        self._queue.go_on()

    def _not_kept(self, error: AppError) -> None:
        words = self.tr("{problem} Until then studies are read and analysed, but not kept.")
        self.noticed.emit(Notice(kind="problem", text=words.format(problem=told(str(error)))))

    def _show(self, case: Case) -> None:
        # Who steps through the list quickly wants the last one only.
        if case is self._wanted and case is not self.current:
            self.current = case
            self.current_changed.emit()

    # Reading

    def _read(self, read: Read) -> None:
        if read.reading.locating is not None:
            self._admission.locate(read.reading.locating, read)
            return
        self.skipped = read.skipped
        fresh, touched = self._admission.admit(read, self.cases)
        if fresh and not read.reading.demo:
            # The demo is there for who has nothing else to look at.
            self.cases = [
                case
                for case in self.cases
                if not case.demo or case is self.running or case in touched
            ]
        self.cases += fresh
        if fresh:
            self.cases_changed.emit()
        if touched:
            self._arrived(fresh or touched)
        self._queue.go_on()

    def _arrived(self, cases: Sequence[Case]) -> None:
        """Show what was read; a reader who is at another case meanwhile is told of it."""
        first = cases[0]
        if self._awaited or self.current is None:
            self.select(first)
        elif first is not self.current:
            text = _one_or_all(
                cases,
                self.tr("On the list now: {name}."),
                self.tr("{n} more studies are on the list now."),
            )
            show = Notice(
                kind="information",
                text=text,
                action=self.tr("Show"),
                act=lambda: self.select(first),
            )
            self.noticed.emit(show)

    def _grown(self, case: Case) -> None:
        self._queue.grown(case)
        self._tell_change(case)

    def _moved(self, case: Case) -> None:
        if case.state is CaseState.FAILED:
            self.analyse(case)
        self._tell_change(case)

    def _tell_change(self, case: Case) -> None:
        self.case_changed.emit(case)
        self.progressed.emit()
        if case is self.current:
            self.current_changed.emit()

    def _tell_failure(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self.noticed.emit(Notice(kind="problem", text=str(error)))
        else:
            self.broken.emit(error)


def _let_go(case: Case) -> bool:
    """Whether its result is to be read back."""
    return case.call is not None and case.result is None


def _one_or_all(cases: Sequence[Case], one: str, several: str) -> str:
    """What is told of a case by its name, or of several by their number."""
    if len(cases) == 1:
        return one.format(name=cases[0].summary.name)
    return several.format(n=len(cases))


def default_report_name(when: datetime) -> str:
    """A file name that tells nothing of the patient."""
    return f"KD-OCT report {when:%Y-%m-%d %H%M}.pdf"

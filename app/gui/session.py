"""The one view-model: what is open, how far it is, and what the reader asked for.

It holds no widget and makes no medical decision. Reading and analysis run in background tasks,
one at a time, so that a dropped folder of fifty patients does not compete with itself.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.errors import AppError
from app.gui.tasks import Task
from app.progress import Progress
from app.readings import Readings
from app.settings import Settings, save_settings
from app.study import Laterality, Opened, Skipped, Study, StudyResult

if TYPE_CHECKING:
    from app.engine import Engine
    from app.modelpack import Card, ModelPackage


class CaseState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    STOPPED = "stopped"  # by the reader
    FAILED = "failed"


@dataclass(eq=False, kw_only=True)
class Case:
    """One study on its way through the program."""

    study: Study
    state: CaseState = CaseState.QUEUED
    result: StudyResult | None = None
    card: "Card | None" = None  # of the model that made the result
    problem: str = ""  # why it failed, in a sentence
    done: int = 0
    total: int = 0
    started: float = 0.0  # time.monotonic
    demo: bool = False
    grown: bool = False  # while it was analysed, so that it must be analysed again
    readings: Readings = Readings()  # what readers decided
    blind_first: bool = False  # the reader answers before the machine's answer is shown
    seen: frozenset[Laterality] = frozenset()  # eyes whose answer was shown all the same

    def revealed(self, laterality: Laterality | None = None) -> bool:
        """Whether the machine's answer for an eye may be shown; None: for all, so the patient's."""
        if not self.blind_first:
            return True
        if laterality is None:
            return all(self.revealed(each.laterality) for each in self.study.volumes)
        return laterality in self.seen or self.readings.eye(laterality) is not None

    def seconds_left(self) -> float | None:
        """How long the analysis will still take; None while that cannot be told."""
        if self.state is not CaseState.RUNNING or self.done < 3 or not self.total:
            return None
        passed = time.monotonic() - self.started
        return passed / self.done * (self.total - self.done)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Model:
    """What is loaded, and the setting that it was loaded for."""

    model_id: str | None
    package: "ModelPackage"
    engine: "Engine"


@dataclass(kw_only=True)
class _Reading:
    paths: tuple[Path, ...]
    demo: bool = False
    done: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A sentence for the reader, with a way on."""

    kind: str  # "information", "warning" or "problem"
    text: str
    action: str = ""  # the button's words
    act: Callable[[], object] | None = field(default=None, compare=False)


class Session(QObject):
    """Opens, queues and analyses studies."""

    cases_changed = Signal()  # which there are
    case_changed = Signal(object)  # Case: its state, study or result
    progressed = Signal()
    current_changed = Signal()
    settings_changed = Signal()
    noticed = Signal(object)  # Notice
    broken = Signal(Exception)  # a bug: to the excepthook

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cases: list[Case] = []
        self.current: Case | None = None
        self.skipped: tuple[Skipped, ...] = ()
        self.reading: _Reading | None = None
        self.settings = settings
        self._model: _Model | None = None
        self._waiting: list[_Reading] = []
        self._running: Case | None = None
        self._reader = Task(self._read, self)
        self._reader.progressed.connect(self._read_progressed)
        self._reader.succeeded.connect(self._read_ended)
        self._reader.cancelled.connect(self._read_stopped)
        self._reader.failed.connect(self._read_failed)
        self._analyst = Task(self._analyse, self)
        self._analyst.progressed.connect(self._analysis_progressed)
        self._analyst.succeeded.connect(self._analysis_ended)
        self._analyst.cancelled.connect(self._analysis_stopped)
        self._analyst.failed.connect(self._analysis_failed)

    def change_settings(self, settings: Settings) -> None:
        self.settings = settings
        self.settings_changed.emit()
        try:
            save_settings(settings)
        except AppError as error:
            self.noticed.emit(Notice(kind="problem", text=str(error)))

    @property
    def card(self) -> "Card | None":
        """Of the model that made the result on show; where there is none, of the one loaded."""
        if self.current is not None and self.current.card is not None:
            return self.current.card
        return self._model.package.card if self._model is not None else None

    @property
    def busy(self) -> bool:
        return self.reading is not None or self._running is not None

    @property
    def running(self) -> Case | None:
        return self._running

    def open(self, paths: Sequence[Path], *, demo: bool = False) -> None:
        """Read studies from files and folders, and analyse them in turn."""
        if paths:
            self._waiting.append(_Reading(paths=tuple(paths), demo=demo))
            self._read_next()

    def select(self, case: Case) -> None:
        if case is not self.current:
            self.current = case
            self.current_changed.emit()

    def close_case(self, case: Case) -> None:
        """Take a study off the list; its files are not touched."""
        if case is self._running:
            self._analyst.cancel()
        place = self.cases.index(case)
        self.cases.remove(case)
        self.cases_changed.emit()
        if case is self.current:
            self.current = self.cases[min(place, len(self.cases) - 1)] if self.cases else None
            self.current_changed.emit()

    def cancel(self) -> None:
        """Stop reading and analysis; what is done stays."""
        self._waiting.clear()
        self._reader.cancel()
        for case in self.cases:
            case.grown = False
            if case.state is CaseState.QUEUED:
                self._set_state(case, CaseState.STOPPED)
        self._analyst.cancel()

    def analyse(self, case: Case) -> None:
        """Queue a case that was stopped or failed."""
        if case.state in (CaseState.STOPPED, CaseState.FAILED):
            self._set_state(case, CaseState.QUEUED)
            self._analyse_next()

    def set_eye(self, case: Case, volume_uid: str, laterality: Laterality) -> None:
        """Say which eye a volume shows, where the file does not; the calls are drawn anew."""
        volumes = tuple(
            each.on_eye(laterality) if each.uid == volume_uid else each
            for each in case.study.volumes
        )
        case.study = replace(case.study, volumes=volumes)
        if case.result is not None and case.card is not None:
            from app.analysis import set_eye

            case.result = set_eye(case.result, volume_uid, laterality, case.card)
        self.case_changed.emit(case)
        if case is self.current:
            self.current_changed.emit()

    def shut_down(self) -> None:
        """Stop all background work. Call it before the window goes."""
        self._waiting.clear()
        for task in (self._reader, self._analyst):
            task.cancel()
        for task in (self._reader, self._analyst):
            task.wait()

    # Reading

    def _read_next(self) -> None:
        if self.reading is None and self._waiting:
            self.reading = self._waiting.pop(0)
            self._reader.start()
            self.progressed.emit()

    def _read(self, progress: Progress) -> Opened:
        from app.reading import open_studies

        assert self.reading is not None
        return open_studies(self.reading.paths, progress)

    def _read_progressed(self, done: int, total: int) -> None:
        if self.reading is not None:
            self.reading.done, self.reading.total = done, total
            self.progressed.emit()

    def _read_ended(self, opened: Opened) -> None:
        reading, self.reading = self.reading, None
        assert reading is not None
        touched: list[Case] = []
        news = False
        for study in opened.studies:
            case = self._case_of(study)
            if case is None:
                touched.append(Case(study=study, demo=reading.demo))
                news = True
            else:
                touched.append(case)
                news |= self._grow(case, study, demo=reading.demo)
        fresh = [case for case in touched if case not in self.cases]
        if fresh and not reading.demo:
            # The demo is there for who has nothing else to look at.
            self.cases = [
                case
                for case in self.cases
                if not case.demo or case is self._running or case in touched
            ]
        self.cases += fresh
        self.skipped = opened.skipped
        if fresh:
            self.cases_changed.emit()
        if touched:
            self.select((fresh or touched)[0])
        self._tell_reading(opened, news=news)
        self.progressed.emit()
        self._analyse_next()
        self._read_next()

    def _case_of(self, study: Study) -> Case | None:
        """The open case of this visit; files of two patients never make one case."""
        for case in self.cases:
            if (case.study.uid, case.study.patient) == (study.uid, study.patient):
                return case
        return None

    def _grow(self, case: Case, study: Study, *, demo: bool) -> bool:
        """Add what the files hold beyond the volumes on show; False if that is nothing."""
        known = {volume.uid for volume in case.study.volumes}
        added = tuple(volume for volume in study.volumes if volume.uid not in known)
        if not added:
            return False
        case.study = replace(case.study, volumes=(*case.study.volumes, *added))
        case.result, case.card, case.problem = None, None, ""
        case.demo = case.demo and demo
        if case is self._running:
            case.grown = True
            self._analyst.cancel()
            self.case_changed.emit(case)
        else:
            self._set_state(case, CaseState.QUEUED)
        if case is self.current:
            self.current_changed.emit()
        return True

    def _tell_reading(self, opened: Opened, *, news: bool) -> None:
        failed = [each for each in opened.skipped if each.failed]
        if not opened.studies:
            text = self.tr("No OCT study was found there.")
            if len(opened.skipped) == 1:
                text = _told(opened.skipped[0])
            self._notice("problem", text, details=bool(opened.skipped))
        elif failed:
            text = (
                _told(failed[0])
                if len(failed) == 1
                else self.tr("{count} files could not be read.").format(count=len(failed))
            )
            self._notice("problem", text, details=True)
        elif opened.skipped:
            count = len(opened.skipped)
            text = (
                self.tr("1 file that is not OCT was left out.")
                if count == 1
                else self.tr("{count} files that are not OCT were left out.").format(count=count)
            )
            self._notice("information", text, details=True)
        elif not news:
            self._notice("information", self.tr("This study is already open."))

    def _notice(self, kind: str, text: str, *, details: bool = False) -> None:
        action = self.tr("Show list") if details else ""
        self.noticed.emit(Notice(kind=kind, text=text, action=action))

    def _read_stopped(self) -> None:
        self.reading = None
        self.progressed.emit()
        self._read_next()

    def _read_failed(self, error: Exception) -> None:
        self._read_stopped()
        self._tell_failure(error)

    # Analysis

    def _analyse_next(self) -> None:
        if self._running is not None:
            return
        queued = [case for case in self.cases if case.state is CaseState.QUEUED]
        if not queued:
            return
        # What the reader looks at comes first.
        case = self.current if self.current in queued else queued[0]
        assert case is not None
        self._running = case
        case.done = case.total = 0
        case.started = time.monotonic()
        # Started before it is told, so that who hears of it can cancel it.
        self._analyst.start()
        self._set_state(case, CaseState.RUNNING)

    def _analyse(self, progress: Progress) -> "tuple[StudyResult, Card]":
        from app.analysis import analyse
        from app.engine import Engine
        from app.installed import choose_package

        assert self._running is not None
        progress(0, 0)
        study, model, model_id = self._running.study, self._model, self.settings.model_id
        if model is None or model.model_id != model_id:
            package = choose_package(model_id)
            model = _Model(model_id=model_id, package=package, engine=Engine(package))
            self._model = model
        result = analyse(study, model.package, progress, engine=model.engine)
        return result, model.package.card

    def _analysis_progressed(self, done: int, total: int) -> None:
        if self._running is not None:
            if self._running.done == 0 and done:
                # Loading the model is no measure of how fast B-scans go.
                self._running.started = time.monotonic()
            self._running.done, self._running.total = done, total
            self.progressed.emit()

    def _analysis_ended(self, made: "tuple[StudyResult, Card]") -> None:
        from app.analysis import set_eye

        case = self._end_running()
        if not self._queue_grown(case):
            result, card = made
            for volume in case.study.volumes:
                # The reader may have named an eye meanwhile.
                result = set_eye(result, volume.uid, volume.laterality, card)
            case.result, case.card = result, card
            self._set_state(case, CaseState.READY)
        self._analyse_next()

    def _analysis_stopped(self) -> None:
        case = self._end_running()
        if not self._queue_grown(case):
            self._set_state(case, CaseState.STOPPED)
        self._analyse_next()

    def _queue_grown(self, case: Case) -> bool:
        """Queue a case again whose volumes became more while it was analysed."""
        grown, case.grown = case.grown, False
        if grown:
            self._set_state(case, CaseState.QUEUED)
        return grown

    def _analysis_failed(self, error: Exception) -> None:
        case = self._end_running()
        case.grown = False
        case.problem = (
            str(error)
            if isinstance(error, AppError)
            else self.tr("The analysis broke off because of a fault in the program.")
        )
        self._set_state(case, CaseState.FAILED)
        if not isinstance(error, AppError):
            self.broken.emit(error)
        self._analyse_next()

    def _end_running(self) -> Case:
        case, self._running = self._running, None
        assert case is not None
        return case

    def _set_state(self, case: Case, state: CaseState) -> None:
        case.state = state
        self.case_changed.emit(case)
        self.progressed.emit()

    def _tell_failure(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self.noticed.emit(Notice(kind="problem", text=str(error)))
        else:
            self.broken.emit(error)


def _told(skipped: Skipped) -> str:
    """On the reader's own screen a file may be named; in a log it may not."""
    return f"{skipped.path.name}: {skipped.reason}"


def default_report_name(when: datetime) -> str:
    """A file name that tells nothing of the patient."""
    return f"KD-OCT report {when:%Y-%m-%d %H%M}.pdf"

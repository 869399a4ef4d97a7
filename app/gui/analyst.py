"""Analyses cases in the background, one at a time, so that they do not compete with each other."""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, SignalInstance

from app.acquisition import unread
from app.errors import ReadError, StorageError
from app.gui import wording
from app.gui.case import Case
from app.gui.findings import study_scales
from app.gui.keeper import Keeper
from app.gui.notice import Notice
from app.gui.tasks import Task
from app.progress import Progress
from app.settings import Settings
from app.study import Study, StudyResult

if TYPE_CHECKING:
    from app.engine import Engine
    from app.modelpack import Card, ModelPackage


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """What an analysis came to.

    `result` is None where this very model's is there already, and no other was asked for.
    """

    result: StudyResult | None
    card: "Card"
    contents: dict[str, str]  # see app.cases.files.digest_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Model:
    """What is loaded."""

    package: "ModelPackage"
    engine: "Engine"


class Analyst(QObject):
    """Runs the model on one case; `running` is that case."""

    ended = Signal(object, object)  # Case, Made
    stopped = Signal(object)  # Case
    failed = Signal(object, Exception)  # Case
    progressed = Signal()
    noticed = Signal(object)  # Notice
    settled = Signal(object)  # Settings, that remember what was told
    _loaded = Signal(object)  # Card of the package

    def __init__(self, keeper: Keeper, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self.running: Case | None = None
        self.settings = settings
        self._keeper = keeper
        self._model: _Model | None = None
        self._anew = False
        self._closing = False
        self._loaded.connect(self._tell_thresholds)
        self._task = Task(self._analyse, self)
        self._task.progressed.connect(self._progressed)
        self._task.succeeded.connect(lambda made: self._tell(self.ended, made))
        self._task.cancelled.connect(lambda: self._tell(self.stopped))
        self._task.failed.connect(lambda error: self._tell(self.failed, error))

    @property
    def card(self) -> "Card | None":
        """Of the model that is loaded, as its package has it."""
        return self._model.package.card if self._model is not None else None

    def start(self, case: Case, *, anew: bool = False) -> None:
        """Analyse a case; `anew` even where this very model has done so already."""
        self.running, self._anew = case, anew
        case.done = case.total = 0
        case.started = time.monotonic()
        self._task.start()

    def cancel(self) -> None:
        self._task.cancel()

    def shut_down(self) -> None:
        """Stop; the case is analysed at the next start."""
        self._closing = True
        self._task.cancel()
        self._task.wait()
        number = self.running.number if self.running is not None else None
        if number is not None:
            self._keeper.do(lambda store: store.rest(number))

    def _analyse(self, progress: Progress) -> Made:
        from app import preprocess
        from app.analysis import analyse
        from app.operating_point import localised_package

        case = self.running
        assert case is not None
        progress(0, 0)
        model = self._load_model(self.settings.model_id)
        package = localised_package(model.package, self.settings)
        card = package.card
        prepared = case.model.preprocessing if case.model is not None else None
        same = case.call is not None and case.card == card and prepared == preprocess.VERSION
        if same and not self._anew and self._still_holds(case, package):
            return Made(result=None, card=card, contents={})
        study = case.study
        _check_files(study)
        if case.number is not None:
            with suppress(StorageError):
                self._keeper.store().begin(case.number)
        result = analyse(study, package, progress, engine=model.engine)
        study_scales(result, len(card.classes))  # at hand when the window asks for them
        return Made(result=result, card=card, contents={} if case.demo else _contents(study))

    def _still_holds(self, case: Case, package: "ModelPackage") -> bool:
        """Whether a former result says who vouches for the model now, and misses no B-scan."""
        result = case.result
        if result is None and case.number is not None:
            with suppress(StorageError):
                result = self._keeper.store().load(case.number).result
        if result is None or unread(result):
            return False
        seal = package.seal
        vouched = (result.model_signer, result.model_key_withdrawn)
        return vouched == (seal.signer, seal.withdrawn_since)

    def _load_model(self, model_id: str | None) -> _Model:
        from app.engine import Engine
        from app.installed import choose_package

        # Verified for every case: it may have been replaced since, or its key withdrawn.
        package = choose_package(model_id, self.settings.keys)
        if self._model is None or self._model.package.card != package.card:
            self._model = _Model(package=package, engine=Engine(package))
            self._loaded.emit(package.card)
        else:
            self._model = replace(self._model, package=package)
        return self._model

    def _tell_thresholds(self, card: "Card") -> None:
        """Say which of the clinic's thresholds do not hold, and once for a version which do."""
        from app.operating_point import changed_rules, localised, not_permitted

        thresholds = self.settings.thresholds.get(card.id, {})
        for sentence in not_permitted(card, thresholds):
            self.noticed.emit(Notice(kind="warning", text=sentence))
        own = changed_rules(localised(card, thresholds))
        known = self.settings.thresholds_known
        if not own or known.get(card.id) == card.version:
            return
        each = self.tr("{name} from {own:.3g} % (the package's: {packaged:.3g} %)")
        held = wording.listed(
            each.format(
                name=wording.class_word(name),
                own=100 * rule.threshold,
                packaged=100 * (rule.packaged or 0),
            )
            for name, rule in own.items()
        )
        words = self.tr("Thresholds that this clinic set hold for version {version}: {held}.")
        text = words.format(version=card.version, held=held)
        self.noticed.emit(Notice(kind="information", text=text))
        self.settled.emit(replace(self.settings, thresholds_known=known | {card.id: card.version}))

    def _progressed(self, done: int, total: int) -> None:
        case = self.running
        if case is not None:
            if case.done == 0 and done:
                # Loading the model is no measure of how fast B-scans go.
                case.started = time.monotonic()
            case.done, case.total = done, total
            self.progressed.emit()

    def _tell(self, signal: SignalInstance, *found: object) -> None:
        case, self.running = self.running, None
        assert case is not None
        # What ends as the window goes is told too late: nobody is there, and the store is closed.
        if not self._closing:
            signal.emit(case, *found)


def _check_files(study: Study) -> None:
    """A call must not rest on files that cannot be found: that would be ungradable for no reason.

    Raises:
        ReadError: If one is gone.
    """
    from app.cases.files import missing_sentence, sources_of

    sentence = missing_sentence(sources_of(study, ()))
    if sentence:
        raise ReadError(sentence)


def _contents(study: Study) -> dict[str, str]:
    """The digest of each volume's files, which are in the system's memory now."""
    from app.cases.files import digest_of

    found = {}
    for volume in study.volumes:
        try:
            digest = digest_of(volume)
        except ReadError:
            continue
        if digest is not None:
            found[volume.uid] = digest
    return found

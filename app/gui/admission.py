"""What was read becomes cases: new ones, ones that grow, and ones that were known all along."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.acquisition import unread
from app.gui.case import Case
from app.gui.intake import Read
from app.gui.languages import apart, told
from app.gui.notice import Notice
from app.gui.shelf import Shelf
from app.study import Skipped, Study

if TYPE_CHECKING:
    from app.cases.recognise import Recognised


class Admission(QObject):
    """Finds the case of each study that was read, or makes it."""

    noticed = Signal(object)  # Notice
    # Case; its Study as it was; UIDs of the volumes whose files are others.
    scans_changed = Signal(object, object, object)
    grown = Signal(object)  # Case whose study is another now, and is to be analysed
    moved = Signal(object)  # Case whose files were found elsewhere
    folder_wanted = Signal(object)  # Case whose files the reader wants to locate

    def __init__(self, shelf: Shelf, parent: QObject) -> None:
        super().__init__(parent)
        self._shelf = shelf

    def admit(self, read: Read, cases: list[Case]) -> tuple[list[Case], list[Case]]:
        """Return the cases that are new to the list, and all that the reading touched."""
        fresh: list[Case] = []
        touched: list[Case] = []
        news = False
        for each in read.studies:
            case = _case_of(each.study, cases) or self._brought_back(each)
            if case is None:
                case = Case.of(each.study, demo=read.reading.demo)
                self._shelf.add(case, read.reading.paths)
            else:
                news |= self._grow(case, each, read)
            touched.append(case)
            if case not in cases:
                fresh.append(case)
        self._tell(read, news=news or bool(fresh))
        return fresh, touched

    def locate(self, case: Case, read: Read) -> None:
        """Take the files of a case from where they lie now, if these are they."""
        for each in read.studies:
            same = each.study.patient == case.summary.patient
            if same and self._relocate(case, each.study, read.reading.paths):
                return
        self._notice(
            "problem",
            self.tr("The files of this study are not in that folder. Choose another one."),
            self.tr("Locate folder…"),
            lambda: self.folder_wanted.emit(case),
        )

    def tell_missing(self, case: Case) -> None:
        self._notice(
            "warning",
            f"{apart(case.summary.name)}: {told(case.missing or case.problem)}",
            self.tr("Locate folder…"),
            lambda: self.folder_wanted.emit(case),
        )

    def _brought_back(self, found: "Recognised") -> Case | None:
        """A case that was taken off the list, and is dropped again."""
        if found.kept is None:
            return None
        case = Case.of_kept(found.kept)
        self._shelf.keep(case, lambda store, number: store.restore(number))
        return case

    def _grow(self, case: Case, found: "Recognised", read: Read) -> bool:
        """Add what the files hold beyond what is known; False if that is nothing."""
        from app.cases.recognise import merged

        if found.loaded is not None and not case.whole:
            case.take_back(found.loaded)
        study = merged(case.study, found.study, found.changed | _partly_read(case, found.study))
        if study is None:
            if found.loaded is not None and found.loaded.missing:
                self._relocate(case, found.study, read.reading.paths)
            return False
        before = case.study
        case.forget_result()
        case.study = study
        # Before it is kept: whatever happens then, no call is left on scans that nobody read.
        self.scans_changed.emit(case, before, found.changed)
        case.demo = case.demo and read.reading.demo
        self._shelf.add(case, read.reading.paths)
        self.grown.emit(case)
        return True

    def _relocate(self, case: Case, found: Study, paths: tuple[Path, ...]) -> bool:
        """Read the case's B-scans from where they lie now; False if they are not all there."""
        from app.cases.recognise import rebased, relocated

        study = relocated(case.study, found)
        if study is None:
            return False
        case.study, case.missing = study, ""
        if case.result is not None:
            case.result = rebased(case.result, study)
        self._shelf.keep(case, lambda store, number: store.relocate(number, study, paths))
        self.moved.emit(case)
        return True

    def _tell(self, read: Read, *, news: bool) -> None:
        failed = [each for each in read.skipped if each.failed]
        show = self.tr("Show list")
        if not read.studies:
            text = self.tr("No OCT study was found there.")
            if len(read.skipped) == 1:
                text = _told(read.skipped[0])
            self._notice("problem", text, show if read.skipped else "")
        elif failed:
            text = (
                _told(failed[0])
                if len(failed) == 1
                else self.tr("{count} files could not be read.").format(count=len(failed))
            )
            self._notice("problem", text, show)
        elif read.skipped:
            count = len(read.skipped)
            text = (
                self.tr("1 file that is not OCT was left out.")
                if count == 1
                else self.tr("{count} files that are not OCT were left out.").format(count=count)
            )
            self._notice("information", text, show)
        elif not news:
            self._notice("information", self.tr("This study is already open."))

    def _notice(
        self, kind: str, text: str, action: str = "", act: Callable[[], object] | None = None
    ) -> None:
        self.noticed.emit(Notice(kind=kind, text=text, action=action, act=act))


def _case_of(study: Study, cases: list[Case]) -> Case | None:
    """The case of this visit; files of two patients never make one case."""
    for case in cases:
        if (case.uid, case.summary.patient) == (study.uid, study.patient):
            return case
    return None


def _partly_read(case: Case, found: Study) -> frozenset[str]:
    """UIDs of volumes of which some B-scans could not be read before, and may be now."""
    if case.result is None:
        return frozenset()
    return frozenset(unread(case.result)) & {each.uid for each in found.volumes}


def _told(skipped: Skipped) -> str:
    """On the reader's own screen a file may be named; in a log it may not."""
    return f"{apart(skipped.path.name)}: {told(skipped.reason)}"

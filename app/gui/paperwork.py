"""What leaves the program: the report shown, saved and printed, and results written to folders."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QProgressDialog, QWidget

from app.errors import AppError
from app.gui import theme
from app.gui.anonymise_dialog import AnonymiseDialog
from app.gui.bars import Bars
from app.gui.export import Exporter
from app.gui.opening import Opening
from app.gui.report_pdf import ReportOrder
from app.gui.report_view import ReportView
from app.gui.session import Case, Notice, Session
from app.gui.window_state import WindowState
from app.report.sections import ALL_SECTIONS, Section


class Paperwork(QObject):
    """Takes cases to the report's page, to the printer and to files."""

    report_wanted = Signal()  # its page should be in front
    broken = Signal(Exception)

    def __init__(
        self,
        session: Session,
        bars: Bars,
        opening: Opening,
        state: WindowState,
        window: QWidget,
        selected: Callable[[], Sequence[Case]],
    ) -> None:
        super().__init__(window)
        self._session = session
        self._bars = bars
        self._opening = opening
        self._state = state
        self._window = window
        self._selected = selected
        self.report = ReportView()
        self.report.head.choose(_sections(state.left_out()))
        self.report.head.chosen.connect(self._choose)
        self.report.noticed.connect(bars.show_notice)
        self.report.saved.connect(self.tell_saved)
        self.report.broken.connect(self.broken)
        self.exporter = Exporter(self)
        self.exporter.written.connect(self.tell_saved)
        self.exporter.failed.connect(self._failed)
        self.exporter.stopped.connect(self._stopped)
        self._anonymising: AnonymiseDialog | None = None

    def show_report(self) -> None:
        if self.set_subject():
            self.report_wanted.emit()
            self.report.show_report()

    def save_report(self) -> None:
        if self.set_subject():
            self.report.save()

    def print_report(self) -> None:
        if self.set_subject():
            self.report.print()

    def set_subject(self) -> bool:
        """Tell the report whose it is: the present case's; False where there is no result."""
        order = self._order(self._session.current)
        if order is None:
            return False
        self.report.set_order(order)
        return True

    def export(self) -> None:
        """Ask for a folder, and write all results of the present case into it."""
        title = self.tr("Export PDF, JSON and CSV into a folder")
        self._ask_folder(title, self.export_to)

    def export_to(self, folder: Path) -> None:
        """Write all results of the present case into a folder."""
        order = self._order(self._session.current)
        if order is not None:
            self.exporter.export([order], folder)

    def report_selected(self) -> None:
        """Ask for a folder, and write the reports of the selected studies into it."""
        self._ask_folder(self.tr("Reports of the selected studies"), self.reports_to)

    def reports_to(self, folder: Path) -> None:
        """Write the reports of the selected studies; those without a result are told."""
        cases, orders = self._selected(), list[ReportOrder]()

        def collect(case: Case) -> None:
            order = self._order(case)
            if order is not None:
                orders.append(order)

        def go_on(at: int) -> None:
            # One by one: what is at hand may be let go when the next one is read back.
            while at < len(cases) and cases[at].whole:
                collect(cases[at])
                at += 1
            if at == len(cases):
                self._write_reports(orders, len(cases), folder)
            else:
                self._session.load([cases[at]], partial(read_back, at))

        def read_back(at: int) -> None:
            collect(cases[at])
            go_on(at + 1)

        go_on(0)

    def _write_reports(self, orders: list[ReportOrder], asked: int, folder: Path) -> None:
        if len(orders) < asked:
            self._tell(
                "warning",
                self.tr(
                    "{n} of {all} studies have no result to show yet, so no report of them is made."
                ).format(n=asked - len(orders), all=asked),
            )
        if orders:
            begun = partial(self._show_progress, len(orders))
            self.exporter.export(orders, folder, kinds=("pdf",), begun=begun)

    def anonymise(self) -> None:
        """Ask what to keep, and write anonymised copies of the present case's files."""
        case = self._session.current
        if case is None:
            return
        folder = self._opening.folder_dialog(self.tr("Folder for the anonymised copies"))
        dialog = AnonymiseDialog(case.study, folder, self._window)
        dialog.broken.connect(self.broken)
        self._anonymising = dialog
        dialog.finished.connect(self._close_anonymising)
        dialog.open()

    @property
    def unsaved(self) -> bool:
        """Whether anything that the reader asked for is still to be written or printed."""
        return self.report.wanted or self.exporter.busy

    def _close_anonymising(self) -> None:
        self._anonymising = None

    def shut_down(self) -> None:
        if self._anonymising is not None:
            self._anonymising.shut_down()
        self.report.shut_down()
        self.exporter.shut_down()

    def _order(self, case: Case | None) -> ReportOrder | None:
        if case is None or case.result is None or case.card is None or not case.revealed():
            return None
        head, settings = self.report.head, self._session.settings
        if head.language:
            settings = replace(settings, language=head.language)
        return ReportOrder(
            result=case.result,
            card=case.card,
            settings=settings,
            sections=head.sections,
            readings=case.readings,
        )

    def _choose(self) -> None:
        self._state.set_left_out([str(each) for each in ALL_SECTIONS - self.report.head.sections])
        if self.set_subject():
            self.report.show_report()

    def _ask_folder(self, title: str, then: Callable[[Path], None]) -> None:
        dialog = self._opening.folder_dialog(title, self._session.settings.folder)
        dialog.fileSelected.connect(lambda name: then(Path(name)))
        dialog.open()

    def _show_progress(self, total: int) -> None:
        dialog = QProgressDialog(
            self.tr("Writing reports…"), self.tr("Cancel"), 0, total, self._window
        )
        dialog.setWindowTitle(self.tr("Reports"))
        dialog.setWindowModality(Qt.WindowModality.NonModal)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAutoClose(False)
        dialog.setMinimumDuration(0)
        theme.say(dialog, self.tr("Writing reports"))
        dialog.setValue(0)
        dialog.canceled.connect(self.exporter.cancel)
        self.exporter.progressed.connect(dialog.setValue)
        for ended in (self.exporter.written, self.exporter.failed, self.exporter.stopped):
            ended.connect(dialog.close)

    def tell_saved(self, path: Path) -> None:
        """Say where a file was saved, with a way to its folder."""
        folder = path if path.is_dir() else path.parent
        self._bars.show_notice(
            Notice(
                kind="information",
                text=self.tr("Saved in “{folder}”.").format(folder=folder),
                action=self.tr("Open folder"),
                act=lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))),
            )
        )

    def _stopped(self) -> None:
        self._tell("information", self.tr("Stopped. The reports written so far are whole."))

    def _failed(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self._tell("problem", str(error))
        else:
            self.broken.emit(error)

    def _tell(self, kind: str, text: str) -> None:
        self._bars.show_notice(Notice(kind=kind, text=text))


def _sections(left_out: list[str]) -> frozenset[Section]:
    return frozenset(each for each in ALL_SECTIONS if str(each) not in left_out)

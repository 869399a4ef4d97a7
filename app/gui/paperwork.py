"""What leaves the program: the report shown, saved and printed, and results written to folders."""

from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from app.errors import AppError
from app.gui.bars import Bars
from app.gui.export import Exporter
from app.gui.opening import Opening
from app.gui.report_view import ReportView
from app.gui.session import Notice, Session


class Paperwork(QObject):
    """Takes the present case to the report's page, to the printer and to files."""

    report_wanted = Signal()  # its page should be in front
    broken = Signal(Exception)

    def __init__(self, session: Session, bars: Bars, opening: Opening, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._bars = bars
        self._opening = opening
        self.report = ReportView()
        self.exporter = Exporter(self)
        self.report.noticed.connect(bars.show_notice)
        self.report.saved.connect(self._saved)
        self.report.broken.connect(self.broken)
        self.exporter.written.connect(self._saved)
        self.exporter.failed.connect(self._failed)

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
        case, card = self._session.current, self._session.card
        if case is None or case.result is None or card is None:
            return False
        self.report.set_subject(case.result, card, self._session.settings)
        return True

    def export(self) -> None:
        """Ask for a folder, and write all results of the present case into it."""
        dialog = self._opening.folder_dialog(
            self.tr("Export PDF, JSON and CSV into a folder"), self._session.settings.folder
        )
        dialog.fileSelected.connect(lambda name: self.export_to(Path(name)))
        dialog.open()

    def export_to(self, folder: Path) -> None:
        """Write all results of the present case into a folder."""
        case, card = self._session.current, self._session.card
        if case is not None and case.result is not None and card is not None:
            self.exporter.export(case.result, card, self._session.settings, folder)

    def shut_down(self) -> None:
        self.report.shut_down()
        self.exporter.shut_down()

    def _saved(self, path: Path) -> None:
        folder = path if path.is_dir() else path.parent
        self._bars.show_notice(
            Notice(
                kind="information",
                text=self.tr("Saved in “{folder}”.").format(folder=folder),
                action=self.tr("Open folder"),
                act=lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))),
            )
        )

    def _failed(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self._bars.show_notice(Notice(kind="problem", text=str(error)))
        else:
            self.broken.emit(error)

"""The report in the window: the very PDF that is saved and printed."""

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QRectF, QStandardPaths, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QPageSize, QPainter, QPixmap
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.errors import AppError
from app.gui import theme
from app.gui.icons import icon
from app.gui.images import colour_image
from app.gui.report_pdf import make_report, pages, save_report
from app.gui.session import Notice, default_report_name
from app.gui.tasks import Task
from app.modelpack import Card
from app.progress import Progress
from app.settings import Settings
from app.study import StudyResult

_Subject = tuple[StudyResult, Card, Settings]
_SCREEN_DPI = 110
_PRINT_DPI = 300
"""Of the pages sent to a printer: B-scans have no more to give."""


class ReportView(QWidget):
    """Makes, shows, saves and prints the report of one case."""

    closed = Signal()
    noticed = Signal(object)  # Notice
    saved = Signal(object)  # Path
    broken = Signal(Exception)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pdf: bytes | None = None
        self._subject: _Subject | None = None
        self._made_of: _Subject | None = None
        self._then = ""  # "save" or "print", once the report is made
        self._path: Path | None = None
        self._printer: QPrinter | None = None
        self._making = False
        self._maker = self._task(self._make, self._made)
        self._maker.failed.connect(self._not_made)
        self._writer = self._task(self._write, self._written)
        self._press = self._task(self._print_pages, self._printed)
        self._build()

    def _task(self, function, then) -> Task:  # type: ignore[no-untyped-def]  # noqa: ANN001
        task = Task(function, self)
        task.succeeded.connect(then)
        task.failed.connect(self._failed)
        return task

    def _build(self) -> None:
        back = QPushButton(icon("previous"), self.tr("Back to the scans"))
        back.clicked.connect(self.closed)
        self.save_button = QPushButton(icon("save"), self.tr("Save PDF…"))
        self.save_button.clicked.connect(self.save)
        self.print_button = QPushButton(icon("print"), self.tr("Print…"))
        self.print_button.clicked.connect(self.print)
        row = QHBoxLayout()
        row.setContentsMargins(10, 6, 10, 6)
        row.setSpacing(theme.GAP)
        row.addWidget(back)
        row.addStretch(1)
        row.addWidget(self.save_button)
        row.addWidget(self.print_button)
        self._sheets = QVBoxLayout()
        self._sheets.setSpacing(14)
        self._sheets.setContentsMargins(14, 14, 14, 14)
        inside = QWidget()
        inside.setLayout(self._sheets)
        self.paper = QScrollArea()
        self.paper.setWidgetResizable(True)
        self.paper.setWidget(inside)
        theme.say(self.paper, self.tr("Pages of the report"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self.paper, 1)

    def set_subject(self, result: StudyResult, card: Card, settings: Settings) -> None:
        """Say whose report is meant; it is made when it is first needed."""
        self._subject = (result, card, settings)

    def show_report(self) -> None:
        """Make the report if need be, and show its pages."""
        self.paper.setFocus()
        self._need("")

    def save(self) -> None:
        """Ask where to, then save the PDF."""
        if self._subject is None:
            return
        folder = self._subject[2].folder or Path(
            QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        )
        dialog = QFileDialog(self.window(), self.tr("Save the report"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(self.tr("PDF (*.pdf)"))
        dialog.setDefaultSuffix("pdf")
        dialog.setDirectory(str(folder))
        dialog.selectFile(default_report_name(datetime.now()))
        dialog.fileSelected.connect(lambda name: self.save_as(Path(name)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def save_as(self, path: Path) -> None:
        self._path = path
        self._need("save")

    def print(self) -> None:
        """Ask for a printer, then print."""
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        printer.setDocName("KD-OCT report")
        # The report brings its own margins.
        printer.setFullPage(True)
        if self._subject is not None:
            letter = self._subject[2].paper == "Letter"
            size = QPageSize.PageSizeId.Letter if letter else QPageSize.PageSizeId.A4
            printer.setPageSize(QPageSize(size))
        dialog = QPrintDialog(printer, self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.print_on(printer))
        QDialog.open(dialog)

    def print_on(self, printer: QPrinter) -> None:
        self._printer = printer
        self._need("print")

    def shut_down(self) -> None:
        for task in (self._maker, self._writer, self._press):
            task.cancel()
            task.wait()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def _need(self, then: str) -> None:
        self._then = then
        if self._subject is None:
            return
        if self.pdf is not None and self._made_of == self._subject:
            self._go_on()
            return
        if not self._making:
            self._making = True
            self.pdf = None
            self._clear(self.tr("Making the report…"), waiting=True)
            self._maker.start()

    def _make(self, progress: Progress) -> "tuple[_Subject, bytes, list[QImage]]":
        assert self._subject is not None
        subject = self._subject
        pdf = make_report(*subject, datetime.now().astimezone())
        ratio = self.devicePixelRatioF()
        pictures = []
        for page in pages(pdf, _SCREEN_DPI * ratio, progress):
            picture = colour_image(page)
            picture.setDevicePixelRatio(ratio)
            pictures.append(picture)
        return subject, pdf, pictures

    def _made(self, made: "tuple[_Subject, bytes, list[QImage]]") -> None:
        self._making = False
        self._made_of, self.pdf, pictures = made
        if self._made_of != self._subject:
            # Another case was asked for meanwhile.
            self._need(self._then)
            return
        self._clear("")
        for number, picture in enumerate(pictures, start=1):
            sheet = QLabel()
            sheet.setPixmap(QPixmap.fromImage(picture))
            sheet.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            theme.say(sheet, self.tr("Page {n}").format(n=number))
            self._sheets.addWidget(sheet)
        self._sheets.addStretch(1)
        self._go_on()

    def _go_on(self) -> None:
        then, self._then = self._then, ""
        if then == "save":
            self._writer.start()
        elif then == "print":
            self._press.start()

    def _write(self, progress: Progress) -> Path:
        assert self.pdf is not None
        assert self._path is not None
        save_report(self.pdf, self._path)
        return self._path

    def _written(self, path: Path) -> None:
        self.saved.emit(path)

    def _print_pages(self, progress: Progress) -> None:
        # A QPrinter may be painted on outside the GUI thread, where 300 dpi would stall it.
        assert self.pdf is not None
        assert self._printer is not None
        printer = self._printer
        painter = QPainter()
        if not painter.begin(printer):
            raise _not_printed()
        for number, page in enumerate(pages(self.pdf, _PRINT_DPI, progress)):
            if number and not printer.newPage():
                raise _not_printed()
            picture = colour_image(page)
            sheet = QRectF(painter.viewport())
            size = picture.size().toSizeF().scaled(sheet.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRectF(0, 0, size.width(), size.height())
            place.moveCenter(sheet.center())
            painter.drawImage(place, picture)
        if not painter.end():
            raise _not_printed()

    def _printed(self) -> None:
        self._printer = None
        self.noticed.emit(
            Notice(kind="information", text=self.tr("The report was sent to the printer."))
        )

    def _not_made(self, error: Exception) -> None:
        self._making = False
        self._then = ""
        self._clear(self.tr("There is no report to show."))

    def _failed(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self.noticed.emit(Notice(kind="problem", text=str(error)))
        else:
            self.broken.emit(error)

    def _clear(self, words: str, *, waiting: bool = False) -> None:
        while self._sheets.count():
            item = self._sheets.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        if words:
            label = QLabel(words)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            self._sheets.addStretch(1)
            self._sheets.addWidget(label)
            if waiting:
                bar = QProgressBar()
                bar.setRange(0, 0)
                bar.setTextVisible(False)
                bar.setFixedWidth(180)
                theme.say(bar, words)
                self._sheets.addWidget(bar, 0, Qt.AlignmentFlag.AlignHCenter)
            self._sheets.addStretch(2)


def _not_printed() -> AppError:
    from app.errors import ReportError

    return ReportError("The printer did not take the report. Check that it is on, or save the PDF.")

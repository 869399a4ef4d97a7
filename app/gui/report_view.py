"""The report in the window: the very PDF that is saved, printed, copied and dragged out."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, Signal
from PySide6.QtGui import QDrag, QGuiApplication, QImage, QKeyEvent, QResizeEvent
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.errors import AppError
from app.gui import theme
from app.gui.handed_out import HandedOut, mime
from app.gui.images import colour_image
from app.gui.jobs import Jobs
from app.gui.printing import make_printer, print_pages
from app.gui.report_head import ReportHead
from app.gui.report_pdf import ReportOrder, make_report, page_texts, pages, save_report
from app.gui.report_sheet import Sheet
from app.gui.session import Notice, default_report_name
from app.gui.tasks import Task
from app.progress import Cancelled, Progress

_SCREEN_DPI = 110
_EDGE = 14
"""Around the sheets, in device-independent pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Made:
    """A report as it was made."""

    order: ReportOrder
    pdf: bytes
    pictures: list[QImage]
    texts: list[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Wish:
    """A report that is waited for, and what becomes of it; None: it is only looked at."""

    order: ReportOrder
    act: Callable[[_Made], object] | None


class ReportView(QWidget):
    """Makes, shows, saves, prints and hands out the report of one case."""

    closed = Signal()
    noticed = Signal(object)  # Notice
    saved = Signal(object)  # Path
    broken = Signal(Exception)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._order: ReportOrder | None = None
        self._made: _Made | None = None
        # Kept with their orders: by the time a report is made, another patient's may be meant.
        self._wishes: list[_Wish] = []
        self._making = False
        self._closing = threading.Event()
        self._handed_out = HandedOut()
        self.sheets: list[Sheet] = []
        self._maker = Task(self._make, self)
        self._maker.succeeded.connect(self._show)
        self._maker.failed.connect(self._not_made)
        self._to_drag: tuple[_Made, Path] | None = None  # written since a page was pressed
        self._drag_waits = False
        # A printer that does not answer must not keep a report from being saved.
        self._writing, self._printing, self._copying = Jobs(self), Jobs(self), Jobs(self)
        for each in (self._writing, self._printing, self._copying):
            each.failed.connect(self._failed)
        self._build()

    @property
    def wanted(self) -> bool:
        """Whether a report is still to be made, saved, printed or copied because of a command."""
        waiting = any(each.act is not None for each in self._wishes)
        return waiting or any(each.busy for each in (self._writing, self._printing, self._copying))

    @property
    def pdf(self) -> bytes | None:
        """The report on show; None while there is none."""
        return self._made.pdf if self._made is not None else None

    def _build(self) -> None:
        self.head = ReportHead(self)
        self.head.closed.connect(self.closed)
        self.head.save.triggered.connect(self.save)
        self.head.print.triggered.connect(self.print)
        self.head.copy_file.triggered.connect(self.copy_file)
        self.head.copy_page.triggered.connect(self.copy_page)
        self._sheets = QVBoxLayout()
        self._sheets.setSpacing(_EDGE)
        self._sheets.setContentsMargins(_EDGE, _EDGE, _EDGE, _EDGE)
        inside = QWidget()
        inside.setLayout(self._sheets)
        self.paper = QScrollArea()
        self.paper.setWidgetResizable(True)
        # Pages are made to fit the width, which must not change with their height.
        self.paper.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.paper.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.paper.setWidget(inside)
        theme.say(self.paper, self.tr("Pages of the report"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self.paper, 1)

    def set_order(self, order: ReportOrder) -> None:
        """Say which report is meant; it is made when it is first needed."""
        self._order = order

    def show_report(self) -> None:
        """Make the report if need be, and show its pages."""
        self.paper.setFocus()
        self._need()

    def save(self) -> None:
        """Ask where to, then save the PDF."""
        if self._order is None:
            return
        folder = self._order.settings.folder or Path(
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
        self._need(partial(self._write, path))

    def print(self) -> None:
        """Ask for a printer, then print."""
        if self._order is None:
            return
        printer = make_printer(self._order.settings.paper)
        dialog = QPrintDialog(printer, self.window())
        # Some systems pick the pages themselves and some leave it to the program: all are printed.
        dialog.setOption(QPrintDialog.PrintDialogOption.PrintPageRange, on=False)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.print_on(printer))
        QDialog.open(dialog)

    def print_on(self, printer: QPrinter) -> None:
        self._need(partial(self._print_pages, printer))

    def copy_file(self) -> None:
        """Put the PDF on the clipboard, as a file and as bytes."""
        self._need(self._hand_out)

    def copy_page(self) -> None:
        """Put the page in the middle of the view on the clipboard, as a picture."""
        if self.sheets:
            page = self._page_in_view()
            QGuiApplication.clipboard().setImage(self.sheets[page].picture)
            self._tell(self.tr("Page {n} was copied as a picture.").format(n=page + 1))

    def shut_down(self) -> None:
        self._closing.set()
        self._maker.cancel()
        self._maker.wait()
        for each in (self._writing, self._printing, self._copying):
            each.shut_down()
        self._handed_out.clear()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    # Making

    def _need(self, act: Callable[[_Made], object] | None = None) -> None:
        """Have the report that is meant now made, and then go on with it."""
        if self._order is None:
            return
        if self._made is not None and self._made.order == self._order:
            if act is not None:
                act(self._made)
            return
        self._wishes.append(_Wish(order=self._order, act=act))
        self._made = None
        self._clear(self.tr("Making the report…"), waiting=True)
        self._make_next()

    def _make_next(self) -> None:
        if self._wishes and not self._making:
            self._making = True
            self._maker.start()

    def _make(self, progress: Progress) -> _Made:
        order = self._wishes[0].order
        pdf = make_report(order, datetime.now().astimezone())
        ratio = self.devicePixelRatioF()
        pictures = []
        for page in pages(pdf, _SCREEN_DPI * ratio, progress):
            picture = colour_image(page)
            picture.setDevicePixelRatio(ratio)
            pictures.append(picture)
        return _Made(order=order, pdf=pdf, pictures=pictures, texts=page_texts(pdf))

    def _show(self, made: _Made) -> None:
        if self._closing.is_set():
            return  # told too late: nobody is there
        self._making = False
        granted = [each for each in self._wishes if each.order == made.order]
        # A page that nobody looks at any more is not made.
        self._wishes = [
            each
            for each in self._wishes
            if each not in granted and (each.act is not None or each.order == self._order)
        ]
        if made.order == self._order:
            self._made = made
            self._show_pages(made)
        for wish in granted:
            if wish.act is not None:
                wish.act(made)
        self._make_next()

    def _show_pages(self, made: _Made) -> None:
        self._clear("")
        for number, (picture, text) in enumerate(
            zip(made.pictures, made.texts, strict=True), start=1
        ):
            sheet = Sheet(picture, self.tr("Page {n}").format(n=number), text)
            sheet.pressed.connect(partial(self._prepare_drag, made))
            sheet.dragged.connect(self._drag)
            self.sheets.append(sheet)
            self._sheets.addWidget(sheet, 0, Qt.AlignmentFlag.AlignHCenter)
        self._sheets.addStretch(1)
        self._fit()

    def _write(self, path: Path, made: _Made) -> None:
        self._writing.do(lambda: save_report(made.pdf, path), lambda _: self.saved.emit(path))

    def _print_pages(self, printer: QPrinter, made: _Made) -> None:
        self._printing.do(
            lambda: print_pages(made.pdf, printer, self._go_on_printing),
            lambda _: self._tell(self.tr("The report was sent to the printer.")),
        )

    def _go_on_printing(self, done: int, total: int) -> None:
        if self._closing.is_set():
            raise Cancelled

    def _hand_out(self, made: _Made) -> None:
        def copy(path: Path) -> None:
            QGuiApplication.clipboard().setMimeData(mime(path, made.pdf))
            self._tell(self.tr("The report was copied; it can be pasted while KD-OCT is open."))

        self._copying.do(lambda: self._handed_out.write(made.pdf), copy)

    def _prepare_drag(self, made: _Made) -> None:
        # Written as the button goes down: a drag cannot wait for the disk.
        self._to_drag, self._drag_waits = None, False
        self._copying.do(
            lambda: self._handed_out.write(made.pdf), lambda path: self._ready_to_drag(made, path)
        )

    def _ready_to_drag(self, made: _Made, path: Path) -> None:
        self._to_drag = made, path
        held = QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton
        if self._drag_waits and held:
            self._drag()

    def _drag(self) -> None:
        self._drag_waits = self._to_drag is None
        if self._to_drag is None:
            return
        made, path = self._to_drag
        drag = QDrag(self)
        drag.setMimeData(mime(path, made.pdf))
        drag.exec(Qt.DropAction.CopyAction)

    def _not_made(self, error: Exception) -> None:
        self._making = False
        failed = self._wishes[0].order
        self._wishes = [each for each in self._wishes if each.order != failed]
        if failed == self._order:
            self._clear(self.tr("There is no report to show."))
        self._failed(error)
        self._make_next()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self._tell(str(error), kind="problem")
        else:
            self.broken.emit(error)

    def _tell(self, text: str, kind: str = "information") -> None:
        self.noticed.emit(Notice(kind=kind, text=text))

    # Pages

    def _page_in_view(self) -> int:
        bar = self.paper.verticalScrollBar()
        middle = bar.value() + self.paper.viewport().height() // 2
        above = [number for number, each in enumerate(self.sheets) if each.y() <= middle]
        return above[-1] if above else 0

    def _fit(self) -> None:
        for sheet in self.sheets:
            sheet.fit(max(200, self.paper.viewport().width() - 2 * _EDGE))

    def _clear(self, words: str, *, waiting: bool = False) -> None:
        self.sheets.clear()
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

"""Paper: a printer set up for the report, and the report's pages on it."""

from PySide6.QtCore import QCoreApplication, QRectF, Qt
from PySide6.QtGui import QPageSize, QPainter
from PySide6.QtPrintSupport import QPrinter

from app.errors import ReportError
from app.gui.images import colour_image
from app.gui.report_pdf import pages
from app.progress import Progress

_DPI = 300
"""Of the pages sent to a printer: B-scans have no more to give."""


def make_printer(paper: str) -> QPrinter:
    """A printer with the report's paper ("A4" or "Letter") and no margins of its own."""
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    printer.setDocName("KD-OCT report")
    # The report brings its own margins.
    printer.setFullPage(True)
    letter = paper == "Letter"
    size = QPageSize.PageSizeId.Letter if letter else QPageSize.PageSizeId.A4
    printer.setPageSize(QPageSize(size))
    return printer


def print_pages(pdf: bytes, printer: QPrinter, progress: Progress) -> None:
    """Print a PDF page by page, each as large as the sheet allows.

    A QPrinter may be painted on outside the GUI thread, where 300 dpi would stall it.

    Raises:
        ReportError: If the printer does not take it.
    """
    painter = QPainter()
    if not painter.begin(printer):
        raise _not_printed()
    for number, page in enumerate(pages(pdf, _DPI, progress)):
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


def _not_printed() -> ReportError:
    return ReportError(
        QCoreApplication.translate(
            "printing",
            "The printer did not take the report. Check that it is on, or save the PDF.",
        )
    )

"""The report as bytes, and its pages as pictures and words."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.modelpack import Card
from app.progress import Progress
from app.readings import NOTHING_READ, Readings
from app.report.sections import ALL_SECTIONS, Section
from app.results.output import output_file
from app.settings import Settings
from app.study import StudyResult

POINTS_PER_INCH = 72

_pdfium = threading.Lock()
"""PDFium is not made for several threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOrder:
    """Whose report is meant, and what is in it. Two orders for the same report are equal."""

    result: StudyResult
    card: Card
    settings: Settings  # its language is that of the report
    sections: frozenset[Section] = ALL_SECTIONS
    readings: Readings = NOTHING_READ


def make_report(order: ReportOrder, when: datetime) -> bytes:
    """Return the report as PDF."""
    from app.report import render

    return render(order.result, order.card, order.settings, when, order.sections, order.readings)


def save_report(pdf: bytes, path: Path) -> None:
    """Write the very bytes that were shown.

    Raises:
        ReportError: If they cannot be written.
    """
    with output_file(path) as file:
        file.write(pdf)


def page_texts(pdf: bytes) -> list[str]:
    """The words of every page, for who cannot see its picture."""
    import pypdfium2

    with _pdfium:
        document = pypdfium2.PdfDocument(pdf)
        try:
            return [
                document[number].get_textpage().get_text_bounded()
                for number in range(len(document))
            ]
        finally:
            document.close()


def page_sizes(pdf: bytes) -> list[tuple[float, float]]:
    """Width and height of every page, in points."""
    import pypdfium2

    with _pdfium:
        document = pypdfium2.PdfDocument(pdf)
        try:
            return [document.get_page_size(number) for number in range(len(document))]
        finally:
            document.close()


def pages(pdf: bytes, dots_per_inch: float, progress: Progress) -> Iterator[NDArray[np.uint8]]:
    """Render the pages one by one, each RGB of shape (rows, columns, 3)."""
    import pypdfium2

    total = len(page_sizes(pdf))
    for number in range(total):
        progress(number, total)
        with _pdfium:
            document = pypdfium2.PdfDocument(pdf)
            try:
                page = document[number]
                bitmap = page.render(scale=dots_per_inch / POINTS_PER_INCH, rev_byteorder=True)
                picture = bitmap.to_numpy()[:, :, :3].copy()
                bitmap.close()
                page.close()
            finally:
                document.close()
        yield picture
    progress(total, total)

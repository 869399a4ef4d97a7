"""The report as bytes, and its pages as pictures; no copy of it ever lies on disk."""

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.modelpack import Card
from app.progress import Progress
from app.results.output import output_file
from app.settings import Settings
from app.study import StudyResult

POINTS_PER_INCH = 72

_pdfium = threading.Lock()
"""PDFium is not made for several threads."""


def make_report(result: StudyResult, card: Card, settings: Settings, when: datetime) -> bytes:
    """Return the report as PDF."""
    from app.report import render

    return render(result, card, settings, when)


def save_report(pdf: bytes, path: Path) -> None:
    """Write the very bytes that were shown.

    Raises:
        ReportError: If they cannot be written.
    """
    with output_file(path) as file:
        file.write(pdf)


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

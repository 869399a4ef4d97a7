"""The report: a PDF that a clinician can read, sign and file.

First the call, then the evidence, then how it was come by. Each section is a function that turns
the context into blocks; a new one is a module and a place in a chapter below.
"""

import threading
from datetime import datetime
from pathlib import Path

from app.modelpack import Card
from app.settings import Settings
from app.study import StudyResult

_ONE_AT_A_TIME = threading.Lock()  # the PDF library registers fonts for the whole process


def write_report(
    result: StudyResult, card: Card, path: Path, settings: Settings, when: datetime
) -> None:
    """Write the report of a study as PDF.

    The same arguments give the same bytes.

    Args:
        card: Of the package that made the result.
        when: Printed as the time the report was made.

    Raises:
        ReportError: If the file cannot be written; what stood there before stays as it was.
    """
    from app.results.output import output_file

    content = render(result, card, settings, when)
    with output_file(path) as file:
        file.write(content)


def render(result: StudyResult, card: Card, settings: Settings, when: datetime) -> bytes:
    """Return the report as the bytes of a PDF."""
    # Here, not above: the window must not wait for the PDF library.
    from app import __version__
    from app.notices import RESEARCH_USE
    from app.report.chrome import draw_chrome, first_room, letterhead, room
    from app.report.context import MARGIN, Context
    from app.report.evidence import evidence
    from app.report.eyes import eyes
    from app.report.fonts import Fonts
    from app.report.identity import identity
    from app.report.limits import limits, notes
    from app.report.method import method
    from app.report.page import Pen, into_pages
    from app.report.signature import signature
    from app.report.verdict import verdict

    chapters = (
        (letterhead, identity, verdict, eyes, notes),
        (evidence,),
        (method, limits, signature),
    )
    with _ONE_AT_A_TIME:
        fonts = Fonts()
        context = Context(result=result, card=card, settings=settings, when=when, fonts=fonts)
        blocks = [
            [block for section in chapter for block in section(context)] for chapter in chapters
        ]
        pages = into_pages(blocks, first_room(context), room(context))
        pen = Pen(context.sheet, fonts)
        pen.describe(
            title="Retinal OCT report",
            author=settings.clinic_name or "KD-OCT",
            subject=RESEARCH_USE,
            creator=f"KD-OCT {__version__}, model {result.model_id} {result.model_version}",
            when=when,
        )
        for number, page in enumerate(pages, start=1):
            top = draw_chrome(pen, context, number, len(pages))
            for place, block in enumerate(page):
                top += block.before if place else 0
                block.draw(pen, MARGIN, top)
                top += block.height
            pen.next_page()
        return pen.finish()

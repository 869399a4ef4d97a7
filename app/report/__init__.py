"""The report: a PDF that a clinician can read, sign and file.

First the call, then the evidence, then how it was come by. Each section is a function that turns
the context into blocks; a new one is a module and a place in a chapter below.
"""

import threading
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.modelpack import Card
from app.readings import NOTHING_READ, Readings
from app.report.sections import ALL_SECTIONS, Section
from app.settings import Settings
from app.study import StudyResult

if TYPE_CHECKING:
    from app.report.context import Context
    from app.report.page import Block

_ONE_AT_A_TIME = threading.Lock()  # the PDF library registers fonts for the whole process


def write_report(
    result: StudyResult,
    card: Card,
    path: Path,
    settings: Settings,
    when: datetime,
    sections: Collection[Section] = ALL_SECTIONS,
    readings: Readings = NOTHING_READ,
) -> None:
    """Write the report of a study as PDF.

    The same arguments give the same bytes.

    Args:
        card: Of the package that made the result.
        when: Printed as the time the report was made.
        sections: Which of the parts that may be left out are in it.
        readings: What readers decided; it is stated beside the machine's answers.

    Raises:
        ReportError: If the file cannot be written; what stood there before stays as it was.
    """
    from app.results.output import output_file

    content = render(result, card, settings, when, sections, readings)
    with output_file(path) as file:
        file.write(content)


def render(
    result: StudyResult,
    card: Card,
    settings: Settings,
    when: datetime,
    sections: Collection[Section] = ALL_SECTIONS,
    readings: Readings = NOTHING_READ,
) -> bytes:
    """Return the report as the bytes of a PDF."""
    # Here, not above: the window must not wait for the PDF library.
    from app import __version__
    from app.notices import RESEARCH_USE
    from app.report.chrome import draw_chrome, first_room, room
    from app.report.context import MARGIN, Context
    from app.report.fonts import Fonts
    from app.report.page import Pen, into_pages

    with _ONE_AT_A_TIME:
        fonts = Fonts()
        context = Context(
            result=result,
            card=card,
            settings=settings,
            when=when,
            fonts=fonts,
            readings=readings,
        )
        blocks = [
            [block for section in chapter for block in section(context)]
            for chapter in _chapters(sections)
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


def _chapters(
    sections: Collection[Section],
) -> "list[list[Callable[[Context], list[Block]]]]":
    """Return the report's parts in their order, without those that were left out."""
    from app.report.chrome import letterhead
    from app.report.evidence import evidence
    from app.report.eyes import eyes
    from app.report.identity import identity
    from app.report.limits import limits, notes
    from app.report.method import method
    from app.report.reader import reader
    from app.report.signature import signature
    from app.report.verdict import verdict

    optional = {
        evidence: Section.EVIDENCE,
        method: Section.METHOD,
        signature: Section.SIGNATURE,
    }
    chapters = (
        (letterhead, identity, verdict, reader, eyes, notes),
        (evidence,),
        (method, limits, signature),
    )
    return [
        [part for part in chapter if part not in optional or optional[part] in sections]
        for chapter in chapters
    ]

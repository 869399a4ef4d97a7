"""The report: a PDF that a clinician can read, sign and file.

First the call, then the evidence, then how it was come by. Each section is a function that turns
the context into blocks; a new one is a module and a place in a chapter below.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
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

    _Chapter = Sequence[Callable[[Context], list[Block]]]

_ENFACE_MM = (50, 44, 38, 32, 26)  # heights of an en-face picture that are tried

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
    from app.report.chrome import TITLE, draw_chrome, first_room, room
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
        front, *rest = _chapters(sections)
        blocks = [_front_page(front, context), *(_blocks(each, context) for each in rest)]
        pages = into_pages(blocks, first_room(context), room(context))
        pen = Pen(context.sheet, fonts, context.language)
        pen.describe(
            title=context.say(TITLE),
            author=settings.clinic_name or "KD-OCT",
            subject=context.say(RESEARCH_USE),
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


def _blocks(chapter: "_Chapter", context: "Context") -> "list[Block]":
    return [block for section in chapter for block in section(context)]


def _front_page(chapter: "_Chapter", context: "Context") -> "list[Block]":
    """Return the first chapter, with its pictures as high as one page allows."""
    from app.report.chrome import first_room
    from app.report.page import MM

    for high in _ENFACE_MM:
        blocks = _blocks(chapter, replace(context, enface=high * MM))
        if sum(each.before + each.height for each in blocks) <= first_room(context):
            return blocks
    return _blocks(chapter, context)


def _chapters(sections: Collection[Section]) -> "list[_Chapter]":
    """Return the report's parts in their order, without those that were left out."""
    from app.report.chrome import letterhead
    from app.report.evidence import evidence
    from app.report.eyes import eyes
    from app.report.identity import identity
    from app.report.limits import limits, notes
    from app.report.method import method
    from app.report.reader import reader, reader_of_bscans
    from app.report.signature import signature
    from app.report.verdict import verdict

    optional = {
        evidence: Section.EVIDENCE,
        method: Section.METHOD,
        signature: Section.SIGNATURE,
    }
    chapters = (
        (letterhead, identity, verdict, reader, notes, eyes),
        (evidence, reader_of_bscans),
        (method, limits, signature),
    )
    return [
        [part for part in chapter if part not in optional or optional[part] in sections]
        for chapter in chapters
    ]

"""Paper: where text, lines and pictures land, and how blocks are told into pages.

With `app.report.fonts` the only module that knows the PDF library. Lengths are points; `top` is
measured from the upper edge of the sheet, as one reads, and so is `x`: from the left, or from the
right where the report's language is read from there.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from PIL import Image
from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from app.language import ENGLISH, Language
from app.report.fonts import Fonts, Line, Style

# ASCII armour, reportlab's default, would make every picture a quarter larger.
rl_config.useA85 = 0

MM = 72 / 25.4
"""Points in a millimetre."""

SHEETS = {"A4": (210 * MM, 297 * MM), "Letter": (612.0, 792.0)}

Align = Literal["left", "right", "centre"]


class Pen:
    """Draws on the current sheet of one document."""

    def __init__(
        self, sheet: tuple[float, float], fonts: Fonts, language: Language = ENGLISH
    ) -> None:
        self.width, self.height = sheet
        self.fonts = fonts
        self._mirrored = language.rtl
        self._file = io.BytesIO()
        # invariant: no random identifier and no time of its own in the file.
        # Its first font is ours: the library's own, Helvetica, is never embedded.
        self._canvas = Canvas(
            self._file, sheet, invariant=1, lang=language.code, initialFontName=fonts.plain
        )

    def describe(
        self, *, title: str, author: str, subject: str, creator: str, when: datetime
    ) -> None:
        canvas = self._canvas
        canvas.setTitle(title)
        canvas.setAuthor(author)
        canvas.setSubject(subject)
        canvas.setCreator(creator)
        offset = when.strftime("%z") or "+0000"
        stamp = f"D:{when:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:5]}'"
        canvas.setDateFormatter(lambda *_: stamp)

    def as_seen(self, x: float, width: float) -> tuple["Pen", float]:
        """Return a pen that mirrors nothing, and where what lies at `x` begins for it.

        What is shown from the eye lies as in the eye, whichever way a language is read.
        """
        if not self._mirrored:
            return self, x
        pen = copy(self)
        pen._mirrored = False
        return pen, self._left(x, width)

    def _left(self, x: float, width: float) -> float:
        """The left edge on the sheet of what lies at `x` for whoever reads from the right."""
        return self.width - x - width if self._mirrored else x

    def next_page(self) -> None:
        self._canvas.showPage()

    def finish(self) -> bytes:
        self._canvas.save()
        return self._file.getvalue()

    def text(
        self, x: float, top: float, text: str | Line, style: Style, align: Align = "left"
    ) -> float:
        """Write one line whose upper edge is at `top`; return its width."""
        line = self.fonts.line(text, style) if isinstance(text, str) else text
        x -= {"left": 0.0, "right": line.width, "centre": line.width / 2}[align]
        x = self._left(x, line.width)
        baseline = self.height - top - style.line / 2 - 0.35 * style.size
        canvas = self._canvas
        canvas.setFillColor(HexColor(f"#{style.colour}"))
        if line.restated:
            # Whoever copies or searches gets the text as spoken (PDF 32000-1, 14.9.4).
            spoken = line.spoken.encode("utf-16-be").hex().upper()
            canvas._code.append(f"/Span <</ActualText <FEFF{spoken}>>> BDC")
        for piece in line.pieces:
            canvas.setFont(piece.font, style.size)
            if piece.thicken:
                canvas.setStrokeColor(HexColor(f"#{style.colour}"))
                canvas.setLineWidth(0.03 * style.size)
            canvas.drawString(x, baseline, piece.text, mode=2 if piece.thicken else 0)
            x += piece.width
        if line.restated:
            canvas._code.append("EMC")
        return line.width

    def box(
        self, x: float, top: float, width: float, height: float, fill: str, *, radius: float = 0
    ) -> None:
        if width <= 0 or height <= 0:
            # Of a box without area, viewers draw a line as thin as they can.
            return
        self._canvas.setFillColor(HexColor(f"#{fill}"))
        x, y = self._left(x, width), self.height - top - height
        if radius:
            self._canvas.roundRect(x, y, width, height, radius, stroke=0, fill=1)
        else:
            self._canvas.rect(x, y, width, height, stroke=0, fill=1)

    def frame(
        self, x: float, top: float, width: float, height: float, colour: str, line: float = 0.5
    ) -> None:
        self._canvas.setStrokeColor(HexColor(f"#{colour}"))
        self._canvas.setLineWidth(line)
        x, y = self._left(x, width), self.height - top - height
        self._canvas.rect(x, y, width, height, stroke=1, fill=0)

    def path(self, points: Sequence[tuple[float, float]], colour: str, line: float = 0.5) -> None:
        """Draw a line through points given as (x, top)."""
        path = self._path(points)
        self._canvas.setStrokeColor(HexColor(f"#{colour}"))
        self._canvas.setLineWidth(line)
        self._canvas.drawPath(path, stroke=1, fill=0)

    def rule(self, x: float, top: float, width: float, colour: str, line: float = 0.5) -> None:
        self.path([(x, top), (x + width, top)], colour, line)

    def _path(self, points: Sequence[tuple[float, float]]) -> PDFPathObject:
        path = self._canvas.beginPath()
        path.moveTo(self._left(points[0][0], 0), self.height - points[0][1])
        for x, top in points[1:]:
            path.lineTo(self._left(x, 0), self.height - top)
        return path

    def polygon(self, points: Sequence[tuple[float, float]], fill: str) -> None:
        path = self._path(points)
        path.close()
        self._canvas.setFillColor(HexColor(f"#{fill}"))
        self._canvas.drawPath(path, stroke=0, fill=1)

    def picture(
        self, x: float, top: float, width: float, height: float, image: Image.Image
    ) -> None:
        """Place a picture; it is stored as JPEG of high quality, in full resolution."""
        packed = io.BytesIO()
        opaque = image if image.mode in ("L", "RGB") else image.convert("RGB")
        opaque.save(packed, "JPEG", quality=92, subsampling=0, optimize=True)
        packed.seek(0)
        x, y = self._left(x, width), self.height - top - height
        self._canvas.drawImage(ImageReader(packed), x, y, width, height)


@dataclass(frozen=True, slots=True)
class Block:
    """Something of fixed height. Sections make blocks for a width; pages take them in order."""

    height: float
    draw: Callable[[Pen, float, float], None]  # pen, left edge, top
    before: float = 0  # space above, left out at the head of a page
    keep: bool = False  # stays on one page with the block after it


def nothing(pen: Pen, x: float, top: float) -> None:
    """Draw nothing: for space."""


def space(height: float) -> Block:
    return Block(height, nothing)


def text_block(
    fonts: Fonts,
    text: str,
    style: Style,
    width: float,
    *,
    before: float = 0,
    keep: bool = False,
    indent: float = 0,
    mark: str = "",
    most: int | None = None,
) -> Block:
    """Return a paragraph of at most `most` lines, with `mark` (a bullet) in its indent."""
    lines = fonts.wrap(text, style, width - indent, most=most)

    def draw(pen: Pen, x: float, top: float) -> None:
        if mark:
            pen.text(x, top, mark, style)
        for number, line in enumerate(lines):
            pen.text(x + indent, top + number * style.line, line, style)

    return Block(len(lines) * style.line, draw, before, keep)


def stack(blocks: Iterable[Block], *, before: float = 0) -> Block:
    """Return blocks one below the other, as one that is never parted."""
    placed: list[tuple[float, Block]] = []
    height = 0.0
    for block in blocks:
        height += block.before if placed else 0
        placed.append((height, block))
        height += block.height

    def draw(pen: Pen, x: float, top: float) -> None:
        for below, block in placed:
            block.draw(pen, x, top + below)

    return Block(height, draw, before)


def beside(
    columns: Sequence[tuple[float, Block]], *, before: float = 0, keep: bool = False
) -> Block:
    """Return blocks side by side, each with its distance from the left edge."""

    def draw(pen: Pen, x: float, top: float) -> None:
        for right, block in columns:
            block.draw(pen, x + right, top)

    return Block(max(block.height for _, block in columns), draw, before, keep)


def into_pages(chapters: Iterable[Sequence[Block]], first: float, rest: float) -> list[list[Block]]:
    """Tell blocks into pages of `first`, then `rest` points of room; kept ones stay together.

    A chapter that does not fit whole below what stands there begins a new page. Blocks kept
    together that are higher than a page are parted where they must be.
    """
    pages: list[list[Block]] = [[]]
    used = 0.0
    for chapter in chapters:
        for group in [chapter, *_groups(chapter)]:
            whole = sum(each.before + each.height for each in group)
            if pages[-1] and used + whole > (first if len(pages) == 1 else rest):
                pages.append([])
                used = 0.0
            if group is chapter:
                continue
            for block in group:
                needed = block.height + (block.before if pages[-1] else 0)
                if pages[-1] and used + needed > (first if len(pages) == 1 else rest):
                    pages.append([])
                    used, needed = 0.0, block.height
                pages[-1].append(block)
                used += needed
    return pages


def _groups(blocks: Iterable[Block]) -> list[list[Block]]:
    groups: list[list[Block]] = [[]]
    for block in blocks:
        groups[-1].append(block)
        if not block.keep:
            groups.append([])
    return [each for each in groups if each]

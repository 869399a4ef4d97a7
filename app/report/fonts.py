"""Set text in the embedded fonts: every script its font, joined and ordered as it is written.

reportlab draws characters one by one from left to right. So a line is first put into visual order
(`app.bidi`), then split by the font that has its characters, and what needs shaping
(Arabic, Hebrew, Indic and Thai scripts) goes through HarfBuzz.
"""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache

import uharfbuzz  # noqa: F401 - reportlab shapes only if it is there; better to fail here
from reportlab.lib.abag import ABag
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import PDFDocument
from reportlab.pdfbase.ttfonts import ShapedStr, TTFont, shapeFragWord

from app.bidi import is_rtl, visual_runs
from app.paths import resources

_FACES = {
    # name: (regular, bold, shaped)
    "Sans": ("NotoSans-Regular", "NotoSans-Bold", False),
    "Arabic": ("NotoSansArabic-Regular", "NotoSansArabic-Bold", True),
    "Hebrew": ("NotoSansHebrew-Regular", "NotoSansHebrew-Bold", True),
    "Devanagari": ("NotoSansDevanagari-Regular", "NotoSansDevanagari-Bold", True),
    "Thai": ("NotoSansThai-Regular", "NotoSansThai-Bold", True),
    "Armenian": ("NotoSansArmenian-Regular", "NotoSansArmenian-Bold", False),
    "Georgian": ("NotoSansGeorgian-Regular", "NotoSansGeorgian-Bold", False),
    "Han": ("DroidSansFallback", None, False),
}

_RTL = ("Arabic", "Hebrew")

_SCRIPTS = (
    # first and last code point of what a face other than Sans is for
    ("Armenian", 0x0530, 0x058F),
    ("Hebrew", 0x0590, 0x05FF),
    ("Arabic", 0x0600, 0x06FF),
    ("Arabic", 0x0750, 0x077F),
    ("Arabic", 0x08A0, 0x08FF),
    ("Devanagari", 0x0900, 0x097F),
    ("Thai", 0x0E00, 0x0E7F),
    ("Georgian", 0x10A0, 0x10FF),
    ("Han", 0x1100, 0x11FF),
    ("Han", 0x2E80, 0x9FFF),
    ("Han", 0xAC00, 0xD7AF),
    ("Han", 0xF900, 0xFAFF),
    ("Hebrew", 0xFB1D, 0xFB4F),
    ("Arabic", 0xFB50, 0xFDFF),
    ("Arabic", 0xFE70, 0xFEFF),
    ("Han", 0xFE30, 0xFE4F),
    ("Han", 0xFF00, 0xFFEF),
)


@dataclass(frozen=True, slots=True)
class Style:
    """How text looks; sizes in points."""

    size: float
    bold: bool = False
    colour: str = "1b2733"  # six hex digits
    leading: float = 1.32  # distance of lines, of the size

    @property
    def line(self) -> float:
        return self.size * self.leading


@dataclass(frozen=True, slots=True)
class Piece:
    """Text in one font, ready to be drawn; `text` may be reportlab's ShapedStr."""

    font: str  # as registered with reportlab
    text: str
    width: float  # points
    thicken: bool  # bold is wanted and the face has none


@dataclass(frozen=True, slots=True)
class Line:
    pieces: tuple[Piece, ...]  # from left to right
    spoken: str  # the text as it was given

    @property
    def width(self) -> float:
        return sum(each.width for each in self.pieces)

    @property
    def restated(self) -> bool:
        """Whether the text must be stated beside its glyphs, for copying and searching.

        Not for text that runs from right to left: its glyphs keep their characters, and viewers
        put these back into spoken order, but would reverse a statement in spoken order.
        """
        drawn = "".join(each.text for each in self.pieces)
        return any("\ue000" <= each <= "\uf8ff" for each in drawn) and not any(
            unicodedata.bidirectional(each) in ("R", "AL") for each in self.spoken
        )


class _Face(TTFont):  # type: ignore[misc]  # reportlab is untyped
    """A font whose joined letters are copied and searched as the plain ones they stand for."""

    def addObjects(self, doc: PDFDocument) -> None:  # noqa: N802 - reportlab's name
        super().addObjects(doc)
        for name, each in doc.idToObject.items():
            if name.startswith("toUnicodeCMap:"):
                each.content = re.sub(r"(?<=> <)F[BDE][0-9A-F]{2}(?=>)", _plain, each.content)


def _plain(joined: re.Match[str]) -> str:
    """The letter of an Arabic presentation form, in hex; ligatures of several letters stay."""
    letters = unicodedata.normalize("NFKC", chr(int(joined[0], 16)))
    return f"{ord(letters):04X}" if len(letters) == 1 else joined[0]


class Fonts:
    """The fonts of one document, each loaded when its first character comes.

    A document has its own, because shaping gives glyphs without a character private code points
    in order of appearance: shared fonts would make a report depend on those written before.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, bool], str] = {}

    @property
    def plain(self) -> str:
        """The registered name of the regular face."""
        return self._name("Sans", bold=False)

    def width(self, text: str, style: Style) -> float:
        return self.line(text, style).width

    def line(
        self,
        text: str,
        style: Style,
        *,
        base_rtl: bool | None = None,
        before: str = "",
        after: str = "",
    ) -> Line:
        """Set one line of text, without breaking it; the rest is as `visual_runs` takes it."""
        pieces = []
        for run in visual_runs(text, base_rtl=base_rtl, before=before, after=after):
            parts = _by_face(run.text)
            for face, part in reversed(parts) if run.rtl else parts:
                pieces.append(self._piece(face, part, style, rtl=run.rtl))
        return Line(tuple(pieces), text)

    def wrap(self, text: str, style: Style, width: float, *, most: int | None = None) -> list[Line]:
        """Break text into lines of at most `width` points; a word that is wider is cut.

        Args:
            most: Number of lines after which the text ends in an ellipsis.
        """
        lines = self._broken(text, style, width)
        if most is None or len(lines) <= most:
            return lines
        last = self._broken(lines[most - 1].spoken, style, width - self.width("…", style))[0]
        return [*lines[: most - 1], self.line(f"{last.spoken}…", style)]

    def _broken(self, text: str, style: Style, width: float) -> list[Line]:
        lines: list[Line] = []
        for paragraph in (printable(text) or " ").split("\n"):
            parts, current = [], ""
            for word in _words(paragraph):
                if self.width((current + word).rstrip(), style) <= width:
                    current += word
                    continue
                if current.strip():
                    parts.append(current)
                *full, current = self._cut(word, style, width)
                parts += full
            parts.append(current)
            rtl = is_rtl(paragraph)
            for number, part in enumerate(parts):
                before, after = "".join(parts[:number]), "".join(parts[number + 1 :])
                line = self.line(part.rstrip(), style, base_rtl=rtl, before=before, after=after)
                lines.append(line)
        return lines

    def _cut(self, word: str, style: Style, width: float) -> list[str]:
        parts = [""]
        for each in word:
            if parts[-1] and self.width((parts[-1] + each).rstrip(), style) > width:
                parts.append("")
            parts[-1] += each
        return parts

    def _piece(self, face: str, text: str, style: Style, *, rtl: bool) -> Piece:
        bold, shaped = _FACES[face][1] is not None and style.bold, _FACES[face][2]
        name = self._name(face, bold=bold)
        thicken = style.bold and not bold
        known = pdfmetrics.getFont(name).face.charToGlyph
        text = "".join(each if ord(each) in known else _instead(each, known) for each in text)
        # Digits within a right-to-left script run from left to right, and need no shaping;
        # HarfBuzz would take their direction from their script.
        if shaped and rtl == (face in _RTL):
            drawn = _shaped(text, name, style.size)
            if isinstance(drawn, ShapedStr):
                width = sum(each.x_advance for each in drawn.__shapeData__) * style.size / 1000
                return Piece(name, drawn, width, thicken)
            return Piece(name, drawn, pdfmetrics.stringWidth(drawn, name, style.size), thicken)
        drawn = "".join(_mirrored(each) for each in reversed(text)) if rtl else text
        return Piece(name, drawn, pdfmetrics.stringWidth(drawn, name, style.size), thicken)

    def _name(self, face: str, *, bold: bool) -> str:
        if (face, bold) not in self._names:
            name = f"KD-{face}{'-Bold' if bold else ''}"
            file = _FACES[face][1 if bold else 0]
            pdfmetrics.registerFont(_Face(name, str(resources() / "fonts" / f"{file}.ttf")))
            self._names[face, bold] = name
        return self._names[face, bold]


def printable(text: str) -> str:
    """Compose what can be composed, and drop what has no shape: control characters, surrogates."""
    composed = unicodedata.normalize("NFC", text.replace("\t", " "))
    return "".join(
        each for each in composed if each == "\n" or unicodedata.category(each) not in ("Cc", "Cs")
    )


def _shaped(text: str, name: str, size: float) -> str:
    """Join letters and place marks; the glyphs come in visual order."""
    fragment = ABag(fontName=name, fontSize=size)
    # Not the discretionary ligatures that reportlab would ask for: they turn the common name
    # Mohammad into the religious formula.
    word = shapeFragWord([0, (fragment, text)], features={"kern": True, "liga": True})
    drawn: str = word[1][1]
    return drawn


def _instead(character: str, known: Container[int]) -> str:
    """What stands for a character the face lacks: something that is seen to be missing."""
    if unicodedata.category(character) == "Cf":
        return ""
    return "\ufffd" if 0xFFFD in known else "?"


@lru_cache(maxsize=4096)
def _face(character: str) -> str:
    code = ord(character)
    return next((face for face, first, last in _SCRIPTS if first <= code <= last), "Sans")


def _by_face(text: str) -> list[tuple[str, str]]:
    """Split text by face; marks and joiners stay with what they belong to."""
    parts: list[tuple[str, str]] = []
    for each in text:
        face = _face(each)
        belongs = unicodedata.category(each) in ("Mn", "Mc", "Cf") and face == "Sans"
        if parts and (parts[-1][0] == face or belongs):
            parts[-1] = (parts[-1][0], parts[-1][1] + each)
        else:
            parts.append((face, each))
    return parts


_MIRRORED = dict(zip("()[]{}<>«»", ")(][}{><»«", strict=True))


def _mirrored(character: str) -> str:
    return _MIRRORED.get(character, character)


def _words(text: str) -> list[str]:
    """Split before what may begin a line: each word with the space after it, each Han alone."""
    words = [""]
    for each in text:
        last = words[-1][-1:]
        ideograph = last and "Han" in (_face(each), _face(last))
        if ideograph or (last in (" ", "/") and each != " "):
            words.append("")
        words[-1] += each
    return words

"""What stands on every sheet: whose report it is, the banners, the notice and the page number."""

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from app import __version__
from app.language import mark
from app.notices import RESEARCH_USE, banners
from app.report.context import (
    ACCENT,
    INK,
    LABEL,
    LINE,
    MARGIN,
    MUTED,
    ON_WARNING,
    WARNING,
    Context,
)
from app.report.fonts import Style
from app.report.page import MM, Block, Pen, beside, space, stack, text_block

TITLE = mark("Retinal OCT report")

_TOP = 11 * MM
_BANNER = 6.4 * MM
_FOOT = 15 * MM

_CLINIC = Style(12, bold=True, leading=1.25)
_NAME = Style(15, bold=True, colour=ACCENT, leading=1.2)
_RUNNING = Style(8, colour=MUTED)
_NOTICE = Style(8, bold=True, colour=INK)
_BANNER_TEXT = Style(8.5, bold=True, colour=ON_WARNING)
_LOGO = (42 * MM, 16 * MM)


def first_room(context: Context) -> float:
    """Height for blocks on the first sheet."""
    return context.sheet[1] - _start(context, first=True) - _FOOT


def room(context: Context) -> float:
    """Height for blocks on every other sheet."""
    return context.sheet[1] - _start(context, first=False) - _FOOT


def _banners(context: Context) -> tuple[str, ...]:
    return banners(context.result, context.card)


def _start(context: Context, *, first: bool) -> float:
    count = len(_banners(context))
    return _TOP + count * (_BANNER + 1.2 * MM) + (bool(count) * 2 * MM if first else 9 * MM)


def draw_chrome(pen: Pen, context: Context, page: int, pages: int) -> float:
    """Draw it on the current sheet; return where the blocks begin."""
    top = _TOP
    for sentence in _banners(context):
        pen.box(MARGIN, top, context.width, _BANNER, WARNING, radius=2)
        pen.text(MARGIN + 3 * MM, top + 0.9 * MM, context.tell(sentence), _BANNER_TEXT)
        top += _BANNER + 1.2 * MM
    if page > 1:
        right = context.say(
            "{title}, {time}", title=context.say(TITLE), time=f"{context.when:%Y-%m-%d %H:%M}"
        )
        used = pen.text(MARGIN + context.width, top, right, _RUNNING, "right")
        line = context.fonts.wrap(whose(context), _RUNNING, context.width - used - 4 * MM, most=1)[
            0
        ]
        pen.text(MARGIN, top, line, _RUNNING)
        pen.rule(MARGIN, top + 5 * MM, context.width, LINE)
    foot = pen.height - _FOOT + 4 * MM
    pen.rule(MARGIN, foot, context.width, LINE)
    pen.text(MARGIN, foot + 1.2 * MM, context.say(RESEARCH_USE), _NOTICE)
    result = context.result
    made = context.say(
        "{program}, model {model}",
        program=f"KD-OCT {__version__}",
        model=f"{result.model_id} {result.model_version}",
    )
    pen.text(MARGIN, foot + 4.8 * MM, made, LABEL)
    edge = MARGIN + context.width
    words = context.say("Page {page} of {pages}", page=page, pages=pages)
    pen.text(edge, foot + 1.2 * MM, words, _RUNNING, "right")
    return _start(context, first=page == 1)


def whose(context: Context) -> str:
    """One line that tells to whom a loose sheet belongs."""
    study, patient = context.result.study, context.result.study.patient
    parts = [patient.name or context.say("Name unknown")]
    if patient.identifier:
        parts.append(context.say("No. {number}", number=patient.identifier))
    if study.visited:
        parts.append(context.say("visit {day}", day=study.visited.isoformat()))
    line, *others = parts
    for each in others:
        line = context.say("{one}  ·  {next}", one=line, next=each)
    return line


def letterhead(context: Context) -> list[Block]:
    """The head of the first page: clinic, logo and what this is."""
    settings, fonts = context.settings, context.fonts
    logo = _logo(settings.logo)
    name = context.say(TITLE)
    title_width = fonts.width(name, _NAME)
    left = 0.0
    columns: list[tuple[float, Block]] = []
    if logo is not None:
        scale = min(_LOGO[0] / logo.width, _LOGO[1] / logo.height)
        size = (logo.width * scale, logo.height * scale)

        def draw(pen: Pen, x: float, top: float) -> None:
            pen.picture(x, top, *size, logo)

        columns.append((0.0, Block(size[1], draw)))
        left = size[0] + 4 * MM
    names = context.width - left - title_width - 6 * MM
    clinic = [text_block(fonts, settings.clinic_name, _CLINIC, names, most=3)]
    if settings.clinic_address:
        clinic.append(text_block(fonts, settings.clinic_address, LABEL, names, most=2))
    if settings.clinic_name or settings.clinic_address:
        columns.append((left, stack(clinic)))

    def title(pen: Pen, x: float, top: float) -> None:
        pen.text(x, top, name, _NAME, "right")
        made = context.say("Made {time}", time=f"{context.when:%Y-%m-%d %H:%M %Z}".rstrip())
        pen.text(x, top + _NAME.line, made, LABEL, "right")

    columns.append((context.width, Block(_NAME.line + LABEL.line, title)))

    def rule(pen: Pen, x: float, top: float) -> None:
        pen.rule(x, top, context.width, ACCENT, 1.2)

    return [beside(columns), space(2.2 * MM), Block(3.2 * MM, rule)]


def _logo(path: Path | None) -> Image.Image | None:
    """Read the clinic's logo on white; one that cannot be read is left out."""
    if path is None:
        return None
    try:
        with Image.open(path) as image:
            rgba = image.convert("RGBA")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    ground = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(ground, rgba).convert("RGB")

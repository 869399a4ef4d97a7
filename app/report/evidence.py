"""The key B-scans, plain and with the heat map, in true proportions."""

from dataclasses import dataclass, replace

from PIL import Image

from app.errors import ReadError
from app.modelpack import Card
from app.notices import HEAT_MAP
from app.overlay import colours, heat_overlay, heat_scale
from app.report.chrome import room
from app.report.context import HEADING, LABEL, LINE, NOTE, PANEL, SMALL, STRONG, Context
from app.report.page import MM, Block, Pen, beside, stack, text_block
from app.report.words import EYES, likelihood, lower_first, percent, scale_length_um
from app.study import BScanResult, EyeResult, Outcome, Pixels, Volume, VolumeResult

_TEXT = (43 * MM, 62 * MM)  # least and greatest width of the words beside the pictures
_GAP = 2 * MM
_HIGH = (27 * MM, 44 * MM)  # least and greatest height of the pictures of one B-scan
_BETWEEN = 3 * MM
_HEAD = 10 * MM  # height of an eye's heading with the space above it
_SHOWN = 3
_OPACITY = 0.85


@dataclass(frozen=True, slots=True)
class _Arrangement:
    """How the plain and the coloured picture stand."""

    width: float  # of one picture
    height: float
    stacked: bool

    @property
    def across(self) -> float:
        """Width of both."""
        return self.width if self.stacked else 2 * self.width + _GAP


def evidence(context: Context) -> list[Block]:
    """Return the key B-scans of every eye, as large as lets them share one page."""
    eyes = context.result.eyes
    shown = [key_bscans(each.volumes[each.deciding], context.card) for each in eyes]
    count = sum(map(len, shown))
    free = room(context) - len(eyes) * _HEAD - 12 * MM
    high = min(max(free / count - _BETWEEN, _HIGH[0]), _HIGH[1])
    blocks: list[Block] = []
    for eye, indices in zip(eyes, shown, strict=True):
        blocks += _eye(context, eye, indices, high)
    return [*blocks, _heat_legend(context)]


def key_bscans(result: VolumeResult, card: Card) -> list[int]:
    """Choose the B-scans to print: the strongest of the deciding ones, not all side by side.

    Neighbours look alike, so each further one stands at least a twelfth of the volume away as
    long as there is one. A healthy eye and one without evidence give one B-scan.
    """
    call, n = result.call, len(result.bscans)
    if call.outcome is Outcome.UNGRADABLE or not call.evidence:
        return [n // 2]
    healthy = call.outcome is Outcome.CALLED and not card.class_named(call.label or "").severity
    wanted = 1 if healthy else _SHOWN
    apart = max(2, n // 12)
    chosen: list[int] = []
    for index in call.evidence:
        if len(chosen) < wanted and all(abs(index - each) >= apart for each in chosen):
            chosen.append(index)
    for index in call.evidence:
        if len(chosen) < wanted and index not in chosen:
            chosen.append(index)
    return sorted(chosen)


def _eye(context: Context, eye: EyeResult, shown: list[int], high: float) -> list[Block]:
    result = eye.volumes[eye.deciding]
    which = "Key B-scan" if len(shown) == 1 else "Key B-scans"
    title = f"{which}: {lower_first(EYES[eye.laterality])}"
    blocks = [text_block(context.fonts, title, HEADING, context.width, before=5 * MM, keep=True)]
    across = context.width - _TEXT[0] - 2 * _GAP
    places = [arrange(aspect(result.volume, index), across, high) for index in shown]
    left = max(each.across for each in places) + 2.5 * _GAP
    for number, (index, place) in enumerate(zip(shown, places, strict=True)):
        row = _row(context, result, index, place, left)
        blocks.append(replace(row, before=_BETWEEN if number else 1 * MM))
    return blocks


def aspect(volume: Volume, index: int) -> float:
    """Width over height of a B-scan: of the tissue, or of the samples if spacing is unknown."""
    bscan, spacing = volume.bscans[index], volume.spacing
    if spacing.lateral_mm and spacing.axial_mm:
        return bscan.columns * spacing.lateral_mm / (bscan.rows * spacing.axial_mm)
    return bscan.columns / bscan.rows


def _row(
    context: Context, result: VolumeResult, index: int, place: _Arrangement, left: float
) -> Block:
    """One B-scan: plain, coloured, and, from `left` on, what is said of it."""
    bscan, said, spacing = (
        result.volume.bscans[index],
        result.bscans[index],
        result.volume.spacing,
    )
    words = _words(context, result, index, min(context.width - left, _TEXT[1]))
    try:
        pixels = bscan.pixels()
    except ReadError:
        note = "The picture cannot be read from its file any more."
        return beside([(0, text_block(context.fonts, note, NOTE, place.across)), (left, words)])
    um_per_point = None
    if spacing.lateral_mm and spacing.axial_mm:
        um_per_point = 1000 * spacing.lateral_mm * bscan.columns / place.width
    coloured = _coloured(context, result, index, pixels)

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.picture(x, top, place.width, place.height, Image.fromarray(pixels))
        pen.frame(x, top, place.width, place.height, LINE, 0.3)
        _scale_bar(pen, (x, top, place), um_per_point)
        right = x if place.stacked else x + place.width + _GAP
        below = top + place.height + _GAP if place.stacked else top
        if coloured is not None:
            pen.picture(right, below, place.width, place.height, coloured)
            pen.frame(right, below, place.width, place.height, LINE, 0.3)
            return
        pen.box(right, below, place.width, place.height, PANEL)
        middle = below + place.height / 2 - NOTE.line / 2
        pen.text(right + place.width / 2, middle, _no_heat(said), NOTE, "centre")

    height = 2 * place.height + _GAP if place.stacked else place.height
    return beside([(0, Block(height, draw)), (left, words)])


def arrange(ratio: float, across: float, high: float) -> _Arrangement:
    """Put two pictures of one shape beside or below each other, whichever shows them larger.

    Args:
        ratio: Width of a picture over its height.
        across: Points available for both.
        high: Points available for both.
    """
    beside_width = min((across - _GAP) / 2, high * ratio)
    below_width = min(across, (high - _GAP) / 2 * ratio)
    stacked = below_width > beside_width
    width = below_width if stacked else beside_width
    return _Arrangement(width, width / ratio, stacked)


def _class_of_interest(context: Context, result: VolumeResult, said: BScanResult) -> int:
    """The class called or suspected; without one, the B-scan's own strongest."""
    if result.call.label is not None:
        return context.card.names.index(result.call.label)
    odds = said.probabilities or (1.0,)
    return odds.index(max(odds))


def _coloured(
    context: Context, result: VolumeResult, index: int, pixels: Pixels
) -> Image.Image | None:
    said = result.bscans[index]
    if said.maps is None or said.region is None or not said.familiar:
        return None
    which = _class_of_interest(context, result, said)
    scale = heat_scale(result.bscans, which)
    return Image.fromarray(
        heat_overlay(pixels, said.maps[which], said.region, opacity=_OPACITY, scale=scale)
    )


def _no_heat(said: BScanResult) -> str:
    if not said.familiar:
        return "No heat map: unlike the training data"
    return f"No heat map: {said.gradability}"


def _scale_bar(
    pen: Pen, place: tuple[float, float, _Arrangement], um_per_point: float | None
) -> None:
    """A white bar on black at the lower left: it must be seen on tissue and on vitreous."""
    x, top, size = place
    pad, bottom = 1.5 * MM, top + size.height
    style = replace(LABEL, colour="ffffff", bold=True, size=6.5)
    if um_per_point is None:
        words = "no scale: spacing unknown"
        width = pen.fonts.width(words, style)
        pen.box(x, bottom - 3.6 * MM, width + 2 * pad, 3.6 * MM, "000000")
        pen.text(x + pad, bottom - 3.3 * MM, words, style)
        return
    length_um = scale_length_um(um_per_point * size.width)
    length = length_um / um_per_point
    words = f"{length_um} µm"
    width = length + 1.2 * MM + pen.fonts.width(words, style)
    pen.box(x, bottom - 3.6 * MM, width + 2 * pad, 3.6 * MM, "000000")
    pen.box(x + pad, bottom - 2.1 * MM, length, 0.6 * MM, "ffffff")
    pen.text(x + pad + length + 1.2 * MM, bottom - 3.3 * MM, words, style)


def _words(context: Context, result: VolumeResult, index: int, width: float) -> Block:
    """The B-scan's place, and its calibrated probabilities in words and bars."""
    said, fonts = result.bscans[index], context.fonts
    title = f"B-scan {index + 1} of {len(result.bscans)}"
    blocks = [text_block(fonts, title, STRONG, width)]
    odds = said.probabilities
    if odds is None:
        blocks.append(text_block(fonts, f"Ungradable: {said.gradability}.", SMALL, width))
        return stack(blocks)
    if not said.familiar:
        strange = "Unlike the training data: no probabilities are given."
        return stack([*blocks, text_block(fonts, strange, SMALL, width)])
    order = sorted(range(len(odds)), key=lambda each: -odds[each])
    blocks += [_probability(context, each, odds[each], width) for each in order]
    heat = context.card.names[_class_of_interest(context, result, said)]
    blocks.append(text_block(fonts, f"Heat map for {heat}", NOTE, width, before=0.5 * MM))
    return stack(blocks)


def _probability(context: Context, index: int, value: float, width: float) -> Block:
    name = context.card.names[index]

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.text(x, top, name, SMALL)
        pen.text(x + width, top, f"{percent(value)}, {likelihood(value)}", NOTE, "right")
        pen.box(x, top + SMALL.line, width, 1.1 * MM, "e8ecf0")
        pen.box(x, top + SMALL.line, width * value, 1.1 * MM, context.fill(index))

    return Block(SMALL.line + 1.1 * MM, draw, before=0.5 * MM)


def _heat_legend(context: Context) -> Block:
    """The colours from weak to strong, and what they do not mean."""
    bar = 30 * MM

    def draw(pen: Pen, x: float, top: float) -> None:
        used = pen.text(x, top, "Heat map: weak", NOTE) + 2 * MM
        steps = colours()[16::5]
        for number, step in enumerate(steps):
            left = x + used + bar * number / len(steps)
            pen.box(left, top + 1 * MM, bar / len(steps) + 0.3, 1.8 * MM, step.tobytes().hex())
        used += bar + 2 * MM
        pen.text(x + used, top, "strong; one scale for all B-scans of an eye.", NOTE)
        pen.text(x, top + NOTE.line, HEAT_MAP, NOTE)

    return Block(2 * NOTE.line, draw, before=3 * MM)

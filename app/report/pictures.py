"""One B-scan on paper: plain and with the heat map, in true proportions, with a scale bar."""

from dataclasses import dataclass, replace

from PIL import Image

from app.errors import ReadError
from app.overlay import heat_overlay, heat_scales
from app.report.context import LABEL, LINE, NOTE, PANEL, Context
from app.report.page import MM, Block, Pen, text_block
from app.report.words import scale_length_um
from app.study import BScanResult, Pixels, Volume, VolumeResult

GAP = 2 * MM
"""Between the two pictures."""

WORDS = (43 * MM, 62 * MM)
"""Least and greatest width of words beside the pictures."""

WORDS_ABOVE = 6.5 * MM
"""Height of words above the pictures."""

_OPACITY = 0.85
_SCALE_BAR = replace(LABEL, size=6.5, bold=True, colour="ffffff")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the two pictures and the words stand."""

    width: float  # of one picture
    height: float
    stacked: bool  # the coloured picture below the plain one, not beside it
    words_above: bool = False  # not beside the pictures

    @property
    def across(self) -> float:
        """Width of both pictures."""
        return self.width if self.stacked else 2 * self.width + GAP


def aspect(volume: Volume, index: int) -> float:
    """Width over height of a B-scan: of the tissue, or of the samples if spacing is unknown."""
    bscan, spacing = volume.bscans[index], volume.spacing
    if spacing.lateral_mm and spacing.axial_mm:
        return bscan.columns * spacing.lateral_mm / (bscan.rows * spacing.axial_mm)
    return bscan.columns / bscan.rows


def arrange(ratio: float, room: float, high: float) -> Arrangement:
    """Choose the arrangement that shows two pictures of one shape largest.

    Args:
        ratio: Width of a picture over its height.
        room: Points across, for pictures and words.
        high: Points from top to bottom.
    """
    across = room - WORDS[0] - 2 * GAP
    widths = {
        # stacked, words above
        (False, False): min((across - GAP) / 2, high * ratio),
        (True, False): min(across, (high - GAP) / 2 * ratio),
        (False, True): min((room - GAP) / 2, (high - WORDS_ABOVE) * ratio),
    }
    (stacked, above), width = max(widths.items(), key=lambda item: item[1])
    return Arrangement(width, width / ratio, stacked, above)


def pictures(context: Context, result: VolumeResult, index: int, place: Arrangement) -> Block:
    """Return the plain and the coloured picture of one B-scan."""
    bscan, said, spacing = result.volume.bscans[index], result.bscans[index], result.volume.spacing
    try:
        pixels = bscan.pixels()
    except ReadError:
        note = context.say("The picture cannot be read from its file any more.")
        return text_block(context.fonts, note, NOTE, place.across)
    um_per_point = None
    if spacing.lateral_mm and spacing.axial_mm:
        um_per_point = 1000 * spacing.lateral_mm * bscan.columns / place.width
    coloured = _coloured(context, result, index, pixels)

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.picture(x, top, place.width, place.height, Image.fromarray(pixels))
        pen.frame(x, top, place.width, place.height, LINE, 0.3)
        _scale_bar(pen, context, (x, top + place.height), place.width, um_per_point)
        right = x if place.stacked else x + place.width + GAP
        below = top + place.height + GAP if place.stacked else top
        if coloured is None:
            pen.box(right, below, place.width, place.height, PANEL)
            middle = below + place.height / 2 - NOTE.line / 2
            pen.text(right + place.width / 2, middle, _no_heat(context, said), NOTE, "centre")
        else:
            pen.picture(right, below, place.width, place.height, coloured)
        pen.frame(right, below, place.width, place.height, LINE, 0.3)

    return Block(2 * place.height + GAP if place.stacked else place.height, draw)


def class_shown(context: Context, result: VolumeResult, index: int) -> int:
    """The class of the heat map: the one called or suspected, else the B-scan's strongest."""
    if result.call.label is not None:
        return context.card.names.index(result.call.label)
    odds = result.bscans[index].probabilities or (1.0,)
    return odds.index(max(odds))


def _coloured(
    context: Context, result: VolumeResult, index: int, pixels: Pixels
) -> Image.Image | None:
    said = result.bscans[index]
    if said.maps is None or said.region is None or not said.familiar:
        return None
    which = class_shown(context, result, index)
    scale = heat_scales(result.bscans, len(context.card.classes))[which]
    return Image.fromarray(
        heat_overlay(pixels, said.maps[which], said.region, opacity=_OPACITY, scale=scale)
    )


def _no_heat(context: Context, said: BScanResult) -> str:
    if not said.familiar:
        return context.say("No heat map: unlike the training data")
    return context.say("No heat map: {why}", why=context.say(said.gradability))


def _scale_bar(
    pen: Pen,
    context: Context,
    corner: tuple[float, float],
    width: float,
    um_per_point: float | None,
) -> None:
    """White on black at the lower left: it must be seen on tissue and on vitreous."""
    bottom = corner[1]
    pen, x = pen.as_seen(corner[0], width)
    pad, high, length = 1.5 * MM, 3.6 * MM, 0.0
    words = context.say("no scale: spacing unknown")
    if um_per_point is not None:
        length_um = scale_length_um(um_per_point * width)
        length, words = length_um / um_per_point, f"{length_um} µm"
    before = length + 1.2 * MM if length else 0.0
    ground = before + pen.fonts.width(words, _SCALE_BAR) + 2 * pad
    pen.box(x, bottom - high, ground, high, "000000")
    pen.box(x + pad, bottom - 2.1 * MM, length, 0.6 * MM, "ffffff")
    pen.text(x + pad + before, bottom - 3.3 * MM, words, _SCALE_BAR)

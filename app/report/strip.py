"""Where the deciding B-scans lie: on the view from above, and in the row of all B-scans."""

from dataclasses import replace

from PIL import Image

from app.enface import mean_projection, to_grey
from app.errors import ReadError
from app.report.context import INK, LABEL, LINE, MUTED, NOTE, Context
from app.report.page import MM, Block, Pen, stack, text_block
from app.report.words import listed
from app.study import BScanResult, Pixels, Volume, VolumeResult

_STRIP = 9 * MM
_WIDEST = 5 * MM  # of one B-scan's bar
_ASPECTS = (0.3, 6)  # width over height of a field that can be shown to scale
_LINES = 20  # B-scans that are drawn on a localizer one by one
_MARK = "ffd166"
_CITED = 8  # B-scans or rows of them named under the strip


def overview(context: Context, result: VolumeResult, width: float) -> Block:
    """Return the en-face picture and the strip of all B-scans of a volume."""
    blocks = [_strip(context, result, width)]
    if result.call.evidence:
        cited = listed(sorted(each + 1 for each in result.call.evidence), most=_CITED)
        words = context.say("Deciding B-scans: {cited}.", cited=context.tell(cited))
        blocks.append(text_block(context.fonts, words, NOTE, width))
    # One to three B-scans have no view from above worth the name.
    if len(result.bscans) > 3 or _located(result.volume):
        blocks.insert(0, _enface(context, result, width))
    return stack(blocks, before=2.5 * MM)


def _located(volume: Volume) -> bool:
    return volume.localizer is not None and any(each.location for each in volume.bscans)


def _enface(context: Context, result: VolumeResult, width: float) -> Block:
    volume = result.volume
    if _located(volume) and volume.localizer is not None:
        try:
            pixels = volume.localizer.load()
        except ReadError:
            return _projected(context, result, width)
        return _on_localizer(context, result, pixels, width)
    return _projected(context, result, width)


def _on_localizer(context: Context, result: VolumeResult, pixels: Pixels, width: float) -> Block:
    """The localizer with the place of every B-scan, the deciding ones strong."""
    rows, columns = pixels.shape
    scale = min(width / columns, context.enface / rows)
    size = (columns * scale, rows * scale)
    deciding = set(result.call.evidence)

    def draw(pen: Pen, x: float, top: float) -> None:
        pen, x = pen.as_seen(x, size[0])
        pen.picture(x, top, *size, Image.fromarray(pixels))
        lines = {
            index: [(x + column * scale, top + row * scale) for row, column in bscan.location]
            for index, bscan in enumerate(result.volume.bscans)
            if bscan.location
        }
        ends = [lines[min(lines)], lines[max(lines)]]
        if len(lines) > _LINES and all(len(each) == 2 for each in ends):
            # The field alone: so many lines would hide what lies under them.
            pen.path([*ends[0], *reversed(ends[1]), ends[0][0]], "ffffff", 0.4)
        else:
            for each in lines.values():
                pen.path(each, "ffffff", 0.3)
        for index in deciding & lines.keys():
            pen.path(lines[index], _MARK, 0.5)

    caption = context.say("Localizer with the scanned field; yellow: the deciding B-scans.")
    return stack([Block(size[1], draw), text_block(context.fonts, caption, NOTE, width)])


def _projected(context: Context, result: VolumeResult, width: float) -> Block:
    """The mean projection, first B-scan on top, with marks beside the deciding ones."""
    volume = result.volume
    n, columns = len(volume.bscans), max(each.columns for each in volume.bscans)
    lateral, between = volume.spacing.lateral_mm, volume.spacing.between_mm
    aspect = (columns * lateral) / (n * between) if lateral and between else 0.0
    known = _ASPECTS[0] <= aspect <= _ASPECTS[1]
    aspect = aspect if known else 1.6
    room = width - 9 * MM
    high = min(context.enface, room / aspect)
    wide = high * aspect

    def draw(pen: Pen, x: float, top: float) -> None:
        pen, x = pen.as_seen(x, wide + 9 * MM)
        # Here, not above: how the page is filled is settled before any B-scan is read.
        grey = to_grey(mean_projection(volume))
        # Enlarged so that a row of few B-scans is not blurred into the next by the printer.
        smooth = Image.fromarray(grey).resize(
            (max(columns, 512), max(n, 384)), Image.Resampling.BILINEAR
        )
        pen.picture(x, top, wide, high, smooth)
        for index in result.call.evidence:
            least = max(high / n, 0.5 * MM)
            pen.box(x + wide + 0.8 * MM, top + high * index / n, 1.4 * MM, least, INK)
        pen.text(x + wide + 4 * MM, top - 0.6 * MM, "1", LABEL)
        pen.text(x + wide + 4 * MM, top + high - LABEL.line + 0.6 * MM, str(n), LABEL)

    caption = context.say("En face: mean projection of the B-scans; marks at the deciding ones.")
    if not known:
        unscaled = context.say("Not to scale.")
        caption = f"{caption} {unscaled}"
    return stack([Block(high, draw), text_block(context.fonts, caption, NOTE, width)])


def _strip(context: Context, result: VolumeResult, width: float) -> Block:
    """One bar for each B-scan, parted by its calibrated probabilities, most severe class below."""
    n = len(result.bscans)
    step = min(width / n, _WIDEST)
    order = sorted(
        range(len(context.card.classes)), key=lambda each: -context.card.classes[each].severity
    )
    deciding = set(result.call.evidence)

    def draw(pen: Pen, x: float, top: float) -> None:
        pen, x = pen.as_seen(x, n * step)
        for index, bscan in enumerate(result.bscans):
            left = x + index * step
            bar = step if step < 1.2 else step - 0.4
            _bar(pen, context, bscan, order, (left, top, bar))
            if index in deciding:
                middle, below = left + bar / 2, top + _STRIP + 0.5 * MM
                half = min(0.8 * MM, max(step / 2, 0.4 * MM))
                pen.polygon(
                    [
                        (middle, below),
                        (middle - half, below + 1.5 * MM),
                        (middle + half, below + 1.5 * MM),
                    ],
                    INK,
                )
        pen.text(x, top + _STRIP + 2 * MM, "1", LABEL)
        if n > 1:
            pen.text(x + n * step, top + _STRIP + 2 * MM, str(n), LABEL, "right")
        if n * step > 40 * MM:
            middle = x + n * step / 2
            pen.text(middle, top + _STRIP + 2 * MM, context.say("B-scan"), LABEL, "centre")

    return Block(_STRIP + 2 * MM + LABEL.line, draw, before=2 * MM)


def _bar(
    pen: Pen,
    context: Context,
    bscan: BScanResult,
    order: list[int],
    place: tuple[float, float, float],
) -> None:
    left, top, width = place
    if bscan.probabilities is None:
        pen.box(left, top, width, _STRIP, "eceff2")
        pen.path([(left, top + _STRIP), (left + width, top)], MUTED, 0.4)
        return
    if not bscan.familiar:
        # Its probabilities mean nothing, so no class colour is shown.
        pen.box(left, top, width, _STRIP, "dfe3e8")
        pen.box(left, top - 1.2 * MM, width, 0.8 * MM, INK)
        return
    below = top + _STRIP
    for index in order:
        height = _STRIP * bscan.probabilities[index]
        pen.box(left, below - height, width, height, context.fill(index))
        below -= height


def legend(context: Context) -> Block:
    """Explain colours and marks once for both eyes."""
    width = context.width

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.rule(x, top, width, LINE)
        at, row = x, top + 1.5 * MM
        for index in sorted(
            range(len(context.card.classes)), key=lambda each: context.card.classes[each].severity
        ):
            pen.box(at, row + 0.9 * MM, 2.6 * MM, 1.8 * MM, context.fill(index))
            name = context.class_word(context.card.classes[index].name)
            at += 3.6 * MM + pen.text(at + 3.6 * MM, row, name, NOTE) + 4 * MM
        pen.box(at, row + 0.9 * MM, 2.6 * MM, 1.8 * MM, "eceff2")
        pen.path([(at, row + 2.7 * MM), (at + 2.6 * MM, row + 0.9 * MM)], MUTED, 0.4)
        at += 3.6 * MM + pen.text(at + 3.6 * MM, row, context.say("ungradable"), NOTE) + 4 * MM
        pen.box(at, row + 1.4 * MM, 2.6 * MM, 0.8 * MM, INK)
        words = context.say("unlike the training data")
        at += 3.6 * MM + pen.text(at + 3.6 * MM, row, words, NOTE) + 4 * MM
        pen.polygon(
            [
                (at + 1 * MM, row + 1 * MM),
                (at + 0.2 * MM, row + 2.5 * MM),
                (at + 1.8 * MM, row + 2.5 * MM),
            ],
            INK,
        )
        pen.text(at + 3 * MM, row, context.say("deciding"), replace(NOTE, colour=INK))

    return Block(NOTE.line + 2 * MM, draw, before=3 * MM)

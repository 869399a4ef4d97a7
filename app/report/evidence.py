"""The key B-scans: what speaks for the call, and how probable it is in each."""

from dataclasses import replace

from app.language import mark
from app.modelpack import Card
from app.notices import HEAT_MAP
from app.overlay import colours
from app.report.acquisitions import acquisitions
from app.report.chrome import room
from app.report.context import HEADING, INK, NOTE, SMALL, STRONG, Context
from app.report.page import MM, Block, Pen, beside, stack, text_block
from app.report.pictures import (
    GAP,
    WORDS,
    WORDS_ABOVE,
    Arrangement,
    arrange,
    aspect,
    class_shown,
    pictures,
)
from app.report.words import EYES, lower_first, percent
from app.study import EyeResult, Outcome, VolumeResult

_HIGH = (23 * MM, 44 * MM)  # least and greatest height of one B-scan with its words
_BETWEEN = 3 * MM
_UNDER_TITLE = 1 * MM
_SHOWN = 3
_PACKED = mark("Pictures are packed for print.")
_GROUND = "e8ecf0"


def evidence(context: Context) -> list[Block]:
    """Return the key B-scans of every eye, as large as one page allows, and the acquisitions."""
    eyes = context.result.eyes
    shown = [key_bscans(each.volumes[each.deciding], context.card) for each in eyes]
    titles = [_title_of_eye(context, *each) for each in zip(eyes, shown, strict=True)]
    below = [_heat_legend(context), *acquisitions(context)]
    words = sum(each.before + each.height for each in (*titles, *below)) - titles[0].before
    gaps = sum(_UNDER_TITLE + (len(each) - 1) * _BETWEEN for each in shown)
    free = (room(context) - words - gaps) / sum(map(len, shown))
    high = min(max(free, _HIGH[0]), _HIGH[1])
    blocks: list[Block] = []
    for title, eye, indices in zip(titles, eyes, shown, strict=True):
        blocks += [title, *_rows(context, eye, indices, high)]
    return [*blocks, *below]


def key_bscans(result: VolumeResult, card: Card) -> list[int]:
    """Choose the B-scans to print: the strongest of the deciding ones, not all side by side.

    Neighbours look alike, so each further one stands a twelfth of the volume away from the others,
    or as far as the deciding ones allow. A healthy eye and one without evidence give one B-scan.
    """
    call, n = result.call, len(result.bscans)
    if call.outcome is Outcome.UNGRADABLE or not call.evidence:
        return [n // 2]
    healthy = call.outcome is Outcome.CALLED and not card.class_named(call.label or "").severity
    wanted = 1 if healthy else _SHOWN
    chosen: list[int] = []
    for apart in (max(2, n // 12), max(2, n // 24), 1):
        for index in call.evidence:
            if len(chosen) < wanted and all(abs(index - each) >= apart for each in chosen):
                chosen.append(index)
    return sorted(chosen)


def _title_of_eye(context: Context, eye: EyeResult, shown: list[int]) -> Block:
    title = context.say(
        mark("Key B-scan: {eye}") if len(shown) == 1 else mark("Key B-scans: {eye}"),
        eye=context.tell(lower_first(EYES[eye.laterality])),
    )
    return text_block(context.fonts, title, HEADING, context.width, before=5 * MM, keep=True)


def _rows(context: Context, eye: EyeResult, shown: list[int], high: float) -> list[Block]:
    result = eye.volumes[eye.deciding]
    places = [arrange(aspect(result.volume, index), context.width, high) for index in shown]
    widths = [each.across for each in places if not each.words_above]
    left = max(widths, default=0.0) + 2.5 * GAP
    blocks = []
    for number, (index, place) in enumerate(zip(shown, places, strict=True)):
        row = _row(context, result, index, place, left)
        blocks.append(replace(row, before=_BETWEEN if number else _UNDER_TITLE))
    return blocks


def _row(
    context: Context, result: VolumeResult, index: int, place: Arrangement, left: float
) -> Block:
    """One B-scan with its words above it, or beside it from `left` on."""
    shown = pictures(context, result, index, place)
    if place.words_above:
        return stack([_words_above(context, result, index), shown])
    words = _words_beside(context, result, index, min(context.width - left, WORDS[1]))
    return beside([(0, shown), (left, words)])


def _title(context: Context, result: VolumeResult, index: int) -> str:
    n = len(result.bscans)
    return context.say("B-scan {number} of {total}", number=index + 1, total=n)


def _unsaid(context: Context, result: VolumeResult, index: int) -> str | None:
    """Why no probabilities are given of a B-scan; None if they are."""
    said = result.bscans[index]
    if said.probabilities is None:
        return context.say("Ungradable: {why}.", why=context.say(said.gradability))
    if said.familiar:
        return None
    return context.say("Unlike the training data: no probabilities are given.")


def _words_beside(context: Context, result: VolumeResult, index: int, width: float) -> Block:
    """The B-scan's place, and its calibrated probabilities in words and bars."""
    fonts, odds = context.fonts, result.bscans[index].probabilities
    blocks = [text_block(fonts, _title(context, result, index), STRONG, width)]
    unsaid = _unsaid(context, result, index)
    if unsaid is not None or odds is None:
        return stack([*blocks, text_block(fonts, unsaid or "", SMALL, width)])
    for each in sorted(range(len(odds)), key=lambda each: -odds[each]):
        blocks += [_bar(context, each, odds[each], width)]
    heat = context.class_word(context.card.names[class_shown(context, result, index)])
    words = context.say("Heat map for {disease}", disease=heat)
    blocks.append(text_block(fonts, words, NOTE, width, before=0.5 * MM))
    return stack(blocks)


def _bar(context: Context, index: int, value: float, width: float) -> Block:
    name = context.class_word(context.card.names[index])

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.text(x, top, name, SMALL)
        pen.text(x + width, top, context.probability(value), NOTE, "right")
        pen.box(x, top + SMALL.line, width, 1.1 * MM, _GROUND)
        pen.box(x, top + SMALL.line, width * value, 1.1 * MM, context.fill(index))

    return Block(SMALL.line + 1.1 * MM, draw, before=0.5 * MM)


def _words_above(context: Context, result: VolumeResult, index: int) -> Block:
    """The same in one line over one bar that all classes share."""
    odds, unsaid = result.bscans[index].probabilities, _unsaid(context, result, index)
    name = context.class_word(context.card.names[class_shown(context, result, index)])
    heat = context.say("heat map for {disease}", disease=name)

    def draw(pen: Pen, x: float, top: float) -> None:
        at = x + pen.text(x, top, _title(context, result, index), STRONG) + 5 * MM
        below = top + 0.5 * (STRONG.line - NOTE.line) + 0.2 * MM
        if unsaid is not None or odds is None:
            pen.text(at, below, unsaid or "", NOTE)
            return
        order = sorted(range(len(odds)), key=lambda each: -odds[each])
        for each in order:
            known = each == order[0]
            words = context.say(
                "{name} {percent}",
                name=context.class_word(context.card.names[each]),
                percent=context.probability(odds[each]) if known else percent(odds[each]),
            )
            pen.box(at, below + 0.9 * MM, 1.8 * MM, 1.8 * MM, context.fill(each))
            at += 2.6 * MM + pen.text(at + 2.6 * MM, below, words, replace(NOTE, colour=INK)) + GAP
        pen.text(x + context.width, below, heat, NOTE, "right")
        left, high = x, 1.1 * MM
        for each in order:
            share = context.width * odds[each]
            pen.box(left, top + STRONG.line + 0.3 * MM, share, high, context.fill(each))
            left += share

    return Block(WORDS_ABOVE, draw)


def _heat_legend(context: Context) -> Block:
    """The colours from weak to strong, and what they do not mean."""
    bar = 30 * MM

    def draw(pen: Pen, x: float, top: float) -> None:
        used = pen.text(x, top, context.say("Heat map: weak"), NOTE) + 2 * MM
        steps = colours()[16::5]
        for number, step in enumerate(steps):
            left = x + used + bar * number / len(steps)
            pen.box(left, top + 1 * MM, bar / len(steps) + 0.3, 1.8 * MM, step.tobytes().hex())
        used += bar + 2 * MM
        words = context.say("strong; one scale for all B-scans of an eye.")
        pen.text(x + used, top, words, NOTE)
        words = f"{context.say(HEAT_MAP)} {context.say(_PACKED)}"
        pen.text(x, top + NOTE.line, words, NOTE)

    return Block(2 * NOTE.line, draw, before=3 * MM)

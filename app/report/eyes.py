"""Both eyes side by side: the call, how strong the evidence is, and how much was read."""

from dataclasses import replace

from app.aggregate import spoken
from app.modelpack import Card
from app.report.context import (
    BODY,
    GUTTER,
    HEADING,
    INK,
    LINE,
    MUTED,
    NOTE,
    PANEL,
    SMALL,
    Context,
)
from app.report.fonts import Style
from app.report.page import MM, Block, Pen, beside, stack, text_block
from app.report.strip import legend, overview
from app.report.words import EYES, count, headline, likelihood, percent, upper_first
from app.study import Call, EyeResult, Gradability, Laterality, Outcome, VolumeResult

_CALL = Style(12, bold=True, leading=1.25)
_BAR = 1.9 * MM


def eyes(context: Context) -> list[Block]:
    """Return the eyes, right one left as they face the reader, and the legend to their pictures."""
    blocks: list[Block] = []
    examined = context.result.eyes
    if len(examined) == 1:
        # Alone, an eye has its words in one column and its pictures in the other.
        columns = [_said(context, examined[0]), _shown(context, examined[0], _absent(context))]
    else:
        columns = [stack([_said(context, each), _shown(context, each)]) for each in examined]
    for index in range(0, len(columns), 2):
        pair = columns[index : index + 2]
        places = (0.0, context.column + GUTTER)
        last = index + 2 >= len(columns)
        blocks.append(beside(list(zip(places, pair, strict=False)), before=5 * MM, keep=last))
    return [*blocks, legend(context)]


def _shown(context: Context, eye: EyeResult, *above: Block) -> Block:
    pictures = overview(context, eye.volumes[eye.deciding], context.column)
    return stack([*above, pictures], before=2.5 * MM)


def _said(context: Context, eye: EyeResult) -> Block:
    fonts, width, call = context.fonts, context.column, eye.call
    deciding = eye.volumes[eye.deciding]

    def head(pen: Pen, x: float, top: float) -> None:
        pen.text(x, top, EYES[eye.laterality], HEADING)
        if deciding.volume.acquired:
            when = f"acquired {deciding.volume.acquired:%Y-%m-%d %H:%M}"
            pen.text(x + width, top + 0.6 * (HEADING.line - NOTE.line), when, NOTE, "right")
        pen.rule(x, top + HEADING.line + 0.6 * MM, width, LINE)

    return stack(
        [
            Block(HEADING.line + 1.6 * MM, head),
            text_block(
                fonts,
                headline(call, context.card),
                replace(_CALL, colour=context.tone(call)),
                width,
            ),
            text_block(fonts, call.reason, BODY, width, before=0.5 * MM),
            _scores(context, deciding),
            text_block(fonts, coverage(eye), SMALL, width, before=2 * MM),
        ]
    )


def _scores(context: Context, deciding: VolumeResult) -> Block:
    """The eye's score against its thresholds, and bars of the probabilities behind it."""
    fonts, width, call = context.fonts, context.column, deciding.call
    if call.outcome in (Outcome.UNGRADABLE, Outcome.OUT_OF_SCOPE):
        words = (
            "No probabilities are given for this eye: they hold only for images that can be "
            "judged and that are like the training data."
        )
        return text_block(fonts, words, replace(SMALL, colour=MUTED), width, before=1.5 * MM)
    strongest = call.evidence[: context.card.aggregation.top_k]
    odds = [deciding.bscans[each].probabilities for each in strongest]
    known = [each for each in odds if each is not None]
    means = [sum(column) / len(known) for column in zip(*known, strict=True)]
    where = "the B-scan" if len(known) == 1 else f"the {len(known)} strongest B-scans"
    blocks = [text_block(fonts, _against_thresholds(call, context.card), SMALL, width)]
    blocks.append(text_block(fonts, f"Mean probability in {where}:", NOTE, width, before=1 * MM))
    order = sorted(range(len(means)), key=lambda each: -means[each])
    blocks += [_probability(context, each, means[each]) for each in order]
    return stack(blocks, before=0.5 * MM)


def _against_thresholds(call: Call, card: Card) -> str:
    """The score that decided, beside the limits it was held against."""
    severities = {each.name: each.severity for each in card.classes}
    if severities[call.label or ""] == 0:
        mildest = min((each for each in card.classes if each.severity), key=lambda x: x.severity)
        score, rule = call.scores[card.names.index(mildest.name)], card.aggregation.rules
        return (
            f"Score for any disease {percent(score)}; suspected from "
            f"{percent(rule[mildest.name].suspect)}."
        )
    limits = card.aggregation.rules[call.label or ""]
    return (
        f"Score for {spoken(call.label or '')} {percent(call.confidence or 0)}; called from "
        f"{percent(limits.threshold)}, suspected from {percent(limits.suspect)}."
    )


def _probability(context: Context, index: int, value: float) -> Block:
    each, width = context.card.classes[index], context.column
    words = f"{percent(value)}, {likelihood(value)}"
    room = width - context.fonts.width(words, NOTE) - 2 * MM
    label = context.fonts.wrap(upper_first(each.title), SMALL, room, most=1)[0]

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.text(x, top, label, SMALL)
        pen.text(x + width, top, words, replace(NOTE, colour=INK), "right")
        below = top + SMALL.line + 0.2 * MM
        pen.box(x, below, width, _BAR, "e8ecf0")
        pen.box(x, below, width * value, _BAR, context.fill(index))

    return Block(SMALL.line + _BAR + 0.4 * MM, draw, before=0.7 * MM)


def coverage(eye: EyeResult) -> str:
    """How much was read, and what was left out and why."""
    deciding = eye.volumes[eye.deciding]
    n = len(deciding.bscans)
    unreadable = [each for each in deciding.bscans if each.gradability is Gradability.UNREADABLE]
    parts = [f"{n - len(unreadable)} of {count(n, 'B-scan')} read"]
    kinds = [
        each.gradability
        for each in deciding.bscans
        if each.gradability not in (Gradability.GRADABLE, Gradability.UNREADABLE)
    ]
    if kinds:
        each_kind = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        parts.append(f"{len(kinds)} ungradable ({each_kind})")
    strange = sum(not each.familiar for each in deciding.bscans)
    if strange:
        parts.append(f"{strange} unlike the training data")
    sentence = "; ".join(parts) + "."
    if len(eye.volumes) > 1:
        sentence += (
            f" {count(len(eye.volumes), 'acquisition')} of this eye; the most severe is shown."
        )
    return sentence


def _absent(context: Context) -> Block:
    """What stands in the other column of a study of one eye."""
    (eye,) = context.result.eyes
    other = {
        Laterality.RIGHT: "Left eye (OS): no scan in this study.",
        Laterality.LEFT: "Right eye (OD): no scan in this study.",
        Laterality.UNKNOWN: (
            "The files do not say which eye this is. Nothing in this report tells right from "
            "left; set the eye before the report is used."
        ),
    }[eye.laterality]
    pad = 4 * MM
    text = text_block(context.fonts, other, replace(SMALL, colour=MUTED), context.column - 2 * pad)

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.box(x, top, context.column, text.height + 2 * pad, PANEL, radius=2)
        text.draw(pen, x + pad, top + pad)

    return Block(text.height + 2 * pad, draw)

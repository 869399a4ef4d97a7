"""Both eyes side by side: the call, how strong the evidence is, and how much was read."""

from dataclasses import replace

from app.aggregate import spoken
from app.language import counted, mark
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
from app.report.words import EYES, headline, percent, upper_first
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
        places = [0.0, context.column + GUTTER]
        if context.language.rtl and len(examined) > 1:
            # On paper too the right eye stands on the left, in every language.
            places.reverse()
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
        pen.text(x, top, context.say(EYES[eye.laterality]), HEADING)
        if deciding.volume.acquired:
            time = f"{deciding.volume.acquired:%Y-%m-%d %H:%M}"
            when = context.say("acquired {time}", time=time)
            pen.text(x + width, top + 0.6 * (HEADING.line - NOTE.line), when, NOTE, "right")
        pen.rule(x, top + HEADING.line + 0.6 * MM, width, LINE)

    return stack(
        [
            Block(HEADING.line + 1.6 * MM, head),
            text_block(
                fonts,
                context.tell(headline(call, context.card)),
                replace(_CALL, colour=context.tone(call)),
                width,
            ),
            text_block(fonts, context.tell(call.reason), BODY, width, before=0.5 * MM),
            _scores(context, deciding),
            text_block(fonts, coverage(context, eye), SMALL, width, before=2 * MM),
        ]
    )


def _scores(context: Context, deciding: VolumeResult) -> Block:
    """The eye's score against its thresholds, and bars of the probabilities behind it."""
    fonts, width, call = context.fonts, context.column, deciding.call
    if call.outcome in (Outcome.UNGRADABLE, Outcome.OUT_OF_SCOPE):
        words = context.say(
            "No probabilities are given for this eye: they hold only for images that can be "
            "judged and that are like the training data."
        )
        return text_block(fonts, words, replace(SMALL, colour=MUTED), width, before=1.5 * MM)
    strongest = call.evidence[: context.card.aggregation.top_k]
    odds = [deciding.bscans[each].probabilities for each in strongest]
    known = [each for each in odds if each is not None]
    means = [sum(column) / len(known) for column in zip(*known, strict=True)]
    limits = _against_thresholds(context, call)
    where = counted(
        len(known),
        mark("Mean probability in the B-scan:"),
        mark("Mean probability in the {count} strongest B-scans:"),
    )
    blocks = [text_block(fonts, limits, SMALL, width)]
    blocks.append(text_block(fonts, context.tell(where), NOTE, width, before=1 * MM))
    order = sorted(range(len(means)), key=lambda each: -means[each])
    blocks += [_probability(context, each, means[each]) for each in order]
    return stack(blocks, before=0.5 * MM)


def _against_thresholds(context: Context, call: Call) -> str:
    """The score that decided, beside the limits it was held against."""
    card = context.card
    severities = {each.name: each.severity for each in card.classes}
    if severities[call.label or ""] == 0:
        mildest = min((each for each in card.classes if each.severity), key=lambda x: x.severity)
        score, rule = call.scores[card.names.index(mildest.name)], card.aggregation.rules
        return context.say(
            "Score for any disease {score}; suspected from {suspect}.",
            score=percent(score),
            suspect=percent(rule[mildest.name].suspect),
        )
    limits = card.aggregation.rules[call.label or ""]
    return context.say(
        "Score for {disease} {score}; called from {threshold}, suspected from {suspect}.",
        disease=context.tell(spoken(call.label or "")),
        score=percent(call.confidence or 0),
        threshold=percent(limits.threshold),
        suspect=percent(limits.suspect),
    )


def _probability(context: Context, index: int, value: float) -> Block:
    each, width = context.card.classes[index], context.column
    words = context.probability(value)
    room = width - context.fonts.width(words, NOTE) - 2 * MM
    label = context.fonts.wrap(context.tell(upper_first(each.title)), SMALL, room, most=1)[0]

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.text(x, top, label, SMALL)
        pen.text(x + width, top, words, replace(NOTE, colour=INK), "right")
        below = top + SMALL.line + 0.2 * MM
        pen.box(x, below, width, _BAR, "e8ecf0")
        pen.box(x, below, width * value, _BAR, context.fill(index))

    return Block(SMALL.line + _BAR + 0.4 * MM, draw, before=0.7 * MM)


def coverage(context: Context, eye: EyeResult) -> str:
    """How much was read, and what was left out and why."""
    deciding = eye.volumes[eye.deciding]
    n = len(deciding.bscans)
    unreadable = [each for each in deciding.bscans if each.gradability is Gradability.UNREADABLE]
    tell, say = context.tell, context.say
    bscans = tell(counted(n, mark("{count} B-scan"), mark("{count} B-scans")))
    parts = [say("{count} of {bscans} read", count=n - len(unreadable), bscans=bscans)]
    kinds = [
        each.gradability
        for each in deciding.bscans
        if each.gradability not in (Gradability.GRADABLE, Gradability.UNREADABLE)
    ]
    if kinds:
        each_kind = [
            say("{count} {kind}", count=kinds.count(kind), kind=say(kind))
            for kind in dict.fromkeys(kinds)
        ]
        words = context.listed(each_kind)
        parts.append(say("{count} ungradable ({kinds})", count=len(kinds), kinds=words))
    strange = sum(not each.familiar for each in deciding.bscans)
    if strange:
        parts.append(say("{count} unlike the training data", count=strange))
    words = f"{context.parted(parts)}."
    if len(eye.volumes) == 1:
        return words
    shown = say(
        "{count} acquisitions of this eye; the most severe is shown.", count=len(eye.volumes)
    )
    return f"{words} {shown}"


def _absent(context: Context) -> Block:
    """What stands in the other column of a study of one eye."""
    (eye,) = context.result.eyes
    other = {
        Laterality.RIGHT: mark("Left eye (OS): no scan in this study."),
        Laterality.LEFT: mark("Right eye (OD): no scan in this study."),
        Laterality.UNKNOWN: mark(
            "The files do not say which eye this is. Nothing in this report tells right from "
            "left; set the eye before the report is used."
        ),
    }[eye.laterality]
    pad = 4 * MM
    words = context.say(other)
    text = text_block(context.fonts, words, replace(SMALL, colour=MUTED), context.column - 2 * pad)

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.box(x, top, context.column, text.height + 2 * pad, PANEL, radius=2)
        text.draw(pen, x + pad, top + pad)

    return Block(text.height + 2 * pad, draw)

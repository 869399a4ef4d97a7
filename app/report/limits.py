"""What the result does not tell, and what was noticed on the way."""

from app import acquisition
from app.aggregate import spoken
from app.language import all_of, mark
from app.operating_point import changed_rules
from app.report.context import HEADING, SMALL, Context
from app.report.page import MM, Block, text_block
from app.report.words import EYES, lower_first, percent
from app.study import Laterality

_ALWAYS = mark("The result supplements a reading of the original images; it does not replace one.")


def limits(context: Context) -> list[Block]:
    """Return the limits of use: what holds for every result, and what the package states."""
    return _list(
        context,
        context.say("Limits of use"),
        (context.say(_ALWAYS), *map(context.tell, context.card.limits)),
    )


def notes(context: Context) -> list[Block]:
    """Return what was noticed on the way, for the first page: it may change the reading."""
    return [
        *_list(context, context.say("Notes on these images"), remarks(context)),
        *_list(context, context.say("Thresholds of this clinic"), _own_thresholds(context)),
    ]


def remarks(context: Context) -> tuple[str, ...]:
    """What a reader must know of these images: each sentence once, with the eyes it holds for."""
    alone = len(context.result.eyes) == 1
    found = acquisition.remarks(context.result.study, context.card, context.result)
    return tuple(
        context.tell(each.sentence)
        if alone
        else context.say(
            "{eyes}: {remark}",
            eyes=context.tell(_eyes(each.eyes)),
            remark=context.tell(each.sentence),
        )
        for each in found
    )


def _eyes(eyes: tuple[Laterality, ...]) -> str:
    first, *others = (EYES[each] for each in eyes)
    return all_of([first, *map(lower_first, others)])


def _own_thresholds(context: Context) -> tuple[str, ...]:
    return tuple(
        context.say(
            "An eye is called {disease} here from a score of {score} on, as this clinic set it; "
            "the model package's own threshold is {packaged}.",
            disease=context.tell(spoken(name)),
            score=percent(rule.threshold),
            packaged=percent(rule.packaged or 0),
        )
        for name, rule in changed_rules(context.card).items()
    )


def _list(context: Context, title: str, sentences: tuple[str, ...]) -> list[Block]:
    if not sentences:
        return []
    fonts, width = context.fonts, context.width
    blocks = [text_block(fonts, title, HEADING, width, before=4 * MM, keep=True)]
    blocks += [
        text_block(fonts, each, SMALL, width, before=0.8 * MM, indent=3.5 * MM, mark="•")
        for each in sentences
    ]
    return blocks

"""What the result does not tell, and what was noticed on the way."""

from app import acquisition
from app.aggregate import spoken
from app.operating_point import changed_rules
from app.report.context import HEADING, SMALL, Context
from app.report.page import MM, Block, text_block
from app.report.words import EYES, percent
from app.study import Laterality

_ALWAYS = "The result supplements a reading of the original images; it does not replace one."


def limits(context: Context) -> list[Block]:
    """Return the limits of use: what holds for every result, and what the package states."""
    return _list(context, "Limits of use", (_ALWAYS, *context.card.limits))


def notes(context: Context) -> list[Block]:
    """Return what was noticed on the way, for the first page: it may change the reading."""
    return [
        *_list(context, "Notes on these images", remarks(context)),
        *_list(context, "Thresholds of this clinic", _own_thresholds(context)),
    ]


def remarks(context: Context) -> tuple[str, ...]:
    """What a reader must know of these images: each sentence once, with the eyes it holds for."""
    alone = len(context.result.eyes) == 1
    found = acquisition.remarks(context.result.study, context.card, context.result)
    return tuple(
        each.sentence if alone else f"{_eyes(each.eyes)}: {each.sentence}" for each in found
    )


def _eyes(eyes: tuple[Laterality, ...]) -> str:
    return " and ".join(EYES[each] for each in eyes).replace(" and L", " and l")


def _own_thresholds(context: Context) -> tuple[str, ...]:
    return tuple(
        f"An eye is called {spoken(name)} here from a score of {percent(rule.threshold)} on, as "
        f"this clinic set it; the model package's own threshold is {percent(rule.packaged or 0)}."
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

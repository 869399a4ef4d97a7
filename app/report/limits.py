"""What the result does not tell, and what was noticed on the way."""

from app.report.context import HEADING, SMALL, Context
from app.report.page import MM, Block, text_block
from app.report.words import EYES
from app.study import Laterality

_ALWAYS = "The result supplements a reading of the original images; it does not replace one."


def limits(context: Context) -> list[Block]:
    """Return the limits of use: what holds for every result, and what the package states."""
    return _list(context, "Limits of use", (_ALWAYS, *context.card.limits))


def notes(context: Context) -> list[Block]:
    """Return what was noticed on the way, for the first page: it may change the reading."""
    return _list(context, "Notes on these images", remarks(context))


def remarks(context: Context) -> tuple[str, ...]:
    """What a reader must know of these images: each sentence once, with the eyes it holds for."""
    found: dict[str, dict[str, None]] = {}
    for eye in context.result.eyes:
        for each in eye.volumes:
            spacing, sentences = each.volume.spacing, list(each.volume.notes)
            if spacing.axial_mm is None or spacing.lateral_mm is None:
                sentences.insert(0, "The files give no pixel spacing: pictures have no scale.")
            if eye.laterality is Laterality.UNKNOWN:
                sentences.insert(0, "The files do not say which eye was scanned.")
            for sentence in sentences:
                found.setdefault(sentence, {})[EYES[eye.laterality]] = None
    alone = len(context.result.eyes) == 1
    return tuple(
        sentence if alone else f"{' and '.join(eyes).replace(' and L', ' and l')}: {sentence}"
        for sentence, eyes in found.items()
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

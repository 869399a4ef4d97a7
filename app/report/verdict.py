"""The answer for the patient, first of all."""

from dataclasses import replace

from app.notices import advice_title
from app.report.context import BODY, LABEL, LINE, TITLE, Context
from app.report.fonts import Style
from app.report.page import MM, Block, Pen, beside, stack, text_block
from app.report.words import EYES, headline, lower_first
from app.study import Laterality, Outcome

_SHARE = 0.58  # of the width, for the call; the rest is the advice


def verdict(context: Context) -> list[Block]:
    """Return the panel with the patient's call and the referral advice."""
    result, fonts = context.result, context.fonts
    call, tone = result.call, context.tone(result.call)
    say, tell = context.say, context.tell
    pad = 4 * MM
    left = _SHARE * context.width - 2 * pad
    right = (1 - _SHARE) * context.width - 2 * pad
    said = stack(
        [
            text_block(fonts, say("RESULT OF THE MODEL FOR THE PATIENT"), LABEL, left),
            text_block(
                fonts, tell(headline(call, context.card)), replace(TITLE, colour=tone), left
            ),
            text_block(fonts, _basis(context), BODY, left, before=1 * MM),
        ]
    )
    level = result.referral.level
    advised = stack(
        [
            text_block(fonts, say("ADVICE FOR THE READER"), LABEL, right),
            text_block(fonts, tell(advice_title(level)), Style(12, bold=True), right),
            text_block(fonts, tell(result.referral.advice), BODY, right, before=1 * MM),
        ]
    )
    both = beside([(pad, said), (_SHARE * context.width + pad, advised)])
    height = both.height + 6 * MM

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.frame(x, top, context.width, height, LINE)
        pen.box(x, top, 1.6 * MM, height, tone)
        middle = x + _SHARE * context.width
        pen.path([(middle, top + 3 * MM), (middle, top + height - 3 * MM)], LINE)
        both.draw(pen, x, top + 3 * MM)

    return [Block(height, draw, before=4 * MM)]


def _basis(context: Context) -> str:
    """Which eye decides, and how the others stand."""
    result = context.result
    eye = result.eyes[result.deciding]
    say, name = context.say, context.tell(lower_first(EYES[eye.laterality]))
    healthy = (
        result.call.label is not None and not context.card.class_named(result.call.label).severity
    )
    if len(result.eyes) == 1:
        basis = say("Rests on the {eye}, the only one in this study.", eye=name)
    elif healthy:
        basis = say("Holds for each eye in this study.")
    else:
        basis = say("Rests on the {eye}.", eye=name)
    if eye.laterality is Laterality.UNKNOWN:
        basis = say("Rests on scans whose eye the files do not name.")
    if result.call.outcome is Outcome.UNCERTAIN:
        lacking = say("The evidence does not suffice for a call.")
        basis = f"{basis} {lacking}"
    return basis if healthy else f"{basis} {context.tell(result.call.reason)}"

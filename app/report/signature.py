"""Where the qualified reader's own assessment goes: without it the report is not one."""

from app.language import mark
from app.report.context import HEADING, LABEL, LINE, MUTED, SMALL, Context
from app.report.page import MM, Block, Pen, stack, text_block

_HEIGHT = 37 * MM
_CHOICES = (
    mark("I agree with the result"),
    mark("I do not agree"),
    mark("The images cannot be judged"),
)
_FIELDS = (mark("Name"), mark("Date and time"), mark("Signature"))


def signature(context: Context) -> list[Block]:
    """Return the form for call, comment, name, date and signature."""
    words = context.say("Assessment by the qualified reader")
    title = text_block(context.fonts, words, HEADING, context.width)

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.frame(x, top, context.width, _HEIGHT, LINE)
        left, right = x + 4 * MM, x + context.width - 4 * MM
        at, row = left, top + 3.5 * MM
        for choice in map(context.say, _CHOICES):
            pen.frame(at, row + 0.6 * MM, 3 * MM, 3 * MM, MUTED, 0.6)
            at += 4.5 * MM + pen.text(at + 4.5 * MM, row, choice, SMALL) + 8 * MM
        pen.text(left, row + 7 * MM, context.say("Comment"), LABEL)
        pen.rule(left + 16 * MM, row + 10 * MM, right - left - 16 * MM, LINE)
        pen.rule(left, row + 17 * MM, right - left, LINE)
        line, third = top + _HEIGHT - 6.5 * MM, (right - left - 12 * MM) / 3
        for number, label in enumerate(map(context.say, _FIELDS)):
            start = left + number * (third + 6 * MM)
            pen.rule(start, line, third, MUTED, 0.6)
            pen.text(start, line + 0.6 * MM, label, LABEL)

    return [stack([title, Block(_HEIGHT, draw, before=1.5 * MM)], before=4.5 * MM)]

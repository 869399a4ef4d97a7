"""Who was examined, when, and with what."""

from app.language import mark
from app.report.context import LABEL, LINE, PANEL, STRONG, Context
from app.report.page import MM, Block, Pen, beside, stack, text_block
from app.report.words import age

_SEXES = {"F": mark("female"), "M": mark("male"), "O": mark("other")}
_SHARES = (0.34, 0.20, 0.22, 0.24)


def identity(context: Context) -> list[Block]:
    """Return the panel of patient and study data; what is not known is said to be unknown."""
    study, patient = context.result.study, context.result.study.patient
    say = context.say
    unknown = say("unknown")
    born = patient.birth_date.isoformat() if patient.birth_date else unknown
    if patient.birth_date and study.visited and study.visited >= patient.birth_date:
        born = say("{born} ({age} y)", born=born, age=age(patient.birth_date, study.visited))
    devices = dict.fromkeys(each.device for each in study.volumes if each.device)
    rows = (
        (
            (say("Patient"), patient.name or unknown),
            (say("Patient number"), patient.identifier or unknown),
            (say("Born"), born),
            (say("Sex"), say(_SEXES.get(patient.sex or "", "unknown"))),
        ),
        (
            (say("Device"), ", ".join(devices) or unknown),
            (say("Visit"), study.visited.isoformat() if study.visited else unknown),
            (say("Study"), study.description or say("no description")),
            (say("Analysed"), f"{context.result.analysed:%Y-%m-%d %H:%M}"),
        ),
    )
    pad = 3 * MM
    inner = context.width - 2 * pad
    table = stack([_row(context, row, inner, before=2 * MM) for row in rows])

    def draw(pen: Pen, x: float, top: float) -> None:
        pen.box(x, top, context.width, table.height + 2 * pad * 0.8, PANEL, radius=2)
        pen.rule(x, top + table.height + 2 * pad * 0.8, context.width, LINE)
        table.draw(pen, x + pad, top + pad * 0.8)

    return [Block(table.height + 2 * pad * 0.8, draw)]


def _row(
    context: Context, fields: tuple[tuple[str, str], ...], width: float, *, before: float
) -> Block:
    columns, left = [], 0.0
    for (label, value), share in zip(fields, _SHARES, strict=True):
        room = share * width - 3 * MM
        cell = stack(
            [
                text_block(context.fonts, label, LABEL, room),
                text_block(context.fonts, value, STRONG, room),
            ]
        )
        columns.append((left, cell))
        left += share * width
    return beside(columns, before=before)

"""What the reader said, beside what the machine said: of the patient, the eyes and B-scans."""

from collections.abc import Iterator

from app.aggregate import spoken
from app.cases.subjects import PATIENT
from app.cases.trail import Entry
from app.readings import answer_word, machine_answers, stamp
from app.report.context import HEADING, NOTE, Context
from app.report.method import table
from app.report.page import MM, Block, text_block
from app.report.words import EYES

_SHARES = (0.19, 0.16, 0.16, 0.19, 0.30)
_HEAD = ("Of", "Reader's call", "Machine's call", "Reader, time", "Agreement and note")


def reader(context: Context) -> list[Block]:
    """Return a table of the decisions that stand; nothing where there is none."""
    rows = list(_rows(context))
    if not rows:
        return []
    fonts, width = context.fonts, context.width
    title = text_block(fonts, "Reader's call", HEADING, width, before=5 * MM, keep=True)
    blocks = [title, table(context, [_HEAD, *rows], _SHARES, width)]
    if any(each.blind for each in context.readings.entries):
        words = "Blind: given before the machine's call was shown."
        blocks.append(text_block(fonts, words, NOTE, width, before=0.8 * MM))
    return blocks


def _rows(context: Context) -> Iterator[tuple[str, ...]]:
    readings, machine = context.readings, machine_answers(context.result, context.card)
    if readings.patient is not None:
        yield _row("Patient", readings.patient, machine[PATIENT])
    for eye in context.result.eyes:
        entry = readings.eye(eye.laterality)
        if entry is not None:
            yield _row(EYES[eye.laterality], entry, machine[entry.subject])
    for eye in context.result.eyes:
        for each in eye.volumes:
            for index, entry in readings.bscans(each.volume):
                name = f"{EYES[eye.laterality]}, B-scan {index + 1}"
                yield _row(name, entry, machine[entry.subject])


def _row(name: str, entry: Entry, machine: str) -> tuple[str, ...]:
    words = ["agrees" if entry.after == machine else "differs"]
    if entry.blind:
        words.append("blind")
    if entry.machine not in (None, machine):
        # The study was analysed again since, by another model or with other thresholds.
        words.append(f"machine's then: {spoken(entry.machine or '')}")
    said = ", ".join(words)
    note = f"{said}; {entry.note}" if entry.note else said
    return name, answer_word(entry.after or ""), answer_word(machine), stamp(entry), note

"""What the reader said, beside what the machine said: of the patient, the eyes and B-scans."""

from collections.abc import Iterator

from app.aggregate import spoken
from app.cases.trail import Entry
from app.readings import answer_word, machine_answers, stamp
from app.report.context import HEADING, NOTE, Context
from app.report.method import table
from app.report.page import MM, Block, text_block
from app.report.words import EYES

_SHARES = (0.19, 0.16, 0.16, 0.19, 0.30)
_ROWS = 12  # of one table, which is never parted between pages
_HEAD = ("Of", "Reader's call", "Machine's call", "Reader, time", "Agreement and note")


def reader(context: Context) -> list[Block]:
    """Return a table of the decisions on the patient and the eyes; nothing where there is none."""
    return _section(context, "Reader's call", list(_on_eyes(context)))


def reader_of_bscans(context: Context) -> list[Block]:
    """Return tables of the decisions on single B-scans; nothing where there is none."""
    return _section(context, "Reader's call for B-scans", list(_on_bscans(context)))


def _section(context: Context, title: str, said: list[tuple[str, Entry]]) -> list[Block]:
    if not said:
        return []
    fonts, width = context.fonts, context.width
    machine = machine_answers(context.result, context.card)
    rows = [_row(name, entry, machine[entry.subject]) for name, entry in said]
    blocks = [text_block(fonts, title, HEADING, width, before=5 * MM, keep=True)]
    blocks += [
        table(context, [_HEAD, *rows[start : start + _ROWS]], _SHARES, width)
        for start in range(0, len(rows), _ROWS)
    ]
    if any(entry.blind for _, entry in said):
        words = "Blind: given before the machine's call was shown."
        blocks.append(text_block(fonts, words, NOTE, width, before=0.8 * MM))
    # On paper, it shows later whether the newest entries of the trail were cut off.
    newest = max((entry for _, entry in said), key=lambda entry: entry.number)
    words = f"In the audit trail up to entry {newest.number}: {newest.hash}"
    blocks.append(text_block(fonts, words, NOTE, width, before=0.8 * MM))
    return blocks


def _on_eyes(context: Context) -> Iterator[tuple[str, Entry]]:
    readings = context.readings
    if readings.patient is not None:
        yield "Patient", readings.patient
    for eye in context.result.eyes:
        entry = readings.eye(eye.laterality)
        if entry is not None:
            yield EYES[eye.laterality], entry


def _on_bscans(context: Context) -> Iterator[tuple[str, Entry]]:
    for eye in context.result.eyes:
        for each in eye.volumes:
            for index, entry in context.readings.bscans(each.volume):
                yield f"{EYES[eye.laterality]}, B-scan {index + 1}", entry


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

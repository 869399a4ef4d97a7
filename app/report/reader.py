"""What the reader said, beside what the machine said: of the patient, the eyes and B-scans."""

from collections.abc import Iterator

from app.aggregate import spoken
from app.cases.trail import Entry
from app.language import fill, list_of, mark
from app.readings import answer_word, machine_answers, stamp
from app.report.context import HEADING, NOTE, Context
from app.report.method import table
from app.report.page import MM, Block, text_block
from app.report.words import EYES

_SHARES = (0.19, 0.16, 0.16, 0.19, 0.30)
_ROWS = 12  # of one table, which is never parted between pages
_HEAD = (
    mark("Of"),
    mark("Reader's call"),
    mark("Machine's call"),
    mark("Reader, time"),
    mark("Agreement and note"),
)


def reader(context: Context) -> list[Block]:
    """Return a table of the decisions on the patient and the eyes, and what no reader decided."""
    said = _section(context, context.say("Reader's call"), list(_on_eyes(context)))
    return [*said, *_unread(context)]


def reader_of_bscans(context: Context) -> list[Block]:
    """Return tables of the decisions on single B-scans; nothing where there is none."""
    return _section(context, context.say("Reader's call for B-scans"), list(_on_bscans(context)))


def _section(context: Context, title: str, said: list[tuple[str, Entry]]) -> list[Block]:
    if not said:
        return []
    fonts, width = context.fonts, context.width
    machine = machine_answers(context.result, context.card)
    head = tuple(map(context.say, _HEAD))
    rows = [_row(context, name, entry, machine[entry.subject]) for name, entry in said]
    blocks = [text_block(fonts, title, HEADING, width, before=5 * MM, keep=True)]
    blocks += [
        table(context, [head, *rows[start : start + _ROWS]], _SHARES, width)
        for start in range(0, len(rows), _ROWS)
    ]
    if any(entry.blind for _, entry in said):
        words = context.say("Blind: given before the machine's call was shown.")
        blocks.append(text_block(fonts, words, NOTE, width, before=0.8 * MM))
    # On paper, it shows later whether the newest entries of the trail were cut off.
    newest = max((entry for _, entry in said), key=lambda entry: entry.number)
    words = context.say(
        "In the audit trail up to entry {number}: {hash}", number=newest.number, hash=newest.hash
    )
    blocks.append(text_block(fonts, words, NOTE, width, before=0.8 * MM))
    return blocks


def _unread(context: Context) -> list[Block]:
    """Say which eyes' calls are the machine's alone; a call for the patient is one for both."""
    readings = context.readings
    eyes = [each.laterality for each in context.result.eyes]
    waiting = [each for each in eyes if readings.eye(each) is None]
    if readings.patient is not None or not waiting:
        return []
    if waiting == eyes:
        words = context.say("No reader's call is recorded: the calls are the machine's alone.")
    else:
        names = context.tell(list_of(EYES[each] for each in waiting))
        words = context.say("No reader's call is recorded for: {eyes}.", eyes=names)
    return [text_block(context.fonts, words, NOTE, context.width, before=0.8 * MM)]


def _on_eyes(context: Context) -> Iterator[tuple[str, Entry]]:
    readings = context.readings
    if readings.patient is not None:
        yield context.say("Patient"), readings.patient
    for eye in context.result.eyes:
        entry = readings.eye(eye.laterality)
        if entry is not None:
            yield context.say(EYES[eye.laterality]), entry


def _on_bscans(context: Context) -> Iterator[tuple[str, Entry]]:
    for eye in context.result.eyes:
        for each in eye.volumes:
            for index, entry in context.readings.bscans(each.volume):
                name = context.say(EYES[eye.laterality])
                yield context.say("{eye}, B-scan {number}", eye=name, number=index + 1), entry


def _row(context: Context, name: str, entry: Entry, machine: str) -> tuple[str, ...]:
    words = [mark("agrees") if entry.after == machine else mark("differs")]
    if entry.blind:
        words.append(mark("blind"))
    if entry.machine not in (None, machine):
        # The study was analysed again since, by another model or with other thresholds.
        words.append(fill("machine's then: {answer}", answer=spoken(entry.machine or "")))
    said = context.tell(list_of(words))
    note = context.parted([said, entry.note] if entry.note else [said])
    answers = (context.tell(answer_word(each)) for each in (entry.after or "", machine))
    return name, *answers, stamp(entry), note

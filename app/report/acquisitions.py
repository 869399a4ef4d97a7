"""Which images were analysed, and how they lie in space."""

from app.language import counted, fill, list_of, mark
from app.report.context import HEADING, Context
from app.report.method import table
from app.report.page import MM, Block, text_block
from app.report.words import EYES
from app.study import Spacing, Volume, VolumeResult


def acquisitions(context: Context) -> list[Block]:
    """Return a row for each volume, those that did not decide included."""
    fonts, width = context.fonts, context.width
    say = context.say
    rows: list[tuple[str, ...]] = [
        (say("Eye"), say("Acquired"), say("B-scans"), say("Ordered by"), say("Spacing"), "UID")
    ]
    for eye in context.result.eyes:
        rows += [_acquisition(context, each, EYES[eye.laterality]) for each in eye.volumes]
    title = text_block(fonts, say("Images analysed"), HEADING, width, before=4 * MM, keep=True)
    return [title, table(context, rows, (0.135, 0.14, 0.11, 0.125, 0.195, 0.295), width)]


def _acquisition(context: Context, result: VolumeResult, eye: str) -> tuple[str, ...]:
    volume, tell = result.volume, context.tell
    acquired = f"{volume.acquired:%Y-%m-%d %H:%M}" if volume.acquired else tell("unknown")
    frames = counted(len(volume.bscans), mark("{count} frame"), mark("{count} frames"))
    shape = context.say("{frames} of {size}", frames=tell(frames), size=_size(volume))
    spacing = tell(_spacing(volume.spacing))
    return tell(eye), acquired, shape, tell(volume.order), spacing, volume.uid


def _size(volume: Volume) -> str:
    return f"{volume.bscans[0].rows} x {volume.bscans[0].columns}"


def _spacing(spacing: Spacing) -> str:
    parts = (
        (mark("axial {length}"), spacing.axial_mm),
        (mark("lateral {length}"), spacing.lateral_mm),
        (mark("between {length}"), spacing.between_mm),
    )
    known = [
        fill(template, length=f"{1000 * value:.3g} µm")
        for template, value in parts
        if value is not None
    ]
    return list_of(known) if known else mark("unknown")

"""Which images were analysed, and how they lie in space."""

from app.report.context import HEADING, Context
from app.report.method import table
from app.report.page import MM, Block, text_block
from app.report.words import EYES, count
from app.study import Spacing, Volume, VolumeResult


def acquisitions(context: Context) -> list[Block]:
    """Return a row for each volume, those that did not decide included."""
    fonts, width = context.fonts, context.width
    rows: list[tuple[str, ...]] = [("Eye", "Acquired", "B-scans", "Ordered by", "Spacing", "UID")]
    for eye in context.result.eyes:
        rows += [_acquisition(each, EYES[eye.laterality]) for each in eye.volumes]
    title = text_block(fonts, "Images analysed", HEADING, width, before=4 * MM, keep=True)
    return [title, table(context, rows, (0.14, 0.14, 0.12, 0.13, 0.20, 0.27), width)]


def _acquisition(result: VolumeResult, eye: str) -> tuple[str, ...]:
    volume = result.volume
    acquired = f"{volume.acquired:%Y-%m-%d %H:%M}" if volume.acquired else "unknown"
    frames = f"{count(len(volume.bscans), 'frame')} of {_size(volume)}"
    return eye, acquired, frames, volume.order, _spacing(volume.spacing), volume.uid


def _size(volume: Volume) -> str:
    return f"{volume.bscans[0].rows} x {volume.bscans[0].columns}"


def _spacing(spacing: Spacing) -> str:
    parts = (
        ("axial", spacing.axial_mm),
        ("lateral", spacing.lateral_mm),
        ("between", spacing.between_mm),
    )
    known = [f"{name} {1000 * value:.3g} µm" for name, value in parts if value is not None]
    return ", ".join(known) or "unknown"

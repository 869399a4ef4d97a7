"""What the result does not tell, what was noticed on the way, and where the images came from."""

from app.notices import HEAT_MAP, RESEARCH_USE
from app.report.context import HEADING, SMALL, Context
from app.report.method import table
from app.report.page import MM, Block, text_block
from app.report.words import EYES, count
from app.study import Laterality, Spacing, Volume, VolumeResult

_ALWAYS = (
    RESEARCH_USE,
    "The result supplements a reading of the images; it does not replace one.",
    HEAT_MAP,
    "Pictures in this report are packed for print; read the original images.",
)


def limits(context: Context) -> list[Block]:
    """Return the limits of use and the acquisitions."""
    return [
        *_list(context, "Limits of use", (*_ALWAYS[:2], *context.card.limits, *_ALWAYS[2:])),
        *_acquisitions(context),
    ]


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
    blocks = [text_block(fonts, title, HEADING, width, before=5 * MM, keep=True)]
    blocks += [
        text_block(fonts, each, SMALL, width, before=0.8 * MM, indent=3.5 * MM, mark="•")
        for each in sentences
    ]
    return blocks


def _acquisitions(context: Context) -> list[Block]:
    """Return a row for each volume, those that did not decide included."""
    fonts, width = context.fonts, context.width
    rows: list[tuple[str, ...]] = [("Eye", "Acquired", "B-scans", "Ordered by", "Spacing", "UID")]
    for eye in context.result.eyes:
        rows += [_acquisition(each, EYES[eye.laterality]) for each in eye.volumes]
    title = text_block(fonts, "Images analysed", HEADING, width, before=5 * MM, keep=True)
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

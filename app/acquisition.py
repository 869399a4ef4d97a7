"""What to know of the scans before their result is believed: sentences, never a refusal.

The reading of the files notes what it saw on the way (lossy compression, eyes that contradict
each other, a guessed order). Here the scans themselves are held against what a macular scan is
like and what the model was trained on. Nothing is blocked: the reader decides.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from app.language import fill, mark
from app.modelpack import Card
from app.study import Gradability, Laterality, Opened, Patient, Study, StudyResult, Volume

_MACULAR_MM = (3.0, 12.5)  # from the smallest angiography cube to the widest macular one
_TOLERANCE = 0.1  # of a trained width: scaling by axial length alone changes it that much
_SPARSE_MM = 0.3  # wider gaps than those of the common 25-line raster of 20 degrees


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One sentence, and the eyes that it holds for."""

    sentence: str
    eyes: tuple[Laterality, ...]


def remarks(
    study: Study, card: Card | None = None, result: StudyResult | None = None
) -> tuple[Remark, ...]:
    """Check every volume of a study; each sentence comes once.

    Args:
        card: Of the model that judges it; None as long as it is not known which.
        result: What the model found, to be told where it could not see all; None until then.
    """
    lost = unread(result) if result is not None else {}
    found: dict[str, dict[Laterality, None]] = defaultdict(dict)
    for volume in study.volumes:
        partly = _lost(lost.get(volume.uid, 0), len(volume.bscans))
        for sentence in (*partly, *_checked(volume, card), *volume.notes):
            found[sentence][volume.laterality] = None
    return tuple(
        Remark(sentence=sentence, eyes=tuple(each for each in Laterality if each in eyes))
        for sentence, eyes in found.items()
    )


def unread(result: StudyResult) -> dict[str, int]:
    """How many B-scans could not be read, by the UID of their volume; none, and it is left out."""
    counts = {
        each.volume.uid: [found.gradability for found in each.bscans].count(Gradability.UNREADABLE)
        for eye in result.eyes
        for each in eye.volumes
    }
    return {uid: count for uid, count in counts.items() if count}


def width_mm(volume: Volume) -> float | None:
    """How wide the widest B-scan is; None if the files do not tell."""
    if volume.spacing.lateral_mm is None:
        return None
    return volume.spacing.lateral_mm * max(each.columns for each in volume.bscans)


def note_shared_folders(opened: Opened) -> Opened:
    """Add a note to volumes whose folder holds scans of more than one patient."""
    patients: dict[Path, set[str]] = defaultdict(set)
    for study in opened.studies:
        for folder in map(_folder, study.volumes):
            patients[folder].add(_whose(study.patient))

    def noted(volume: Volume) -> Volume:
        count = len(patients[_folder(volume)])
        if count == 1:
            return volume
        note = fill(
            "Its folder holds scans of {count} patients. Check that this is the one you mean.",
            count=count,
        )
        return replace(volume, notes=(*volume.notes, note))

    if all(len(each) == 1 for each in patients.values()):
        return opened
    studies = (replace(study, volumes=tuple(map(noted, study.volumes))) for study in opened.studies)
    return replace(opened, studies=tuple(studies))


def _whose(patient: Patient) -> str:
    return (patient.identifier or patient.name or "").casefold().strip()


def _folder(volume: Volume) -> Path:
    return volume.bscans[0].source.path.parent


def _lost(count: int, total: int) -> Iterator[str]:
    if count == total:
        yield fill(
            "{count} of {total} B-scans could not be read. Connect the drive again, or check the "
            "files, and have the study analysed again (F5).",
            count=count,
            total=total,
        )
    elif count:
        yield fill(
            "{count} of {total} B-scans could not be read; the result rests on the others. Connect "
            "the drive again, or check the files, and have the study analysed again (F5).",
            count=count,
            total=total,
        )


def _checked(volume: Volume, card: Card | None) -> Iterator[str]:
    if volume.laterality is Laterality.UNKNOWN:
        yield mark("The files do not say which eye was scanned.")
    if volume.spacing.axial_mm is None or volume.spacing.lateral_mm is None:
        yield mark("The files give no pixel spacing: pictures have no scale.")
    yield from _width(volume, card)
    yield from _coverage(volume, card)


def _width(volume: Volume, card: Card | None) -> Iterator[str]:
    width = width_mm(volume)
    if width is None:
        return
    trained = card.scan_width_mm if card is not None else None
    if trained is not None:
        least, greatest = trained
        if not least * (1 - _TOLERANCE) <= width <= greatest * (1 + _TOLERANCE):
            yield (
                fill(
                    "The B-scans are {width} mm wide; the model was trained on {widths}.",
                    width=f"{width:.1f}",
                    widths=_span(least, greatest),
                )
            )
    elif not _MACULAR_MM[0] * (1 - _TOLERANCE) <= width <= _MACULAR_MM[1]:
        yield fill(
            "The B-scans are {width} mm wide, which is unusual for scans of the macula.",
            width=f"{width:.1f}",
        )


def _coverage(volume: Volume, card: Card | None) -> Iterator[str]:
    count, gap = len(volume.bscans), volume.spacing.between_mm
    if count == 1:
        yield mark("There is only one B-scan: what lies beside it was not seen.")
    elif card is not None and count < card.aggregation.top_k:
        yield (
            fill(
                "There are only {count} B-scans; the model's rule for an eye rests on the "
                "strongest {top_k}.",
                count=count,
                top_k=card.aggregation.top_k,
            )
        )
    if count > 1 and gap is not None and gap > _SPARSE_MM:
        yield (
            fill(
                "The B-scans lie {gap} µm apart: a small lesion between two of them would not be "
                "seen.",
                gap=f"{gap * 1000:.0f}",
            )
        )


def _span(least: float, greatest: float) -> str:
    return (
        fill("{least} mm", least=f"{least:.1f}")
        if least == greatest
        else fill("{least} to {greatest} mm", least=f"{least:.1f}", greatest=f"{greatest:.1f}")
    )

"""What the functional groups say of each frame (PS3.3 C.7.6.16 and C.8.17.9).

Any group may stand with the frame, or shared; exports of single frames put the attributes at the
top level. The nearest one counts.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from app.reading.dicom.form import PixelForm, lookup_of
from app.reading.grey import AS_STORED, Tone, Window
from app.study import Laterality

Vector = tuple[float, ...]

_EYES = {
    **dict.fromkeys(("R", "OD", "RIGHT"), Laterality.RIGHT),
    **dict.fromkeys(("L", "OS", "LEFT"), Laterality.LEFT),
}
_MOST_COORDINATES = 20_000  # HEYEX writes 768 points for a circle


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFacts:
    """One frame's place, eye and scale; None where the file does not say."""

    position: Vector | None = None  # mm, of the top left pixel
    orientation: Vector | None = None  # direction cosines of a row and a column
    stack: str | None = None
    in_stack: int | None = None
    index: tuple[int, ...] | None = None  # Dimension Index Values
    location: tuple[tuple[float, float], ...] | None = None  # (row, column) on the localizer
    localizer: str | None = None  # its SOP Instance UID
    eye: Laterality | None = None
    axial_mm: float | None = None
    lateral_mm: float | None = None
    between_mm: float | None = None
    tone: Tone = AS_STORED
    toned: bool = False  # a window or table says how to show it


def frame_facts(dataset: Dataset, form: PixelForm, frames: int) -> tuple[FrameFacts, ...]:
    """Read the facts of every frame.

    Where the per-frame groups are not as many as the frames, nobody knows whose they are, and
    none is used.
    """
    common = _read(dataset, FrameFacts(tone=_plain_tone(dataset, form)), dataset)
    shared = dataset.get("SharedFunctionalGroupsSequence")
    if shared:
        common = _read_groups(shared[0], common, dataset)
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    if len(per_frame) != frames:
        return (common,) * frames
    return tuple(_read_groups(groups, common, dataset) for groups in per_frame)


def eye_of(value: object) -> Laterality | None:
    """Read a laterality as anybody writes it; both eyes, or neither, is None."""
    return _EYES.get(str(value or "").strip().upper())


_GROUPS = (
    "FrameContentSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "FrameAnatomySequence",
    "FrameVOILUTSequence",
    "PixelValueTransformationSequence",
)


def _read_groups(groups: Dataset, facts: FrameFacts, dataset: Dataset) -> FrameFacts:
    for keyword in _GROUPS:
        if sequence := groups.get(keyword):
            facts = _read(sequence[0], facts, dataset)
    return _read_location(groups, facts, dataset)


def _read(source: Dataset, known: FrameFacts, dataset: Dataset) -> FrameFacts:
    """Take what `source`, one group or the top level, says over what is known."""
    spacing = _vector(source.get("PixelSpacing"), 2)
    between = _vector([source.get("SpacingBetweenSlices")], 1)
    facts = FrameFacts(
        position=_vector(source.get("ImagePositionPatient"), 3) or known.position,
        orientation=_vector(source.get("ImageOrientationPatient"), 6) or known.orientation,
        stack=str(source.get("StackID") or "") or known.stack,
        in_stack=_whole(source.get("InStackPositionNumber"), known.in_stack),
        index=_index(source.get("DimensionIndexValues")) or known.index,
        location=known.location,
        localizer=known.localizer,
        eye=eye_of(source.get("FrameLaterality")) or known.eye,
        axial_mm=_length(spacing, 0) or known.axial_mm,
        lateral_mm=_length(spacing, 1) or known.lateral_mm,
        between_mm=_length(between, 0) or known.between_mm,
        tone=known.tone,
        toned=known.toned,
    )
    facts = _read_tone(source, facts)
    return _read_location(source, facts, dataset) if source is dataset else facts


def _read_tone(source: Dataset, facts: FrameFacts) -> FrameFacts:
    slope = _vector([source.get("RescaleSlope")], 1)
    intercept = _vector([source.get("RescaleIntercept")], 1)
    tone = facts.tone
    if slope and intercept and slope[0] != 0:
        tone = replace(tone, slope=slope[0], intercept=intercept[0])
    centers = _many(source.get("WindowCenter"))
    widths = _many(source.get("WindowWidth"))
    toned = facts.toned
    if centers and widths and widths[0] >= 1 and tone.interest is None:
        function = str(source.get("VOILUTFunction") or "LINEAR").strip()
        tone = replace(tone, window=Window(center=centers[0], width=widths[0], function=function))
        toned = True
    return replace(facts, tone=tone, toned=toned) if tone is not facts.tone else facts


def _plain_tone(dataset: Dataset, form: PixelForm) -> Tone:
    """The tone that the whole image shares: tables, inversion, padding, range of the bits."""
    little = form.little_endian
    bits = form.palette[0].bits if form.palette else form.stored
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if form.signed else (0, 2.0**bits - 1)
    tone = Tone(
        span=(low, high),
        inverted=form.photometric == "MONOCHROME1"
        or str(dataset.get("PresentationLUTShape") or "").strip() == "INVERSE",
        padding=_padding(dataset, form),
    )
    for keyword, field in (("ModalityLUTSequence", "modality"), ("VOILUTSequence", "interest")):
        if sequence := dataset.get(keyword):
            item = sequence[0]
            table = lookup_of(item.get("LUTDescriptor"), item.get("LUTData"), little=little)
            changed = {field: table}
            tone = replace(tone, **changed)  # type: ignore[arg-type]
            if field == "modality":
                tone = replace(tone, span=(0, 2.0**table.bits - 1))
    return tone


def _padding(dataset: Dataset, form: PixelForm) -> tuple[float, float] | None:
    """Stored values that fill the space around the image (PS3.3 C.7.5.1.1.2)."""
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int) or form.samples != 1:
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    ends = (value, limit if isinstance(limit, int) else value)
    return float(min(ends)), float(max(ends))


def _read_location(groups: Dataset, facts: FrameFacts, dataset: Dataset) -> FrameFacts:
    for item in groups.get("OphthalmicFrameLocationSequence") or ():
        values = _many(item.get("ReferenceCoordinates"))
        if len(values) < 4 or len(values) % 2 or len(values) > _MOST_COORDINATES:
            continue
        pairs = tuple(zip(values[::2], values[1::2], strict=True))
        # SVision writes x before y, against the standard.
        if "svision" in str(dataset.get("Manufacturer") or "").casefold():
            pairs = tuple((row, column) for column, row in pairs)
        uid = str(item.get("ReferencedSOPInstanceUID") or "") or None
        return replace(facts, location=pairs, localizer=uid)
    return facts


def _many(value: object) -> Vector:
    """Finite numbers of an attribute of any multiplicity; empty if one is none."""
    if value is None or value == "":
        return ()
    values: Iterable[object] = (
        value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else (value,)
    )
    try:
        numbers = tuple(float(each) for each in values)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()


def _vector(value: object, count: int) -> Vector | None:
    numbers = _many(value) if not isinstance(value, list) else _many(value[0])
    return numbers if len(numbers) == count else None


def _length(spacing: Vector | None, index: int) -> float | None:
    return spacing[index] if spacing and spacing[index] > 0 else None


def _whole(value: object, default: int | None) -> int | None:
    return int(value) if isinstance(value, int) else default


def _index(value: object) -> tuple[int, ...] | None:
    numbers = _many(value)
    return tuple(int(number) for number in numbers) or None

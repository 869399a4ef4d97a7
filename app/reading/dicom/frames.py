"""What the functional groups say of each frame (PS3.3 C.7.6.16 and C.8.17.9).

Any group may stand with the frame, or shared; exports of single frames put the attributes at the
top level. The nearest one counts.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from app.reading.dicom.form import PixelForm, lookup_of
from app.reading.dicom.values import sequence_of, text_of, value_of
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
    # SVision writes x before y, against the standard.
    turned = "svision" in text_of(dataset, "Manufacturer").casefold()
    common = _facts(
        _attributes(dataset), FrameFacts(tone=_plain_tone(dataset, form)), turned=turned
    )
    shared = sequence_of(dataset, "SharedFunctionalGroupsSequence")
    if shared:
        common = _facts(_grouped(shared[0]), common, turned=turned)
    per_frame = sequence_of(dataset, "PerFrameFunctionalGroupsSequence")
    if len(per_frame) != frames:
        return (common,) * frames
    return tuple(_facts(_grouped(groups), common, turned=turned) for groups in per_frame)


def eye_of(value: object) -> Laterality | None:
    """Read a laterality as anybody writes it; both eyes, or neither, is None."""
    return _EYES.get(str(value or "").strip().upper())


def _tags(keywords: str) -> dict[int, str]:
    return {int(tag): each for each in keywords.split() if (tag := tag_for_keyword(each))}


_GROUPS = _tags(
    "FrameContentSequence PlanePositionSequence PlaneOrientationSequence PixelMeasuresSequence "
    "FrameAnatomySequence FrameVOILUTSequence PixelValueTransformationSequence"
)
_ATTRIBUTES = _tags(
    "ImagePositionPatient ImageOrientationPatient StackID InStackPositionNumber "
    "DimensionIndexValues FrameLaterality PixelSpacing SpacingBetweenSlices RescaleSlope "
    "RescaleIntercept WindowCenter WindowWidth VOILUTFunction OphthalmicFrameLocationSequence"
)
_LOCATION = "OphthalmicFrameLocationSequence"


def _attributes(source: Dataset) -> dict[str, Any]:
    """The attributes of one group, or of the top level, that say something of a frame.

    By tag: asking pydicom for each by keyword takes most of the time of opening a large volume.
    """
    present = ((tag, _ATTRIBUTES.get(int(tag))) for tag in source.keys())  # noqa: SIM118
    return {keyword: source[tag].value for tag, keyword in present if keyword}


def _grouped(groups: Dataset) -> dict[str, Any]:
    """The attributes of all groups of a frame, or of those that frames share."""
    values: dict[str, Any] = {}
    for tag in groups.keys():  # noqa: SIM118 - iterating a Dataset decodes its elements
        if int(tag) in _GROUPS and (sequence := groups[tag].value):
            values.update(_attributes(sequence[0]))
        elif _ATTRIBUTES.get(int(tag)) == _LOCATION:
            values[_LOCATION] = groups[tag].value
    return values


def _facts(values: dict[str, Any], known: FrameFacts, *, turned: bool) -> FrameFacts:
    """Take what `values` say over what is known."""
    spacing = _vector(values.get("PixelSpacing"), 2)
    between = _vector(values.get("SpacingBetweenSlices"), 1)
    tone, toned = _tone(values, known)
    location, localizer = _location(values.get(_LOCATION) or (), turned=turned)
    return FrameFacts(
        position=_vector(values.get("ImagePositionPatient"), 3) or known.position,
        orientation=_vector(values.get("ImageOrientationPatient"), 6) or known.orientation,
        stack=str(values.get("StackID") or "") or known.stack,
        in_stack=_whole(values.get("InStackPositionNumber"), known.in_stack),
        index=_index(values.get("DimensionIndexValues")) or known.index,
        location=location or known.location,
        localizer=localizer if location else known.localizer,
        eye=eye_of(values.get("FrameLaterality")) or known.eye,
        axial_mm=_length(spacing, 0) or known.axial_mm,
        lateral_mm=_length(spacing, 1) or known.lateral_mm,
        between_mm=_length(between, 0) or known.between_mm,
        tone=tone,
        toned=toned,
    )


def _tone(values: dict[str, Any], known: FrameFacts) -> tuple[Tone, bool]:
    tone, toned = known.tone, known.toned
    slope = _vector(values.get("RescaleSlope"), 1)
    intercept = _vector(values.get("RescaleIntercept"), 1)
    if slope and intercept and slope[0] != 0:
        tone = replace(tone, slope=slope[0], intercept=intercept[0])
    centers, widths = _many(values.get("WindowCenter")), _many(values.get("WindowWidth"))
    if centers and widths and widths[0] >= 1 and tone.interest is None:
        function = str(values.get("VOILUTFunction") or "LINEAR").strip()
        window = Window(center=centers[0], width=widths[0], function=function)
        tone, toned = replace(tone, window=window), True
    return tone, toned


def _plain_tone(dataset: Dataset, form: PixelForm) -> Tone:
    """The tone that the whole image shares: tables, inversion, padding, range of the bits."""
    little = form.little_endian
    bits = form.palette[0].bits if form.palette else form.stored
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if form.signed else (0, 2.0**bits - 1)
    tone = Tone(
        span=(low, high),
        inverted=form.photometric == "MONOCHROME1"
        or text_of(dataset, "PresentationLUTShape") == "INVERSE",
        padding=_padding(dataset, form),
    )
    for keyword, field in (("ModalityLUTSequence", "modality"), ("VOILUTSequence", "interest")):
        if sequence := sequence_of(dataset, keyword):
            item = sequence[0]
            table = lookup_of(item.get("LUTDescriptor"), item.get("LUTData"), little=little)
            changed = {field: table}
            tone = replace(tone, **changed)  # type: ignore[arg-type]
            if field == "modality":
                tone = replace(tone, span=(0, 2.0**table.bits - 1))
    return tone


def _padding(dataset: Dataset, form: PixelForm) -> tuple[float, float] | None:
    """Stored values that fill the space around the image (PS3.3 C.7.5.1.1.2)."""
    value = value_of(dataset, "PixelPaddingValue")
    if not isinstance(value, int) or form.samples != 1:
        return None
    limit = value_of(dataset, "PixelPaddingRangeLimit")
    ends = (value, limit if isinstance(limit, int) else value)
    return float(min(ends)), float(max(ends))


def _location(
    items: Iterable[Dataset], *, turned: bool
) -> tuple[tuple[tuple[float, float], ...] | None, str | None]:
    """The points of a frame's line on the localizer, and that localizer's SOP Instance UID."""
    for item in items:
        values = _many(item.get("ReferenceCoordinates"))
        if len(values) < 4 or len(values) % 2 or len(values) > _MOST_COORDINATES:
            continue
        rows, columns = values[turned::2], values[not turned :: 2]
        uid = str(item.get("ReferencedSOPInstanceUID") or "") or None
        return tuple(zip(rows, columns, strict=True)), uid
    return None, None


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
    numbers = _many(value)
    return numbers if len(numbers) == count else None


def _length(spacing: Vector | None, index: int) -> float | None:
    return spacing[index] if spacing and spacing[index] > 0 else None


def _whole(value: object, default: int | None) -> int | None:
    return int(value) if isinstance(value, int) else default


def _index(value: object) -> tuple[int, ...] | None:
    numbers = _many(value)
    return tuple(int(number) for number in numbers) or None

"""Make one volume of frames that belong together."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from app.language import mark
from app.reading.dicom.frames import FrameFacts
from app.reading.dicom.instance import Instance
from app.reading.dicom.order import Ordered, spatial_order
from app.reading.dicom.pixels import read_stored
from app.reading.dicom.places import FramePlaces
from app.reading.grey import Tone, filled_range, modality_values, range_note, to_grey
from app.study import BScan, FrameSource, Laterality, Localizer, Pixels, Spacing, Volume

Frame = tuple[Instance, int]
"""A frame by its file and its index within it."""

_SAMPLED = 5  # frames that show the range of a volume's values
_DIM = 1 / 8  # of the range that the bits allow; values below it would be shown nearly black


def volume_of(
    uid: str, eye: Laterality, frames: Sequence[Frame], localizers: dict[str, Instance]
) -> Volume:
    """Put frames in spatial order and say what is known of them together.

    Raises:
        ReadError: If the range of the values had to be looked up, and a frame is damaged.
    """
    first = frames[0][0]
    facts = [instance.frames[index] for instance, index in frames]
    ordered = spatial_order(facts, _stored_order(frames))
    localizer = _localizer(facts, localizers)
    tones, tone_note = _tones(frames, facts)
    bscans = tuple(
        _bscan(frames[at], tones[at], linked=localizer is not None) for at in ordered.order
    )
    notes = dict.fromkeys(note for instance, _ in frames for note in instance.notes)
    if tone_note:
        notes[tone_note] = None
    if any(instance.contradictory_eye for instance, _ in frames) or _disagree(frames):
        notes[mark("The file names both eyes in different places; set the eye.")] = None
    return Volume(
        uid=uid,
        laterality=eye,
        bscans=bscans,
        order=ordered.basis,
        spacing=_spacing(facts, ordered, localizer),
        acquired=min((each.acquired for each, _ in frames if each.acquired), default=None),
        device=first.device,
        localizer=localizer,
        notes=tuple(notes),
        loss=next((instance.loss for instance, _ in frames if instance.loss), None),
        synthetic=first.synthetic,
    )


def _stored_order(frames: Sequence[Frame]) -> str:
    if len({id(instance) for instance, _ in frames}) == 1:
        return mark("stored order")
    if all(instance.number is not None for instance, _ in frames):
        return mark("instance number")
    return mark("file name")


def _disagree(frames: Sequence[Frame]) -> bool:
    return any(
        instance.eye and instance.frames[index].eye not in (None, instance.eye)
        for instance, index in frames
    )


def _bscan(frame: Frame, tone: Tone, *, linked: bool) -> BScan:
    instance, index = frame
    return BScan(
        source=FrameSource(
            path=instance.entry.path, frame_number=index + 1, sop_instance_uid=instance.sop_uid
        ),
        rows=instance.form.rows,
        columns=instance.form.columns,
        load=partial(_load, instance.places, index, tone),
        location=instance.frames[index].location if linked else None,
    )


def _load(places: FramePlaces, index: int, tone: Tone) -> Pixels:
    return to_grey(read_stored(places, index), tone)


def _localizer(facts: Sequence[FrameFacts], localizers: dict[str, Instance]) -> Localizer | None:
    """The one image that all frames refer to, if it is here."""
    referred = {each.localizer for each in facts}
    instance = localizers.get(referred.pop() or "") if len(referred) == 1 else None
    return localizer_of(instance) if instance is not None else None


def localizer_of(instance: Instance) -> Localizer:
    """The first frame of a photograph or an en-face image."""
    shown = instance.frames[0]
    spacing = (shown.axial_mm, shown.lateral_mm)
    return Localizer(
        source=FrameSource(path=instance.entry.path, sop_instance_uid=instance.sop_uid),
        rows=instance.form.rows,
        columns=instance.form.columns,
        load=partial(_load, instance.places, 0, shown.tone),
        spacing_mm=(spacing[0], spacing[1]) if spacing[0] and spacing[1] else None,
    )


def _spacing(facts: Sequence[FrameFacts], ordered: Ordered, localizer: Localizer | None) -> Spacing:
    between = _same(each.between_mm for each in facts)
    if ordered.between is not None:
        if ordered.basis == "plane position":
            between = ordered.between
        elif between is None and localizer is not None and localizer.spacing_mm is not None:
            row, column = localizer.spacing_mm
            # The lines may run any way, so only square pixels give a distance.
            if math.isclose(row, column, rel_tol=0.01):
                between = ordered.between * row
    return Spacing(
        axial_mm=_same(each.axial_mm for each in facts),
        lateral_mm=_same(each.lateral_mm for each in facts),
        between_mm=between,
    )


def _same(values: Iterable[float | None]) -> float | None:
    """The value that all frames share, else None: a volume has one scale or none."""
    known = set(values)
    return known.pop() if len(known) == 1 else None


def _tones(frames: Sequence[Frame], facts: Sequence[FrameFacts]) -> tuple[list[Tone], str | None]:
    """How each frame is to be shown; where nothing says so, by the range of the volume's values.

    Eight bits are shown as they are. Deeper values without a window are shown over the range that
    their bits allow, as an identity look-up would; but converters write 16 bits that hold 0 to
    100, and floats and signed values have no such range.
    """
    form = frames[0][0].form
    tones = [each.tone for each in facts]
    if all(each.toned or each.tone.interest for each in facts):
        return tones, None
    plain = form.stored <= 8 and not form.signed and not form.floating
    rescaled = any((tone.slope, tone.intercept) != (1.0, 0.0) for tone in tones)
    if (plain and not rescaled) or form.samples == 3:
        return tones, None
    low, high = _range([frames[at] for at in _spread(len(frames))])
    allowed = tones[0].span
    if not (form.floating or form.signed or rescaled) and high >= _DIM * allowed[1]:
        return tones, None
    span = filled_range(low, high)
    return [tone if tone.window else replace(tone, span=span) for tone in tones], range_note(span)


def _spread(count: int) -> list[int]:
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, _SAMPLED))})


def _range(frames: Sequence[Frame]) -> tuple[float, float]:
    lows, highs = [], []
    for instance, index in frames:
        tone = instance.frames[index].tone
        stored = read_stored(instance.places, index).astype(np.float64)
        shown = np.isfinite(stored)
        if tone.padding is not None:
            shown &= (stored < tone.padding[0]) | (stored > tone.padding[1])
        values = modality_values(stored[shown], tone)
        if values.size:
            lows.append(float(values.min()))
            highs.append(float(values.max()))
    return min(lows, default=0.0), max(highs, default=1.0)

"""Join DICOM files into volumes, in spatial order, each with its localizer."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.errors import ReadError
from app.language import fill, mark
from app.reading.dicom.classes import Kind
from app.reading.dicom.instance import Instance
from app.reading.dicom.volume import Frame, localizer_of, volume_of
from app.reading.entries import natural
from app.reading.found import Found
from app.study import Laterality, Skipped, Volume


def join(instances: Sequence[Instance]) -> tuple[list[Found], list[Skipped]]:
    """Join files into volumes.

    A multi-frame object is one volume; single frames of one series, of one eye and size, are one;
    so are the parts of a concatenation.
    """
    kept, skipped = _once(instances)
    localizers = {each.sop_uid: each for each in kept if each.kind is Kind.LOCALIZER}
    found: list[Found] = []
    used: set[str] = set()
    for group in _groups(each for each in kept if each.kind is Kind.BSCANS):
        try:
            found.extend(_volumes(group, localizers, used))
        except ReadError as error:
            skipped.extend(
                Skipped(path=each.entry.path, reason=str(error), failed=True) for each in group
            )
    for each in localizers.values():
        if each.sop_uid in used:
            continue
        made_from = [at for at, one in enumerate(found) if each.sources & _sop_uids(one.volume)]
        if len(made_from) == 1 and found[made_from[0]].volume.localizer is None:
            found[made_from[0]] = _with_en_face(found[made_from[0]], each)
            continue
        reason = fill("It is {title}, and no B-scan refers to it.", title=each.title)
        skipped.append(Skipped(path=each.entry.path, reason=reason))
    return found, skipped


def _sop_uids(volume: Volume) -> set[str]:
    return {each.source.sop_instance_uid or "" for each in volume.bscans}


def _with_en_face(found: Found, image: Instance) -> Found:
    """The volume with the image that was made from it.

    It covers the volume, but does not say which B-scan is which of its rows, so no line is drawn.
    """
    note = mark("An en-face image that was made from this volume is kept with it.")
    volume = found.volume
    return replace(
        found,
        volume=replace(volume, localizer=localizer_of(image), notes=(*volume.notes, note)),
    )


def _once(instances: Sequence[Instance]) -> tuple[list[Instance], list[Skipped]]:
    """Keep the first file of each SOP instance."""
    kept: dict[str, Instance] = {}
    skipped = []
    for each in instances:
        first = kept.setdefault(each.sop_uid, each)
        if first is each:
            continue
        same = (
            (first.patient, first.study_uid, len(first.frames), first.form.rows)
            == (each.patient, each.study_uid, len(each.frames), each.form.rows)
        )  # fmt: skip
        reason = (
            mark("It is a second copy of an image that has been read.")
            if same
            else mark(
                "It has the identifier of another image but not its contents, so one of the two "
                "is wrong; the first was read."
            )
        )
        skipped.append(Skipped(path=each.entry.path, reason=reason, failed=not same))
    return list(kept.values()), skipped


def _groups(instances: Iterable[Instance]) -> list[list[Instance]]:
    groups: dict[tuple[object, ...], list[Instance]] = defaultdict(list)
    for each in instances:
        owner = (each.patient, each.study_uid)
        if each.concatenation:
            key: tuple[object, ...] = (*owner, "concatenation", each.concatenation)
        elif len(each.frames) > 1:
            key = (*owner, "object", each.sop_uid)
        else:
            size = (each.form.rows, each.form.columns)
            key = (*owner, "series", each.series_uid, _eye_of(each, 0), size)
        groups[key].append(each)
    for group in groups.values():
        group.sort(
            key=lambda each: (
                each.number is None,
                each.number or 0,
                natural(each.entry.path.name),
            )
        )
    return list(groups.values())


def _eye_of(instance: Instance, index: int) -> Laterality:
    """The eye of a frame, unknown where frame, image and series do not agree."""
    eyes = {instance.frames[index].eye, instance.eye} - {None}
    if instance.contradictory_eye or len(eyes) != 1:
        return Laterality.UNKNOWN
    return eyes.pop() or Laterality.UNKNOWN


def _volumes(
    group: list[Instance], localizers: dict[str, Instance], used: set[str]
) -> Iterable[Found]:
    by_eye: dict[Laterality, list[Frame]] = defaultdict(list)
    for instance in group:
        for index in range(len(instance.frames)):
            by_eye[_eye_of(instance, index)].append((instance, index))
    first = group[0]
    # A lone file is known by its own identifier, since its series may hold more files than these.
    uid = first.concatenation or (first.series_uid if len(group) > 1 else first.sop_uid)
    for eye, frames in by_eye.items():
        volume = volume_of(
            uid if len(by_eye) == 1 else f"{uid}-{eye.value}", eye, frames, localizers
        )
        if volume.localizer is not None:
            used.add(volume.localizer.source.sop_instance_uid or "")
        yield Found(
            volume=volume,
            patient=first.patient,
            study_uid=first.study_uid,
            visited=first.visited or (first.acquired.date() if first.acquired else None),
            description=first.study_description,
        )

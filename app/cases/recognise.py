"""Whether a study that is dropped is one that is known: by patient, identifiers and content."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.cases.files import digest_of
from app.cases.kept import KeptCase, LoadedCase
from app.cases.store import Store
from app.study import Study, StudyResult, VolumeResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recognised:
    """A study that was read, and what is kept of its visit."""

    study: Study
    kept: KeptCase | None = None
    loaded: LoadedCase | None = None
    changed: frozenset[str] = frozenset()  # UIDs of volumes whose files are not those of before


def recognise(study: Study, store: Store) -> Recognised:
    """Look a study up in the store; files of volumes that are known are read whole.

    Raises:
        StorageError: If the store cannot be read.
        DamagedFile: If a file cannot be read.
    """
    kept = store.find(study)
    if kept is None:
        return Recognised(study=study)
    loaded = store.load(kept.number)
    return Recognised(
        study=study, kept=kept, loaded=loaded, changed=_changed(study, loaded.contents)
    )


def _changed(study: Study, contents: Mapping[str, str]) -> frozenset[str]:
    known = [each for each in study.volumes if each.uid in contents]
    digests = {each.uid: digest_of(each) for each in known}
    return frozenset(
        uid for uid, digest in digests.items() if digest is not None and digest != contents[uid]
    )


def merged(known: Study, dropped: Study, changed: frozenset[str] = frozenset()) -> Study | None:
    """The known study with what the dropped one adds or replaces; None if that is nothing.

    What the reader said of a volume's eye stands.
    """
    coming = {each.uid: each for each in dropped.volumes}
    held = {each.uid for each in known.volumes}
    added = tuple(each for each in dropped.volumes if each.uid not in held)
    if not added and not changed:
        return None
    volumes = tuple(
        coming[each.uid].on_eye(each.laterality) if each.uid in changed else each
        for each in known.volumes
    )
    return replace(known, volumes=(*volumes, *added))


def relocated(known: Study, found: Study) -> Study | None:
    """The known study with the B-scans of `found`, its files at a new place; None if some lack."""
    coming = {each.uid: each for each in found.volumes}
    if any(
        each.uid not in coming or len(coming[each.uid].bscans) != len(each.bscans)
        for each in known.volumes
    ):
        return None
    volumes = tuple(
        replace(each, bscans=coming[each.uid].bscans, localizer=coming[each.uid].localizer)
        for each in known.volumes
    )
    return replace(known, volumes=volumes)


def rebased(result: StudyResult, study: Study) -> StudyResult:
    """The same result over the volumes of `study`, which lie elsewhere."""
    volumes = {each.uid: each for each in study.volumes}

    def moved(each: VolumeResult) -> VolumeResult:
        volume = volumes[each.volume.uid]
        bscans = tuple(
            replace(found, source=bscan.source)
            for found, bscan in zip(each.bscans, volume.bscans, strict=True)
        )
        return replace(each, volume=volume, bscans=bscans)

    eyes = tuple(replace(eye, volumes=tuple(map(moved, eye.volumes))) for eye in result.eyes)
    return replace(result, study=study, eyes=eyes)

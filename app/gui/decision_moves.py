"""What becomes of the calls on eyes when a reader says which eye a volume shows."""

from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import QCoreApplication

from app.cases.store import PATIENT, Decision, Entry
from app.cases.subjects import bscan_subjects
from app.cases.trail import OTHER_SCANS
from app.gui import wording
from app.gui.languages import apart
from app.gui.notice import Notice
from app.study import Laterality, Study

Carried = tuple[Entry, Laterality, Laterality]
"""A call, the eye it was given on and the eye it went to."""


def eyes_moved(
    before: Study, after: Study
) -> tuple[Sequence[Laterality], Mapping[Laterality, Laterality]]:
    """Return the eyes that show other scans now, and where all the scans of an eye went.

    Only an eye that had none before is such a place.
    """
    former, now = _scans(before), _scans(after)
    changed = [eye for eye in Laterality if former.get(eye) != now.get(eye)]
    goes_to = {
        eye: other
        for eye in changed
        for other in changed
        if eye in former and other not in former and former[eye] == now.get(other)
    }
    return changed, goes_to


def told_of(carried: Sequence[Carried], withdrawn: Sequence[Laterality]) -> Notice | None:
    """What the reader is told of it; None if no call was touched."""
    told = [
        translate("The call {answer} went along with the scans from “{former}” to “{now}”.").format(
            answer=wording.answer_word(entry.after or ""),
            former=wording.eye_long(former),
            now=wording.eye_long(now),
        )
        for entry, former, now in carried
    ] + [
        translate(
            "The call on “{eye}” was withdrawn: these are other scans than it was given on. "
            "Please decide again."
        ).format(eye=wording.eye_long(eye))
        for eye in withdrawn
    ]
    if not told:
        return None
    return Notice(kind="warning" if withdrawn else "information", text=" ".join(told))


def on_other_scans(before: Study, after: Study, replaced: Collection[str]) -> frozenset[str]:
    """The subjects of which calls were given on other scans than the study has now.

    The patient is one of them: what is said of a patient rests on all scans.

    Args:
        replaced: UIDs of the volumes whose files are others.
    """
    eyes = {*eyes_moved(before, after)[0]}
    eyes |= {each.laterality for each in after.volumes if each.uid in replaced}
    if not eyes:
        return frozenset()
    volumes = [each for each in before.volumes if each.uid in replaced]
    bscans = [subject for volume in volumes for subject in bscan_subjects(volume)]
    return frozenset((PATIENT, *map(str, eyes), *bscans))


def withdrawal(entry: Entry, study_uid: str, reader: str) -> Decision:
    """What takes back a call, whoever gave it, that was given on other scans.

    Args:
        study_uid: With the patient; see `trail_key`.
    """
    return Decision(
        reader=reader,
        study_uid=study_uid,
        subject=entry.subject,
        answer=None,
        machine=None,  # nothing has looked at the scans yet
        blind=False,
        note=OTHER_SCANS,
        model=entry.model,
    )


def told_withdrawn(name: str, subjects: Sequence[str]) -> Notice:
    """What the reader is told of calls that were given on other scans.

    Args:
        name: Of the study, which need not be the one on show.
    """
    eyes = [wording.eye_long(each) for each in Laterality if str(each) in subjects]
    patient = [translate("Patient")] if PATIENT in subjects else []
    bscans = len(subjects) - len(eyes) - len(patient)
    parts = [*eyes, *patient]
    if bscans:
        parts.append(translate("B-scans: {n}").format(n=bscans))
    words = translate(
        "{name}: calls were withdrawn, for these are other scans than they were given on ({what}). "
        "Please decide again."
    )
    return Notice(kind="warning", text=words.format(name=apart(name), what=wording.listed(parts)))


def translate(text: str) -> str:
    return QCoreApplication.translate("decision_moves", text)


def _scans(study: Study) -> dict[Laterality, set[str]]:
    """The UIDs of each eye's volumes."""
    held: dict[Laterality, set[str]] = {}
    for volume in study.volumes:
        held.setdefault(volume.laterality, set()).add(volume.uid)
    return held

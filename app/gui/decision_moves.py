"""What becomes of the calls on eyes when a reader says which eye a volume shows."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QCoreApplication

from app.cases.store import Entry
from app.gui import wording
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


def translate(text: str) -> str:
    return QCoreApplication.translate("decision_moves", text)


def _scans(study: Study) -> dict[Laterality, set[str]]:
    """The UIDs of each eye's volumes."""
    held: dict[Laterality, set[str]] = {}
    for volume in study.volumes:
        held.setdefault(volume.laterality, set()).add(volume.uid)
    return held

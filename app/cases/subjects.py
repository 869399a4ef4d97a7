"""What a decision or a calliper is about: the patient, an eye, or one B-scan.

Subjects are kept as text: `PATIENT`, a `Laterality`, or for a B-scan the UID of its SOP instance
and its frame number there, "1.2.840.1/14". Pictures and other files without SOP instances are
told by their volume's UID, which is derived from their content, and their place in it. The eye is
not part of it: a reader may say later which eye a volume shows.
"""

from app.study import Laterality, Volume

PATIENT = "patient"


def bscan_subject(volume: Volume, index: int) -> str:
    """Return the subject that stands for `volume.bscans[index]`."""
    source = volume.bscans[index].source
    if source.sop_instance_uid is not None:
        return f"{source.sop_instance_uid}/{source.frame_number}"
    return f"{volume.uid}/{index + 1}"


def bscan_subjects(volume: Volume) -> list[str]:
    """The subjects of all B-scans of a volume, in spatial order."""
    return [bscan_subject(volume, index) for index in range(len(volume.bscans))]


def is_eye(subject: str) -> bool:
    return subject in {str(each) for each in Laterality}

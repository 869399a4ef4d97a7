"""What the subjects of decisions are called."""

from PySide6.QtCore import QCoreApplication

from app.cases.subjects import PATIENT, bscan_subject
from app.gui import wording
from app.study import Study


def translate(text: str) -> str:
    return QCoreApplication.translate("subject_names", text)


def subject_names(study: Study) -> dict[str, str]:
    """Of the patient, each eye and each B-scan of a study; see `app.cases.subjects`."""
    names = {PATIENT: translate("Patient")}
    bscan = translate("{eye}, B-scan {n}")
    for volume in study.volumes:
        names[str(volume.laterality)] = wording.eye_long(volume.laterality)
        eye = wording.eye_short(volume.laterality)
        for index in range(len(volume.bscans)):
            names[bscan_subject(volume, index)] = bscan.format(eye=eye, n=index + 1)
    return names

"""How a patient and a visit are written in DICOM, wherever the program writes any."""

from datetime import date

from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid

from app.study import Patient, Study


def add_patient(dataset: Dataset, patient: Patient) -> None:
    """The Patient Module (PS3.3 C.7.1.1): present throughout, empty where nothing is known."""
    family, _, given = (patient.name or "").partition(", ")
    dataset.PatientName = f"{family}^{given}" if given else family
    dataset.PatientID = patient.identifier or ""
    dataset.PatientBirthDate = written_date(patient.birth_date)
    dataset.PatientSex = patient.sex or ""


def written_date(day: date | None) -> str:
    """A DA value (PS3.5 6.2), empty where the day is not known."""
    return f"{day:%Y%m%d}" if day else ""


def study_uid(study: Study) -> str:
    """The study's own identifier if it is one, else one derived from it, always the same."""
    valid = UID(study.uid).is_valid
    return study.uid if valid else str(generate_uid(entropy_srcs=["study", study.uid]))

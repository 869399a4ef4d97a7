"""The report as a DICOM object, so that an archive files it with the images.

Encapsulated PDF Storage (PS3.3 A.45.1): a series of its own in the study of the images, whose
patient and study attributes are copied from them as they stand. It is marked as unverified: no
program may say that a physician has read it. Identifiers are derived from the content, so the
same report is the same object however often it is saved.
"""

import struct
from datetime import datetime
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filewriter import dcmwrite
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian, generate_uid

from app import __version__
from app.dicom_identity import add_patient, study_uid, written_date
from app.results.output import output_file
from app.study import StudyResult

_COPIED = (
    # type 2 throughout: present even where it is empty
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_COPIED_IF_THERE = ("SpecificCharacterSet", "IssuerOfPatientID", "StudyDescription")
_SERIES_NUMBER = 9001  # behind those that devices use, so that the images stay first in a list
_READ_ERRORS = (OSError, InvalidDicomError, EOFError, ValueError, KeyError, struct.error)
"""What pydicom raises on a file that has gone or is none of its own."""


def write_encapsulated(result: StudyResult, report: bytes, path: Path, when: datetime) -> None:
    """Write a report as Encapsulated PDF Storage.

    Args:
        report: The PDF, from `app.report.render`.
        when: When it was made.

    Raises:
        ReportError: If the file cannot be written.
    """
    dataset = _patient_and_study(result)
    instance = generate_uid(entropy_srcs=[result.study.uid, report.hex()])
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.SOPInstanceUID = instance
    dataset.TimezoneOffsetFromUTC = when.strftime("%z") or "+0000"
    dataset.Modality = "DOC"
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["report series", str(instance)])
    dataset.SeriesNumber = _SERIES_NUMBER
    dataset.SeriesDescription = "Retinal OCT report"
    _add_equipment(dataset)
    _add_document(dataset, result, report, when)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    meta.MediaStorageSOPInstanceUID = instance
    dataset.file_meta = meta
    with output_file(path) as file:
        dcmwrite(file, dataset, enforce_file_format=True)


def _patient_and_study(result: StudyResult) -> Dataset:
    """The attributes of the images' own files, else what the study says."""
    dataset, source = Dataset(), _header(result.study.volumes[0].bscans[0].source.path)
    if source is not None and source.get("StudyInstanceUID") == result.study.uid:
        for keyword in _COPIED_IF_THERE:
            if keyword in source:
                dataset[keyword] = source[keyword]
        for keyword in _COPIED:
            if keyword in source:
                dataset[keyword] = source[keyword]
            else:
                setattr(dataset, keyword, "")
        dataset.StudyInstanceUID = source.StudyInstanceUID
        return dataset
    study = result.study
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _COPIED:
        setattr(dataset, keyword, "")
    add_patient(dataset, study.patient)
    dataset.StudyDate = written_date(study.visited)
    dataset.StudyInstanceUID = study_uid(study)
    return dataset


def _header(path: Path) -> Dataset | None:
    try:
        return pydicom.dcmread(path, stop_before_pixels=True)
    except _READ_ERRORS:
        return None


def _add_equipment(dataset: Dataset) -> None:
    dataset.Manufacturer = "KD-OCT"
    dataset.ManufacturerModelName = "KD-OCT"
    dataset.SoftwareVersions = __version__
    dataset.ConversionType = "WSD"  # made on a workstation


def _add_document(dataset: Dataset, result: StudyResult, report: bytes, when: datetime) -> None:
    """The Encapsulated Document Module, PS3.3 C.24.2."""
    dataset.InstanceNumber = 1
    dataset.ContentDate = f"{when:%Y%m%d}"
    dataset.ContentTime = f"{when:%H%M%S}"
    dataset.AcquisitionDateTime = ""
    dataset.BurnedInAnnotation = "YES"
    dataset.RecognizableVisualFeatures = "NO"
    sources = _sources(result)
    if sources:
        dataset.SourceInstanceSequence = sources
    dataset.DocumentTitle = "Retinal OCT report"
    concept = Dataset()
    concept.CodeValue = "18748-4"
    concept.CodingSchemeDesignator = "LN"
    concept.CodeMeaning = "Diagnostic Imaging Report"
    dataset.ConceptNameCodeSequence = [concept]
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(report)
    dataset.add_new("EncapsulatedDocument", "OB", report + b"\0" * (len(report) % 2))


def _sources(result: StudyResult) -> list[Dataset]:
    """A reference to every SOP instance that was analysed; one class for each volume."""
    items = []
    for volume in result.study.volumes:
        header = _header(volume.bscans[0].source.path)
        instances = dict.fromkeys(each.source.sop_instance_uid for each in volume.bscans)
        for instance in instances:
            if header is not None and instance is not None and "SOPClassUID" in header:
                item = Dataset()
                item.ReferencedSOPClassUID = header.SOPClassUID
                item.ReferencedSOPInstanceUID = instance
                items.append(item)
    return items

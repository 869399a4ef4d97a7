"""De-identify studies by the Basic Application Level Confidentiality Profile (PS3.15 Annex E).

Every attribute of the standard's table is removed, emptied or replaced at every depth; UIDs are
replaced consistently within a run, so that what belonged together still does; private attributes,
curves and overlays are removed. What is written on the pixels is not changed, only warned about.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid

from app import __version__
from app.anonymise_table import ACTIONS, DEVICE
from app.convert import write_linked
from app.errors import AppError, DamagedFile, ReportError, system_says
from app.files import whole_file
from app.language import fill, mark
from app.progress import Progress, ignore_progress
from app.study import Patient, Study, Volume

_STANDARD_UIDS = "1.2.840.10008."
_BIRTH_DATE = 0x00100030
_DATES = {"DA", "DT", "TM"}
_TIME_ZONE = 0x00080201
_DUMMIES = {
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "PN": "Anonymous",
    "DS": "0",
    "IS": "0",
    "AS": "000Y",
    "AE": "ANONYMOUS",
    "CS": "ANONYMOUS",
    "UR": "about:blank",
}
_NUMBERS = {"FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"}
_BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
_MAY_CARRY_TEXT = mark(
    "The images are captures or photographs that do not say that no text is burned in. Look at "
    "each of them before you give them away."
)
_CARRIES_TEXT = mark(
    "The images carry burned-in text, which may name the patient; it was not removed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retain:
    """Options of the profile: what is kept although it may point to the patient."""

    device: bool = False  # Retain Device Identity, E.3.8
    dates: bool = False  # Retain Longitudinal Temporal Information with full dates, E.3.6


NOTHING = Retain()


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """New names for old, the same for the same within one run, and not to be reckoned back."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def uid(self, uid: str) -> str:
        if not uid or uid.startswith(_STANDARD_UIDS):
            return uid
        return str(generate_uid(prefix="2.25.", entropy_srcs=[self._digest(uid)]))

    def patient(self, *identity: str) -> str:
        return f"ANON-{self._digest(*identity)[:12].upper()}"

    def _digest(self, *parts: str) -> str:
        return blake2b("\0".join(parts).encode("utf-8", "replace"), key=self.key).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What an anonymised copy came to."""

    written: tuple[Path, ...]
    warnings: tuple[str, ...]
    failures: tuple[AppError, ...] = ()


def anonymise_studies(
    studies: Sequence[Study],
    folder: Path,
    *,
    retain: Retain = Retain(),
    progress: Progress = ignore_progress,
) -> Copies:
    """Write de-identified copies of everything in `studies` under neutral names.

    DICOM files keep their form and their pixels; other files are written as DICOM tomography.
    What cannot be written is reported, and the rest goes on.
    """
    pseudonyms = Pseudonyms()
    volumes = [(study, volume) for study in studies for volume in study.volumes]
    written: list[Path] = []
    warnings: dict[str, None] = {}
    failures: list[AppError] = []
    for number, (study, volume) in enumerate(volumes, start=1):
        name = f"study-{studies.index(study) + 1}"
        target = folder / name / f"{volume.laterality.value}-{number}"
        try:
            paths, notes = _anonymise_volume(study, volume, target, pseudonyms, retain)
            written += paths
            warnings |= dict.fromkeys(notes)
        except AppError as error:
            failures.append(error)
        progress(number, len(volumes))
    return Copies(written=tuple(written), warnings=tuple(warnings), failures=tuple(failures))


def _anonymise_volume(
    study: Study, volume: Volume, target: Path, pseudonyms: Pseudonyms, retain: Retain
) -> tuple[list[Path], list[str]]:
    sources = [bscan.source for bscan in volume.bscans]
    if volume.localizer is not None:
        sources.append(volume.localizer.source)
    files = list(dict.fromkeys(source.path for source in sources))
    if not all(source.sop_instance_uid for source in sources) or not all(
        path.is_file() for path in files
    ):
        return _converted(study, volume, target, pseudonyms, retain), []
    written, notes = [], []
    for number, path in enumerate(files, start=1):
        copy = target / f"{number}.dcm" if len(files) > 1 else target.with_suffix(".dcm")
        notes += anonymise_file(path, copy, pseudonyms, retain)
        written.append(copy)
    return written, notes


def _converted(
    study: Study, volume: Volume, target: Path, pseudonyms: Pseudonyms, retain: Retain
) -> list[Path]:
    """Write what was not a DICOM file as one, without its identifiers."""
    patient = study.patient
    stripped = replace(
        study,
        uid=pseudonyms.uid(study.uid),
        patient=Patient(identifier=_pseudonym(pseudonyms, patient)),
        visited=study.visited if retain.dates else None,
        description=None,
    )
    nameless = replace(
        volume,
        uid=pseudonyms.uid(volume.uid),
        acquired=volume.acquired if retain.dates else None,
    )
    return list(write_linked(nameless, stripped, target))


def _pseudonym(pseudonyms: Pseudonyms, patient: Patient) -> str:
    return pseudonyms.patient(patient.identifier or "", patient.name or "")


def anonymise_file(path: Path, target: Path, pseudonyms: Pseudonyms, retain: Retain) -> list[str]:
    """Write a de-identified copy of one DICOM file; its pixels are copied as they are.

    Returns:
        Sentences on what the user must look at.

    Raises:
        DamagedFile: If the file cannot be read as DICOM.
        ReportError: If the copy cannot be written.
    """
    from app.reading.dicom.header import PARSE_ERRORS

    try:
        dataset = pydicom.dcmread(path)
        warnings = _burned_in(dataset)
        anonymise_dataset(dataset, pseudonyms, retain)
        with whole_file(target) as file:
            dataset.save_as(file, enforce_file_format=True)
    except OSError as error:
        raise ReportError(
            fill(
                "The anonymised copy could not be written: {reason}. Choose another folder, or "
                "make room on the disk.",
                reason=system_says(error),
            )
        ) from error
    except PARSE_ERRORS as error:
        raise DamagedFile("A file is damaged DICOM; no anonymised copy of it was made.") from error
    return warnings


def anonymise_dataset(dataset: Dataset, pseudonyms: Pseudonyms, retain: Retain) -> None:
    """De-identify a data set in place, its file meta group included."""
    identity = (str(dataset.get("PatientID") or ""), str(dataset.get("PatientName") or ""))
    _clean(dataset, pseudonyms, retain)
    dataset.PatientID = dataset.PatientName = pseudonyms.patient(*identity)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = f"KD-OCT {__version__}: PS3.15 Basic Profile"
    dataset.LongitudinalTemporalInformationModified = "UNMODIFIED" if retain.dates else "REMOVED"
    codes = [("113100", "Basic Application Confidentiality Profile")]
    if retain.device:
        codes.append(("113109", "Retain Device Identity Option"))
    if retain.dates:
        codes.append(("113106", "Retain Longitudinal Temporal Information Full Dates Option"))
    dataset.DeidentificationMethodCodeSequence = Items([_code(*code) for code in codes])
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "")
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    dataset.file_meta = meta
    if hasattr(dataset, "preamble"):
        dataset.preamble = bytes(128)


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _clean(dataset: Dataset, pseudonyms: Pseudonyms, retain: Retain) -> None:
    for tag in list(dataset.keys()):
        if tag.is_private or tag.element == 0 or tag.group >> 8 in (0x50, 0x60):
            del dataset[tag]
            continue
        element = dataset[tag]
        action = _action(element, retain)
        if action == "X":
            del dataset[tag]
        elif action == "Z":
            element.value = Items() if element.VR == "SQ" else None
        elif action == "D":
            element.value = _dummy(element)
        elif element.VR == "SQ":
            for item in element.value:
                _clean(item, pseudonyms, retain)
        elif element.VR == "UI":
            _rename(element, pseudonyms)


def _action(element: DataElement, retain: Retain) -> str:
    """One of X, Z, D, or K: keep, with its UIDs renamed and its items cleaned."""
    tag = int(element.tag)
    if retain.dates and (element.VR in _DATES or tag == _TIME_ZONE) and tag != _BIRTH_DATE:
        return "K"
    if retain.device and tag in DEVICE:
        return "K"
    action = ACTIONS.get(tag, "K")
    if "U" in action:
        return "K"
    # Where the standard leaves a choice, the value that is valid wherever the attribute may be
    # mandatory: a dummy before nothing.
    return "D" if "D" in action else "Z" if "Z" in action else action


def _dummy(element: DataElement) -> object:
    if element.VR == "SQ":
        return Items()
    if element.VR in _NUMBERS:
        return 0
    if element.VR in _BINARY:
        return b"\0\0"
    return _DUMMIES.get(element.VR, "anonymous")


def _rename(element: DataElement, pseudonyms: Pseudonyms) -> None:
    value = element.value
    if isinstance(value, str):
        element.value = pseudonyms.uid(value)
    elif value is not None:
        element.value = [pseudonyms.uid(str(each)) for each in value]


def _burned_in(dataset: Dataset) -> list[str]:
    says = str(dataset.get("BurnedInAnnotation") or "").upper()
    if says == "YES":
        return [_CARRIES_TEXT]
    tomography = str(dataset.get("Modality") or "") == "OPT"
    return [] if says == "NO" or (tomography and not says) else [_MAY_CARRY_TEXT]

"""What one DICOM file contributes, as far as its header tells."""

from dataclasses import dataclass
from datetime import date, datetime

from pydicom.dataset import Dataset

from app.errors import DamagedFile
from app.reading.dicom import classes
from app.reading.dicom.classes import Kind
from app.reading.dicom.directory import FileId, file_ids
from app.reading.dicom.form import PixelForm, form_of
from app.reading.dicom.frames import FrameFacts, eye_of, frame_facts
from app.reading.dicom.header import PARSE_ERRORS, Header, read_header
from app.reading.dicom.pixels import check_first_frame
from app.reading.dicom.places import FramePlaces, find_frames
from app.reading.entries import Entry
from app.reading.identifiers import uid_of_content
from app.study import Laterality, Patient

PHANTOM_MANUFACTURER = "KD-OCT phantom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One DICOM object with pixels. Its identifiers are never empty."""

    entry: Entry
    kind: Kind
    sop_class: str
    sop_uid: str
    series_uid: str
    study_uid: str
    concatenation: str | None
    number: int | None  # Instance Number, or In-Concatenation Number
    patient: Patient
    issuer: str
    visited: date | None
    acquired: datetime | None
    device: str | None
    study_description: str | None
    eye: Laterality | None  # of image and series
    contradictory_eye: bool
    form: PixelForm
    places: FramePlaces
    frames: tuple[FrameFacts, ...]
    notes: tuple[str, ...] = ()
    synthetic: bool = False

    @property
    def title(self) -> str:
        return classes.title_of(self.sop_class, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOct:
    """A DICOM object that holds neither B-scans nor a localizer."""

    entry: Entry
    reason: str
    listed: tuple[FileId, ...] = ()  # the files of a DICOMDIR


def read_instance(entry: Entry) -> Instance | NotOct:
    """Read one file's header.

    Raises:
        DamagedFile: If it is OCT, but broken.
        UnsupportedFile: If it is OCT of a form that we do not read.
        OSError: If it cannot be read.
    """
    header = read_header(entry)
    try:
        return _instance(header)
    except PARSE_ERRORS as error:
        raise DamagedFile("It is DICOM, but its header is damaged.") from error


def _instance(header: Header) -> Instance | NotOct:
    dataset = header.dataset
    sop_class = _text(dataset, "SOPClassUID")
    if not sop_class and _text(dataset.file_meta, "MediaStorageSOPClassUID") == classes.DIRECTORY:
        sop_class = classes.DIRECTORY  # a directory says it nowhere else
    modality = _text(dataset, "Modality").upper()
    words = " ".join(
        _text(dataset, keyword) for keyword in ("ImageType", "SeriesDescription", "ProtocolName")
    )
    kind = classes.kind_of(sop_class, modality, words, pixels=header.pixels is not None)
    if kind is Kind.OTHER:
        title = classes.title_of(sop_class, modality)
        return NotOct(
            entry=header.entry,
            reason=f"It is {title}, not a B-scan.",
            listed=file_ids(dataset) if sop_class == classes.DIRECTORY else (),
        )

    frames = _number_of_frames(dataset)
    form = form_of(header, frames)
    places = find_frames(header, form, frames)
    check_first_frame(header, places)
    eyes = {_eye(dataset, keyword) for keyword in ("ImageLaterality", "Laterality")} - {None}
    sop_uid = _text(dataset, "SOPInstanceUID") or uid_of_content([header.entry])
    series_uid = _text(dataset, "SeriesInstanceUID")
    concatenation = _text(dataset, "ConcatenationUID") or None
    return Instance(
        entry=header.entry,
        kind=kind,
        sop_class=sop_class,
        sop_uid=sop_uid,
        series_uid=series_uid or sop_uid,
        study_uid=_text(dataset, "StudyInstanceUID") or series_uid or sop_uid,
        concatenation=concatenation,
        number=_number(dataset, "InConcatenationNumber" if concatenation else "InstanceNumber"),
        patient=_patient(dataset),
        issuer=_text(dataset, "IssuerOfPatientID"),
        visited=_first_date(dataset),
        acquired=_acquired(dataset),
        device=_device(dataset),
        study_description=_text(dataset, "StudyDescription") or None,
        eye=eyes.pop() if len(eyes) == 1 else None,
        contradictory_eye=len(eyes) > 1,
        form=form,
        places=places,
        frames=frame_facts(dataset, form, frames),
        notes=_notes(dataset, form, kind, sop_class),
        synthetic=_text(dataset, "Manufacturer") == PHANTOM_MANUFACTURER
        and _text(dataset, "SeriesDescription").startswith("SYNTHETIC"),
    )


def _number_of_frames(dataset: Dataset) -> int:
    value = dataset.get("NumberOfFrames")
    return 1 if value is None or value == "" else int(value)


def _notes(dataset: Dataset, form: PixelForm, kind: Kind, sop_class: str) -> tuple[str, ...]:
    notes = []
    if form.syntax.lossy or _text(dataset, "LossyImageCompression") == "01":
        ratio = _text(dataset, "LossyImageCompressionRatio").split(" ")[-1]
        method = form.syntax.title if form.syntax.lossy else "before it was stored"
        detail = f", about {ratio} to 1" if ratio not in ("", "1") else ""
        notes.append(f"The images were compressed with loss ({method}{detail}).")
    if kind is Kind.BSCANS and sop_class != classes.TOMOGRAPHY:
        notes.append(
            f"The B-scans were stored as {classes.title_of(sop_class, 'OPT')}, without geometry."
        )
    if _text(dataset, "BurnedInAnnotation").upper() == "YES":
        notes.append("The images carry burned-in text, which may name the patient.")
    return tuple(notes)


def _text(dataset: Dataset, keyword: str) -> str:
    """An attribute in words, several values joined by spaces; "" where it is absent or broken."""
    try:
        value = dataset.get(keyword)
        if value is None:
            return ""
        if isinstance(value, str):
            return value.strip(" \0")
        if hasattr(value, "__iter__"):
            return " ".join(str(each) for each in value).strip()
        return str(value).strip(" \0")
    except PARSE_ERRORS:
        return ""


def _number(dataset: Dataset, keyword: str) -> int | None:
    try:
        return int(_text(dataset, keyword))
    except ValueError:
        return None


def _eye(dataset: Dataset, keyword: str) -> Laterality | None:
    return eye_of(_text(dataset, keyword))


def _date(text: str) -> date | None:
    """A DA value, or the day of a DT value (PS3.5 6.2); the form with dots is of ACR-NEMA."""
    digits = text.replace(".", "", 2)[:8] if text[4:5] == "." else text[:8]
    try:
        day = datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        return None
    # De-identification writes 1 January 1900 where a date is mandatory; it is nobody's.
    return day if day > date(1900, 1, 1) else None


def _first_date(dataset: Dataset) -> date | None:
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "AcquisitionDateTime"):
        if day := _date(_text(dataset, keyword)):
            return day
    return None


def _acquired(dataset: Dataset) -> datetime | None:
    text = _text(dataset, "AcquisitionDateTime")
    if not text:
        text = _text(dataset, "AcquisitionDate") + _text(dataset, "AcquisitionTime")
    day, time = _date(text), text[8:14]
    if day is None or not (len(time) in (4, 6) and time.isdigit()):
        return None
    hour, minute, second = int(time[:2]), int(time[2:4]), int(time[4:] or 0)
    if hour > 23 or minute > 59:
        return None
    fraction = text[15:21] if text[14:15] == "." else ""
    micro = int(fraction.ljust(6, "0")) if fraction.isdigit() else 0
    return datetime(day.year, day.month, day.day, hour, minute, min(second, 59), micro)


def _device(dataset: Dataset) -> str | None:
    maker, model = _text(dataset, "Manufacturer"), _text(dataset, "ManufacturerModelName")
    words = [each for each in (maker, model) if each and each.casefold() != "unknown"]
    return " ".join(words) or None


def _patient(dataset: Dataset) -> Patient:
    sex = _text(dataset, "PatientSex").upper()
    return Patient(
        identifier=_text(dataset, "PatientID") or None,
        name=_name(dataset),
        birth_date=_date(_text(dataset, "PatientBirthDate")),
        sex=sex if sex in ("F", "M", "O") else None,
    )


def _name(dataset: Dataset) -> str | None:
    """“Family, Given Middle”, and the ideographic form after it where there is one."""
    try:
        value = dataset.get("PatientName")
        groups = [] if not value else [value.alphabetic, value.ideographic]
    except PARSE_ERRORS:
        return None
    written = []
    for group in groups:
        family, *given = [part.strip() for part in str(group).split("^")[:3]]
        first_names = " ".join(part for part in given if part)
        if joined := ", ".join(part for part in (family, first_names) if part):
            written.append(joined)
    if not written:
        return None
    return written[0] if len(written) == 1 else f"{written[0]} ({written[1]})"

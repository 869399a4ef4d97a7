"""What one DICOM file contributes, as far as its header tells."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, cast

from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from app.errors import DamagedFile
from app.language import fill, mark
from app.reading.dicom import classes
from app.reading.dicom.classes import Kind
from app.reading.dicom.directory import FileId, file_ids
from app.reading.dicom.form import PixelForm, form_of
from app.reading.dicom.frames import FrameFacts, eye_of, frame_facts
from app.reading.dicom.header import PARSE_ERRORS, Header, read_header
from app.reading.dicom.pixels import check_first_frame
from app.reading.dicom.places import FramePlaces, find_frames
from app.reading.dicom.values import sequence_of, text_of, value_of
from app.reading.entries import Entry
from app.reading.identifiers import uid_of_content
from app.study import BURNED_IN, Laterality, Loss, Patient

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
    loss: Loss | None = None
    sources: frozenset[str] = frozenset()  # SOP Instance UIDs of what it was made from
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
    sop_class = text_of(dataset, "SOPClassUID")
    if not sop_class and text_of(dataset.file_meta, "MediaStorageSOPClassUID") == classes.DIRECTORY:
        sop_class = classes.DIRECTORY  # a directory says it nowhere else
    modality = text_of(dataset, "Modality").upper()
    words = " ".join(
        text_of(dataset, keyword) for keyword in ("ImageType", "SeriesDescription", "ProtocolName")
    )
    kind = classes.kind_of(sop_class, modality, words, pixels=header.pixels is not None)
    if kind is Kind.OTHER:
        title = classes.title_of(sop_class, modality)
        return NotOct(
            entry=header.entry,
            reason=fill("It is {title}, not a B-scan.", title=title),
            listed=file_ids(dataset) if sop_class == classes.DIRECTORY else (),
        )

    frames = _number_of_frames(dataset)
    form = form_of(header, frames)
    places = find_frames(header, form, frames)
    check_first_frame(header, places)
    loss = _loss(dataset, places)
    eyes = {_eye(dataset, keyword) for keyword in ("ImageLaterality", "Laterality")} - {None}
    sop_uid = text_of(dataset, "SOPInstanceUID") or uid_of_content([header.entry])
    series_uid = text_of(dataset, "SeriesInstanceUID")
    concatenation = text_of(dataset, "ConcatenationUID") or None
    return Instance(
        entry=header.entry,
        kind=kind,
        sop_class=sop_class,
        sop_uid=sop_uid,
        series_uid=series_uid or sop_uid,
        study_uid=text_of(dataset, "StudyInstanceUID") or series_uid or sop_uid,
        concatenation=concatenation,
        number=_number(dataset, "InConcatenationNumber" if concatenation else "InstanceNumber"),
        patient=_patient(dataset),
        issuer=text_of(dataset, "IssuerOfPatientID"),
        visited=_first_date(dataset),
        acquired=_acquired(dataset),
        device=_device(dataset),
        study_description=text_of(dataset, "StudyDescription") or None,
        eye=eyes.pop() if len(eyes) == 1 else None,
        contradictory_eye=len(eyes) > 1,
        form=form,
        places=places,
        frames=frame_facts(dataset, form, frames),
        notes=_notes(dataset, form, loss, _Class(kind, sop_class)),
        loss=loss,
        sources=frozenset(
            text_of(item, "ReferencedSOPInstanceUID")
            for item in sequence_of(dataset, "SourceImageSequence")
        ),
        synthetic=text_of(dataset, "Manufacturer") == PHANTOM_MANUFACTURER
        and text_of(dataset, "SeriesDescription").startswith("SYNTHETIC"),
    )


def _number_of_frames(dataset: Dataset) -> int:
    return int(float(text_of(dataset, "NumberOfFrames") or 1))


def _loss(dataset: Dataset, places: FramePlaces) -> Loss | None:
    """What the file says of lossy compression; of the last, its ratio as it lies in the file."""
    lossy = places.form.syntax.lossy
    if not lossy and text_of(dataset, "LossyImageCompression") != "01":
        return None
    methods = tuple(text_of(dataset, "LossyImageCompressionMethod").split())
    ratios = tuple(_positive(text_of(dataset, "LossyImageCompressionRatio").split()))
    if lossy and len(ratios) == len(methods) == 0:
        packed = sum(length for frame in places.fragments for _, length in frame)
        form = places.form
        plain = form.rows * form.columns * form.samples * (form.allocated // 8)
        methods, ratios = (form.syntax.method,), (plain * len(places.fragments) / packed,)
    return Loss(methods=methods, ratios=ratios)


def _positive(values: list[str]) -> Iterator[float]:
    for value in values:
        try:
            number = float(value)
        except ValueError:
            return
        if 0 < number < 1e6:
            yield number


class _Class(NamedTuple):
    kind: Kind
    uid: str


def _notes(
    dataset: Dataset, form: PixelForm, loss: Loss | None, sop_class: _Class
) -> tuple[str, ...]:
    notes = []
    if loss is not None:
        method = form.syntax.title if form.syntax.lossy else mark("before it was stored")
        ratio = loss.ratios[-1] if loss.ratios else 1
        notes.append(
            fill(
                "The images were compressed with loss ({method}, about {ratio} to 1).",
                method=method,
                ratio=f"{ratio:.2g}",
            )
            if ratio > 1
            else fill("The images were compressed with loss ({method}).", method=method)
        )
    if sop_class.kind is Kind.BSCANS and sop_class.uid != classes.TOMOGRAPHY:
        notes.append(
            fill(
                "The B-scans were stored as {kind}, without geometry.",
                kind=classes.title_of(sop_class.uid, "OPT"),
            )
        )
    if text_of(dataset, "BurnedInAnnotation").upper() == "YES":
        notes.append(BURNED_IN)
    groups = sequence_of(dataset, "PerFrameFunctionalGroupsSequence")
    if groups and len(groups) != _number_of_frames(dataset):
        notes.append(
            fill(
                "The file describes {groups} frames and holds {found}; nobody knows which "
                "description is of which frame, and none was used.",
                groups=len(groups),
                found=_number_of_frames(dataset),
            )
        )
    return tuple(notes)


def _number(dataset: Dataset, keyword: str) -> int | None:
    try:
        return int(text_of(dataset, keyword))
    except ValueError:
        return None


def _eye(dataset: Dataset, keyword: str) -> Laterality | None:
    return eye_of(text_of(dataset, keyword))


def _date(text: str) -> date | None:
    """A DA value, or the day of a DT value (PS3.5 6.2); the form with dots is of ACR-NEMA."""
    digits = text.replace(".", "", 2)[:8] if text[4:5] == "." else text[:8]
    if len(digits) != 8 or not digits.isdecimal():
        return None
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    # De-identification writes 1 January 1900 where a date is mandatory; it is nobody's.
    return day if day > date(1900, 1, 1) else None


def _first_date(dataset: Dataset) -> date | None:
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "AcquisitionDateTime"):
        if day := _date(text_of(dataset, keyword)):
            return day
    return None


def _acquired(dataset: Dataset) -> datetime | None:
    text = text_of(dataset, "AcquisitionDateTime")
    if not text:
        text = text_of(dataset, "AcquisitionDate") + text_of(dataset, "AcquisitionTime")
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
    maker, model = text_of(dataset, "Manufacturer"), text_of(dataset, "ManufacturerModelName")
    words = [each for each in (maker, model) if each and each.casefold() != "unknown"]
    return " ".join(words) or None


def _patient(dataset: Dataset) -> Patient:
    sex = text_of(dataset, "PatientSex").upper()
    return Patient(
        identifier=text_of(dataset, "PatientID") or None,
        name=_name(dataset),
        birth_date=_date(text_of(dataset, "PatientBirthDate")),
        sex=sex if sex in ("F", "M", "O") else None,
    )


def _name(dataset: Dataset) -> str | None:
    """“Family, Given Middle”, and the ideographic form after it where there is one."""
    text = text_of(dataset, "PatientName")
    if text.isascii() and "=" not in text:
        groups = [text]  # most names, and much quicker than pydicom's way
    else:
        try:
            value = cast("PersonName | None", value_of(dataset, "PatientName"))
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

"""Heidelberg HEYEX export as XML with pictures beside it.

The XML names patient, visit, eye, scale and the place of each line; the pictures hold the pixels.
Only the last part of a picture's address is used, and it is looked for beside the XML.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from app.errors import DamagedFile, ReadError
from app.language import fill, mark
from app.reading.dicom.frames import FrameFacts, eye_of
from app.reading.dicom.order import Ordered, spatial_order
from app.reading.entries import Entry
from app.reading.found import Found
from app.reading.identifiers import uid_of_words
from app.reading.lines import Points, circle_on, line_on
from app.reading.pictures import LOSS_NOTE, loss_of, read_pages
from app.study import BScan, Laterality, Localizer, Patient, Spacing, Volume

_LARGEST = 256 << 20  # bytes; layers of 61 B-scans of 1536 columns take 10 MB


def read_heyex(
    entry: Entry, pictures: Mapping[str, Entry]
) -> tuple[list[Found], set[str], list[ReadError]]:
    """Read an export.

    Args:
        entry: The XML.
        pictures: The pictures in its folder, by their names in lower case.

    Returns:
        The volumes, the names of the pictures that they use, and what could not be read.

    Raises:
        DamagedFile: If the XML is damaged.
        OSError: If it cannot be read.
    """
    root = parsed(entry, "HEYEX")
    found: list[Found] = []
    used: set[str] = set()
    failures: list[ReadError] = []
    for patient in root.iter("Patient"):
        for study in patient.iter("Study"):
            for series in study.iter("Series"):
                named = {_file_name(image) for image in series.iter("Image")}
                used |= named & set(pictures)
                try:
                    found.extend(_series(series, study, patient, pictures))
                except ReadError as error:
                    failures.append(error)
    return found, used, failures


def parsed(entry: Entry, maker: str) -> Element:
    """Parse an export's XML.

    Raises:
        DamagedFile: If it is damaged, or could grow without end.
        OSError: If it cannot be read.
    """
    if entry.size > _LARGEST:
        raise DamagedFile(
            fill("This {maker} export is larger than any; it is not opened.", maker=maker)
        )
    with entry.open() as file:
        content = file.read()
    # The exports have none, and they are how small XML becomes huge.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DamagedFile(
            fill("It is XML with definitions of its own, which no {maker} export has.", maker=maker)
        )
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DamagedFile(
            fill("It is a {maker} export whose XML is damaged or cut.", maker=maker)
        ) from error


def _series(
    series: Element, study: Element, patient: Element, pictures: Mapping[str, Entry]
) -> Iterable[Found]:
    images = [each for each in series.iter("Image") if _text(each, "ImageType/Type") == "OCT"]
    if not images:
        return
    localizer, scale = _localizer(series, pictures)
    circular = "circ" in _text(series, "Type").casefold()
    places = [_place(image, scale, circular=circular) for image in images]
    facts = [
        FrameFacts(
            location=place or None,
            axial_mm=_positive(_number(image, "OphthalmicAcquisitionContext/ScaleY")),
            lateral_mm=_positive(_number(image, "OphthalmicAcquisitionContext/ScaleX")),
        )
        for image, place in zip(images, places, strict=True)
    ]
    ordered = spatial_order(facts, mark("stored order"))
    bscans = [_bscan(images[at], places[at], pictures) for at in ordered.order]
    eyes = {eye_of(_text(each, "Laterality")) for each in (series, *images)} - {None}
    notes = []
    if len(eyes) > 1:
        notes.append(mark("The file names both eyes in different places; set the eye."))
    # The pictures of one export are of one kind.
    loss = loss_of(pictures[_file_name(images[0])])
    if loss:
        notes.append(LOSS_NOTE)
    visited = _date(study.find("StudyDate/Date"))
    uid = _identifier(series, study)
    yield Found(
        volume=Volume(
            uid=uid,
            laterality=(eyes.pop() if len(eyes) == 1 else None) or Laterality.UNKNOWN,
            bscans=tuple(bscans),
            order=ordered.basis,
            spacing=_spacing(facts, ordered, scale),
            device=_device(series),
            localizer=localizer,
            notes=tuple(notes),
            loss=loss,
        ),
        patient=_patient(patient),
        study_uid=_study_uid(patient, study, visited) or uid,
        visited=visited,
    )


def _identifier(series: Element, study: Element) -> str:
    words = (_text(study, "StudyUID"), _text(series, "SeriesUID"), _text(series, "ID"))
    return uid_of_words(*(words if any(words) else [ElementTree.tostring(series, "unicode")]))


def _study_uid(patient: Element, study: Element, visited: date | None) -> str | None:
    """What is common to one patient's series of one visit; nothing, if the patient is not named."""
    if given := _text(study, "StudyUID"):
        return given
    named = _text(patient, "PatientID")
    return uid_of_words("heyex", named, visited) if named and visited else None


def _localizer(
    series: Element, pictures: Mapping[str, Entry]
) -> tuple[Localizer | None, float | None]:
    """The infrared image, if it is there, and its scale in mm per pixel."""
    for image in series.iter("Image"):
        if _text(image, "ImageType/Type") != "LOCALIZER":
            continue
        across = _positive(_number(image, "OphthalmicAcquisitionContext/ScaleX"))
        down = _positive(_number(image, "OphthalmicAcquisitionContext/ScaleY"))
        entry = pictures.get(_file_name(image))
        if entry is None:
            return None, across
        try:
            (page, *_) = read_pages(entry)
        except ReadError:
            return None, across  # the B-scans can be read without it
        localizer = Localizer(
            source=page.source,
            rows=page.rows,
            columns=page.columns,
            load=page.load,
            spacing_mm=(down, across) if down and across else None,
        )
        return localizer, across
    return None, None


def _bscan(image: Element, place: Points, pictures: Mapping[str, Entry]) -> BScan:
    entry = pictures.get(_file_name(image))
    if entry is None:
        raise DamagedFile("It is a HEYEX export, but pictures that it names are not beside it.")
    (page, *_) = read_pages(entry)
    expected = (
        _number(image, "OphthalmicAcquisitionContext/Height"),
        _number(image, "OphthalmicAcquisitionContext/Width"),
    )
    if None not in expected and expected != (page.rows, page.columns):
        raise DamagedFile(
            fill(
                "A picture of this HEYEX export is {rows} x {columns} pixels, where the XML says "
                "{expected_rows} x {expected_columns}.",
                rows=page.rows,
                columns=page.columns,
                expected_rows=f"{expected[0]:g}",
                expected_columns=f"{expected[1]:g}",
            )
        )
    return BScan(
        source=page.source,
        rows=page.rows,
        columns=page.columns,
        load=page.load,
        location=place or None,
    )


def _place(image: Element, scale: float | None, *, circular: bool) -> Points:
    values = [
        _number(image, f"OphthalmicAcquisitionContext/{end}/Coord/{axis}")
        for end in ("Start", "End")
        for axis in ("X", "Y")
    ]
    position = [value for value in values if value is not None]
    if len(position) < 4 or position[:2] == position[2:]:
        return ()
    start, end = (position[0], position[1]), (position[2], position[3])
    return (circle_on if circular else line_on)(start, end, scale)


def _spacing(facts: Sequence[FrameFacts], ordered: Ordered, scale: float | None) -> Spacing:
    axial, lateral = {each.axial_mm for each in facts}, {each.lateral_mm for each in facts}
    even = ordered.between is not None and scale is not None
    return Spacing(
        axial_mm=axial.pop() if len(axial) == 1 else None,
        lateral_mm=lateral.pop() if len(lateral) == 1 else None,
        between_mm=round((ordered.between or 0) * (scale or 0), 6) if even else None,
    )


def _file_name(image: Element) -> str:
    return re.split(r"[\\/]", _text(image, "ImageData/ExamURL"))[-1].lower()


def _patient(patient: Element) -> Patient:
    names = [_text(patient, "LastName"), _text(patient, "FirstNames")]
    sex = _text(patient, "Sex").upper()[:1]
    return Patient(
        identifier=_text(patient, "PatientID") or _text(patient, "ID") or None,
        name=", ".join(name for name in names if name) or None,
        birth_date=_date(patient.find("Birthdate/Date")),
        sex=sex if sex in ("F", "M", "O") else None,
    )


def _device(series: Element) -> str | None:
    words = [
        _text(series, f"GeneralEquipment/{each}")
        for each in ("Manufacturer", "ManufacturerModelName")
    ]
    return " ".join(word for word in words if word) or None


def _date(element: Element | None) -> date | None:
    if element is None:
        return None
    try:
        year, month, day = (int(_text(element, part)) for part in ("Year", "Month", "Day"))
        return date(year, month, day)
    except ValueError:
        return None


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _number(element: Element, path: str) -> float | None:
    try:
        return float(_text(element, path))
    except ValueError:
        return None


def _positive(value: float | None) -> float | None:
    return value if value is not None and 0 < value < 1e6 else None

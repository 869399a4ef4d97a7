"""Which SOP classes hold B-scans, which hold localizers, and what to say of the rest."""

from enum import Enum, auto

from pydicom.uid import UID

from app.language import fill, mark

TOMOGRAPHY = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
EN_FACE = "1.2.840.10008.5.1.4.1.1.77.1.5.7"
RAW_DATA = "1.2.840.10008.5.1.4.1.1.66"
DIRECTORY = "1.2.840.10008.1.3.10"
_PHOTOGRAPHY = {f"1.2.840.10008.5.1.4.1.1.77.1.5.{number}" for number in (1, 2, 5, 6)}
_CAPTURES = {f"1.2.840.10008.5.1.4.1.1.7{end}" for end in ("", ".1", ".2", ".3", ".4")}
_OCT_WORDS = ("OCT", "B-SCAN", "BSCAN", "TOMOGRAM")

_TITLES = {
    "1.2.840.10008.5.1.4.1.1.77.1.5.8": mark("an analysis of an OCT volume"),
    EN_FACE: mark("an en-face image made from OCT"),
    RAW_DATA: mark("raw data of the device, which only its maker reads"),
    DIRECTORY: mark("a DICOMDIR, the list of what lies on a medium"),
    "1.2.840.10008.5.1.4.1.1.104.1": mark("a PDF document"),
    "1.2.840.10008.5.1.4.1.1.81.1": mark("a map of thickness"),
    "1.2.840.10008.5.1.4.1.1.79.1": mark("a report of macular thickness"),
}


class Kind(Enum):
    BSCANS = auto()
    LOCALIZER = auto()  # may be referred to by B-scans
    OTHER = auto()


def kind_of(sop_class: str, modality: str, texts: str, *, pixels: bool) -> Kind:
    """Sort one object.

    Args:
        sop_class: SOP Class UID, "" where the object has none.
        modality: DICOM modality; OPT is ophthalmic tomography.
        texts: What the object says of itself in words: image type, series, protocol.
        pixels: Whether it holds any.
    """
    if sop_class == TOMOGRAPHY:
        return Kind.BSCANS
    if sop_class in _CAPTURES:
        # A capture may show anything: a report, a photograph. It must be called OCT.
        words = texts.upper()
        says_so = modality == "OPT" or any(word in words for word in _OCT_WORDS)
        return Kind.BSCANS if says_so and pixels else Kind.OTHER
    if sop_class in _PHOTOGRAPHY or sop_class == EN_FACE:
        return Kind.BSCANS if modality == "OPT" and sop_class in _PHOTOGRAPHY else Kind.LOCALIZER
    if not sop_class and modality == "OPT" and pixels:
        return Kind.BSCANS
    return Kind.OTHER


def title_of(sop_class: str, modality: str) -> str:
    """Name an object that is not read, for a sentence: “It is …, not a B-scan.”"""
    if not sop_class:
        return mark("a DICOM object that does not say what it is")
    if sop_class in _PHOTOGRAPHY:
        return mark("a photograph of the eye")
    if sop_class in _CAPTURES:
        return fill(
            "a capture of a screen or page (modality {modality})", modality=modality or "unknown"
        )
    if sop_class in _TITLES:
        return _TITLES[sop_class]
    name = UID(sop_class).name
    return (
        fill("a DICOM object of the kind “{name}”", name=name)
        if name != sop_class
        else mark("a private DICOM object")
    )

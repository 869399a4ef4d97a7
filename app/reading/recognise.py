"""Tell the family of a file by its first bytes; its name is asked only where these say nothing."""

import struct
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import PurePath

HEAD = 512  # bytes that suffice


class Family(Enum):
    DICOM = auto()
    PICTURE = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Recognised:
    family: Family
    reason: str = ""  # for OTHER: a sentence
    failed: bool = False  # for OTHER: the name promises what the contents are not


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", Family.PICTURE),
    (b"\xff\xd8\xff", Family.PICTURE),
    (b"II*\0", Family.PICTURE),
    (b"MM\0*", Family.PICTURE),
    (b"II+\0", Family.PICTURE),
    (b"MM\0+", Family.PICTURE),
    (b"BM", Family.PICTURE),
)
_DOCUMENTS = (
    (b"%PDF", "It is a PDF document, not OCT."),
    (b"PK\x03\x04", "It is an archive, not OCT."),
    (b"\xd0\xcf\x11\xe0", "It is an office document, not OCT."),
)
_PROMISES = {
    **dict.fromkeys((".dcm", ".dicom"), "DICOM"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"), "a picture"),
}


def recognise(head: bytes, name: str) -> Recognised:
    """Return the family of a file of which `head` is the beginning."""
    if head[128:132] == b"DICM" or _is_bare_dicom(head):
        return Recognised(Family.DICOM)
    for signature, family in _SIGNATURES:
        if head.startswith(signature):
            return Recognised(family)
    for signature, reason in _DOCUMENTS:
        if head.startswith(signature):
            return Recognised(Family.OTHER, reason)
    promise = _PROMISES.get(PurePath(name).suffix.lower())
    if not head:
        return Recognised(Family.OTHER, "The file is empty.", failed=promise is not None)
    if promise:
        return Recognised(
            Family.OTHER, f"Its name says that it is {promise}, but its contents are not.", True
        )
    return Recognised(Family.OTHER, "It is no format of OCT or of pictures that is read here.")


def _is_bare_dicom(head: bytes) -> bool:
    """Whether it begins with a DICOM element of group 2 or 8, as files without preamble do."""
    if len(head) < 16:
        return False
    group, element = struct.unpack("<HH", head[:4])
    if (group, element >> 8) not in ((0x0002, 0x00), (0x0008, 0x00)):
        return False
    explicit = head[4:6] in (b"UL", b"CS", b"OB", b"UI", b"SH", b"LO", b"DA")
    return explicit or struct.unpack("<L", head[4:8])[0] <= 64

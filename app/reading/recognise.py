"""Tell the family of a file by its first bytes; its name is asked only where these say nothing."""

import struct
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import PurePath

HEAD = 1024  # bytes that suffice


class Family(Enum):
    DICOM = auto()
    PICTURE = auto()
    VOL = auto()
    HEYEX_XML = auto()
    CIRRUS_IMG = auto()
    ARCHIVE = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Recognised:
    family: Family
    reason: str = ""  # for OTHER: a sentence
    failed: bool = False  # for OTHER: it is OCT, or its name says so


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", Family.PICTURE),
    (b"\xff\xd8\xff", Family.PICTURE),
    (b"II*\0", Family.PICTURE),
    (b"MM\0*", Family.PICTURE),
    (b"II+\0", Family.PICTURE),
    (b"MM\0+", Family.PICTURE),
    (b"BM", Family.PICTURE),
    (b"HSF-OCT-", Family.VOL),
    (b"ep-v", Family.VOL),  # as eyepy writes it
    (b"PK\x03\x04", Family.ARCHIVE),
    (b"PK\x05\x06", Family.ARCHIVE),
)
_DOCUMENTS = (
    (b"%PDF", "It is a PDF document, not OCT."),
    (b"\xd0\xcf\x11\xe0", "It is an office document, not OCT."),
    (b"\0\0\0\x18ftyp", "It is a film, not OCT. Export the B-scans as DICOM or pictures."),
)
_UNREAD = "which is not read here. Export the study as DICOM from the device's program."
_VENDORS = (
    (b"CMDb", f"It is a Heidelberg E2E file, {_UNREAD}"),
    (b"MDbMDir", f"It is a Heidelberg E2E file, {_UNREAD}"),
    (b"FOCT", f"It is a Topcon FDA or FDS file, {_UNREAD}"),
)
_VENDOR_NAMES = {
    ".e2e": f"It is a Heidelberg E2E file, {_UNREAD}",
    ".fda": f"It is a Topcon FDA file, {_UNREAD}",
    ".fds": f"It is a Topcon FDS file, {_UNREAD}",
    ".oct": f"It is an Optovue or Bioptigen OCT file, {_UNREAD}",
}
_PROMISES = {
    **dict.fromkeys((".dcm", ".dicom"), "DICOM"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"), "a picture"),
    ".vol": "a Heidelberg VOL file",
    ".zip": "an archive",
}


def recognise(head: bytes, name: str) -> Recognised:
    """Return the family of a file of which `head` is the beginning."""
    if head[128:132] == b"DICM" or _is_bare_dicom(head):
        return Recognised(Family.DICOM)
    for signature, family in _SIGNATURES:
        if head.startswith(signature):
            return Recognised(family)
    if b"<HEDX" in head:
        return Recognised(Family.HEYEX_XML)
    suffix = PurePath(name).suffix.lower()
    if suffix == ".img" and head:
        return Recognised(Family.CIRRUS_IMG)
    return _other(head, suffix)


def _other(head: bytes, suffix: str) -> Recognised:
    for signature, reason in _VENDORS:
        if head.startswith(signature):
            return Recognised(Family.OTHER, reason, failed=True)
    for signature, reason in _DOCUMENTS:
        if head.startswith(signature):
            return Recognised(Family.OTHER, reason)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        reason = "It is a film, not OCT. Export the B-scans as DICOM or pictures."
        return Recognised(Family.OTHER, reason)
    if not head:
        failed = suffix in _PROMISES or suffix in _VENDOR_NAMES
        return Recognised(Family.OTHER, "The file is empty.", failed=failed)
    if suffix in _VENDOR_NAMES:
        return Recognised(Family.OTHER, _VENDOR_NAMES[suffix], failed=True)
    if suffix in _PROMISES:
        reason = f"Its name says that it is {_PROMISES[suffix]}, but its contents are not."
        return Recognised(Family.OTHER, reason, failed=True)
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

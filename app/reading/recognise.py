"""Tell the family of a file by its first bytes; its name is asked only where these say nothing."""

import struct
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import PurePath

from app.language import fill, mark
from app.reading.bioptigen import START as BIOPTIGEN
from app.reading.optovue import MARKS as OPTOVUE

HEAD = 1024  # bytes that suffice


class Family(Enum):
    DICOM = auto()
    PICTURE = auto()
    VOL = auto()
    HEYEX_XML = auto()
    NIDEK_XML = auto()
    CIRRUS_IMG = auto()
    E2E = auto()
    TOPCON = auto()
    BIOPTIGEN = auto()
    OPTOVUE = auto()
    OPTOVUE_TEXT = auto()
    FILM = auto()
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
    (b"CMDb", Family.E2E),
    (b"E2EMultipleVolumeFile", Family.E2E),
    (b"FOCT", Family.TOPCON),
)
_BY_NAME = {".img": Family.CIRRUS_IMG, ".oct": Family.OPTOVUE}
"""Bare numbers, which nothing in the file itself tells apart."""
_DOCUMENTS = (
    (b"%PDF", mark("It is a PDF document, not OCT.")),
    (b"\xd0\xcf\x11\xe0", mark("It is an office document, not OCT.")),
    (b"\0\0\0\x18ftyp", mark("It is a film, not OCT. Export the B-scans as DICOM or pictures.")),
)
_PROMISES = {
    **dict.fromkeys((".dcm", ".dicom"), "DICOM"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"), mark("a picture")),
    ".vol": mark("a Heidelberg VOL file"),
    ".e2e": mark("a Heidelberg E2E file"),
    ".fda": mark("a Topcon FDA file"),
    ".fds": mark("a Topcon FDS file"),
    ".zip": mark("an archive"),
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
    if b"<NAVIS-EX" in head:
        return Recognised(Family.NIDEK_XML)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return Recognised(Family.FILM)
    if head[6:].startswith(BIOPTIGEN):
        return Recognised(Family.BIOPTIGEN)
    suffix = PurePath(name).suffix.lower()
    if suffix in _BY_NAME and head:
        return Recognised(_BY_NAME[suffix])
    if suffix == ".txt" and any(mark in head for mark in OPTOVUE):
        return Recognised(Family.OPTOVUE_TEXT)
    return _other(head, suffix)


def _other(head: bytes, suffix: str) -> Recognised:
    for signature, reason in _DOCUMENTS:
        if head.startswith(signature):
            return Recognised(Family.OTHER, reason)
    if not head:
        failed = suffix in _PROMISES or suffix in _BY_NAME
        return Recognised(Family.OTHER, mark("The file is empty."), failed=failed)
    if suffix in _PROMISES:
        reason = fill(
            "Its name says that it is {promised}, but its contents are not.",
            promised=_PROMISES[suffix],
        )
        return Recognised(Family.OTHER, reason, failed=True)
    return Recognised(
        Family.OTHER, mark("It is no format of OCT or of pictures that is read here.")
    )


def _is_bare_dicom(head: bytes) -> bool:
    """Whether it begins with a DICOM element of group 2 or 8, as files without preamble do."""
    if len(head) < 16:
        return False
    group, element = struct.unpack("<HH", head[:4])
    if (group, element >> 8) not in ((0x0002, 0x00), (0x0008, 0x00)):
        return False
    explicit = head[4:6] in (b"UL", b"CS", b"OB", b"UI", b"SH", b"LO", b"DA")
    return explicit or struct.unpack("<L", head[4:8])[0] <= 64

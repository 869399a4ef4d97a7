"""Read a DICOM file up to its pixels, and find where those lie.

pydicom gives an empty dataset, and no exception, for a file that ends inside an encapsulated
fragment. So the pixel element is never left to it: its place and its fragments are found here, and
checked against the size of the file.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pydicom import config
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from app.errors import DamagedFile
from app.reading.entries import Entry
from app.reading.scratch import Scratch

# Real files break the rules for values everywhere; what we need of them is checked where used.
config.settings.reading_validation_mode = config.IGNORE

PARSE_ERRORS = (
    BytesLengthException,
    InvalidDicomError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom raises on bytes that are not what they claim to be."""

FLOAT, DOUBLE_FLOAT = 0x7FE00008, 0x7FE00009
_PIXEL_TAGS = {FLOAT, DOUBLE_FLOAT, 0x7FE00010}
_LONG_LENGTH = {b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN"}  # PS3.5 7.1.2
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_EXPLICIT = b"1.2.840.10008.1.2.1".ljust(len(_DEFLATED), b"\0")
_UNDEFINED = 0xFFFFFFFF
_INFLATED_LIMIT = 2 << 30  # bytes
_INFLATED_RATIO = 200  # speckle deflates to a half, blank frames to a hundredth

_KEYWORDS = """
SpecificCharacterSet ImageType SOPClassUID SOPInstanceUID StudyDate SeriesDate AcquisitionDate
ContentDate AcquisitionDateTime StudyTime AcquisitionTime ContentTime Modality Manufacturer
StudyDescription SeriesDescription ProtocolName ManufacturerModelName ReferencedImageSequence
SourceImageSequence
DirectoryRecordSequence
PatientName PatientID IssuerOfPatientID PatientBirthDate PatientSex BurnedInAnnotation
StudyInstanceUID SeriesInstanceUID InstanceNumber Laterality ImageLaterality FrameLaterality
ImagePositionPatient ImageOrientationPatient FrameOfReferenceUID StackID InStackPositionNumber
ConcatenationUID InConcatenationNumber SOPInstanceUIDOfConcatenationSource
SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns
PixelSpacing NominalScannedPixelSpacing SliceThickness SpacingBetweenSlices
BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue PixelPaddingRangeLimit
WindowCenter WindowWidth VOILUTFunction RescaleIntercept RescaleSlope ModalityLUTSequence
VOILUTSequence PresentationLUTShape LossyImageCompression LossyImageCompressionRatio
LossyImageCompressionMethod RedPaletteColorLookupTableDescriptor
GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor
RedPaletteColorLookupTableData GreenPaletteColorLookupTableData BluePaletteColorLookupTableData
OphthalmicFrameLocationSequence SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence
ExtendedOffsetTable ExtendedOffsetTableLengths
"""
# As plain numbers: pydicom makes a set of them for each file, and its own tags are slow to compare.
_TAGS: list[BaseTag | int] = [
    int(tag) for each in _KEYWORDS.split() if (tag := tag_for_keyword(each))
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelElement:
    tag: int
    vr: str  # "" in implicit VR
    offset: int  # of the value, from the start of the file
    length: int | None  # None: encapsulated, runs up to a sequence delimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    entry: Entry  # where the bytes lie: for deflated files, a temporary copy laid flat
    dataset: FileDataset
    transfer_syntax: str  # UID, "" where the file does not say
    little_endian: bool
    pixels: PixelElement | None


def read_header(entry: Entry) -> Header:
    """Read everything but the pixels.

    Raises:
        DamagedFile: If it is no DICOM file, or a broken one, or inflates without end.
        OSError: If it cannot be read.
    """
    try:
        with entry.open() as file:
            start = file.read(1024)
            if _DEFLATED not in start:
                file.seek(0)
                return _read(entry, file)
        flat = _laid_flat(entry)
        with flat.open() as file:
            return _read(flat, file)
    except PARSE_ERRORS as error:
        raise DamagedFile("It is DICOM, but its header is damaged.") from error


def _laid_flat(entry: Entry) -> Entry:
    """Copy a deflated file (PS3.5 A.5) to a scratch file as Explicit VR Little Endian."""
    with entry.open() as file:
        start = file.read(144)
        tag, length = start[132:138], struct.unpack("<L", start[140:144])[0]
        if tag != b"\x02\0\0\0UL" or length > 1 << 20:
            raise DamagedFile("It is deflated DICOM, but its header is damaged.")
        meta = file.read(length)
        limit = min(_INFLATED_LIMIT, _INFLATED_RATIO * entry.size + (1 << 20))
        chunks = _inflated(start + meta.replace(_DEFLATED, _EXPLICIT), file)
        return Scratch().add(entry.path, chunks, limit=limit)


def _inflated(start: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield start
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while packed := file.read(1 << 16):
        yield inflater.decompress(packed, 1 << 22)
        while inflater.unconsumed_tail:
            yield inflater.decompress(inflater.unconsumed_tail, 1 << 22)
    if not inflater.eof:
        raise DamagedFile(
            "It is deflated DICOM that ends too early: a part of the file is missing."
        )


def _read(entry: Entry, file: BinaryIO) -> Header:
    dataset = read_partial(file, _at_pixels, force=True, specific_tags=_TAGS)
    if not len(dataset) and not len(dataset.file_meta):
        raise DamagedFile("It holds no DICOM elements.")
    implicit, little = dataset.original_encoding
    return Header(
        entry=entry,
        dataset=dataset,
        transfer_syntax=str(dataset.file_meta.get("TransferSyntaxUID", "")),
        little_endian=bool(little),
        pixels=_pixel_element(file, implicit=bool(implicit), little=bool(little)),
    )


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag in _PIXEL_TAGS


def _pixel_element(file: BinaryIO, *, implicit: bool, little: bool) -> PixelElement | None:
    """Read tag, VR and length of the element at which the file now stands (PS3.5 7.1)."""
    position = file.tell()
    start = file.read(12)
    if len(start) < 8:
        return None
    order = "<" if little else ">"
    group, element = struct.unpack(f"{order}HH", start[:4])
    if group << 16 | element not in _PIXEL_TAGS:
        return None
    vr = b"" if implicit else start[4:6]
    if implicit:
        length = struct.unpack(f"{order}L", start[4:8])[0]
    elif vr in _LONG_LENGTH:
        length = struct.unpack(f"{order}L", start[8:12])[0]
    else:
        raise DamagedFile("Its pixel data are not declared as pixels.")
    return PixelElement(
        tag=group << 16 | element,
        vr=vr.decode("ascii"),
        offset=position + (8 if implicit else 12),
        length=None if length == _UNDEFINED else length,
    )

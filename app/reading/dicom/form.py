"""What one pixel is: the Image Pixel module (PS3.3 C.7.6.3), checked before anything is read."""

from dataclasses import dataclass
from typing import Literal

from pydicom.dataset import Dataset
from pydicom.uid import UID

from app.errors import DamagedFile, UnsupportedFile
from app.language import fill
from app.reading.dicom.header import DOUBLE_FLOAT, FLOAT, Header
from app.reading.dicom.syntaxes import SYNTAXES, Syntax
from app.reading.dicom.values import text_of, value_of, whole_of
from app.reading.grey import Lookup
from app.reading.limits import check_size

_COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
_GREYS = {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelForm:
    """The Image Pixel module, and how it is encoded."""

    rows: int
    columns: int
    samples: int
    photometric: str
    planar: bool
    allocated: int  # bits
    stored: int
    high_bit: int
    signed: bool
    syntax: Syntax
    syntax_uid: str
    little_endian: bool = True
    swapped: bool = False  # VR OW: 8-bit samples of big endian files lie in pairs, second first
    floating: bool = False
    palette: tuple[Lookup, Lookup, Lookup] | None = None

    @property
    def frame_bytes(self) -> int:
        """Length of a native frame."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * (self.allocated // 8)


def form_of(header: Header, frames: int) -> PixelForm:
    """Read and check the form of the pixels.

    Raises:
        DamagedFile: If it contradicts itself, shows nothing, or is absurdly large.
        UnsupportedFile: If it is a form or a transfer syntax that we do not read.
    """
    dataset = header.dataset
    if header.pixels is None:
        raise DamagedFile("It is OCT, but its pixels are missing.")
    floating = header.pixels.tag in (FLOAT, DOUBLE_FLOAT)
    allocated = whole_of(dataset, "BitsAllocated", 64 if floating else 0)
    stored = whole_of(dataset, "BitsStored", allocated)
    photometric = text_of(dataset, "PhotometricInterpretation") or "MONOCHROME2"
    form = PixelForm(
        rows=whole_of(dataset, "Rows", 0),
        columns=whole_of(dataset, "Columns", 0),
        samples=whole_of(dataset, "SamplesPerPixel", 1),
        photometric=photometric,
        planar=whole_of(dataset, "PlanarConfiguration", 0) == 1,
        allocated=allocated,
        stored=stored,
        high_bit=whole_of(dataset, "HighBit", stored - 1),
        signed=whole_of(dataset, "PixelRepresentation", 0) == 1,
        syntax=_syntax(header),
        syntax_uid=header.transfer_syntax,
        little_endian=header.little_endian,
        swapped=header.pixels.vr == "OW" and allocated == 8 and not header.little_endian,
        floating=floating,
        palette=_palette(dataset, little=header.little_endian)
        if photometric == "PALETTE COLOR"
        else None,
    )
    check_size(form.rows, form.columns, frames)
    _check_bits(form)
    return form


def _syntax(header: Header) -> Syntax:
    uid = header.transfer_syntax
    if not uid:
        # Files without the meta group exist; pydicom has found out how their elements are coded.
        uid = "1.2.840.10008.1.2.1" if header.little_endian else "1.2.840.10008.1.2.2"
    syntax = SYNTAXES.get(uid)
    if syntax is None:
        raise UnsupportedFile(
            fill(
                "It is OCT, but its transfer syntax “{name}” is not read here. Export it "
                "uncompressed, or as JPEG 2000.",
                name=UID(uid).name,
            )
        )
    return syntax


def _check_bits(form: PixelForm) -> None:
    allowed = (32, 64) if form.floating else (8, 16, 32)
    if form.allocated not in allowed:
        raise UnsupportedFile(
            fill(
                "It is OCT, but {allocated} bits for a pixel are not read here. Export it with 8 "
                "or 16 bits.",
                allocated=form.allocated,
            )
        )
    if form.samples not in (1, 3) or form.photometric not in (
        _GREYS if form.samples == 1 else _COLOURS
    ):
        raise UnsupportedFile(
            fill(
                "It is OCT, but pixels of the kind {samples} x “{photometric}” are not read "
                "here. Export it as grey or RGB.",
                samples=form.samples,
                photometric=form.photometric,
            )
        )
    if not form.floating and not 0 < form.stored <= form.high_bit + 1 <= form.allocated:
        raise DamagedFile("It is OCT, but what it says of the bits of a pixel contradicts itself.")
    if form.photometric == "YBR_FULL_422" and form.columns % 2:
        raise DamagedFile("It is OCT, but its colours need an even number of columns.")


def _palette(dataset: Dataset, *, little: bool) -> tuple[Lookup, Lookup, Lookup]:
    """Palette Color Lookup Tables (PS3.3 C.7.6.3.1.5)."""
    red, green, blue = (
        lookup_of(
            value_of(dataset, f"{colour}PaletteColorLookupTableDescriptor"),
            value_of(dataset, f"{colour}PaletteColorLookupTableData"),
            little=little,
        )
        for colour in ("Red", "Green", "Blue")
    )
    return red, green, blue


def lookup_of(descriptor: object, data: object, *, little: bool) -> Lookup:
    """Build a table from its descriptor (entries, first input, bits) and its data (PS3.3 C.11.1).

    Raises:
        DamagedFile: If the data are not as many as the descriptor says.
    """
    try:
        entries, first, bits = (int(value) for value in descriptor)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise DamagedFile("A look-up table of its pixels is damaged.") from error
    entries = entries or 1 << 16
    if isinstance(data, bytes):
        order: Literal["little", "big"] = "little" if little else "big"
        size = 1 if len(data) < entries * 2 else 2
        values = tuple(
            int.from_bytes(data[at : at + size], order) for at in range(0, len(data), size)
        )
    elif isinstance(data, int):
        values = (data,)
    else:
        values = tuple(int(value) for value in data or ())  # type: ignore[attr-defined]
    if len(values) < entries or not 8 <= bits <= 16:
        raise DamagedFile("A look-up table of its pixels is damaged.")
    if first >= 1 << 15:
        first -= 1 << 16  # signed input, read as unsigned
    return Lookup(first=first, bits=bits, values=values[:entries])

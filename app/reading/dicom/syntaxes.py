"""Transfer syntaxes: which decoder reads which, by name, never by what happens to be installed.

| syntax | decoder | licence |
|---|---|---|
| native, deflated | numpy | BSD |
| RLE | pydicom | MIT |
| JPEG baseline, extended 8 bit | Pillow | MIT-CMU |
| JPEG lossless, extended 12 bit | python-gdcm | BSD |
| JPEG-LS | pyjpegls | MIT |
| JPEG 2000, HTJ2K | pylibjpeg-openjpeg | MIT |

pylibjpeg-libjpeg is not among them: it returns wrong pixels for cut frames without an error.
"""

from dataclasses import dataclass
from enum import StrEnum


class Decoder(StrEnum):
    NATIVE = "native"
    RLE = "rle"
    PILLOW = "pillow"
    GDCM = "gdcm"
    CHARLS = "charls"
    OPENJPEG = "openjpeg"


@dataclass(frozen=True, slots=True)
class Syntax:
    title: str
    decoder: Decoder
    lossy: bool = False
    processes: frozenset[int] = frozenset()  # codestreams it may hold; see `codestream`

    @property
    def method(self) -> str:
        """Lossy Image Compression Method (0028,2114), of a lossy syntax."""
        if 0x4F in self.processes:
            return "ISO_15444_15" if self.title.startswith("HTJ2K") else "ISO_15444_1"
        return "ISO_14495_1" if 0xF7 in self.processes else "ISO_10918_1"


_JPEG_LS = frozenset({0xF7})
_JPEG_2000 = frozenset({0x4F})
_ROOT = "1.2.840.10008.1.2"

SYNTAXES = {
    _ROOT: Syntax("Implicit VR Little Endian", Decoder.NATIVE),
    f"{_ROOT}.1": Syntax("Explicit VR Little Endian", Decoder.NATIVE),
    f"{_ROOT}.2": Syntax("Explicit VR Big Endian", Decoder.NATIVE),
    f"{_ROOT}.5": Syntax("RLE Lossless", Decoder.RLE),
    f"{_ROOT}.4.50": Syntax("JPEG Baseline", Decoder.PILLOW, True, frozenset({0xC0, 0xC1})),
    f"{_ROOT}.4.51": Syntax("JPEG Extended", Decoder.GDCM, True, frozenset({0xC0, 0xC1})),
    f"{_ROOT}.4.57": Syntax("JPEG Lossless", Decoder.GDCM, False, frozenset({0xC3})),
    f"{_ROOT}.4.70": Syntax("JPEG Lossless SV1", Decoder.GDCM, False, frozenset({0xC3})),
    f"{_ROOT}.4.80": Syntax("JPEG-LS Lossless", Decoder.CHARLS, False, _JPEG_LS),
    f"{_ROOT}.4.81": Syntax("JPEG-LS Near-Lossless", Decoder.CHARLS, True, _JPEG_LS),
    f"{_ROOT}.4.90": Syntax("JPEG 2000 Lossless", Decoder.OPENJPEG, False, _JPEG_2000),
    f"{_ROOT}.4.91": Syntax("JPEG 2000", Decoder.OPENJPEG, True, _JPEG_2000),
    f"{_ROOT}.4.201": Syntax("HTJ2K Lossless", Decoder.OPENJPEG, False, _JPEG_2000),
    f"{_ROOT}.4.202": Syntax("HTJ2K Lossless RPCL", Decoder.OPENJPEG, False, _JPEG_2000),
    f"{_ROOT}.4.203": Syntax("HTJ2K", Decoder.OPENJPEG, True, _JPEG_2000),
}
"""By UID. Deflated files have been laid flat before anyone asks here."""

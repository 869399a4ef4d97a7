"""Read what a compressed frame says of itself, before a native decoder sees it.

gdcm has been seen to abort the process when size or precision differ from the header's. No
decoder notices all damage either, so a frame that does not end where it must is refused here.
"""

import struct
from dataclasses import dataclass

from app.errors import DamagedFile

_FRAME_MARKERS = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_JPEG_LS = 0xF7
_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_J2K_START = b"\xff\x4f\xff\x51"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codestream:
    process: int  # JPEG start-of-frame marker; 0x4F for JPEG 2000 and HTJ2K
    rows: int
    columns: int
    components: int
    precision: int  # bits
    signed: bool = False
    transform: int | None = None  # Adobe's marker: 0 the components are RGB, 1 they are YCbCr


def read_codestream(data: bytes) -> Codestream:
    """Parse the header of a JPEG, JPEG-LS or JPEG 2000 codestream, from its first bytes.

    Raises:
        DamagedFile: If it is none of them, or ends within the header.
    """
    try:
        if data[:2] == b"\xff\xd8":
            return _read_jpeg(data)
        # A JP2 file instead of the bare codestream: not allowed, but written.
        start = data[:256].find(_J2K_START)
        if start == 0 or (start > 0 and data[4:8] == b"jP  "):
            return _read_j2k(data[start:])
    except (struct.error, IndexError) as error:
        raise DamagedFile("A compressed frame is cut short.") from error
    raise DamagedFile("A compressed frame does not begin as its transfer syntax says.")


def is_whole(data: bytes) -> bool:
    """Whether a codestream ends with its end marker, D9, but for padding."""
    return b"\xff\xd9" in data[-16:]


def _read_jpeg(data: bytes) -> Codestream:
    """ITU-T T.81 B.2.2; T.87 C.2.2 for JPEG-LS."""
    position, transform = 2, None
    while True:
        if data[position] != 0xFF:
            raise DamagedFile("A compressed frame has a broken header.")
        marker = data[position + 1]
        if marker == 0xFF or marker in _STANDALONE:
            position += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in _FRAME_MARKERS or marker == _JPEG_LS:
            precision, rows, columns, components = struct.unpack_from(">BHHB", data, position + 4)
            return Codestream(
                process=marker,
                rows=rows,
                columns=columns,
                components=components,
                precision=precision,
                transform=transform,
            )
        if marker == 0xEE and data[position + 4 : position + 9] == b"Adobe":
            transform = data[position + 15]
        position += 2 + max(length, 2)


def _read_j2k(data: bytes) -> Codestream:
    """ITU-T T.800 A.5.1, the SIZ segment."""
    width, height, left, top = struct.unpack_from(">4L", data, 8)
    (components,) = struct.unpack_from(">H", data, 40)
    depth = data[42]
    return Codestream(
        process=0x4F,
        rows=height - top,
        columns=width - left,
        components=components,
        precision=(depth & 0x7F) + 1,
        signed=bool(depth & 0x80),
    )

"""The worker's side: decode compressed frames, one request after the other.

Native decoders die on some damaged frames, and a few run for ever. So they run in a process of
their own, started by `workers`, which this module keeps small: it imports neither pydicom nor,
until one is asked for, any decoder. It ends when its input does, so it never outlives the program.
Pictures are decoded here too: Pillow's libraries are as native as the others.
"""

import io
import os
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

REQUEST = struct.Struct("<8s64sHHBBBL")
"""Decoder, transfer syntax, rows, columns, components, precision, signed, length of the frame."""
REPLY = struct.Struct("<BL")
"""0 and the number of bytes of the frame, or a number from below and that of a message."""
READY = b"\n"
"""What it begins with, once requests can come."""
FAILED, ABSENT = 1, 2
PICTURE = b"picture"
"""Decoder of a whole picture file; what follows is the page as 32 bits, and one of these two."""
PLACE, CONTENT = b"\0", b"\1"
"""What stands after it: the path of the file, or its bytes."""

_MEMORY_LIMIT = 4 << 30  # bytes of address space, where the system can limit it
# What the decoders' Python layers raise. Anything else ends the process, which is noticed.
_DECODER_ERRORS = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError,
                   RuntimeError, SyntaxError, TypeError, ValueError, struct.error)  # fmt: skip


def serve() -> None:
    """Answer requests on standard input until it ends."""
    _limit_memory()
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    # Native libraries print to standard output when they fail.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    replies.write(READY)
    replies.flush()
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        _answer(head, requests, replies)


def _answer(head: bytes, requests: BinaryIO, replies: BinaryIO) -> None:
    name, syntax, rows, columns, components, precision, signed, length = REQUEST.unpack(head)
    data = requests.read(length)
    status, reply = 0, b""
    try:
        decoder = _DECODERS[name.rstrip(b"\0").decode()]
        reply = bytes(
            decoder(
                data, syntax.rstrip(b"\0").decode(), rows, columns, components, precision, signed
            )
        )
    except ImportError as error:
        status, reply = ABSENT, str(error.name).encode()
    except _DECODER_ERRORS as error:
        status, reply = FAILED, type(error).__name__.encode()
    replies.write(REPLY.pack(status, len(reply)) + reply)
    replies.flush()


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    except (OSError, ValueError):
        return  # macOS may refuse; sizes were checked before the frame was sent


def _pillow(
    data: bytes, syntax: str, rows: int, columns: int, components: int, precision: int, signed: int
) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        # Pillow converts three components to RGB unless Adobe's marker says they are. What they
        # are is decided by whoever asks, so they are given as they are.
        if components == 3 and image.info.get("adobe_transform") != 0:
            image.draft("YCbCr", image.size)
        return image.tobytes()


def _openjpeg(
    data: bytes, syntax: str, rows: int, columns: int, components: int, precision: int, signed: int
) -> bytes:
    from openjpeg.utils import decode_pixel_data

    return bytes(decode_pixel_data(data, version=2))


def _charls(
    data: bytes, syntax: str, rows: int, columns: int, components: int, precision: int, signed: int
) -> bytes:
    import jpeg_ls

    frame, info = jpeg_ls.decode_pixel_data(data)
    if info["components"] > 1 and info["interleave_mode"] == 0:
        plane = len(frame) // info["components"]
        planes = [frame[start : start + plane] for start in range(0, len(frame), plane)]
        frame = bytearray(value for pixel in zip(*planes, strict=True) for value in pixel)
    return bytes(frame)


def _gdcm(
    data: bytes, syntax: str, rows: int, columns: int, components: int, precision: int, signed: int
) -> bytes:
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())

    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    colour = gdcm.PhotometricInterpretation.GetPIType("RGB" if components == 3 else "MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(colour))
    if components > 1:
        image.SetPlanarConfiguration(0)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    allocated = 8 if precision <= 8 else 16
    image.SetPixelFormat(gdcm.PixelFormat(components, allocated, precision, precision - 1, signed))
    # gdcm hands bytes over as text.
    decoded: bytes = image.GetBuffer().encode("utf-8", "surrogateescape")
    return decoded


def _picture(
    data: bytes, syntax: str, rows: int, columns: int, components: int, precision: int, signed: int
) -> bytes:
    """One page as its numpy type, its rows and columns, and its grey values."""
    import numpy as np
    from PIL import Image

    (page,) = struct.unpack_from("<L", data)
    source, place = data[5:], data[4:5] == PLACE
    opened = os.fsdecode(source) if place else io.BytesIO(source)
    with Image.open(opened, formats=("PNG", "JPEG", "TIFF", "BMP")) as image:
        if page:
            image.seek(page)
        if image.mode in ("L", "I", "F") or image.mode.startswith("I;16"):
            values = np.array(image)
        elif image.mode in ("1", "LA"):
            values = np.array(image.convert("L"))
        else:
            colours = np.asarray(image.convert("RGB"), np.float64)
            values = np.rint(colours @ [0.299, 0.587, 0.114]).astype(np.uint8)
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    size = struct.pack("<3sLL", values.dtype.str.encode(), *values.shape)
    return size + values.tobytes()


_Decode = Callable[[bytes, str, int, int, int, int, int], bytes]
_DECODERS: dict[str, _Decode] = {
    "pillow": _pillow,
    "openjpeg": _openjpeg,
    "charls": _charls,
    "gdcm": _gdcm,
    PICTURE.decode(): _picture,
}

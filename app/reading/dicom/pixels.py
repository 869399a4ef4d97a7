"""Decode one frame into its stored values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import RLELossless

from app.errors import DamagedFile, UnsupportedFile
from app.language import fill
from app.reading.dicom.codestream import Codestream, is_whole, read_codestream
from app.reading.dicom.form import PixelForm
from app.reading.dicom.header import PARSE_ERRORS, Header
from app.reading.dicom.places import FramePlaces, read_at
from app.reading.dicom.syntaxes import Decoder
from app.reading.dicom.workers import WORKERS, decode_frame
from app.reading.grey import Stored, luminance

_HEADER_BYTES = 2048  # holds a codestream's header, but for embedded colour profiles
_NATIVE_DECODERS = {Decoder.PILLOW, Decoder.GDCM, Decoder.CHARLS, Decoder.OPENJPEG}


def check_first_frame(header: Header, places: FramePlaces) -> None:
    """Compare the first frame's codestream with the header, without decoding it.

    Raises:
        DamagedFile: If they differ.
        UnsupportedFile: If the frame is scrambled.
        OSError: If the file cannot be read.
    """
    if places.form.syntax.decoder not in _NATIVE_DECODERS:
        return
    WORKERS.warm_up()
    with places.entry.open() as file:
        offset, length = places.fragments[0][0]
        start = read_at(file, offset, min(length, _HEADER_BYTES))
        try:
            stream = read_codestream(start)
        except DamagedFile:
            maker = str(header.dataset.get("Manufacturer") or "").casefold()
            if places.form.syntax.decoder is Decoder.OPENJPEG and "zeiss" in maker:
                raise UnsupportedFile(
                    "It is a Zeiss export whose frames are scrambled, which only Zeiss' programs "
                    "read. Export it again unscrambled: in FORUM as standard DICOM, or as IMG."
                ) from None
            if length <= _HEADER_BYTES:
                raise
            stream = read_codestream(read_at(file, offset, length))
    _check_stream(stream, places.form)


def read_stored(places: FramePlaces, index: int) -> Stored:
    """Read and decode one frame, counted from 0; colours become their luminance.

    Raises:
        DamagedFile: If it cannot be read or decoded, or is not as the header says.
        UnsupportedFile: If its decoder is not installed.
    """
    form, data = places.form, places.read(index)
    decoder = form.syntax.decoder
    photometric = form.photometric
    if decoder is Decoder.NATIVE:
        values = _native(data, form)
    elif decoder is Decoder.RLE:
        values = _run_lengths(data, form)
    else:
        stream = _checked_stream(data, form)
        values = _compressed(data, stream, places)
        if stream.transform is not None:  # it knows better than the header
            photometric = ("RGB", "YBR_FULL")[stream.transform == 1]
    if form.samples == 3:
        return _grey_of_colours(values, form, photometric)
    plane = values.reshape(form.rows, form.columns)
    if form.palette is not None:
        colours = np.stack([lookup.apply(plane.astype(np.float64)) for lookup in form.palette], -1)
        return luminance(colours)
    return plane


def _native(data: bytes, form: PixelForm) -> Stored:
    kind = "f" if form.floating else "u"
    order = "<" if form.little_endian else ">"
    values = np.frombuffer(data, f"{order}{kind}{form.allocated // 8}")
    return _significant(values, form)


def _significant(values: Stored, form: PixelForm) -> Stored:
    """Drop the bits that hold no image (overlays lie there), and extend the sign."""
    if form.floating:
        return values
    size = form.allocated // 8
    values = values.astype(f"<u{size}", copy=False)
    if form.stored < form.allocated:
        shift = form.high_bit + 1 - form.stored
        values = (values >> shift) & ((1 << form.stored) - 1)
    if form.signed:
        spare = form.allocated - form.stored
        values = (values << spare).view(f"<i{size}") >> spare
    return values


def _run_lengths(data: bytes, form: PixelForm) -> Stored:
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    described: dict[str, Any] = {
        "rows": form.rows,
        "columns": form.columns,
        "number_of_frames": 1,
        "samples_per_pixel": form.samples,
        "photometric_interpretation": form.photometric,
        "pixel_representation": 0,
        "bits_allocated": form.allocated,
        "bits_stored": form.allocated,
        "planar_configuration": 0,
        "pixel_keyword": "PixelData",
    }
    try:
        values, _ = get_decoder(RLELossless).as_array(
            encapsulate([data]), index=0, raw=True, decoding_plugin="pydicom", **described
        )
    except (RuntimeError, *PARSE_ERRORS) as error:
        raise DamagedFile("A frame is damaged: its run lengths do not add up.") from error
    return _significant(np.asarray(values).ravel(), form)


def _checked_stream(data: bytes, form: PixelForm) -> Codestream:
    stream = read_codestream(data)
    _check_stream(stream, form)
    if not is_whole(data):
        raise DamagedFile("A compressed frame is cut short.")
    return stream


def _compressed(data: bytes, stream: Codestream, places: FramePlaces) -> Stored:
    form = places.form
    signed = stream.signed if form.syntax.decoder is Decoder.OPENJPEG else form.signed
    decoder = form.syntax.decoder
    if decoder is Decoder.GDCM and stream.process in (0xC0, 0xC1) and stream.precision == 8:
        decoder = Decoder.PILLOW
    frame = decode_frame(data, decoder, form.syntax_uid, stream, signed=signed, entry=places.entry)
    size = 1 if stream.precision <= 8 else 2
    values = np.frombuffer(frame, f"<{'i' if signed else 'u'}{size}")
    if form.signed and not signed and stream.precision == form.stored:
        spare = size * 8 - form.stored
        values = (values << spare).view(f"<i{size}") >> spare
    return values


def _check_stream(stream: Codestream, form: PixelForm) -> None:
    if stream.process not in form.syntax.processes:
        raise DamagedFile(
            fill("A frame is not compressed as the file says, by {title}.", title=form.syntax.title)
        )
    if (stream.rows, stream.columns) != (form.rows, form.columns):
        raise DamagedFile(
            fill(
                "A frame is {rows} x {columns} pixels, where the header says {header_rows} x "
                "{header_columns}.",
                rows=stream.rows,
                columns=stream.columns,
                header_rows=form.rows,
                header_columns=form.columns,
            )
        )
    if stream.components != form.samples or not form.stored <= stream.precision <= form.allocated:
        raise DamagedFile(
            fill(
                "A frame has {components} x {precision} bits in a pixel, where the header says "
                "{header_samples} x {header_bits}.",
                components=stream.components,
                precision=stream.precision,
                header_samples=form.samples,
                header_bits=form.stored,
            )
        )


def _grey_of_colours(values: Stored, form: PixelForm, photometric: str) -> NDArray[np.float64]:
    """Grey of a colour frame, shape (rows, columns)."""
    compressed = form.syntax.decoder is not Decoder.NATIVE
    if photometric == "YBR_FULL_422" and not compressed:
        # Y Y Cb Cr for each two pixels (PS3.3 C.7.6.3.1.2).
        return values.reshape(-1, 4)[:, :2].reshape(form.rows, form.columns).astype(np.float64)
    if form.planar and not compressed:
        colours = values.reshape(3, form.rows, form.columns).transpose(1, 2, 0)
    else:
        colours = values.reshape(form.rows, form.columns, 3)
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        return colours[..., 0].astype(np.float64)
    return luminance(colours)

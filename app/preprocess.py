"""A frame becomes what the network sees: the only definition, for training and clinic alike.

Exporters rotate B-scans and leave white wedges, machines leave black bars, the retina fills a
third of one device's frame and all of another's, and every device has its own black and white.
None of it is pathology, and a network would learn it. So the wedges are taken for missing, the
frame is cut to the band of rows that holds the retina, and grey is measured from the noise floor
to the brightest tissue.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.modelpack import InputSpec
from app.study import Pixels, Region

VERSION = 1
"""Rises whenever a frame becomes another tensor: results are comparable within one version."""

_WHITE = 235  # JPEG leaves the exporter's 255 a little uneven
_WEDGE_LINES = 0.08  # share of a side's lines that must begin white: bright tissue reaches fewer
_RINGING = 4  # pixels beside a wedge that JPEG spoils
_COARSE = 4  # the retina is looked for on every fourth row and column
_BAND_SHARE = 0.5  # of the frame's height: the least that is kept around the retina
_BAND_MARGIN = 0.08  # of the frame's height, added on both sides of the tissue found
_TAIL = 0.01  # of the tissue's brightness, taken for stray light above and below the band


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A network input, and where on the frame it lies."""

    tensor: NDArray[np.float32]  # (channels, height, width), normalised
    region: Region


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """The retina's part of a frame at the network's size."""

    grey: NDArray[np.float32]  # (height, width), 0 the noise floor, 1 the brightest tissue
    region: Region


def missing(pixels: Pixels) -> NDArray[np.bool_]:
    """Mark what the exporter filled in, shape (rows, columns).

    White wedges that rotation leaves at a border, found as runs of white that start there, and
    whole rows or columns of pure black at a border.
    """
    white = pixels >= _WHITE
    mask = np.zeros(pixels.shape, dtype=np.bool_)
    _mark_runs(white, mask)
    _mark_runs(white[:, ::-1], mask[:, ::-1])
    _mark_runs(white.T, mask.T)
    _mark_runs(white.T[:, ::-1], mask.T[:, ::-1])
    _mark_black_bars(pixels, mask)
    return mask


def _mark_runs(white: NDArray[np.bool_], mask: NDArray[np.bool_]) -> None:
    """Mark in `mask` the runs of white that start at the left border of at least some rows."""
    starting = np.flatnonzero(white[:, 0])
    if len(starting) < _WEDGE_LINES * len(white):
        return
    rows = white[starting]
    lengths = np.where(rows.all(axis=1), rows.shape[1], rows.argmin(axis=1)) + _RINGING
    mask[starting] |= np.arange(rows.shape[1]) < lengths[:, None]


def _mark_black_bars(pixels: Pixels, mask: NDArray[np.bool_]) -> None:
    tissue = pixels > 0
    rows, columns = np.flatnonzero(tissue.any(axis=1)), np.flatnonzero(tissue.any(axis=0))
    if len(rows) == 0:
        mask[:] = True
        return
    mask[: rows[0]] = mask[rows[-1] + 1 :] = True
    mask[:, : columns[0]] = mask[:, columns[-1] + 1 :] = True


def prepare(pixels: Pixels, spec: InputSpec) -> Prepared:
    """Turn a frame into a network input.

    Args:
        pixels: The frame, shape (rows, columns), at least 2 by 2.
        spec: The package's input: size, crop, and the mean and standard deviation per channel.
    """
    band = retina_band(pixels, spec)
    return Prepared(tensor=normalise(band.grey, spec), region=band.region)


def normalise(grey: NDArray[np.float32], spec: InputSpec) -> NDArray[np.float32]:
    """Give every channel the same grey, (height, width) to (channels, height, width)."""
    mean = np.asarray(spec.mean, dtype=np.float32)[:, None, None]
    std = np.asarray(spec.std, dtype=np.float32)[:, None, None]
    return np.asarray((grey[None] - mean) / std, dtype=np.float32)


def retina_band(pixels: Pixels, spec: InputSpec) -> Band:
    """Cut, resize and stretch a frame: all of `prepare` but the normalisation.

    The parts of the frame that are `missing` become the noise floor.
    """
    absent = missing(pixels)
    floor = _noise_floor(pixels, absent)
    filled = np.where(absent, floor, pixels) if absent.any() else pixels
    region = _find_retina(filled, floor) if spec.crop == "retina" else _whole(pixels)
    image = Image.fromarray(filled).resize(
        (spec.width, spec.height),
        Image.Resampling.BILINEAR,
        box=(region.left, region.top, region.right, region.bottom),
    )
    resized = np.asarray(image)
    low, high = _grey_percentiles(resized[::2, ::2], 10, 99.5)
    grey = resized.astype(np.float32)
    # A blank frame has no span; the floor of 16 grey levels keeps its noise from being blown up.
    stretched = (grey - low) / max(high - low, 16)
    return Band(grey=np.clip(stretched, 0, 1, dtype=np.float32), region=region)


def _whole(pixels: Pixels) -> Region:
    rows, columns = pixels.shape
    return Region(top=0, bottom=rows, left=0, right=columns)


def _noise_floor(pixels: Pixels, absent: NDArray[np.bool_]) -> np.uint8:
    """Grey of the vitreous: a low percentile of what is present."""
    present = pixels[::_COARSE, ::_COARSE][~absent[::_COARSE, ::_COARSE]]
    return np.uint8(_grey_percentiles(present, 20)[0]) if present.size else np.uint8(0)


def _grey_percentiles(pixels: Pixels, *percents: float) -> list[float]:
    """Linearly interpolated percentiles, as `np.percentile`'s; counting grey levels is quicker."""
    up_to = np.bincount(pixels.ravel(), minlength=256).cumsum()
    places = [percent / 100 * (pixels.size - 1) for percent in percents]
    return [
        float(
            np.interp(
                place,
                (int(place), int(place) + 1),
                np.searchsorted(up_to, (int(place), int(place) + 1), side="right"),
            )
        )
        for place in places
    ]


def _find_retina(filled: Pixels, floor: np.uint8) -> Region:
    """Find the rows that hold nearly all of the tissue's brightness."""
    rows, columns = filled.shape
    coarse = filled[::_COARSE, ::_COARSE].astype(np.float32)
    # Averaging along each row tames the speckle, so that noise adds up to nothing.
    width = max(1, coarse.shape[1] // 16)
    usable = coarse[:, : coarse.shape[1] // width * width]
    smooth = usable.reshape(len(coarse), -1, width).mean(axis=2)
    threshold = float(floor) + 0.25 * max(float(np.percentile(smooth, 99)) - float(floor), 1.0)
    brightness = np.clip(smooth - threshold, 0, None).sum(axis=1).cumsum()
    if brightness[-1] <= 0:
        return _whole(filled)
    share = brightness / brightness[-1]
    top = float(np.searchsorted(share, _TAIL)) * _COARSE - _BAND_MARGIN * rows
    bottom = float(np.searchsorted(share, 1 - _TAIL) + 1) * _COARSE + _BAND_MARGIN * rows
    lacking = _BAND_SHARE * rows - (bottom - top)
    if lacking > 0:
        top, bottom = top - lacking / 2, bottom + lacking / 2
    # Pushed back into the frame whole, so that a retina at the edge keeps its scale.
    if top < 0:
        top, bottom = 0, bottom - top
    if bottom > rows:
        top, bottom = top - (bottom - rows), rows
    return Region(top=max(0, round(top)), bottom=min(rows, round(bottom)), left=0, right=columns)

"""Lay a class activation map over a B-scan: one definition for screen and paper.

The colours are the upper three quarters of matplotlib's `plasma` (CC0): perceptually uniform,
and told apart without red-green vision because lightness rises all the way. Opacity grows with
the value and stays below `MAX_OPACITY`, so that the tissue always shows through, and where the
map says little the scan is left exactly as it was. A heat map tells where the network looked; it
is not the outline of a lesion.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.study import BScanResult, Pixels, Region

Rgb = NDArray[np.uint8]
"""A colour picture, shape (rows, columns, 3)."""

MAX_OPACITY = 0.7
"""Of the heat map at its strongest with the opacity control at 1."""

FLOOR = 0.12
"""Share of the scale below which a map leaves the scan alone: it would only tint the vitreous."""

CONTOURS = (0.35, 0.6, 0.85)
"""Shares of the scale at which `outline_overlay` draws."""

_ANCHORS = (
    "7e03a8 9511a1 aa2395 bc3587 cc4778 da5a6a e66c5c f0804e f89540 fdac33 fdc527 f8df25 f0f921"
)


@lru_cache(maxsize=1)
def colours() -> NDArray[np.uint8]:
    """Return the colour of each level, shape (256, 3): also what a legend is drawn from."""
    anchors = np.array([list(bytes.fromhex(each)) for each in _ANCHORS.split()], dtype=float)
    at = np.linspace(0, 255, len(anchors))
    channels = [np.interp(np.arange(256), at, channel) for channel in anchors.T]
    table: NDArray[np.uint8] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=32)
def _blends(percent: int) -> NDArray[np.uint8]:
    """Return every mixture of heat and grey, shape (65536, 3), indexed by heat * 256 + grey.

    Mixing by look-up is what lets the viewer scroll: it costs one gather for each picture.
    """
    heat = np.linspace(0, 1, 256)
    ramp = np.clip((heat - FLOOR) / (1 - FLOOR), 0, 1) ** 0.8
    alpha = (MAX_OPACITY * percent / 100 * ramp)[:, None, None]
    grey = np.arange(256.0)[None, :, None]
    mixed = grey * (1 - alpha) + colours()[:, None, :] * alpha
    table: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8).reshape(65536, 3)
    table.setflags(write=False)
    return table


def heat_levels(
    map_: NDArray[np.float32], region: Region, shape: tuple[int, int], scale: float
) -> NDArray[np.uint8]:
    """Return the map enlarged onto the frame, shape `shape`; 255 is `scale` and above.

    Args:
        map_: Class activation map, shape (h, w), not negative.
        region: Where the map lies on the frame.
        shape: (rows, columns) of the frame.
        scale: Value of the map that gets the strongest colour; see `heat_scales`.
    """
    if not (0 <= region.top < region.bottom <= shape[0]) or not (
        0 <= region.left < region.right <= shape[1]
    ):
        raise ValueError(f"{region} does not lie on a frame of {shape}")
    small = np.clip(np.nan_to_num(map_) * (255 / scale), 0, 255) if scale > 0 else np.zeros((1, 1))
    size = (region.right - region.left, region.bottom - region.top)
    enlarged = Image.fromarray(np.rint(small).astype(np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    levels = np.zeros(shape, np.uint8)
    levels[region.top : region.bottom, region.left : region.right] = np.asarray(enlarged)
    return levels


def heat_overlay(
    pixels: Pixels,
    map_: NDArray[np.float32],
    region: Region,
    opacity: float = 0.6,
    scale: float = 1.0,
) -> Rgb:
    """Colour a B-scan with a heat map.

    Args:
        pixels: The B-scan, shape (rows, columns).
        map_: Class activation map, shape (h, w), not negative.
        region: Where the map lies on the B-scan.
        opacity: From 0, the scan alone, to 1, as strong as it gets.
        scale: Value of the map that gets the strongest colour. One scale for all B-scans of a
            volume makes their colours comparable; see `heat_scales`.
    """
    levels = heat_levels(map_, region, (pixels.shape[0], pixels.shape[1]), scale)
    index = levels.astype(np.uint16) << 8 | pixels
    return _blends(round(100 * min(max(opacity, 0.0), 1.0))).take(index, axis=0)


def outline_overlay(
    pixels: Pixels,
    map_: NDArray[np.float32],
    region: Region,
    scale: float = 1.0,
    thickness: int = 2,
) -> Rgb:
    """Draw lines of equal heat at `CONTOURS`, and leave the tissue between them untouched.

    Args:
        pixels: The B-scan, shape (rows, columns).
        map_: Class activation map, shape (h, w), not negative.
        region: Where the map lies on the B-scan.
        scale: As for `heat_overlay`.
        thickness: Width of a line in samples.
    """
    levels = heat_levels(map_, region, (pixels.shape[0], pixels.shape[1]), scale)
    picture = np.repeat(pixels[:, :, None], 3, axis=2)
    for share in CONTOURS:
        inside = levels >= round(255 * share)
        shrunk = inside.copy()
        # Beyond the frame counts as inside, so that no line follows the frame's border.
        for _ in range(thickness):
            core = shrunk.copy()
            core[1:] &= shrunk[:-1]
            core[:-1] &= shrunk[1:]
            core[:, 1:] &= shrunk[:, :-1]
            core[:, :-1] &= shrunk[:, 1:]
            shrunk = core
        picture[inside & ~shrunk] = colours()[round(255 * share)]
    return picture


def heat_scales(bscans: Iterable[BScanResult], n_classes: int) -> tuple[float, ...]:
    """Return the strongest value of each class's maps in a volume; 1 where there is none.

    The strongest B-scan of the volume then shows the strongest colour, and one that gave the
    class next to nothing stays grey instead of being stretched to look alarming.
    """
    found = [
        each.maps.reshape(n_classes, -1).max(axis=1) for each in bscans if each.maps is not None
    ]
    peaks = np.max(found, axis=0) if found else np.zeros(n_classes)
    return tuple(float(peak) if np.isfinite(peak) and peak > 0 else 1.0 for peak in peaks)

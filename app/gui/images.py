"""From arrays to what Qt paints, and nowhere else."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from app.study import BScanResult, Pixels


def grey_image(pixels: Pixels) -> QImage:
    """An image of its own memory from grey values, shape (rows, columns)."""
    rows, columns = pixels.shape
    data = np.ascontiguousarray(pixels)
    return QImage(data.data, columns, rows, columns, QImage.Format.Format_Grayscale8).copy()


def colour_image(pixels: NDArray[np.uint8]) -> QImage:
    """An image of its own memory from RGB (rows, columns, 3) or RGBA (rows, columns, 4)."""
    rows, columns, channels = pixels.shape
    kind = {3: QImage.Format.Format_RGB888, 4: QImage.Format.Format_RGBA8888}[channels]
    data = np.ascontiguousarray(pixels)
    # The screen's own format, converted here by the worker rather than at every paint.
    shown = (
        QImage.Format.Format_RGB32 if channels == 3 else QImage.Format.Format_ARGB32_Premultiplied
    )
    return QImage(data.data, columns, rows, channels * columns, kind).convertToFormat(shown)


def shrunk(pixels: Pixels, width: int) -> Pixels:
    """The scan at about `width` columns, each the mean of those it stands for; never larger."""
    step = max(1, pixels.shape[1] // width)
    rows, columns = (size - size % step for size in pixels.shape)
    if step == 1 or rows == 0 or columns == 0:
        return pixels
    blocks = pixels[:rows, :columns].reshape(rows // step, step, columns // step, step)
    small: Pixels = blocks.mean(axis=(1, 3)).astype(np.uint8)
    return small


def windowed(pixels: Pixels, *, centre: float, width: float, inverted: bool) -> Pixels:
    """Grey values spread from `centre - width / 2` to `centre + width / 2`, in 0 to 255."""
    if centre == 127.5 and width == 255 and not inverted:
        return pixels
    ramp = (np.arange(256) - (centre - width / 2)) / max(width, 1) * 255
    table = np.clip(ramp, 0, 255).astype(np.uint8)
    shown: Pixels = (255 - table if inverted else table)[pixels]
    return shown


def map_projection(
    results: Iterable[BScanResult], sizes: Iterable[int], class_index: int, columns: int
) -> NDArray[np.float32]:
    """Where along each B-scan the class was seen, shape (n_bscans, columns), as the maps scale.

    Each value is the strongest of its column of the class activation map. What the network did
    not see, and B-scans without a map, are 0.
    """
    several = list(zip(results, sizes, strict=True))
    alike: dict[tuple[float, float, int], dict[int, NDArray[np.float32]]] = defaultdict(dict)
    for index, (result, width) in enumerate(several):
        if result.maps is not None and result.region is not None:
            left, right = (edge / width for edge in (result.region.left, result.region.right))
            alike[left, right, result.maps.shape[2]][index] = result.maps[class_index]
    lines = np.zeros((len(several), columns), dtype=np.float32)
    for (left, right, count), maps in alike.items():
        strongest = np.stack(list(maps.values())).max(axis=1)
        lines[list(maps)] = strongest @ _shares(left * columns, right * columns, count, columns)
    return lines


def _shares(left: float, right: float, count: int, columns: int) -> NDArray[np.float32]:
    """What each of `count` columns from `left` to `right` gives to each place: (count, columns).

    Between the middles of two it is divided by distance; outside nothing is given.
    """
    centres = left + (np.arange(count) + 0.5) * (right - left) / count
    places = np.arange(columns) + 0.5
    inside = (places >= left) & (places < right)
    shares = np.stack([np.interp(places, centres, each) for each in np.eye(count)]) * inside
    return shares.astype(np.float32)

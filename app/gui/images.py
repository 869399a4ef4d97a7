"""From arrays to what Qt paints, and nowhere else."""

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
    lines = []
    for result, width in zip(results, sizes, strict=True):
        line = np.zeros(columns, dtype=np.float32)
        if result.maps is not None and result.region is not None:
            strongest = result.maps[class_index].max(axis=0)
            left, right = (
                edge / width * columns for edge in (result.region.left, result.region.right)
            )
            centres = left + (np.arange(len(strongest)) + 0.5) * (right - left) / len(strongest)
            places = np.arange(columns) + 0.5
            inside = (places >= left) & (places < right)
            line[inside] = np.interp(places[inside], centres, strongest)
        lines.append(line)
    return np.stack(lines)

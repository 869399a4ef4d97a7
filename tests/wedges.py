"""White wedges at the borders, as exporters leave them when they rotate a B-scan."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def with_wedges(pixels: Pixels, *, seed: int, jpeg: int | None = None) -> Pixels:
    """Cover a triangle at the top and one at the bottom, each up to a seventh of the height.

    Args:
        jpeg: Quality to compress with afterwards, so that the edges ring as in real exports.
    """
    rng = np.random.default_rng(seed)
    rows, columns = pixels.shape
    across = np.linspace(0, 1, columns)
    if seed % 2:
        across = across[::-1]
    depth = np.arange(rows)[:, None]
    top = rng.uniform(0.05, 0.14) * rows * across
    bottom = rows - rng.uniform(0.05, 0.14) * rows * (1 - across)
    covered = np.where((depth < top) | (depth >= bottom), 255, pixels).astype(np.uint8)
    return covered if jpeg is None else as_jpeg(covered, jpeg)


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))

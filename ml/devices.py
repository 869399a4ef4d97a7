"""B-scans as other machines might have given them: still in scope.

A gate that is fitted to the pictures of two machines alone takes a third one's grain or contrast
for a strange eye. Here grey levels, sharpness, resolution and noise are varied, by seed; what the
exporter left white or black at the borders stays.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from app.preprocess import missing
from app.study import Pixels

_WHITE = 255


def as_other_devices(scans: Iterable[Pixels], *, seed: int) -> Iterator[Pixels]:
    """Change each B-scan, uint8 (rows, columns), in its own way; sizes stay.

    One at a time, as they are asked for: whole data sets do not fit into memory.
    """
    rng = np.random.default_rng(seed)
    return (_as_another_device(rng, scan) for scan in scans)


def _as_another_device(rng: np.random.Generator, scan: Pixels) -> Pixels:
    image = Image.fromarray(scan)
    if rng.random() < 0.4:
        image = _coarse(rng, image)
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.8)))
    grey: NDArray[np.float32] = np.asarray(image, dtype=np.float32) / np.float32(_WHITE)
    if rng.random() < 0.5:
        grey = grey ** np.float32(np.exp(rng.uniform(-0.6, 0.6)))
    if rng.random() < 0.5:
        grey = _contrast(rng, grey)
    if rng.random() < 0.5:
        grey = _grain(rng, grey)
    return regreyed(scan, grey)


def regreyed(scan: Pixels, grey: NDArray[np.floating]) -> Pixels:
    """Give a B-scan other greys, in [0, 1], but where the exporter filled something in."""
    changed = np.asarray(np.rint(np.clip(grey, 0, 1) * (_WHITE - 1)), dtype=np.uint8)
    return np.where(missing(scan), scan, changed)


def _coarse(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Fewer A-scans and fewer pixels along each, as drawn at the size of the original."""
    size = tuple(max(int(each / rng.uniform(1.2, 3)), 32) for each in image.size)
    small = image.resize((size[0], size[1]), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _contrast(rng: np.random.Generator, grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Another black and another white: cut off, or with a floor under all of it."""
    black, white = rng.uniform(-0.25, 0.2), rng.uniform(0.6, 1.1)
    return np.asarray((grey - black) / (white - black), dtype=np.float32)


def _grain(rng: np.random.Generator, grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Speckle, and the noise that the dark parts show."""
    noise = rng.standard_normal(grey.shape, dtype=np.float32)
    speckle, floor = rng.uniform(0, 0.35), rng.uniform(0, 0.08)
    return np.asarray(grey * (1 + speckle * noise) + floor * np.abs(noise), dtype=np.float32)

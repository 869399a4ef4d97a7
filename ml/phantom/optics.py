"""What the machine makes of the tissue: speckle, noise floor and the display's fourth root.

Speckle of an average of L frames is gamma distributed with shape L. It is drawn here from one
correlated normal field by the Wilson-Hilferty transformation (PNAS 17:684, 1931), which keeps the
correlation of the optics' point spread.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.phantom.texture import correlated_normal

Image = NDArray[np.float32]
"""One frame, shape (rows, columns)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optics:
    """One machine on one day."""

    looks: float  # frames averaged, as far as their speckle is independent
    floor: float  # display level of the noise of the detector
    subtracted: float  # share of the mean noise that the machine takes off
    gain: float  # factor on the display level of tissue
    axial_px: float  # standard deviation of the point spread
    lateral_px: float


def draw_optics(rng: np.random.Generator) -> Optics:
    return Optics(
        looks=float(rng.uniform(4, 9)),
        floor=float(rng.uniform(26, 36)),
        subtracted=float(rng.uniform(0.35, 0.7)),
        gain=float(rng.uniform(0.9, 1.12)),
        axial_px=0.85,
        lateral_px=float(rng.uniform(0.5, 0.7)),
    )


def expose(tissue: Image, optics: Optics, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take a picture of `tissue`, given as ideal display levels in [0, 255]."""
    signal = (np.clip(tissue * optics.gain, 0, 255) / 255) ** 4
    speckle = _gamma_field(tissue.shape, optics, rng)
    # Where the noise falls below what is subtracted, the frame is black: the pepper in the
    # vitreous of every real one.
    noise = _gamma_field(tissue.shape, optics, rng) - optics.subtracted
    noise *= (optics.floor / 255) ** 4
    display = 255 * np.clip(signal * speckle + noise, 0, 1) ** 0.25
    return np.asarray(np.rint(display), np.uint8)


def _gamma_field(shape: tuple[int, ...], optics: Optics, rng: np.random.Generator) -> Image:
    """Gamma variates with mean 1 and shape `looks`, correlated like the point spread."""
    normal = correlated_normal(shape, (optics.axial_px, optics.lateral_px), rng)
    ninth = 1 / (9 * optics.looks)
    return np.asarray(np.maximum(1 - ninth + normal * np.sqrt(ninth), 0) ** 3, np.float32)

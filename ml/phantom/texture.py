"""Random textures with a stated grain."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ml.phantom.grid import Grid

Solid = NDArray[np.float32]
"""A value for every sample, shape (frames, rows, columns)."""


def correlated_normal(
    shape: tuple[int, ...], sigma: tuple[float, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Standard normal noise smoothed by a Gaussian, its variance restored."""
    white = rng.standard_normal(shape, dtype=np.float32)
    smooth = gaussian_filter(white, sigma, mode="wrap", truncate=3.0)
    return np.asarray(smooth / max(float(smooth.std()), 1e-6), np.float32)


def blobs(
    shape: tuple[int, int, int],
    size_mm: tuple[float, float, float],
    grid: Grid,
    rng: np.random.Generator,
) -> Solid:
    """Smooth noise over frames, depths and columns, squashed into -1 to 1."""
    spacing = (grid.between_mm, grid.axial_mm, grid.lateral_mm)
    sigma = tuple(size / step for size, step in zip(size_mm, spacing, strict=True))
    return np.asarray(np.tanh(1.3 * correlated_normal(shape, sigma, rng)), np.float32)

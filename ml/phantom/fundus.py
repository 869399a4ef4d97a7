"""The view from above that accompanies a phantom volume: an infrared image of its fundus."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ml.phantom.anatomy import DISC_MM, draw_anatomy, vessel_map
from ml.phantom.grid import Field, Grid
from ml.phantom.lesions import Disease, draw_disease
from ml.phantom.texture import correlated_normal

FIELD_MM = 8.9
"""Side of the square shown: 30°."""


def make_fundus(
    label: str, seed: int, grid: Grid, side: int = 512
) -> tuple[NDArray[np.uint8], tuple[tuple[tuple[float, float], tuple[float, float]], ...]]:
    """Show the fundus of the eye that `make_phantom` makes from the same arguments.

    Returns:
        The image, shape (side, side), with pixels of FIELD_MM / side; and for each frame of the
        volume the (row, column) of its two ends on the image.
    """
    pixel = FIELD_MM / side
    above = replace(grid, frames=side, columns=side, between_mm=pixel, lateral_mm=pixel)
    anatomy = draw_anatomy(np.random.default_rng([seed, 0]))
    rng = np.random.default_rng([seed, 7])
    nasal, inferior = above.nasal, above.inferior

    level = 118 + 9 * correlated_normal((side, side), (0.5 / pixel, 0.5 / pixel), rng)
    level += 5 * correlated_normal((side, side), (0.045 / pixel, 0.045 / pixel), rng)
    away = np.hypot(nasal - anatomy.fovea[0], inferior - anatomy.fovea[1])
    level -= 22 * np.exp(-((away / 0.8) ** 2)) + 10 * np.exp(-((away / 0.25) ** 2))
    level += _tint(draw_disease(label, anatomy.fovea, above, seed))
    disc = np.hypot((nasal - DISC_MM) / 0.85, inferior / 0.95)
    level += 48 * np.clip(0.5 - (disc - 1) / 0.12, 0, 1)

    distance, radius = vessel_map(anatomy, above)
    calibre = np.clip(radius / 0.04, 0.4, 1)
    level -= 58 * calibre * np.exp(-((distance / np.maximum(radius, 0.012)) ** 4))
    corner = np.hypot(nasal, inferior) / (FIELD_MM / 2)
    level *= 1 - 0.22 * np.clip(corner, 0, 1.5) ** 2
    level += 5 * correlated_normal((side, side), (0.6, 0.6), rng)
    return np.asarray(np.clip(np.rint(level), 0, 255), np.uint8), _lines(grid, side)


def _tint(disease: Disease) -> Field:
    """Drusen are pale in infrared, fluid and detachments dark."""
    dark = 260 * disease.fluid + 160 * disease.ped + 120 * disease.swelling
    return np.asarray(420 * disease.drusen + 120 * disease.material - dark, np.float32)


def _lines(grid: Grid, side: int) -> tuple[tuple[tuple[float, float], tuple[float, float]], ...]:
    """Ends of each B-scan as (row, column) on the image, counted from 1 as DICOM does."""
    pixel = FIELD_MM / side
    middle = (side + 1) / 2
    half = (grid.columns - 1) / 2 * grid.lateral_mm / pixel
    rows = middle + grid.inferior[:, 0] / pixel
    return tuple(((float(row), middle - half), (float(row), middle + half)) for row in rows)

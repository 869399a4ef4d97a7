"""Make a phantom: anatomy, disease, tissue, then the machine's optics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.study import Spacing
from ml.phantom.anatomy import draw_anatomy
from ml.phantom.grid import Grid
from ml.phantom.lesions import LESIONS_OF, Lesion, draw_disease
from ml.phantom.optics import draw_optics, expose
from ml.phantom.structure import Structure
from ml.phantom.tissue import Tissue


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phantom:
    """A synthetic volume of one eye, with what is true of it."""

    label: str
    grid: Grid
    pixels: NDArray[np.uint8]  # (frames, rows, columns)
    masks: dict[Lesion, NDArray[np.bool_]]  # each like pixels; those of the label's lesions
    borders: NDArray[np.float32]  # rows of the top of each Layer and of the choroid:
    #                               (layers + 1, frames, columns)

    @property
    def spacing(self) -> Spacing:
        return Spacing(
            axial_mm=self.grid.axial_mm,
            lateral_mm=self.grid.lateral_mm,
            between_mm=self.grid.between_mm,
        )

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where any lesion lies, shape (frames, rows, columns)."""
        whole = np.zeros(self.pixels.shape, bool)
        for each in self.masks.values():
            whole |= each
        return whole


def make_phantom(label: str, seed: int, grid: Grid | None = None) -> Phantom:
    """Make one eye. The same arguments give the same bytes.

    The eye, its vessels, speckle and noise follow from the seed alone, so two labels with one
    seed show the same eye with and without the disease.

    Args:
        label: NORMAL, DRUSEN, CNV or DME.

    Raises:
        KeyError: If the label is none of these.
    """
    grid = grid or Grid()
    rng = np.random.default_rng([seed, 0])
    anatomy, optics = draw_anatomy(rng), draw_optics(rng)
    structure = Structure(
        anatomy=anatomy,
        disease=draw_disease(label, anatomy.fovea, grid, seed),
        grid=grid,
        seed=seed,
    )
    tissue = Tissue(structure)
    pixels = np.empty((grid.frames, grid.rows, grid.columns), np.uint8)
    for frame in range(grid.frames):
        noise = np.random.default_rng([seed, 4, frame])
        pixels[frame] = expose(tissue.paint(frame), optics, noise)
    return Phantom(
        label=label,
        grid=grid,
        pixels=pixels,
        masks={lesion: structure.mask(lesion) for lesion in LESIONS_OF[label]},
        borders=structure.borders,
    )

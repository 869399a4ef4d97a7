"""Paint the tissue of a phantom eye, frame by frame, as ideal display levels.

Levels are those that a Spectralis shows, measured as the median over healthy eyes of A-scans
aligned at the pigment epithelium.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ml.phantom.anatomy import Layer, vessel_map
from ml.phantom.lesions import Lesion
from ml.phantom.optics import Image
from ml.phantom.structure import Structure
from ml.phantom.texture import blobs, correlated_normal

VITREOUS = 14
FLUID = 22
FOCUS = 200

LEVEL = {
    Layer.NFL: 92,
    Layer.GCL: 90,
    Layer.IPL: 97,
    Layer.INL: 74,
    Layer.OPL: 84,
    Layer.ONL: 54,
    Layer.ELM: 70,
    Layer.IS: 60,
    Layer.EZ: 158,
    Layer.OS: 104,
    Layer.SUBRETINAL_FLUID: 26,
    Layer.SUBRETINAL_MATERIAL: 128,
    Layer.RPE: 184,
    Layer.SUB_RPE: 98,
    Layer.BRUCH: 132,
    Layer.CHORIOCAPILLARIS: 104,
}

BORDER_MM = {
    Layer.IPL: 0.012,
    Layer.INL: 0.010,
    Layer.OPL: 0.014,
    Layer.ONL: 0.016,
    Layer.RPE: 0.009,
    Layer.CHORIOCAPILLARIS: 0.010,
}
"""Borders above these layers are soft; the others are as sharp as the optics allow."""


class Tissue:
    """The tissue of one eye; `paint` gives one frame at a time."""

    def __init__(self, structure: Structure) -> None:
        grid = structure.grid
        self._structure = structure
        self._rows = np.arange(grid.rows, dtype=np.float32)[:, None]
        self._vessel_distance, self._vessel_radius = vessel_map(structure.anatomy, grid)
        rng = np.random.default_rng([structure.seed, 2])
        self._choroid = self._choroid_texture(rng)
        self._granules = correlated_normal((grid.frames, grid.columns), (0.5, 1.2), rng)

    def paint(self, frame: int) -> Image:
        """Return the display levels of one frame before speckle and noise, in [0, 255]."""
        rng = np.random.default_rng([self._structure.seed, 3, frame])
        image = self._layers(frame)
        image = self._with_choroid(frame, image)
        image = self._with_unevenness(frame, image, rng)
        image = self._with_ellipsoids(frame, image)
        image = self._with_vessels(frame, image)
        return np.asarray(image * self._illumination(image.shape[1], rng), np.float32)

    def _layers(self, frame: int) -> Image:
        """Levels between the borders, each border a ramp as wide as it is soft."""
        grid, borders = self._structure.grid, self._structure.borders[:, frame]
        levels = self._levels(frame)
        image = np.full((grid.rows, grid.columns), VITREOUS, np.float32)
        above = np.full(grid.columns, VITREOUS, np.float32)
        for layer in Layer:
            width = max(BORDER_MM.get(layer, 0) / grid.axial_mm, 1.5)
            image += (levels[layer] - above) * self._ramp(borders[layer], width)
            above = levels[layer]
        return image

    def _ramp(self, border: NDArray[np.float32], width: float) -> Image:
        return np.asarray(
            np.clip(0.5 + (self._rows - border) / np.float32(width), 0, 1), np.float32
        )

    def _levels(self, frame: int) -> NDArray[np.float32]:
        """Level of each layer at each A-scan, shape (layers, columns)."""
        grid, borders = self._structure.grid, self._structure.borders[:, frame]
        disease, granules = self._structure.disease, self._granules[frame]
        levels = np.repeat(
            np.array([LEVEL[layer] for layer in Layer], np.float32)[:, None], grid.columns, axis=1
        )
        fibres = (borders[Layer.GCL] - borders[Layer.NFL]) * grid.axial_mm
        levels[Layer.NFL] += np.clip((fibres - 0.010) * 2400, -6, 66)
        lost = disease.lost_receptors[frame]
        for layer in (Layer.EZ, Layer.OS):
            levels[layer] += 3 * granules
            levels[layer] -= lost * (levels[layer] - LEVEL[Layer.ONL] - 18)
        levels[Layer.RPE] += (4 + 14 * lost) * granules - 28 * lost
        levels[Layer.SUB_RPE] -= 26 * np.clip(disease.ped[frame] / 0.2, 0, 1)
        attached = np.clip(1 - (disease.drusen + disease.ped)[frame] / 0.03, 0, 1)
        levels[Layer.BRUCH] += attached * (LEVEL[Layer.RPE] - LEVEL[Layer.BRUCH])
        return levels

    def _with_choroid(self, frame: int, image: Image) -> Image:
        """Vessels and stroma below Bruch's membrane, then sclera, fading with depth."""
        structure = self._structure
        grid, disease = structure.grid, structure.disease
        top = structure.borders[len(Layer), frame]
        depth = (self._rows - top) * np.float32(grid.axial_mm)
        shallow = np.exp(-np.maximum(depth, 0) / 0.15)
        fade = VITREOUS - 6 + 58 * shallow + 37 * np.exp(-np.maximum(depth, 0) / 0.5)
        index = np.clip(np.rint(self._rows - top), 0, self._choroid.shape[1] - 1).astype(np.intp)
        texture = np.take_along_axis(self._choroid[frame], index, axis=0)
        extent = np.clip((structure.anatomy.choroid - depth) / 0.05, 0, 1)
        below = fade * (1 + texture * extent)
        # Thick material above takes the light; where the pigment is damaged more comes through,
        # unevenly from A-scan to A-scan.
        cover = np.clip((disease.ped + disease.material)[frame] / 0.25, 0, 1)
        lost = disease.lost_receptors[frame] * (disease.ped + disease.material > 0)[frame]
        streaks = gaussian_filter1d(self._granules[frame], 1.5)
        below = below * (1 - 0.35 * cover + lost * (0.20 + 0.16 * streaks))
        mix = self._ramp(top + 1, 3.0)
        return np.asarray(image * (1 - mix) + below * mix, np.float32)

    def _with_unevenness(self, frame: int, image: Image, rng: np.random.Generator) -> Image:
        """A little everywhere in tissue, much in neovascular material and detachments."""
        structure = self._structure
        borders = structure.borders[:, frame]
        grid = structure.grid
        sigma = (0.006 / grid.axial_mm, 0.02 / grid.lateral_mm)
        grain = correlated_normal(image.shape, sigma, rng)
        image = image * (1 + 0.035 * grain * self._ramp(borders[Layer.NFL], 2.0))
        blotch = structure.blotches[frame]
        uneven = ((Layer.SUBRETINAL_MATERIAL, 0.30), (Layer.SUB_RPE, 0.22), (Layer.RPE, 0.03))
        for layer, amount in uneven:
            within = self._ramp(borders[layer], 1.5) * (1 - self._ramp(borders[layer + 1], 1.5))
            image = image * (1 + amount * blotch * within)
        return np.asarray(image, np.float32)

    def _with_ellipsoids(self, frame: int, image: Image) -> Image:
        inside = self._structure.inside
        if Lesion.INTRARETINAL_FLUID in inside:
            weight = np.clip(inside[Lesion.INTRARETINAL_FLUID][frame] * 4, 0, 1)
            image = image + weight * (FLUID - image)
        if Lesion.FOCI in inside:
            weight = np.clip(inside[Lesion.FOCI][frame] * 4, 0, 1)
            shade = np.maximum.accumulate(weight, axis=0) - weight
            image = (image + weight * (FOCUS - image)) * (1 - 0.22 * shade)
        return np.asarray(image, np.float32)

    def _with_vessels(self, frame: int, image: Image) -> Image:
        """A lumen among the nerve fibres, and its shadow on all that lies below."""
        grid = self._structure.grid
        distance, radius = self._vessel_distance[frame], self._vessel_radius[frame]
        middle = self._structure.borders[Layer.GCL, frame] + 0.4 * radius / grid.axial_mm
        down = (self._rows - middle) * np.float32(grid.axial_mm)
        lumen = np.clip(1.6 - 1.6 * (distance**2 + down**2) / radius**2, 0, 1)
        contrast = np.clip(radius / 0.03, 0.35, 1)
        image = image + lumen * np.where(down < 0, 38, -24) * contrast
        shade = np.exp(-((distance / (0.9 * radius + 0.006)) ** 2))
        reach = np.clip((down - 0.5 * radius) / 0.05, 0, 1)
        return np.asarray(image * (1 - 0.28 * contrast * shade * reach), np.float32)

    def _illumination(self, columns: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Some A-scans return more light than others: pupil, tear film, lens."""
        slow = correlated_normal((columns,), (columns / 9,), rng)
        fast = correlated_normal((columns,), (1.2,), rng)
        return np.asarray(1 + 0.02 * slow + 0.005 * fast, np.float32)

    def _choroid_texture(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Relative brightness by row below Bruch's membrane, shape (frames, depths, columns).

        Small vessels of Sattler's layer lie above the large, dark lumens of Haller's.
        """
        grid = self._structure.grid
        depths = max(int(0.45 / grid.axial_mm), 2)
        shape = (grid.frames, depths, grid.columns)
        small = blobs(shape, (0.035, 0.013, 0.026), grid, rng)
        large = blobs(shape, (0.11, 0.032, 0.060), grid, rng)
        depth = (np.arange(depths) * grid.axial_mm)[None, :, None]
        deep = np.clip((depth - 0.04) / 0.06, 0, 1)
        texture = (1 - deep) * 0.18 * small + deep * (0.19 * large + 0.07 * small)
        return np.asarray(texture * np.clip(depth / 0.015, 0, 1), np.float32)

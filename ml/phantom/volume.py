"""Render a phantom: layers, lesions, vessels and choroid, then the machine's optics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from app.study import Spacing
from ml.phantom.anatomy import (
    GREY,
    Anatomy,
    Layer,
    bruch_depth,
    draw_anatomy,
    healthy_thickness,
    vessel_map,
)
from ml.phantom.grid import Field, Grid
from ml.phantom.lesions import LESIONS_OF, Disease, Lesion, draw_disease
from ml.phantom.optics import Image, Optics, correlated_normal, draw_optics, expose

VITREOUS = 14
FLUID = 24
EXUDATE = 205

BORDER_MM = {Layer.IPL: 0.010, Layer.INL: 0.008, Layer.OPL: 0.012, Layer.ONL: 0.014}
"""Borders above these layers are soft; the others are as sharp as the optics allow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phantom:
    """A synthetic volume of one eye, with what is true of it."""

    label: str
    grid: Grid
    pixels: NDArray[np.uint8]  # (frames, rows, columns)
    masks: dict[Lesion, NDArray[np.bool_]]  # (frames, rows, columns), one per lesion of the class
    borders: NDArray[np.float32]  # rows of the top of each layer, then of the choroid:
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
    disease = draw_disease(label, anatomy.fovea, grid, seed)
    borders = _borders(anatomy, disease, grid)
    inside = _ellipsoid_depths(disease, borders, grid)
    masks = {lesion: _mask(lesion, disease, borders, inside, grid) for lesion in LESIONS_OF[label]}
    tissue = _Tissue(anatomy, disease, borders, inside, grid, optics, seed)
    pixels = np.stack([tissue.photograph(frame) for frame in range(grid.frames)])
    return Phantom(label=label, grid=grid, pixels=pixels, masks=masks, borders=borders)


def _borders(anatomy: Anatomy, disease: Disease, grid: Grid) -> NDArray[np.float32]:
    """Stack the layers on Bruch's membrane and return the rows of their tops."""
    thickness = healthy_thickness(anatomy, grid)
    thickness[Layer.SUB_RPE] = disease.drusen + disease.ped
    thickness[Layer.SUBRETINAL_MATERIAL] = disease.material
    thickness[Layer.SUBRETINAL_FLUID] = disease.fluid
    # What pushes from below is partly taken up by the outer nuclear layer, which thins over it.
    push = disease.drusen + disease.ped + disease.material + disease.fluid
    squeeze = np.minimum(0.55 * push, 0.6 * thickness[Layer.ONL])
    thickness[Layer.ONL] -= squeeze
    for layer, share in ((Layer.INL, 0.35), (Layer.OPL, 0.2), (Layer.ONL, 0.45)):
        thickness[layer] += share * disease.swelling
    for layer in (Layer.EZ, Layer.OS, Layer.IS):
        thickness[layer] *= 1 - 0.7 * disease.lost_receptors

    bruch = bruch_depth(anatomy, grid)
    tops = np.empty((len(Layer) + 1, *bruch.shape), np.float32)
    tops[Layer.BRUCH] = bruch
    for layer in range(Layer.BRUCH - 1, -1, -1):
        tops[layer] = tops[layer + 1] - thickness[layer]
    for layer in range(Layer.BRUCH, len(Layer)):
        tops[layer + 1] = tops[layer] + thickness[layer]
    return tops / np.float32(grid.axial_mm)


def _ellipsoid_depths(
    disease: Disease, borders: NDArray[np.float32], grid: Grid
) -> dict[Lesion, NDArray[np.float32]]:
    """How deep inside a cyst or exudate each sample lies: 1 at a centre, 0 outside.

    Shape (frames, rows, columns) for each kind of lesion that the eye has.
    """
    found: dict[Lesion, NDArray[np.float32]] = {}
    shape = (grid.frames, grid.rows, grid.columns)
    rows = np.arange(grid.rows, dtype=np.float32)[:, None]
    nasal, inferior = grid.nasal, grid.inferior
    for each in disease.ellipsoids:
        depths = found.setdefault(each.lesion, np.zeros(shape, np.float32))
        across = ((nasal - each.nasal) / each.radii[0]) ** 2
        across = across + ((inferior - each.inferior) / each.radii[1]) ** 2
        for frame in np.flatnonzero(across.min(axis=1) < 1):
            columns = np.flatnonzero(across[frame] < 1)
            top = borders[:, frame, columns]
            middle = top[Layer.OPL] + each.depth / grid.axial_mm
            down = ((rows - middle) * grid.axial_mm / each.radii[2]) ** 2
            within = np.clip(1 - across[frame, columns] - down, 0, 1)
            # A cyst never breaks through the retina's surfaces.
            margin = 0.012 / grid.axial_mm
            inside = (rows > top[Layer.NFL] + margin) & (rows < top[Layer.ELM] - margin / 2)
            within = np.where(inside, within, 0)
            view = depths[frame]
            view[:, columns] = np.maximum(view[:, columns], within)
    return found


def _mask(
    lesion: Lesion,
    disease: Disease,
    borders: NDArray[np.float32],
    inside: dict[Lesion, NDArray[np.float32]],
    grid: Grid,
) -> NDArray[np.bool_]:
    if lesion in (Lesion.INTRARETINAL_FLUID, Lesion.EXUDATE):
        shape = (grid.frames, grid.rows, grid.columns)
        return inside[lesion] > 0.05 if lesion in inside else np.zeros(shape, bool)
    spans: dict[Lesion, tuple[Field, int, int]] = {
        # The lifted pigment epithelium is part of what a reader calls the druse.
        Lesion.DRUSEN: (disease.drusen, Layer.RPE, Layer.BRUCH),
        Lesion.PED: (disease.ped, Layer.RPE, Layer.BRUCH),
        Lesion.NEOVASCULAR: (disease.material, Layer.SUBRETINAL_MATERIAL, Layer.RPE),
        Lesion.SUBRETINAL_FLUID: (disease.fluid, Layer.SUBRETINAL_FLUID, Layer.RPE),
        Lesion.THICKENING: (disease.swelling, Layer.NFL, Layer.RPE),
    }
    amount, above, below = spans[lesion]
    if lesion is Lesion.SUBRETINAL_FLUID:
        below = Layer.SUBRETINAL_MATERIAL
    least = 0.03 if lesion is Lesion.THICKENING else 0.008
    rows = np.arange(grid.rows, dtype=np.float32)[None, :, None]
    top, bottom = borders[above][:, None], borders[below][:, None]
    there: NDArray[np.bool_] = (rows >= top) & (rows < bottom) & (amount > least)[:, None]
    return there


class _Tissue:
    """The tissue of one eye, frame by frame, so that only one frame is worked on at a time."""

    def __init__(
        self,
        anatomy: Anatomy,
        disease: Disease,
        borders: NDArray[np.float32],
        inside: dict[Lesion, NDArray[np.float32]],
        grid: Grid,
        optics: Optics,
        seed: int,
    ) -> None:
        self._anatomy, self._disease = anatomy, disease
        self._borders, self._inside = borders, inside
        self._grid, self._optics, self._seed = grid, optics, seed
        self._rows = np.arange(grid.rows, dtype=np.float32)[:, None]
        self._vessel_distance, self._vessel_radius = vessel_map(anatomy, grid)
        rng = np.random.default_rng([seed, 2])
        self._choroid = _choroid_texture(grid, rng)
        self._blotches = _blotches(grid, rng)
        self._granules = correlated_normal((grid.frames, grid.columns), (0.5, 1.6), rng)

    def photograph(self, frame: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng([self._seed, 3, frame])
        image = self._layers(frame)
        image = self._with_choroid(frame, image)
        image = self._with_blotches(frame, image, rng)
        image = self._with_ellipsoids(frame, image)
        image = self._with_vessels(frame, image)
        return expose(image * self._illumination(frame), self._optics, rng)

    def _layers(self, frame: int) -> Image:
        """Levels between the borders, each a ramp as wide as it is soft."""
        borders, levels = self._borders[:, frame], self._levels(frame)
        image = np.full((self._grid.rows, self._grid.columns), VITREOUS, np.float32)
        above = np.full(self._grid.columns, VITREOUS, np.float32)
        for layer in Layer:
            width = max(BORDER_MM.get(layer, 0) / self._grid.axial_mm, 1.5)
            image += (levels[layer] - above) * self._ramp(borders[layer], width)
            above = levels[layer]
        return image

    def _ramp(self, border: NDArray[np.float32], width: float) -> Image:
        return np.clip(0.5 + (self._rows - border) / np.float32(width), 0, 1)

    def _levels(self, frame: int) -> NDArray[np.float32]:
        levels = np.repeat(np.array(GREY, np.float32)[:, None], self._grid.columns, axis=1)
        fibres = (self._borders[1, frame] - self._borders[0, frame]) * self._grid.axial_mm
        levels[Layer.NFL] += np.clip((fibres - 0.010) * 2600, -8, 72)
        lost = self._disease.lost_receptors[frame]
        for layer in (Layer.EZ, Layer.OS):
            levels[layer] += 6 * self._granules[frame]
            levels[layer] -= lost * (levels[layer] - GREY[Layer.ONL] - 18)
        levels[Layer.RPE] += 9 * self._granules[frame] - 30 * np.clip(lost, 0, 1)
        levels[Layer.SUB_RPE] -= 25 * np.clip(self._disease.ped[frame] / 0.2, 0, 1)
        attached = np.clip(1 - (self._disease.drusen + self._disease.ped)[frame] / 0.03, 0, 1)
        levels[Layer.BRUCH] += attached * (GREY[Layer.RPE] - GREY[Layer.BRUCH])
        return levels

    def _with_choroid(self, frame: int, image: Image) -> Image:
        """Vessels and stroma below Bruch's membrane, then sclera, fading with depth."""
        grid = self._grid
        top = self._borders[len(Layer), frame]
        depth = (self._rows - top) * np.float32(grid.axial_mm)
        fade = VITREOUS + 78 * np.exp(-np.maximum(depth, 0) / 0.16)
        index = np.clip(np.rint(self._rows - top), 0, self._choroid.shape[1] - 1).astype(np.intp)
        texture = np.take_along_axis(self._choroid[frame], index, axis=0)
        extent = np.clip((self._anatomy.choroid - depth) / 0.05, 0, 1)
        below = fade * (1 + texture * extent)
        mix = self._ramp(top + 1, 3.0)
        # Thick material above takes the light from the choroid, lost pigment lets more through.
        cover = (self._disease.ped + self._disease.material)[frame]
        below = below * (1 - 0.35 * np.clip(cover / 0.25, 0, 1))
        return (image * (1 - mix) + below * mix).astype(np.float32)

    def _with_blotches(self, frame: int, image: Image, rng: np.random.Generator) -> Image:
        """Uneven tissue: a little everywhere, much in material and detachments."""
        fine = correlated_normal(image.shape, (1.2, 3.0), rng)
        borders = self._borders[:, frame]
        retina = self._ramp(borders[0], 2.0)
        image = image * (1 + 0.035 * fine * retina)
        blotch = self._blotches[frame]
        for layer, amount in ((Layer.SUBRETINAL_MATERIAL, 0.22), (Layer.SUB_RPE, 0.18)):
            within = self._ramp(borders[layer], 1.5) * (1 - self._ramp(borders[layer + 1], 1.5))
            image = image * (1 + amount * blotch * within)
        return image.astype(np.float32)

    def _with_ellipsoids(self, frame: int, image: Image) -> Image:
        for lesion, level in ((Lesion.INTRARETINAL_FLUID, FLUID), (Lesion.EXUDATE, EXUDATE)):
            if lesion in self._inside:
                here = self._inside[lesion][frame]
                weight = np.clip(here * 5, 0, 1)
                image = image + weight * (level - image)
                if lesion is Lesion.EXUDATE:
                    shade = np.maximum.accumulate(gaussian_filter(weight, (0, 0.8)), axis=0)
                    shade = np.where(weight > 0, 0, shade)
                    image = image * (1 - 0.3 * shade * (here.max(axis=0) > 0))
        return image.astype(np.float32)

    def _with_vessels(self, frame: int, image: Image) -> Image:
        """A lumen among the nerve fibres, and its shadow on all that lies below."""
        grid = self._grid
        distance, radius = self._vessel_distance[frame], self._vessel_radius[frame]
        axis = self._borders[Layer.GCL, frame] + np.minimum(radius, 0.03) / grid.axial_mm * 0.5
        down = (self._rows - axis) * grid.axial_mm
        lumen = np.clip(1.6 - 1.6 * (distance**2 + down**2) / radius**2, 0, 1)
        image = image + lumen * np.where(down < 0, 32, -22) * np.clip(radius / 0.04, 0.3, 1)
        shade = np.exp(-((distance / (0.9 * radius + 0.004)) ** 2))
        strength = np.clip(radius / 0.05, 0.25, 1) * 0.34
        reach = np.clip((down - radius) / 0.06, 0, 1)
        return (image * (1 - strength * shade * reach)).astype(np.float32)

    def _illumination(self, frame: int) -> Image:
        """Some A-scans return more light than others: pupil, tear film, lens."""
        rng = np.random.default_rng([self._seed, 4, frame])
        slow = correlated_normal((1, self._grid.columns), (0, self._grid.columns / 9), rng)
        fast = correlated_normal((1, self._grid.columns), (0, 1.2), rng)
        return (1 + 0.02 * slow + 0.008 * fast).astype(np.float32)


def _choroid_texture(grid: Grid, rng: np.random.Generator) -> NDArray[np.float32]:
    """Relative brightness in the choroid, shape (frames, depths, columns), by row below Bruch.

    Small vessels of Sattler's layer lie above the large, dark lumens of Haller's.
    """
    depths = max(int(0.45 / grid.axial_mm), 2)
    shape = (grid.frames, depths, grid.columns)
    small = _blobs(shape, (0.035, 0.012, 0.026), grid, rng)
    large = _blobs(shape, (0.11, 0.030, 0.060), grid, rng)
    depth = (np.arange(depths) * grid.axial_mm)[None, :, None]
    deep = np.clip((depth - 0.05) / 0.06, 0, 1)
    texture = (1 - deep) * 0.16 * small + deep * (0.22 * large + 0.06 * small)
    return (texture * np.clip(depth / 0.02, 0, 1)).astype(np.float32)


def _blotches(grid: Grid, rng: np.random.Generator) -> NDArray[np.float32]:
    shape = (grid.frames, grid.rows, grid.columns)
    return _blobs(shape, (0.08, 0.012, 0.035), grid, rng)


def _blobs(
    shape: tuple[int, int, int],
    size_mm: tuple[float, float, float],
    grid: Grid,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Smooth noise in three dimensions, squashed towards -1 and 1."""
    spacing = (grid.between_mm, grid.axial_mm, grid.lateral_mm)
    sigma = tuple(size / step for size, step in zip(size_mm, spacing, strict=True))
    return np.tanh(1.3 * correlated_normal(shape, sigma, rng))

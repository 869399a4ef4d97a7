"""Put the eye and its lesions together: where every layer, cyst and focus lies."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ml.phantom.anatomy import Anatomy, Layer, bruch_depth, healthy_thickness
from ml.phantom.grid import Field, Grid
from ml.phantom.lesions import Disease, Ellipsoid, Lesion
from ml.phantom.texture import Solid, blobs, correlated_normal

ROUGHNESS_MM = {Layer.IPL: 0.0012, Layer.INL: 0.0022, Layer.OPL: 0.0028, Layer.ONL: 0.0032}
"""How far the upper border of a layer strays from its smooth course."""

MARGIN_MM = 0.012
"""A cyst stays this far below the inner limiting membrane."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """The geometry of one phantom eye."""

    anatomy: Anatomy
    disease: Disease
    grid: Grid
    seed: int

    @cached_property
    def borders(self) -> Solid:
        """Rows of the top of each layer and last of the choroid: (layers + 1, frames, columns)."""
        thickness = self._thickness()
        bruch = bruch_depth(self.anatomy, self.grid)
        tops = np.empty((len(Layer) + 1, *bruch.shape), np.float32)
        tops[Layer.BRUCH] = bruch
        for above in reversed(range(int(Layer.BRUCH))):
            tops[above] = tops[above + 1] - thickness[above]
        for layer in range(int(Layer.BRUCH), len(Layer)):
            tops[layer + 1] = tops[layer] + thickness[layer]
        tops /= np.float32(self.grid.axial_mm)
        return tops

    def _thickness(self) -> Solid:
        grid, disease = self.grid, self.disease
        thickness = healthy_thickness(self.anatomy, grid)
        rng = np.random.default_rng([self.seed, 5])
        sigma = (0.15 / grid.between_mm, 0.022 / grid.lateral_mm)
        for layer, amount in ROUGHNESS_MM.items():
            rough = amount * correlated_normal((grid.frames, grid.columns), sigma, rng)
            # Moving a border takes from one layer what it gives to the other.
            rough = np.clip(rough, -0.4 * thickness[layer], 0.4 * thickness[layer - 1])
            thickness[layer] += rough
            thickness[layer - 1] -= rough
        thickness[Layer.SUB_RPE] = disease.drusen + disease.ped
        thickness[Layer.SUBRETINAL_MATERIAL] = disease.material
        thickness[Layer.SUBRETINAL_FLUID] = disease.fluid
        for layer, share in ((Layer.INL, 0.35), (Layer.OPL, 0.2), (Layer.ONL, 0.45)):
            thickness[layer] += share * disease.swelling
        for layer in (Layer.EZ, Layer.OS, Layer.IS):
            thickness[layer] *= 1 - 0.7 * disease.lost_receptors
        self._squeeze(thickness)
        return thickness

    def _squeeze(self, thickness: Solid) -> None:
        """What pushes from below is taken up by the layers above, the outer nuclear first."""
        disease = self.disease
        push = disease.drusen + disease.ped + disease.material + disease.fluid
        # Small hills leave the inner surface level; broad ones carry it with them.
        left = np.where(disease.drusen > 0, 0.92, 0.55) * push
        yields = (
            (Layer.ONL, 0.72),
            (Layer.OPL, 0.35),
            (Layer.INL, 0.3),
            (Layer.IPL, 0.25),
            (Layer.GCL, 0.25),
        )
        for layer, share in yields:
            taken = np.minimum(left, share * thickness[layer])
            thickness[layer] -= taken
            left = left - taken
        # The inner retina rides over a rough surface; the outer nuclear layer fills the hollows.
        sigma = (0.2 / self.grid.between_mm, 0.25 / self.grid.lateral_mm)
        ride = gaussian_filter(left, sigma, truncate=2.0)
        thickness[Layer.ONL] = np.maximum(thickness[Layer.ONL] + ride - left, 0.004)

    @cached_property
    def blotches(self) -> Solid:
        """Uneven density of tissue, about -1 to 1."""
        grid = self.grid
        shape = (grid.frames, grid.rows, grid.columns)
        return blobs(shape, (0.08, 0.012, 0.03), grid, np.random.default_rng([self.seed, 6]))

    @cached_property
    def inside(self) -> dict[Lesion, Solid]:
        """How deep within a cyst or focus a sample lies: 0 outside, towards 1 at a centre."""
        found: dict[Lesion, Solid] = {}
        for each in self.disease.ellipsoids:
            shape = (self.grid.frames, self.grid.rows, self.grid.columns)
            depths = found.setdefault(each.lesion, np.zeros(shape, np.float32))
            self._add_ellipsoid(each, depths)
        return found

    def _add_ellipsoid(self, each: Ellipsoid, depths: Solid) -> None:
        grid = self.grid
        nasal, inferior = grid.nasal - each.nasal, grid.inferior - each.inferior
        across = (nasal / each.radii[0]) ** 2 + (inferior / each.radii[1]) ** 2
        margin = MARGIN_MM / grid.axial_mm
        for frame in np.flatnonzero(across.min(axis=1) < 1.5):
            columns = np.flatnonzero(across[frame] < 1.5)
            top = self.borders[:, frame, columns]
            first = max(int(top[Layer.NFL].min()), 0)
            last = min(int(top[Layer.ELM].max()) + 2, grid.rows)
            rows = np.arange(first, last, dtype=np.float32)[:, None]
            middle = top[Layer.OPL] + each.depth / grid.axial_mm
            down = ((rows - middle) * grid.axial_mm / each.radii[2]) ** 2
            # Uneven walls, still within a finite reach.
            uneven = 1 + 0.3 * self.blotches[frame, first:last, columns].T
            within = np.clip(1 - (across[frame, columns] + down) * uneven, 0, 1)
            whole = (rows > top[Layer.NFL] + margin) & (rows < top[Layer.ELM] - margin / 2)
            view = depths[frame, first:last]
            view[:, columns] = np.maximum(view[:, columns], np.where(whole, within, 0))

    def mask(self, lesion: Lesion) -> NDArray[np.bool_]:
        """Samples that belong to a kind of lesion, shape (frames, rows, columns)."""
        disease, grid = self.disease, self.grid
        if lesion in (Lesion.INTRARETINAL_FLUID, Lesion.FOCI):
            if lesion in self.inside:
                return np.asarray(self.inside[lesion] > 0.05)
            return np.zeros((grid.frames, grid.rows, grid.columns), bool)
        spans: dict[Lesion, tuple[Field, Layer, Layer, float]] = {
            # The lifted pigment epithelium is part of what a reader calls the druse.
            Lesion.DRUSEN: (disease.drusen, Layer.RPE, Layer.BRUCH, 0.008),
            Lesion.PED: (disease.ped, Layer.RPE, Layer.BRUCH, 0.008),
            Lesion.NEOVASCULAR: (disease.material, Layer.SUBRETINAL_MATERIAL, Layer.RPE, 0.008),
            Lesion.SUBRETINAL_FLUID: (
                disease.fluid,
                Layer.SUBRETINAL_FLUID,
                Layer.SUBRETINAL_MATERIAL,
                0.008,
            ),
            Lesion.THICKENING: (disease.swelling, Layer.NFL, Layer.RPE, 0.03),
        }
        amount, above, below, least_mm = spans[lesion]
        rows = np.arange(grid.rows, dtype=np.float32)[None, :, None]
        between = (rows >= self.borders[above][:, None]) & (rows < self.borders[below][:, None])
        return np.asarray(between & (amount > least_mm)[:, None])

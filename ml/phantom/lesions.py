"""Disease: what drusen, a neovascular membrane and diabetic macular oedema do to the layers.

Every lesion has a finite footprint: A-scans outside it are those of the healthy eye, sample for
sample, so that a mask is the whole truth about where disease lies.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ml.phantom.grid import Field, Grid


class Lesion(StrEnum):
    """What a mask marks."""

    DRUSEN = "drusen"
    PED = "pigment epithelial detachment"
    NEOVASCULAR = "subretinal hyperreflective material"
    SUBRETINAL_FLUID = "subretinal fluid"
    INTRARETINAL_FLUID = "intraretinal fluid"
    EXUDATE = "hard exudate"
    THICKENING = "thickened retina"


LESIONS_OF: dict[str, tuple[Lesion, ...]] = {
    "NORMAL": (),
    "DRUSEN": (Lesion.DRUSEN,),
    "CNV": (
        Lesion.PED,
        Lesion.NEOVASCULAR,
        Lesion.SUBRETINAL_FLUID,
        Lesion.INTRARETINAL_FLUID,
    ),
    "DME": (Lesion.INTRARETINAL_FLUID, Lesion.EXUDATE, Lesion.THICKENING),
}
"""The lesions whose presence makes a frame one of a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """A cyst or an exudate. Depth is measured in mm from the INL/OPL border, deeper positive."""

    nasal: float
    inferior: float
    depth: float
    radii: tuple[float, float, float]  # nasal, inferior, depth; mm
    lesion: Lesion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Disease:
    """What is added to the healthy eye. Fields are in mm, shape (frames, columns), and zero
    outside the lesions."""

    drusen: Field
    ped: Field
    material: Field
    fluid: Field
    swelling: Field  # added to the nuclear and plexiform layers
    lost_receptors: Field  # 0 intact … 1 no ellipsoid zone left
    ellipsoids: tuple[Ellipsoid, ...] = field(default=())

    @property
    def footprint(self) -> NDArray[np.bool_]:
        """A-scans that differ from the healthy eye's, ellipsoids not counted."""
        parts = (self.drusen, self.ped, self.material, self.fluid, self.swelling)
        return np.any(np.stack([*parts, self.lost_receptors]) > 0, axis=0)


def draw_disease(label: str, fovea: tuple[float, float], grid: Grid, seed: int) -> Disease:
    """Draw the lesions of a class around the fovea; `label` is a key of LESIONS_OF."""
    rng = np.random.default_rng([seed, 1])
    nasal, inferior = grid.nasal - fovea[0], grid.inferior - fovea[1]
    if label == "NORMAL":
        zero = np.zeros(nasal.shape, np.float32)
        return Disease(
            drusen=zero, ped=zero, material=zero, fluid=zero, swelling=zero, lost_receptors=zero
        )
    draw = {"DRUSEN": _draw_drusen, "CNV": _draw_cnv, "DME": _draw_dme}[label]
    return draw(rng, nasal, inferior)


def _dome(distance: NDArray[np.floating], steepness: float = 1.5) -> Field:
    """A hill of height 1 over the unit disc, exactly zero outside it."""
    return (np.clip(1 - distance**2, 0, 1) ** steepness).astype(np.float32)


def _ragged(
    rng: np.random.Generator, nasal: Field, inferior: Field, radius: float, stretch: float = 1.0
) -> NDArray[np.float32]:
    """Distance from a blob's centre in units of its uneven edge."""
    angle = np.arctan2(inferior, nasal)
    edge = np.ones_like(angle)
    for lobes in (2, 3, 5, 7):
        edge += rng.uniform(0, 0.35) / lobes * np.cos(lobes * angle + rng.uniform(0, 6.3))
    return (np.hypot(nasal / stretch, inferior) / (radius * edge)).astype(np.float32)


def _draw_drusen(rng: np.random.Generator, nasal: Field, inferior: Field) -> Disease:
    """Soft and hard drusen, most of them within 2 mm of the fovea, many touching."""
    height = np.zeros_like(nasal)
    centre = rng.normal(0, 0.35, 2)
    for _ in range(rng.integers(35, 70)):
        large = rng.random() < 0.35
        radius = rng.uniform(0.14, 0.30) if large else rng.uniform(0.06, 0.13)
        peak = radius * (rng.uniform(0.30, 0.55) if large else rng.uniform(0.35, 0.6))
        away, turn = abs(rng.normal(0, 1.0)), rng.uniform(0, 2 * np.pi)
        x, y = centre[0] + away * np.cos(turn), centre[1] + away * np.sin(turn)
        hill = _dome(np.hypot((nasal - x) / rng.uniform(0.85, 1.3), inferior - y) / radius)
        height = np.maximum(height, np.float32(peak) * hill)
    zero = np.zeros_like(height)
    return Disease(
        drusen=height,
        ped=zero,
        material=zero,
        fluid=zero,
        swelling=zero,
        lost_receptors=np.clip(height / 0.09, 0, 0.75).astype(np.float32),
    )


def _draw_cnv(rng: np.random.Generator, nasal: Field, inferior: Field) -> Disease:
    """A fibrovascular detachment with material above it, fluid around, cysts over it."""
    x, y = nasal - rng.normal(0, 0.45), inferior - rng.normal(0, 0.3)
    reach = rng.uniform(0.75, 1.25)
    edge = _ragged(rng, x, y, reach, rng.uniform(1.0, 1.4))
    waves = 1 + 0.22 * np.sin(5 * x / reach + rng.uniform(0, 6)) * np.cos(4 * y / reach)
    ped = rng.uniform(0.07, 0.24) * _dome(edge, rng.uniform(0.9, 1.6)) * waves
    shift = rng.uniform(-0.3, 0.3, 2) * reach
    core = _ragged(rng, x - shift[0], y - shift[1], reach * rng.uniform(0.6, 0.95), 1.3)
    material = rng.uniform(0.05, 0.13) * _dome(core, 1.1) * waves
    fluid = np.zeros_like(ped)
    if rng.random() < 0.75:
        pool = _ragged(rng, x + shift[0], y + shift[1], reach * rng.uniform(1.3, 1.7), 1.25)
        fluid = rng.uniform(0.05, 0.16) * _dome(pool, 1.3) * (1 - 0.75 * _dome(core, 1.0))
    ellipsoids: list[Ellipsoid] = []
    if rng.random() < 0.65:
        middle = (float((nasal - x).flat[0]), float((inferior - y).flat[0]))
        ellipsoids = _draw_cysts(rng, middle, reach * 0.8, int(rng.integers(6, 22)), 0.6)
    swelling = 0.05 * rng.random() * _dome(_ragged(rng, x, y, reach * 1.5), 1.5)
    return Disease(
        drusen=np.zeros_like(ped),
        ped=ped.astype(np.float32),
        material=material.astype(np.float32),
        fluid=fluid.astype(np.float32),
        swelling=swelling.astype(np.float32),
        lost_receptors=np.clip(2.5 * _dome(core, 1.0), 0, 1).astype(np.float32),
        ellipsoids=tuple(ellipsoids),
    )


def _draw_dme(rng: np.random.Generator, nasal: Field, inferior: Field) -> Disease:
    """Swelling with cysts like petals around the fovea, exudates in the plexiform layer."""
    off = rng.normal(0, 0.35, 2)
    x, y = nasal - off[0], inferior - off[1]
    reach = rng.uniform(1.0, 1.9)
    swelling = rng.uniform(0.06, 0.20) * _dome(_ragged(rng, x, y, reach, 1.15), 1.6)
    middle = (float(off[0]), float(off[1]))
    cysts = _draw_cysts(rng, middle, reach * 0.55, int(rng.integers(18, 45)), 1.0)
    exudates = []
    for _ in range(rng.integers(8, 35)):
        away, turn = reach * rng.uniform(0.25, 0.95), rng.uniform(0, 2 * np.pi)
        size = rng.uniform(0.012, 0.035)
        exudates.append(
            Ellipsoid(
                nasal=middle[0] + away * np.cos(turn),
                inferior=middle[1] + away * np.sin(turn),
                depth=rng.uniform(-0.02, 0.05),
                radii=(size * rng.uniform(1, 2.2), max(size * 1.5, 0.07), size * 0.8),
                lesion=Lesion.EXUDATE,
            )
        )
    zero = np.zeros_like(nasal)
    return Disease(
        drusen=zero,
        ped=zero,
        material=zero,
        fluid=zero,
        swelling=swelling.astype(np.float32),
        lost_receptors=zero,
        ellipsoids=(*cysts, *exudates),
    )


def _draw_cysts(
    rng: np.random.Generator, middle: tuple[float, float], reach: float, count: int, size: float
) -> list[Ellipsoid]:
    """Large cysts near the centre in Henle's layer, smaller ones around it in the inner nuclear."""
    cysts = []
    for _ in range(count):
        away, turn = reach * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        near = np.exp(-((away / (0.55 * reach)) ** 2))
        wide = size * (rng.uniform(0.03, 0.07) + rng.uniform(0.02, 0.09) * near)
        tall = size * (rng.uniform(0.012, 0.028) + rng.uniform(0.01, 0.055) * near)
        cysts.append(
            Ellipsoid(
                nasal=middle[0] + away * np.cos(turn),
                inferior=middle[1] + away * np.sin(turn),
                depth=float(rng.normal(0.02 if rng.random() < 0.6 * near + 0.2 else -0.02, 0.010)),
                radii=(wide, max(wide * rng.uniform(0.9, 1.8), 0.10), tall),
                lesion=Lesion.INTRARETINAL_FLUID,
            )
        )
    return cysts

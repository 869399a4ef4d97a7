"""Disease: what drusen, a neovascular membrane and diabetic macular oedema do to the layers.

Every lesion has a finite footprint: A-scans outside it are those of the healthy eye, sample for
sample, so that a mask is the whole truth about where disease lies.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ml.phantom.grid import Field, Grid
from ml.phantom.texture import correlated_normal


class Lesion(StrEnum):
    """What a mask marks."""

    DRUSEN = "drusen"
    PED = "pigment epithelial detachment"
    NEOVASCULAR = "subretinal hyperreflective material"
    SUBRETINAL_FLUID = "subretinal fluid"
    INTRARETINAL_FLUID = "intraretinal fluid"
    FOCI = "hyperreflective foci and hard exudates"
    THICKENING = "thickened retina"


LESIONS_OF: dict[str, tuple[Lesion, ...]] = {
    "NORMAL": (),
    "DRUSEN": (Lesion.DRUSEN,),
    "CNV": (
        Lesion.PED,
        Lesion.NEOVASCULAR,
        Lesion.SUBRETINAL_FLUID,
        Lesion.INTRARETINAL_FLUID,
        Lesion.FOCI,
    ),
    "DME": (Lesion.INTRARETINAL_FLUID, Lesion.FOCI, Lesion.THICKENING),
}
"""The lesions whose presence makes a frame one of a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """A cyst or a bright focus. Depth is in mm below the border of INL and OPL."""

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
    return draw(rng, nasal, inferior, grid)


def _dome(distance: NDArray[np.floating], steepness: float = 1.5) -> Field:
    """A hill of height 1 over the unit disc, exactly zero outside it."""
    return np.asarray(np.clip(1 - distance**2, 0, 1) ** steepness, np.float32)


def _ragged(
    rng: np.random.Generator, nasal: Field, inferior: Field, radius: float, stretch: float = 1.0
) -> NDArray[np.float32]:
    """Distance from a blob's centre in units of its uneven edge."""
    angle = np.arctan2(inferior, nasal)
    edge = np.ones_like(angle)
    for lobes in (2, 3, 5, 7):
        edge += rng.uniform(0, 0.35) / lobes * np.cos(lobes * angle + rng.uniform(0, 6.3))
    return np.asarray(np.hypot(nasal / stretch, inferior) / (radius * edge), np.float32)


def _draw_drusen(rng: np.random.Generator, nasal: Field, inferior: Field, grid: Grid) -> Disease:
    """Soft and hard drusen, most of them within 2 mm of the fovea, many touching."""
    height = np.zeros_like(nasal)
    centre = rng.normal(0, 0.35, 2)
    for _ in range(rng.integers(40, 90)):
        soft = rng.random() < 0.4
        radius = rng.uniform(0.14, 0.32) if soft else rng.uniform(0.05, 0.12)
        peak = radius * (rng.uniform(0.20, 0.40) if soft else rng.uniform(0.30, 0.52))
        away, turn = abs(rng.normal(0, 1.0)), rng.uniform(0, 2 * np.pi)
        x, y = centre[0] + away * np.cos(turn), centre[1] + away * np.sin(turn)
        hill = _dome(
            np.hypot((nasal - x) / rng.uniform(0.85, 1.3), inferior - y) / radius,
            rng.uniform(0.8, 1.5),
        )
        height = np.maximum(height, np.float32(peak) * hill)
    height = height * np.clip(1 + 0.12 * _rough(rng, grid), 0.5, 1.5)
    zero = np.zeros_like(height)
    return Disease(
        drusen=np.asarray(height, np.float32),
        ped=zero,
        material=zero,
        fluid=zero,
        swelling=zero,
        lost_receptors=np.clip(height / 0.09, 0, 0.75).astype(np.float32),
    )


def _rough(rng: np.random.Generator, grid: Grid) -> Field:
    """Unevenness of a surface, of unit variance.

    Drawn aside, so that where the lesions lie does not depend on how the eye is sampled.
    """
    sigma = (0.12 / grid.between_mm, 0.06 / grid.lateral_mm)
    return correlated_normal((grid.frames, grid.columns), sigma, rng.spawn(1)[0])


def _draw_cnv(rng: np.random.Generator, nasal: Field, inferior: Field, grid: Grid) -> Disease:
    """A fibrovascular detachment with material above it, fluid around, cysts and foci over it."""
    middle = (float(rng.normal(0, 0.45)), float(rng.normal(0, 0.3)))
    x, y = nasal - middle[0], inferior - middle[1]
    reach = rng.uniform(0.75, 1.3)
    rough = 1 + 0.10 * _rough(rng, grid)
    waves = 1 + 0.18 * np.sin(6 * x / reach + rng.uniform(0, 6)) * np.cos(5 * y / reach)
    uneven = np.clip(rough * waves, 0.25, 2)
    edge = _ragged(rng, x, y, reach, rng.uniform(1.0, 1.4))
    ped = rng.uniform(0.03, 0.22) * _dome(edge, rng.uniform(0.9, 1.6)) * uneven
    shift = rng.uniform(-0.3, 0.3, 2) * reach
    core = _ragged(rng, x - shift[0], y - shift[1], reach * rng.uniform(0.6, 0.95), 1.3)
    material = rng.uniform(0.05, 0.14) * _dome(core, 1.1)
    material = material * np.clip(1 + 0.22 * _rough(rng, grid), 0.3, 2)
    fluid = np.zeros_like(ped)
    if rng.random() < 0.7:
        pool = _ragged(rng, x + shift[0], y + shift[1], reach * rng.uniform(1.2, 1.6), 1.25)
        fluid = rng.uniform(0.05, 0.16) * _dome(pool, 1.3) * (1 - 0.75 * _dome(core, 1.0))
    cysts: list[Ellipsoid] = []
    if rng.random() < 0.65:
        cysts = _draw_cysts(rng, middle, reach * 0.8, int(rng.integers(15, 50)), 0.7)
    foci = _draw_foci(rng, middle, (0.0, reach), int(rng.integers(6, 18)), (0.02, 0.03))
    swelling = 0.06 * rng.random() * _dome(_ragged(rng, x, y, reach * 1.5), 1.5)
    return Disease(
        drusen=np.zeros_like(ped),
        ped=np.asarray(ped, np.float32),
        material=np.asarray(material, np.float32),
        fluid=np.asarray(fluid, np.float32),
        swelling=np.asarray(swelling, np.float32),
        lost_receptors=np.clip(2.5 * _dome(core, 1.0), 0, 1),
        ellipsoids=(*cysts, *foci),
    )


def _draw_dme(rng: np.random.Generator, nasal: Field, inferior: Field, grid: Grid) -> Disease:
    """Swelling with cysts like petals around the fovea, exudates in the plexiform layer."""
    middle = (float(rng.normal(0, 0.35)), float(rng.normal(0, 0.35)))
    x, y = nasal - middle[0], inferior - middle[1]
    reach = rng.uniform(1.0, 1.9)
    amount = rng.uniform(0.07, 0.26)
    swelling = amount * _dome(_ragged(rng, x, y, reach, 1.15), rng.uniform(1.3, 2.2))
    swelling = swelling * np.clip(1 + 0.04 * _rough(rng, grid), 0.5, 1.5)
    size = 1.0 + 2.6 * amount
    cysts = _draw_cysts(rng, middle, reach * 0.55, int(rng.integers(80, 240)), size)
    groups = int(rng.integers(3, 12))
    exudates = _draw_foci(rng, middle, (0.2 * reach, reach), groups, (0.015, 0.03))
    zero = np.zeros_like(nasal)
    return Disease(
        drusen=zero,
        ped=zero,
        material=zero,
        fluid=zero,
        swelling=np.asarray(swelling, np.float32),
        lost_receptors=zero,
        ellipsoids=(*cysts, *exudates),
    )


def _draw_cysts(
    rng: np.random.Generator,
    middle: tuple[float, float],
    reach: float,
    count: int,
    size: float,
) -> list[Ellipsoid]:
    """Large cysts near the centre in Henle's layer, smaller ones around it in the inner nuclear."""
    cysts: list[Ellipsoid] = []
    for _ in range(count):
        away, turn = reach * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        near = float(np.exp(-((away / (0.5 * reach)) ** 2)))
        wide = size * (rng.uniform(0.025, 0.06) + rng.uniform(0.01, 0.09) * near)
        tall = size * (rng.uniform(0.012, 0.026) + rng.uniform(0.015, 0.085) * near)
        outer = rng.random() < 0.25 + 0.5 * near
        cyst = Ellipsoid(
            nasal=middle[0] + away * np.cos(turn),
            inferior=middle[1] + away * np.sin(turn),
            depth=float(rng.normal(0.025 if outer else -0.020, 0.012)),
            radii=(wide, max(wide * rng.uniform(0.9, 1.8), 0.08), tall),
            lesion=Lesion.INTRARETINAL_FLUID,
        )
        # Thin walls of tissue stand between neighbouring cysts.
        if all(_apart(cyst, other) for other in cysts):
            cysts.append(cyst)
    return cysts


def _apart(one: Ellipsoid, other: Ellipsoid) -> bool:
    offset = (one.nasal - other.nasal, one.inferior - other.inferior, one.depth - other.depth)
    reach = (a + b for a, b in zip(one.radii, other.radii, strict=True))
    return sum((d / r) ** 2 for d, r in zip(offset, reach, strict=True)) > 1.1


def _draw_foci(
    rng: np.random.Generator,
    middle: tuple[float, float],
    ring: tuple[float, float],
    groups: int,
    depth: tuple[float, float],
) -> list[Ellipsoid]:
    """Bright specks in groups. `ring` and `depth` (mean, spread) are in mm."""
    foci = []
    for _ in range(groups):
        away, turn = rng.uniform(*ring), rng.uniform(0, 2 * np.pi)
        at = (middle[0] + away * np.cos(turn), middle[1] + away * np.sin(turn))
        level = rng.normal(*depth)
        for _ in range(rng.integers(2, 8)):
            size = rng.uniform(0.006, 0.022)
            foci.append(
                Ellipsoid(
                    nasal=at[0] + rng.normal(0, 0.07),
                    inferior=at[1] + rng.normal(0, 0.10),
                    depth=level + rng.normal(0, 0.012),
                    radii=(size * rng.uniform(1, 2.4), max(1.5 * size, 0.07), size),
                    lesion=Lesion.FOCI,
                )
            )
    return foci

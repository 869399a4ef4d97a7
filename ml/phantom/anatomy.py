"""The healthy retina: layers, foveal pit, curvature and vessels.

Thickness follows histology and normative OCT in its proportions (macular total of about 0.23 mm
in the pit and 0.33 mm on its rim; ganglion cells thickest 1 mm from the centre, nerve fibres
nasally and along the arcades). The grey levels are those a Spectralis shows.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ml.phantom.grid import Field, Grid

DISC_MM = 4.4
"""From the fovea to the centre of the optic disc."""


class Layer(IntEnum):
    """From the vitreous to Bruch's membrane; those below OS are empty in a healthy eye or thin."""

    NFL = 0
    GCL = 1
    IPL = 2
    INL = 3
    OPL = 4
    ONL = 5
    ELM = 6
    IS = 7
    EZ = 8
    OS = 9
    SUBRETINAL_FLUID = 10
    SUBRETINAL_MATERIAL = 11
    RPE = 12
    SUB_RPE = 13
    BRUCH = 14
    CHORIOCAPILLARIS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Vessel:
    """A retinal vessel en face: places (nasal, inferior) in mm, shape (n, 2), and calibre."""

    course: NDArray[np.float32]
    diameter_mm: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """What differs from one healthy eye to another. Lengths in mm."""

    fovea: tuple[float, float]  # its place (nasal, inferior)
    pit_radius: float
    thickness: float  # factor on all neural layers
    fibres: float  # factor on the nerve fibre layer
    slope: tuple[float, float]  # of the whole retina: nasal, inferior
    bulge: float  # depth per mm² of distance: positive bends the edges towards the vitreous
    undulation: tuple[float, float]  # phases of the slow waves of the retina's shape
    choroid: float
    vessels: tuple[Vessel, ...]


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    return Anatomy(
        fovea=(float(rng.normal(0, 0.12)), float(rng.normal(0, 0.12))),
        pit_radius=float(rng.uniform(0.40, 0.62)),
        thickness=float(rng.uniform(0.92, 1.08)),
        fibres=float(rng.uniform(0.75, 1.2)),
        slope=(float(rng.normal(0, 0.05)), float(rng.normal(0, 0.03))),
        bulge=float(rng.uniform(-0.006, 0.028)),
        undulation=(float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0, 2 * np.pi))),
        choroid=float(rng.uniform(0.18, 0.34)),
        vessels=tuple(_draw_vessels(rng)),
    )


def _draw_vessels(rng: np.random.Generator) -> list[Vessel]:
    """Two arcades leave the disc, arch around the macula, and send branches towards the fovea."""
    vessels = []
    along = np.linspace(0, 1, 400, dtype=np.float32)
    for side in (-1, 1):
        for trunk in range(2):  # an artery and a vein
            height = rng.uniform(2.3, 2.9) + 0.5 * trunk
            turn = rng.uniform(0.55, 0.78)  # how far it bends back towards the raphe
            wander = rng.uniform(0.04, 0.10) * np.sin(rng.uniform(9, 15) * along + 6 * rng.random())
            nasal = DISC_MM + 0.15 * trunk - rng.uniform(7.5, 9.0) * along**1.15
            arch = np.sin(np.pi * turn * along**0.6)
            inferior = side * (0.25 + height * arch) + wander * along
            course = np.stack([nasal, inferior], axis=1).astype(np.float32)
            calibre = rng.uniform(0.09, 0.13) * (1 - 0.6 * along)
            vessels.append(Vessel(course=course, diameter_mm=calibre.astype(np.float32)))
            vessels += [_draw_branch(rng, course) for _ in range(rng.integers(4, 7))]
    for _ in range(rng.integers(2, 4)):  # straight from the disc along the papillomacular bundle
        end = np.array([rng.uniform(0.8, 1.8), rng.uniform(-0.7, 0.7)])
        vessels.append(_draw_twig(rng, np.array([DISC_MM, end[1] * 0.5]), end, 0.045))
    return vessels


def _draw_branch(rng: np.random.Generator, trunk: NDArray[np.float32]) -> Vessel:
    start = trunk[rng.integers(60, 340)].astype(np.float64)
    angle = rng.normal(np.arctan2(start[1], start[0]), 0.45)
    end = rng.uniform(0.55, 1.1) * np.array([np.cos(angle), np.sin(angle)])
    return _draw_twig(rng, start, end, rng.uniform(0.03, 0.06))


def _draw_twig(
    rng: np.random.Generator,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    diameter_mm: float,
) -> Vessel:
    along = np.linspace(0, 1, 200)[:, None]
    chord = end - start
    across = np.array([-chord[1], chord[0]])
    bow = rng.normal(0, 0.16) * np.sin(np.pi * along)
    wander = 0.02 * np.sin(rng.uniform(8, 16) * along + rng.uniform(0, 6)) * np.sin(np.pi * along)
    course = start + chord * along + across * (bow + wander)
    calibre = diameter_mm * (1 - 0.55 * along[:, 0])
    return Vessel(course=course.astype(np.float32), diameter_mm=calibre.astype(np.float32))


def healthy_thickness(anatomy: Anatomy, grid: Grid) -> NDArray[np.float32]:
    """Thickness in mm of every layer at every A-scan, shape (layers, frames, columns)."""
    nasal = grid.nasal - anatomy.fovea[0]
    inferior = grid.inferior - anatomy.fovea[1]
    r = np.hypot(nasal, inferior)
    pit = 1 - np.exp(-((r / anatomy.pit_radius) ** 2))
    rim = np.exp(-(((r - 1.0) / 0.75) ** 2)) + 0.1 * np.tanh(nasal)
    centre = np.exp(-((r / 0.45) ** 2))
    towards_disc = 1 / (1 + np.exp(-(nasal - 1.7) / 0.55))
    arcade = np.exp(-(((np.abs(inferior) - 2.5) / 0.75) ** 2)) / (1 + np.exp(-(nasal + 0.8) / 0.7))

    thickness = np.zeros((len(Layer), grid.frames, grid.columns), np.float32)
    neural = anatomy.thickness
    fibres = 0.012 + 0.028 * towards_disc + 0.024 * arcade
    thickness[Layer.NFL] = anatomy.fibres * fibres * pit + 0.003
    thickness[Layer.GCL] = neural * (0.020 + 0.032 * rim) * pit**1.5
    thickness[Layer.IPL] = neural * (0.028 + 0.014 * rim) * pit**1.2
    thickness[Layer.INL] = neural * (0.032 + 0.009 * rim) * (0.08 + 0.92 * pit)
    thickness[Layer.OPL] = neural * (0.022 + 0.010 * rim) * (0.25 + 0.75 * pit)
    thickness[Layer.ONL] = neural * (0.056 + 0.008 * rim + 0.042 * centre)
    thickness[Layer.ELM] = 0.007
    thickness[Layer.IS] = 0.016 + 0.006 * centre
    thickness[Layer.EZ] = 0.011
    thickness[Layer.OS] = 0.014 + 0.016 * centre
    thickness[Layer.RPE] = 0.030
    thickness[Layer.BRUCH] = 0.005
    thickness[Layer.CHORIOCAPILLARIS] = 0.012
    return thickness


def bruch_depth(anatomy: Anatomy, grid: Grid) -> Field:
    """Depth of Bruch's membrane in mm below the top of the frame: the shape of the eye's wall."""
    nasal, inferior = grid.nasal, grid.inferior
    slow = (
        0.008
        * np.sin(1.3 * nasal + anatomy.undulation[0])
        * np.cos(0.9 * inferior + anatomy.undulation[1])
    )
    bend = -anatomy.bulge * (nasal**2 + inferior**2)
    plane = anatomy.slope[0] * nasal + anatomy.slope[1] * inferior
    shape = plane + bend + slow
    middle = 0.54 * grid.rows * grid.axial_mm
    return np.asarray(shape - shape.mean() + middle, np.float32)


def vessel_map(anatomy: Anatomy, grid: Grid) -> tuple[Field, Field]:
    """Return for each A-scan the distance to the nearest vessel's axis and its radius, in mm."""
    distance = np.full((grid.frames, grid.columns), np.inf, np.float32)
    radius = np.full_like(distance, 0.01)
    nasal, inferior = grid.nasal, grid.inferior
    for vessel in anatomy.vessels:
        for (at_nasal, at_inferior), diameter in zip(
            vessel.course, vessel.diameter_mm, strict=True
        ):
            if abs(at_nasal) > np.abs(nasal).max() + 0.2:
                continue
            rows = np.flatnonzero(np.abs(inferior[:, 0] - at_inferior) < 0.25)
            here = np.hypot(nasal[rows] - at_nasal, inferior[rows] - at_inferior)
            nearer = here < distance[rows]
            distance[rows] = np.where(nearer, here, distance[rows])
            radius[rows] = np.where(nearer, diameter / 2, radius[rows])
    return distance, radius

"""Score heat maps against lesions whose place is known.

    python -m ml.localise --package resources/models/ID

Phantoms have lesion masks, which no public classification set has. For each disease, the map of
that class is enlarged onto the B-scan as the reader sees it, and scored by

- the pointing game (Zhang et al., IJCV 126:1084, 2018): is the map's highest point on a lesion,
  or within `TOLERANCE_MM` of one?
- energy: the share of the map's sum that lies there (Wang et al., Score-CAM, CVPR Workshops 2020);
- chance: the share of the same rows of the frame that lies there, which is what a map without
  information scores in both.

Phantoms are not patients: this tells whether a map finds disease at all, and compares packages.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from tqdm import tqdm

from app.engine import Engine
from app.errors import UsageError
from app.modelpack import load_package
from app.overlay import heat_levels
from app.preprocess import prepare
from app.study import Laterality, Region
from ml.endings import in_one_sentence
from ml.phantom import LESIONS_OF, Grid, Phantom, make_phantom

TOLERANCE_MM = 0.1
"""A map's cell is far larger than a druse: so near a lesion still counts as on it."""

VISIBLE_MM2 = 0.02
"""Area of lesion that a B-scan must show to be scored."""

REPLICATES = 2000
_SEED = 7_000_000  # far from those that data sets of phantoms are made from


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """How well one map shows where one B-scan's lesions are."""

    label: str
    phantom: int  # which eye: B-scans of one are not independent
    hit: bool
    energy: float  # in [0, 1]
    chance: float  # in [0, 1]
    called: bool  # whether the class is also the most probable one


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with its 95 % interval by bootstrap over eyes."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures of one class."""

    label: str
    bscans: int
    eyes: int
    called: Interval
    pointing: Interval
    energy: Interval
    chance: Interval


def near_lesion(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    """Grow a mask, shape (rows, columns), by `TOLERANCE_MM` in every direction."""
    if not mask.any():
        return mask
    away = distance_transform_edt(~mask, sampling=(grid.axial_mm, grid.lateral_mm))
    return np.asarray(away <= TOLERANCE_MM)


def score_map(
    map_: NDArray[np.float32], region: Region, near: NDArray[np.bool_]
) -> tuple[bool, float, float]:
    """Score one activation map.

    Args:
        map_: Activation map of the disease's class, shape (h, w), not negative.
        region: Where it lies on the frame.
        near: From `near_lesion`, shape (rows, columns).

    Returns:
        Whether the highest point is near a lesion (False for a map that is zero everywhere), the
        share of the map near lesions, and the share of the region near lesions.
    """
    inside = near[region.top : region.bottom, region.left : region.right]
    chance = float(inside.mean())
    highest = float(map_.max())
    if highest <= 0:
        return False, 0.0, chance
    heat = heat_levels(map_, region, near.shape, highest).astype(np.float64)
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    return bool(near[row, column]), float(heat[near].sum() / heat.sum()), chance


def locate(
    engine: Engine, labels: Sequence[str], *, phantoms: int, frames: int, grid: Grid
) -> Iterator[Located]:
    """Make phantoms of each class and score the maps of their most diseased B-scans."""
    names = engine.card.names
    for label in labels:
        for number in range(phantoms):
            phantom = make_phantom(label, _SEED + number, grid)
            chosen = _most_diseased(phantom, frames)
            prepared = [prepare(phantom.pixels[each], engine.card.input) for each in chosen]
            if not prepared:
                continue
            result = engine.infer(np.stack([each.tensor for each in prepared]))
            for row, frame in enumerate(chosen):
                near = near_lesion(phantom.mask[frame], grid)
                hit, energy, chance = score_map(
                    result.maps[row, names.index(label)], prepared[row].region, near
                )
                yield Located(
                    label=label,
                    phantom=number,
                    hit=hit,
                    energy=energy,
                    chance=chance,
                    called=names[int(result.probabilities[row].argmax())] == label,
                )


def _most_diseased(phantom: Phantom, count: int) -> list[int]:
    grid = phantom.grid
    area = phantom.mask.sum(axis=(1, 2)) * grid.axial_mm * grid.lateral_mm
    ranked = np.argsort(-area, kind="stable")[:count]
    return sorted(int(frame) for frame in ranked if area[frame] >= VISIBLE_MM2)


def summarise(located: Iterable[Located], *, seed: int = 0) -> list[Score]:
    """Average by class, with intervals that draw eyes, not B-scans."""
    by_class: dict[str, list[Located]] = {}
    for each in located:
        by_class.setdefault(each.label, []).append(each)
    scores = []
    for label, found in by_class.items():
        rng = np.random.default_rng(seed)
        eyes = np.unique([each.phantom for each in found], return_inverse=True)[1]
        draws = rng.multinomial(
            eyes.max() + 1, np.full(eyes.max() + 1, 1 / (eyes.max() + 1)), REPLICATES
        )
        weights = draws[:, eyes].astype(np.float64)
        scores.append(
            Score(
                label=label,
                bscans=len(found),
                eyes=int(eyes.max()) + 1,
                called=_interval([each.called for each in found], weights),
                pointing=_interval([each.hit for each in found], weights),
                energy=_interval([each.energy for each in found], weights),
                chance=_interval([each.chance for each in found], weights),
            )
        )
    return scores


def _interval(values: Sequence[float], weights: NDArray[np.float64]) -> Interval:
    """Mean of the values, shape (n,), and percentiles under the weights, (replicates, n)."""
    array = np.asarray(values, np.float64)
    drawn = weights @ array / weights.sum(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Interval(value=float(array.mean()), low=float(low), high=float(high))


def table(scores: Sequence[Score]) -> str:
    """The scores as a Markdown table."""
    lines = [
        "| class | B-scans / eyes | called | pointing game | energy on lesions | chance |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {score.label} | {score.bscans} / {score.eyes} | {score.called} | {score.pointing} "
        f"| {score.energy} | {score.chance} |"
        for score in scores
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ml.localise", description="Score heat maps against phantoms' lesions."
    )
    parser.add_argument("--package", type=Path, required=True, metavar="DIR")
    parser.add_argument("--phantoms", type=int, default=20, help="eyes of each class")
    parser.add_argument("--frames", type=int, default=5, help="B-scans of each eye, at most")
    chosen = parser.parse_args(arguments)
    return in_one_sentence(lambda: _carry_out(chosen))


def _carry_out(chosen: argparse.Namespace) -> int:
    if min(chosen.phantoms, chosen.frames) < 1:
        raise UsageError("--phantoms and --frames must be at least 1.")
    engine = Engine(load_package(chosen.package))
    labels = [each for each in engine.card.names if LESIONS_OF.get(each)]
    grid = Grid(frames=9, between_mm=0.25, laterality=Laterality.RIGHT)
    found = locate(engine, labels, phantoms=chosen.phantoms, frames=chosen.frames, grid=grid)
    total = len(labels) * chosen.phantoms * chosen.frames
    print(table(summarise(tqdm(found, total=total, unit=" B-scans"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

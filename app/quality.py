"""Can a B-scan be judged at all? Measured on the pixels alone, before any network.

All measures are of vertical strips, each the mean of some neighbouring columns: that tames the
speckle and leaves the layers, which run across. What the exporter filled in (white wedges, black
bars: `app.preprocess.missing`) is neither signal nor edge. Lengths are relative to the frame's
height and brightness to the strip's own span, so that one set of limits serves every device.

The limits were set so that of 3,395 real B-scans of two devices nearly all pass, while blanked,
saturated, cut and heavily blurred copies of the same ones do not; the tests hold the shares.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.preprocess import missing
from app.study import Gradability, Pixels

_STRIPS = 64
_SMALLEST = 64  # rows or columns: below, no layer can be told from its neighbour

_LEAST_SPAN = 25.0  # grey levels between vitreous and tissue; real ones have 76 or more
_LEAST_CLARITY = 5.0  # span over grain; real ones have 9 or more, pure noise 2
_MOST_WHITE = 0.05  # share of pixels at the top of the scale; real ones have 0.001
_MOST_MISSING = 0.6  # share of the frame; rotation leaves up to 0.45
_LEAST_LIT = 0.5  # share of strips that show tissue
_MOST_TOUCHING = 0.45  # share of lit strips; 5 in 3,395 real ones have more
_LEAST_SHARPNESS = 0.145  # see Measures.sharpness; real ones have 0.16 or more


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What `gradability` rests on. Grey levels are of 0 to 255, shares of 0 to 1."""

    missing: float  # share of the frame that the exporter filled in
    white: float  # share of the rest at 250 or above
    span: float  # grey levels from a strip's dark to its bright end, median
    clarity: float  # span over the strips' grain, the median second difference of neighbours
    lit: float  # share of all strips that show tissue
    touching: float  # share of the lit strips with tissue on the first or last rows, the greater
    sharpness: float  # steepest step of a strip within 1/248 of the height, over its span; median


_NOTHING = Measures(
    missing=1.0, white=0.0, span=0.0, clarity=0.0, lit=0.0, touching=0.0, sharpness=0.0
)


def gradability(pixels: Pixels) -> Gradability:
    """Say whether a B-scan can be judged, and else the first reason why not.

    Args:
        pixels: The frame, any shape (rows, columns).
    """
    if min(pixels.shape) < _SMALLEST:
        return Gradability.CUT
    found = measure(pixels)
    if found.white > _MOST_WHITE:
        return Gradability.SATURATED
    if found.span < _LEAST_SPAN or found.clarity < _LEAST_CLARITY:
        return Gradability.BLANK
    if found.missing > _MOST_MISSING or found.lit < _LEAST_LIT or found.touching > _MOST_TOUCHING:
        return Gradability.CUT
    if found.sharpness < _LEAST_SHARPNESS:
        return Gradability.BLURRED
    return Gradability.GRADABLE


def measure(pixels: Pixels) -> Measures:
    """Measure a frame of at least 64 rows and columns."""
    absent = missing(pixels)
    n_absent = np.count_nonzero(absent)
    if n_absent == absent.size:
        return _NOTHING
    bright = pixels >= 250
    n_white = np.count_nonzero(bright) - (np.count_nonzero(bright & absent) if n_absent else 0)
    strips, present = _strips(pixels, absent)
    dark, light = _ends(strips, present)
    spans = np.maximum(light - dark, 1.0)
    seen = present.mean(axis=0) > 0.3
    if not seen.any():
        return _NOTHING
    span = float(np.median(spans[seen]))
    lit = seen & (spans > 0.3 * np.percentile(spans[seen], 90))
    return Measures(
        missing=n_absent / absent.size,
        white=n_white / (absent.size - n_absent),
        span=span,
        clarity=span / max(_grain(strips, present), 0.1),
        lit=float(lit.mean()),
        touching=_touching(strips, present, dark, spans, lit),
        sharpness=_sharpness(strips, present, spans, seen),
    )


def _strips(
    pixels: Pixels, absent: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Mean of what is present of each strip's columns, and where that is most of them.

    Both of shape (rows, strips); columns that do not fill a strip are left out.
    """
    if not absent.any():
        sums = _strip_sums(pixels)
        return sums / np.float32(pixels.shape[1] // _STRIPS), np.ones_like(sums, dtype=np.bool_)
    counts = _strip_sums(~absent)
    sums = _strip_sums(np.where(absent, 0, pixels))
    means: NDArray[np.float32] = np.divide(sums, np.maximum(counts, 1))
    return means, counts >= 0.75 * (pixels.shape[1] // _STRIPS)


def _strip_sums(values: NDArray[np.uint8] | NDArray[np.bool_]) -> NDArray[np.float32]:
    width = values.shape[1] // _STRIPS
    columns = values[:, : _STRIPS * width].astype(np.float32)
    # Twice as fast as `add.reduceat`, four times as `sum` over so short an axis.
    sums: NDArray[np.float32] = np.einsum("rsc->rs", columns.reshape(-1, _STRIPS, width))
    return sums


def _ends(
    strips: NDArray[np.float32], present: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each strip's 10th and 98th percentile over its present rows, both of shape (strips,)."""
    ordered = np.sort(np.where(present, strips, np.inf), axis=0)
    last = np.maximum(present.sum(axis=0) - 1, 0)
    columns = np.arange(strips.shape[1])
    dark = ordered[(0.10 * last).astype(int), columns]
    bright = ordered[(0.98 * last).astype(int), columns]
    empty = ~present.any(axis=0)
    dark[empty] = bright[empty] = 0
    return dark, bright


def _grain(strips: NDArray[np.float32], present: NDArray[np.bool_]) -> float:
    # A median of thousands needs no more of them.
    some, there = strips[:, :: _STRIPS // 16], present[1:-1, :: _STRIPS // 16]
    curvature = np.abs(some[2:] - 2 * some[1:-1] + some[:-2])
    return float(np.median(curvature[there])) if there.any() else 0.0


def _touching(
    strips: NDArray[np.float32],
    present: NDArray[np.bool_],
    dark: NDArray[np.float32],
    spans: NDArray[np.float32],
    lit: NDArray[np.bool_],
) -> float:
    """Share of the lit strips that are bright where the frame begins, or where it ends."""
    edge = max(2, round(0.02 * len(strips)))
    return max(
        float(
            (
                lit & present[rows].all(axis=0) & (strips[rows].mean(axis=0) > dark + 0.35 * spans)
            ).sum()
        )
        / max(1, int(lit.sum()))
        for rows in (slice(0, edge), slice(-edge, None))
    )


def _sharpness(
    strips: NDArray[np.float32],
    present: NDArray[np.bool_],
    spans: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> float:
    step = max(1, round(len(strips) / 248))
    # The rim of a wedge is an edge that no eye made.
    margin = max(2, round(len(strips) / 100))
    sound = present.copy()
    for shift in range(1, margin + 1):
        sound[shift:] &= present[:-shift]
        sound[:-shift] &= present[shift:]
    slopes = np.abs(strips[step:] - strips[:-step])
    slopes[~(sound[step:] & sound[:-step])] = 0
    return float(np.median((slopes.max(axis=0) / spans)[seen]))

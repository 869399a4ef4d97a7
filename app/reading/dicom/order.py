"""Put the frames of one acquisition in spatial order, and say what the order rests on.

Files and frames are stored in any order. By the standard's geometry where there is any, then by
the numbers that the writer gave; see `spatial_order`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.language import mark
from app.reading.dicom.frames import FrameFacts, Vector

Key = tuple[float, ...]
_PARALLEL = 0.999  # cosine
_UNEVEN = 0.1  # share by which a distance may differ from the mean of all


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    order: tuple[int, ...]  # indices of the frames, first to last
    basis: str
    between: float | None = None  # even distance of neighbours, in the unit of the basis


def spatial_order(frames: Sequence[FrameFacts], otherwise: str) -> Ordered:
    """Order frames by the first of these that every frame has and that tells them apart.

    The plane position along the common normal (mm), the position in the stack, the place of the
    line on the localizer (pixels), the dimension index; else the order in which they came, which
    `otherwise` names.
    """
    rules: tuple[tuple[str, Callable[[Sequence[FrameFacts]], list[Key] | None]], ...] = (
        (mark("plane position"), _by_position),
        (mark("position in the stack"), _by_stack),
        (mark("location on the localizer"), _by_location),
        (mark("dimension index"), _by_index),
    )
    if len(frames) > 1:
        for basis, rule in rules:
            keys = rule(frames)
            if keys is not None and len(set(keys)) > 1:
                order = tuple(sorted(range(len(keys)), key=keys.__getitem__))
                distances = [keys[index][0] for index in order] if len(keys[0]) == 1 else []
                return Ordered(order=order, basis=basis, between=_even_distance(distances))
    return Ordered(order=tuple(range(len(frames))), basis=otherwise)


def _even_distance(places: list[float]) -> float | None:
    steps = [b - a for a, b in pairwise(places)]
    mean = sum(steps) / len(steps) if steps else 0
    if mean <= 0 or any(abs(step - mean) > _UNEVEN * mean for step in steps):
        return None
    return round(mean, 6)


def _by_position(frames: Sequence[FrameFacts]) -> list[Key] | None:
    """Distance along the normal, if the planes are parallel (PS3.3 C.7.6.2.1.1)."""
    normals = [_normal(frame.orientation) for frame in frames]
    first = normals[0]
    if first is None:
        return None
    keys: list[Key] = []
    for frame, normal in zip(frames, normals, strict=True):
        if normal is None or frame.position is None or _dot(first, normal) < _PARALLEL:
            return None
        keys.append((round(_dot(first, frame.position), 6),))
    return keys


def _normal(orientation: Vector | None) -> Vector | None:
    if orientation is None:
        return None
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    length = math.sqrt(_dot(normal, normal))
    return tuple(each / length for each in normal) if length > 0.5 else None


def _dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _by_stack(frames: Sequence[FrameFacts]) -> list[Key] | None:
    stacks = sorted({frame.stack or "" for frame in frames}, key=lambda name: (len(name), name))
    keys: list[Key] = []
    for frame in frames:
        if frame.in_stack is None:
            return None
        keys.append((stacks.index(frame.stack or ""), frame.in_stack))
    return keys


def _by_location(frames: Sequence[FrameFacts]) -> list[Key] | None:
    """Distance across parallel lines, downward on the localizer, or rightward for upright ones."""
    keys: list[Key] = []
    across: tuple[float, float] | None = None
    for frame in frames:
        if frame.location is None or len(frame.location) != 2:
            return None
        (row, column), (end_row, end_column) = frame.location
        along = (end_row - row, end_column - column)
        length = math.hypot(*along)
        if length == 0:
            return None
        if across is None:
            across = (along[1] / length, -along[0] / length)
            if across[0] < -1e-6 or (abs(across[0]) <= 1e-6 and across[1] < 0):
                across = (-across[0], -across[1])
        if abs(_dot(across, along)) > length * math.sqrt(1 - _PARALLEL**2):
            return None
        middle = ((row + end_row) / 2, (column + end_column) / 2)
        keys.append((round(_dot(across, middle), 6),))
    return keys


def _by_index(frames: Sequence[FrameFacts]) -> list[Key] | None:
    if any(frame.index is None for frame in frames):
        return None
    keys = [tuple(float(value) for value in frame.index or ()) for frame in frames]
    return keys if len(set(keys)) == len(keys) else None

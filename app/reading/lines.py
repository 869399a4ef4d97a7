"""Scan lines given in mm on the localizer, as Heidelberg's files have them."""

import math

Points = tuple[tuple[float, float], ...]
"""(row, column) on the localizer, in pixels."""

_CIRCLE_POINTS = 128


def line_on(start: tuple[float, float], end: tuple[float, float], scale: float | None) -> Points:
    """The ends of a straight line. Positions are (x, y) in mm, `scale` mm per pixel."""
    if not scale:
        return ()
    return tuple((y / scale, x / scale) for x, y in (start, end))


def circle_on(
    start: tuple[float, float], centre: tuple[float, float], scale: float | None
) -> Points:
    """Points of a closed circle through `start`; the files do not say which way it was scanned."""
    if not scale:
        return ()
    across, down = start[0] - centre[0], start[1] - centre[1]
    points = []
    for index in range(_CIRCLE_POINTS + 1):
        angle = 2 * math.pi * index / _CIRCLE_POINTS
        sine, cosine = math.sin(angle), math.cos(angle)
        x = centre[0] + across * cosine - down * sine
        y = centre[1] + across * sine + down * cosine
        points.append((y / scale, x / scale))
    return tuple(points)

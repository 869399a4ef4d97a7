"""Where in a volume the strongest evidence of a disease lies.

The fovea itself is not looked for. A macular scan is centred on it by fixation, so what can be
said, and is said as just that, is how far from the middle of the scan the evidence lies. A scan
that is too small to have an outside, or whose spacing the file does not tell, gets no such words.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import hypot

from app.language import fill, mark
from app.modelpack import Card
from app.study import BScanResult, Call, Outcome, Volume

NEAR_MM = 1.5
"""Radius of the inner ring of the ETDRS grid (ETDRS report 10, 1991)."""

_NEAR = mark(
    "{finding} Strongest near the scan's middle (within 1.5 mm), where the fovea should be."
)
_AWAY = mark("{finding} Strongest away from the scan's middle (more than 1.5 mm).")

_LEAST_MM = 4.0  # that a volume must measure each way
_STRONGEST = 3  # B-scans whose strongest places must agree


def with_whereabouts(call: Call, volume: Volume, bscans: Sequence[BScanResult], card: Card) -> Call:
    """Add to the reason of a disease whether its evidence lies near the middle of the scan.

    Args:
        call: Of this volume.
        volume: What was scanned; without both spacings the call stays as it is.
        bscans: The results, one for each B-scan of the volume.
        card: The package's.
    """
    if call.outcome not in (Outcome.CALLED, Outcome.UNCERTAIN) or call.label is None:
        return call
    if card.class_named(call.label).severity == 0:
        return call
    distances = _distances(call, volume, bscans, card.names.index(call.label))
    if distances and max(distances) <= NEAR_MM:
        return replace(call, reason=fill(_NEAR, finding=call.reason))
    if distances and min(distances) > NEAR_MM:
        return replace(call, reason=fill(_AWAY, finding=call.reason))
    return call


def _distances(
    call: Call, volume: Volume, bscans: Sequence[BScanResult], class_index: int
) -> list[float]:
    """From the middle of the scan to the strongest places, in mm; empty if it cannot be told."""
    along, across = volume.spacing.lateral_mm, volume.spacing.between_mm
    if along is None or across is None:
        return []
    count = len(volume.bscans)
    width = min(bscan.columns for bscan in volume.bscans) * along
    if min(width, (count - 1) * across) < _LEAST_MM:
        return []
    found = []
    for index in call.evidence[:_STRONGEST]:
        column = _strongest_column(bscans[index], class_index)
        if column is None:
            return []
        from_middle = (column - volume.bscans[index].columns / 2) * along
        found.append(hypot(from_middle, (index - (count - 1) / 2) * across))
    return found


def _strongest_column(result: BScanResult, class_index: int) -> float | None:
    """Of the frame, where the class's activation map is highest; None where there is none."""
    if result.maps is None or result.region is None:
        return None
    columns = result.maps[class_index].max(axis=0)
    if columns.max() <= 0:
        return None
    width = result.region.right - result.region.left
    return float(result.region.left + (int(columns.argmax()) + 0.5) * width / len(columns))

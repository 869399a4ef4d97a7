"""Figures that stand beside one another show as many decimals each."""

import math


def alike(*values: float) -> tuple[str, ...]:
    """Put values into three significant figures of the largest: "0.994", "0.970", "1.000"."""
    largest = max(map(abs, values))
    # A share of 1 is no more precise than one of 0.999.
    place = -1 if largest in (0, 1) else math.floor(math.log10(largest))
    return tuple(f"{each:.{max(2 - place, 0)}f}" for each in values)

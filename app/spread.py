"""How far apart the B-scans lie that an eye's score is the mean of.

A score is the mean of a few B-scans (`app.aggregate`), and 60 % of three that agree is another
thing than 60 % of one sure and two doubtful. The range says which. It is no confidence interval:
neighbouring B-scans show the same lesion, so that they are no independent trials.
"""

from collections.abc import Sequence

import numpy as np

from app.aggregate import severe_share
from app.modelpack import Card
from app.study import BScanResult

Range = tuple[float, float]
"""Lowest and highest value, in [0, 1]."""


def score_ranges(bscans: Sequence[BScanResult], card: Card) -> tuple[Range | None, ...]:
    """The range of the B-scans behind each class's score, in the package's class order.

    A disease's runs over the `top_k` usable B-scans that speak most for it or worse, the healthy
    class's mirrors the mildest disease's, as its score does. None where no B-scan is usable.
    """
    usable = [each.probabilities for each in bscans if each.probabilities and each.familiar]
    if not usable:
        return (None,) * len(card.classes)
    probabilities = np.array(usable)
    ranges: dict[int, Range] = {}
    for disease in card.classes:
        if disease.severity > 0:
            shares = np.sort(severe_share(probabilities, disease, card))
            strongest = shares[-card.aggregation.top_k :]
            ranges[disease.severity] = float(strongest[0]), float(min(strongest[-1], 1.0))
    low, high = ranges[1]
    ranges[0] = 1 - high, 1 - low
    return tuple(ranges[each.severity] for each in card.classes)

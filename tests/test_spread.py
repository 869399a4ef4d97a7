"""How far apart the B-scans lie behind a score."""

from pathlib import Path

import pytest

from app.spread import score_ranges
from app.study import BScanResult, FrameSource, Gradability
from tests.results_builder import card


def frame(*probabilities, familiar=True):
    return BScanResult(
        source=FrameSource(path=Path("memory")),
        gradability=Gradability.GRADABLE if probabilities else Gradability.BLANK,
        probabilities=probabilities or None,
        familiar=familiar,
    )


def test_that_a_range_spans_the_strongest_bscans_that_the_score_is_the_mean_of():
    model = card()
    assert model.names == ("NORMAL", "DRUSEN", "DME", "CNV")
    assert model.aggregation.top_k == 3
    frames = [
        frame(0.1, 0.1, 0.1, 0.7),
        frame(0.2, 0.1, 0.2, 0.5),
        frame(0.3, 0.1, 0.2, 0.4),
        frame(0.9, 0.1, 0.0, 0.0),
        frame(0.0, 0.0, 0.0, 1.0, familiar=False),
        frame(),
    ]

    normal, drusen, dme, cnv = score_ranges(frames, model)

    assert cnv == pytest.approx((0.4, 0.7))
    assert dme == pytest.approx((0.6, 0.8))
    assert drusen == pytest.approx((0.7, 0.9))
    assert normal == pytest.approx((0.1, 0.3))


def test_that_no_usable_bscan_gives_no_range():
    assert score_ranges([frame(), frame(1.0, 0, 0, 0, familiar=False)], card()) == (None,) * 4

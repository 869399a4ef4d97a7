"""The window's main states look as they did: dark, light, right to left, at 200 %, and there on a
small screen.

Compared is what a reader would notice, where things stand and how bright and coloured they are,
and not single pixels, which every build of a font renderer draws otherwise. After a change that
was meant, look at the new pictures and keep them:

    MAKE_GOLDEN=1 pytest tests/gui/test_golden.py
"""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

GOLDEN = Path(__file__).parent / "golden"
STATES = ("dark", "light", "mirrored", "scaled", "small", "persian")
KEPT = (576, 360)  # pixels of a golden picture
CELLS = (72, 45)  # of the comparison: eight pixels of the golden picture each way
MEAN = 6.0  # levels of 255 that two pictures may differ by on average
ODD = 40.0  # levels by which a cell is another one
MOST_ODD = 0.04  # share of cells that may be


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The states as they are drawn now, by name."""
    folder = tmp_path_factory.mktemp("drawn")
    for states in (STATES[:3], STATES[3:5], STATES[5:]):
        subprocess.run(
            [sys.executable, "-m", "tests.gui.scenes", str(folder), *states],
            check=True,
            cwd=Path(__file__).parents[2],
            timeout=500,
        )
    pictures = {}
    for state in STATES:
        with Image.open(folder / f"{state}.png") as picture:
            pictures[state] = picture.convert("RGB").resize(KEPT, Image.Resampling.BOX)
    if os.environ.get("MAKE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        for state, picture in pictures.items():
            picture.quantize(128).save(GOLDEN / f"{state}.png", optimize=True)
    return pictures


def cells(picture):
    small = picture.convert("RGB").resize(CELLS, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def unlike(one, other):
    """Mean difference in levels, and the share of cells that are others."""
    difference = np.abs(cells(one) - cells(other)).max(axis=2)
    return float(difference.mean()), float((difference > ODD).mean())


def golden(state):
    with Image.open(GOLDEN / f"{state}.png") as picture:
        return picture.convert("RGB")


@pytest.mark.parametrize("state", STATES)
def test_that_the_window_looks_as_it_did(drawn, state, tmp_path_factory):
    mean, odd = unlike(drawn[state], golden(state))

    if mean > MEAN or odd > MOST_ODD:
        place = tmp_path_factory.mktemp("unlike") / f"{state}.png"
        drawn[state].save(place)
        pytest.fail(
            f"{state}: {mean:.1f} levels off on average, {odd:.1%} of the picture is another; "
            f"it is in {place}, what it was in {GOLDEN / state}.png"
        )


def test_that_the_tolerance_tells_the_states_apart():
    for one, other in combinations(STATES, 2):
        mean, odd = unlike(golden(one), golden(other))
        assert mean > 2 * MEAN or odd > 2 * MOST_ODD


def test_that_the_golden_pictures_stay_small():
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) < 500_000

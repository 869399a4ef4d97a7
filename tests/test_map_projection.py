"""Where along each B-scan a class was seen, for the views from above."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.gui.images import map_projection
from app.study import BScanResult, FrameSource, Gradability, Region


def result(rng, *, columns: int, left: int, right: int) -> BScanResult:
    return BScanResult(
        source=FrameSource(path=Path(__file__)),
        gradability=Gradability.GRADABLE,
        maps=rng.random((2, 5, columns), dtype=np.float32),
        region=Region(top=0, bottom=100, left=left, right=right),
    )


def test_that_each_bscan_is_laid_out_by_its_own_size_and_region():
    rng = np.random.default_rng(3)
    whole = [result(rng, columns=13, left=0, right=512) for _ in range(3)]
    part = result(rng, columns=13, left=128, right=384)
    finer = result(rng, columns=26, left=0, right=1024)
    unseen = replace(part, maps=None, region=None)

    lines = map_projection([*whole, part, finer, unseen], [512, 512, 512, 512, 1024, 512], 1, 64)

    places = (np.arange(64) + 0.5) / 64
    for line, each in zip(lines, [*whole, part, finer], strict=False):
        strongest = each.maps[1].max(axis=0)
        left, right = {128: (0.25, 0.75)}.get(each.region.left, (0.0, 1.0))
        centres = left + (np.arange(len(strongest)) + 0.5) / len(strongest) * (right - left)
        expected = np.interp(places, centres, strongest)
        expected[(places < left) | (places >= right)] = 0
        assert line == pytest.approx(expected, abs=1e-5)
    assert not lines[5].any()

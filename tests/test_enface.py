"""The view from above is made of the B-scans, and shows what was not measured as such."""

from pathlib import Path

import numpy as np
import pytest

from app.enface import mean_projection, to_grey
from app.errors import DamagedFile
from app.study import BScan, FrameSource, Laterality, Volume


def bscan(load, shape=(40, 60)):
    source = FrameSource(path=Path("memory.dcm"))
    return BScan(source=source, rows=shape[0], columns=shape[1], load=load)


def volume(*bscans):
    return Volume(uid="1", laterality=Laterality.RIGHT, bscans=bscans, order="file name")


def flat(value, shape=(40, 60)):
    return bscan(lambda: np.full(shape, value, np.uint8), shape)


def test_that_each_bscan_becomes_one_row_in_spatial_order():
    seen = []
    projection = mean_projection(
        volume(flat(30), flat(90), flat(60)), lambda *each: seen.append(each)
    )

    assert projection.shape == (3, 60)
    assert projection.mean(axis=1) == pytest.approx([30, 90, 60])
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_that_a_bright_column_shows_at_its_place():
    pixels = np.full((40, 60), 50, np.uint8)
    pixels[10:30, 45] = 200
    projection = mean_projection(volume(bscan(lambda: pixels)))

    assert projection[0].argmax() == 45


def test_that_an_unreadable_bscan_leaves_a_gap_and_the_others_stay():
    def cut():
        raise DamagedFile("The file is cut.")

    projection = mean_projection(volume(flat(30), bscan(cut), flat(60)))

    assert np.isnan(projection[1]).all()
    assert np.isfinite(projection[[0, 2]]).all()
    assert not to_grey(projection)[1].any()


def test_that_white_wedges_of_the_exporter_do_not_brighten_the_view():
    pixels = np.full((80, 120), 50, np.uint8)
    wedge = np.arange(120) // 4
    pixels[np.arange(80)[:, None] < wedge] = 255
    projection = mean_projection(volume(bscan(lambda: pixels, (80, 120))))

    assert np.nanmax(projection) < 80


def test_that_bscans_of_different_width_share_one_view():
    projection = mean_projection(volume(flat(30, (40, 30)), flat(60, (40, 60))))

    assert projection.shape == (2, 60)
    assert projection[0] == pytest.approx(30)


def test_that_the_view_is_spread_from_black_to_white():
    ramp = np.tile(np.linspace(80, 120, 200, dtype=np.float32), (5, 1))
    grey = to_grey(ramp)

    assert grey.min() == 0
    assert grey.max() == 255
    assert not to_grey(np.full((2, 3), np.nan, np.float32)).any()

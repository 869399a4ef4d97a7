"""The heat map over a B-scan: readable colours, visible tissue, the right place."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.overlay import (
    FLOOR,
    MAX_OPACITY,
    colours,
    heat_levels,
    heat_overlay,
    heat_scales,
    outline_overlay,
)
from app.study import BScanResult, FrameSource, Gradability, Region

WHOLE = Region(top=0, bottom=60, left=0, right=80)


def tissue(rows=60, columns=80):
    return np.random.default_rng(7).integers(0, 256, (rows, columns), dtype=np.uint8)


def hot_spot(row, column, size=8):
    spot = np.zeros((size, size), np.float32)
    spot[row, column] = 3.0
    return spot


def oklab(rgb):
    """Björn Ottosson's perceptual space, 2020."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(linear @ np.array(to_lms).T) @ np.array(to_lab).T


def test_that_equal_steps_of_the_map_look_equal():
    steps = np.linalg.norm(np.diff(oklab(colours()[::16] / 255), axis=0), axis=1)

    assert steps.std() / steps.mean() < 0.25
    assert steps.min() > 0.01


@pytest.mark.parametrize(
    "sight",
    [
        np.eye(3),
        # Machado, Oliveira and Fernandes 2009, severity 1: no red, no green, no blue cones.
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    ],
    ids=["normal", "protanopia", "deuteranopia", "tritanopia"],
)
def test_that_hotter_is_lighter_for_every_kind_of_colour_vision(sight):
    srgb = colours()[::8] / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    luminance = np.clip(linear @ np.array(sight).T, 0, 1) @ [0.2126, 0.7152, 0.0722]

    assert (np.diff(luminance) > 0).all()


def test_that_a_cold_map_leaves_the_scan_as_it_was():
    scan = tissue()
    faint = np.full((8, 8), 0.9 * FLOOR, np.float32)

    shown = heat_overlay(scan, faint, WHOLE, opacity=1, scale=1)

    assert (shown == scan[:, :, None]).all()


@given(st.floats(0, 1), st.floats(0, 100, width=32))
def test_that_neighbouring_grey_levels_stay_in_order_however_strong_the_heat(opacity, value):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    flat = np.full((2, 2), value, np.float32)
    region = Region(top=0, bottom=4, left=0, right=256)

    shown = heat_overlay(ramp, flat, region, opacity=opacity, scale=1).astype(int)

    assert (np.diff(shown, axis=1) >= 0).all()
    contrast = shown[0, 255] - shown[0, 0]
    assert (contrast >= 255 * (1 - MAX_OPACITY) - 2).all()


def test_that_heat_lies_where_the_region_says():
    region = Region(top=20, bottom=60, left=10, right=50)

    levels = heat_levels(hot_spot(2, 6), region, (60, 80), scale=3)
    hottest = np.unravel_index(levels.argmax(), levels.shape)

    assert 30 <= hottest[0] < 35
    assert 40 <= hottest[1] < 45
    assert not levels[:20].any()
    assert not levels[:, 50:].any()


def test_that_a_region_outside_the_frame_is_refused():
    with pytest.raises(ValueError, match="does not lie"):
        heat_levels(hot_spot(1, 1), Region(top=0, bottom=61, left=0, right=80), (60, 80), 1)


@pytest.mark.parametrize("scale", [0.0, 1.0], ids=["no scale", "scale 1"])
def test_that_a_map_of_zeros_or_nan_shows_the_plain_scan(scale):
    scan = tissue()

    for empty in (np.zeros((8, 8), np.float32), np.full((8, 8), np.nan, np.float32)):
        assert (heat_overlay(scan, empty, WHOLE, 1, scale) == scan[:, :, None]).all()


def test_that_an_outline_touches_only_the_border_of_the_heat():
    scan = tissue()
    blob = np.zeros((8, 8), np.float32)
    blob[2:6, 2:6] = 1

    shown = outline_overlay(scan, blob, WHOLE)
    touched = (shown != scan[:, :, None]).any(axis=2)

    assert 0.02 < touched.mean() < 0.5
    assert not touched[28:32, 38:42].any()
    assert not touched[:5].any()


def test_that_one_scale_serves_a_whole_volume():
    def result(peak):
        maps = None if peak is None else np.full((2, 3, 3), peak, np.float32)
        source = FrameSource(path=Path(__file__))
        return BScanResult(source=source, gradability=Gradability.GRADABLE, maps=maps)

    assert heat_scales([result(0.5), result(4.0), result(None)], 2) == (4.0, 4.0)
    assert heat_scales([result(None)], 2) == (1.0, 1.0)
    assert heat_scales([result(0.0)], 2) == (1.0, 1.0)


def test_that_a_spectralis_frame_is_coloured_fast_enough_to_scroll():
    scan, spot = tissue(496, 768), hot_spot(4, 4, size=9)
    region = Region(top=48, bottom=448, left=0, right=768)
    heat_overlay(scan, spot, region)

    def once():
        start = time.perf_counter()
        heat_overlay(scan, spot, region, 0.6, 3)
        return time.perf_counter() - start

    # A generous bound: 2 ms on a free core, and the suite shares its cores with other work.
    assert min(once() for _ in range(20)) < 0.010

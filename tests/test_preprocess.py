"""What the network sees: the retina, whatever the exporter and the device made of the frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.ndimage import gaussian_filter

from app.aggregate import call_eye
from app.engine import Engine
from app.modelpack import InputSpec, list_packages, load_package
from app.paths import resources
from app.preprocess import VERSION, missing, normalise, prepare, retina_band
from ml.phantom import LESIONS_OF, Grid, make_phantom
from ml.phantom.anatomy import Layer
from tests.shared_data import needs_shared, some_of
from tests.tiny_study import layered_bscan
from tests.wedges import as_jpeg, with_wedges

SPEC = InputSpec(height=96, width=128, mean=(0.2,), std=(0.25,))
COLOUR = InputSpec(height=96, width=128, mean=(0.1, 0.2, 0.3), std=(0.2, 0.25, 0.5))
GRID = Grid(frames=3, rows=248, columns=256, axial_mm=0.00774, lateral_mm=0.023, between_mm=0.5)


@pytest.fixture(scope="module")
def phantoms():
    return [make_phantom(label, seed, GRID) for label in LESIONS_OF for seed in (1, 2)]


def frames_of(phantoms):
    return [phantom.pixels[frame] for phantom in phantoms for frame in range(GRID.frames)]


def unlikeness(one, two):
    """Mean difference of what is larger than a speckle."""
    return np.abs(gaussian_filter(one, 3) - gaussian_filter(two, 3)).mean()


@settings(max_examples=60)
@given(
    pixels=arrays.arrays(
        np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=70)
    ),
    crop=st.sampled_from(["retina", "whole"]),
)
def test_that_any_frame_gives_finite_numbers_of_the_stated_size(pixels, crop):
    spec = InputSpec(height=12, width=10, mean=(0.2,) * 3, std=(0.2,) * 3, crop=crop)
    prepared = prepare(pixels, spec)
    region, (rows, columns) = prepared.region, pixels.shape
    assert prepared.tensor.shape == (3, 12, 10)
    assert prepared.tensor.dtype == np.float32
    assert np.isfinite(prepared.tensor).all()
    assert 0 <= region.top < region.bottom <= rows
    assert 0 <= region.left < region.right <= columns


@given(level=st.integers(0, 255))
def test_that_a_blank_frame_stays_blank(level):
    tensor = prepare(np.full((64, 80), level, np.uint8), SPEC).tensor
    assert np.ptp(tensor) == 0


def test_that_the_same_frame_gives_the_same_input_and_is_left_as_it_was(phantoms):
    frame = phantoms[0].pixels[1]
    before = frame.copy()
    assert np.array_equal(prepare(frame, SPEC).tensor, prepare(frame, SPEC).tensor)
    assert np.array_equal(frame, before)


def test_that_the_band_holds_the_whole_retina(phantoms):
    for phantom in phantoms:
        for frame in range(GRID.frames):
            region = prepare(phantom.pixels[frame], SPEC).region
            visible = np.clip(phantom.borders[:, frame], 0, GRID.rows)
            assert region.top <= visible[Layer.NFL].min()
            assert region.bottom >= visible[Layer.CHORIOCAPILLARIS].max()


def test_that_the_whole_frame_is_kept_where_the_package_says_so(phantoms):
    spec = InputSpec(height=96, width=128, mean=(0.2,), std=(0.2,), crop="whole")
    region = prepare(phantoms[0].pixels[1], spec).region
    assert (region.top, region.bottom, region.left, region.right) == (0, 248, 0, 256)


@pytest.mark.parametrize(("gain", "offset"), [(0.6, 0), (0.8, 30), (1.0, 40)])
def test_that_gain_and_offset_of_the_device_hardly_matter(phantoms, gain, offset):
    for frame in frames_of(phantoms)[::4]:
        other = np.clip(frame * gain + offset, 0, 234).astype(np.uint8)
        one, two = retina_band(frame, SPEC), retina_band(other, SPEC)
        assert abs(one.region.top - two.region.top) < 0.04 * GRID.rows
        assert unlikeness(one.grey, two.grey) < 0.03


def test_that_every_channel_is_normalised_by_its_own_mean_and_deviation():
    grey = np.linspace(0, 1, 96 * 128, dtype=np.float32).reshape(96, 128)
    channels = normalise(grey, COLOUR)
    for channel, mean, std in zip(channels, COLOUR.mean, COLOUR.std, strict=True):
        assert np.allclose(channel * std + mean, grey, atol=1e-6)


def test_that_tissue_is_never_taken_for_missing(phantoms):
    for frame in frames_of(phantoms):
        assert not missing(frame).any()


@needs_shared
@pytest.mark.parametrize("label", ["NORMAL", "DRUSEN", "DME", "CNV"])
def test_that_hardly_any_tissue_of_real_bscans_is_taken_for_missing(label):
    for each in some_of(label, 12, dataset="octdl"):
        # That set has no wedges: it was not rotated.
        assert missing(each.pixels()).mean() < 0.02


@pytest.mark.parametrize("jpeg", [None, 90])
def test_that_wedges_are_found_and_nothing_else(phantoms, jpeg):
    for seed, frame in enumerate(frames_of(phantoms)):
        covered = with_wedges(frame, seed=seed, jpeg=jpeg)
        white = with_wedges(np.zeros_like(frame), seed=seed) == 255
        found = missing(covered)
        assert found[white].mean() > 0.99
        assert found[~white].mean() < 0.05


@pytest.mark.parametrize("turns", range(4))
def test_that_wedges_are_found_at_every_border(turns):
    frame = np.full((200, 200), 40, np.uint8)
    white = np.tri(200, 200, -140, dtype=bool)
    frame[white] = 255
    assert missing(np.rot90(frame, turns))[np.rot90(white, turns)].all()


def test_that_black_bars_at_the_borders_are_missing(phantoms):
    frame = phantoms[0].pixels[1].copy()
    frame[:20] = frame[:, -10:] = 0
    found = missing(frame)
    assert found[:20].all()
    assert found[:, -10:].all()
    assert not found[20:, :-10].any()


def test_that_wedges_hardly_change_what_the_network_sees(phantoms):
    for seed, frame in enumerate(frames_of(phantoms)):
        whole = as_jpeg(frame, 92)
        covered = with_wedges(whole, seed=seed, jpeg=92)
        one, two = retina_band(whole, SPEC), retina_band(covered, SPEC)
        assert abs(one.region.top - two.region.top) < 0.04 * GRID.rows
        assert unlikeness(one.grey, two.grey) < 0.03


@needs_shared
@pytest.mark.skipif(not list_packages(resources() / "models"), reason="No package is installed.")
@pytest.mark.parametrize("dataset", ["kermany", "octdl"])
def test_that_adding_wedges_does_not_change_a_call_on_real_bscans(dataset):
    """Each B-scan is called as an eye of its own, by the rule and the gate of the clinic."""
    engine = Engine(load_package(list_packages(resources() / "models")[0]))
    card = engine.card

    def call(frames):
        said = engine.infer(np.stack([prepare(each, card.input).tensor for each in frames]))
        familiar = said.unfamiliarity <= card.unfamiliarity_threshold
        eyes = [call_eye(said.probabilities[[i]], familiar[[i]], card) for i in range(len(frames))]
        return [(each.outcome, each.label) for each in eyes], said.probabilities

    for label in ("NORMAL", "DRUSEN", "DME", "CNV"):
        plain = [each.pixels() for each in some_of(label, 10, dataset=dataset)]
        covered = [with_wedges(each, seed=seed, jpeg=90) for seed, each in enumerate(plain)]
        (before, probabilities), (after, moved) = call(plain), call(covered)
        assert before == after
        assert np.abs(probabilities - moved).mean() < 0.03


def test_that_the_version_rises_when_frames_become_another_input():
    spec = InputSpec(height=48, width=64, mean=(0.5,), std=(0.5,))

    seen = prepare(layered_bscan(1, rows=200, columns=256), spec).tensor[0]

    # Records of results state the version; where this fails, raise it and write the new values.
    assert VERSION == 1
    assert seen.reshape(6, 8, 4, 16).mean(axis=(1, 3)) == pytest.approx(
        np.array(
            [
                [-0.970, -0.978, -0.971, -0.975],
                [-0.535, -0.092, -0.061, -0.437],
                [0.292, 0.294, 0.297, 0.293],
                [0.345, 0.430, 0.445, 0.317],
                [0.097, -0.469, -0.535, -0.083],
                [-0.974, -0.969, -0.968, -0.973],
            ]
        ),
        abs=0.01,
    )

"""Which B-scans can be judged: on real ones, and on spoilt copies of the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageFilter

from app.preprocess import missing
from app.quality import gradability
from app.study import Gradability
from tests.shared_data import manifest, needs_shared
from tests.tiny_study import layered_bscan

EVERY = 20  # every so many-th real B-scan; the long test takes them all


def share(bscans, spoil, verdicts):
    """Share of the B-scans that, spoilt, get one of the verdicts."""
    return np.mean([gradability(spoil(each.pixels())) in verdicts for each in bscans])


def present_and_floor(pixels):
    present = ~missing(pixels)
    return present, np.percentile(pixels[present], 20)


def blurred(pixels, *, sigma=6):
    """Blurred by `sigma` pixels of a frame 496 high, with the exporter's wedges left sharp."""
    present, floor = present_and_floor(pixels)
    image = Image.fromarray(np.where(present, pixels, floor).astype(np.uint8))
    soft = image.filter(ImageFilter.GaussianBlur(sigma * len(pixels) / 496))
    return np.where(present, np.asarray(soft), pixels)


def brightened(pixels):
    present, floor = present_and_floor(pixels)
    gained = np.clip((pixels - floor) * 4 + floor, 0, 255).astype(np.uint8)
    return np.where(present, gained, pixels)


def dimmed(pixels):
    return np.where(missing(pixels), pixels, pixels // 10)


def shuffled(pixels):
    """The same grey levels with nothing left of where they stood: pure noise."""
    present = ~missing(pixels)
    noise = pixels.copy()
    noise[present] = np.random.default_rng(0).permutation(pixels[present])
    return noise


def cut_at_the_pigment_epithelium(pixels):
    """What is above the brightest row, the layer that reflects most, as if the eye had moved."""
    present, floor = present_and_floor(pixels)
    rows = np.where(present, pixels, floor).mean(axis=1)
    brightest = int(np.convolve(rows, np.ones(9), "same").argmax())
    return pixels[: max(64, brightest)]


def half_black(pixels):
    spoilt = pixels.copy()
    spoilt[:, pixels.shape[1] * 3 // 10 :] = 0
    return spoilt


SPOILT = [
    (np.zeros_like, {Gradability.BLANK}, 1.0),
    (lambda pixels: np.full_like(pixels, 90), {Gradability.BLANK}, 1.0),
    (shuffled, {Gradability.BLANK}, 0.99),
    (dimmed, {Gradability.BLANK}, 0.99),
    (brightened, {Gradability.SATURATED}, 0.97),
    (blurred, {Gradability.BLURRED, Gradability.CUT}, 0.97),
    (cut_at_the_pigment_epithelium, {Gradability.CUT, Gradability.BLANK}, 0.9),
    (half_black, {Gradability.CUT}, 0.99),
]
NAMES = ["black", "grey", "noise", "dim", "saturated", "blurred", "cut", "half black"]


@needs_shared
@pytest.mark.parametrize("dataset", ["kermany", "octdl"])
def test_that_nearly_all_real_bscans_are_gradable(dataset):
    real = [each for each in manifest()[::EVERY] if each.dataset == dataset]

    assert share(real, np.asarray, {Gradability.GRADABLE}) >= 0.98


@needs_shared
@pytest.mark.parametrize(("spoil", "verdicts", "least"), SPOILT, ids=NAMES)
def test_that_spoilt_real_bscans_are_caught(spoil, verdicts, least):
    assert share(manifest()[::EVERY], spoil, verdicts) >= least


@pytest.mark.long
@needs_shared
def test_that_every_real_bscan_of_both_devices_but_one_in_a_hundred_is_gradable():
    for dataset in ("kermany", "octdl"):
        real = [each for each in manifest() if each.dataset == dataset]
        found = share(real, np.asarray, {Gradability.GRADABLE})
        print(f"{dataset}: {found:.2%} of {len(real)} gradable")
        assert found >= 0.99
    for (spoil, verdicts, least), name in zip(SPOILT, NAMES, strict=True):
        found = share(manifest()[::3], spoil, verdicts)
        print(f"{name}: {found:.2%} caught")
        assert found >= least


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (20, 20), (63, 900)])
def test_that_a_frame_too_small_to_show_layers_is_cut(shape):
    assert gradability(np.full(shape, 120, np.uint8)) is Gradability.CUT


def test_that_a_frame_of_wedge_alone_is_blank():
    assert gradability(np.full((128, 128), 255, np.uint8)) is Gradability.BLANK


def test_that_white_wedges_are_neither_signal_nor_saturation():
    rotated = layered_bscan(3, rows=200, columns=300)
    rows, columns = np.indices(rotated.shape)
    rotated[rows < 50 - columns // 4] = 255
    rotated[rows > 230 - columns // 4] = 255

    assert gradability(rotated) is Gradability.GRADABLE


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90))))
def test_that_any_pixels_get_a_verdict(pixels):
    assert isinstance(gradability(pixels), Gradability)

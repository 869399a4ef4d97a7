import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw

from app.modelpack import InputSpec
from app.preprocess import missing, prepare, retina_band

SPEC = InputSpec(height=96, width=160, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))


def retina(rows: int = 240, columns: int = 320, top: int = 90, seed: int = 0) -> np.ndarray:
    """A bright band of 50 rows over a dim choroid, in noise."""
    rng = np.random.default_rng(seed)
    frame = rng.normal(20, 6, (rows, columns))
    frame[top : top + 50] += 120
    frame[top + 50 : top + 90] += 40
    return np.clip(frame, 0, 254).astype(np.uint8)


def with_wedge(frame: np.ndarray, corner: list[tuple[int, int]]) -> np.ndarray:
    image = Image.fromarray(frame)
    ImageDraw.Draw(image).polygon(corner, fill=255)
    return np.asarray(image)


def test_that_the_tensor_has_the_package_s_shape_and_normalisation():
    prepared = prepare(retina(), SPEC)
    grey = retina_band(retina(), SPEC).grey

    assert prepared.tensor.shape == (3, 96, 160)
    assert prepared.tensor.dtype == np.float32
    for channel, (mean, std) in enumerate(zip(SPEC.mean, SPEC.std, strict=True)):
        assert np.allclose(prepared.tensor[channel], (grey - mean) / std, atol=1e-5)


def test_that_the_band_holds_the_retina_and_leaves_much_of_the_rest():
    region = prepare(retina(), SPEC).region

    assert region.top <= 90
    assert region.bottom >= 180
    assert region.bottom - region.top <= 0.75 * 240
    assert (region.left, region.right) == (0, 320)


@pytest.mark.parametrize("top", [0, 150])
def test_that_a_retina_at_the_edge_keeps_its_scale(top):
    regions = [prepare(retina(top=place), SPEC).region for place in (top, 80)]

    heights = [region.bottom - region.top for region in regions]
    assert heights[0] == pytest.approx(heights[1], abs=14)


@pytest.mark.parametrize(
    "corner",
    [
        [(0, 0), (319, 0), (319, 30)],
        [(0, 239), (319, 239), (0, 200)],
        [(0, 0), (25, 0), (0, 239)],
        [(319, 0), (319, 239), (295, 239)],
    ],
)
def test_that_a_white_wedge_is_missing_and_changes_little(corner):
    plain, wedged = retina(), with_wedge(retina(), corner)

    white = wedged == 255
    assert (missing(wedged) & white).sum() >= 0.97 * white.sum()
    assert missing(wedged).sum() <= 1.6 * white.sum()
    difference = np.abs(retina_band(plain, SPEC).grey - retina_band(wedged, SPEC).grey)
    assert difference.mean() < 0.05


def test_that_bright_tissue_inside_the_frame_is_not_missing():
    frame = retina()
    frame[100:120, 40:200] = 255

    assert not missing(frame).any()


def test_that_black_bars_at_the_border_are_missing():
    frame = np.maximum(retina(), 1)
    frame[:, 300:] = 0
    frame[:12] = 0

    assert missing(frame)[:, 300:].all()
    assert missing(frame)[:12].all()
    assert not missing(frame)[12:, :300].any()


def test_that_brightness_and_contrast_of_the_machine_do_not_matter():
    frame = retina()
    darker = (frame * 0.6 + 10).astype(np.uint8)

    difference = np.abs(retina_band(frame, SPEC).grey - retina_band(darker, SPEC).grey)

    assert difference.mean() < 0.02


def test_that_the_whole_frame_is_kept_where_the_package_says_so():
    spec = InputSpec(height=96, width=160, mean=(0.5,), std=(0.5,), crop="whole")

    region = prepare(retina(), spec).region

    assert (region.top, region.bottom, region.left, region.right) == (0, 240, 0, 320)


@given(
    frame=st.tuples(st.integers(2, 60), st.integers(2, 60)).flatmap(
        lambda shape: arrays(np.uint8, shape)
    )
)
@settings(max_examples=60, deadline=None)
def test_that_any_frame_gives_finite_numbers_inside_its_own_region(frame):
    prepared = prepare(frame, SPEC)

    assert np.isfinite(prepared.tensor).all()
    assert 0 <= prepared.region.top < prepared.region.bottom <= frame.shape[0]
    assert prepared.region.right == frame.shape[1]

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QRectF

from app.gui.bscan_view import Measurement
from app.gui.geometry import Placement, sample_size, scale_bar_um, transform, zoomed
from app.study import Spacing

VIEW = QRectF(0, 0, 800, 500)
SPECTRALIS = Spacing(axial_mm=0.00387, lateral_mm=0.0116)


def test_that_a_millimetre_is_as_long_down_as_across():
    sample = sample_size(SPECTRALIS, true_proportions=True)
    to_view = transform(VIEW, 768, 496, sample, Placement())

    across, down = to_view.m11() / SPECTRALIS.lateral_mm, to_view.m22() / SPECTRALIS.axial_mm

    assert across == pytest.approx(down)


def test_that_unknown_spacing_shows_samples_as_squares_and_invents_nothing():
    sample = sample_size(Spacing(axial_mm=0.004), true_proportions=True)

    assert (sample.width(), sample.height()) == (1, 1)
    line = Measurement(frame=0, start=(0, 0), end=(3, 4))
    assert line.length_um(Spacing(axial_mm=0.004)) is None


@given(
    st.floats(0.2, 5), st.floats(0, 800), st.floats(0, 500), st.floats(1, 6), st.floats(-0.3, 0.3)
)
def test_that_what_lies_under_the_pointer_stays_there_when_zooming(factor, x, y, zoom, shift):
    sample = sample_size(SPECTRALIS, true_proportions=True)
    before = Placement(zoom=zoom, dx=shift, dy=-shift)
    after = zoomed(VIEW, before, factor, QPointF(x, y))
    if after.zoom == 1:
        return  # the whole scan is shown, wherever the pointer is

    def under(placement):
        back, _ = transform(VIEW, 768, 496, sample, placement).inverted()
        return back.map(QPointF(x, y))

    moved = under(after) - under(before)
    assert abs(moved.x()) < 1e-6 * 768
    assert abs(moved.y()) < 1e-6 * 496


@given(st.floats(1e-4, 10), st.floats(20, 200))
def test_that_a_scale_bar_never_exceeds_its_room(per_um, longest):
    length = scale_bar_um(per_um, longest)

    assert length is None or length * per_um <= longest


def test_that_a_calliper_measures_the_plane_of_the_scan():
    line = Measurement(frame=0, start=(10, 100), end=(110, 200))

    assert line.length_um(SPECTRALIS) == pytest.approx((1160**2 + 387**2) ** 0.5)

"""The demo study that comes with the program: synthetic, and said to be so."""

import numpy as np
import pydicom
import pytest

from app.convert import PHANTOM_MANUFACTURER
from app.paths import resources
from app.reading import open_studies
from app.study import Laterality
from ml.phantom.demo import EYES, write_demo

DEMO = resources() / "demo"


@pytest.fixture(scope="module")
def study():
    opened = open_studies([DEMO])
    assert opened.skipped == ()
    (study,) = opened.studies
    return study


def test_that_it_is_one_patient_with_a_volume_and_a_localizer_of_each_eye(study):
    assert [volume.laterality for volume in study.volumes] == [Laterality.RIGHT, Laterality.LEFT]
    for volume in study.volumes:
        assert len(volume.bscans) == 49
        assert volume.order == "plane position"
        assert volume.localizer is not None
        assert volume.spacing.lateral_mm == pytest.approx(0.01152)
        assert volume.spacing.between_mm == pytest.approx(0.0602)


def test_that_every_place_says_it_is_synthetic(study):
    assert study.synthetic
    assert all(volume.synthetic for volume in study.volumes)
    assert "SYNTHETIC" in study.patient.name
    assert "SYNTHETIC" in study.patient.identifier
    assert "SYNTHETIC" in study.description
    for path in DEMO.glob("*.dcm"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        assert header.Manufacturer == PHANTOM_MANUFACTURER
        assert header.SeriesDescription.startswith("SYNTHETIC")


def test_that_it_fits_into_a_small_download():
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < 11e6


def test_that_its_pixels_are_those_the_phantom_makes(study):
    eye = EYES[1]
    volume = next(each for each in study.volumes if each.laterality is eye.laterality)
    phantom = eye.make()
    for bscan, pixels in zip(volume.bscans[::8], phantom.pixels[::8], strict=True):
        difference = np.abs(bscan.pixels().astype(int) - pixels)
        # The last bit of an exponential may differ from one processor to another.
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-3


@pytest.mark.long
def test_that_writing_it_again_gives_the_same_bytes(tmp_path):
    first = [path.read_bytes() for path in write_demo(tmp_path / "a")]
    second = [path.read_bytes() for path in write_demo(tmp_path / "b")]
    assert first == second

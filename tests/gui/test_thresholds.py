"""What the window says of the thresholds that a clinic set itself, once the model is loaded."""

import pytest

from app.paths import user_data
from app.settings import load_settings
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write
from tests.tiny_package import tiny_package

SHARE = [0.9, 0.8, 0.95]
POINTS = [
    {"threshold": each, "sensitivity": SHARE, "specificity": SHARE, "data": "a test"}
    for each in (0.4, 0.6)
]


@pytest.fixture
def said(qtbot, tmp_path):
    """Analyse a new study with these settings; return the sentences above the scans."""
    tiny_package(user_data() / "models", id="measured", operating_points={"CNV": POINTS})
    path = write(tmp_path / "a.dcm", bscans(3))

    def say(**settings):
        with opened_window(qtbot, [path], model_id="measured", **settings) as window:
            wait_until_ended(qtbot, window)
            window.actions_["analyse"].trigger()
            wait_until_ended(qtbot, window)
            return list(window.bars.texts)

    return say


def test_that_a_threshold_that_the_package_does_not_permit_is_told(said):
    texts = said(thresholds={"measured": {"CNV": 0.5, "DME": 0.6}})

    assert sum("50 % that was set for CNV is none that the model" in each for each in texts) == 1
    assert not any("hold for version" in each for each in texts)


def test_that_the_clinic_s_thresholds_are_told_once_for_another_version_of_the_model(said):
    own = {"measured": {"CNV": 0.4}}
    held = "hold for version 1.0: CNV from 40 % (the package's: 60 %)."

    first = said(thresholds=own, thresholds_known={"measured": "0.9", "another": "2.0"})
    known = load_settings().thresholds_known

    assert sum(held in each for each in first) == 1
    assert known == {"measured": "1.0", "another": "2.0"}
    assert not any(held in each for each in said(thresholds=own, thresholds_known=known))

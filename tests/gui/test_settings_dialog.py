"""The settings dialog, on the real window."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.gui.settings_dialog import SettingsDialog
from app.modelpack import Estimate, OperatingPoint
from app.paths import site_configs, user_data
from app.settings import Settings
from app.site import SITE_FILE
from tests.gui_window import opened_window, settings_on_disk
from tests.tiny_package import tiny_package

WAIT = 60_000
POINTS = tuple(
    OperatingPoint(
        threshold=threshold,
        sensitivity=Estimate(sensitivity, sensitivity - 0.05, min(1, sensitivity + 0.04)),
        specificity=Estimate(specificity, specificity - 0.05, min(1, specificity + 0.04)),
        data="Held-out set, 100 patients",
    )
    for threshold, sensitivity, specificity in ((0.4, 0.95, 0.8), (0.6, 0.9, 0.9), (0.8, 0.7, 0.96))
)


@pytest.fixture
def open_dialog(qtbot):
    """The dialog as the window opens it, once the model's thresholds are there."""
    opened = []

    def open_on(window):
        window.actions_["settings"].trigger()
        dialog = next(d for d in window.findChildren(SettingsDialog) if d.isVisible())
        qtbot.waitUntil(lambda: not dialog._jobs.busy, timeout=WAIT)
        opened.append(dialog)
        return dialog

    return open_on


@pytest.fixture
def window(qtbot):
    with opened_window(qtbot, [], model_id="measured") as window:
        tiny_package(user_data() / "models", id="measured", operating_points={"CNV": POINTS})
        yield window


def test_that_what_is_saved_holds_at_once_and_at_the_next_start(qtbot, window, open_dialog):
    dialog = open_dialog(window)
    dialog.clinic.setText("Northfield Eye Clinic")
    dialog.folder.setText("/srv/reports")
    dialog.paper.setCurrentText("Letter")
    dialog.reader.setText("AB")
    dialog.blind_first.setChecked(True)
    dialog.theme.setCurrentIndex(dialog.theme.findData("light"))

    dialog.accept()

    for settings in (window.session.settings, settings_on_disk(qtbot, window)):
        assert settings.clinic_name == "Northfield Eye Clinic"
        assert settings.folder == Path("/srv/reports")
        assert (settings.paper, settings.reader, settings.blind_first) == ("Letter", "AB", True)
        assert settings.theme == "light"


def test_that_nothing_changes_when_the_dialog_is_left(qtbot, window, open_dialog):
    before = window.session.settings
    dialog = open_dialog(window)
    assert dialog.edited() == before
    dialog.clinic.setText("Elsewhere")

    dialog.reject()

    assert window.session.settings == before


def test_that_only_what_was_changed_in_the_dialog_is_saved(qtbot, window, open_dialog):
    set_before = replace(
        window.session.settings,
        clinic_name="Northfield",
        thresholds={"measured": {"CNV": 0.55}, "other": {"CNV": 0.3}},
        prevalence={"CNV": 0.0123},
    )
    window.session.change_settings(set_before)
    dialog = open_dialog(window)
    meanwhile = replace(
        window.session.settings,
        theme="light",
        clinic_name="Southfield",
        thresholds_known={"a": "2"},
    )
    window.session.change_settings(meanwhile)
    dialog.address.setText("1 High Street")

    dialog.accept()

    expected = replace(meanwhile, clinic_address="1 High Street")
    assert window.session.settings == settings_on_disk(qtbot, window) == expected


def test_that_a_threshold_goes_beside_those_that_came_meanwhile(qtbot, window, open_dialog):
    dialog = open_dialog(window)
    meanwhile = replace(
        window.session.settings, thresholds={"other": {"CNV": 0.3}}, thresholds_known={"other": "2"}
    )
    window.session.change_settings(meanwhile)
    of(dialog, "CNV").threshold.setCurrentIndex(0)

    dialog.accept()

    settings = window.session.settings
    assert settings.thresholds == {"other": {"CNV": 0.3}, "measured": {"CNV": 0.4}}
    assert settings.thresholds_known == {"other": "2", "measured": "1.0"}


def of(dialog, name):
    return next(each for each in dialog.operating.lines if each.disease.name == name)


def test_that_a_threshold_is_one_that_was_measured_and_its_worth_is_told(
    qtbot, window, open_dialog
):
    dialog = open_dialog(window)
    cnv = of(dialog, "CNV")
    assert [cnv.threshold.itemData(n) for n in range(cnv.threshold.count())] == [0.4, 0.6, 0.8]
    assert "model's own" in cnv.threshold.currentText()
    assert "Sensitivity 90.0 %" in cnv.worth.text()
    assert "have it" not in cnv.worth.text()

    cnv.threshold.setCurrentIndex(0)
    cnv.prevalence.setValue(10)

    assert "Sensitivity 95.0 %" in cnv.worth.text()
    # 0.095 / (0.095 + 0.18) of those called have it.
    assert "Called: 34.5 %" in cnv.worth.text()
    dialog.accept()
    assert window.session.settings.prevalence == {"CNV": 0.1}
    assert window.session.settings.thresholds == {"measured": {"CNV": 0.4}}
    assert window.session.settings.thresholds_known == {"measured": "1.0"}


def test_that_the_model_s_own_threshold_is_no_setting(qtbot, window, open_dialog):
    dialog = open_dialog(window)
    cnv = of(dialog, "CNV")
    cnv.threshold.setCurrentIndex(0)
    cnv.threshold.setCurrentIndex(1)

    assert dialog.edited().thresholds == {}


def test_that_a_class_without_measured_thresholds_says_so(qtbot, window, open_dialog):
    drusen = of(open_dialog(window), "DRUSEN")

    assert not drusen.threshold.isEnabled()
    assert "no other threshold" in drusen.threshold.toolTip()
    assert "not measured" in drusen.worth.text()


def test_that_what_the_clinic_locked_is_greyed_and_says_why(qtbot, window, open_dialog):
    folder = site_configs()[0]
    folder.mkdir(parents=True)
    (folder / SITE_FILE).write_text(
        'clinic_name = "Northfield"\nlocked = ["clinic_name", "blind_first", "thresholds"]\n'
    )

    dialog = open_dialog(window)

    assert not dialog.clinic.isEnabled()
    assert "whole clinic" in dialog.clinic.toolTip()
    assert not dialog.blind_first.isEnabled()
    assert not of(dialog, "CNV").threshold.isEnabled()
    assert dialog.address.isEnabled()


def test_that_without_a_model_everything_else_can_be_set(qtbot, open_dialog):
    with opened_window(qtbot, [], model_id="absent") as window:
        dialog = open_dialog(window)

        assert dialog.operating is None
        assert "not installed" in dialog._model_note.text()
        assert dialog.edited() == Settings(model_id="absent")

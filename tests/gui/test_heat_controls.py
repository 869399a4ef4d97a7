"""Which heat map lies over the scans, whichever model made it, and what is kept of the choice."""

from dataclasses import asdict, replace
from datetime import date, datetime

import pytest
from PySide6.QtCore import Qt

from app.convert import write_opt
from app.modelpack import CARD
from app.settings import load_settings
from app.study import Laterality, Patient
from tests.gui_window import install_tiny_package, opened_window, settings_on_disk, wait_until_ended
from tests.oct_files import bscans, study_of, volume_of, write
from tests.tiny_package import tiny_card

FEWER = ("NORMAL", "CNV", "DME")  # of another model: two of its classes stand in other places


def install_model_of_fewer_classes():
    plain = CARD.dump_python(tiny_card(), mode="json")
    classes = {each["name"]: each for each in plain["classes"]}
    plain["aggregation"]["rules"].pop("DRUSEN")
    plain["referral"].pop("DRUSEN")
    install_tiny_package(
        id="fewer",
        classes=[classes[name] | {"severity": n} for n, name in enumerate(FEWER)],
        aggregation=plain["aggregation"],
        referral=plain["referral"],
        operating_points={},
    )


def write_visit_of(year, folder, patient):
    volume = volume_of(bscans(5, seed=year), uid=f"1.2.{year}")
    volume = replace(volume, acquired=datetime(year, 3, 4, 5))
    study = study_of(volume, uid=f"1.3.{year}", patient=patient)
    write_opt(volume, replace(study, visited=date(year, 3, 4)), folder / f"{year}.dcm")
    return folder / f"{year}.dcm"


@pytest.fixture
def window(qtbot, tmp_path):
    """A study of 2022 analysed by a model of four classes, and one of 2024 by one of three."""
    install_model_of_fewer_classes()
    patient = Patient(identifier="P1", name="Doe, Jane", birth_date=date(1950, 1, 2))
    first, second = (write_visit_of(year, tmp_path, patient) for year in (2022, 2024))
    with opened_window(qtbot, [first]) as window:
        wait_until_ended(qtbot, window)
        window.session.change_settings(replace(window.session.settings, model_id="fewer"))
        window.open([second])
        wait_until_ended(qtbot, window, studies=2)
        yield window


def show(qtbot, window, year):
    (case,) = [each for each in window.session.cases if each.uid == f"1.3.{year}"]
    window.session.select(case)
    qtbot.waitUntil(lambda: window.room.case is case and window.room.panel.findings is not None)


def choose(window, name):
    window.heat.menu.actions()[window.heat.classes.findData(name)].trigger()


def shown(panel):
    """Name of the class whose heat map lies over a panel's B-scans."""
    position = panel.heat_class()
    return None if position is None else panel.findings.card.names[position]


@pytest.mark.parametrize("name", ["DME", "CNV"])
def test_that_the_class_chosen_stays_the_same_under_a_model_of_other_classes(qtbot, window, name):
    panel = window.room.panel
    show(qtbot, window, 2022)
    choose(window, name)

    show(qtbot, window, 2024)

    assert panel.findings.card.names == FEWER
    assert shown(panel) == name
    assert panel.view._caption.legend == f"Heat map: {name}"
    qtbot.waitUntil(lambda: panel.map._findings is panel.findings)
    assert panel.map._name() == name
    assert window.heat.classes.currentData() == name
    show(qtbot, window, 2022)
    assert shown(panel) == name


def test_that_a_class_that_the_model_does_not_know_gives_way_to_the_one_called(qtbot, window):
    panel = window.room.panel
    show(qtbot, window, 2024)
    called = shown(panel)
    show(qtbot, window, 2022)
    choose(window, "DRUSEN")

    show(qtbot, window, 2024)

    assert shown(panel) == called
    assert window.heat.classes.currentText() == "Class called"
    show(qtbot, window, 2022)
    assert shown(panel) == "DRUSEN"
    assert window.heat.classes.currentData() == "DRUSEN"


def test_that_two_visits_side_by_side_show_one_class_whatever_models_they_are_of(qtbot, window):
    show(qtbot, window, 2022)
    choose(window, "CNV")
    room = window.room
    qtbot.waitUntil(lambda: len(room.past.of(Laterality.RIGHT)[0]) == 2)
    window.actions_["visits"].setChecked(True)

    qtbot.keyClick(room.visits.list, Qt.Key.Key_Return)

    qtbot.waitUntil(room.beside.isVisible)
    assert room.beside.findings.card.names == FEWER
    assert (shown(room.panel), shown(room.beside)) == ("CNV", "CNV")


def test_that_opacity_and_outlines_are_there_again_at_the_next_start(qtbot, tmp_path):
    path = write(tmp_path / "right.dcm", bscans(5))
    with opened_window(qtbot, [path]) as window:
        wait_until_ended(qtbot, window)
        window.heat.opacity.setValue(60)
        for value in (50, 40, 30):
            window.heat.opacity.setValue(value)
        qtbot.waitUntil(lambda: window.session.settings.heat_opacity == 0.3)
        assert settings_on_disk(qtbot, window).heat_opacity == 0.3
        window.actions_["outlined"].trigger()
        # Closed at once, it is kept all the same.

    settings = load_settings()
    assert (settings.heat_opacity, settings.heat_outlined) == (0.3, True)
    with opened_window(qtbot, [path], **asdict(settings)) as window:
        wait_until_ended(qtbot, window)

        assert window.heat.opacity.value() == 30
        assert window.actions_["outlined"].isChecked()
        assert window.room.panel._look().opacity == 0.3
        assert window.room.panel._look().outlined


def test_that_settings_are_written_once_for_all_steps_of_the_slider(qtbot, tmp_path):
    path = write(tmp_path / "right.dcm", bscans(5))
    with opened_window(qtbot, [path]) as window:
        wait_until_ended(qtbot, window)
        changed = []
        window.session.settings_changed.connect(lambda: changed.append(1))

        for value in range(10, 90):
            window.heat.opacity.setValue(value)
        qtbot.waitUntil(lambda: window.session.settings.heat_opacity == 0.89)

        assert len(changed) == 1

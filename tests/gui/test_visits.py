"""One eye at several visits: the chart, and two visits side by side."""

from dataclasses import replace
from datetime import date, datetime

import pytest
from PySide6.QtCore import QPointF, Qt

from app.convert import write_opt
from app.gui.callipers import Measurement
from app.gui.visit_chart import VisitChart
from app.gui.visit_strip import VisitStrip
from app.readings import Readings
from app.study import Laterality, Patient
from app.visits import AnalysedStudy, history
from tests.decisions import entry
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, study_of, volume_of
from tests.results_builder import CNV, DRUSEN, card, study_result, volume_result

YEARS = (2022, 2024, 2026)


@pytest.fixture
def visits(tmp_path):
    """The same eye at three visits, of 9, 5 and 7 B-scans, and somebody else's."""
    for year, count in zip(YEARS, (9, 5, 7), strict=True):
        volume = volume_of(bscans(count, seed=year), uid=f"1.2.{year}")
        volume = replace(volume, acquired=datetime(year, 3, 4, 5))
        study = replace(study_of(volume, uid=f"1.3.{year}"), visited=date(year, 3, 4))
        write_opt(volume, study, tmp_path / f"{year}.dcm")
    stranger = Patient(identifier="P2", name="Roe, Rita", birth_date=date(1950, 1, 2))
    volume = volume_of(bscans(3), uid="1.2.9")
    write_opt(volume, study_of(volume, uid="1.3.9", patient=stranger), tmp_path / "other.dcm")
    return tmp_path


def show_visit(qtbot, window, year):
    (case,) = [each for each in window.session.cases if each.study.uid == f"1.3.{year}"]
    window.session.select(case)
    qtbot.waitUntil(lambda: window.session.current is case)
    qtbot.waitUntil(lambda: len(window.room.past.of(Laterality.RIGHT)[0]) == len(YEARS))
    return window.room.past.of(Laterality.RIGHT)


@pytest.fixture
def window(qtbot, visits):
    with opened_window(qtbot, [visits]) as window:
        wait_until_ended(qtbot, window, studies=4)
        yield window


def test_that_the_visits_of_a_patient_are_found_and_nobody_elses(qtbot, window):
    found, present = show_visit(qtbot, window, 2024)

    assert [each.moment.year for each in found] == list(YEARS)
    assert present.moment.year == 2024
    window.actions_["visits"].setChecked(True)
    assert window.room.visits.isVisible()
    words = [window.room.visits.list.item(row).text() for row in range(3)]
    assert [each[:4] for each in words] == ["2026", "2024", "2022"]
    assert "this visit" in words[1]
    assert window.room.visits.chart.accessibleDescription().count("\n") == 2


def test_that_another_visit_stands_beside_and_scrolls_in_step(qtbot, window):
    show_visit(qtbot, window, 2024)
    room = window.room
    window.actions_["visits"].setChecked(True)
    assert window.focusWidget() is room.visits.list

    qtbot.keyClick(room.visits.list, Qt.Key.Key_Return)

    assert room.beside.isVisible()
    assert "2022-03-04" in room.beside.header._title.text()
    assert window.actions_["in_step"].isChecked()
    assert window.focusWidget() is room.panel.view
    qtbot.keyClick(room.panel.view, Qt.Key.Key_End)
    assert (room.panel.index, room.beside.index) == (4, 8)
    qtbot.keyClick(room.beside.view, Qt.Key.Key_Home)
    assert (room.panel.index, room.beside.index) == (0, 0)

    window.actions_["in_step"].setChecked(False)
    qtbot.keyClick(room.panel.view, Qt.Key.Key_End)
    assert (room.panel.index, room.beside.index) == (4, 0)

    room.beside.header._close.click()
    assert not room.beside.isVisible()
    assert room.panel.isVisible()


@pytest.fixture
def beside(qtbot, window):
    """The panel of the visit of 2022 beside the one of 2024, not in step."""
    show_visit(qtbot, window, 2024)
    window.actions_["visits"].setChecked(True)
    qtbot.keyClick(window.room.visits.list, Qt.Key.Key_Return)
    window.actions_["in_step"].setChecked(False)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window.room.beside


def look(panel):
    return panel.view.placement.zoom, panel.view.grey_window


def test_that_commands_of_the_view_act_on_the_visit_that_the_keys_went_to(qtbot, window, beside):
    panel = window.room.panel
    plain, there = look(panel), beside.view
    for _ in range(20):
        if there.hasFocus():
            break
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Backtab)
    assert there.hasFocus()

    for key in (Qt.Key.Key_Plus, Qt.Key.Key_B, Qt.Key.Key_I):
        qtbot.keyClick(there, key)

    assert look(panel) == plain
    zoom, grey = look(beside)
    assert zoom > 1
    assert grey.inverted
    assert grey.centre < plain[1].centre
    qtbot.keyClick(there, Qt.Key.Key_R)
    assert look(beside) == plain
    while not panel.view.hasFocus():
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
    qtbot.keyClick(panel.view, Qt.Key.Key_I)
    assert panel.view.grey_window.inverted
    assert look(beside) == plain


def test_that_commands_act_on_the_visit_that_was_clicked_anywhere(qtbot, window, beside):
    panel = window.room.panel
    for place in (beside.view, beside.strip, beside.enface):
        panel.view.setFocus()
        qtbot.mouseClick(place, Qt.MouseButton.LeftButton)
        window.actions_["invert"].trigger()
    assert beside.view.grey_window.inverted
    assert not panel.view.grey_window.inverted
    deciding = beside.findings.result.call.evidence
    beside.go_to(0)
    here = panel.index

    window.actions_["next_deciding"].trigger()

    assert panel.index == here
    assert beside.index in (deciding if deciding != (0,) else (0,))
    beside.header._close.click()
    assert window.room.in_hand is panel


def test_that_measurements_are_removed_from_the_visit_in_hand_and_decisions_stay_with_the_present(
    qtbot, window, beside
):
    panel, session = window.room.panel, window.session
    session.change_settings(replace(session.settings, reader="AB"))
    line = Measurement(frame=panel.index, start=(10, 10), end=(60, 30))
    for each in (panel, beside):
        each.measured.emit(replace(line, frame=each.index))
        assert len(each.view._measurements) == 1
    beside.view.setFocus()

    qtbot.keyClick(beside.view, Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(beside.view, Qt.Key.Key_4)

    assert len(panel.view._measurements) == 1
    assert beside.view._measurements == ()
    qtbot.waitUntil(lambda: session.current.readings.of(str(Laterality.RIGHT)) is not None)
    assert session.current.uid == "1.3.2024"
    assert all(
        case.readings.of(str(Laterality.RIGHT)) is None
        for case in session.cases
        if case is not session.current
    )


def test_that_another_patients_case_closes_the_visit_beside(qtbot, window):
    show_visit(qtbot, window, 2024)
    window.actions_["visits"].setChecked(True)
    window.room.visits.list.itemActivated.emit(window.room.visits.list.item(0))
    assert window.room.beside.isVisible()
    (stranger,) = [each for each in window.session.cases if each.study.uid == "1.3.9"]

    window.session.select(stranger)

    qtbot.waitUntil(lambda: window.room.case is stranger)
    assert not window.room.beside.isVisible()
    assert not window.room.visits.isVisible()
    qtbot.waitUntil(lambda: not window.actions_["visits"].isEnabled())


def test_that_an_earlier_visit_is_not_told_before_the_reader_has_answered(qtbot, window):
    show_visit(qtbot, window, 2024)
    case = window.session.current
    case.blind_first, case.seen = True, frozenset()

    assert window.room.past.of(Laterality.RIGHT) == ((), None)


def test_that_no_visit_tells_the_machine_s_call_before_its_own_blind_reading(qtbot, visits):
    with opened_window(qtbot, [visits], reader="AB", blind_first=True) as window:
        wait_until_ended(qtbot, window, studies=4)
        cases = {case.uid: case for case in window.session.cases}
        now, before = cases["1.3.2024"], cases["1.3.2022"]
        window.session.select(now)
        qtbot.waitUntil(lambda: window.session.current is now)
        right = str(Laterality.RIGHT)

        def shown():
            return [each.moment.year for each in window.room.past.of(Laterality.RIGHT)[0]]

        window.desk.decide(now, right, "CNV")
        qtbot.waitUntil(lambda: shown() == [2024])
        window.session.load([before], lambda: window.desk.decide(before, right, "NORMAL"))
        qtbot.waitUntil(lambda: shown() == [2022, 2024])

        # What another window keeps is told of once the trail does, which is read in the background.
        window.session.cases.remove(before)
        qtbot.waitUntil(lambda: shown() == [2022, 2024])
        window.session.cases.remove(cases["1.3.2026"])
        assert shown() == [2022, 2024]


def test_that_a_click_on_the_chart_chooses_the_visit(qtbot):
    studies = []
    for uid, row in (("1", DRUSEN), ("2", CNV)):
        result = study_result(volume_result([row], acquired=datetime(2020 + int(uid), 1, 1)))
        result = replace(result, study=replace(result.study, uid=uid))
        studies.append(AnalysedStudy(study=result.study, result=result, card=card()))
    visits = history(Laterality.RIGHT, studies)
    chart, chosen = VisitChart(), []
    qtbot.addWidget(chart)
    chart.resize(500, 140)
    chart.chosen.connect(chosen.append)
    chart.show_visits(visits, visits[1])

    for visit in visits:
        at = QPointF(chart._x(visit), 60).toPoint()
        qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=at)

    assert chosen == [visits[0]]
    assert "CNV 93 %" in chart.accessibleDescription()


def test_that_each_eye_has_its_own_visits_on_the_strip(qtbot):
    studies = []
    for uid, right, left in (("1", DRUSEN, CNV), ("2", CNV, DRUSEN)):
        when = datetime(2020 + int(uid), 1, 1)
        volumes = (
            volume_result([right], acquired=when),
            volume_result([left], acquired=when, laterality=Laterality.LEFT),
        )
        result = study_result(*volumes)
        result = replace(result, study=replace(result.study, uid=uid))
        studies.append(AnalysedStudy(study=result.study, result=result, card=card()))
    strip = VisitStrip()
    qtbot.addWidget(strip)

    def shown(laterality):
        visits = history(laterality, studies)
        strip.show_visits(visits, visits[1])
        return [strip.list.item(row).text() for row in range(2)]

    assert shown(Laterality.RIGHT) == ["2022-01-01: CNV · this visit", "2021-01-01: Drusen"]
    assert shown(Laterality.LEFT) == ["2022-01-01: Drusen · this visit", "2021-01-01: CNV"]


def test_that_a_visit_that_the_reader_overruled_tells_both_calls(qtbot, visits):
    with opened_window(qtbot, [visits], reader="AB") as window:
        wait_until_ended(qtbot, window, studies=4)
        before = next(each for each in window.session.cases if each.uid == "1.3.2022")
        show_visit(qtbot, window, 2024)
        window.actions_["visits"].setChecked(True)
        strip, right = window.room.visits, str(Laterality.RIGHT)

        def told(row):
            return strip.list.item(row).text()

        machine = told(2).removeprefix("2022-03-04: ")
        window.session.load([before], lambda: window.desk.decide(before, right, "other finding"))

        qtbot.waitUntil(lambda: told(2) == f"2022-03-04: machine {machine}; AB: Other finding")
        assert "; AB: Other finding" in strip.chart.accessibleDescription().splitlines()[0]
        assert "%); AB: Other finding" in strip.list.item(2).toolTip()
        assert told(0).startswith("2026-03-04: ")
        assert "machine" not in told(0)

        # The visit on show, and a call that is taken back.
        window.desk.decide(window.session.current, right, "other finding")
        qtbot.waitUntil(lambda: "; AB: Other finding · this visit" in told(1))
        window.session.load([before], lambda: window.desk.decide(before, right, None))
        qtbot.waitUntil(lambda: told(2) == f"2022-03-04: {machine}")


def test_that_the_chart_marks_an_overruled_visit_by_a_shape_and_words(qtbot):
    result = study_result(
        volume_result([CNV], acquired=datetime(2021, 1, 1)),
        volume_result([CNV], acquired=datetime(2021, 1, 1), laterality=Laterality.LEFT),
    )
    chart = VisitChart()
    qtbot.addWidget(chart)
    chart.resize(500, 140)

    def top(answer):
        said = Readings((entry(str(Laterality.RIGHT), answer),))
        source = AnalysedStudy(study=result.study, result=result, card=card(), readings=said)
        visits = history(Laterality.RIGHT, [source])
        chart.show_visits(visits, None)
        picture = chart.grab().toImage()
        return {
            picture.pixelColor(x, y).name()
            for x in range(round(chart._x(visits[0])) - 5, 300)
            for y in range(round(chart._field().top()) - 6)
        }

    assert len(top("CNV")) == 1
    assert len(top("DME")) > 1
    assert "machine CNV (" in chart.accessibleDescription()
    assert chart.accessibleDescription().endswith("; AB: DME")

"""The reader decides: on the real window, with the real file of cases."""

import threading
from dataclasses import asdict, replace
from datetime import date, datetime

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QMessageBox, QPushButton, QTableWidget

from app.cases.store import PATIENT, Store, bscan_subject
from app.gui.decision_dialogs import DecisionDialog, InitialsDialog
from app.gui.operating_dialog import OperatingDialog
from app.paths import site_configs
from app.readings import machine_answer
from app.settings import load_settings
from app.site import SITE_FILE
from app.study import Laterality, Patient
from tests.gui_window import install_tiny_package, opened_window, settings_on_disk, wait_until_ended
from tests.oct_files import bscans, write

RIGHT, LEFT = str(Laterality.RIGHT), str(Laterality.LEFT)


@pytest.fixture
def window(qtbot, window):
    return ready(qtbot, window)


@pytest.fixture
def blind(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes], reader="AB", blind_first=True) as window:
        wait_until_ended(qtbot, window)
        yield ready(qtbot, window)


def ready(qtbot, window):
    """The window as it is in front of a reader: keys go to the scan."""
    qtbot.waitUntil(lambda: window.session.current is not None)
    window.activateWindow()
    window.room.panel.view.setFocus()
    qtbot.waitUntil(window.isActiveWindow)
    return window


def press(qtbot, window, key, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.keyClick(window.room.panel.view, key, modifier)


def decided(qtbot, window, subject, answer):
    """Wait until an answer stands; return its entry."""
    case = window.session.current

    def stands():
        entry = case.readings.of(subject)
        return (entry.after if entry else None) == answer

    qtbot.waitUntil(stands)
    return case.readings.of(subject)


def machine(window, laterality=Laterality.RIGHT):
    (eye,) = [e for e in window.session.current.result.eyes if e.laterality is laterality]
    return machine_answer(eye.call)


def consent(qtbot, window, words):
    """Press a button of the question that stands in front of the window; return what it asks."""

    def asked():
        return [each for each in window.findChildren(QMessageBox) if each.isVisible()]

    qtbot.waitUntil(lambda: bool(asked()))
    (box,) = asked()
    (button,) = [each for each in box.buttons() if each.text().replace("&", "") == words]
    said = f"{box.text()} {box.informativeText()}"
    button.click()
    return said


def visible_words(window):
    """All text on show, and all that a screen reader would speak of what is on show."""
    return " ".join(
        f"{each.text()} {each.accessibleName()}"
        for each in window.findChildren(QLabel)
        if each.isVisible()
    )


def kept():
    store = Store()
    try:
        return store.trail()
    finally:
        store.close()


def test_that_one_key_agrees_with_the_machine_on_the_eye_in_front(qtbot, window):
    press(qtbot, window, Qt.Key.Key_A)

    entry = decided(qtbot, window, RIGHT, machine(window))
    assert entry.agrees
    assert (entry.reader, entry.blind) == ("AB", False)
    row = window.results.eyes[Laterality.RIGHT].row
    assert "AB" in row.words.text()
    assert "agrees" in row.words.text()
    assert not row.agree.isVisible()
    assert [each.after for each in kept()] == [machine(window)]


def test_that_a_digit_gives_an_answer_that_stands_beside_the_machine_s(qtbot, window):
    press(qtbot, window, Qt.Key.Key_7)

    decided(qtbot, window, RIGHT, "other finding")
    assert "differs" in window.results.eyes[Laterality.RIGHT].row.words.text()
    assert window.results.eyes[Laterality.RIGHT].row.agree.isVisible()


def test_that_undo_restores_what_was_said_before_and_the_trail_shows_it(qtbot, window):
    press(qtbot, window, Qt.Key.Key_1)
    decided(qtbot, window, RIGHT, "NORMAL")
    press(qtbot, window, Qt.Key.Key_4)
    decided(qtbot, window, RIGHT, "CNV")

    for stands in ("NORMAL", None):
        press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        decided(qtbot, window, RIGHT, stands)

    assert not window.actions_["undo_decision"].isEnabled()
    steps = [(each.before, each.after) for each in kept()]
    assert steps == [(None, "NORMAL"), ("NORMAL", "CNV"), ("CNV", "NORMAL"), ("NORMAL", None)]


def test_that_undo_waits_for_a_decision_that_is_still_being_written(qtbot, window):
    press(qtbot, window, Qt.Key.Key_1)
    decided(qtbot, window, RIGHT, "NORMAL")
    written = threading.Event()
    window.session.keeper.do(lambda store: written.wait(5))

    press(qtbot, window, Qt.Key.Key_4)
    press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    written.set()

    qtbot.waitUntil(lambda: len(kept()) == 3)
    decided(qtbot, window, RIGHT, "NORMAL")
    assert [each.after for each in kept()] == ["NORMAL", "CNV", "NORMAL"]


def test_that_a_decision_whose_undoing_could_not_be_written_can_still_be_undone(qtbot, window):
    press(qtbot, window, Qt.Key.Key_1)
    decided(qtbot, window, RIGHT, "NORMAL")

    def fill(store):
        with store.writing() as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON trail BEGIN SELECT RAISE(ABORT, 'full'); END"
            )

    def empty(store):
        with store.writing() as database:
            database.execute("DROP TRIGGER full")

    told = []
    window.session.noticed.connect(told.append)
    window.session.keeper.do(fill)
    press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: bool(told))
    assert not window.actions_["redo_decision"].isEnabled()
    window.session.keeper.do(empty)

    press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    decided(qtbot, window, RIGHT, None)


def test_that_saying_the_same_again_writes_nothing_and_a_blind_reading_stays_one(qtbot, blind):
    press(qtbot, blind, Qt.Key.Key_4)
    assert decided(qtbot, blind, RIGHT, "CNV").blind

    press(qtbot, blind, Qt.Key.Key_4)
    press(qtbot, blind, Qt.Key.Key_1)

    decided(qtbot, blind, RIGHT, "NORMAL")
    assert [each.after for each in kept()] == ["CNV", "NORMAL"]


def test_that_what_was_taken_back_is_said_again(qtbot, window):
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    press(qtbot, window, Qt.Key.Key_1)
    decided(qtbot, window, RIGHT, "NORMAL")
    assert not window.actions_["redo_decision"].isEnabled()
    press(qtbot, window, Qt.Key.Key_Z, control)
    decided(qtbot, window, RIGHT, None)

    press(qtbot, window, Qt.Key.Key_Z, control | shift)

    assert decided(qtbot, window, RIGHT, "NORMAL").number == 3
    assert not window.actions_["redo_decision"].isEnabled()
    assert window.actions_["undo_decision"].isEnabled()


def test_that_decisions_are_taken_back_and_made_again_after_a_restart(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes], reader="AB") as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        for key, answer in ((Qt.Key.Key_1, "NORMAL"), (Qt.Key.Key_4, "CNV")):
            press(qtbot, window, key)
            decided(qtbot, window, RIGHT, answer)
    with opened_window(qtbot, [], reader="AB") as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        decided(qtbot, window, RIGHT, "CNV")
        qtbot.waitUntil(window.actions_["undo_decision"].isEnabled)
        window.actions_["undo_decision"].trigger()
        consent(qtbot, window, "Undo it")
        decided(qtbot, window, RIGHT, "NORMAL")
    with opened_window(qtbot, [], reader="AB") as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        decided(qtbot, window, RIGHT, "NORMAL")
        qtbot.waitUntil(window.actions_["redo_decision"].isEnabled)
        window.actions_["redo_decision"].trigger()
        consent(qtbot, window, "Decide again")
        decided(qtbot, window, RIGHT, "CNV")
        # What this run made again it takes back unasked, and what lies before it not.
        window.actions_["undo_decision"].trigger()
        decided(qtbot, window, RIGHT, "NORMAL")
        window.actions_["undo_decision"].trigger()
        consent(qtbot, window, "Undo it")
        decided(qtbot, window, RIGHT, None)
        assert not window.actions_["undo_decision"].isEnabled()

    assert [each.after for each in kept()] == ["NORMAL", "CNV", "NORMAL", "CNV", "NORMAL", None]
    store = Store()
    assert store.verify() == 6
    store.close()


@pytest.fixture
def two_patients(tmp_path):
    """Studies of Doe, Jane and of Roe, Rita."""
    other = Patient(identifier="P2", name="Roe, Rita", birth_date=date(1960, 1, 2))
    write(tmp_path / "jane.dcm", bscans(5), uid="1.2.31")
    write(tmp_path / "rita.dcm", bscans(5), uid="1.2.41", study="1.2.840.9", patient=other)
    return [tmp_path / "jane.dcm", tmp_path / "rita.dcm"]


def show(qtbot, window, name):
    (case,) = [each for each in window.session.cases if each.summary.name == name]
    window.session.select(case)
    qtbot.waitUntil(lambda: window.room.case is case and case.result is not None)
    return case


def called(qtbot, window, name, key, answer):
    """Show a patient, and give a call on the eye in front by its digit; return the case."""
    case = show(qtbot, window, name)
    press(qtbot, window, key)
    decided(qtbot, window, RIGHT, answer)
    return case


def act(window):
    """Press the button of the latest notice."""
    window.bars._notices[-1].findChild(QPushButton).click()


def test_that_undo_says_what_it_undid_and_offers_to_do_it_again(qtbot, window):
    press(qtbot, window, Qt.Key.Key_4)
    decided(qtbot, window, RIGHT, "CNV")
    undo = window.actions_["undo_decision"]
    what = "Doe, Jane, 2024-05-06, Right eye: from CNV to no call"
    assert undo.toolTip() == f"Undo decision: {what} (Ctrl+Z)"

    press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    decided(qtbot, window, RIGHT, None)
    assert f"Undone: {what}." in window.bars.texts
    assert window.bars._notices[-1].findChild(QPushButton).text() == "Redo"
    assert "from no call to CNV" in window.actions_["redo_decision"].toolTip()
    act(window)
    decided(qtbot, window, RIGHT, "CNV")
    assert "Decided again: " in window.bars.texts[-1]


def test_that_undo_takes_back_what_this_run_decided_last_and_shows_that_patient(
    qtbot, two_patients
):
    with opened_window(qtbot, two_patients, reader="AB") as window:
        wait_until_ended(qtbot, window, studies=2)
        ready(qtbot, window)
        jane = called(qtbot, window, "Doe, Jane", Qt.Key.Key_4, "CNV")
        rita = called(qtbot, window, "Roe, Rita", Qt.Key.Key_3, "DME")
        show(qtbot, window, "Doe, Jane")
        assert "Roe, Rita" in window.actions_["undo_decision"].toolTip()

        press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda: rita.readings.of(RIGHT) is None)
        assert window.session.current is rita
        assert "Undone: Roe, Rita" in window.bars.texts[-1]
        assert jane.readings.of(RIGHT).after == "CNV"

        press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda: jane.readings.of(RIGHT) is None)
        assert window.session.current is jane
        assert not window.actions_["undo_decision"].isEnabled()
        # The other of the two notices: it does again what it names, and not what came after.
        window.bars._notices[0].findChild(QPushButton).click()
        qtbot.waitUntil(lambda: rita.readings.of(RIGHT) is not None)
        assert window.session.current is rita
        assert jane.readings.of(RIGHT) is None


def test_that_undo_reads_a_result_back_that_was_let_go(qtbot, two_patients):
    with opened_window(qtbot, two_patients, reader="AB") as window:
        wait_until_ended(qtbot, window, studies=2)
        ready(qtbot, window)
        jane = called(qtbot, window, "Doe, Jane", Qt.Key.Key_4, "CNV")
        show(qtbot, window, "Roe, Rita")
        qtbot.waitUntil(lambda: jane.stored)
        jane.let_go()

        for _ in range(2):
            press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

        qtbot.waitUntil(lambda: jane.readings.of(RIGHT) is None)
        assert window.session.current is jane
        assert [each.after for each in kept()] == ["CNV", None]


def test_that_undo_leaves_alone_what_earlier_runs_decided_of_other_patients(qtbot, two_patients):
    with opened_window(qtbot, two_patients, reader="AB") as window:
        wait_until_ended(qtbot, window, studies=2)
        ready(qtbot, window)
        called(qtbot, window, "Doe, Jane", Qt.Key.Key_4, "CNV")
    with opened_window(qtbot, [], reader="AB") as window:
        wait_until_ended(qtbot, window, studies=2)
        ready(qtbot, window)
        show(qtbot, window, "Roe, Rita")
        assert not window.actions_["undo_decision"].isEnabled()
        jane = show(qtbot, window, "Doe, Jane")
        qtbot.waitUntil(window.actions_["undo_decision"].isEnabled)

        press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        asked = consent(qtbot, window, "Cancel")

        assert "Doe, Jane, 2024-05-06, Right eye: from CNV to no call" in asked
        assert f"It was made on {datetime.now():%Y-%m-%d}" in asked
        assert jane.readings.of(RIGHT).after == "CNV"
        assert len(kept()) == 1


def test_that_an_undo_is_not_done_again_over_what_was_decided_since(qtbot, window):
    press(qtbot, window, Qt.Key.Key_4)
    decided(qtbot, window, RIGHT, "CNV")
    press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    decided(qtbot, window, RIGHT, None)
    press(qtbot, window, Qt.Key.Key_1)
    decided(qtbot, window, RIGHT, "NORMAL")

    act(window)

    assert "Nothing was changed for Doe, Jane" in window.bars.texts[-1]
    assert decided(qtbot, window, RIGHT, "NORMAL").number == 3


def dialogs(window):
    return [each for each in window.findChildren(QDialog) if each.isVisible()]


def words_of(dialog):
    return [dialog.windowTitle(), *(each.text() for each in dialog.findChildren(QLabel))]


def test_that_each_dialog_of_decisions_names_patient_and_visit(qtbot, window):
    whose = "Doe, Jane  ·  No. P1  ·  born 1950-01-02  ·  2024-05-06"
    window.session.change_settings(replace(window.session.settings, reader=""))
    for command, title in (
        ("decide_eye", "My call: Doe, Jane"),
        ("trail", "Decisions on this study: Doe, Jane"),
        ("agree", "Who reads Doe, Jane?"),
    ):
        window.actions_[command].trigger()
        qtbot.waitUntil(lambda: bool(dialogs(window)))
        (dialog,) = dialogs(window)

        assert dialog.windowTitle() == title
        assert whose in words_of(dialog)
        dialog.reject()


def test_that_who_reads_is_asked_once_for_all_that_waits(qtbot, window):
    window.session.change_settings(replace(window.session.settings, reader=""))

    press(qtbot, window, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)

    (dialog,) = dialogs(window)
    qtbot.keyClicks(dialog.initials, "CD")
    qtbot.keyClick(dialog.initials, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: [each.reader for each in kept()] == ["CD"] * 3)


def test_that_a_call_whose_result_is_gone_meanwhile_is_told_to_be_lost(qtbot, window):
    press(qtbot, window, Qt.Key.Key_D)
    dialog = window.findChild(DecisionDialog)
    qtbot.keyClick(dialog.answer, Qt.Key.Key_4)
    window.session.current.forget_result()

    dialog.accept()

    assert "Your call on Doe, Jane was not saved" in window.bars.texts[-1]
    assert "F5" in window.bars.texts[-1]
    assert kept() == []


@pytest.fixture
def locked_initials():
    """Return what writes a clinic's file that sets the readers' initials for all."""

    def write_site(initials):
        path = site_configs()[0] / SITE_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'reader = "{initials}"\nlocked = ["reader"]\n')

    return write_site


def test_that_initials_that_the_clinic_has_set_cannot_be_typed_over(
    qtbot, both_eyes, locked_initials
):
    locked_initials("CL")
    with opened_window(qtbot, [both_eyes], reader="CL") as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        press(qtbot, window, Qt.Key.Key_D)
        dialog = window.findChild(DecisionDialog)

        assert dialog.initials.text() == "CL"
        assert not dialog.initials.isEnabled()
        assert "whole clinic" in dialog.initials.toolTip()
        qtbot.keyClick(dialog.answer, Qt.Key.Key_4)
        dialog.accept()
        assert decided(qtbot, window, RIGHT, "CNV").reader == "CL"


def test_that_where_the_clinic_keeps_the_initials_empty_nobody_is_asked_for_them(
    qtbot, both_eyes, locked_initials
):
    locked_initials("")
    with opened_window(qtbot, [both_eyes]) as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        press(qtbot, window, Qt.Key.Key_4)

        assert dialogs(window) == []
        assert "the clinic's configuration keeps the initials empty" in window.bars.texts[-1]


def test_that_another_reader_does_not_take_back_what_the_first_said(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes], reader="AB") as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        press(qtbot, window, Qt.Key.Key_4)
        decided(qtbot, window, RIGHT, "CNV")
    with opened_window(qtbot, [], reader="CD") as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        decided(qtbot, window, RIGHT, "CNV")

        assert not window.actions_["undo_decision"].isEnabled()


def test_that_a_decision_is_withdrawn_from_its_own_row(qtbot, window):
    press(qtbot, window, Qt.Key.Key_4)
    decided(qtbot, window, RIGHT, "CNV")

    window.results.eyes[Laterality.RIGHT].row.words.linkActivated.emit("withdraw")

    decided(qtbot, window, RIGHT, None)


def test_that_bscan_and_patient_are_decided_on_with_a_note(qtbot, window):
    panel = window.room.panel
    qtbot.keyClick(panel.view, Qt.Key.Key_End)
    subject = bscan_subject(panel.volume, panel.index)
    for key, modifier, expected in (
        (Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier, subject),
        (Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier, PATIENT),
        (Qt.Key.Key_D, Qt.KeyboardModifier.NoModifier, RIGHT),
    ):
        press(qtbot, window, key, modifier)
        (dialog,) = [each for each in window.findChildren(DecisionDialog) if each.isVisible()]
        assert dialog.subject.currentData() == expected
        qtbot.keyClicks(dialog.answer, "3")
        qtbot.keyClicks(dialog.note, "cysts at 2 o'clock <centre>")
        qtbot.keyClick(dialog.note, Qt.Key.Key_Return)

        entry = decided(qtbot, window, expected, "DME")
        assert entry.note == "cysts at 2 o'clock <centre>"
    assert "&lt;centre&gt;" in window.results.patient.row.words.text()
    assert "DME" in window.results.bscan.row.words.text()
    qtbot.keyClick(panel.view, Qt.Key.Key_Home)
    assert "DME" not in window.results.bscan.row.words.text()


def test_that_no_call_is_made_by_opening_the_dialog_and_pressing_enter(qtbot, window):
    press(qtbot, window, Qt.Key.Key_D)
    dialog = window.findChild(DecisionDialog)
    assert dialog.answer.currentText() == ""

    qtbot.keyClick(dialog.answer, Qt.Key.Key_Return)
    assert dialog.isVisible()
    qtbot.keyClick(dialog.answer, Qt.Key.Key_4)
    qtbot.keyClick(dialog.answer, Qt.Key.Key_Return)

    assert decided(qtbot, window, RIGHT, "CNV")
    assert [each.after for each in kept()] == ["CNV"]


def test_that_agreeing_with_all_leaves_what_was_said_alone(qtbot, window):
    press(qtbot, window, Qt.Key.Key_7)
    decided(qtbot, window, RIGHT, "other finding")

    press(qtbot, window, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)

    decided(qtbot, window, LEFT, machine(window, Laterality.LEFT))
    assert decided(qtbot, window, RIGHT, "other finding").number == 1


def test_that_agreeing_with_all_leaves_the_patient_open_where_an_eye_was_called_otherwise(
    qtbot, window
):
    press(qtbot, window, Qt.Key.Key_7)
    decided(qtbot, window, RIGHT, "other finding")

    press(qtbot, window, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)

    decided(qtbot, window, LEFT, machine(window, Laterality.LEFT))
    assert [each.subject for each in kept()] == [RIGHT, LEFT]
    assert any("patient's call is left to you" in each for each in window.bars.texts)


@pytest.mark.parametrize("first", [Qt.Key.Key_A, Qt.Key.Key_7])
def test_that_agreeing_with_all_leaves_what_is_still_being_written_alone(qtbot, window, first):
    written = threading.Event()
    window.session.keeper.do(lambda store: written.wait(5))

    press(qtbot, window, first)
    press(qtbot, window, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    written.set()

    decided(qtbot, window, LEFT, machine(window, Laterality.LEFT))
    agrees = first is Qt.Key.Key_A
    if agrees:
        decided(qtbot, window, PATIENT, machine_answer(window.session.current.result.call))
    said = machine(window) if agrees else "other finding"
    assert (kept()[0].subject, kept()[0].after) == (RIGHT, said)
    assert [each.subject for each in kept()] == [RIGHT, LEFT, *([PATIENT] if agrees else [])]


def test_that_a_key_pressed_twice_decides_once(qtbot, window):
    written = threading.Event()
    window.session.keeper.do(lambda store: written.wait(5))

    for key in (Qt.Key.Key_A, Qt.Key.Key_A, Qt.Key.Key_1, Qt.Key.Key_1):
        press(qtbot, window, key)
    written.set()

    decided(qtbot, window, RIGHT, "NORMAL")
    assert [each.after for each in kept()] == [machine(window), "NORMAL"]


def test_that_nobody_decides_without_initials_which_are_then_remembered(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes]) as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        press(qtbot, window, Qt.Key.Key_A)
        (dialog,) = window.findChildren(InitialsDialog)
        dialog.reject()
        press(qtbot, window, Qt.Key.Key_A)
        dialog = next(each for each in window.findChildren(InitialsDialog) if each.isVisible())
        qtbot.keyClicks(dialog.initials, "CD")
        qtbot.keyClick(dialog.initials, Qt.Key.Key_Return)

        assert decided(qtbot, window, RIGHT, machine(window)).reader == "CD"
        assert settings_on_disk(qtbot, window).reader == "CD"
        # What was not signed the first time was not said.
        assert len(kept()) == 1


def test_that_decisions_are_there_when_the_study_is_opened_again(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes], reader="AB") as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        press(qtbot, window, Qt.Key.Key_4)
        # Closed at once: what was said is written all the same.
    with opened_window(qtbot, [both_eyes], reader="CD") as window:
        wait_until_ended(qtbot, window)

        assert decided(qtbot, window, RIGHT, "CNV").reader == "AB"


def test_that_the_trail_of_a_study_can_be_read(qtbot, window):
    press(qtbot, window, Qt.Key.Key_4)
    decided(qtbot, window, RIGHT, "CNV")

    window.actions_["trail"].trigger()

    qtbot.waitUntil(lambda: bool(window.findChildren(QTableWidget)))
    table = window.findChild(QTableWidget)
    cells = [table.item(0, column).text() for column in range(table.columnCount())]
    assert cells[1:3] == ["AB", "Right eye"]
    assert cells[4] == "CNV"
    assert "tiny 1.0" in cells[8]


def test_that_what_is_odd_about_the_scans_stands_above_the_result(qtbot, both_eyes):
    write(both_eyes / "right.dcm", bscans(1), uid="1.2.31")
    with opened_window(qtbot, [both_eyes]) as window:
        wait_until_ended(qtbot, window)

        remarks, patient = window.results.remarks, window.results.patient
        qtbot.waitUntil(lambda: remarks.isVisible() and patient.isVisible())
        assert "OD: There is only one B-scan" in remarks.words.text()
        assert "OS: There is only one" not in remarks.words.text()
        assert remarks.geometry().bottom() < patient.geometry().top()


def test_that_the_clinic_s_operating_point_is_set_and_holds_from_the_next_analysis_on(
    qtbot, both_eyes
):
    point = {"sensitivity": [0.9, 0.8, 0.95], "specificity": [0.9, 0.8, 0.95], "data": "a test"}
    points = {"CNV": [point | {"threshold": each} for each in (0.5, 0.6)]}
    install_tiny_package(id="permits", operating_points=points)
    with opened_window(qtbot, [both_eyes], model_id="permits") as window:
        wait_until_ended(qtbot, window)
        window.actions_["operating_point"].trigger()
        qtbot.waitUntil(lambda: bool(window.findChildren(OperatingDialog)))
        (dialog,) = window.findChildren(OperatingDialog)
        cnv = dialog.form.lines[0]
        assert [cnv.threshold.itemData(at) for at in range(cnv.threshold.count())] == [0.5, 0.6]
        assert not dialog.form.lines[1].threshold.isEnabled()
        assert "not measured" in dialog.form.lines[1].worth.text()
        cnv.threshold.setCurrentIndex(0)
        cnv.prevalence.setValue(10)
        assert "50.0 %" in cnv.worth.text()
        dialog.accept()

        assert settings_on_disk(qtbot, window).thresholds == {"permits": {"CNV": 0.5}}
        assert load_settings().prevalence == {"CNV": 0.1}
        # What was found stays as it was found.
        assert window.session.current.card.aggregation.rules["CNV"].threshold == 0.6

        window.open([write(both_eyes / "new.dcm", bscans(3), uid="1.2.99", study="1.2.840.9")])
        wait_until_ended(qtbot, window, studies=2)
        rule = window.session.current.card.aggregation.rules["CNV"]
        assert (rule.threshold, rule.packaged) == (0.5, 0.6)


def test_that_the_operating_point_can_be_looked_at_before_anything_is_analysed(qtbot):
    with opened_window(qtbot, []) as window:
        window.actions_["operating_point"].trigger()

        qtbot.waitUntil(lambda: bool(window.findChildren(OperatingDialog)))


def test_that_who_reads_first_sees_nothing_of_the_machine_s_answer(qtbot, blind):
    case, panel = blind.session.current, blind.room.panel

    words = visible_words(blind)
    assert case.result.call.reason not in words
    assert case.result.referral.advice not in words
    assert "%" not in words
    assert panel.findings is None
    assert not blind.results.eyes[Laterality.RIGHT].bars.isVisible()
    assert not blind.results.bscan.isVisible()
    assert blind.list.model().state(case) == "Your call first"
    for name in ("show_report", "save_report", "print", "export", "agree", "agree_with_all"):
        assert not blind.actions_[name].isEnabled()
    assert not blind.papers.set_subject()


def test_that_the_list_does_not_tell_whether_a_patient_s_call_agrees_before_the_eyes_are_read(
    qtbot, blind
):
    case = blind.session.current
    for answer in (machine_answer(case.call), "other finding"):
        blind.desk.decide(case, PATIENT, answer)
        decided(qtbot, blind, PATIENT, answer)
        assert blind.list.model().read(case) == ""

    blind.desk.decide(case, RIGHT, "CNV")
    blind.desk.decide(case, LEFT, "CNV")
    decided(qtbot, blind, LEFT, "CNV")

    assert blind.list.model().read(case) == "Read: Other finding"


def test_that_the_machine_s_answer_is_shown_beside_the_reader_s_eye_by_eye(qtbot, blind):
    press(qtbot, blind, Qt.Key.Key_4)
    entry = decided(qtbot, blind, RIGHT, "CNV")

    assert entry.blind
    assert entry.machine == machine(blind)
    assert blind.room.panels[Laterality.RIGHT].findings is not None
    assert blind.room.panels[Laterality.LEFT].findings is None
    assert "read blind" in blind.results.eyes[Laterality.RIGHT].row.words.text()
    assert blind.results.patient.answer.text() == "Your call first"

    blind.room.show_eye(Laterality.LEFT)
    press(qtbot, blind, Qt.Key.Key_1)
    decided(qtbot, blind, LEFT, "NORMAL")

    assert blind.results.patient.answer.text() != "Your call first"
    assert blind.actions_["show_report"].isEnabled()


def test_that_a_second_thought_is_not_counted_as_blind(qtbot, blind):
    press(qtbot, blind, Qt.Key.Key_4)
    press(qtbot, blind, Qt.Key.Key_1)
    decided(qtbot, blind, RIGHT, "NORMAL")
    press(qtbot, blind, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    decided(qtbot, blind, RIGHT, "CNV")

    assert [each.blind for each in kept()] == [True, False, False]


def test_that_an_answer_seen_before_reading_blind_was_switched_on_is_not_read_blind(qtbot, window):
    window.actions_["blind_first"].trigger()
    assert window.session.settings.blind_first
    assert window.session.current.revealed()

    press(qtbot, window, Qt.Key.Key_1)

    assert not decided(qtbot, window, RIGHT, "NORMAL").blind


def test_that_a_study_analysed_overnight_is_still_hidden_in_the_morning(qtbot, both_eyes):
    for restart in range(2):
        # The second window finds the study on the list.
        paths = [] if restart else [both_eyes]
        settings = asdict(load_settings()) if restart else {"blind_first": True}
        with opened_window(qtbot, paths, **settings) as window:
            wait_until_ended(qtbot, window)
            case = next(each for each in window.session.cases if not each.demo)
            window.session.select(case)
            qtbot.waitUntil(lambda case=case: case.result is not None)

            assert not case.revealed()
            assert case.result.call.reason not in visible_words(window)


def test_that_what_an_earlier_run_showed_is_not_read_blind(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes], reader="AB") as window:
        wait_until_ended(qtbot, window)
    with opened_window(qtbot, [], reader="AB") as window:
        qtbot.waitUntil(lambda: bool(window.session.cases))
        window.actions_["blind_first"].trigger()

        assert window.session.cases[0].revealed()
    with opened_window(qtbot, [], **asdict(load_settings())) as window:
        qtbot.waitUntil(lambda: bool(window.session.cases))

        assert window.session.cases[0].revealed()


def test_that_agreement_is_counted_over_blind_readings(qtbot, blind):
    session = blind.session
    answers = {RIGHT: machine(blind), LEFT: "other finding"}
    for eye, answer in answers.items():
        blind.desk.decide(session.current, eye, answer)
        decided(qtbot, blind, eye, answer)
    session.change_settings(replace(session.settings, blind_first=False))

    blind.actions_["agreement"].trigger()

    qtbot.waitUntil(lambda: any("1 of 2" in each.text() for each in blind.findChildren(QLabel)))
    (dialog,) = [each for each in blind.findChildren(QDialog) if each.isVisible()]
    assert dialog.windowTitle() == "Agreement with the machine"


UNKNOWN = str(Laterality.UNKNOWN)


def _forget_eye(dataset):
    del dataset.ImageLaterality
    for group in dataset.SharedFunctionalGroupsSequence:
        del group.FrameAnatomySequence


@pytest.fixture
def unnamed(qtbot, tmp_path):
    """The window on two volumes of a patient of which no file tells the eye."""
    for n in (1, 2):
        path = tmp_path / "unnamed" / f"{n}.dcm"
        path.parent.mkdir(exist_ok=True)
        write(path, bscans(3, seed=n), uid=f"1.2.{n}", change=_forget_eye)
    with opened_window(qtbot, [tmp_path / "unnamed"], reader="AB") as window:
        wait_until_ended(qtbot, window)
        yield window


def heard(window):
    told = []
    window.session.noticed.connect(lambda notice: told.append(notice.text))
    return told


def test_that_a_call_goes_along_with_the_only_scans_it_was_given_on(qtbot, unnamed):
    session, told = unnamed.session, heard(unnamed)
    case = session.current
    first, second = (volume.uid for volume in case.study.volumes)
    session.set_eye(case, first, Laterality.RIGHT)
    unnamed.desk.decide(case, RIGHT, "CNV")
    decided(qtbot, unnamed, RIGHT, "CNV")

    session.set_eye(case, first, Laterality.LEFT)
    session.set_eye(case, second, Laterality.RIGHT)

    decided(qtbot, unnamed, LEFT, "CNV")
    decided(qtbot, unnamed, RIGHT, None)
    assert "“Right eye” to “Left eye”" in told[0]
    assert unnamed.desk.back.next(case, again=False) is None
    rows = [(each.subject, each.after) for each in kept()]
    assert rows[:3] == [(RIGHT, "CNV"), (RIGHT, None), (LEFT, "CNV")]


def test_that_a_call_on_scans_of_which_some_go_elsewhere_is_withdrawn(qtbot, unnamed):
    session, told = unnamed.session, heard(unnamed)
    case = session.current
    first, second = (volume.uid for volume in case.study.volumes)
    unnamed.desk.decide(case, UNKNOWN, "CNV")
    decided(qtbot, unnamed, UNKNOWN, "CNV")

    session.set_eye(case, first, Laterality.RIGHT)
    decided(qtbot, unnamed, UNKNOWN, None)
    assert "Please decide again" in told[0]

    # One that is on its way to the trail is no less taken back.
    unnamed.desk.decide(case, RIGHT, "DME")
    session.set_eye(case, second, Laterality.RIGHT)
    unnamed.desk.decide(case, LEFT, "NORMAL")
    decided(qtbot, unnamed, LEFT, "NORMAL")
    assert case.readings.of(RIGHT) is None
    assert [each.after for each in kept()] == ["CNV", None, "DME", None, "NORMAL"]
    assert unnamed.desk.back.next(case, again=False) is None


def test_that_what_became_of_an_eye_s_call_is_not_in_the_way_of_undo_after_a_restart(
    qtbot, unnamed
):
    session = unnamed.session
    case = session.current
    volume = case.study.volumes[0]
    bscan = bscan_subject(volume, 1)
    for subject in (UNKNOWN, bscan):
        unnamed.desk.decide(case, subject, "CNV")
        decided(qtbot, unnamed, subject, "CNV")
    session.set_eye(case, volume.uid, Laterality.RIGHT)
    decided(qtbot, unnamed, UNKNOWN, None)
    unnamed.desk.back.go(case, again=False)
    decided(qtbot, unnamed, bscan, None)
    unnamed.close()

    with opened_window(qtbot, [], reader="AB") as window:
        wait_until_ended(qtbot, window)
        ready(qtbot, window)
        qtbot.waitUntil(window.actions_["redo_decision"].isEnabled)
        assert not window.actions_["undo_decision"].isEnabled()


def test_that_another_patient_of_the_same_study_uid_has_decisions_of_their_own(qtbot, tmp_path):
    paths = [
        write(tmp_path / f"{name}.dcm", bscans(3), patient=Patient(identifier=name, name=name))
        for name in ("Doe", "Roe")
    ]
    with opened_window(qtbot, paths[:1], reader="AB") as window:
        wait_until_ended(qtbot, window)
        window.desk.decide(window.session.current, RIGHT, "CNV")
        decided(qtbot, window, RIGHT, "CNV")
        window.open(paths[1:])
        wait_until_ended(qtbot, window, studies=2)
        done = []
        window.session.keeper.do(lambda store: None, done.append)
        qtbot.waitUntil(lambda: bool(done))

        one, other = window.session.cases
        assert one.uid == other.uid
        assert one.readings.of(RIGHT) is not None
        assert other.readings.of(RIGHT) is None

        # Who went on to another patient is not shown the former one's.
        window.session.select(one)
        qtbot.waitUntil(lambda: window.session.current is one)
        window.actions_["trail"].trigger()
        window.session.select(other)
        done.clear()
        window.session.keeper.do(lambda store: None, done.append)
        qtbot.waitUntil(lambda: bool(done))
        assert window.session.current is other
        assert window.findChildren(QTableWidget) == []


def test_that_what_was_shown_before_the_clinic_had_all_read_blind_is_not_read_blind(
    qtbot, both_eyes
):
    with opened_window(qtbot, [both_eyes], reader="AB") as window:
        wait_until_ended(qtbot, window)
    folder = site_configs()[0]
    folder.mkdir(parents=True)
    (folder / SITE_FILE).write_text(
        'blind_first = true\ntheme = "dark"\nlocked = ["blind_first", "theme"]\n'
    )
    with opened_window(qtbot, [], **asdict(load_settings())) as window:
        qtbot.waitUntil(lambda: bool(window.session.cases))

        assert window.session.cases[0].revealed()
        assert settings_on_disk(qtbot, window).blind_since > 0
        switch = window.actions_["blind_first"]
        assert switch.isChecked()
        (themes,) = [
            each for each in window.actions_.menus["view"].actions() if each.menu() is not None
        ]
        for each in (switch, themes):
            assert not each.isEnabled()
            assert "whole clinic" in each.toolTip()


def test_that_nothing_is_decided_from_the_page_of_the_report(qtbot, window):
    deciding = ("agree", "agree_with_all", "decide_eye", "decide_bscan", "decide_patient")

    def enabled():
        return [window.actions_[name].isEnabled() for name in deciding]

    assert all(enabled())

    window.actions_["show_report"].trigger()
    qtbot.waitUntil(lambda: not any(enabled()))

    window.show_scans()
    qtbot.waitUntil(lambda: all(enabled()))

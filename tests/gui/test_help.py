"""Help, the tour and the fault bundle, on the real window."""

import logging
import zipfile
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QLabel, QTableWidget

from app.gui.help_window import ANSWERS, FAULT, KEYBOARD, LIMITS, HelpWindow, keyboard_rows
from app.gui.logs import keep_logs
from app.installed import demo_study
from app.paths import user_logs
from app.study import Patient
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write

WAIT = 60_000
SOMEBODY = Patient(
    identifier="MRN-7741", name="Rostami, Shirin", birth_date=date(1951, 3, 9), sex="F"
)


@pytest.fixture
def window(qtbot, tmp_path):
    folder = tmp_path / "Rostami"
    write(folder / "shirin.dcm", bscans(9), patient=SOMEBODY)
    with opened_window(qtbot, [folder], clinic_name="Northfield Eye Clinic") as window:
        wait_until_ended(qtbot, window)
        yield window


@pytest.fixture
def logs():
    """The log as the program keeps it, and not a line longer than this test."""
    keep_logs()
    log = logging.getLogger("app")
    handler = log.handlers[-1]
    yield user_logs() / "kd-oct.log"
    log.removeHandler(handler)
    handler.close()


def test_that_every_shortcut_of_the_window_stands_in_the_help(window):
    window.actions_["keys"].trigger()
    told = {keys for keys, _ in keyboard_rows(window)}

    for action in window.findChildren(QAction):
        for sequence in action.shortcuts():
            shown = sequence.toString(QKeySequence.SequenceFormat.NativeText)
            assert any(shown in each for each in told), action.text()


def test_that_a_changed_shortcut_is_the_one_that_help_tells(window):
    window.actions_["invert"].setShortcut(QKeySequence("F8"))

    assert ("F8", "Invert grey") in keyboard_rows(window)


def test_that_help_opens_at_its_page_once_and_beside_the_work(qtbot, window):
    window.actions_["keys"].trigger()
    (helped,) = window.findChildren(HelpWindow)
    assert helped.pages.currentIndex() == KEYBOARD

    window.actions_["answers"].trigger()

    assert window.findChildren(HelpWindow) == [helped]
    assert helped.pages.currentIndex() == ANSWERS
    assert not helped.isModal()


def test_that_each_page_of_help_stands_in_full_whenever_it_is_turned_to(window):
    window.actions_["keys"].trigger()
    helped = window.findChild(HelpWindow)

    for page in (KEYBOARD, ANSWERS, LIMITS, FAULT, ANSWERS, KEYBOARD):
        helped.pages.setCurrentIndex(page)
        tables = helped.pages.currentWidget().findChildren(QTableWidget)
        words = helped.pages.currentWidget().findChildren(QLabel)
        if page == KEYBOARD:
            (table,) = tables
            assert table.rowCount() == len(keyboard_rows(window))
        else:
            (label,) = words
            assert label.isVisible()
            assert len(label.text()) > 200


def test_that_the_tour_goes_through_parts_that_are_really_there(qtbot, window):
    window.actions_["tour"].trigger()
    tour = window.help.tour
    seen = []
    while window.help.tour is not None:
        assert tour.step.place().isVisible()
        assert window.focusWidget() is tour.next
        assert tour.step.words in tour.next.accessibleDescription()
        assert tour.rect().contains(tour.bubble.geometry())
        seen.append(tour.step.title)
        qtbot.keyClick(tour.next, Qt.Key.Key_Return)

    assert len(seen) == len(set(seen)) >= 6
    assert window.state.toured()


def test_that_keys_do_nothing_to_what_lies_under_the_tour(qtbot, window):
    window.activateWindow()
    window.room.panel.view.setFocus()
    qtbot.waitUntil(window.isActiveWindow)
    window.actions_["tour"].trigger()
    tour = window.help.tour
    wanted = []
    window.desk.initials_wanted.connect(lambda: wanted.append("a call"))

    for key, modifier in (
        (Qt.Key.Key_4, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier),
    ):
        qtbot.keyClick(tour.next, key, modifier)

    assert wanted == []
    assert window.pages.currentIndex() == 0
    assert window.focusWidget() is tour.next
    qtbot.keyClick(tour.next, Qt.Key.Key_Escape)
    assert window.help.tour is None


def test_that_the_tour_fits_a_small_window_and_goes_back(qtbot, window):
    window.resize(1280, 720)
    window.actions_["tour"].trigger()
    tour = window.help.tour
    first = tour.step
    tour.next.click()
    window.resize(1300, 760)

    assert tour.size() == window.size()
    tour.back.click()
    assert tour.step is first
    assert not tour.back.isEnabled()


def test_that_escape_leaves_the_tour_and_the_focus_goes_back(qtbot, window):
    view = window.room.panel.view
    view.setFocus()
    window.actions_["tour"].trigger()

    qtbot.keyClick(window.help.tour.next, Qt.Key.Key_Escape)

    assert window.help.tour is None
    assert window.focusWidget() is view


def test_that_a_first_start_begins_the_tour_on_the_demo_and_a_second_one_does_not(qtbot):
    with opened_window(qtbot, []) as window:
        window.help.offer_tour()
        qtbot.waitUntil(lambda: window.help.tour is not None, timeout=WAIT)
        assert window.session.current.demo
        window.help.tour.skip.click()
        window.help.offer_tour()
        assert window.help.tour is None


def test_that_the_tour_calls_a_study_synthetic_only_if_it_is(qtbot, window):
    window.actions_["tour"].trigger()
    assert "patient" not in window.help.tour.step.words
    window.help.tour.skip.click()
    window.session.open([demo_study()], demo=True)
    wait_until_ended(qtbot, window, studies=2)
    (demo,) = [case for case in window.session.cases if case.demo]
    window.session.select(demo)
    qtbot.waitUntil(lambda: window.session.current is demo and demo.result is not None)

    window.actions_["tour"].trigger()

    assert "This one is synthetic and shows no patient." in window.help.tour.step.words


def test_that_an_offered_tour_does_not_begin_on_a_patient_s_study(qtbot, tmp_path):
    write(tmp_path / "shirin.dcm", bscans(9), patient=SOMEBODY)
    with opened_window(qtbot, []) as window:
        window.help.offer_tour()
        window.open([tmp_path / "shirin.dcm"])
        qtbot.waitUntil(
            lambda: any(not case.demo and case.result for case in window.session.cases),
            timeout=WAIT,
        )
        qtbot.waitUntil(lambda: not window.session.current.demo)
        wait_until_ended(qtbot, window)

        assert window.help.tour is None
        assert not window.state.toured()
        # Who asks for it has it on any study.
        window.actions_["tour"].trigger()
        assert window.help.tour is not None


def everything_in(path: Path) -> str:
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        return "\n".join(
            [*bundle.namelist(), *(bundle.read(name).decode() for name in bundle.namelist())]
        )


def test_that_a_fault_bundle_tells_of_the_fault_and_of_no_patient(qtbot, window, logs, tmp_path):
    target = tmp_path / "fault.zip"
    # Worse than the program ever does: a line that names the patient.
    logging.getLogger("app").error("Opening shirin.dcm of Rostami, Shirin (MRN-7741) failed")
    window.session.broken.disconnect(window.broken)
    try:
        raise ValueError("shirin.dcm: Rostami, Shirin")
    except ValueError as error:
        from app.gui.application import _tell

        _tell(window, error)

    with qtbot.waitSignal(window.help.faults.saved, timeout=WAIT):
        window.help.faults.save_as(target)

    text = everything_in(target)
    for needed in (
        "ValueError",
        "test_help.py",
        "KD-OCT",
        "onnxruntime",
        "numpy",
        "kd-oct-b2",
        "tiny",
    ):
        assert needed in text, needed
    for word in ("Rostami", "Shirin", "MRN-7741", "1951-03-09", "Northfield"):
        assert word.lower() not in text.lower(), word
    assert str(Path.home()) + "/" not in text
    assert any("Saved" in each for each in window.bars.texts)


def test_that_the_bundle_is_asked_for_where_a_fault_is_told(qtbot, window):
    from app.gui.application import _tell

    _tell(window, ValueError("secret"))

    assert "ValueError" in window.bars.texts[-1]
    assert "secret" not in window.bars.texts[-1]


def test_that_a_bundle_that_cannot_be_written_is_said_in_the_window(qtbot, window, tmp_path):
    (tmp_path / "file").write_text("in the way")

    with qtbot.waitSignal(window.help.faults.noticed, timeout=WAIT) as told:
        window.help.faults.save_as(tmp_path / "file" / "fault.zip")

    assert told.args[0].kind == "problem"

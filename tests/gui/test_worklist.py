"""A morning's list: what waits for the reader, and how they go from one study to the next."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.cases.store import PATIENT
from app.gui.case_order import Order, Reader, Sieve
from app.gui.help_window import keyboard_rows
from app.paths import user_data
from app.readings import machine_answer
from app.study import Laterality, Outcome, Patient
from tests.gui_window import WAIT, opened_window, wait_until_ended
from tests.oct_files import bscans, write
from tests.tiny_package import tiny_package

RIGHT, LEFT = str(Laterality.RIGHT), str(Laterality.LEFT)
UNDECIDED = frozenset({Reader.UNDECIDED})
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def morning(tmp_path):
    """Four patients, of whom the first read is the one that the machine found least in."""
    folder = tmp_path / "morning"
    for number in range(4):
        frames = bscans(4, seed=7 * number) if number else [np.zeros((64, 96), np.uint8)] * 4
        write(
            folder / f"{number}.dcm",
            frames,
            patient=Patient(identifier=f"100{number}", name=f"Doe, {number}"),
            study=f"1.2.840.{number}",
            uid=f"1.2.5.{number}",
        )
    return folder


@pytest.fixture
def blind(qtbot, morning):
    with opened_window(qtbot, [morning], reader="AB", blind_first=True) as window:
        wait_until_ended(qtbot, window, studies=4)
        for case in window.session.cases[:1]:
            case.call = replace(case.call, outcome=Outcome.CALLED, label="NORMAL")
        window.session.select(window.list.model().cases[0])
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        settled(qtbot, window)
        yield window


def settled(qtbot, window):
    """Wait until the list stands as it will stay."""
    model = window.list.model()
    qtbot.waitUntil(lambda: not model._left.isActive() and not model._soon.isActive())


def decide(qtbot, window, subject, answer, case=None):
    case = case or window.session.current
    window.desk.decide(case, subject, answer)

    def stands():
        entry = case.readings.of(subject)
        return (entry.after if entry else None) == answer

    qtbot.waitUntil(stands)
    QApplication.processEvents()


def machine(case, laterality):
    (eye,) = [each for each in case.result.eyes if each.laterality is laterality]
    return machine_answer(eye.call)


def press(qtbot, window, key, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.keyClick(window.room.panel.view, key, modifier)


def test_that_a_case_is_not_agreed_before_its_second_eye_is_decided(qtbot, window):
    case, model = window.session.current, window.list.model()

    decide(qtbot, window, RIGHT, machine(case, Laterality.RIGHT))
    assert model.read(case) == "1 of 2 eyes"
    window.list.filter.choose(Sieve(readers=UNDECIDED))
    assert model.cases == [case]
    window.list.filter.choose(Sieve(readers=frozenset({Reader.PARTLY})))
    assert model.cases == [case]
    window.list.filter.choose(Sieve(readers=frozenset({Reader.AGREED})))
    assert model.cases == []

    decide(qtbot, window, LEFT, machine(case, Laterality.LEFT))
    assert model.read(case) == "Agreed"
    window.list.filter.choose(Sieve(readers=UNDECIDED))
    assert model.cases == []


def test_that_a_call_on_the_patient_as_a_whole_decides_the_case(qtbot, window):
    case = window.session.current

    decide(qtbot, window, PATIENT, machine_answer(case.call))

    assert window.list.model().read(case) == "Agreed"


def another_model(qtbot, window):
    """Have the case analysed by a model that answers otherwise on the right eye."""
    session = window.session
    case = session.current
    before = machine(case, Laterality.RIGHT)
    for seed in range(3, 20):
        name = f"other{seed}"
        tiny_package(user_data() / "models", id=name, title="Other network", seed=seed)
        session.change_settings(replace(session.settings, model_id=name))
        window.actions_["analyse"].trigger()
        qtbot.waitUntil(
            lambda name=name: case.result is not None and case.result.model_id == name,
            timeout=WAIT,
        )
        wait_until_ended(qtbot, window)
        if machine(case, Laterality.RIGHT) != before:
            return
    raise AssertionError("all of these networks answer alike")


def test_that_a_call_that_another_model_no_longer_shares_is_not_told_as_agreed(qtbot, window):
    case, model = window.session.current, window.list.model()
    for eye in (Laterality.RIGHT, Laterality.LEFT):
        decide(qtbot, window, str(eye), machine(case, eye))
    assert model.read(case) == "Agreed"

    another_model(qtbot, window)

    assert model.read(case) == "Changed"
    assert "differs" in window.results.eyes[Laterality.RIGHT].row.words.text()
    window.close()
    with opened_window(qtbot, [], reader="AB") as again:
        qtbot.waitUntil(lambda: bool(again.session.cases))
        (kept,) = again.session.cases
        qtbot.waitUntil(lambda: again.list.model().read(kept) == "Changed")


def test_that_a_blind_reading_does_not_send_the_reader_to_the_end_of_the_list(qtbot, blind):
    session, model = blind.session, blind.list.model()
    before = list(model.cases)
    assert session.current is before[0]

    decide(qtbot, blind, RIGHT, "NORMAL")
    assert session.current.revealed()
    assert model.cases == before
    press(qtbot, blind, Qt.Key.Key_Down, CONTROL)
    assert session.current is before[1]

    # It goes where it belongs once the reader is elsewhere.
    qtbot.waitUntil(lambda: model.cases[-1] is before[0])
    assert blind.list.view.currentIndex().row() == 0
    press(qtbot, blind, Qt.Key.Key_Down, CONTROL)
    assert session.current is before[2]


def test_that_a_list_of_the_undecided_keeps_the_case_on_show_until_the_reader_goes_on(qtbot, blind):
    session, model = blind.session, blind.list.model()
    blind.list.filter.choose(Sieve(readers=UNDECIDED))
    before = list(model.cases)

    decide(qtbot, blind, RIGHT, "NORMAL")
    assert model.cases == before
    blind.actions_["next_study"].trigger()

    assert session.current is before[1]
    qtbot.waitUntil(lambda: model.cases == before[1:])


def test_that_ordering_anew_puts_the_case_on_show_in_its_place(qtbot, blind):
    first = blind.session.current
    decide(qtbot, blind, RIGHT, "NORMAL")

    blind.list.order.choose(Order.READER)

    assert blind.list.model().cases[-1] is first


def test_that_one_key_goes_through_all_that_wait_and_says_when_none_does(qtbot, blind):
    session = blind.session
    read = []
    for _ in range(4):
        read.append(session.current)
        decide(qtbot, blind, RIGHT, "NORMAL")
        press(qtbot, blind, Qt.Key.Key_U)
        qtbot.waitUntil(lambda: session.current.result is not None)
        settled(qtbot, blind)

    assert len(set(read)) == 4
    assert session.current is read[-1]
    assert any("waits for your call" in each for each in blind.bars.texts)
    assert ("U", "Next undecided study") in keyboard_rows(blind)


def test_that_the_most_urgent_of_what_waits_comes_next(qtbot, morning):
    with opened_window(qtbot, [morning], reader="AB") as window:
        wait_until_ended(qtbot, window, studies=4)
        first, second, third, last = window.list.model().cases
        window.session.select(last)
        decide(qtbot, window, RIGHT, "NORMAL", first)

        window.actions_["next_undecided"].trigger()
        assert window.session.current is second

        # What a filter hides is told of, and shown when asked for.
        window.list.search.setText(second.summary.name)
        window.actions_["next_undecided"].trigger()
        assert window.session.current is second
        assert any("2 not shown" in each for each in window.bars.texts)
        window.bars._notices[-1].acted.emit()
        window.actions_["next_undecided"].trigger()
        assert window.session.current is third

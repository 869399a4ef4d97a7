"""The list of cases on the real window: kept, found, ordered, and taken up again."""

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QFont, QFontMetrics

from app import preprocess
from app.analysis import analyse
from app.cases.store import PATIENT, Decision, Store
from app.errors import StorageError
from app.gui import case_order
from app.gui.case_delegate import width_of
from app.gui.case_order import Order, Reader, Sieve, Standing
from app.gui.session import CaseState
from app.paths import user_data
from app.study import Laterality, Outcome, Patient
from tests.decisions import entry
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write
from tests.tiny_package import tiny_card, tiny_package

NAMES = ("Müller, Anna", "Rezaei, Parvin", "Doe, Jane")


@pytest.fixture
def clinic(tmp_path):
    folder = tmp_path / "morning"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        frames = bscans(4, seed=7 * number) if number else [np.zeros((64, 96), np.uint8)] * 4
        write(
            folder / f"{number}.dcm",
            frames,
            patient=Patient(identifier=f"100{number}", name=name),
            study=f"1.2.840.{number}",
            uid=f"1.2.5.{number}",
        )
    return folder


@pytest.fixture
def window(qtbot, clinic):
    with opened_window(qtbot, [clinic]) as window:
        wait_until_ended(qtbot, window, studies=3)
        yield window


def names(window):
    return [case.summary.name for case in window.list.model().cases]


def until_kept(qtbot, window):
    """Wait until everything that was to be kept is."""
    done = []
    window.session.keeper.do(lambda store: None, done.append)
    qtbot.waitUntil(lambda: bool(done))


def wait_shown(qtbot, window):
    """Wait until a case that was kept is on show again, with its result."""
    qtbot.waitUntil(lambda: window.session.current is not None, timeout=30_000)
    qtbot.waitUntil(lambda: window.session.current.result is not None, timeout=30_000)


def named(window, name):
    return next(case for case in window.session.cases if case.summary.name == name)


def test_that_cases_come_back_at_the_next_start_without_being_analysed_anew(qtbot, clinic):
    with opened_window(qtbot, [clinic]) as window:
        wait_until_ended(qtbot, window, studies=3)
        before = {case.uid: case.call for case in window.session.cases}

    with opened_window(qtbot, []) as window:
        wait_shown(qtbot, window)
        session = window.session

        assert {case.uid: case.call for case in session.cases} == before
        assert session.running is None
        assert session.card.id == "tiny"
        assert not any(case.demo for case in session.cases)
        panel = window.room.panel
        qtbot.waitUntil(lambda: panel.view._picture is not None)
        for case in session.cases:
            session.select(case)
            qtbot.waitUntil(lambda case=case: session.current is case)
            assert case.result.call == before[case.uid]
        assert window.actions_["show_report"].isEnabled()


def test_that_a_window_closed_midway_goes_on_at_the_next_start(qtbot, clinic):
    with opened_window(qtbot, [clinic]) as window:
        session = window.session
        qtbot.waitUntil(lambda: session.running is not None, timeout=60_000)

    with opened_window(qtbot, []) as window:
        wait_until_ended(qtbot, window, studies=3)
        assert {case.state for case in window.session.cases} == {CaseState.READY}
        assert len(window.session.cases) == 3


def test_that_the_same_study_from_another_folder_is_recognised_and_not_analysed_twice(
    qtbot, clinic, tmp_path
):
    with opened_window(qtbot, [clinic]) as window:
        wait_until_ended(qtbot, window, studies=3)
    copy = tmp_path / "copy"
    shutil.copytree(clinic, copy)

    with opened_window(qtbot, [copy]) as window:
        ran = []
        window.session.case_changed.connect(
            lambda case: ran.append(case) if case.state is CaseState.RUNNING else None
        )
        qtbot.waitUntil(
            lambda: any("already open" in each for each in window.bars.texts), timeout=60_000
        )
        assert len(window.session.cases) == 3
        assert ran == []


def test_that_the_same_identifiers_over_other_pictures_are_analysed_anew(qtbot, clinic):
    with opened_window(qtbot, [clinic]) as window:
        wait_until_ended(qtbot, window, studies=3)
    path = clinic / "1.dcm"
    raw = bytearray(path.read_bytes())
    raw[-3000:-1500] = bytes(1500)
    path.write_bytes(raw)

    with opened_window(qtbot, [path]) as window:
        ran = []
        window.session.case_changed.connect(
            lambda case: ran.append(case) if case.state is CaseState.RUNNING else None
        )
        qtbot.waitUntil(lambda: bool(ran), timeout=60_000)
        wait_until_ended(qtbot, window, studies=3)
        assert {case.summary.name for case in ran} == {NAMES[1]}
        assert len(window.session.cases) == 3


def test_that_a_new_model_analyses_on_request_and_the_same_one_does_not(qtbot, window):
    session = window.session
    case = session.current
    window.actions_["analyse"].trigger()
    qtbot.waitUntil(lambda: any("this very model" in each for each in window.bars.texts))
    assert case.state is CaseState.READY

    tiny_package(user_data() / "models", id="other", title="Other network", seed=3)
    session.change_settings(replace(session.settings, model_id="other"))
    window.actions_["analyse"].trigger()

    qtbot.waitUntil(lambda: case.result is not None and case.result.model_id == "other")
    wait_until_ended(qtbot, window, studies=3)
    assert case.model.id == "other"


def test_that_a_result_of_another_preparation_is_made_anew_on_request(qtbot, window):
    case = window.session.current
    case.take(replace(case.result, preprocessing=preprocess.VERSION + 1), case.card)

    window.actions_["analyse"].trigger()

    qtbot.waitUntil(lambda: case.model.preprocessing == preprocess.VERSION, timeout=30_000)
    wait_until_ended(qtbot, window, studies=3)


def test_that_a_result_vouched_for_by_a_key_that_no_longer_counts_is_made_anew_on_request(
    qtbot, window
):
    case = window.session.current
    case.take(replace(case.result, model_signer="Clinic"), case.card)

    window.actions_["analyse"].trigger()

    qtbot.waitUntil(lambda: case.result.model_signer is None, timeout=30_000)
    wait_until_ended(qtbot, window, studies=3)


def let_go_and_open(qtbot, window, case):
    """Open a case whose result is no longer in memory, if it could be let go."""
    session = window.session
    session.select(next(each for each in session.cases if each is not case))
    qtbot.waitUntil(lambda: session.current is not case)
    case.let_go()
    session.select(case)
    qtbot.waitUntil(lambda: session.current is case, timeout=30_000)


def test_that_what_another_window_found_is_shown_with_the_card_of_its_model(
    qtbot, window, tmp_path
):
    until_kept(qtbot, window)
    case = named(window, NAMES[1])
    classes = [asdict(each) for each in reversed(tiny_card().classes)]
    other = tiny_package(tmp_path, id="other", title="Other network", seed=3, classes=classes)
    with closing(Store()) as store:
        result = analyse(case.study, other)
        store.keep_result(case.number, result, other.card, case.contents)

    let_go_and_open(qtbot, window, case)

    assert case.result.model_id == "other"
    assert case.card == window.session.card == other.card
    assert (case.call, case.model.id) == (result.call, "other")
    assert (case.level, case.analysed) == (result.referral.level, result.analysed)


def test_that_a_result_that_could_not_be_kept_is_not_let_go(qtbot, window):
    session = window.session
    until_kept(qtbot, window)
    with closing(sqlite3.connect(user_data() / "cases.sqlite")) as database, database:
        database.execute(
            "CREATE TRIGGER disk_is_full BEFORE INSERT ON result "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    case = session.current
    tiny_package(user_data() / "models", id="other", title="Other network", seed=3)
    session.change_settings(replace(session.settings, model_id="other"))
    window.actions_["analyse"].trigger()
    qtbot.waitUntil(lambda: case.result is not None and case.result.model_id == "other")
    wait_until_ended(qtbot, window, studies=3)
    until_kept(qtbot, window)

    let_go_and_open(qtbot, window, case)

    assert case.result.model_id == case.card.id == "other"


def test_that_moved_files_are_told_and_found_again(qtbot, clinic, tmp_path):
    with opened_window(qtbot, [clinic / "1.dcm"]) as window:
        wait_until_ended(qtbot, window)
    moved = tmp_path / "archive"
    clinic.rename(moved)

    with opened_window(qtbot, []) as window:
        wait_shown(qtbot, window)
        session = window.session
        (case,) = session.cases
        assert case.result.eyes[0].volumes[0].bscans[0].maps is not None
        qtbot.waitUntil(lambda: any("no longer where" in each for each in window.bars.texts))
        wanted = []
        session.folder_wanted.disconnect()
        session.folder_wanted.connect(wanted.append)
        window.bars._notices[-1].acted.emit()
        assert wanted == [case]

        session.locate(case, tmp_path / "nowhere")
        qtbot.waitUntil(lambda: any("not in that folder" in each for each in window.bars.texts))
        session.locate(case, moved)
        qtbot.waitUntil(lambda: not case.missing, timeout=30_000)
        assert case.study.volumes[0].bscans[0].pixels().any()
        assert len(session.cases) == 1
    with closing(Store()) as store:
        assert not store.load(store.cases()[0].number).missing


def test_that_a_queued_case_whose_files_are_gone_fails_with_its_sentence(qtbot, clinic, tmp_path):
    from app.reading import open_studies

    (study,) = open_studies([clinic / "1.dcm"]).studies
    with closing(Store()) as store:
        store.keep(study, [clinic], datetime.now(UTC))
    clinic.rename(tmp_path / "archive")

    with opened_window(qtbot, []) as window:
        session = window.session
        qtbot.waitUntil(
            lambda: [case.state for case in session.cases] == [CaseState.FAILED], timeout=60_000
        )
        (case,) = session.cases
        assert "no longer where they were" in case.problem
        assert case.problem in window.list.model().data(window.list.model().index(0))

        session.locate(case, tmp_path / "archive")
        qtbot.waitUntil(lambda: case.state is CaseState.READY, timeout=60_000)


def test_that_the_most_urgent_comes_first_and_other_orders_can_be_chosen(window):
    first = [case.urgency() for case in window.list.model().cases]
    assert first == sorted(first, reverse=True)
    assert names(window)[-1] == "Müller, Anna"

    window.list.order.choose(Order.NAME)
    assert names(window) == ["Doe, Jane", "Müller, Anna", "Rezaei, Parvin"]
    window.list.order.choose(Order.ADDED)
    assert set(names(window)) == set(NAMES)


def test_that_a_heading_orders_the_list_and_once_more_turns_it_round(qtbot, window):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    for number, day in enumerate((date(2026, 1, 5), None, date(2026, 3, 1))):
        case = named(window, NAMES[number])
        case.summary = replace(case.summary, visited=day)
    heading = window.list.heading
    most_urgent = names(window)

    qtbot.mouseClick(heading.buttons[Order.NAME], Qt.MouseButton.LeftButton)
    assert names(window) == ["Doe, Jane", "Müller, Anna", "Rezaei, Parvin"]
    qtbot.mouseClick(heading.buttons[Order.NAME], Qt.MouseButton.LeftButton)
    assert names(window) == ["Rezaei, Parvin", "Müller, Anna", "Doe, Jane"]
    assert heading.buttons[Order.NAME].arrowType() is Qt.ArrowType.UpArrow

    window.list.find_study()
    while window.focusWidget() is not heading.buttons[Order.VISIT]:
        assert window.focusWidget() is not window.list.view
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
    qtbot.keyClick(heading.buttons[Order.VISIT], Qt.Key.Key_Space)
    assert names(window) == ["Doe, Jane", "Müller, Anna", "Rezaei, Parvin"]
    qtbot.keyClick(heading.buttons[Order.VISIT], Qt.Key.Key_Space)
    # When nobody knows is neither early nor late.
    assert names(window) == ["Müller, Anna", "Doe, Jane", "Rezaei, Parvin"]
    assert window.list.order.order is Order.VISIT

    window.list.order.choose(Order.URGENCY)
    assert names(window) == most_urgent
    arrows = {each.arrowType() for each in heading.buttons.values()}
    assert arrows == {Qt.ArrowType.NoArrow}


def test_that_the_list_is_ordered_by_call_and_by_what_the_reader_said(qtbot, window):
    calls = {
        "Müller, Anna": (Outcome.CALLED, "NORMAL"),
        "Rezaei, Parvin": (Outcome.UNCERTAIN, "CNV"),
        "Doe, Jane": (Outcome.CALLED, "DME"),
    }
    for name, (outcome, label) in calls.items():
        case = named(window, name)
        case.call = replace(case.call, outcome=outcome, label=label)
    buttons = window.list.heading.buttons

    buttons[Order.CALL].click()
    assert names(window) == ["Doe, Jane", "Müller, Anna", "Rezaei, Parvin"]
    buttons[Order.CALL].click()
    assert names(window) == ["Rezaei, Parvin", "Müller, Anna", "Doe, Jane"]

    case = named(window, "Rezaei, Parvin")
    case.readings = case.readings.with_entry(entry(PATIENT, "CNV"))
    buttons[Order.READER].click()
    assert names(window)[-1] == "Rezaei, Parvin"
    buttons[Order.READER].click()
    assert names(window)[0] == "Rezaei, Parvin"


def test_that_a_hidden_call_does_not_show_by_its_place(window):
    case = named(window, "Doe, Jane")
    case.call = replace(case.call, outcome=Outcome.CALLED, label="CNV")
    window.list.heading.buttons[Order.CALL].click()
    assert names(window)[0] == "Doe, Jane"

    window.upkeep.choose_blind_first(True)
    for each in window.session.cases:
        each.seen = frozenset()
    window.list.model().arrange()

    assert case_order.answers(window.session.cases) == []
    assert names(window) == [each.summary.name for each in window.session.cases]


def test_that_a_study_is_found_by_name_or_number_with_the_keyboard_alone(qtbot, window):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.actions_["find_study"].trigger()
    assert window.list.search.hasFocus()

    qtbot.keyClicks(window.list.search, "muller")
    assert names(window) == ["Müller, Anna"]
    assert "1 of 3" in window.list.shown.text()
    qtbot.keyClick(window.list.search, Qt.Key.Key_Return)
    assert window.list.view.hasFocus()
    assert window.session.current.summary.name == "Müller, Anna"
    qtbot.keyClick(window.list.view, Qt.Key.Key_Return)
    assert window.room.panel.view.hasFocus()

    window.list.search.setText("1002 doe")
    assert names(window) == ["Doe, Jane"]
    window.list.search.setText("nobody")
    assert names(window) == []
    assert "No study fits" in window.list.shown.text()
    qtbot.keyClick(window.list.search, Qt.Key.Key_Escape)
    assert len(names(window)) == 3


def test_that_arrows_go_through_the_list_as_it_is_ordered(qtbot, window):
    cases = window.list.model().cases
    window.session.select(cases[0])
    qtbot.keyClick(window.list.view, Qt.Key.Key_Down)
    assert window.session.current is cases[1]
    window.actions_["next_study"].trigger()
    assert window.session.current is cases[2]
    window.actions_["next_study"].trigger()
    assert window.session.current is cases[2]


def test_that_the_list_is_filtered_by_call_state_decision_and_day(qtbot, window):
    case = named(window, "Doe, Jane")
    other = named(window, "Rezaei, Parvin")
    decision = Decision(
        reader="AB",
        study_uid=case.uid,
        subject="OD",
        answer="DRUSEN",
        machine="CNV",
        blind=False,
        note="",
        model="tiny",
    )

    def decided(entry):
        case.readings = case.readings.with_entry(entry)
        window.session.case_changed.emit(case)

    window.session.keeper.do(lambda store: store.decide(decision, datetime.now(UTC)), decided)
    until_kept(qtbot, window)

    def shown(**parts):
        window.list.filter.choose(Sieve(**parts))
        return set(names(window))

    assert shown(standings=frozenset({Standing.UNGRADABLE})) == {"Müller, Anna"}
    assert shown(readers=frozenset({Reader.CHANGED})) == {"Doe, Jane"}
    assert "Doe, Jane" not in shown(readers=frozenset({Reader.UNDECIDED}))
    assert other.summary.name in shown(calls=frozenset({str(other.call.label)}))
    assert shown(days=0) == set()
    assert "Filter (1)" in window.list.filter.text()
    window.list.all.click()
    assert len(names(window)) == 3
    window.list.filter._fill()
    assert window.list.filter._menu.actions()


def test_that_several_can_be_selected_and_taken_off_the_list_and_brought_back(qtbot, window):
    view, model = window.list.view, window.list.model()
    cases = list(model.cases)
    window.session.select(cases[0])
    view.selectionModel().select(model.index(2), QItemSelectionModel.SelectionFlag.Select)
    assert window.list.selected_cases() == [cases[0], cases[2]]

    qtbot.keyClick(view, Qt.Key.Key_Delete)

    assert model.cases == [cases[1]]
    assert window.session.current is cases[1]
    until_kept(qtbot, window)
    with closing(Store()) as store:
        assert len(store.cases()) == 1
    window.bars._notices[-1].acted.emit()
    assert set(model.cases) == set(cases)
    until_kept(qtbot, window)
    with closing(Store()) as store:
        assert len(store.cases()) == 3


def test_that_a_case_off_the_list_comes_back_when_it_is_dropped_again(qtbot, window, clinic):
    case = named(window, "Doe, Jane")
    window.session.remove([case])

    window.open([clinic / "2.dcm"])

    qtbot.waitUntil(lambda: len(window.session.cases) == 3, timeout=60_000)
    wait_shown(qtbot, window)
    back = named(window, "Doe, Jane")
    assert back.state is CaseState.READY
    assert back.call == case.call


def test_that_the_eye_that_a_reader_named_is_kept(qtbot, tmp_path):
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, frame in enumerate(bscans(3)):
        Image.fromarray(frame).save(folder / f"{number}.png")
    with opened_window(qtbot, [folder]) as window:
        wait_until_ended(qtbot, window)
        case = window.session.current
        window.session.set_eye(case, case.study.volumes[0].uid, Laterality.LEFT)

    with opened_window(qtbot, []) as window:
        wait_shown(qtbot, window)
        (eye,) = window.session.current.result.eyes
        assert eye.laterality is Laterality.LEFT
        assert window.session.current.study.volumes[0].eye_set


def damage_cut(path):
    Store(path).close()
    path.write_bytes(path.read_bytes()[:5000])


def damage_foreign(path):
    path.write_bytes(b"a letter, not a list of cases " * 300)


def damage_other_program(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE letters (text TEXT)")


def damage_later(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("damage", [damage_cut, damage_foreign, damage_other_program, damage_later])
def test_that_with_a_bad_file_of_cases_studies_are_read_and_analysed_all_the_same(
    qtbot, clinic, damage
):
    path = user_data() / "cases.sqlite"
    path.parent.mkdir(parents=True)
    damage(path)
    before = path.read_bytes()

    with opened_window(qtbot, [clinic / "1.dcm"]) as window:
        wait_until_ended(qtbot, window)
        assert window.session.current.state is CaseState.READY
        told = [each for each in window.bars.texts if "but not kept" in each]
        assert len(told) == 1
    assert path.read_bytes() == before


def test_that_a_folder_that_cannot_be_written_is_told_and_nothing_else_stops(
    qtbot, clinic, monkeypatch, tmp_path
):
    import app.cases.database

    # Rights do not bind who runs these tests as root; a file in the place of the folder does.
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setattr(app.cases.database, "user_data", lambda: blocked / "own")

    with opened_window(qtbot, [clinic / "1.dcm"]) as window:
        wait_until_ended(qtbot, window)
        assert window.session.current.state is CaseState.READY
        assert any("but not kept" in each for each in window.bars.texts)


def test_that_a_full_disk_is_told_once_and_analysis_goes_on(qtbot, clinic):
    with opened_window(qtbot, []) as window:
        session = window.session
        wait_until_ended(qtbot, window)
        full = []

        def fill(store):
            with store.reading() as database:
                (pages,) = database.execute("PRAGMA page_count").fetchone()
                database.execute(f"PRAGMA max_page_count = {pages}")
            with suppress(StorageError):
                for _ in range(1000):
                    store.drop([Path("x" * 100)], datetime.now(UTC))

        session.keeper.do(fill, full.append)
        qtbot.waitUntil(lambda: bool(full))
        window.open([clinic])
        wait_until_ended(qtbot, window, studies=3)

        assert {case.state for case in session.cases} == {CaseState.READY}
        told = [each for each in window.bars.texts if "disk is full" in each]
        assert len(told) == 1


def test_that_after_a_study_is_taken_off_the_next_one_of_the_list_is_shown(qtbot, window):
    cases = list(window.list.model().cases)
    window.session.select(cases[1])
    window.actions_["close_study"].trigger()
    assert window.session.current is cases[2]
    window.actions_["close_study"].trigger()
    assert window.session.current is cases[0]


def test_that_a_second_window_beside_the_first_does_not_analyse_its_queue(qtbot, clinic):
    from app.reading import open_studies

    (study,) = open_studies([clinic / "1.dcm"]).studies
    with closing(Store()) as first:
        assert first.take_lead()
        first.keep(study, [clinic], datetime.now(UTC))

        with opened_window(qtbot, []) as window:
            session = window.session
            qtbot.waitUntil(lambda: session.current is not None, timeout=30_000)
            assert [case.state for case in session.cases] == [CaseState.STOPPED]
            assert session.running is None
        assert first.cases()[0].state is CaseState.QUEUED


def test_that_a_study_that_ends_the_program_again_and_again_is_not_tried_unasked(qtbot, clinic):
    from app.reading import open_studies

    (study,) = open_studies([clinic / "1.dcm"]).studies
    with closing(Store()) as store:
        number = store.keep(study, [clinic], datetime.now(UTC))
        drop = store.drop([clinic / "2.dcm"], datetime.now(UTC))
        for _ in range(3):
            store.begin(number)
            store.begin_reading(drop)

    with opened_window(qtbot, []) as window:
        session = window.session
        qtbot.waitUntil(lambda: session.current is not None, timeout=30_000)
        (case,) = session.cases
        assert case.state is CaseState.FAILED
        assert "ended 3 times" in case.problem
        assert any("2.dcm" in each and "left out" in each for each in window.bars.texts)
        window.actions_["analyse"].trigger()
        qtbot.waitUntil(lambda: case.state is CaseState.READY, timeout=60_000)
    with closing(Store()) as store:
        assert store.dropped() == []


def test_that_a_window_that_is_closed_counts_as_no_failed_try(qtbot, clinic):
    with opened_window(qtbot, [clinic]) as window:
        session = window.session
        qtbot.waitUntil(lambda: session.running is not None, timeout=60_000)

    with closing(Store()) as store:
        assert all(case.tries == 0 for case in store.cases())


def test_that_what_the_reader_said_is_not_cut_where_there_is_room(qtbot):
    for tenths in range(80, 200, 3):
        font = QFont()
        font.setPointSizeF(tenths / 10)
        metrics = QFontMetrics(font)
        for words in ("Agreed", "Changed", "Read: CNV", "Read: Other finding"):
            room = width_of(words, metrics)
            assert metrics.elidedText(words, Qt.TextElideMode.ElideRight, room) == words

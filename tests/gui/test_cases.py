"""Cases on the real window: whole when they are needed, listed once, left alone at the end."""

from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from PySide6.QtCore import QObject
from PySide6.QtTest import QTest

import app.gui.shelf
from app.acquisition import unread
from app.analysis import analyse
from app.cases.store import Store
from app.gui.keeper import Keeper
from app.installed import choose_package
from app.reading import open_studies
from app.settings import Settings
from app.study import Laterality, Patient
from tests.gui_window import WAIT, install_tiny_package, opened_window, wait_until_ended
from tests.oct_files import bscans, write, write_single_frames


@pytest.fixture
def clinic(tmp_path):
    for number in range(3):
        write(
            tmp_path / "morning" / f"{number}.dcm",
            bscans(3, seed=7 * number),
            patient=Patient(identifier=f"100{number}", name=f"Doe, {number}"),
            study=f"1.2.840.{number}",
            uid=f"1.2.5.{number}",
        )
    return tmp_path / "morning"


@pytest.fixture
def window(qtbot, clinic):
    with opened_window(qtbot, [clinic]) as window:
        wait_until_ended(qtbot, window, studies=3)
        yield window


def until_kept(qtbot, window):
    done = []
    window.session.keeper.do(lambda store: None, done.append)
    qtbot.waitUntil(lambda: bool(done))


def test_that_the_case_on_show_keeps_its_result_however_many_others_come(
    qtbot, window, monkeypatch
):
    monkeypatch.setattr(app.gui.shelf, "_HELD", 1)
    session = window.session
    on_show = session.current
    others = [case for case in session.cases if case is not on_show]

    for case in others:
        case.let_go()
        session.load([case], lambda: None)
        until_kept(qtbot, window)

    assert on_show.result is not None
    assert [case.result is None for case in others] == [True, False]


def test_that_a_result_let_go_comes_back_when_its_case_on_show_is_chosen(qtbot, window):
    case = window.session.current
    case.let_go()
    assert case.result is None

    window.session.select(case)

    qtbot.waitUntil(lambda: case.result is not None)


def test_that_an_eye_is_named_in_the_study_and_in_a_result_that_was_let_go(qtbot, window):
    session = window.session
    case = next(each for each in session.cases if each is not session.current)
    case.let_go()

    session.set_eye(case, case.study.volumes[0].uid, Laterality.LEFT)

    qtbot.waitUntil(lambda: case.summary.eyes == (Laterality.LEFT,))
    until_kept(qtbot, window)
    with closing(Store()) as store:
        loaded = store.load(case.number)
    assert loaded.study.volumes[0].laterality is Laterality.LEFT
    assert [eye.laterality for eye in loaded.result.eyes] == [Laterality.LEFT]


def test_that_reports_are_made_of_studies_whose_results_were_let_go(
    qtbot, window, tmp_path, monkeypatch
):
    monkeypatch.setattr(app.gui.shelf, "_HELD", 1)
    first, *others = window.session.cases
    for case in (first, *others):
        window.session.load([case], lambda: None)
        until_kept(qtbot, window)
    others[0].let_go()

    window.list.view.selectAll()
    with qtbot.waitSignal(window.papers.exporter.written, timeout=WAIT):
        window.papers.reports_to(tmp_path / "out")

    assert len(list((tmp_path / "out").glob("*.pdf"))) == 3


def test_that_a_study_dropped_again_is_not_listed_twice_by_undoing_its_removal(
    qtbot, window, clinic
):
    session = window.session
    case = session.cases[2]
    session.remove([case])
    window.open([clinic / "2.dcm"])
    qtbot.waitUntil(lambda: len(session.cases) == 3, timeout=WAIT)

    session.bring_back([case])

    assert len({each.uid for each in session.cases}) == len(session.cases) == 3


def test_that_an_analysis_that_ends_as_the_window_goes_starts_no_other(qtbot, clinic):
    with opened_window(qtbot, [clinic]) as window:
        session = window.session
        qtbot.waitUntil(lambda: session.running is not None, timeout=WAIT)
        # It has ended, but nobody was told yet.
        session._queue._analyst._task.wait()
        window.close()
        told = []
        session.case_changed.connect(told.append)
        QTest.qWait(50)

        assert told == []
        assert session.running is None


def test_that_a_reading_that_ends_as_the_window_goes_opens_nothing(qtbot, clinic):
    with opened_window(qtbot, []) as window:
        session = window.session
        wait_until_ended(qtbot, window)
        before = list(session.cases)
        window.open([clinic])
        session._intake._task.wait()
        window.close()
        QTest.qWait(50)

        assert session.cases == before
        assert session.running is None

    with opened_window(qtbot, []) as window:
        wait_until_ended(qtbot, window, studies=3)
        assert len(window.session.cases) == 3


def test_that_what_is_read_back_as_the_window_goes_is_not_shown(qtbot, window):
    session = window.session
    on_show = session.current
    case = next(each for each in session.cases if each is not on_show)
    case.let_go()
    session.select(case)
    window.close()
    QTest.qWait(50)

    assert session.current is on_show


@pytest.fixture
def partly_read(tmp_path):
    """A folder whose case is kept with a result that half of its files were missing for."""
    folder, hidden = tmp_path / "share", tmp_path / "hidden"
    hidden.mkdir()
    frames = write_single_frames(folder, bscans(4), series="1.2.77")
    install_tiny_package()
    package = choose_package("tiny", Settings().keys)
    (study,) = open_studies([folder]).studies
    for path in frames[:2]:
        path.rename(hidden / path.name)
    result = analyse(study, package)
    for path in frames[:2]:
        (hidden / path.name).rename(path)
    with closing(Store()) as store:
        number = store.keep(study, [folder], datetime.now(UTC))
        store.keep_result(number, result, package.card, {})
    return folder


@contextmanager
def opened_partly_read(qtbot):
    with opened_window(qtbot, []) as window:
        session = window.session
        qtbot.waitUntil(lambda: session.current is not None, timeout=WAIT)
        (case,) = session.cases
        assert unread(case.result) == {"1.2.77": 2}
        yield window, case


def test_that_a_result_that_lacks_bscans_says_so_and_is_made_anew_on_request(qtbot, partly_read):
    with opened_partly_read(qtbot) as (window, case):
        assert "2 of 4 B-scans could not be read" in window.results.remarks.words.text()
        window.actions_["analyse"].trigger()

        qtbot.waitUntil(lambda: unread(case.result) == {}, timeout=WAIT)
        wait_until_ended(qtbot, window)
        assert not any("this very model" in each for each in window.bars.texts)
        assert "could not be read" not in window.results.remarks.words.text()


def test_that_a_result_that_lacks_bscans_is_made_anew_when_its_files_are_dropped_again(
    qtbot, partly_read
):
    with opened_partly_read(qtbot) as (window, case):
        window.open([partly_read])

        qtbot.waitUntil(lambda: case.result is not None and unread(case.result) == {}, timeout=WAIT)
        wait_until_ended(qtbot, window)
        assert not any("already open" in each for each in window.bars.texts)


def test_that_a_damaged_case_is_told_and_the_others_are_listed(qtbot, clinic):
    with closing(Store()) as store:
        numbers = [
            store.keep(study, [clinic], datetime.now(UTC))
            for study in open_studies([clinic]).studies
        ]
        with store.writing() as database:
            database.execute(
                "UPDATE study_case SET state = 'thinking' WHERE number = ?", (numbers[0],)
            )

    with opened_window(qtbot, []) as window:
        wait_until_ended(qtbot, window, studies=2)
        assert [case.number for case in window.session.cases] == numbers[1:]
        (told,) = [each for each in window.bars._notices if "1 of the kept" in each.text]
        told.acted.emit()
        until_kept(qtbot, window)

    with closing(Store()) as store:
        assert store.listed()[1] == []


def test_that_who_asks_the_store_is_answered_after_a_fault_in_the_program_too(qtbot, tmp_path):
    parent = QObject()
    keeper = Keeper(parent, tmp_path / "cases.sqlite")
    broken, told, after = [], [], []
    keeper.broken.connect(broken.append)

    keeper.do(lambda store: {}["bug"], lambda _: None, told.append)
    keeper.do(lambda store: "done", after.append)

    qtbot.waitUntil(lambda: after == ["done"])
    assert [type(error) for error in broken] == [KeyError]
    assert "fault in the program" in str(told[0])
    keeper.shut_down()


def one_more(folder, number):
    return write(
        folder / f"late-{number}.dcm",
        bscans(3, seed=80 + number),
        patient=Patient(identifier=f"200{number}", name=f"Late, {number}"),
        study=f"1.2.841.{number}",
        uid=f"1.2.6.{number}",
    )


def test_that_what_was_read_meanwhile_does_not_take_the_reader_away(qtbot, window, tmp_path):
    session = window.session
    at_work, notices = session.cases[1], []
    session.noticed.connect(notices.append)
    window.open([one_more(tmp_path, 1)])
    window.list.chosen.emit(at_work)

    wait_until_ended(qtbot, window, studies=4)

    assert session.current is at_work
    (notice,) = [each for each in notices if "Late, 1" in each.text]
    assert notice.text == "On the list now: Late, 1."
    notice.act()
    assert session.current.summary.name == "Late, 1"


def test_that_the_first_of_what_was_dropped_is_shown_to_who_waits_for_it(qtbot, window, tmp_path):
    window.open([one_more(tmp_path, 1)])
    window.open([one_more(tmp_path, 2)])

    wait_until_ended(qtbot, window, studies=5)

    assert window.session.current.summary.name == "Late, 1"


def test_that_who_decides_while_files_are_read_stays_with_that_patient(qtbot, window, tmp_path):
    session = window.session
    session.change_settings(replace(session.settings, reader="AB"))
    at_work = session.current
    window.open([one_more(tmp_path, 1)])
    window.actions_["agree"].trigger()

    wait_until_ended(qtbot, window, studies=4)

    assert session.current is at_work

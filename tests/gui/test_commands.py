"""Commands of the menus that no story of another file gives: each does what it says, and back."""

import pytest
from PySide6.QtWidgets import QDialog, QFileDialog

from app.gui.help_window import HelpWindow
from app.gui.session import CaseState
from app.installed import demo_study
from app.notices import UNSIGNED, UNTRAINED
from tests.gui_window import WAIT, opened_window, wait_until_ended
from tests.oct_files import bscans, write
from tests.shared_data import SHARED, needs_shared


def give(window, *names):
    for name in names:
        assert window.actions_[name].isEnabled(), name
        window.actions_[name].trigger()


@pytest.mark.parametrize(
    ("there", "back", "shown"),
    [
        ("zoom_in", "zoom_out", lambda window: window.room.panel.view.placement.zoom),
        ("darker", "brighter", lambda window: window.room.panel.view.grey_window.centre),
        ("less_contrast", "more_contrast", lambda window: window.room.panel.view.grey_window.width),
        ("fainter", "stronger", lambda window: window.room.options.opacity),
    ],
)
def test_that_a_command_of_the_view_and_its_opposite_lead_back(window, there, back, shown):
    before = shown(window)

    give(window, there)
    assert shown(window) != before
    give(window, back)

    assert shown(window) == pytest.approx(before)


def test_that_the_deciding_bscans_are_gone_through_both_ways(qtbot):
    with opened_window(qtbot, [demo_study()]) as window:
        wait_until_ended(qtbot, window)
        panel = window.room.panel
        give(window, "next_deciding")
        first = panel.index
        give(window, "next_deciding")
        assert panel.index != first

        give(window, "previous_deciding")

        assert panel.index == first


@needs_shared
def test_that_the_model_that_ships_reads_a_real_spectralis_scan_in_the_window(qtbot):
    scan = SHARED / "samples" / "vol" / "spectralis-line.vol"
    with opened_window(qtbot, [scan], model_id="kd-oct-b2") as window:
        wait_until_ended(qtbot, window)
        (case,) = window.session.cases

        assert case.state is CaseState.READY
        assert case.result.model_id == "kd-oct-b2"
        assert not {UNTRAINED, UNSIGNED} & set(window.bars.texts)
        qtbot.waitUntil(lambda: window.room.panel.view._picture is not None, timeout=WAIT)


def test_that_studies_are_gone_through_both_ways(qtbot, window, tmp_path):
    window.open([write(tmp_path / "more.dcm", bscans(3), uid="1.2.9", study="1.2.840.9")])
    wait_until_ended(qtbot, window, studies=2)
    first, second = window.list.model().cases
    window.session.select(first)

    give(window, "next_study")
    assert window.session.current is second
    give(window, "previous_study")

    assert window.session.current is first


def test_that_true_proportions_are_left_and_come_back(window):
    give(window, "true_proportions")
    assert not window.room.options.true_proportions

    give(window, "true_proportions")
    assert window.room.options.true_proportions


def test_that_cancel_stops_the_analysis_and_f5_takes_it_up(qtbot, tmp_path):
    path = write(tmp_path / "long.dcm", bscans(60))
    with opened_window(qtbot, [path]) as window:
        qtbot.waitUntil(lambda: window.session.running is not None, timeout=WAIT)

        give(window, "cancel")
        wait_until_ended(qtbot, window)
        (case,) = window.session.cases
        assert case.state is CaseState.STOPPED

        give(window, "analyse")
        wait_until_ended(qtbot, window)
        assert case.state is CaseState.READY


def test_that_files_left_out_are_listed_with_why(qtbot, window, tmp_path):
    (tmp_path / "letter.txt").write_text("no scan")
    window.open([tmp_path / "letter.txt"])
    qtbot.waitUntil(lambda: bool(window.session.skipped), timeout=WAIT)

    give(window, "skipped")

    assert any(each.isVisible() for each in window.findChildren(QDialog))


def test_that_files_are_asked_for_and_a_fault_can_be_reported(window):
    give(window, "open_files")
    (dialog,) = window.findChildren(QFileDialog)
    assert dialog.isVisible()
    dialog.reject()

    give(window, "report_fault")

    assert any(each.isVisible() for each in window.findChildren(HelpWindow))


def test_that_quit_closes_the_window(window):
    give(window, "quit")

    assert not window.isVisible()

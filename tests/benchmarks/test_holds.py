"""How long the window's thread is held by what a reader does all day.

Counted is the processor time of that thread, so that other work on the machine counts little; the
time by the clock is printed beside it.
"""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from statistics import median

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from app.cases.store import Store
from app.gui.case_order import Order, Reader, Sieve
from app.gui.settings_dialog import SettingsDialog
from app.study import Laterality, Patient
from tests.gui_window import opened_window, wait_until_ended
from tests.heartbeat import STALL_MS, longest_hold
from tests.oct_files import write, write_visit
from tests.tiny_study import layered_bscan

pytestmark = pytest.mark.benchmark

BSCANS = 49
CASES = 200
REPEATS = 5
QUIET_MS = 400  # after which all that an act sets off has been drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a reader does; what comes before and after it is not measured."""

    name: str
    do: Callable[[], object]
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None


def slow_ones(qtbot, acts):
    """Print the longest hold of each act; return those that are noticed."""
    print(f"\nlongest holds of the window's thread; load {os.getloadavg()[0]:.1f}")
    slow = {}
    for act in acts:
        holds = [_hold(qtbot, act) for _ in range(REPEATS)]
        held = [each.processor_ms for each in holds]
        print(
            f"{act.name:36} {median(held):4.0f} ms of its processor "
            f"({' '.join(f'{each:.0f}' for each in held)}), "
            f"{median(each.clock_ms for each in holds):.0f} ms by the clock"
        )
        if median(held) >= STALL_MS:
            slow[act.name] = round(median(held))
    return slow


def _hold(qtbot, act):
    for each in (act.before, act.after):
        each()
        qtbot.wait(QUIET_MS)
        if each is act.before:
            hold = longest_hold(act.do, lambda: qtbot.wait(QUIET_MS))
    return hold


def close_dialogs(window):
    for each in window.findChildren(QDialog):
        if each.isVisible():
            each.close()


def opened_settings(window):
    return next(each for each in window.findChildren(SettingsDialog) if each.isVisible())


@pytest.fixture
def visit(tmp_path):
    """Both eyes of one patient, as large as those of a clinic."""
    made = [layered_bscan(seed, rows=496, columns=768) for seed in range(7)]
    frames = [made[number % len(made)] for number in range(BSCANS)]
    write(tmp_path / "visit" / "right.dcm", frames, uid="1.2.31")
    write(tmp_path / "visit" / "left.dcm", frames, uid="1.2.32", laterality=Laterality.LEFT)
    return tmp_path / "visit"


def test_that_nothing_done_with_a_study_holds_the_window(qtbot, visit):
    with opened_window(qtbot, [visit], reader="AB", theme="dark") as window:
        wait_until_ended(qtbot, window)
        window.room.set_options(class_name="DME")
        qtbot.wait(3 * QUIET_MS)
        commands, report = window.actions_, window.papers.report

        def trigger(name):
            return commands[name].trigger

        def close():
            close_dialogs(window)

        def change_clinic():
            dialog = opened_settings(window)
            dialog.clinic.setText(dialog.clinic.text() + "N")

        def open_and_change():
            commands["settings"].trigger()
            qtbot.wait(QUIET_MS)
            change_clinic()

        def call(digit):
            return lambda: window.decisions._press(digit)

        def forget_report():
            window.show_scans()
            report._made = None

        def made():
            qtbot.waitUntil(lambda: report.pdf is not None, timeout=60_000)

        slow = slow_ones(
            qtbot,
            [
                Act(name="changing the theme", do=window.tools._switch),
                Act(name="opening the settings", do=trigger("settings"), after=close),
                Act(
                    name="saving the settings",
                    before=open_and_change,
                    do=lambda: opened_settings(window).accept(),
                ),
                Act(
                    name="putting a pane away",
                    do=lambda: commands["results"].setChecked(False),
                    after=lambda: commands["results"].setChecked(True),
                ),
                Act(
                    name="folding the panes",
                    do=lambda: window.resize(800, 900),
                    after=lambda: window.resize(1440, 900),
                ),
                Act(name="showing both eyes", do=trigger("show_both"), after=trigger("show_right")),
                Act(name="agreeing", do=trigger("agree"), after=call(1)),
                Act(name="giving another call", do=call(4), after=call(1)),
                Act(name="opening the dialog to decide", do=trigger("decide_eye"), after=close),
                Act(
                    name="making and showing the report",
                    before=forget_report,
                    do=trigger("show_report"),
                    after=made,
                ),
                Act(
                    name="showing the report again",
                    before=window.show_scans,
                    do=trigger("show_report"),
                ),
                Act(
                    name="turning its page",
                    before=lambda: report.paper.verticalScrollBar().setValue(0),
                    do=lambda: qtbot.keyClick(report.paper, Qt.Key.Key_PageDown),
                ),
                Act(name="leaving it", do=window.show_scans, after=trigger("show_report")),
                Act(name="changing the theme at the report", do=window.tools._switch),
                Act(
                    name="opening the help",
                    before=window.show_scans,
                    do=trigger("keys"),
                    after=close,
                ),
                Act(
                    name="beginning the tour",
                    do=trigger("tour"),
                    after=lambda: window.help.tour.end(),
                ),
                Act(
                    name="going on in the tour",
                    before=trigger("tour"),
                    do=lambda: window.help.tour.next.click(),
                    after=lambda: window.help.tour.end(),
                ),
            ],
        )
    assert slow == {}


@pytest.fixture
def clinic(qtbot, tmp_path):
    """Keep as many cases as a busy clinic has on its list, all of the same scans."""
    with opened_window(qtbot, [write_visit(tmp_path / "visit")]) as window:
        wait_until_ended(qtbot, window)
        (case,) = window.session.cases
    with closing(Store()) as store:
        for number in range(CASES):
            study = replace(
                case.study,
                uid=f"1.2.840.{number}",
                patient=Patient(identifier=f"P{number}", name=f"Patient, {number}"),
            )
            kept = store.keep(study, [], case.added)
            result = replace(case.result, study=study)
            store.keep_result(kept, result, case.card, case.contents)


@pytest.mark.usefixtures("clinic")
def test_that_nothing_done_with_the_list_of_cases_holds_the_window(qtbot):
    with opened_window(qtbot, []) as window:
        opening = longest_hold(lambda: None, lambda: wait_until_ended(qtbot, window, CASES))
        print(f"\nreading back {CASES} cases: {opening.processor_ms:.0f} ms at most")
        qtbot.waitUntil(lambda: window.session.current is not None)
        lists = window.list

        slow = slow_ones(
            qtbot,
            [
                Act(name="stepping to the next case", do=lambda: lists.step(1)),
                Act(
                    name="searching a name",
                    do=lambda: lists.search.setText("P1"),
                    after=lambda: lists.search.clear(),
                ),
                Act(
                    name="showing all again",
                    before=lambda: lists.search.setText("P1"),
                    do=lists.show_all,
                ),
                Act(
                    name="ordering by name",
                    do=lambda: lists.order.choose(Order.NAME),
                    after=lambda: lists.order.choose(Order.URGENCY),
                ),
                Act(
                    name="filtering",
                    do=lambda: lists.filter.choose(
                        Sieve(readers=frozenset({Reader.CHANGED}), days=31)
                    ),
                    after=lists.filter.clear,
                ),
                Act(
                    name="choosing all",
                    do=lists.view.selectAll,
                    after=lists.view.clearSelection,
                ),
                Act(name="changing the theme with the list", do=window.tools._switch),
            ],
        )
    assert slow == {}
    assert opening.processor_ms < STALL_MS

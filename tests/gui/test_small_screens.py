"""The window on small screens, and on ordinary ones at 150 to 300 %: nothing is out of reach.

Sizes are in device-independent pixels: 1280 x 720 has 640 x 360 of them at 200 %.
"""

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QAbstractButton, QScrollArea

from app.gui.bars import RollingBars
from app.gui.notice import Notice
from app.gui.panes import Pane
from app.study import Laterality
from tests.gui.test_access import controls
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write

SIZES = {"150 %": (853, 480), "200 %": (640, 360), "300 %": (427, 240)}


@pytest.fixture
def window(qtbot, tmp_path):
    for eye in (Laterality.RIGHT, Laterality.LEFT):
        write(tmp_path / f"{eye}.dcm", bscans(5, seed=4), uid=f"1.2.{eye}", laterality=eye)
    with opened_window(qtbot, [tmp_path], reader="AB") as window:
        wait_until_ended(qtbot, window)
        yield window


def shrink(qtbot, window, size):
    window.resize(*size)
    qtbot.waitUntil(lambda: (window.width(), window.height()) == size)
    qtbot.wait(50)


def shows(qtbot, window, *panes):
    """Wait until these panes are shown, and no others."""
    qtbot.waitUntil(lambda: {each for each in Pane if window.panes.shows(each)} == set(panes))


def rolling(widget):
    """The innermost thing around a widget that scrolls it, and its place there."""
    inner = widget
    while inner.parentWidget() is not None:
        area = inner.parentWidget().parentWidget()
        if isinstance(area, QScrollArea) and area.widget() is inner:
            return inner
        inner = inner.parentWidget()
    return None


def out_of_reach(window):
    """Controls that are cut: by the window, by what they scroll in, or smaller than their words."""
    found = []
    for each in controls(window):
        around = rolling(each) or window
        place = QRect(each.mapTo(around, each.rect().topLeft()), each.size())
        small = isinstance(each, QAbstractButton) and (
            each.width() < each.minimumSizeHint().width()
            or each.height() < each.minimumSizeHint().height()
        )
        if small or not around.rect().contains(place):
            found.append((each, each.accessibleName(), place, around.rect()))
    return found


@pytest.mark.parametrize("scale", SIZES)
def test_that_no_control_is_cut_on_a_screen_of_1280_by_720(qtbot, window, scale):
    shrink(qtbot, window, SIZES[scale])
    for pane in ("scans", "study_list", "results", "report"):
        if pane == "report":
            window.actions_["show_report"].trigger()
            qtbot.waitUntil(lambda: window.papers.report.pdf is not None, timeout=60_000)
        elif pane != "scans":
            window.actions_[pane].setChecked(True)
            qtbot.wait(50)

        assert (window.width(), window.height()) == SIZES[scale]
        qtbot.waitUntil(lambda: out_of_reach(window) == [])
        # What does not scroll sideways must fit.
        for area in window.findChildren(QScrollArea):
            off = area.horizontalScrollBarPolicy() is Qt.ScrollBarPolicy.ScrollBarAlwaysOff
            if off and area.isVisible():
                assert area.widget().minimumSizeHint().width() <= area.viewport().width(), area


@pytest.mark.parametrize("scale", SIZES)
def test_that_each_command_of_the_bar_stays_one_click_or_two_away(qtbot, window, scale):
    tools = window.tools
    wide = {name for name, each in tools._buttons.items() if each.isVisible()}
    shrink(qtbot, window, SIZES[scale])

    more = tools.button("more").menu()

    def all_are_somewhere():
        more.aboutToShow.emit()
        moved = {each.text() for each in more.actions()}
        kept = {name for name, each in tools._buttons.items() if each.isVisible()}
        assert {"show_report", "print", "open_folder", "heat", "more"} <= kept
        assert {tools.button(name).defaultAction().text() for name in wide - kept} <= moved

    qtbot.waitUntil(all_are_somewhere)
    moved = {each.text() for each in more.actions()}
    assert window.heat.isVisible() or window.heat.menu.title() in moved


def test_that_a_narrow_window_shows_the_call_beside_the_scan_and_the_list_when_asked(qtbot, window):
    shrink(qtbot, window, SIZES["200 %"])
    shows(qtbot, window, Pane.SCANS, Pane.RESULTS)

    window.actions_["study_list"].trigger()
    shows(qtbot, window, Pane.STUDIES, Pane.SCANS)
    assert window.focusWidget() is window.list.view

    window.actions_["study_list"].trigger()
    shows(qtbot, window, Pane.SCANS)

    shrink(qtbot, window, (1280, 720))
    shows(qtbot, window, *Pane)
    assert window.actions_["study_list"].isChecked()
    assert window.actions_["results"].isChecked()


def test_that_a_window_with_room_for_one_pane_goes_back_and_forth(qtbot, window):
    shrink(qtbot, window, SIZES["300 %"])
    shows(qtbot, window, Pane.SCANS)

    window.actions_["find_study"].trigger()
    shows(qtbot, window, Pane.STUDIES)
    assert window.focusWidget() is window.list.search
    qtbot.keyClick(window.list.search, Qt.Key.Key_Return)
    qtbot.keyClick(window.list.view, Qt.Key.Key_Return)
    shows(qtbot, window, Pane.SCANS)
    assert window.focusWidget() is window.room.panel.view

    window.actions_["results"].trigger()
    shows(qtbot, window, Pane.RESULTS)
    case = window.session.current
    window.actions_["agree"].trigger()
    qtbot.waitUntil(lambda: case.readings.eye(window.room.active) is not None)
    window.actions_["results"].trigger()
    assert window.focusWidget() is window.room.panel.view


def test_that_the_pane_put_away_on_a_wide_screen_stays_away(qtbot, window):
    window.actions_["study_list"].setChecked(False)
    shrink(qtbot, window, SIZES["200 %"])
    shrink(qtbot, window, (1280, 720))

    shows(qtbot, window, Pane.SCANS, Pane.RESULTS)


def test_that_eyes_side_by_side_take_the_room_of_the_call(qtbot, window):
    shrink(qtbot, window, SIZES["200 %"])
    window.room.show_eye(None)
    shows(qtbot, window, Pane.SCANS)

    window.room.show_eye(Laterality.RIGHT)
    shows(qtbot, window, Pane.SCANS, Pane.RESULTS)


def test_that_the_class_of_the_heat_map_is_chosen_from_the_menu_too(qtbot, window):
    choices = window.heat.menu.actions()
    assert [each.text() for each in choices] == [
        window.heat.classes.itemText(place) for place in range(window.heat.classes.count())
    ]

    choices[2].trigger()

    assert window.heat.classes.currentIndex() == 2
    assert window.room.options.class_name == window.heat.classes.itemData(2)


def full_of_notices(qtbot, window):
    """What rolls the bars, with as many notices as stand at once."""
    for number in range(3):
        window.bars.show_notice(
            Notice(kind="warning", text=f"Notice {number} of some length. " * 4)
        )
    qtbot.wait(50)
    return window.bars.parentWidget().parentWidget()


def test_that_messages_leave_room_for_the_scans(qtbot, window):
    shrink(qtbot, window, SIZES["300 %"])
    area = full_of_notices(qtbot, window)

    assert area.height() <= max(window.height() // 2, 90)
    # The newest is the one in view.
    roller = area.verticalScrollBar()
    qtbot.waitUntil(lambda: roller.value() == roller.maximum() > 0)


def test_that_messages_take_the_room_that_they_need_as_the_window_grows_in_height(qtbot, window):
    shrink(qtbot, window, SIZES["200 %"])
    area = full_of_notices(qtbot, window)

    assert area.height() < sum(window.bars.heights(area.width()))

    shrink(qtbot, window, (SIZES["200 %"][0], 1400))

    qtbot.waitUntil(lambda: area.height() == sum(window.bars.heights(area.width())))


@pytest.mark.parametrize("size", [(3840, 2160), (1920, 1080)], ids=["100 %", "200 %"])
def test_that_a_4k_screen_shows_every_pane_and_gives_its_room_to_the_scan(qtbot, window, size):
    shrink(qtbot, window, size)

    shows(qtbot, window, *Pane)
    qtbot.waitUntil(lambda: out_of_reach(window) == [])
    view = window.room.panel.view
    assert view.width() > window.width() / 2
    assert view.height() > window.height() / 3


def test_that_where_there_is_no_bar_the_scans_have_its_room(qtbot):
    with opened_window(qtbot, []) as window:
        qtbot.waitUntil(window.isVisible)

        assert window.bars.texts == []
        assert window.findChild(RollingBars).height() == 0

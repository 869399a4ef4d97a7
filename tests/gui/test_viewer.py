"""The viewer's tools, as the mouse and the keyboard use them."""

from itertools import count

import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication, QPushButton

from app.gui.bars import Bars
from app.gui.bscan_view import BScanView, Window
from app.gui.notice import Notice
from app.study import Patient, Spacing
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write


@pytest.fixture
def view(qtbot):
    view = BScanView()
    qtbot.addWidget(view)
    view.resize(600, 300)
    view.show_volume(40, Spacing(axial_mm=0.004, lateral_mm=0.012))
    view.show_bscan(0, (500, 400), None, view._caption)
    view.show()
    return view


def drag(qtbot, view, button, start, end):
    qtbot.mousePress(view, button, pos=start)
    qtbot.mouseMove(view, end)
    # Offscreen, a moved pointer carries no button: the event is sent as the desktop would.
    view.mouseMoveEvent(_move(end, button))
    qtbot.mouseRelease(view, button, pos=end)


def _move(position, button):
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    at = QPointF(position)
    return QMouseEvent(
        QEvent.Type.MouseMove, at, at, button, button, Qt.KeyboardModifier.NoModifier
    )


def wheel(view, position, notches, modifiers=Qt.KeyboardModifier.NoModifier):
    event = QWheelEvent(
        QPointF(position),
        QPointF(view.mapToGlobal(position)),
        QPoint(),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def test_that_the_wheel_asks_for_the_next_bscan_and_small_turns_add_up(qtbot, view):
    asked = []
    view.asked.connect(asked.append)

    wheel(view, QPoint(300, 150), -1)
    for _ in range(3):
        wheel(view, QPoint(300, 150), -1 / 3)

    assert asked == [1, 1]


def test_that_control_and_wheel_zoom_at_the_pointer(qtbot, view):
    pointer = QPoint(450, 120)
    back, _ = view.to_view().inverted()
    before = back.map(QPointF(pointer))

    wheel(view, pointer, 4, Qt.KeyboardModifier.ControlModifier)

    back, _ = view.to_view().inverted()
    assert view.placement.zoom > 1.5
    assert (back.map(QPointF(pointer)) - before).manhattanLength() < 1e-6


def test_that_an_enlarged_scan_is_dragged_and_a_double_click_shows_it_whole(qtbot, view):
    view.zoom_by(3)
    before = view.to_view().map(QPointF(250, 200))

    drag(qtbot, view, Qt.MouseButton.LeftButton, QPoint(300, 150), QPoint(340, 170))

    moved = view.to_view().map(QPointF(250, 200)) - before
    assert (moved.x(), moved.y()) == pytest.approx((40, 20))
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton)
    assert view.placement.zoom == 1


def test_that_a_right_drag_sets_level_and_window_and_reset_takes_it_back(qtbot, view):
    drag(qtbot, view, Qt.MouseButton.RightButton, QPoint(300, 150), QPoint(250, 100))
    assert view.grey_window.width < 255
    assert view.grey_window.centre > 127.5

    view.reset()

    assert view.grey_window == Window()


def test_that_a_calliper_measures_in_micrometres_and_a_click_leaves_none(qtbot, view):
    lines = []
    view.measured.connect(lines.append)
    view.set_measuring(True)
    start, end = view.point_of(100, 200), view.point_of(200, 200)

    drag(qtbot, view, Qt.MouseButton.LeftButton, start, end)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=start)

    [line] = lines
    # A screen pixel is about a sample here, and a sample is 12 µm wide.
    assert line.length_um(Spacing(axial_mm=0.004, lateral_mm=0.012)) == pytest.approx(1200, abs=20)


def test_that_a_calliper_is_set_with_the_keys_alone(qtbot, view):
    lines = []
    view.measured.connect(lines.append)
    view.set_measuring(True)
    for key in ("Return", "Right", "Return"):
        qtbot.keyClick(view, getattr(Qt.Key, f"Key_{key}"))
    for _ in range(4):
        qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    qtbot.keyClick(view, Qt.Key.Key_Escape)

    [line] = lines
    assert line.start == pytest.approx((251, 200))
    assert line.end == pytest.approx((291, 201))
    asked = []
    view.asked.connect(asked.append)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert asked == [1]


def test_that_shift_and_arrows_move_an_enlarged_scan(qtbot, view):
    view.zoom_by(4)
    before = view.to_view().map(QPointF(250, 200))

    qtbot.keyClick(view, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)

    assert (view.to_view().map(QPointF(250, 200)) - before).x() == pytest.approx(60)


def measure(qtbot, window, index, start, end):
    panel = window.room.panel
    window.actions_["measure"].setChecked(True)
    panel.go_to(index)
    view = panel.view
    drag(qtbot, view, Qt.MouseButton.LeftButton, view.point_of(*start), view.point_of(*end))


def measured(window):
    return [line.frame for line in window.room.panel.view._measurements]


def test_that_a_calliper_stays_with_its_bscan_until_it_is_removed(qtbot, tmp_path):
    write(tmp_path / "right.dcm", bscans(5))
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        measure(qtbot, window, 2, (10, 10), (60, 30))
        window.room.panel.go_to(3)
        window.actions_["clear_measurements"].trigger()
        assert measured(window) == [2]

        window.room.panel.go_to(2)
        window.actions_["clear_measurements"].trigger()

        assert measured(window) == []
        assert any("removed" in each for each in window.bars.texts)


def test_that_callipers_are_kept_with_the_case_and_a_removal_can_be_undone(qtbot, tmp_path):
    folder = tmp_path / "visit"
    folder.mkdir()
    write(folder / "right.dcm", bscans(5))
    with opened_window(qtbot, [folder]) as window:
        wait_until_ended(qtbot, window)
        for index in (2, 2, 4):
            measure(qtbot, window, index, (10, 10), (60, 30))
        window.room.panel.go_to(2)
        notices = []
        window.room.noticed.connect(notices.append)
        window.actions_["clear_measurements"].trigger()
        assert measured(window) == [4]
        notices[0].act()
        window.room.panel.go_to(4)
        window.actions_["clear_measurements"].trigger()
        kept = window.room.panel.view._measurements

    with opened_window(qtbot, [folder]) as window:
        qtbot.waitUntil(lambda: window.room.panel.volume is not None)
        qtbot.waitUntil(lambda: measured(window) == [2, 2])
        assert window.room.panel.view._measurements == kept


def test_that_each_of_two_removals_told_in_the_same_words_can_be_undone(qtbot, tmp_path):
    write(tmp_path / "right.dcm", bscans(5))
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        for index in (2, 4):
            measure(qtbot, window, index, (10, 10), (60, 30))
            window.actions_["clear_measurements"].trigger()
        assert measured(window) == []

        for bar in window.bars._notices:
            bar.findChild(QPushButton).click()

        assert sorted(measured(window)) == [2, 4]


def test_that_what_is_told_again_without_a_way_back_stands_there_once(qtbot):
    bars = Bars()
    qtbot.addWidget(bars)

    for _ in range(2):
        bars.show_notice(Notice(kind="information", text="Saved."))

    assert bars.texts == ["Saved."]


def test_that_inverting_and_outlines_change_the_picture(qtbot, tmp_path):
    write(tmp_path / "right.dcm", bscans(5))
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        panel = window.room.panel
        window.room.set_options(class_name="CNV")

        def shown():
            qtbot.waitUntil(lambda: panel._frames.picture(panel.index, panel._look()) is not None)
            return panel._frames.picture(panel.index, panel._look()).copy()

        plain = shown()
        window.actions_["outlined"].setChecked(True)
        outlined = shown()
        window.actions_["invert"].trigger()

        assert plain != outlined
        assert shown() != outlined


def bars_in(picture):
    """Lengths in pixels of the scale bars in the lower corner: lateral, axial."""
    ink = QColor("#f2f5f8").rgb()
    places = {
        (x, y)
        for x in range(picture.width() // 2)
        for y in range(picture.height() // 2, picture.height())
        if picture.pixelColor(x, y).rgb() == ink
    }
    left, bottom = min(x for x, _ in places), max(y for x, y in places if x < 20)
    # The words beside the bars are of the same ink: only what joins the corner is bar.
    across = next(n for n in count() if (left + n, bottom) not in places)
    up = next(n for n in count() if (left, bottom - n) not in places)
    return across, up


def test_that_the_scale_bars_are_as_long_as_they_say_on_both_axes(qtbot, view):
    for zoom in (1, 2.2, 3):
        view.zoom_by(zoom)
        to_view = view.to_view()
        across, up = bars_in(view.grab().toImage())

        lateral = across / to_view.m11() * 12
        axial = up / to_view.m22() * 4
        for length, sample in ((lateral, 12 / to_view.m11()), (axial, 4 / to_view.m22())):
            nearest = min((10, 20, 50, 100, 200, 500, 1000, 2000), key=lambda n: abs(n - length))
            assert length == pytest.approx(nearest, abs=3 * sample)


def test_that_zoom_pan_window_and_invert_work_in_the_real_window_and_reset_ends_them(
    qtbot, tmp_path
):
    write(tmp_path / "right.dcm", bscans(5))
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        view = window.room.panel.view
        pointer = QPoint(view.width() // 3, view.height() // 2)
        back, _ = view.to_view().inverted()
        under = back.map(QPointF(pointer))

        wheel(view, pointer, 5, Qt.KeyboardModifier.ControlModifier)
        assert (view.to_view().map(under) - QPointF(pointer)).manhattanLength() < 1e-6
        drag(qtbot, view, Qt.MouseButton.LeftButton, pointer, pointer + QPoint(20, 10))
        moved = view.to_view().map(under) - QPointF(pointer)
        assert (moved.x(), moved.y()) == pytest.approx((20, 10))
        drag(qtbot, view, Qt.MouseButton.RightButton, pointer, pointer + QPoint(30, 20))
        assert view.grey_window.width > 255
        for name in ("zoom_in", "brighter", "more_contrast", "invert"):
            window.actions_[name].trigger()
        assert view.grey_window.inverted
        qtbot.waitUntil(lambda: view._picture is not None)

        window.actions_["reset"].trigger()

        assert view.grey_window == Window()
        assert view.placement.zoom == 1


def test_that_true_proportions_follow_the_spacing_and_can_be_left(qtbot, view):
    to_view = view.to_view()
    assert to_view.m11() / to_view.m22() == pytest.approx(12 / 4)

    view.set_true_proportions(False)

    assert view.to_view().m11() == pytest.approx(view.to_view().m22())


def test_that_another_opacity_does_not_make_the_scan_coarse_for_a_moment(qtbot, tmp_path):
    write(tmp_path / "right.dcm", bscans(5))
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        panel = window.room.panel
        window.room.set_options(class_name="DME")
        qtbot.waitUntil(lambda: panel._frames.picture(panel.index, panel._look()) is not None)
        panel._show_picture()
        sharp = panel.view._picture

        window.room.set_options(opacity=0.3)
        assert panel.view._picture is sharp

        window.room.set_options(class_name="DRUSEN")
        assert panel.view._picture is not sharp


def test_that_figures_on_a_scan_stand_beside_their_bars_in_every_language(qtbot, view):
    before = view.grab().toImage()

    view.setLayoutDirection(Qt.LayoutDirection.RightToLeft)

    lower = QRect(0, view.height() // 2, view.width() // 2, view.height() // 2)
    assert view.grab().toImage().copy(lower) == before.copy(lower)


def test_that_an_open_list_of_acquisitions_stays_when_the_case_changes(qtbot, tmp_path):
    for number in (1, 2):
        write(tmp_path / f"{number}.dcm", bscans(3, seed=number), uid=f"1.2.5.{number}")
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        choice = window.room.panel.header._volumes
        choice.showPopup()
        qtbot.waitUntil(choice.view().isVisible)
        other = 1 - choice.currentIndex()
        choice.view().setCurrentIndex(choice.model().index(other, 0))

        window.session.case_changed.emit(window.session.current)

        assert choice.view().isVisible()
        assert choice.view().currentIndex().row() == other
        choice.hidePopup()


def test_that_no_scan_of_the_former_patient_stays_where_the_next_ones_cannot_be_shown(
    qtbot, tmp_path, monkeypatch
):
    write(tmp_path / "one.dcm", bscans(5))
    other = Patient(identifier="P2", name="Roe, Rita")
    write(tmp_path / "two.dcm", bscans(5, seed=9), patient=other, study="1.2.840.2", uid="1.2.4")
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window, studies=2)
        panel = window.room.panel
        qtbot.waitUntil(lambda: panel.view._picture is not None and panel.map.isVisible())

        def fail(*_: object) -> None:
            raise ValueError("cannot be shown")

        monkeypatch.setattr(window.room, "_fill", fail)
        (next_case,) = [each for each in window.session.cases if each is not window.room.case]
        with qtbot.captureExceptions() as raised:
            window.session.select(next_case)
            qtbot.waitUntil(lambda: window.room.case is next_case)

        assert raised
        assert panel.view._picture is None
        assert panel.view.accessibleDescription() == ""
        assert not panel.strip._thumbnails
        assert panel.enface._picture is None
        assert not panel.map.isVisible()

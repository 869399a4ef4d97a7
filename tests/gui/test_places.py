"""Where in the eye the disease lies: the map of the eye, and what its colours stand for."""

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage, QPainter
from PySide6.QtWidgets import QApplication, QToolTip

from app.gui.legend import draw_legend
from app.overlay import colours
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write


@pytest.fixture
def window(qtbot, tmp_path):
    write(tmp_path / "right.dcm", bscans(9))
    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        window.resize(1440, 900)
        window.room.set_options(class_name="DME")
        yield window


def middle_of(panel, index):
    return panel.map._row(index, panel.map._field()).center().toPoint()


def test_that_a_click_on_the_map_of_the_eye_goes_to_that_bscan(qtbot, window):
    panel = window.room.panel
    assert panel.map.isVisible()

    for index in (7, 0, 4):
        qtbot.mouseClick(panel.map, Qt.MouseButton.LeftButton, pos=middle_of(panel, index))
        assert panel.index == index


def test_that_the_map_is_hottest_where_the_class_has_its_strongest_place(window):
    panel = window.room.panel
    share = panel.findings.from_above(2)
    row, column = divmod(int(share.argmax()), share.shape[1])

    picture = panel.map._picture
    assert (picture.width(), picture.height()) == (128, 9)
    lightest = max(picture.pixelColor(x, y).lightness() for x in range(128) for y in range(9))
    assert picture.pixelColor(column, row).lightness() == lightest
    assert f"most in B-scan {row + 1} of 9" in panel.map.accessibleDescription()


def test_that_pointing_at_a_bscan_tells_what_was_found_there(window):
    panel = window.room.panel
    bar = QPoint(round(3.5 * panel.strip.width() / 9), 20)
    for widget, at in ((panel.map, middle_of(panel, 3)), (panel.strip, bar)):
        QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, at, widget.mapToGlobal(at)))

        assert QToolTip.text().startswith("B-scan 4: ")
        QToolTip.hideText()


def test_that_without_a_disease_the_map_says_so_and_shows_no_place(window):
    panel = window.room.panel
    panel.map.show_findings(panel.findings, None)

    assert panel.map._picture is None
    assert "No disease was called" in panel.map.accessibleDescription()


def test_that_a_narrow_panel_leaves_the_map_out(qtbot, window):
    panel = window.room.panel
    window.resize(1000, 700)

    qtbot.waitUntil(lambda: panel.width() < 620)
    assert not panel.map.isVisible()


def drawn_legend(*, outlined):
    picture = QImage(300, 200, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.black)
    painter = QPainter(picture)
    draw_legend(painter, picture.rect(), "Heat map: CNV", outlined=outlined)
    painter.end()
    return {picture.pixelColor(x, y).rgb() for x in range(300) for y in range(200)}


def rgb(share):
    return QColor(*(int(each) for each in colours()[round(255 * share)])).rgb()


def test_that_the_legend_of_outlines_shows_the_very_colours_of_the_lines(qapp):
    assert {rgb(0.35), rgb(0.6), rgb(0.85)} <= drawn_legend(outlined=True)
    assert not {rgb(0.35), rgb(0.6), rgb(0.85)} <= drawn_legend(outlined=False)


def test_that_the_position_bar_and_the_filmstrip_run_one_way_in_every_language(qapp, window):
    QApplication.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    try:
        panel = window.room.panel
        assert panel.layoutDirection() is Qt.LayoutDirection.RightToLeft
        slider = panel.position.slider
        assert slider.layoutDirection() is Qt.LayoutDirection.LeftToRight
        assert panel.strip._point_at(QPointF(QPoint(2, 20))) is None
        assert panel.index == slider.value() == 0
    finally:
        QApplication.setLayoutDirection(Qt.LayoutDirection.LeftToRight)

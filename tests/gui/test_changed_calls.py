"""Where the reader called a B-scan otherwise than the machine, scan and filmstrip say so."""

import pytest
from PySide6.QtCore import QPoint

from app.cases.store import bscan_subject
from app.readings import machine_bscan_answer
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write

CHANGED = 2  # index


@pytest.fixture
def window(qtbot, tmp_path):
    write(tmp_path / "right.dcm", bscans(5, seed=4))
    with opened_window(qtbot, [tmp_path], reader="AB") as window:
        wait_until_ended(qtbot, window)
        yield window


def machine_says(window, index):
    case, panel = window.session.current, window.room.panel
    return machine_bscan_answer(panel.findings.result.bscans[index], case.card)


def say(qtbot, window, index, answer):
    case, volume = window.session.current, window.room.panel.volume
    window.desk.decide(case, bscan_subject(volume, index), answer)

    def stands():
        entry = case.readings.bscan(volume, index)
        return (entry.after if entry else None) == answer

    qtbot.waitUntil(stands)


def shape(strip, index):
    """What is painted over the bar of a B-scan, where its diamond stands."""
    width = strip.width() / 5
    picture = strip.grab().toImage()
    ratio = picture.devicePixelRatio()
    return picture.pixelColor(QPoint(round((index + 0.5) * width), 35) * ratio).getRgb()


def test_that_a_changed_call_is_marked_by_shape_words_and_for_screen_readers(qtbot, window):
    panel, strip = window.room.panel, window.room.panel.strip
    other = "DME" if machine_says(window, CHANGED) != "DME" else "CNV"
    panel.go_to(0)
    before = shape(strip, CHANGED)

    say(qtbot, window, CHANGED, other)

    assert f"B-scan 3, AB: {other}" in strip.accessibleDescription()
    assert f"◆ changed by AB: {other}" in strip._told(CHANGED)
    assert "◆" not in strip._told(CHANGED + 1)
    assert shape(strip, CHANGED) == (255, 255, 255, 255) != before
    panel.go_to(CHANGED)
    assert f"◆ AB: {other}" in panel.view.accessibleDescription()
    panel.go_to(CHANGED + 1)
    assert "◆" not in panel.view.accessibleDescription()

    say(qtbot, window, CHANGED, None)

    assert "◆" not in strip._told(CHANGED)
    assert "AB" not in strip.accessibleDescription()
    panel.go_to(0)
    assert shape(strip, CHANGED) == before


def test_that_agreeing_on_a_bscan_marks_nothing(qtbot, window):
    say(qtbot, window, CHANGED, machine_says(window, CHANGED))

    assert "◆" not in window.room.panel.strip._told(CHANGED)


def test_that_marks_go_with_the_case_they_were_made_on(qtbot, window, tmp_path):
    other = "DME" if machine_says(window, CHANGED) != "DME" else "CNV"
    say(qtbot, window, CHANGED, other)
    marked = window.session.current

    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "right.dcm", bscans(5, seed=5), study="1.9.1", uid="1.9.2")
    window.open([tmp_path / "other"])
    wait_until_ended(qtbot, window, 2)
    assert window.session.current is not marked
    assert "◆" not in window.room.panel.strip._told(CHANGED)
    assert "AB" not in window.room.panel.strip.accessibleDescription()

    window.session.select(marked)
    qtbot.waitUntil(lambda: "◆" in window.room.panel.strip._told(CHANGED))

"""A new user's first patient, with the keyboard alone: open, wait, read, decide, print."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtPrintSupport import QPrintDialog
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog

from app.gui.help_window import HelpWindow
from app.gui.report_pdf import page_sizes, page_texts
from app.study import Laterality
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write

WAIT = 60_000
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


class Hands:
    """Keys go where the focus is, as they do at a desk; nothing is clicked or called."""

    def __init__(self, qtbot, window):
        self._qtbot, self._window = qtbot, window

    def where(self):
        front = QApplication.activeModalWidget() or QApplication.activeWindow() or self._window
        if not front.isActiveWindow():
            # Without a window manager nobody gives a window the focus.
            front.activateWindow()
            self._qtbot.waitUntil(front.isActiveWindow, timeout=WAIT)
        return front.focusWidget() or front

    def press(self, key, modifiers=NONE):
        self._qtbot.keyClick(self.where(), key, modifiers)

    def type(self, text):
        self._qtbot.keyClicks(self.where(), text)

    def dialog(self, kind):
        """Wait for a dialog of that kind to stand in front."""

        def there():
            return any(each.isVisible() for each in self._window.findChildren(kind))

        self._qtbot.waitUntil(there, timeout=WAIT)
        return next(each for each in self._window.findChildren(kind) if each.isVisible())


def test_that_a_new_user_opens_reads_decides_and_prints_from_the_keyboard_alone(qtbot, tmp_path):
    visit, printed = tmp_path / "visit", tmp_path / "printed.pdf"
    write(visit / "right.dcm", bscans(9), uid="1.2.31", study="1.2.840.7")
    write(
        visit / "left.dcm",
        bscans(7, seed=50),
        uid="1.2.32",
        study="1.2.840.7",
        laterality=Laterality.LEFT,
    )
    with opened_window(qtbot, []) as window:
        hands = Hands(qtbot, window)
        wait_until_ended(qtbot, window)

        # Open: the path is typed where the dialog puts the cursor.
        hands.press(Qt.Key.Key_O, CTRL | SHIFT)
        hands.dialog(QFileDialog)
        hands.type(str(visit))
        hands.press(Qt.Key.Key_Return)
        # Wait: the study comes to the front by itself, and its scan has the focus.
        qtbot.waitUntil(
            lambda: (
                window.session.current is not None
                and not window.session.current.demo
                and window.session.current.result is not None
            ),
            timeout=WAIT,
        )
        assert window.focusWidget() is window.room.panel.view

        # Read: frames, the deciding ones, the bare scan, the other eye.
        panel = window.room.panel
        hands.press(Qt.Key.Key_Home)
        hands.press(Qt.Key.Key_Right)
        assert panel.index == 1
        hands.press(Qt.Key.Key_N)
        assert panel.index in panel.findings.result.call.evidence or panel.index == 1
        hands.press(Qt.Key.Key_H)
        assert not window.actions_["heat"].isChecked()
        hands.press(Qt.Key.Key_2, CTRL)
        assert window.room.active is Laterality.LEFT
        assert window.focusWidget() is window.room.panel.view

        # Decide: the first decision asks who decides.
        hands.press(Qt.Key.Key_1)
        hands.dialog(QDialog)
        hands.type("AB")
        hands.press(Qt.Key.Key_Return)
        case = window.session.current
        qtbot.waitUntil(lambda: case.readings.eye(Laterality.LEFT) is not None, timeout=WAIT)
        assert case.readings.eye(Laterality.LEFT).reader == "AB"

        # Report: read it page by page, and print it.
        hands.press(Qt.Key.Key_R, CTRL)
        report = window.papers.report
        qtbot.waitUntil(lambda: report.pdf is not None, timeout=WAIT)
        bar = report.paper.verticalScrollBar()
        qtbot.waitUntil(lambda: bar.maximum() > 0, timeout=WAIT)
        hands.press(Qt.Key.Key_PageDown)
        assert bar.value() > 0
        hands.press(Qt.Key.Key_P, CTRL)
        dialog = window.findChild(QPrintDialog)
        if dialog is None or not dialog.isVisible():
            pytest.skip("This system shows a printer dialog of its own.")
        for _ in range(8):
            if hands.where().objectName() == "filename":
                break
            hands.press(Qt.Key.Key_Tab)
        else:
            pytest.skip("This system has a printer, which a test must not use.")
        hands.press(Qt.Key.Key_A, CTRL)
        hands.type(str(printed))
        with qtbot.waitSignal(report.noticed, timeout=2 * WAIT):
            hands.press(Qt.Key.Key_Return)
        assert len(page_sizes(printed.read_bytes())) == len(page_sizes(report.pdf))
        assert "AB" in "".join(page_texts(report.pdf))

        # Back to the scans, with help on the way.
        hands.press(Qt.Key.Key_F1)
        helped = hands.dialog(HelpWindow)
        helped.activateWindow()
        qtbot.waitUntil(helped.isActiveWindow, timeout=WAIT)
        hands.press(Qt.Key.Key_Escape)
        assert not any(each.isVisible() for each in window.findChildren(HelpWindow))
        window.activateWindow()
        hands.press(Qt.Key.Key_Escape)
        assert window.room.isVisible()
        assert window.focusWidget() is window.room.panel.view

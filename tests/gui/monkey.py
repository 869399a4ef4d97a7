"""A monkey at the window: random but real actions, by a seed."""

import random

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QWidget,
)

from app.study import Laterality, Patient
from tests.oct_files import bscans, write

OUTSIDE = {
    "quit",
    "print",
    "full_screen",
}
"""Commands that leave the window: they end it, or ask a dialog or a printer of the desktop."""

KEYS = (
    *(Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp),
    *(Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Tab, Qt.Key.Key_Backtab),
    *(Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Space, Qt.Key.Key_Plus, Qt.Key.Key_Minus),
    *(Qt.Key.Key_A, Qt.Key.Key_N, Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_Delete),
)


class Monkey:
    """Does one thing after the other to what can be seen of the window."""

    def __init__(self, window, seed, folders):
        self.window = window
        self.seed = seed
        self.choice = random.Random(seed)
        self.folders = folders
        self.done = []

    def act(self):
        weights = self.weights()
        act = self.choice.choices(list(weights), list(weights.values()))[0]
        act()
        QApplication.processEvents()
        self.leave_dialogs()

    def weights(self):
        """What it does, and how often."""
        return {
            self.command: 6,
            self.key: 6,
            self.click: 5,
            self.drag: 3,
            self.wheel: 4,
            self.control: 4,
            self.drop: 1,
        }

    def note(self, *words):
        self.done.append(" ".join(str(each) for each in words))

    def command(self):
        names = [
            name
            for name, action in self.window.actions_._by_name.items()
            if action.isEnabled() and name not in OUTSIDE
        ]
        name = self.choice.choice(names)
        self.note("command", name)
        self.window.actions_[name].trigger()

    def key(self):
        key = self.choice.choice(KEYS)
        held = self.choice.choice(
            [Qt.KeyboardModifier.NoModifier] * 3 + [Qt.KeyboardModifier.ShiftModifier]
        )
        target = QApplication.focusWidget() or self.window.room.panel.view
        self.note("key", key.name, held.name, type(target).__name__)
        QTest.keyClick(target, key, held)

    def place(self):
        """A widget that can be seen, and a point on it."""
        widgets = [
            each
            for each in self.window.findChildren(QWidget)
            if each.isVisible() and each.isEnabled() and each.width() > 4 and each.height() > 4
        ]
        widget = self.choice.choice(widgets)
        point = QPoint(
            self.choice.randrange(widget.width()), self.choice.randrange(widget.height())
        )
        return widget, point

    def click(self):
        widget, point = self.place()
        if isinstance(widget, QAbstractButton | QComboBox):
            # Buttons stand for commands, some of which are not for monkeys; lists open a popup.
            return
        self.note("click", type(widget).__name__, point.toTuple())
        double = self.choice.random() < 0.2
        (QTest.mouseDClick if double else QTest.mouseClick)(
            widget, Qt.MouseButton.LeftButton, pos=point
        )

    def drag(self):
        view = self.window.room.panel.view
        if not view.isVisible():
            return
        button = self.choice.choice([Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton])
        places = [
            QPoint(self.choice.randrange(view.width()), self.choice.randrange(view.height()))
            for _ in range(2)
        ]
        self.note("drag", button.name, *(each.toTuple() for each in places))
        QTest.mousePress(view, button, pos=places[0])
        QTest.mouseMove(view, places[1])
        QTest.mouseRelease(view, button, pos=places[1])

    def wheel(self):
        widget, point = self.place()
        turned = self.choice.choice([-480, -120, -30, 30, 120, 480])
        held = self.choice.choice(
            [Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier]
        )
        self.note("wheel", type(widget).__name__, turned, held.name)
        QApplication.sendEvent(
            widget,
            QWheelEvent(
                QPointF(point),
                QPointF(widget.mapToGlobal(point)),
                QPoint(),
                QPoint(0, turned),
                Qt.MouseButton.NoButton,
                held,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            ),
        )

    def control(self):
        kinds = (QAbstractSlider, QComboBox, QAbstractItemView, QLineEdit)
        controls = [
            each
            for each in self.window.findChildren(QWidget)
            if isinstance(each, kinds) and each.isVisible() and each.isEnabled()
        ]
        if not controls:
            return
        control = self.choice.choice(controls)
        self.note("control", type(control).__name__, control.accessibleName())
        if isinstance(control, QAbstractSlider):
            control.setValue(self.choice.randint(control.minimum(), control.maximum()))
        elif isinstance(control, QComboBox) and control.count():
            place = self.choice.randrange(control.count())
            control.setCurrentIndex(place)
            control.activated.emit(place)
        elif isinstance(control, QAbstractItemView) and control.model() is not None:
            rows = control.model().rowCount()
            if rows:
                control.setCurrentIndex(control.model().index(self.choice.randrange(rows), 0))
        elif isinstance(control, QLineEdit):
            control.setText(self.choice.choice(["", "doe", "P2", "ä*?["]))

    def drop(self):
        folder = self.choice.choice(self.folders)
        self.note("drop", folder.name)
        self.window.open([folder])

    def leave_dialogs(self):
        popup = QApplication.activePopupWidget()
        if popup is not None:
            popup.close()
        for dialog in self.window.findChildren(QDialog):
            if not dialog.isVisible():
                continue
            # A file dialog's own answer would be the desktop's.
            if isinstance(dialog, QFileDialog) or self.choice.random() < 0.5:
                dialog.reject()
            else:
                dialog.accept()


def make_studies(folder):
    """Two visits of one patient and one of another, and one file that is not OCT."""
    visits = (
        ("first", "1.3.1", None, (6, 5)),
        ("second", "1.3.2", None, (8,)),
        ("other", "1.3.3", Patient(identifier="P2", name="Roe, Rita"), (4,)),
    )
    for name, study, patient, counts in visits:
        (folder / name).mkdir()
        for eye, count in zip((Laterality.RIGHT, Laterality.LEFT), counts, strict=False):
            write(
                folder / name / f"{eye}.dcm",
                bscans(count, seed=count),
                study=study,
                uid=f"{study}.{count}",
                laterality=eye,
                patient=patient,
            )
    (folder / "letter").mkdir()
    (folder / "letter" / "letter.txt").write_text("Dear colleague")
    return sorted(folder.iterdir())

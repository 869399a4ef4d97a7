"""The window's style holds wherever the program lies."""

import shutil

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QComboBox, QWidget

from app.gui import theme
from app.paths import resources


@pytest.mark.parametrize("name", ["Program Files (x86)", "O'Hara", "Übung Ω 1"])
def test_that_the_style_can_be_read_in_any_folder(qtbot, qtlog, tmp_path, monkeypatch, name):
    folder = tmp_path / name
    shutil.copytree(resources() / "icons", folder / "icons")
    monkeypatch.setattr(theme, "resources", lambda: folder)

    theme.apply("dark")
    box = QComboBox()
    qtbot.addWidget(box)
    box.show()

    assert [record.message for record in qtlog.records] == []


class Dressed(QWidget):
    """Counts how often a style reached it."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self.times = 0

    def changeEvent(self, event):  # noqa: N802 - Qt's name
        self.times += event.type() is QEvent.Type.StyleChange
        super().changeEvent(event)


def test_that_a_theme_comes_to_each_widget_once_however_deep_it_lies_and_only_when_it_changes(
    qtbot,
):
    QApplication.setStyle("Fusion")
    theme.apply("dark")
    top = widget = Dressed()
    qtbot.addWidget(top)
    for _ in range(12):
        widget = Dressed(widget)
    top.show()
    qtbot.waitExposed(top)
    before = widget.times

    theme.apply("light")

    # Out of the one, into the other.
    assert widget.times == before + 2
    theme.apply("light")
    assert widget.times == before + 2

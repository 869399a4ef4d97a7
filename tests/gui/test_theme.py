"""The window's style holds wherever the program lies."""

import shutil

import pytest
from PySide6.QtWidgets import QComboBox

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

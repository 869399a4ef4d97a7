"""File > Save anonymised copy: copies without an identity, and a word on what stays."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QLabel, QWidget

from app.gui.anonymise_dialog import AnonymiseDialog
from app.study import Patient
from tests.gui_window import WAIT, opened_window, wait_until_ended
from tests.oct_files import bscans, opened, pixels_of, write


def test_that_the_menu_writes_copies_that_name_nobody(qtbot, tmp_path: Path):
    patient = Patient(identifier="P1", name="Doe, Jane")
    path = write(tmp_path / "in" / "a.dcm", bscans(3), patient=patient)
    before = opened(path).studies[0].volumes[0]
    with opened_window(qtbot, [path]) as window:
        wait_until_ended(qtbot, window)
        window.actions_["anonymise"].trigger()
        (dialog,) = window.findChildren(AnonymiseDialog)
        said = " ".join(label.text() for label in dialog.findChildren(QLabel))
        assert "Text that is part of the images stays." in said
        dialog.save_to(tmp_path / "out")
        qtbot.waitUntil(lambda: dialog.told.isVisible(), timeout=WAIT)
        assert dialog.told.text().startswith("1 files were written.")
        dialog.reject()
    (study,) = opened(tmp_path / "out").studies
    assert study.patient.name != "Doe, Jane"
    assert (pixels_of(study.volumes[0]) == pixels_of(before)).all()


def test_that_nothing_is_written_over_and_failures_are_told(qtbot, tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(2))
    (study,) = opened(path).studies
    (tmp_path / "out" / "anonymised").mkdir(parents=True)
    window = QWidget()
    qtbot.addWidget(window)
    dialog = AnonymiseDialog(study, QFileDialog(window), window)
    dialog.show()
    path.write_bytes(b"gone bad")
    dialog.save_to(tmp_path / "out")
    qtbot.waitUntil(lambda: dialog.told.isVisible(), timeout=WAIT)
    assert "damaged DICOM" in dialog.told.text()
    assert not dialog.show_folder.isVisible()
    assert list((tmp_path / "out" / "anonymised").iterdir()) == []
    dialog.shut_down()

"""The program as a reader uses it: from the menu, with the mouse and the keys, to paper.

Nothing here speaks to the program but the screen: a window manager runs, a hand drags a folder out
of another program's window, and what is written, printed and kept is looked at afterwards.
"""

import csv
import shutil
import time
from collections import defaultdict

import numpy as np
import psutil
import pypdfium2
import pytest

from app.package_file import write_package_file
from tests.bundle import desk
from tests.bundle.program import (
    DEMO,
    ended,
    faults,
    own_processes,
    speckle,
    text_of,
    wait_until,
)
from tests.oct_files import bscans, fresh_uid, rewrite
from tests.oct_files import write as write_study
from tests.screen import screen
from tests.tiny_package import tiny_package

pytestmark = [
    pytest.mark.bundle,
    pytest.mark.skipif(bool(desk.lacking()), reason=desk.lacking() or "Nothing is missing."),
]


@pytest.fixture
def home(windowed, tmp_path, monkeypatch):
    """A user who has the program in the menu, no printers, and a window manager."""
    home = tmp_path / "Zoë's home"
    run = tmp_path / "run"
    home.mkdir()
    run.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    monkeypatch.setenv("CUPS_SERVER", str(run / "no-cups.sock"))
    wait_until(lambda: not own_processes(windowed))
    desk.put_into_menu(windowed, tmp_path / "program files")
    with desk.window_manager():
        yield home
        end_all(windowed)
    assert not faults()


def end_all(program) -> None:
    for process in own_processes(program):
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    wait_until(lambda: not own_processes(program))


def sign_all_calls(console, folder, subjects: set[str]) -> None:
    """Say who reads, and agree on all calls of what is in front, until that is this study.

    It is the one with just these subjects; the demo study may be before the reader for a while.
    """
    # Escape leaves the tour, which keeps a new user's keys from what lies under it.
    desk.press_until_there("Escape a", "^Who reads[?]$")
    desk.write("AB")
    desk.press("Return")
    wait_until(lambda: not desk.windows("^Who reads[?]$"))

    def agreed() -> bool:
        desk.window()
        desk.press("shift+a")
        time.sleep(3)
        by_study = defaultdict(set)
        for entry in signed(console, folder):
            assert entry["reader"] == "AB"
            by_study[entry["study"]].add(entry["subject"])
        return subjects in by_study.values()

    wait_until(agreed)


def signed(console, folder) -> list[dict[str, str]]:
    """What the trail of decisions holds, exported by the program itself."""
    out = folder / "trail.csv"
    out.unlink(missing_ok=True)
    answer = ended(console, "audit", "export", out)
    assert answer.returncode == 0, answer.stderr
    return list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))


def looks(pdf) -> list[np.ndarray]:
    """Each page in grey, small enough that only what is where counts."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [
            np.asarray(page.render(scale=0.5, grayscale=True).to_pil(), float) for page in document
        ]


def test_that_a_dropped_folder_is_analysed_signed_saved_and_printed(home, console, qapp, tmp_path):
    study = tmp_path / "Müller Ω 1"
    study.mkdir()
    rewrite(shutil.copy(DEMO / "synthetic-OS-oct.dcm", study), to_somebody)
    empty = screen(qapp)
    desk.start_from_menu()
    desk.window()
    # It opens the demo study first; nobody drops anything on a window that shows nothing yet.
    wait_until(lambda: speckle(screen(qapp)) > speckle(empty) + 0.02)
    with desk.dragged_onto_window(study, tmp_path / "drag.txt"):
        sign_all_calls(console, tmp_path, {"OS", "patient"})

    desk.press_until_there("ctrl+s", "^Save the report$")
    saved = tmp_path / "saved.pdf"
    desk.press("ctrl+a")
    desk.write(str(saved))
    desk.press("Return")
    wait_until(saved.is_file)
    desk.press_until_there("ctrl+p", "^Print$")
    desk.press("Return")
    printed = home / "KD-OCT report.pdf"
    wait_until(lambda: whole(printed))

    words = text_of(saved)
    assert "SYNTHETIC" in words
    assert "MÜLLER, Zoë" in words
    assert words.count("agrees") == 2
    assert "AB, " in words
    pages, sheets = looks(saved), looks(printed)
    assert len(pages) == len(sheets) >= 2
    for number, page in enumerate(pages):
        alike = [likeness(page, sheet) for sheet in sheets]
        assert max(alike) == alike[number] > 0.7


def likeness(page: np.ndarray, sheet: np.ndarray) -> float:
    """1 for the same; two pages of text that differ, or lie elsewhere, have little of it."""
    assert page.shape == sheet.shape
    return float(np.corrcoef(page.ravel(), sheet.ravel())[0, 1])


def to_somebody(dataset) -> None:
    """Of the demo, nothing is kept: make it another patient's study."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = "MÜLLER^Zoë", "4711"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = fresh_uid(), fresh_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = fresh_uid()


def whole(pdf) -> bool:
    return pdf.is_file() and pdf.read_bytes().rstrip().endswith(b"%%EOF")


def test_that_a_double_click_on_a_dicom_file_opens_it(home, console, tmp_path):
    path = write_study(tmp_path / "a b.dcm", bscans(4, rows=248, columns=384))

    desk.double_click(path)

    sign_all_calls(console, tmp_path, {"OD", "patient"})


def test_that_a_double_click_on_a_package_asks_before_it_installs_an_unsigned_one(
    home, console, tmp_path
):
    package = tiny_package(tmp_path / "made", id="made", trained=True).folder
    path = write_package_file(package, tmp_path / "made.kdoct")
    desk.double_click(path)

    ask_to_install()
    desk.press("Escape")
    wait_until(lambda: not desk.windows("^Nobody vouches"))
    assert "made-" not in listed(console)

    ask_to_install()
    desk.press("Tab", "space")
    wait_until(lambda: "made-1.0, " in listed(console).replace(":", ","))


def ask_to_install() -> None:
    desk.press_until_there("alt+i", "^Nobody vouches for this model$", "^Model packages$")


def listed(console) -> str:
    return ended(console, "model", "list").stdout

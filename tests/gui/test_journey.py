"""What a reader does, on the real window with real files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtPrintSupport import QPrinter

from app.gui.report_pdf import page_sizes
from app.gui.session import CaseState
from app.notices import SYNTHETIC, UNTRAINED
from app.paths import user_data
from app.results.output import file_stem
from app.study import EYE_SET, Laterality, Outcome, Patient
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write, write_linked
from tests.shared_data import needs_shared, some_of
from tests.tiny_package import tiny_package


@pytest.fixture
def window(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes]) as window:
        wait_until_ended(qtbot, window)
        yield window


def test_that_without_a_path_the_demo_study_opens_and_says_that_it_is_synthetic(qtbot):
    with opened_window(qtbot, []) as window:
        wait_until_ended(qtbot, window)

        case = window.session.current
        assert case.demo
        assert case.state is CaseState.READY
        assert [eye.laterality for eye in case.result.eyes] == [Laterality.RIGHT, Laterality.LEFT]
        assert window.bars.texts == [UNTRAINED, SYNTHETIC]


def test_that_a_file_dropped_again_is_said_to_be_open(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes / "right.dcm"]) as window:
        wait_until_ended(qtbot, window)
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(both_eyes / "right.dcm"))])
        window.dropEvent(
            QDropEvent(
                QPointF(400, 300),
                Qt.DropAction.CopyAction,
                data,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
        )
        qtbot.waitUntil(lambda: any("already open" in each for each in window.bars.texts))
        assert len(window.session.cases) == 1


def test_that_what_the_other_program_told_while_dragging_counts_at_the_drop(qtbot, both_eyes):
    with opened_window(qtbot, []) as window:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(both_eyes / "right.dcm"))])
        window.dragEnterEvent(
            QDragEnterEvent(
                QPoint(400, 300),
                Qt.DropAction.CopyAction,
                data,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
        )
        # So it looks when a busy program does not hand it over again in time.
        nothing = QMimeData()
        window.dropEvent(
            QDropEvent(
                QPointF(400, 300),
                Qt.DropAction.CopyAction,
                nothing,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
        )

        qtbot.waitUntil(lambda: any(not case.demo for case in window.session.cases))
        wait_until_ended(qtbot, window)


def test_that_the_other_eye_of_an_open_study_joins_it_and_is_analysed(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes / "right.dcm"]) as window:
        wait_until_ended(qtbot, window)

        window.open([both_eyes / "left.dcm"])

        (case,) = window.session.cases
        qtbot.waitUntil(lambda: len(case.study.volumes) == 2)
        wait_until_ended(qtbot, window)
        assert [eye.laterality for eye in case.result.eyes] == [Laterality.RIGHT, Laterality.LEFT]
        assert window.results.eyes[Laterality.LEFT].isVisible()
        assert not any("already open" in each for each in window.bars.texts)


def test_that_an_eye_that_comes_while_the_other_is_analysed_is_not_lost(qtbot, both_eyes):
    with opened_window(qtbot, []) as window:
        session = window.session
        wait_until_ended(qtbot, window)
        session.open([both_eyes / "right.dcm"])
        session.open([both_eyes / "left.dcm"])
        qtbot.waitUntil(
            lambda: any(len(c.study.volumes) == 2 and not c.demo for c in session.cases)
        )

        wait_until_ended(qtbot, window)

        (case,) = session.cases
        assert case.state is CaseState.READY
        assert [eye.laterality for eye in case.result.eyes] == [Laterality.RIGHT, Laterality.LEFT]


def test_that_files_of_two_patients_never_make_one_case(qtbot, both_eyes, tmp_path):
    other = write(tmp_path / "o.dcm", bscans(3), uid="1.2.33", patient=Patient(identifier="P2"))

    with opened_window(qtbot, [both_eyes]) as window:
        wait_until_ended(qtbot, window)
        window.open([other])
        wait_until_ended(qtbot, window, studies=2)

        assert [len(case.study.volumes) for case in window.session.cases] == [2, 1]


def test_that_each_result_is_shown_with_the_card_of_its_own_model(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes / "right.dcm"]) as window:
        session = window.session
        wait_until_ended(qtbot, window)
        tiny_package(user_data() / "models", id="other", title="Other network")
        first = session.current
        session.change_settings(replace(session.settings, model_id="other"))
        assert session.card.id == "tiny"

        second = write(both_eyes / "second.dcm", bscans(3), uid="1.2.34", study="1.2.840.2")
        window.open([second])
        wait_until_ended(qtbot, window, studies=2)

        assert session.current is not first
        assert session.card.id == session.current.result.model_id == "other"
        session.select(first)
        assert session.card.id == first.result.model_id == "tiny"


def test_that_settings_changed_during_the_analysis_do_not_break_it(qtbot, both_eyes):
    with opened_window(qtbot, []) as window:
        session = window.session
        wait_until_ended(qtbot, window)
        session.open([both_eyes])

        def change(case):
            if case.state is CaseState.RUNNING:
                session.change_settings(replace(session.settings, model_id=None))

        session.case_changed.connect(change)
        wait_until_ended(qtbot, window)

        case = session.current
        assert case.state is CaseState.READY
        assert case.result.model_id == case.card.id


def test_that_each_patient_of_a_folder_is_a_row_and_what_is_no_oct_is_listed(qtbot, tmp_path):
    for number in (1, 2):
        write(
            tmp_path / f"{number}.dcm",
            bscans(3, seed=number),
            patient=Patient(identifier=f"P{number}", name=f"Doe, {number}"),
            study=f"1.2.840.{number}",
            uid=f"1.2.5.{number}",
        )
    (tmp_path / "letter.txt").write_text("Dear colleague")

    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window, studies=2)

        assert window.list.model().rowCount() == 2
        assert {case.state for case in window.session.cases} == {CaseState.READY}
        assert any("not OCT" in each for each in window.bars.texts)
        assert window.actions_["skipped"].isEnabled()


def test_that_a_damaged_file_gets_its_sentence_and_the_other_study_goes_on(qtbot, tmp_path):
    write(tmp_path / "whole.dcm", bscans(3))
    cut = write(tmp_path / "cut.dcm", bscans(3, seed=9), uid="1.2.9", study="1.2.840.9")
    cut.write_bytes(cut.read_bytes()[:1500])

    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)

        assert any("cut.dcm" in each for each in window.bars.texts)
        assert window.session.current.state is CaseState.READY


def test_that_a_folder_without_oct_says_so_and_keeps_what_was_open(qtbot, window, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    before = window.session.current

    window.open([empty])

    qtbot.waitUntil(lambda: any("No OCT study" in each for each in window.bars.texts))
    assert window.session.current is before


def test_that_bscans_can_be_viewed_where_no_analysis_is_possible(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes], model_id="absent") as window:
        wait_until_ended(qtbot, window)

        assert window.session.current.state is CaseState.FAILED
        assert "not installed" in window.results.patient.sentence.text()
        panel = window.room.panel
        qtbot.waitUntil(lambda: panel.view._picture is not None)
        qtbot.keyClick(panel.view, Qt.Key.Key_End)
        assert panel.index == 8


def test_that_a_cancelled_analysis_can_be_taken_up_again(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes]) as window:
        session = window.session
        session.case_changed.connect(
            lambda case: session.cancel() if case.state is CaseState.RUNNING else None
        )
        wait_until_ended(qtbot, window)
        assert session.current.state is CaseState.STOPPED
        session.case_changed.disconnect()
        session.case_changed.connect(window._case_changed)

        window.actions_["analyse"].trigger()

        wait_until_ended(qtbot, window)
        assert session.current.state is CaseState.READY


def test_that_every_bscan_is_reached_with_keys_wheel_and_slider(qtbot, window):
    panel = window.room.panel
    view = panel.view
    reached = []
    for key in ("Home", "Right", "Down", "PageDown", "End", "Left", "Up", "PageUp"):
        qtbot.keyClick(view, getattr(Qt.Key, f"Key_{key}"))
        reached.append(panel.index)

    assert reached == [0, 1, 2, 8, 8, 7, 6, 0]
    panel.position.slider.setValue(5)
    assert panel.index == 5
    assert "6 of 9" in view.accessibleDescription()


def test_that_clicks_on_filmstrip_and_en_face_view_go_to_that_bscan(qtbot, window):
    panel = window.room.panel
    strip = panel.strip
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(2, 20))
    assert panel.index == 0

    qtbot.waitUntil(lambda: panel.enface._picture is not None)
    place = panel.enface._place()
    lowest = QPointF(place.center().x(), place.bottom() - 2).toPoint()
    qtbot.mouseClick(panel.enface, Qt.MouseButton.LeftButton, pos=lowest)
    assert panel.index == 8


def test_that_a_click_on_the_localizer_goes_to_the_nearest_line(qtbot, tmp_path):
    picture = np.full((40, 60), 90, np.uint8)
    write_linked(tmp_path, bscans(6), picture)

    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)
        panel = window.room.panel
        qtbot.waitUntil(lambda: panel.enface._picture is not None)
        enface = panel.enface
        assert enface._localized
        line = enface._line(4, enface._place())

        qtbot.mouseClick(enface, Qt.MouseButton.LeftButton, pos=((line[0] + line[1]) / 2).toPoint())

        assert panel.index == 4


def test_that_the_heat_map_changes_with_its_class_and_goes_with_its_key(qtbot, window):
    panel = window.room.panel

    def shown():
        picture = panel._frames.picture(panel.index, panel._look())
        return None if picture is None else picture.copy()

    def choose(position):
        window.heat.classes.setCurrentIndex(position)
        window.heat.classes.activated.emit(position)
        qtbot.waitUntil(lambda: shown() is not None)
        return shown()

    pictures = [choose(position) for position in range(1, 5)]
    assert any(picture != pictures[0] for picture in pictures[1:])

    # Without a window manager nobody gives the window the focus that shortcuts need.
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(panel.view, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: shown() is not None)
    assert shown().isGrayscale()


def test_that_side_by_side_shows_both_eyes_and_in_step_moves_both(qtbot, window):
    window.actions_["show_both"].trigger()
    window.actions_["in_step"].setChecked(True)
    right, left = (window.room.panels[each] for each in (Laterality.RIGHT, Laterality.LEFT))
    assert right.isVisible()
    assert left.isVisible()
    right.view.setFocus()
    window.room.active = Laterality.RIGHT

    qtbot.keyClick(right.view, Qt.Key.Key_End)
    qtbot.keyClick(right.view, Qt.Key.Key_Home)

    assert (right.index, left.index) == (0, 0)


def test_that_the_reader_names_an_unknown_eye_and_the_calls_regroup(qtbot, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, frame in enumerate(bscans(4)):
        Image.fromarray(frame).save(folder / f"{number}.png")

    with opened_window(qtbot, [folder]) as window:
        wait_until_ended(qtbot, window)
        panel = window.room.panel
        assert panel.volume.laterality is Laterality.UNKNOWN
        assert panel.header._left.isVisible()

        panel.header._left.click()

        assert [eye.laterality for eye in window.session.current.result.eyes] == [Laterality.LEFT]
        assert window.room.panel.volume.laterality is Laterality.LEFT
        assert window.results.eyes[Laterality.LEFT].isVisible()
        assert window.actions_["name_right"].isEnabled()

        window.actions_["name_right"].trigger()
        (eye,) = window.session.current.result.eyes
        assert eye.laterality is Laterality.RIGHT
        assert eye.volumes[0].volume.notes.count(EYE_SET) == 1
        window.papers.export_to(tmp_path)
        qtbot.waitUntil(lambda: any("Saved" in each for each in window.bars.texts))
        (record,) = tmp_path.glob("*.json")
        (written,) = json.loads(record.read_text("utf-8"))["eyes"][0]["volumes"]
        assert written["notes"].count(EYE_SET) == 1


def test_that_the_eye_that_a_file_names_stands(window):
    assert not window.actions_["name_right"].isEnabled()
    assert not window.actions_["name_left"].isEnabled()


def test_that_the_saved_report_is_the_very_one_that_was_shown(qtbot, window, tmp_path):
    window.actions_["show_report"].trigger()
    qtbot.waitUntil(lambda: window.papers.report.pdf is not None, timeout=60_000)
    target = tmp_path / "out" / "report.pdf"

    with qtbot.waitSignal(window.papers.report.saved, timeout=60_000):
        window.papers.report.save_as(target)

    assert target.read_bytes() == window.papers.report.pdf
    assert any("Saved" in each for each in window.bars.texts)


def test_that_the_report_prints_page_by_page(qtbot, window, tmp_path):
    window.papers.set_subject()
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    printer.setFullPage(True)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(str(tmp_path / "printed.pdf"))

    with qtbot.waitSignal(window.papers.report.noticed, timeout=120_000) as told:
        window.papers.report.print_on(printer)

    assert "printer" in told.args[0].text
    printed = (tmp_path / "printed.pdf").read_bytes()
    assert len(page_sizes(printed)) == len(page_sizes(window.papers.report.pdf))


def test_that_a_report_that_cannot_be_written_is_said_in_the_window(qtbot, window, tmp_path):
    window.papers.set_subject()
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    with qtbot.waitSignal(window.papers.report.noticed, timeout=60_000) as told:
        window.papers.report.save_as(blocked / "report.pdf")

    assert told.args[0].kind == "problem"
    assert "report.pdf" in told.args[0].text


def test_that_exported_file_names_tell_nothing_of_the_patient(qtbot, window, tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()

    with qtbot.waitSignal(window.papers.exporter.written, timeout=60_000):
        window.papers.export_to(folder)

    names = [path.name for path in folder.iterdir()]
    assert {name.rsplit(".", 1)[1] for name in names} == {"pdf", "json", "csv"}
    assert not any("Doe" in name or "P1" in name for name in names)


def test_that_an_export_writes_over_nothing(qtbot, window, tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    for _ in range(2):
        with qtbot.waitSignal(window.papers.exporter.written, timeout=60_000):
            window.papers.export_to(folder)

    stem = file_stem(window.session.current.study)
    assert {path.stem for path in folder.iterdir()} == {stem, f"{stem}-2"}
    assert len(list(folder.iterdir())) == 6


def test_that_closing_a_study_shows_the_next_and_at_last_the_empty_room(qtbot, window):
    window.actions_["close_study"].trigger()

    assert window.session.cases == []
    assert window.room.empty.isVisible()
    assert not window.actions_["save_report"].isEnabled()


def test_that_what_was_opened_is_offered_again_at_the_next_start(qtbot, window, both_eyes):
    assert window.state.recent() == [both_eyes]


def test_that_an_ungradable_eye_is_a_result_of_its_own(qtbot, tmp_path):
    write(tmp_path / "blank.dcm", [np.zeros((64, 96), np.uint8)] * 4)

    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)

        assert window.session.current.result.call.outcome is Outcome.UNGRADABLE
        assert window.results.patient.answer.text() == "Ungradable"
        assert "Ungradable" in window.room.panel.view.accessibleDescription()


@needs_shared
def test_that_a_folder_of_real_bscans_goes_through_the_window(qtbot, tmp_path):
    for number, each in enumerate(some_of("CNV", 3, dataset="kermany")):
        Image.fromarray(each.pixels()).save(tmp_path / f"{number}.png")

    with opened_window(qtbot, [tmp_path]) as window:
        wait_until_ended(qtbot, window)

        assert all(case.state is CaseState.READY for case in window.session.cases)
        volumes = [v for case in window.session.cases for v in case.study.volumes]
        assert sum(len(volume.bscans) for volume in volumes) == 3

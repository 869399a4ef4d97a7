"""The report in the window: what is in it, and every way out of it."""

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QDrag, QGuiApplication, QMouseEvent
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLineEdit, QProgressDialog

from app.errors import ReportError
from app.gui.printing import make_printer
from app.gui.report_pdf import page_sizes, page_texts
from app.paths import user_data
from app.report.sections import Section
from app.study import Patient
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write

WAIT = 60_000


@pytest.fixture
def visits(tmp_path):
    for number in (1, 2, 3):
        write(
            tmp_path / "in" / f"{number}.dcm",
            bscans(3, seed=number),
            patient=Patient(identifier=f"P{number}", name=f"Doe, {number}"),
            study=f"1.2.840.{number}",
            uid=f"1.2.5.{number}",
        )
    return tmp_path / "in"


@pytest.fixture
def window(qtbot, visits):
    with opened_window(qtbot, [visits]) as window:
        wait_until_ended(qtbot, window, studies=3)
        window.actions_["show_report"].trigger()
        qtbot.waitUntil(lambda: window.papers.report.pdf is not None, timeout=WAIT)
        yield window


@pytest.fixture
def report(window):
    return window.papers.report


def handed_out():
    return list((user_data() / "handed-out").glob("*"))


def test_that_a_section_is_left_out_at_once_and_at_the_next_report(qtbot, window, report):
    before = page_texts(report.pdf)

    report.head._boxes[Section.METHOD].setChecked(False)
    qtbot.waitUntil(lambda: report.pdf is not None, timeout=WAIT)

    assert "How the call is made" in "".join(before)
    assert "How the call is made" not in "".join(page_texts(report.pdf))
    assert window.state.left_out() == ["method"]
    window.session.select(window.session.cases[1])
    window.actions_["show_report"].trigger()
    qtbot.waitUntil(lambda: report.pdf is not None, timeout=WAIT)
    assert "How the call is made" not in "".join(page_texts(report.pdf))


def test_that_the_pages_fit_a_narrow_window_and_can_be_read_aloud(qtbot, window, report):
    window.resize(1280, 720)
    report.resize(600, 400)

    assert all(sheet.width() <= report.paper.viewport().width() for sheet in report.sheets)
    first = report.sheets[0]
    assert first.accessibleName() == "Page 1"
    assert "RESULT OF THE MODEL" in first.accessibleDescription()


def test_that_the_system_s_printer_dialog_prints_the_report(qtbot, window, report, tmp_path):
    target = tmp_path / "printed.pdf"
    window.actions_["print"].trigger()
    dialog = window.findChild(QPrintDialog)
    if dialog is None or not dialog.isVisible():
        pytest.skip("This system shows a printer dialog of its own.")
    assert dialog.printer().pageLayout().pageSize().key() == "A4"
    (name,) = [each for each in dialog.findChildren(QLineEdit) if each.objectName() == "filename"]
    if not name.isVisible():
        pytest.skip("This system has a printer, which a test must not use.")
    name.setText(str(target))
    buttons = dialog.findChild(QDialogButtonBox)

    with qtbot.waitSignal(report.noticed, timeout=2 * WAIT) as told:
        buttons.button(QDialogButtonBox.StandardButton.Ok).click()

    assert "printer" in told.args[0].text
    assert len(page_sizes(target.read_bytes())) == len(page_sizes(report.pdf))


def shown_next(qtbot, window, place):
    """Go on to another patient, whose report is meant from now on; return the patient's number."""
    case = window.session.cases[place]
    window.session.select(case)
    qtbot.waitUntil(lambda: window.session.current is case and case.result is not None)
    assert window.papers.set_subject()
    return case.summary.patient.identifier


def test_that_reports_saved_in_a_row_are_each_of_their_own_patient(qtbot, window, report, tmp_path):
    paths = {}
    for place in (1, 2):
        number = shown_next(qtbot, window, place)
        paths[number] = tmp_path / f"{number}.pdf"
        report.save_as(paths[number])

    qtbot.waitUntil(lambda: all(path.is_file() for path in paths.values()), timeout=WAIT)

    for number, path in paths.items():
        told = "".join(page_texts(path.read_bytes()))
        assert [each for each in ("P1", "P2", "P3") if each in told] == [number]


def test_that_a_report_being_saved_is_not_lost_when_it_is_looked_at(
    qtbot, window, report, tmp_path
):
    shown_next(qtbot, window, 1)
    report.save_as(tmp_path / "saved.pdf")
    window.actions_["show_report"].trigger()

    with qtbot.waitSignal(report.saved, timeout=WAIT):
        pass

    assert (tmp_path / "saved.pdf").read_bytes() == report.pdf


def test_that_reports_printed_in_a_row_are_each_of_their_own_patient(
    qtbot, window, report, tmp_path
):
    told = []
    report.noticed.connect(lambda notice: told.append(notice.text))
    for place in (1, 2):
        shown_next(qtbot, window, place)
        printer = make_printer("A4")
        printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
        printer.setOutputFileName(str(tmp_path / f"{place}.pdf"))
        report.print_on(printer)

    qtbot.waitUntil(lambda: len(told) == 2, timeout=2 * WAIT)

    pages = [(tmp_path / f"{place}.pdf").read_bytes() for place in (1, 2)]
    assert all(page_sizes(each) for each in pages)
    assert all("printer" in each for each in told)


def test_that_the_pdf_is_copied_as_a_file_and_as_bytes_under_a_name_that_tells_nothing(
    qtbot, report
):
    with qtbot.waitSignal(report.noticed):
        report.head.copy_file.trigger()

    data = QGuiApplication.clipboard().mimeData()
    (url,) = data.urls()
    path = Path(url.toLocalFile())
    assert path.read_bytes() == report.pdf == data.data("application/pdf").data()
    assert "Doe" not in path.name
    assert "P1" not in path.name


def test_that_no_handed_out_copy_outlives_the_program(qtbot, visits):
    with opened_window(qtbot, [visits / "1.dcm"]) as window:
        wait_until_ended(qtbot, window)
        window.papers.set_subject()
        window.papers.report.copy_file()
        qtbot.waitUntil(lambda: bool(handed_out()), timeout=WAIT)

    assert handed_out() == []


def test_that_the_page_in_view_is_copied_as_a_picture(qtbot, report):
    bar = report.paper.verticalScrollBar()
    bar.setValue(bar.maximum())

    report.head.copy_page.trigger()

    copied = QGuiApplication.clipboard().image()
    assert copied.size() == report.sheets[-1].picture.size()


def move_pressed(sheet, kind, place):
    button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(kind, place, sheet.mapToGlobal(place), button, button, none)
    QApplication.sendEvent(sheet, event)


def test_that_the_pdf_can_be_dragged_out(qtbot, report, monkeypatch):
    dropped = []
    # A drag needs a pointer that a test has not; everything up to it is real.
    monkeypatch.setattr(QDrag, "exec", lambda drag, _: dropped.append(drag.mimeData().urls()))
    sheet = report.sheets[0]
    move_pressed(sheet, QEvent.Type.MouseButtonPress, QPointF(20, 20))
    qtbot.waitUntil(lambda: not report.wanted)
    move_pressed(sheet, QEvent.Type.MouseMove, QPointF(60, 60))

    ((url,),) = dropped
    assert Path(url.toLocalFile()).read_bytes() == report.pdf


def test_that_reports_of_all_selected_studies_are_written(qtbot, window, tmp_path):
    folder = tmp_path / "out"

    with qtbot.waitSignal(window.papers.exporter.written, timeout=2 * WAIT):
        window.list.view.selectAll()
        window.papers.reports_to(folder)

    assert len(list(folder.glob("*.pdf"))) == len(list(folder.iterdir())) == 3
    assert any("Saved" in each for each in window.bars.texts)


def test_that_what_is_exported_in_a_row_is_all_written(qtbot, window, tmp_path):
    shown_next(qtbot, window, 1)
    window.papers.export_to(tmp_path / "one")
    shown_next(qtbot, window, 2)
    window.papers.export_to(tmp_path / "two")
    window.list.view.selectAll()
    window.papers.reports_to(tmp_path / "all")

    def written(folder):
        return sorted(path.suffix for path in (tmp_path / folder).glob("*.*"))

    qtbot.waitUntil(lambda: written("all") == 3 * [".pdf"], timeout=WAIT)
    qtbot.waitUntil(lambda: not window.papers.exporter.busy, timeout=WAIT)
    assert written("one") == written("two") == [".csv", ".json", ".pdf"]
    assert not [each for each in window.findChildren(QProgressDialog) if each.isVisible()]


def test_that_a_batch_stopped_by_the_reader_leaves_only_whole_reports(qtbot, window, tmp_path):
    folder = tmp_path / "out"

    def stop():
        dialog = window.findChild(QProgressDialog)
        assert dialog.isVisible()
        dialog.canceled.emit()

    window.papers.exporter.progressed.connect(lambda done, _: stop() if done == 1 else None)
    window.list.view.selectAll()
    with qtbot.waitSignal(window.papers.exporter.stopped, timeout=2 * WAIT):
        window.papers.reports_to(folder)

    written = list(folder.iterdir())
    assert 1 <= len(written) < 3
    assert all(page_sizes(path.read_bytes()) for path in written)
    assert any("Stopped" in each for each in window.bars.texts)


def test_that_studies_without_a_result_are_told_and_the_others_written(qtbot, window, tmp_path):
    window.list.view.selectAll()
    window.session.cases[1].forget_result()

    with qtbot.waitSignal(window.papers.exporter.written, timeout=2 * WAIT):
        window.papers.reports_to(tmp_path / "out")

    assert len(list((tmp_path / "out").iterdir())) == 2
    assert any("1 of 3 studies" in each for each in window.bars.texts)


def test_that_the_folder_is_asked_for_in_a_dialog(qtbot, window, tmp_path):
    (tmp_path / "out").mkdir()

    def answer():
        dialog = QApplication.activeModalWidget()
        dialog.selectFile(str(tmp_path / "out"))
        dialog.accept()

    QTimer.singleShot(0, answer)
    with qtbot.waitSignal(window.papers.exporter.written, timeout=2 * WAIT):
        window.actions_["report_selected"].trigger()

    assert list((tmp_path / "out").iterdir())


def test_that_a_report_that_cannot_be_written_does_not_keep_the_others_back(
    qtbot, window, tmp_path, monkeypatch
):
    import app.report

    write_report, written = app.report.write_report, []

    def write_all_but_the_first(*arguments):
        written.append(arguments)
        if len(written) == 1:
            raise ReportError("The report has too many pages.")
        write_report(*arguments)

    # No order that the window makes fails by itself, whatever the study.
    monkeypatch.setattr(app.report, "write_report", write_all_but_the_first)
    window.list.view.selectAll()
    with qtbot.waitSignal(window.papers.exporter.failed, timeout=2 * WAIT):
        window.papers.reports_to(tmp_path / "out")

    assert len(list((tmp_path / "out").glob("*.pdf"))) == 2
    told = "1 of 3 studies were not written, the others were. The report has too many pages."
    assert told in window.bars.texts


def test_that_reports_of_a_selection_can_be_asked_for_from_a_study_without_a_result(qtbot, window):
    window.session.current.forget_result()
    window.session.case_changed.emit(window.session.current)
    window.session.current_changed.emit()

    assert not window.actions_["save_report"].isEnabled()
    assert window.actions_["report_selected"].isEnabled()

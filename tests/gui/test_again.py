"""A study analysed once more, beside the result that is there."""

import pytest
from PySide6.QtWidgets import QLabel, QPushButton, QTableWidget

from app.gui.again import AgainDialog
from tests.gui_window import WAIT, install_tiny_package, opened_window, wait_until_ended
from tests.oct_files import bscans, write


@pytest.fixture
def window(qtbot, tmp_path):
    path = write(tmp_path / "exam.dcm", bscans(4), uid="1.2.3")
    with opened_window(qtbot, [path], reader="AB") as window:
        wait_until_ended(qtbot, window)
        yield window


def repeated(qtbot, window):
    window.actions_["repeat"].trigger()
    qtbot.waitUntil(lambda: bool(window.findChildren(AgainDialog)), timeout=WAIT)
    wait_until_ended(qtbot, window)
    (dialog,) = window.findChildren(AgainDialog)
    return dialog


def rests_on(dialog):
    grid = dialog.findChild(QTableWidget)
    return {grid.item(row, 0).text(): grid.item(row, 1).text() for row in range(grid.rowCount())}


def words(dialog):
    return [each.text() for each in dialog.findChildren(QPushButton)]


def test_that_the_same_work_is_said_to_give_the_same(qtbot, window):
    former = window.session.current.result

    dialog = repeated(qtbot, window)

    assert set(rests_on(dialog).values()) == {"the same"}
    labels = [each.text() for each in dialog.findChildren(QLabel)]
    assert any("machine's results are the same" in each for each in labels)
    assert labels[0].startswith("Doe, Jane")
    assert words(dialog) == ["Close"]
    assert window.session.current.result is former


def test_that_another_model_s_answer_is_taken_only_if_the_reader_says_so(qtbot, window):
    case = window.session.current
    former = case.result
    install_tiny_package(seed=99)

    dialog = repeated(qtbot, window)

    assert rests_on(dialog)["Model"] == "different"
    assert rests_on(dialog)["Images"] == "the same"
    assert case.result is former
    dialog.reject()
    assert case.result is former

    qtbot.waitUntil(lambda: not window.findChildren(AgainDialog), timeout=WAIT)
    repeated(qtbot, window).accept()
    assert case.result is not former
    assert case.result.model_sha256 == case.card.graph_sha256 != former.model_sha256


def test_that_an_answer_hidden_from_who_reads_first_is_not_compared(qtbot, tmp_path):
    path = write(tmp_path / "exam.dcm", bscans(4), uid="1.2.3")
    with opened_window(qtbot, [path], reader="AB", blind_first=True) as window:
        wait_until_ended(qtbot, window)

        assert not window.actions_["repeat"].isEnabled()


def test_that_a_cancelled_comparison_leaves_the_result(qtbot, window):
    case = window.session.current
    former = case.result

    window.actions_["repeat"].trigger()
    window.session.cancel()
    wait_until_ended(qtbot, window)

    assert case.result is former
    assert not window.findChildren(AgainDialog)

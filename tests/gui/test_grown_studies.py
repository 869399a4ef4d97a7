"""Scans that come to a study, or in the place of others: no call stands that was not given on them.

On the real window, with the real file of cases.
"""

from PySide6.QtWidgets import QTableWidget

from app.cases.store import PATIENT, bscan_subject
from app.gui.callipers import Measurement
from app.study import Laterality
from tests.gui_window import WAIT, opened_window, wait_until_ended
from tests.oct_files import bscans, write

RIGHT, LEFT = str(Laterality.RIGHT), str(Laterality.LEFT)


def decide_all(qtbot, window):
    """Call both eyes, the patient, and a B-scan of either eye; return the case."""
    case = window.session.current
    said = [RIGHT, LEFT, PATIENT, *(bscan_subject(each, 1) for each in case.study.volumes)]
    for subject in said:
        window.desk.decide(case, subject, "NORMAL")
    qtbot.waitUntil(lambda: len(case.readings.entries) == len(said))
    return case


def drop(qtbot, window, path):
    """Drop a file that changes what is on the list, and wait until it is analysed."""
    case = window.session.current
    former = case.result
    window.open([path])
    qtbot.waitUntil(lambda: case.result is not None and case.result is not former, timeout=WAIT)
    wait_until_ended(qtbot, window)


def other_bytes(path):
    """The same identifiers over other pictures."""
    raw = bytearray(path.read_bytes())
    raw[-3000:-1500] = bytes(1500)
    path.write_bytes(raw)
    return path


def heard(window):
    told = []
    window.session.noticed.connect(lambda notice: told.append(notice.text))
    return told


def trail(qtbot, window):
    read = []
    window.session.keeper.do(lambda store: store.trail(), read.append)
    qtbot.waitUntil(lambda: bool(read))
    return read[0]


def subjects(case):
    return {each.subject for each in case.readings.entries}


def test_that_a_second_volume_of_an_eye_withdraws_the_calls_on_the_eye_and_the_patient(
    qtbot, window, tmp_path
):
    case, told = decide_all(qtbot, window), heard(window)
    kept = subjects(case) - {RIGHT, PATIENT}

    drop(qtbot, window, write(tmp_path / "second.dcm", bscans(4, seed=60), uid="1.2.99"))

    # Who called a B-scan called it, and it is still there.
    assert subjects(case) == kept
    (notice,) = [each for each in told if "decide again" in each]
    assert "Right eye, Patient" in notice
    assert case.summary.name in notice
    withdrawn = trail(qtbot, window)[-2:]
    assert {each.subject for each in withdrawn} == {RIGHT, PATIENT}
    said = {(each.reader, each.before, each.after) for each in withdrawn}
    assert said == {("AB", "NORMAL", None)}
    assert window.results.eyes[Laterality.RIGHT].row.words.text() == ""
    assert window.list.model().read(case) == "1 of 2 eyes"


def test_that_other_pictures_under_the_same_identifiers_withdraw_what_was_said_of_them(
    qtbot, window, both_eyes
):
    case, told = decide_all(qtbot, window), heard(window)
    right, left = case.study.volumes
    if right.laterality is not Laterality.RIGHT:
        right, left = left, right

    drop(qtbot, window, other_bytes(both_eyes / "right.dcm"))

    assert subjects(case) == {LEFT, bscan_subject(left, 1)}
    assert any("Right eye, Patient, B-scans: 1" in each for each in told)


def test_that_what_was_withdrawn_comes_back_neither_by_undo_nor_after_a_restart(
    qtbot, window, both_eyes
):
    case = window.session.current
    window.desk.decide(case, RIGHT, "NORMAL")
    qtbot.waitUntil(lambda: case.readings.of(RIGHT) is not None)

    drop(qtbot, window, other_bytes(both_eyes / "right.dcm"))
    assert window.desk.back.next(case, again=False) is None
    assert len(trail(qtbot, window)) == 2
    window.close()

    with opened_window(qtbot, [], reader="AB") as again:
        wait_until_ended(qtbot, again)
        qtbot.waitUntil(lambda: again.session.current is not None)
        assert len(trail(qtbot, again)) == 2
        case = again.session.current
        qtbot.waitUntil(lambda: case.result is not None)
        assert case.readings.of(RIGHT) is None
        assert again.desk.back.next(case, again=False) is None
        again.actions_["trail"].trigger()
        qtbot.waitUntil(lambda: bool(again.findChildren(QTableWidget)))
        assert "other ones now" in again.findChild(QTableWidget).item(0, 7).text()


def test_that_calls_of_an_earlier_run_are_withdrawn_from_a_study_that_was_off_the_list(
    qtbot, both_eyes
):
    with opened_window(qtbot, [both_eyes], reader="AB") as window:
        wait_until_ended(qtbot, window)
        decide_all(qtbot, window)
        window.session.remove([window.session.current])
    with opened_window(qtbot, [other_bytes(both_eyes / "left.dcm")], reader="CD") as window:
        told = heard(window)
        qtbot.waitUntil(lambda: any("decide again" in each for each in told), timeout=WAIT)
        wait_until_ended(qtbot, window)

        (case,) = window.session.cases
        assert LEFT not in subjects(case)
        assert RIGHT in subjects(case)
        assert trail(qtbot, window)[-1].reader == "CD"


def test_that_the_other_eye_leaves_the_call_on_the_first_alone(qtbot, both_eyes):
    with opened_window(qtbot, [both_eyes / "right.dcm"], reader="AB") as window:
        wait_until_ended(qtbot, window)
        case = window.session.current
        for subject in (RIGHT, PATIENT):
            window.desk.decide(case, subject, "NORMAL")
        qtbot.waitUntil(lambda: len(case.readings.entries) == 2)

        drop(qtbot, window, both_eyes / "left.dcm")

        # Nobody has said anything of a patient of whom the other eye is one.
        assert subjects(case) == {RIGHT}


def test_that_the_same_files_dropped_again_withdraw_nothing(qtbot, window, both_eyes):
    case = decide_all(qtbot, window)
    said = subjects(case)

    window.open([both_eyes])

    qtbot.waitUntil(lambda: any("already open" in each for each in window.bars.texts), timeout=WAIT)
    assert subjects(case) == said


def test_that_a_calliper_goes_with_the_scan_that_it_measured(qtbot, window, both_eyes):
    case, lines = window.session.current, window.room.callipers
    line = Measurement(frame=1, start=(1.0, 2.0), end=(3.0, 4.0))
    for volume in case.study.volumes:
        lines.add(case.uid, volume, line)

    drop(qtbot, window, other_bytes(both_eyes / "right.dcm"))

    shown = {each.laterality: lines.on(case.uid, each) for each in case.study.volumes}
    assert shown == {Laterality.RIGHT: (), Laterality.LEFT: (line,)}
    kept = []
    window.session.keeper.do(lambda store: store.annotations(case.uid), kept.append)
    qtbot.waitUntil(lambda: bool(kept))
    assert len(kept[0]) == 1

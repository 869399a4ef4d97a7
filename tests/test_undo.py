"""What can be taken back and done again, as the trail tells it."""

from app.cases.subjects import PATIENT
from app.cases.trail import OTHER_SCANS
from app.undo import History
from tests.decisions import entry

OD, OS = "OD", "OS"
SUBJECTS = {OD, OS, PATIENT}


def told(*steps, reader="AB"):
    """The history of a trail of (subject, answer), with notes where there is a third."""
    trail, latest = [], {}
    for number, (subject, answer, *note) in enumerate(steps, start=1):
        before = latest.get(subject)
        trail.append(entry(subject, answer, number=number, before=before, note="".join(note)))
        latest[subject] = answer
    return History.told_by(trail).of(reader, SUBJECTS)


def next_undo(history):
    step = history.done[-1]
    return step.entry.subject, step.answer_before


def test_that_the_latest_decision_comes_first_and_leads_to_what_stood_before():
    history = told((OD, "CNV"), (OS, "NORMAL"), (OD, "DME"))

    assert next_undo(history) == (OD, "CNV")
    assert next_undo(history.taken_back(history.done[-1])) == (OS, None)


def test_that_what_was_taken_back_before_a_restart_is_not_taken_back_again_but_can_be_done_again():
    history = told((OS, "NORMAL"), (OD, "CNV"), (OD, "DME"), (OD, "CNV"))

    assert next_undo(history) == (OD, None)
    assert [each.entry.after for each in history.undone] == ["DME"]


def test_that_doing_again_leads_back_to_the_end_and_a_new_decision_closes_that_way():
    again = told((OD, "CNV"), (OD, "DME"), (OD, "CNV"), (OD, None), (OD, "CNV"), (OD, "DME"))
    assert next_undo(again) == (OD, "CNV")
    assert again.undone == ()

    other = told((OD, "CNV"), (OD, "DME"), (OD, "CNV"), (OD, "DRUSEN"))
    assert next_undo(other) == (OD, "CNV")
    assert other.undone == ()


def test_that_a_note_makes_another_decision_of_the_same_answer():
    history = told((OD, "CNV", "fluid"), (OD, "CNV", "and blood"), (OD, "CNV", "fluid"))

    assert [each.entry.note for each in history.done] == ["fluid"]
    assert [each.entry.note for each in history.undone] == ["and blood"]


def test_that_what_was_said_of_scans_that_are_gone_is_neither_put_back_nor_said_again():
    history = told((OS, "NORMAL"), (OD, "CNV"), (OD, "DME"), (OD, None, OTHER_SCANS))
    assert next_undo(history) == (OS, None)
    assert history.undone == ()

    later = told((OD, "CNV"), (OD, None, OTHER_SCANS), (OD, "DME"))
    assert next_undo(later) == (OD, None)


def test_that_nobody_takes_back_what_another_reader_said():
    trail = [
        entry(OD, "CNV", number=1),
        entry(OS, "CNV", number=2, reader="CD"),
        entry(PATIENT, "CNV", number=3),
    ]
    history = History.told_by(trail)

    assert [each.entry.number for each in history.of("AB", SUBJECTS).done] == [3]
    assert history.of("CD", SUBJECTS).done == ()


def test_that_another_reader_s_call_is_no_undoing_even_where_it_is_what_stood_before():
    trail = [
        entry(OD, "DME", number=1),
        entry(OD, "CNV", number=2, before="DME"),
        entry(OD, "DME", number=3, before="CNV", reader="CD"),
    ]
    history = History.told_by(trail)

    assert history.of("AB", SUBJECTS) == History()
    assert next_undo(history.of("CD", SUBJECTS)) == (OD, "CNV")


def test_that_another_reader_s_call_is_no_doing_again_of_what_was_taken_back():
    trail = [
        entry(OD, "CNV", number=1),
        entry(OD, None, number=2, before="CNV"),
        entry(OD, "CNV", number=3, reader="CD"),
    ]
    history = History.told_by(trail)

    assert history.of("AB", SUBJECTS) == History()
    assert next_undo(history.of("CD", SUBJECTS)) == (OD, None)


def test_that_what_is_said_of_scans_that_are_gone_stays_said():
    history = told((OD, "CNV"), ("1.2.3/7", "DME"))
    assert next_undo(history) == (OD, None)

    assert history.without({OD}).done == ()

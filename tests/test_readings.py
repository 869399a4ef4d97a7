"""Machine and reader answer in the same words, and what stands is the latest."""

from app.cases.subjects import PATIENT, bscan_subject
from app.readings import (
    NOTHING_READ,
    Readings,
    answer_word,
    machine_answers,
    machine_bscan_answer,
    possible_answers,
)
from app.study import Gradability, Laterality
from tests.decisions import entry
from tests.results_builder import (
    CNV,
    DOUBTFUL_CNV,
    NORMAL,
    both_eyes,
    card,
    study_result,
    volume_result,
)


def test_that_a_reader_chooses_from_the_classes_by_severity_and_from_what_is_none():
    assert possible_answers(card()) == (
        "NORMAL",
        "DRUSEN",
        "DME",
        "CNV",
        "uncertain",
        "ungradable",
        "other finding",
    )


def test_that_the_machine_s_answers_are_words_a_reader_could_say():
    answers = machine_answers(both_eyes(), card())

    assert (answers[PATIENT], answers["OD"], answers["OS"]) == ("CNV", "CNV", "NORMAL")
    doubtful = machine_answers(study_result(volume_result([DOUBTFUL_CNV] * 4)), card())
    assert doubtful["OD"] == "uncertain"
    unseen = machine_answers(study_result(volume_result([Gradability.BLANK] * 4)), card())
    assert unseen["OD"] == "ungradable"


def test_that_a_bscan_is_given_a_class_only_where_it_may_be_believed():
    result = volume_result([CNV, NORMAL, Gradability.CUT, CNV], strange=[3])

    said = [machine_bscan_answer(each, card()) for each in result.bscans]

    assert said == ["CNV", "NORMAL", "ungradable", "out of scope"]


def test_that_the_latest_decision_stands_and_a_withdrawn_one_does_not():
    readings = Readings.standing(
        [
            entry("OD", "CNV"),
            entry("OS", "DME", number=2),
            entry("OD", "NORMAL", number=3),
            entry("OS", None, number=4),
        ]
    )

    assert readings.eye(Laterality.RIGHT).after == "NORMAL"
    assert readings.eye(Laterality.LEFT) is None
    assert readings.patient is None
    assert readings.with_entry(entry("OD", None, number=5)) == NOTHING_READ


def test_that_decisions_on_bscans_come_in_spatial_order():
    volume = volume_result([CNV] * 5).volume
    readings = Readings(
        tuple(entry(bscan_subject(volume, at), "DME", number=9 - at) for at in (3, 1))
    )

    assert [index for index, _ in readings.bscans(volume)] == [1, 3]
    assert readings.bscan(volume, 3).after == "DME"
    assert readings.bscan(volume, 0) is None


def test_that_answers_stand_alone_as_one_would_write_them():
    assert [answer_word(each) for each in ("CNV", "DRUSEN", "other finding")] == [
        "CNV",
        "Drusen",
        "Other finding",
    ]

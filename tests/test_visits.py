"""One patient's visits: who is the same patient, and in what order the visits lie."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from app.cases.store import Store
from app.study import Laterality, Patient
from app.visits import AnalysedStudy, history, kept_studies, same_patient
from tests.results_builder import CNV, JANE, NORMAL, WHEN, card, study_result, volume_result

BORN = date(1951, 7, 9)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Patient(identifier="48-1723", name="Doe, J.", birth_date=BORN), True),
        (Patient(identifier="48-1723"), False),
        (Patient(identifier="48-1723", name="Doe, Jane"), True),
        (Patient(identifier="48-1723", name="Doe, Jane", birth_date=date(1960, 1, 1)), False),
        (Patient(identifier="48-1724", name="Doe, Jane", birth_date=BORN), False),
        (Patient(name="Doe, Jane", birth_date=BORN), False),
    ],
)
def test_that_only_a_known_number_that_nothing_contradicts_makes_one_patient(other, same):
    assert same_patient(JANE, other) is same
    assert same_patient(other, JANE) is same


def test_that_nobody_without_a_number_is_anybody_else():
    assert not same_patient(Patient(name="Doe, Jane"), Patient(name="Doe, Jane"))


def visit(uid, when, *rows, laterality=Laterality.RIGHT, patient=JANE):
    volume = volume_result(rows, laterality=laterality, acquired=when)
    result = study_result(volume, visited=None, patient=patient)
    result = replace(result, study=replace(result.study, uid=uid))
    return AnalysedStudy(study=result.study, result=result, card=card())


def test_that_visits_come_oldest_first_and_undated_ones_before_all():
    late = visit("1", datetime(2026, 5, 1), CNV, CNV)
    early = visit("2", datetime(2024, 5, 1, tzinfo=WHEN.tzinfo), NORMAL)
    undated = visit("3", None, NORMAL)
    again = visit("1", datetime(2026, 5, 1), NORMAL)
    other_eye = visit("4", datetime(2025, 5, 1), NORMAL, laterality=Laterality.LEFT)

    visits = history(Laterality.RIGHT, [late, early, undated, again, other_eye])

    assert [each.source for each in visits] == [undated, early, late]
    assert visits[-1].eye.call.label == "CNV"
    assert visits[-1].ranges()[3] == pytest.approx((0.93, 0.93))


def test_that_the_patients_other_analysed_studies_are_found_in_the_store(tmp_path):
    present, earlier = visit("1", WHEN, CNV), visit("2", WHEN, NORMAL)
    stranger = visit("3", WHEN, NORMAL, patient=Patient(identifier="another"))
    store = Store(tmp_path / "cases.sqlite")
    try:
        for each in (present, earlier, stranger):
            number = store.keep(each.study, [tmp_path], WHEN)
            store.keep_result(number, each.result, each.card, {})
        store.keep(replace(earlier.study, uid="5"), [tmp_path], WHEN)

        found = kept_studies(store, present.study)
    finally:
        store.close()

    assert [each.study.uid for each in found] == ["2"]
    assert found[0].result.eyes[0].call == earlier.result.eyes[0].call
    assert found[0].missing

"""The CSV opens in a spreadsheet, with one row for each B-scan."""

import csv

import pytest

from app.results import write_csv
from app.study import Laterality
from tests.results_builder import CNV, NORMAL, both_eyes, card, named, study_result, volume_result


def rows_of(result, path, **options):
    write_csv(result, card(), path, **options)
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_that_there_is_one_row_for_each_bscan_of_both_eyes(tmp_path):
    rows = rows_of(both_eyes(), tmp_path / "result.csv")

    assert [(row["eye"], int(row["position"])) for row in rows] == [
        (eye, position) for eye in ("OD", "OS") for position in range(1, 26)
    ]
    assert float(rows[9]["p_CNV"]) == CNV[3]
    assert rows[9]["deciding"] == "True"
    assert rows[0]["deciding"] == "False"
    assert rows[25]["gradability"] == "blurred"
    assert rows[25]["p_CNV"] == ""
    assert {row["patient_label"] for row in rows} == {"CNV"}


def test_that_excel_is_told_the_encoding(tmp_path):
    result = study_result(volume_result([NORMAL]), patient=named("Иванова, Анна"))
    write_csv(result, card(), tmp_path / "result.csv", identity=True)

    content = (tmp_path / "result.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert "Иванова, Анна" in content.decode("utf-8-sig")


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)"])
def test_that_a_name_is_never_run_as_a_formula(tmp_path, name):
    result = study_result(volume_result([NORMAL]), patient=named(name))

    row = rows_of(result, tmp_path / "result.csv", identity=True)[0]

    assert row["patient_name"] == f"'{name}"


def test_that_an_unknown_eye_is_said_to_be_unknown(tmp_path):
    result = study_result(volume_result([NORMAL], laterality=Laterality.UNKNOWN))

    assert rows_of(result, tmp_path / "result.csv")[0]["eye"] == "unknown"

"""The JSON record holds what was found, and not who was examined unless asked to."""

import errno
import json
import os
from dataclasses import replace

import pytest

from app import preprocess
from app.cases.subjects import PATIENT, bscan_subject
from app.errors import ReportError
from app.notices import RESEARCH_USE
from app.readings import Readings
from app.results import write_csv, write_json
from app.study import Gradability
from tests.decisions import entry
from tests.results_builder import CNV, JANE, NORMAL, both_eyes, card, study_result, volume_result


def written(result, path, **options):
    write_json(result, card(), path, **options)
    return json.loads(path.read_text("utf-8"))


def test_that_every_bscan_is_recorded_in_spatial_order(tmp_path):
    record = written(both_eyes(), tmp_path / "result.json")

    right = record["eyes"][0]["volumes"][0]
    assert [each["position"] for each in right["bscans"]] == list(range(1, 26))
    ninth = right["bscans"][8]
    assert ninth["probabilities"] == list(CNV)
    assert ninth["frame_number"] == 9
    assert ninth["sop_instance_uid"] == right["uid"]
    assert right["spacing_mm"]["axial"] == 0.00387


def test_that_calls_cite_their_bscans_as_the_report_counts_them(tmp_path):
    result = both_eyes()
    record = written(result, tmp_path / "result.json")

    assert record["call"]["label"] == "CNV"
    assert record["call"]["eye"] == "OD"
    assert record["call"]["evidence"] == [index + 1 for index in result.call.evidence]
    assert record["referral"]["level"] == "refer urgently"
    assert record["model"]["sha256"] == card().graph_sha256
    assert record["model"]["aggregation"]["rules"]["CNV"]["threshold"] == 0.6
    assert record["notice"] == RESEARCH_USE


def test_that_an_ungradable_bscan_has_no_probabilities(tmp_path):
    record = written(both_eyes(), tmp_path / "result.json")

    first = record["eyes"][1]["volumes"][0]["bscans"][0]
    assert first["gradability"] == Gradability.BLURRED
    assert first["probabilities"] is None


@pytest.mark.parametrize("write", [write_json, write_csv])
def test_that_nothing_identifying_is_written_unless_asked_for(tmp_path, write):
    result = both_eyes(description="Ms Doe, follow-up")
    write(result, card(), tmp_path / "without")
    write(result, card(), tmp_path / "with", identity=True)

    without = (tmp_path / "without").read_text("utf-8-sig")
    for secret in ("Doe", "Jane", JANE.identifier, "1951", "Doe_Jane_OD.dcm"):
        assert secret not in without
    told = (tmp_path / "with").read_text("utf-8-sig")
    for known in ("Doe, Jane", JANE.identifier, "Doe_Jane_OD.dcm"):
        assert known in told


@pytest.mark.parametrize("write", [write_json, write_csv])
def test_that_two_runs_write_the_same_bytes(tmp_path, write):
    for name in ("one", "two"):
        write(both_eyes(), card(), tmp_path / name)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("write", [write_json, write_csv])
def test_that_a_full_disk_is_named_and_leaves_the_old_file(tmp_path, monkeypatch, write):
    path = tmp_path / "result"
    path.write_text("before")

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match=r"“result” could not be written\. The disk is full"):
        write(both_eyes(), card(), path)

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_that_a_study_without_a_gradable_bscan_is_recorded(tmp_path):
    blank = study_result(volume_result([Gradability.BLANK]))

    record = written(blank, tmp_path / "result.json")

    assert record["call"]["outcome"] == "ungradable"
    assert record["call"]["label"] is None
    assert record["call"]["confidence"] is None


def test_that_one_frame_is_enough(tmp_path):
    record = written(study_result(volume_result([NORMAL])), tmp_path / "result.json")

    assert len(record["eyes"][0]["volumes"][0]["bscans"]) == 1


def test_that_both_calls_are_recorded_and_a_note_only_if_it_may_name_the_patient(tmp_path):
    result = both_eyes()
    volume = result.eyes[0].volumes[0].volume
    readings = Readings(
        (
            entry(PATIENT, "CNV"),
            entry("OD", "DME", machine="CNV", blind=True, note="Ms Doe, cysts"),
            entry(bscan_subject(volume, 8), "ungradable", machine="CNV"),
        )
    )

    without = written(result, tmp_path / "without.json", readings=readings)
    with_names = written(result, tmp_path / "with.json", readings=readings, identity=True)

    right = without["eyes"][0]
    assert without["reader"]["agrees"]
    said = right["reader"]
    assert (said["answer"], said["agrees"], said["blind"]) == ("DME", False, True)
    assert (said["initials"], said["time"], said["note"]) == (
        "AB",
        "2026-03-14T09:26:53+00:00",
        None,
    )
    assert with_names["eyes"][0]["reader"]["note"] == "Ms Doe, cysts"
    assert right["volumes"][0]["bscans"][8]["reader"]["answer"] == "ungradable"
    assert right["volumes"][0]["bscans"][7]["reader"] is None
    assert written(result, tmp_path / "none.json")["reader"] is None


def test_that_the_record_says_what_a_second_run_must_share(tmp_path):
    model = written(both_eyes(), tmp_path / "result.json")["model"]

    assert model["preprocessing"] == preprocess.VERSION
    assert model["input"]["height"] == card().input.height
    assert model["unfamiliarity_threshold"] == card().unfamiliarity_threshold
    assert model["aggregation"]["rules"]["CNV"]["packaged"] is None


def test_that_the_record_of_a_result_names_the_program_and_preparation_that_made_it(tmp_path):
    before = replace(both_eyes(), preprocessing=preprocess.VERSION + 1, software="0.0.9")
    unstated = replace(both_eyes(), preprocessing=None, software=None)

    record = written(before, tmp_path / "before.json")
    assert record["model"]["preprocessing"] == preprocess.VERSION + 1
    assert record["software"] == {"name": "KD-OCT", "version": "0.0.9"}
    record = written(unstated, tmp_path / "unstated.json")
    assert record["model"]["preprocessing"] is None
    assert record["software"]["version"] is None
    write_csv(before, card(), tmp_path / "before.csv")
    assert "0.0.9" in (tmp_path / "before.csv").read_text("utf-8-sig")


def test_that_what_is_odd_about_the_scans_is_recorded(tmp_path):
    result = study_result(volume_result([CNV]))

    remarks = written(result, tmp_path / "result.json")["acquisition"]

    assert any("only one B-scan" in each["sentence"] for each in remarks)
    assert all(each["eyes"] == ["OD"] for each in remarks)

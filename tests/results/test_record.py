"""The JSON record holds what was found, and not who was examined unless asked to."""

import errno
import json
import os

import pytest

from app.errors import ReportError
from app.notices import RESEARCH_USE
from app.results import write_csv, write_json
from app.study import Gradability
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

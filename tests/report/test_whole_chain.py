"""From the demo study's files to the report and the results, with nothing in between left out."""

import csv
import json

import pytest

from app.analysis import analyse
from app.notices import SYNTHETIC, UNTRAINED
from app.paths import resources
from app.reading import open_studies
from app.report import render
from app.results import write_csv, write_json
from app.settings import Settings
from tests.report.pdf_pages import texts
from tests.results_builder import WHEN
from tests.tiny_package import tiny_package


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    package = tiny_package(tmp_path_factory.mktemp("models"))
    [study] = open_studies([resources() / "demo"]).studies
    return analyse(study, package), package.card


def test_that_the_demo_study_is_reported_as_what_it_is(analysed):
    result, card = analysed
    pages = texts(render(result, card, Settings(clinic_name="Northfield Eye Clinic"), WHEN))

    assert len(pages) <= 3
    assert all(SYNTHETIC in page and UNTRAINED in page for page in pages)
    assert "49 of 49 B-scans read" in pages[0]
    assert "Localizer" in pages[0]
    assert result.call.reason.split(",")[0] in " ".join(pages[0].split())
    assert card.graph_sha256[:32] in " ".join(pages)


def test_that_the_results_hold_every_frame_of_the_files(analysed, tmp_path):
    result, card = analysed
    write_json(result, card, tmp_path / "demo.json", identity=True)
    write_csv(result, card, tmp_path / "demo.csv", identity=True)

    record = json.loads((tmp_path / "demo.json").read_text("utf-8"))
    with (tmp_path / "demo.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert record["study"]["synthetic"] is True
    assert len(rows) == sum(len(each.bscans) for each in result.study.volumes)
    for eye in record["eyes"]:
        [volume] = eye["volumes"]
        assert sorted(each["frame_number"] for each in volume["bscans"]) == list(range(1, 50))
        assert all(each["sop_instance_uid"] for each in volume["bscans"])
        assert all(each["file"].endswith("-oct.dcm") for each in volume["bscans"])

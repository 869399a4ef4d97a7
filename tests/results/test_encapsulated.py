"""The report goes into the archive beside the images it was made of."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from app.aggregate import call_eye
from app.errors import ReportError
from app.paths import resources
from app.reading import open_studies
from app.results.encapsulated import write_encapsulated
from app.study import BScanResult, Gradability, VolumeResult
from tests.results_builder import NORMAL, WHEN, both_eyes, card, named, study_result, volume_result

PDF = b"%PDF-1.4 made up, of odd length\n%%EOF"


@pytest.fixture(scope="module")
def demo():
    """The demo study as if every B-scan were healthy; its files are real."""
    [study] = open_studies([resources() / "demo"]).studies
    volumes = []
    for volume in study.volumes:
        found = tuple(
            BScanResult(source=each.source, gradability=Gradability.GRADABLE, probabilities=NORMAL)
            for each in volume.bscans
        )
        odds = np.array([NORMAL] * len(found))
        call = call_eye(odds, np.ones(len(found), np.bool_), card())
        volumes.append(VolumeResult(volume=volume, bscans=found, call=call))
    return replace(study_result(*volumes), study=study)


def saved(result, path):
    write_encapsulated(result, PDF, path, WHEN)
    return pydicom.dcmread(path)


def test_that_the_pdf_comes_back_whole(tmp_path):
    dataset = saved(both_eyes(), tmp_path / "report.dcm")

    assert dataset.SOPClassUID.name == "Encapsulated PDF Storage"
    assert dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength] == PDF
    assert dataset.VerificationFlag == "UNVERIFIED"
    assert dataset.BurnedInAnnotation == "YES"
    assert dataset.PatientName == "Doe^Jane"


def test_that_it_joins_the_study_of_the_images_in_a_series_of_its_own(demo, tmp_path):
    dataset = saved(demo, tmp_path / "report.dcm")
    image = pydicom.dcmread(demo.study.volumes[0].bscans[0].source.path, stop_before_pixels=True)

    assert dataset.StudyInstanceUID == image.StudyInstanceUID
    assert dataset.SeriesInstanceUID != image.SeriesInstanceUID
    assert dataset.PatientName == image.PatientName
    assert dataset.PatientID == image.PatientID
    assert {each.ReferencedSOPInstanceUID for each in dataset.SourceInstanceSequence} == {
        bscan.source.sop_instance_uid for volume in demo.study.volumes for bscan in volume.bscans
    }


def test_that_the_same_report_is_the_same_object(tmp_path):
    for name in ("one.dcm", "two.dcm"):
        saved(both_eyes(), tmp_path / name)

    assert (tmp_path / "one.dcm").read_bytes() == (tmp_path / "two.dcm").read_bytes()


def test_that_a_name_in_any_script_survives(tmp_path):
    result = study_result(volume_result([NORMAL]), patient=named("محمدی, علی"))

    assert str(saved(result, tmp_path / "report.dcm").PatientName) == "محمدی^علی"


def test_that_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "report.dcm").mkdir()

    with pytest.raises(ReportError, match=r"report\.dcm"):
        saved(both_eyes(), tmp_path / "report.dcm")


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy (dicom3tools) is not here.")
def test_that_the_object_conforms_to_the_standard(demo, tmp_path):
    saved(demo, tmp_path / "report.dcm")
    told = subprocess.run(
        ["dciodvfy", tmp_path / "report.dcm"], capture_output=True, text=True, check=False
    )

    assert [line for line in told.stderr.splitlines() if line.startswith("Error")] == []

"""De-identified copies: nothing that names the patient stays, and what belongs together does."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from app.anonymise import Pseudonyms, Retain, anonymise_dataset, anonymise_file, anonymise_studies
from app.anonymise_table import ACTIONS, DEVICE
from app.cli import main
from app.errors import DamagedFile
from tests.oct_files import bscans, opened, pixels_of, rewrite, the_volume, write, write_linked
from tests.shared_data import SHARED, needs_shared

SECRETS = (
    "Doe",
    "Jane",
    "P1",
    "19500102",
    "Macula",
    "SN-4711",
    "Dr. Who",
    "St. Elsewhere",
    "Hidden",
)


def identifying(dataset: Dataset) -> None:
    dataset.DeviceSerialNumber = "SN-4711"
    dataset.OperatorsName = "Dr. Who"
    dataset.InstitutionName = "St. Elsewhere"
    dataset.PatientComments = "Doe, Jane"
    block = dataset.private_block(0x0011, "MAKER", create=True)
    block.add_new(0x01, "LO", "Hidden")
    request = Dataset()
    request.RequestedProcedureDescription = "Jane Doe"
    request.AccessionNumber = "P1"
    dataset.RequestAttributesSequence = [request]
    inner = dataset.SharedFunctionalGroupsSequence[0].FrameAnatomySequence[0]
    inner.private_block(0x0011, "MAKER", create=True).add_new(0x02, "LO", "Hidden")
    dataset.preamble = b"Doe".ljust(128, b"\0")


def test_no_byte_of_the_patients_identity_is_left(tmp_path: Path):
    path = write(tmp_path / "in.dcm", bscans(3), change=identifying)
    anonymise_file(path, tmp_path / "out.dcm", Pseudonyms(), Retain())
    content = (tmp_path / "out.dcm").read_bytes()
    assert all(secret.encode() in path.read_bytes() for secret in SECRETS)
    assert not [secret for secret in SECRETS if secret.encode() in content]
    before, after = the_volume(path), the_volume(tmp_path / "out.dcm")
    assert np.array_equal(pixels_of(before), pixels_of(after))
    assert (before.spacing, before.laterality, before.order) == (
        after.spacing, after.laterality, after.order
    )  # fmt: skip
    assert after.acquired is None
    assert opened(tmp_path / "out.dcm").studies[0].visited is None


def test_the_copy_says_how_it_was_made(tmp_path: Path):
    path = write(tmp_path / "in.dcm", bscans(1), change=identifying)
    anonymise_file(path, tmp_path / "out.dcm", Pseudonyms(), Retain(device=True, dates=True))
    dataset = pydicom.dcmread(tmp_path / "out.dcm")
    assert dataset.PatientIdentityRemoved == "YES"
    codes = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113109", "113106"]
    assert dataset.LongitudinalTemporalInformationModified == "UNMODIFIED"
    assert dataset.DeviceSerialNumber == "SN-4711"
    assert dataset.StudyDate == "20240506"
    assert dataset.PatientBirthDate == ""
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID


def test_every_attribute_of_the_standards_table_is_dealt_with(tmp_path: Path):
    dataset = pydicom.dcmread(write(tmp_path / "in.dcm", bscans(1)))
    added = []
    for tag in ACTIONS:
        vr = pydicom.datadict.dictionary_VR(tag) if pydicom.datadict.dictionary_has_tag(tag) else ""
        if vr in ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "AE", "CS") and tag not in dataset:
            dataset.add_new(tag, vr, "TELLTALE")
            added.append(tag)
    assert len(added) > 250
    anonymise_dataset(dataset, Pseudonyms(), Retain())
    assert not [tag for tag in added if tag in dataset and dataset[tag].value == "TELLTALE"]


def test_what_tells_the_device_is_kept_if_asked_for_and_only_that(tmp_path: Path):
    assert set(ACTIONS) >= DEVICE
    dataset = pydicom.dcmread(write(tmp_path / "in.dcm", bscans(1)))
    for tag in filter(pydicom.datadict.dictionary_has_tag, ACTIONS):
        vr = pydicom.datadict.dictionary_VR(tag)
        if vr in ("LO", "SH", "LT", "ST", "UT", "UC", "AE") and tag not in dataset:
            dataset.add_new(tag, vr, "TELLTALE")
    anonymise_dataset(dataset, Pseudonyms(), Retain(device=True))
    kept = {int(element.tag) for element in dataset if element.value == "TELLTALE"}
    assert len(kept) > 20
    assert kept <= DEVICE


def test_what_belongs_together_still_does(tmp_path: Path):
    write_linked(tmp_path / "in", bscans(3), bscans(1)[0])
    studies = opened(tmp_path / "in").studies
    copies = anonymise_studies(studies, tmp_path / "out")
    assert len(copies.written) == 2
    before = the_volume(tmp_path / "in")
    (study,) = opened(tmp_path / "out").studies
    (after,) = study.volumes
    assert after.localizer is not None
    assert after.bscans[1].location == before.bscans[1].location
    assert after.uid != before.uid
    assert study.uid != studies[0].uid
    assert study.patient.identifier is not None
    assert study.patient.identifier.startswith("ANON-")


def test_two_visits_of_one_patient_keep_one_pseudonym(tmp_path: Path):
    for visit in ("1", "2"):
        write(tmp_path / "in" / f"{visit}.dcm", bscans(1), study=f"1.2.{visit}", uid=f"1.{visit}")
    anonymise_studies(opened(tmp_path / "in").studies, tmp_path / "out")
    patients = {study.patient for study in opened(tmp_path / "out").studies}
    assert len(patients) == 1
    again = anonymise_studies(opened(tmp_path / "in").studies, tmp_path / "again")
    assert patients.isdisjoint(each.patient for each in opened(*again.written).studies)


def test_pictures_are_copied_as_dicom_without_their_names(tmp_path: Path):
    (tmp_path / "Doe Jane").mkdir()
    Image.fromarray(bscans(1)[0]).save(tmp_path / "Doe Jane" / "Doe.png")
    (study,) = opened(tmp_path / "Doe Jane").studies
    copies = anonymise_studies([study], tmp_path / "out")
    assert "eye of this volume is unknown" in str(copies.failures[0])
    assert main(
        ["anonymise", str(tmp_path / "Doe Jane"), "--out", str(tmp_path / "out"), "--eye", "OD"]
    ) == 0  # fmt: skip
    (path,) = (each for each in (tmp_path / "out").rglob("*.dcm"))
    assert b"Doe" not in path.read_bytes()


@pytest.mark.parametrize(
    ("says", "modality", "words"),
    [("YES", "OPT", "carry burned-in text"), (None, "OP", "do not say"), ("NO", "OP", None)],
)
def test_burned_in_text_is_warned_about(tmp_path: Path, says, modality: str, words):
    def change(dataset: Dataset) -> None:
        del dataset.BurnedInAnnotation
        dataset.Modality = modality
        if says:
            dataset.BurnedInAnnotation = says

    path = write(tmp_path / "in.dcm", bscans(1), change=change)
    warnings = anonymise_file(path, tmp_path / "out.dcm", Pseudonyms(), Retain())
    assert bool(warnings) == (words is not None)
    assert words is None or words in warnings[0]


@needs_shared
@pytest.mark.parametrize("name", ["example-dcms_fundus.dcm", "cataract_eye.dcm"])
def test_files_of_real_machines_lose_what_identifies(tmp_path: Path, name: str):
    assert SHARED is not None
    path = SHARED / "samples" / "dicom" / name
    before = pydicom.dcmread(path)
    anonymise_file(path, tmp_path / "out.dcm", Pseudonyms(), Retain())
    after = pydicom.dcmread(tmp_path / "out.dcm")
    assert after.PixelData == before.PixelData
    assert not [element for element in after.iterall() if element.tag.is_private]
    content = (tmp_path / "out.dcm").read_bytes()
    for keyword in ("PatientID", "StudyInstanceUID", "SOPInstanceUID", "StudyDate"):
        assert str(before[keyword].value).encode() not in content
    # Short as it is, its digits may stand elsewhere.
    assert after.get("DeviceSerialNumber") != before.DeviceSerialNumber


def test_a_damaged_file_gives_a_sentence_and_no_copy(tmp_path: Path):
    path = write(tmp_path / "in.dcm", bscans(1))
    rewrite(path, lambda dataset: None)
    path.write_bytes(b"no dicom at all")
    with pytest.raises(DamagedFile):
        anonymise_file(path, tmp_path / "out.dcm", Pseudonyms(), Retain())
    assert not (tmp_path / "out.dcm").exists()

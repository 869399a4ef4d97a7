"""Files of Heidelberg and Zeiss: what they say is taken, and nothing is invented."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.study import Laterality, Patient, Spacing
from tests.oct_files import bscans, failure_of, opened, pixels_of, the_volume
from tests.shared_data import SHARED, needs_shared
from tests.vendor_files import write_vol


def test_a_vol_file_is_read_as_heyex_shows_it(tmp_path: Path):
    frames = bscans(5)
    path = write_vol(tmp_path / "a.vol", frames, order=[3, 0, 4, 1, 2])
    volume = the_volume(path)
    assert np.abs(pixels_of(volume).astype(int) - np.stack(frames)).max() <= 1
    assert volume.order == "location on the localizer"
    assert volume.laterality is Laterality.LEFT
    assert volume.spacing == Spacing(axial_mm=0.0039, lateral_mm=0.011, between_mm=0.12)
    assert volume.localizer is not None
    assert volume.localizer.load().shape == (60, 60)
    assert volume.localizer.spacing_mm == (0.02, 0.02)
    assert volume.bscans[0].location == (pytest.approx((5, 5)), pytest.approx((5, 55)))
    (study,) = opened(path).studies
    assert study.patient == Patient(identifier="01234", birth_date=study.patient.birth_date)
    assert f"{study.patient.birth_date} {study.visited}" == "1951-10-03 2017-01-11"


def test_identifiers_made_for_a_study_tell_nothing_of_the_patient(tmp_path: Path):
    vol = write_vol(tmp_path / "a.vol", bscans(2))
    cube = tmp_path / CUBE
    cube.write_bytes(np.stack(bscans(5, rows=512, columns=32)).tobytes())
    for path in (vol, cube):
        (study,) = opened(path).studies
        for uid in (study.uid, study.volumes[0].uid):
            assert uid.startswith("2.25.")
            assert not any(word in uid for word in ("01234", "1951", "P7", "2017", "2010-"))


def test_files_of_patients_without_a_number_are_not_joined(tmp_path: Path):
    for seed in (1, 2):
        path = write_vol(tmp_path / f"{seed}.vol", bscans(2, seed=seed))
        path.write_bytes(path.read_bytes().replace(b"01234", b"\0" * 5))

    assert len(opened(tmp_path / "1.vol", tmp_path / "2.vol").studies) == 2


def test_a_circle_around_the_disc_is_read(tmp_path: Path):
    volume = the_volume(write_vol(tmp_path / "a.vol", bscans(1), pattern=2))
    location = volume.bscans[0].location
    assert location is not None
    assert location[0] == pytest.approx((30, 45))
    assert location[-1] == pytest.approx(location[0])
    assert all(np.hypot(row - 30, column - 30) == pytest.approx(15) for row, column in location)
    assert volume.spacing.between_mm is None


def test_values_without_reflectivity_are_black(tmp_path: Path):
    path = write_vol(tmp_path / "a.vol", bscans(1))
    data = bytearray(path.read_bytes())
    data[-96 * 4 :] = struct.pack("<f", 3.4028235e38) * 95 + struct.pack("<f", float("nan"))
    path.write_bytes(data)
    assert not the_volume(path).bscans[0].pixels()[-1].any()


def test_an_eye_that_the_file_does_not_name_is_unknown(tmp_path: Path):
    volume = the_volume(write_vol(tmp_path / "a.vol", bscans(1), eye=b"\0\0"))
    assert volume.laterality is Laterality.UNKNOWN


def test_a_cut_vol_file_is_refused(tmp_path: Path):
    path = write_vol(tmp_path / "a.vol", bscans(3))
    path.write_bytes(path.read_bytes()[:-10])
    assert failure_of(path) == "The file is cut: its header promises 3 frames and it holds 2."
    path.write_bytes(path.read_bytes()[:1000])
    assert "cut within its header" in failure_of(path)


def test_a_vol_file_of_absurd_size_is_refused(tmp_path: Path):
    path = write_vol(tmp_path / "a.vol", bscans(1))
    data = bytearray(path.read_bytes())
    data[12:24] = struct.pack("<3I", 60000, 1000, 60000)
    path.write_bytes(data)
    assert "more than any scanner makes" in failure_of(path)


def test_a_vol_file_with_a_localizer_of_absurd_size_is_refused(tmp_path: Path):
    path = write_vol(tmp_path / "a.vol", bscans(2))
    data = bytearray(path.read_bytes())
    data[48:56] = b"\xff" * 8
    path.write_bytes(data)
    assert "more than any scanner makes" in failure_of(path)


@needs_shared
def test_a_real_spectralis_line_scan_is_read():
    assert SHARED is not None
    volume = the_volume(SHARED / "samples" / "vol" / "spectralis-line.vol")
    assert volume.laterality is Laterality.RIGHT
    assert volume.spacing.axial_mm == pytest.approx(0.003872, abs=1e-6)
    assert volume.spacing.lateral_mm == pytest.approx(0.011821, abs=1e-6)
    assert volume.spacing.between_mm is None
    assert str(volume.acquired)[:10] == "2017-01-11"
    pixels = volume.bscans[0].pixels()
    assert pixels.shape == (496, 768)
    # The fovea: the retina's surface lies lowest in the middle third.
    surface = (pixels[:200] > 60).argmax(axis=0)
    assert 300 < int(surface[100:650].argmax()) + 100 < 450


@needs_shared
def test_a_synthetic_spectralis_volume_is_read():
    assert SHARED is not None
    volume = the_volume(SHARED / "samples" / "vol" / "synthetic-volume.vol")
    assert pixels_of(volume).shape == (10, 40, 50)


# HEYEX XML


@pytest.fixture
def export(tmp_path: Path) -> Path:
    assert SHARED is not None
    folder = tmp_path / "export"
    folder.mkdir()
    for path in (SHARED / "samples" / "xml" / "synthetic-volume").iterdir():
        shutil.copyfile(path, folder / path.name)
    return folder


@needs_shared
def test_a_heyex_export_is_read_with_its_pictures(export: Path):
    (study,) = opened(export).studies
    (volume,) = study.volumes
    assert study.patient.name == "Doe, John"
    assert study.patient.identifier == "Study-01"
    assert f"{study.visited}" == "2000-01-01"
    assert volume.laterality is Laterality.RIGHT
    assert volume.spacing.axial_mm == 0.003872
    assert volume.spacing.lateral_mm == 0.011819
    assert pixels_of(volume).shape == (10, 40, 50)
    assert volume.localizer is not None
    assert volume.localizer.source.path.name == "NIR1.tif"
    names = {bscan.source.path.name for bscan in volume.bscans}
    assert names == {f"B{number}.tif" for number in range(1, 11)}


@needs_shared
def test_a_picture_that_the_export_does_not_name_is_not_taken_for_a_study(export: Path):
    (skipped,) = opened(export).skipped
    assert skipped.path.name == "B11.tif"
    assert not skipped.failed


@needs_shared
def test_an_export_whose_pictures_are_missing_is_refused(export: Path):
    (export / "B3.tif").unlink()
    result = opened(export)
    assert result.studies == ()
    assert any("not beside it" in skipped.reason and skipped.failed for skipped in result.skipped)


@needs_shared
def test_a_picture_of_another_size_than_the_xml_says_is_refused(export: Path):
    Image.fromarray(bscans(1)[0]).save(export / "B3.tif")
    assert any("where the XML says 40 x 50" in each.reason for each in opened(export).skipped)


@needs_shared
def test_damaged_or_tricky_xml_is_refused(export: Path):
    (path,) = export.glob("*.xml")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert any("damaged or cut" in each.reason for each in opened(export).skipped)
    path.write_bytes(b'<!DOCTYPE x [<!ENTITY a "b">]>' + whole)
    assert any("definitions of its own" in each.reason for each in opened(export).skipped)


@needs_shared
def test_eyes_that_contradict_each_other_leave_the_eye_unknown(export: Path):
    (path,) = export.glob("*.xml")
    text = path.read_bytes().replace(
        b"<Laterality>R</Laterality>", b"<Laterality>L</Laterality>", 1
    )
    path.write_bytes(text)
    (volume,) = opened(export).studies[0].volumes
    assert volume.laterality is Laterality.UNKNOWN
    assert "both eyes" in volume.notes[0]


# Cirrus


CUBE = "P7_Macular Cube 32x5_1-31-2010_10-11-12_OD_sn1234_cube_z.img"


def test_a_cirrus_cube_is_turned_round(tmp_path: Path):
    frames = bscans(5, rows=512, columns=32)
    path = tmp_path / CUBE
    path.write_bytes(np.stack(frames)[::-1, ::-1, ::-1].tobytes())
    volume = the_volume(path)
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.laterality is Laterality.RIGHT
    assert volume.spacing == Spacing()
    assert str(volume.acquired) == "2010-01-31 10:11:12"
    assert opened(path).studies[0].patient.identifier == "P7"
    assert "published layout" in volume.notes[0]


def test_an_img_file_that_is_no_cube_or_is_cut_is_refused(tmp_path: Path):
    (tmp_path / "disk.img").write_bytes(bytes(5000))
    assert "Its name does not tell" in failure_of(tmp_path / "disk.img")
    (tmp_path / CUBE).write_bytes(bytes(512 * 32 * 5 - 1))
    assert "promises 5 B-scans of 32" in failure_of(tmp_path / CUBE)


def test_documents_are_skipped_by_name(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftyp" + bytes(100))
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7")
    assert [each.failed for each in opened(tmp_path).skipped] == [False, False]


# What the samples of real machines are


@needs_shared
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cataract_eye.dcm", "a photograph of the eye"),
        ("example-dcms_fundus.dcm", "a photograph of the eye"),
        ("same-time_00000066", "a photograph of the eye"),
        ("example-dcms_OT.dcm", "raw data of the device"),
        ("dummy_ex_dummy.dcm", "does not say what it is"),
        ("DICOMDIR", "3 of the 3 files that it lists are missing"),
    ],
)
def test_real_files_that_are_not_oct_are_skipped_by_name(name: str, words: str):
    assert SHARED is not None
    (skipped,) = opened(SHARED / "samples" / "dicom" / name).skipped
    assert words in skipped.reason
    assert skipped.failed == (name == "DICOMDIR")


@needs_shared
def test_a_real_heyex_localizer_is_decoded():
    """JPEG lossless SV1 as HEYEX writes it, by the same path that linked localizers take."""
    assert SHARED is not None
    from app.reading.dicom.instance import Instance, read_instance
    from app.reading.dicom.pixels import read_stored
    from app.reading.entries import entry_at

    path = SHARED / "samples" / "dicom" / "example-dcms_fundus.dcm"
    instance = read_instance(entry_at(path, path.stat().st_size))
    assert isinstance(instance, Instance)
    assert instance.eye is Laterality.RIGHT
    assert instance.frames[0].axial_mm is not None
    pixels = read_stored(instance.places, 0)
    assert pixels.shape == (768, 768)
    assert pixels.std() > 20

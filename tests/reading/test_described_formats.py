"""Formats known from others' descriptions: what a file says is taken, and nothing is invented.

The files are written by those descriptions (`tests.vendor_files`), since none of a real machine is
at hand; every volume says so.
"""

import struct
from pathlib import Path

import numpy as np
import pytest

from app.study import Laterality, Patient, Spacing, Volume
from tests.oct_files import bscans, failure_of, opened, pixels_of, the_volume
from tests.vendor_files import (
    e2e_bscan_facts,
    e2e_image,
    e2e_patient,
    e2e_pieces,
    write_avi,
    write_bioptigen,
    write_e2e,
    write_fda,
    write_fds,
    write_nidek,
    write_optovue,
)


def one(*paths: Path) -> Volume:
    """The one volume, which must say that its format is known by description only."""
    volume = the_volume(*paths)
    assert "has not met a file of a real machine" in volume.notes[0]
    return volume


def spread(frames: list[np.ndarray]) -> np.ndarray:
    """How values of no known meaning are shown: by the range that they fill."""
    values = np.stack(frames).astype(float)
    return np.rint(values * 255 / values.max()).astype(np.uint8)


# Heidelberg E2E


@pytest.mark.parametrize("several", [False, True])
def test_an_e2e_file_gives_eye_date_depth_and_slices_in_order(tmp_path: Path, several: bool):
    frames = bscans(5)
    path = write_e2e(tmp_path / "a.E2E", e2e_pieces(frames), several=several)
    volume = one(path)
    assert np.abs(pixels_of(volume).astype(int) - np.stack(frames)).max() <= 1
    assert volume.order == "slice number"
    assert volume.laterality is Laterality.LEFT
    assert volume.spacing == Spacing(axial_mm=pytest.approx(0.0039))
    assert str(volume.acquired)[:10] == "2017-01-10"
    assert volume.localizer is not None
    assert volume.localizer.load().shape == (30, 40)
    assert volume.localizer.spacing_mm is None
    assert volume.bscans[0].location is None
    (study,) = opened(path).studies
    # Its descriptions do not agree on the birth date.
    assert study.patient == Patient(identifier="P1", name="Doe, Jane", sex="F")


def test_series_and_patients_of_one_e2e_file_stay_apart(tmp_path: Path):
    right = e2e_pieces(bscans(2), eye=b"R", series=(7, 1, 1))
    left = e2e_pieces(bscans(3, seed=9), eye=b"L", series=(7, 1, 2))
    other = e2e_pieces(bscans(2), series=(8, 1, 3))
    other[0] = (8, -1, -1, -1, 9, e2e_patient("Richard", "Roe", "P2"))
    studies = opened(write_e2e(tmp_path / "a.e2e", [*right, *left, *other])).studies
    found = {
        study.patient.name: [(each.laterality.value, len(each.bscans)) for each in study.volumes]
        for study in studies
    }
    assert found == {"Doe, Jane": [("OD", 2), ("OS", 3)], "Roe, Richard": [("OS", 2)]}
    assert len({study.uid for study in studies}) == 2


def test_an_e2e_file_that_contradicts_itself_leaves_the_eye_and_the_depth_unknown(tmp_path: Path):
    pieces = e2e_pieces(bscans(2))
    pieces.append((7, 1, 1, -1, 11, bytes(14) + b"R" + bytes(12)))
    pieces.append((7, 1, 1, 2, 10004, e2e_bscan_facts(scale=0.005)))
    volume = one(write_e2e(tmp_path / "a.e2e", pieces))
    assert volume.laterality is Laterality.UNKNOWN
    assert "names both eyes" in volume.notes[1]
    assert volume.spacing == Spacing()


def test_what_has_no_reflectivity_in_an_e2e_file_is_black(tmp_path: Path):
    path = write_e2e(tmp_path / "a.e2e", e2e_pieces(bscans(1)))
    data = bytearray(path.read_bytes())
    at = data.index(e2e_image(bscans(1)[0])[:20]) + 20
    data[at : at + 2 * 96] = b"\xff" * (2 * 96)
    path.write_bytes(data)
    pixels = one(path).bscans[0].pixels()
    assert not pixels[0].any()
    assert np.array_equal(pixels[1:], bscans(1)[0][1:])


def test_pieces_that_anonymisation_spoiled_say_nothing(tmp_path: Path):
    path = write_e2e(tmp_path / "a.e2e", e2e_pieces(bscans(2)))
    data = bytearray(path.read_bytes())
    at = data.index(b"MDbData")  # of the patient, whose piece comes first
    data[at : at + 4] = b"XXXX"
    path.write_bytes(data)
    assert len(one(path).bscans) == 2
    assert opened(path).studies[0].patient == Patient()


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (b"MDbMDir", b"X", "directory is damaged or missing"),
        (b"MDbDir\0", b"X", "directory is damaged or missing"),
        (e2e_image(bscans(1)[0])[:20], struct.pack("<5I", 9, 0x02200201, 9, 60000, 60000), "60000"),
        (e2e_image(bscans(1)[0])[:20], struct.pack("<5I", 9, 0x02200201, 9, 99, 96), "smaller"),
    ],
)
def test_a_damaged_e2e_file_is_refused(tmp_path: Path, place: bytes, value: bytes, words: str):
    path = write_e2e(tmp_path / "a.e2e", e2e_pieces(bscans(2)))
    data = bytearray(path.read_bytes())
    at = data.index(place)
    data[at : at + len(value)] = value
    path.write_bytes(data)
    assert words in failure_of(path)


def test_a_cut_e2e_file_or_one_whose_directories_run_in_a_circle_is_refused(tmp_path: Path):
    path = write_e2e(tmp_path / "a.e2e", e2e_pieces(bscans(2)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-600])
    assert "an image that its directory names is not there" in failure_of(path)
    data = bytearray(whole)
    at = data.index(b"MDbDir\0")
    struct.pack_into("<I", data, at + 44, at)  # the earliest names itself as the one before
    path.write_bytes(data)
    assert "run in a circle" in failure_of(path)
    path.write_bytes(write_e2e(path, e2e_pieces([])).read_bytes())
    assert "without B-scans" in failure_of(path)


# Topcon


def test_an_fda_file_gives_patient_eye_date_scale_and_pixels(tmp_path: Path):
    frames = bscans(4)
    path = write_fda(tmp_path / "a.fda", frames, eye=0)
    volume = one(path)
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.laterality is Laterality.RIGHT
    assert volume.spacing == Spacing(
        axial_mm=pytest.approx(0.0026), lateral_mm=6 / 96, between_mm=1.5
    )
    assert str(volume.acquired) == "2019-03-04 05:06:07"
    assert volume.device == "Topcon 3DOCT-2000"
    (study,) = opened(path).studies
    assert (study.patient.identifier, study.patient.name) == ("T9", "Doe, Jane")
    assert str(study.patient.birth_date) == "1950-01-02"
    assert study.patient.sex is None  # described in two ways


def test_star_scans_of_topcon_have_no_distance_between_bscans(tmp_path: Path):
    volume = one(write_fda(tmp_path / "a.fda", bscans(3), pattern=3))
    assert volume.spacing.between_mm is None


def test_an_fds_file_is_shown_by_the_range_of_its_values(tmp_path: Path):
    frames = bscans(4)
    volume = one(write_fds(tmp_path / "a.fds", frames))
    assert np.array_equal(pixels_of(volume), spread(frames))
    assert volume.laterality is Laterality.LEFT
    assert "range that they fill" in volume.notes[1]


def test_an_eye_that_topcon_names_by_neither_number_is_unknown(tmp_path: Path):
    assert one(write_fda(tmp_path / "a.fda", bscans(1), eye=2)).laterality is Laterality.UNKNOWN


@pytest.mark.parametrize("write", [write_fda, write_fds])
def test_a_cut_topcon_file_is_refused(tmp_path: Path, write):
    path = write(tmp_path / "a.fda", bscans(3))
    path.write_bytes(path.read_bytes()[:-200])
    assert "cut or damaged" in failure_of(path)


def test_a_topcon_file_that_promises_what_it_has_not_is_refused(tmp_path: Path):
    path = write_fda(tmp_path / "a.fda", bscans(2))
    data = bytearray(path.read_bytes())
    at = data.index(b"@IMG_JPEG") + 13
    for offset, number, words in ((17, 9, "promises 9 frames and it holds 2"), (9, 60000, "60000")):
        changed = data.copy()
        struct.pack_into("<I", changed, at + offset, number)
        path.write_bytes(changed)
        assert words in failure_of(path)
    path.write_bytes(data[: data.index(b"@IMG_JPEG") - 1])
    assert "without B-scans in a form that is read here" in failure_of(path)


# Bioptigen


def test_a_bioptigen_file_gives_scale_date_and_pixels_and_no_eye(tmp_path: Path):
    frames = bscans(4)
    volume = one(write_bioptigen(tmp_path / "a.OCT", frames))
    assert np.array_equal(pixels_of(volume), spread(frames))
    assert volume.laterality is Laterality.UNKNOWN
    assert volume.spacing == Spacing(
        axial_mm=pytest.approx(0.003), lateral_mm=pytest.approx(0.01), between_mm=1.25
    )
    assert str(volume.acquired) == "2013-05-06 07:08:09.010000"


def test_each_pass_of_a_time_series_is_a_volume(tmp_path: Path):
    frames = bscans(6)
    path = write_bioptigen(tmp_path / "a.OCT", frames, scans=3)
    (study,) = opened(path).studies
    assert [len(volume.bscans) for volume in study.volumes] == [3, 3]
    assert len({volume.uid for volume in study.volumes}) == 2


def test_a_cut_or_mixed_bioptigen_file_is_refused(tmp_path: Path):
    path = write_bioptigen(tmp_path / "a.OCT", bscans(3))
    path.write_bytes(path.read_bytes()[:-300])
    assert "cut" in failure_of(path)
    assert "mixed density" in failure_of(write_bioptigen(path, bscans(2), kind=6))


# Optovue


def test_an_optovue_file_is_read_with_the_text_beside_it(tmp_path: Path):
    frames = bscans(4)
    path = write_optovue(tmp_path / "Doe, Jane_3D_OS_2014-02-03_10.11.12_1.OCT", frames)
    volume = one(tmp_path)
    assert np.array_equal(pixels_of(volume), spread(frames))
    assert volume.laterality is Laterality.LEFT
    assert volume.spacing == Spacing(
        axial_mm=2 / 64, lateral_mm=pytest.approx(7 / 96), between_mm=0.05
    )
    assert str(volume.acquired) == "2014-02-03 10:11:12"
    assert volume.bscans[0].source.path == path


def test_an_optovue_file_without_its_text_or_of_another_size_is_refused(tmp_path: Path):
    path = write_optovue(tmp_path / "a.OCT", bscans(3))
    assert "not beside it" in failure_of(path)
    path.write_bytes(path.read_bytes()[:-4])
    assert "another size" in opened(tmp_path).skipped[0].reason
    path.unlink()
    (skipped,) = opened(tmp_path).skipped
    assert (skipped.failed, skipped.path.name) == (False, "a.txt")


# Nidek


def test_a_nidek_export_is_read_with_its_pictures(tmp_path: Path):
    frames = bscans(3)
    write_nidek(tmp_path / "export", frames)
    volume = one(tmp_path)
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.laterality is Laterality.RIGHT
    assert volume.spacing == Spacing(axial_mm=pytest.approx(0.0041))
    assert volume.device == "NIDEK RS-3000"
    assert volume.localizer is not None
    assert volume.localizer.spacing_mm == (0.015, 0.015)
    assert str(opened(tmp_path).studies[0].visited) == "2018-02-03"


def test_a_nidek_export_whose_pictures_are_missing_is_refused(tmp_path: Path):
    write_nidek(tmp_path / "export", bscans(3))
    (tmp_path / "export" / "Fooct_c_002.bmp").unlink()
    reasons = [each.reason for each in opened(tmp_path).skipped if each.failed]
    assert reasons == ["It is a Nidek export, but pictures that it names are not beside it."]


# Films


@pytest.mark.parametrize(
    ("codec", "bits", "columns"),
    [(bytes(4), 24, 97), (bytes(4), 8, 97), (bytes(4), 32, 96), (b"Y800", 8, 96)],
)
def test_an_uncompressed_film_keeps_every_pixel(tmp_path, codec: bytes, bits: int, columns: int):
    frames = bscans(3, columns=columns)
    volume = the_volume(write_avi(tmp_path / "a.avi", frames, codec=codec, bits=bits))
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.laterality is Laterality.UNKNOWN
    assert volume.spacing == Spacing()
    assert "does not say whose eye" in volume.notes[0]


def test_a_film_of_jpegs_is_near_and_its_loss_is_noted(tmp_path: Path):
    frames = bscans(3)
    volume = the_volume(write_avi(tmp_path / "a.avi", frames, codec=b"MJPG"))
    assert np.abs(pixels_of(volume).astype(int) - np.stack(frames)).mean() < 3
    assert "compressed with loss (Motion JPEG)" in volume.notes[1]


def test_a_film_compressed_otherwise_is_named_with_what_to_do(tmp_path: Path):
    reason = failure_of(write_avi(tmp_path / "a.avi", bscans(2), codec=b"XVID"))
    assert "XVID" in reason
    assert "Export the B-scans as DICOM or pictures" in reason


def test_a_cut_film_is_refused(tmp_path: Path):
    path = write_avi(tmp_path / "a.avi", bscans(2))
    path.write_bytes(path.read_bytes()[:-30])
    assert "cut or damaged" in failure_of(path)


def test_every_described_format_is_read_from_an_archive_too(tmp_path: Path):
    import zipfile

    frames = bscans(2)
    write_e2e(tmp_path / "a.e2e", e2e_pieces(frames))
    write_fda(tmp_path / "a.fda", frames)
    write_bioptigen(tmp_path / "b.OCT", frames)
    write_optovue(tmp_path / "c.OCT", frames)
    write_avi(tmp_path / "a.avi", frames)
    write_nidek(tmp_path / "nidek", frames)
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.relative_to(tmp_path))
    result = opened(tmp_path / "all.zip")
    assert [each for each in result.skipped if each.failed] == []
    volumes = [volume for study in result.studies for volume in study.volumes]
    assert len(volumes) == 6
    assert all(bscan.pixels().any() for volume in volumes for bscan in volume.bscans)

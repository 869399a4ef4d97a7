"""What is written as DICOM is conformant, and reads back as it was."""

import io
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit

from app.cli import main
from app.convert import convert_studies, write_opt
from app.errors import DamagedFile, ReportError, UsageError
from app.study import BScan, Laterality, Spacing
from tests.oct_files import (
    bscans,
    compress,
    opened,
    pixels_of,
    study_of,
    the_volume,
    volume_of,
    with_localizer,
    write,
    write_linked,
    write_single_frames,
)
from tests.shared_data import SHARED, needs_shared
from tests.vendor_files import (
    e2e_pieces,
    write_avi,
    write_bioptigen,
    write_e2e,
    write_fda,
    write_fds,
    write_nidek,
    write_optovue,
    write_vol,
)

CONTRADICTIONS = ("ConcatenationFrameOffsetNumber", "InConcatenation")
"""What dciodvfy asks of every tomography object, though only parts of a concatenation have it."""


def complaints(path: Path) -> list[str]:
    told = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False
    )
    return [
        line
        for line in (told.stdout + told.stderr).splitlines()
        if line.startswith("Error") and not any(word in line for word in CONTRADICTIONS)
    ]


def write_pictures(folder: Path, suffix: str) -> None:
    for number, frame in enumerate(bscans(3)):
        Image.fromarray(frame).save(folder / f"{number}{suffix}")


def write_cube(folder: Path) -> None:
    name = "P7_Macular Cube 32x5_1-31-2010_10-11-12_OD_sn1234_cube_z.img"
    (folder / name).write_bytes(np.stack(bscans(5, rows=512, columns=32)).tobytes())


FORMS: dict[str, Callable[[Path], object]] = {
    "DICOM with its localizer": lambda folder: write_linked(folder, bscans(3), bscans(1)[0]),
    "DICOM single frames": lambda folder: write_single_frames(folder, bscans(3), series="1.2.77"),
    "DICOM JPEG": lambda folder: compress(
        write(folder / "a.dcm", bscans(3)), JPEGBaseline8Bit, jpeg, bscans(3)
    ),
    "VOL": lambda folder: write_vol(folder / "a.vol", bscans(3)),
    "VOL circle": lambda folder: write_vol(folder / "a.vol", bscans(1), pattern=2),
    "E2E": lambda folder: write_e2e(folder / "a.e2e", e2e_pieces(bscans(3))),
    "FDA": lambda folder: write_fda(folder / "a.fda", bscans(3)),
    "FDS": lambda folder: write_fds(folder / "a.fds", bscans(3)),
    "Bioptigen": lambda folder: write_bioptigen(folder / "a.OCT", bscans(3)),
    "Optovue": lambda folder: write_optovue(folder / "a.OCT", bscans(3)),
    "Nidek": lambda folder: write_nidek(folder, bscans(3)),
    "IMG": write_cube,
    "AVI": lambda folder: write_avi(folder / "a.avi", bscans(3)),
    "Motion JPEG": lambda folder: write_avi(folder / "a.avi", bscans(3), codec=b"MJPG"),
    "PNG": lambda folder: write_pictures(folder, ".png"),
    "JPEG": lambda folder: write_pictures(folder, ".jpg"),
    "TIFF": lambda folder: write_pictures(folder, ".tif"),
}


def jpeg(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_is_read_is_converted_and_opens_as_it_was(tmp_path: Path, form: str):
    (tmp_path / "in").mkdir()
    FORMS[form](tmp_path / "in")
    out = tmp_path / "out"
    arguments = ["convert", str(tmp_path / "in"), "--to", "dicom", str(out), "--eye", "OD"]
    assert main(arguments) == 0
    (before,) = (volume for study in opened(tmp_path / "in").studies for volume in study.volumes)
    (study,) = opened(out).studies
    (after,) = study.volumes
    assert np.array_equal(pixels_of(after), pixels_of(before))
    eye = before.laterality
    assert after.laterality is (Laterality.RIGHT if eye is Laterality.UNKNOWN else eye)
    scale = (before.spacing.axial_mm, before.spacing.lateral_mm)
    # DICOM gives the scale of a pixel both ways or not at all.
    scale = scale if None not in scale else (None, None)
    assert (after.spacing.axial_mm, after.spacing.lateral_mm) == pytest.approx(scale)
    assert after.spacing.between_mm == pytest.approx(before.spacing.between_mm)
    assert after.acquired == before.acquired
    assert (after.loss is None) == (before.loss is None)
    if shutil.which("dciodvfy") is None:
        pytest.skip("What was read back is right; dicom3tools, which checks it, is not installed.")
    assert [complaints(path) for path in sorted(out.rglob("*.dcm"))] == [
        [] for _ in out.rglob("*.dcm")
    ]


def test_images_with_burned_in_text_are_not_made_tomography_that_must_have_none(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        dataset.BurnedInAnnotation = "YES"

    volume = the_volume(write(tmp_path / "a.dcm", bscans(2), change=change))
    with pytest.raises(UsageError, match="burned-in text"):
        write_opt(volume, study_of(volume), tmp_path / "b.dcm")


def test_a_volume_without_scale_keeps_its_order(tmp_path: Path):
    frames = bscans(4)
    volume = volume_of(frames, spacing=Spacing(axial_mm=0.004, lateral_mm=0.01))
    write_opt(volume, study_of(volume), tmp_path / "a.dcm")
    read = the_volume(tmp_path / "a.dcm")
    assert read.order == "position in the stack"
    assert read.spacing == volume.spacing
    assert np.array_equal(pixels_of(read), np.stack(frames))


def test_writing_twice_gives_the_same_bytes(tmp_path: Path):
    volume = with_localizer(volume_of(bscans(2)), bscans(1)[0])
    for name in ("a.dcm", "b.dcm"):
        write_opt(volume, study_of(volume), tmp_path / name)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()


def test_an_unknown_eye_or_mixed_sizes_are_refused(tmp_path: Path):
    volume = volume_of(bscans(2))
    with pytest.raises(UsageError, match="eye of this volume is unknown"):
        write_opt(volume.on_eye(Laterality.UNKNOWN), study_of(volume), tmp_path / "a.dcm")
    mixed = volume_of([*bscans(1), *bscans(1, rows=32)])
    with pytest.raises(UsageError, match="differ in size"):
        write_opt(mixed, study_of(mixed), tmp_path / "a.dcm")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind_when_a_frame_or_the_disk_fails(tmp_path: Path):
    def fail() -> np.ndarray:
        raise DamagedFile("It is broken.")

    volume = volume_of(bscans(3))
    bad = replace(volume.bscans[2], load=fail)
    assert isinstance(bad, BScan)
    broken = replace(volume, bscans=(*volume.bscans[:2], bad))
    with pytest.raises(DamagedFile):
        write_opt(broken, study_of(broken), tmp_path / "a.dcm")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="could not be written"):
        write_opt(volume, study_of(volume), tmp_path / "file" / "a.dcm")


@needs_shared
def test_every_readable_sample_converts_and_reads_back(tmp_path: Path):
    assert SHARED is not None
    before = opened(SHARED / "samples").studies
    known = [
        replace(each, volumes=tuple(v.on_eye(Laterality.RIGHT) for v in each.volumes))
        for each in before
    ]
    written, failures = convert_studies(known, tmp_path)
    assert failures == []
    assert all("Doe" not in str(path) for path in written)
    result = opened(tmp_path)
    assert [each for each in result.skipped if each.failed] == []
    # Studies without a date come in any order.
    pixels = {np.stack([b.pixels() for b in v.bscans]).tobytes() for s in known for v in s.volumes}
    again = {pixels_of(v).tobytes() for s in result.studies for v in s.volumes}
    assert again == pixels


def test_pictures_are_converted_on_the_command_line_once_the_eye_is_told(tmp_path, capsys):
    frames = bscans(3)
    (tmp_path / "in").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "in" / f"{number}.png")
    arguments = ["convert", str(tmp_path / "in"), "--to", "dicom", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert "eye of this volume is unknown" in capsys.readouterr().err
    assert main([*arguments, "--eye", "OS"]) == 0
    volume = the_volume(tmp_path / "out")
    assert volume.laterality is Laterality.LEFT
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert main([*arguments[:3], "png", str(tmp_path / "out")]) == 2


def test_conversion_goes_on_after_a_file_that_cannot_be_read(tmp_path: Path, capsys):
    write(tmp_path / "in" / "a.dcm", bscans(2))
    (tmp_path / "in" / "b.dcm").write_bytes(b"no dicom")
    assert main(["convert", str(tmp_path / "in"), "--to", "dicom", str(tmp_path / "out")]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1

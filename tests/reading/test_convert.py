"""What is written as DICOM is conformant, and reads back as it was."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.convert import convert_studies, write_opt
from app.errors import DamagedFile, ReportError, UsageError
from app.study import BScan, Laterality, Spacing
from tests.oct_files import (
    bscans,
    opened,
    pixels_of,
    study_of,
    the_volume,
    volume_of,
    with_localizer,
    write,
    write_linked,
)
from tests.shared_data import SHARED, needs_shared

CONTRADICTIONS = ("ConcatenationFrameOffsetNumber", "InConcatenation")
"""What dciodvfy asks of every tomography object, though only parts of a concatenation have it."""


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_written_objects_pass_dciodvfy(tmp_path: Path):
    write_linked(tmp_path, bscans(5), bscans(1)[0])
    for name in ("volume.dcm", "localizer.dcm"):
        told = subprocess.run(
            ["dciodvfy", "-new", str(tmp_path / name)], capture_output=True, text=True, check=False
        )
        errors = [
            line
            for line in (told.stdout + told.stderr).splitlines()
            if line.startswith("Error") and not any(word in line for word in CONTRADICTIONS)
        ]
        assert errors == []


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

"""Plain pictures: one folder is one volume of an unknown eye, and says so."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import DamagedFile
from app.reading.dicom import workers
from app.reading.dicom.workers import WORKERS
from app.study import Laterality, Patient, Spacing
from tests.oct_files import bscans, failure_of, opened, pixels_of, the_volume
from tests.shared_data import needs_shared, some_of


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_a_folder_of_pictures_is_one_volume_in_natural_order(tmp_path: Path, suffix: str):
    frames = bscans(12)
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(tmp_path / f"B{number}{suffix}")
    volume = the_volume(tmp_path)
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.order == "file name"
    assert volume.laterality is Laterality.UNKNOWN
    assert volume.spacing == Spacing()
    assert "plain pictures" in volume.notes[0]
    assert opened(tmp_path).studies[0].patient == Patient()


def test_a_tiff_of_several_pages_is_one_volume(tmp_path: Path):
    frames = bscans(5)
    first, *rest = (Image.fromarray(frame) for frame in frames)
    first.save(tmp_path / "a.tiff", save_all=True, append_images=rest)
    volume = the_volume(tmp_path / "a.tiff")
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.order == "page"
    assert [bscan.source.frame_number for bscan in volume.bscans] == [1, 2, 3, 4, 5]


@needs_shared
def test_real_jpegs_are_read_as_they_are(tmp_path: Path):
    real = some_of("CNV", 3)
    result = opened(*(each.path for each in real))
    assert result.skipped == ()
    volumes = [volume for study in result.studies for volume in study.volumes]
    assert sum(len(volume.bscans) for volume in volumes) == 3
    shown = {bscan.source.path: bscan.pixels() for each in volumes for bscan in each.bscans}
    assert all(np.array_equal(shown[each.path], each.pixels()) for each in real)


def test_the_loss_of_jpegs_is_noted(tmp_path: Path):
    Image.fromarray(bscans(1)[0]).save(tmp_path / "a.jpg")
    volume = the_volume(tmp_path)
    assert volume.loss is not None
    assert volume.notes[-1] == "The images were compressed with loss (JPEG)."


def test_the_same_pictures_get_the_same_identifier_anywhere(tmp_path: Path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(bscans(1)[0]).save(tmp_path / folder / "x.png")
    assert the_volume(tmp_path / "a").uid == the_volume(tmp_path / "b").uid


def test_16_bits_colours_and_palettes_become_grey(tmp_path: Path):
    (frame,) = bscans(1)
    Image.fromarray(frame.astype(np.uint16) * 257).save(tmp_path / "1.png")
    Image.fromarray(np.stack([frame] * 3, -1)).save(tmp_path / "2.png")
    Image.fromarray(frame).convert("P").save(tmp_path / "3.png")
    assert np.array_equal(pixels_of(the_volume(tmp_path)), np.stack([frame] * 3))


def test_16_bits_that_fill_a_small_range_are_spread(tmp_path: Path):
    (frame,) = bscans(1)
    Image.fromarray(frame.astype(np.uint16)).save(tmp_path / "1.tif")
    assert pixels_of(the_volume(tmp_path)).max() == 255


def test_a_damaged_picture_is_reported_and_the_others_are_read(tmp_path: Path):
    for number, frame in enumerate(bscans(3)):
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:20])
    result = opened(tmp_path)
    assert len(result.studies[0].volumes[0].bscans) == 2
    assert result.skipped[0].failed


def test_a_picture_cut_in_its_pixels_fails_when_it_is_read(tmp_path: Path):
    path = tmp_path / "a.png"
    Image.fromarray(bscans(1)[0]).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    volume = the_volume(path)
    with pytest.raises(DamagedFile, match="damaged"):
        volume.bscans[0].pixels()


def test_a_picture_that_kills_its_decoder_costs_a_worker_and_not_the_window(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(bscans(1)[0]).save(path)
    volume = the_volume(path)
    # What a native decoder's crash looks like from here: the process is gone in mid-sentence.
    crash = (
        "import os, sys; from app.reading.dicom.decode import READY;"
        "sys.stdout.buffer.write(READY); sys.stdout.flush(); sys.stdin.read(1); os.abort()"
    )
    monkeypatch.setattr(workers, "_command", lambda: [sys.executable, "-c", crash])
    WORKERS.end()
    with pytest.raises(DamagedFile, match="its decoder had to stop"):
        volume.bscans[0].pixels()
    monkeypatch.undo()
    assert np.array_equal(volume.bscans[0].pixels(), bscans(1)[0])


def test_a_picture_that_vanishes_fails_with_a_sentence(tmp_path: Path):
    path = tmp_path / "a.png"
    Image.fromarray(bscans(1)[0]).save(path)
    volume = the_volume(path)
    path.unlink()
    with pytest.raises(DamagedFile, match="No such file"):
        volume.bscans[0].pixels()


def test_a_picture_of_one_pixel_or_of_billions_is_refused(tmp_path: Path):
    path = tmp_path / "a.png"
    Image.new("L", (1, 1)).save(path)
    assert "1 x 1" in failure_of(path)
    huge = bytearray(path.read_bytes())
    huge[16:24] = (60000).to_bytes(4) * 2
    path.write_bytes(huge)
    assert failure_of(path)


def test_that_pictures_that_begin_alike_are_not_taken_for_one(tmp_path):
    for name, grey in (("a", 60), ("b", 200)):
        frame = np.zeros((240, 320), np.uint8)
        frame[200:] = grey
        (tmp_path / name).mkdir()
        Image.fromarray(frame).save(tmp_path / name / "scan.tif")

    studies = opened(tmp_path / "a", tmp_path / "b").studies

    assert len({study.uid for study in studies}) == 2

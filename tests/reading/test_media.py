"""Archives and DICOMDIR media: everything on them is read, and nothing they try succeeds."""

import gc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.uid import DeflatedExplicitVRLittleEndian

from app.reading import archive, scratch
from app.reading.dicom import header
from tests.oct_files import bscans, failure_of, opened, pixels_of, rewrite, the_volume, write


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def write_medium(folder: Path, *paths: Path) -> None:
    """Write a folder with a DICOMDIR."""
    files = FileSet()
    for path in paths:
        files.add(path)
    files.write(folder)
    with warnings.catch_warnings():
        # pydicom leaves its temporary folder to the collector, which complains.
        warnings.simplefilter("ignore", ResourceWarning)
        del files
        gc.collect()


def test_an_archive_is_read_like_a_folder(tmp_path: Path):
    frames = bscans(4)
    content = write(tmp_path / "a.dcm", frames).read_bytes()
    (tmp_path / "a.dcm").unlink()
    path = zipped(tmp_path / "a.zip", {"visit/eye.dcm": content, "readme.txt": b"hello"})
    result = opened(path)
    (volume,) = result.studies[0].volumes
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.bscans[0].source.path == path / "visit" / "eye.dcm"
    assert [str(skipped.path.name) for skipped in result.skipped] == ["readme.txt"]


def test_pictures_in_an_archive_are_one_volume_in_order(tmp_path: Path):
    frames = bscans(11)
    members = {}
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "x.png")
        members[f"eye/{number}.png"] = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").unlink()
    assert np.array_equal(
        pixels_of(the_volume(zipped(tmp_path / "a.zip", members))), np.stack(frames)
    )


def test_paths_that_climb_out_of_an_archive_write_nothing(tmp_path: Path):
    content = write(tmp_path / "in" / "a.dcm", bscans(2)).read_bytes()
    before = sorted(tmp_path.rglob("*"))
    path = zipped(tmp_path / "in" / "a.zip", {"../../evil.dcm": content})
    result = opened(path)
    (volume,) = result.studies[0].volumes
    assert volume.bscans[0].pixels().any()
    assert volume.bscans[0].source.path == path / "evil.dcm"
    assert sorted(tmp_path.rglob("*")) == sorted([*before, path])


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(archive, "_ALWAYS_ALLOWED", 1 << 20)
    start = write(tmp_path / "a.dcm", bscans(1)).read_bytes()
    (tmp_path / "a.dcm").unlink()
    path = zipped(tmp_path / "a.zip", {"a.dcm": start + bytes(30 << 20)})
    (skipped,) = opened(path).skipped
    assert "unpacks to far more" in skipped.reason


def test_members_that_together_unpack_to_too_much_are_refused(tmp_path: Path, monkeypatch):
    content = write(tmp_path / "a.dcm", bscans(2)).read_bytes()
    (tmp_path / "a.dcm").unlink()
    monkeypatch.setattr(archive, "_LARGEST_TOTAL", len(content) + 100)
    path = zipped(tmp_path / "a.zip", {"a.dcm": content, "b.dcm": content})
    result = opened(path)
    assert len(result.studies) == 1
    assert "unpacks to far more" in result.skipped[0].reason


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "_MOST_MEMBERS", 3)
    path = zipped(tmp_path / "a.zip", {f"{number}.txt": b"" for number in range(4)})
    assert "holds 4 files" in failure_of(path)


def test_archives_in_archives_and_damaged_ones_are_refused(tmp_path: Path):
    inner = zipped(tmp_path / "inner.zip", {"a.txt": b"x"}).read_bytes()
    (tmp_path / "inner.zip").unlink()
    path = zipped(tmp_path / "outer.zip", {"inner.zip": inner})
    (skipped,) = opened(path).skipped
    assert "archive within an archive" in skipped.reason
    path.write_bytes(path.read_bytes()[:60])
    assert "damaged" in failure_of(path)


def test_an_encrypted_member_is_refused(tmp_path: Path):
    path = zipped(tmp_path / "a.zip", {"a.dcm": b"secret" * 50})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    (skipped,) = opened(path).skipped
    assert "encrypted" in skipped.reason


def test_a_damaged_member_does_not_stop_the_others(tmp_path: Path):
    good = write(tmp_path / "a.dcm", bscans(2)).read_bytes()
    (tmp_path / "a.dcm").unlink()
    path = zipped(tmp_path / "a.zip", {"bad.dcm": good, "good.dcm": good})
    data = bytearray(path.read_bytes())
    data[3000:3100] = bytes(100)
    path.write_bytes(data)
    result = opened(path)
    assert len(result.studies) == 1
    assert [skipped.failed for skipped in result.skipped] == [True]


def test_a_deflated_bomb_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(header, "_INFLATED_RATIO", 20)
    path = write(tmp_path / "a.dcm", bscans(1))

    def change(dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.add_new(0x00091010, "OB", bytes(20 << 20))

    rewrite(path, change)
    assert path.stat().st_size < 1 << 20
    assert "unpacks to far more" in failure_of(path)


def test_unpacked_bytes_leave_no_named_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    store = scratch.Scratch()
    entry = store.add(tmp_path / "name", [b"patient data"], limit=100)
    assert entry.head(7) == b"patient"
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_medium_is_read_once_though_its_directory_lists_everything(tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(3))
    write_medium(tmp_path / "medium", path)
    whole = opened(tmp_path / "medium")
    assert len(whole.studies) == 1
    (skipped,) = whole.skipped
    assert "DICOMDIR" in skipped.reason
    assert not skipped.failed
    alone = opened(tmp_path / "medium" / "DICOMDIR")
    assert len(alone.studies[0].volumes[0].bscans) == 3


def test_a_directory_that_climbs_reads_nothing_outside(tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(3))
    write_medium(tmp_path / "medium", path)
    directory = tmp_path / "medium" / "DICOMDIR"

    def change(dataset: Dataset) -> None:
        for record in dataset.DirectoryRecordSequence:
            if "ReferencedFileID" in record:
                record.ReferencedFileID = ["..", "a.dcm"]

    rewrite(directory, change)
    assert opened(directory).studies == ()

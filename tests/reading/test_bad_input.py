"""Bad input gives one sentence each; nothing else comes out, and the other files go on."""

import os
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import ReadError
from app.reading import open_studies
from app.study import Opened
from tests.oct_files import bscans, failure_of, opened, rewrite, the_volume, write
from tests.shared_data import SHARED, needs_shared

SENTENCE = re.compile(r"^[A-Z“].*[.]$", re.DOTALL)


def read_all(result: Opened) -> None:
    """Read every frame that was found; only the project's errors may come out."""
    sentences = [skipped.reason for skipped in result.skipped]
    for study in result.studies:
        for volume in study.volumes:
            assert volume.bscans
            for bscan in volume.bscans:
                try:
                    pixels = bscan.pixels()
                except ReadError as error:
                    sentences.append(str(error))
                    continue
                assert pixels.shape == (bscan.rows, bscan.columns)
                assert pixels.dtype == np.uint8
    assert all(SENTENCE.match(sentence) for sentence in sentences), sentences


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sample") / "a.dcm"
    return write(path, bscans(3, rows=16, columns=24)).read_bytes()


def test_a_file_cut_in_its_frames_says_how_many_are_left(tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(4))
    path.write_bytes(path.read_bytes()[: -2 * 64 * 96 - 7])
    assert failure_of(path) == "The file is cut: its header promises 4 frames and it holds 1."


@pytest.mark.parametrize("keep", [0, 1, 100, 140, 300, 700, 1500])
def test_a_file_cut_in_its_header_is_refused(tmp_path: Path, sample: bytes, keep: int):
    path = tmp_path / "a.dcm"
    path.write_bytes(sample[:keep])
    (skipped,) = opened(path).skipped
    assert SENTENCE.match(skipped.reason)


def test_more_pixels_than_promised_are_refused(tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(3))
    rewrite(path, lambda dataset: setattr(dataset, "Rows", 60))
    assert "longer than that" in failure_of(path)


def test_bytes_that_are_no_dicom_are_refused_by_what_their_name_promises(tmp_path: Path):
    (tmp_path / "a.dcm").write_bytes(b"hello" * 100)
    (tmp_path / "b.txt").write_bytes(b"hello" * 100)
    (tmp_path / "c.png").write_bytes(b"")
    result = opened(tmp_path)
    assert [skipped.failed for skipped in result.skipped] == [True, False, True]


def test_a_damaged_file_does_not_stop_the_others(tmp_path: Path):
    write(tmp_path / "b.dcm", bscans(2))
    path = write(tmp_path / "a.dcm", bscans(2), uid="1.5")
    path.write_bytes(path.read_bytes()[:-100])
    result = opened(tmp_path)
    assert len(result.studies) == 1
    assert [skipped.path.name for skipped in result.skipped] == ["a.dcm"]


def test_a_file_that_shrinks_after_opening_fails_with_a_sentence(tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(2))
    volume = the_volume(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ReadError, match="a part of it is missing"):
        volume.bscans[1].pixels()
    assert volume.bscans[0].pixels().any()
    path.unlink()
    with pytest.raises(ReadError, match="can no longer be read"):
        volume.bscans[0].pixels()


def test_a_drive_that_vanishes_midway_costs_what_was_not_read_yet(tmp_path: Path):
    for number in range(5):
        write(tmp_path / f"{number}.dcm", bscans(1), uid=f"1.5.{number}")

    def vanish(done: int, total: int) -> None:
        if done == 2:
            for path in sorted(tmp_path.iterdir())[2:]:
                path.unlink()

    result = open_studies([tmp_path], vanish)
    assert sum(len(study.volumes) for study in result.studies) == 2
    assert [skipped.failed for skipped in result.skipped] == [True] * 3
    assert all("No such file" in skipped.reason for skipped in result.skipped)


def test_a_path_that_is_not_there_is_reported(tmp_path: Path):
    assert "No such file" in failure_of(tmp_path / "nothing")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_an_unreadable_folder_is_reported(tmp_path: Path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    assert "Permission denied" in failure_of(folder)


def test_links_in_a_loop_end_and_no_file_is_read_twice(tmp_path: Path):
    write(tmp_path / "deep" / "a.dcm", bscans(2))
    (tmp_path / "deep" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "same.dcm").symlink_to(tmp_path / "deep" / "a.dcm")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    result = opened(tmp_path, tmp_path / "deep")
    assert len(result.studies) == 1
    assert len(result.studies[0].volumes) == 1
    assert sum(skipped.failed for skipped in result.skipped) == 2


def test_pipes_and_sockets_are_never_opened(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        result = opened(tmp_path)
    assert [skipped.reason for skipped in result.skipped] == [
        "This is a device or a pipe, not a file."
    ] * 2


def test_file_names_in_any_encoding_are_read(tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(2))
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe \xe9.dcm"))
    path.rename(odd)
    assert the_volume(tmp_path).bscans[0].source.path == odd


def test_no_sentence_repeats_a_name_from_the_file(tmp_path: Path, sample: bytes):
    (tmp_path / "Doe_Jane.dcm").write_bytes(sample[:-5])
    (tmp_path / "Doe_Jane.txt").write_bytes(b"Doe")
    for skipped in opened(tmp_path).skipped:
        assert "Doe" not in skipped.reason


MUTATION = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
changes = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), max_size=6
)


@MUTATION
@given(changes=changes, keep=st.floats(0.0, 1.0))
def test_mutated_dicom_gives_frames_or_a_sentence(tmp_path, sample: bytes, changes, keep):
    data = bytearray(sample)
    for place, values in changes:
        at = int(place * len(data))
        data[at : at + len(values)] = values
    if keep > 0.3:  # most keep their whole length
        data = data[: int(len(data) * min(1.0, keep + 0.2))]
    path = tmp_path / "mutated.dcm"
    path.write_bytes(data)
    read_all(opened(path))


@needs_shared
@pytest.mark.parametrize("name", ["example-dcms_fundus.dcm", "cataract_eye.dcm", "DICOMDIR"])
def test_real_files_cut_anywhere_give_a_sentence(tmp_path: Path, name: str):
    assert SHARED is not None
    data = (SHARED / "samples" / "dicom" / name).read_bytes()
    for keep in np.linspace(0, len(data), 25, dtype=int):
        path = tmp_path / "cut"
        path.write_bytes(data[:keep])
        read_all(opened(path))

"""A file is there whole, or it is as it was before."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files import whole_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(target: Path, error: type[BaseException]) -> None:
    with whole_file(target) as file:
        file.write(b"half")
        raise error


def test_that_a_finished_file_has_its_name_and_nothing_else_is_left(tmp_path):
    with whole_file(tmp_path / "report.pdf") as file:
        file.write(b"all of it")
    assert names(tmp_path) == ["report.pdf"]
    assert (tmp_path / "report.pdf").read_bytes() == b"all of it"


def test_that_missing_folders_are_made(tmp_path):
    with whole_file(tmp_path / "2026" / "january" / "report.pdf") as file:
        file.write(b"x")
    assert (tmp_path / "2026" / "january" / "report.pdf").exists()


def test_that_nobody_sees_a_file_before_it_is_whole(tmp_path):
    target = tmp_path / "report.pdf"
    target.write_bytes(b"old")
    with whole_file(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [None, b"what stood there"])
def test_that_an_interrupted_write_leaves_what_was_there(tmp_path, error, before):
    target = tmp_path / "report.pdf"
    if before is not None:
        target.write_bytes(before)
    with pytest.raises(error):
        write_half(target, error)
    assert names(tmp_path) == ([] if before is None else ["report.pdf"])
    if before is not None:
        assert target.read_bytes() == before


@given(before=st.binary(max_size=50), parts=st.lists(st.binary(max_size=50), max_size=5))
def test_that_whatever_is_written_replaces_whatever_was_there(tmp_path_factory, before, parts):
    target = tmp_path_factory.mktemp("whole") / "file"
    target.write_bytes(before)
    with whole_file(target) as file:
        for part in parts:
            file.write(part)
    assert target.read_bytes() == b"".join(parts)
    assert names(target.parent) == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size.")
@pytest.mark.parametrize("before", [None, b"what stood there"])
def test_that_a_full_disk_leaves_what_was_there(tmp_path, before):
    target = tmp_path / "report.pdf"
    if before is not None:
        target.write_bytes(before)
    program = f"""
import resource
from pathlib import Path
from app.files import whole_file
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with whole_file(Path({str(target)!r})) as file:
        file.write(b"x" * 1_000_000)
except OSError as error:
    print(error.errno)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(ended.stdout) == errno.EFBIG
    assert names(tmp_path) == ([] if before is None else ["report.pdf"])
    if before is not None:
        assert target.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask.")
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_that_a_report_is_as_readable_as_any_other_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        with whole_file(tmp_path / "report.pdf") as file:
            file.write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.pdf").stat().st_mode) == 0o666 & ~umask


def test_that_a_folder_that_cannot_be_made_is_an_os_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"), whole_file(tmp_path / "file" / "report.pdf"):
        pass

"""Open ZIP archives without unpacking them anywhere by name.

Members go to a nameless scratch file, so a path in an archive reaches nothing on the disk. Counts,
sizes and ratios are limited, by what is really unpacked and not by what the archive says.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO
from zipfile import ZipFile, ZipInfo

from app.errors import DamagedFile, ReadError, UnsupportedFile
from app.language import fill, mark
from app.reading.entries import Entry
from app.reading.recognise import HEAD, Family, recognise
from app.reading.scratch import Scratch
from app.study import Skipped
from app.zip_damage import ZIP_DAMAGE

_MOST_MEMBERS = 20_000
_LARGEST_TOTAL = 16 << 30  # bytes, unpacked
_LARGEST_RATIO = 200
_ALWAYS_ALLOWED = 16 << 20  # bytes; a small blank picture may pack very well
_CHUNK = 1 << 20


def unpack(entry: Entry) -> Iterator[Entry | Skipped]:
    """Yield the members that may be OCT, or why not.

    Raises:
        DamagedFile: If the archive is damaged, or unpacks to far more than it should.
        OSError: If it cannot be read, or the disk is full.
    """
    try:
        with entry.open() as file, ZipFile(file) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) > _MOST_MEMBERS:
                raise DamagedFile(
                    fill(
                        "This archive holds {members} files, more than are opened at once. Unpack "
                        "it into a folder and open that.",
                        members=len(members),
                    )
                )
            yield from _members(entry, archive, members)
    except ZIP_DAMAGE as error:
        raise DamagedFile("This archive is damaged, or not what its name says.") from error


def _members(entry: Entry, archive: ZipFile, members: list[ZipInfo]) -> Iterator[Entry | Skipped]:
    scratch = Scratch()
    left = _LARGEST_TOTAL
    for member in members:
        path = entry.path / _shown(member.filename)
        try:
            unpacked = _member(scratch, archive, member, path, left)
        except ReadError as error:
            yield Skipped(path=path, reason=str(error), failed=True)
            continue
        except (*ZIP_DAMAGE, OSError):
            reason = mark("This file is damaged within its archive.")
            yield Skipped(path=path, reason=reason, failed=True)
            continue
        if isinstance(unpacked, Entry):
            left -= unpacked.size
        yield unpacked


def _member(
    scratch: Scratch, archive: ZipFile, member: ZipInfo, path: Path, left: int
) -> Entry | Skipped:
    if member.flag_bits & 1:
        raise UnsupportedFile("This file is encrypted within its archive. Unpack it first.")
    with archive.open(member) as file:
        head = file.read(HEAD)
        kind = recognise(head, path.name)
        if kind.family is Family.OTHER:
            return Skipped(path=path, reason=kind.reason, failed=kind.failed)
        if kind.family is Family.ARCHIVE:
            reason = mark("It is an archive within an archive. Unpack it first.")
            return Skipped(path=path, reason=reason, failed=True)
        allowed = max(_ALWAYS_ALLOWED, _LARGEST_RATIO * member.compress_size)
        return scratch.add(path, _chunks(head, file), limit=min(allowed, left))


def _chunks(head: bytes, file: IO[bytes]) -> Iterator[bytes]:
    yield head
    while chunk := file.read(_CHUNK):
        yield chunk


def _shown(name: str) -> PurePosixPath:
    """The member's path for showing, without the parts that climb."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return PurePosixPath(*parts) if parts else PurePosixPath("unnamed")

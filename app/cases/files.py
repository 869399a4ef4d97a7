"""The files of a kept study: found again, told apart, and read when pixels are asked for."""

import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import DamagedFile, ReadError, system_says
from app.language import fill, mark
from app.study import Pixels, Study, Volume

_CHUNK = 1 << 20

GONE = mark(
    "The files of this study are no longer where they were. Connect the drive, or locate their "
    "folder."
)
_CHANGED = mark(
    "The files of this study have changed since it was analysed, so they are not shown under its "
    "result. Open them again to have them analysed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a study was read from."""

    files: tuple[Path, ...]  # those that hold its pixels
    sizes: tuple[int, ...]  # bytes, one for each
    dropped: tuple[Path, ...]  # what the user chose: wider, and tried when `files` are not enough


def sources_of(study: Study, dropped: Sequence[Path]) -> Sources:
    """Say where a study lies now. The disk is asked, so not on the GUI thread.

    Files that have gone meanwhile are listed with a size of -1.
    """
    paths = list(_paths(study.volumes))
    files = tuple(dict.fromkeys(_file_at(path) for path in paths))
    return Sources(
        files=files,
        sizes=tuple(_size(path) for path in files),
        dropped=tuple(dict.fromkeys(path.absolute() for path in dropped)),
    )


def missing_sentence(sources: Sources) -> str:
    """Say that files are gone; nothing if all are there."""
    return "" if all(path.is_file() for path in sources.files) else GONE


def digest_of(volume: Volume) -> str | None:
    """SHA-256 over all bytes of the files of a volume; None for members of archives.

    Two volumes of one UID whose digests differ are not the same pictures, whatever they say.

    Raises:
        DamagedFile: If a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in dict.fromkeys(each.source.path for each in volume.bscans):
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file:
                digest.update(path.stat().st_size.to_bytes(8))
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise DamagedFile(
                fill(
                    "“{name}” can no longer be read: {reason}.",
                    name=path.name,
                    reason=system_says(error),
                )
            ) from error
    return digest.hexdigest()


class KeptFiles:
    """Reads a kept study's files again, once, when the first pixel is asked for."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._lock = threading.Lock()
        self._volumes: dict[str, Volume] | None = None

    def bscan(self, uid: str, index: int) -> Pixels:
        """Pixels of a B-scan of the volume of that UID.

        Raises:
            ReadError: If its file is gone, changed or damaged.
        """
        return self._volume(uid).bscans[index].pixels()

    def localizer(self, uid: str) -> Pixels:
        """Pixels of the localizer of the volume of that UID; raises as `bscan` does."""
        localizer = self._volume(uid).localizer
        if localizer is None:
            raise ReadError(_CHANGED)
        return localizer.load()

    def _volume(self, uid: str) -> Volume:
        with self._lock:
            if self._volumes is None:
                self._volumes = self._read(uid)
            volume = self._volumes.get(uid)
        if volume is None:
            raise ReadError(_CHANGED)
        return volume

    def _read(self, uid: str) -> dict[str, Volume]:
        from app.reading import open_studies

        if missing_sentence(self._sources):
            raise ReadError(GONE)
        if tuple(_size(path) for path in self._sources.files) != self._sources.sizes:
            raise ReadError(_CHANGED)
        volumes: dict[str, Volume] = {}
        for paths in (self._sources.files, self._sources.dropped):
            opened = open_studies(paths)
            volumes = {each.uid: each for study in opened.studies for each in study.volumes}
            if uid in volumes:
                break
        return volumes


def _paths(volumes: Iterable[Volume]) -> Iterable[Path]:
    for volume in volumes:
        for bscan in volume.bscans:
            yield bscan.source.path
        if volume.localizer is not None:
            yield volume.localizer.source.path


def _file_at(path: Path) -> Path:
    """The file itself, or the archive that it is a member of."""
    for each in (path, *path.parents):
        if each.is_file():
            return each.absolute()
    return path.absolute()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1

"""Sort a pile of files: each to its family's reader, and what they found into studies.

To add a family, add it to `recognise`, write its module, and give it a line in `_READERS`.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import ReadError
from app.progress import Progress
from app.reading.dicom.instance import Instance, NotOct, read_instance
from app.reading.dicom.series import join
from app.reading.entries import Entry, find_entries, unreadable
from app.reading.found import Found, into_studies
from app.reading.pictures import read_pictures
from app.reading.recognise import HEAD, Family, recognise
from app.study import Opened, Skipped

_WALK_STEP = 256  # files between two reports while their number is not known


class Pile:
    """What has been found so far."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._found: list[Found] = []
        self._skipped: list[Skipped] = []
        self._instances: list[Instance] = []
        self._pictures: list[Entry] = []
        self._readers: dict[Family, Callable[[Entry], None]] = {
            Family.DICOM: self._read_dicom,
            Family.PICTURE: self._pictures.append,
        }

    def open(self, paths: Sequence[Path]) -> Opened:
        entries = self._find(paths)
        with warnings.catch_warnings():
            # Each odd value in a header is a warning of pydicom's; what matters is checked here.
            warnings.simplefilter("ignore")
            for done, entry in enumerate(entries, start=1):
                self._read(entry)
                self._progress(done, len(entries))
            found, skipped = join(self._instances)
            self._found += found
            self._skipped += skipped
            found, skipped = read_pictures(self._pictures)
            self._found += found
            self._skipped += skipped
        return Opened(studies=into_studies(self._found), skipped=tuple(self._skipped))

    def _find(self, paths: Sequence[Path]) -> list[Entry]:
        entries = []
        for each in find_entries(paths):
            if isinstance(each, Skipped):
                self._skipped.append(each)
                continue
            entries.append(each)
            if len(entries) % _WALK_STEP == 0:
                self._progress(len(entries), 0)
        return entries

    def _read(self, entry: Entry) -> None:
        try:
            kind = recognise(entry.head(HEAD), entry.path.name)
            if kind.family is Family.OTHER:
                self._skip(entry, kind.reason, failed=kind.failed)
            else:
                self._readers[kind.family](entry)
        except ReadError as error:
            self._skip(entry, str(error), failed=True)
        except OSError as error:
            self._skip(entry, unreadable(error), failed=True)

    def _skip(self, entry: Entry, reason: str, *, failed: bool) -> None:
        self._skipped.append(Skipped(path=entry.path, reason=reason, failed=failed))

    def _read_dicom(self, entry: Entry) -> None:
        instance = read_instance(entry)
        if isinstance(instance, NotOct):
            self._skip(entry, instance.reason, failed=False)
        else:
            self._instances.append(instance)

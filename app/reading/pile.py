"""Sort a pile of files: each to its family's reader, and what they found into studies.

To add a family, add it to `recognise`, write its module, and give it a line in `Pile`.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import ReadError
from app.progress import Progress
from app.reading.archive import unpack
from app.reading.cirrus_img import read_img
from app.reading.dicom.directory import listed_files
from app.reading.dicom.instance import Instance, NotOct, read_instance
from app.reading.dicom.series import join
from app.reading.entries import Entry, entry_at, find_entries, unreadable
from app.reading.found import Found, into_studies
from app.reading.heyex_xml import read_heyex
from app.reading.pictures import read_pictures
from app.reading.recognise import HEAD, Family, recognise
from app.reading.vol import read_vol
from app.study import Opened, Skipped

_WALK_STEP = 256  # files between two reports while their number is not known


class Pile:
    """What has been found so far."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._waiting: list[Entry] = []
        self._found: list[Found] = []
        self._skipped: list[Skipped] = []
        self._instances: list[Instance] = []
        self._pictures: list[Entry] = []
        self._exports: list[Entry] = []  # HEYEX XML: read when all pictures are known
        self._readers: dict[Family, Callable[[Entry], None]] = {
            Family.DICOM: self._read_dicom,
            Family.PICTURE: self._pictures.append,
            Family.VOL: lambda entry: self._found.append(read_vol(entry)),
            Family.HEYEX_XML: self._exports.append,
            Family.CIRRUS_IMG: lambda entry: self._found.append(read_img(entry)),
            Family.ARCHIVE: self._read_archive,
        }

    def open(self, paths: Sequence[Path]) -> Opened:
        self._find(paths)
        with warnings.catch_warnings():
            # Each odd value in a header is a warning of pydicom's; what matters is checked here.
            warnings.simplefilter("ignore")
            done = 0
            while done < len(self._waiting):  # archives and directories add to it
                self._attempt(self._waiting[done], self._read)
                done += 1
                self._progress(done, len(self._waiting))
            for entry in self._exports:
                self._attempt(entry, self._read_export)
            self._add(*join(self._instances))
            self._add(*read_pictures(self._pictures))
        return Opened(studies=into_studies(self._found), skipped=tuple(self._skipped))

    def _find(self, paths: Sequence[Path]) -> None:
        for each in find_entries(paths):
            if isinstance(each, Skipped):
                self._skipped.append(each)
                continue
            self._waiting.append(each)
            if len(self._waiting) % _WALK_STEP == 0:
                self._progress(len(self._waiting), 0)

    def _attempt(self, entry: Entry, read: Callable[[Entry], None]) -> None:
        try:
            read(entry)
        except ReadError as error:
            self._skip(entry, str(error), failed=True)
        except OSError as error:
            self._skip(entry, unreadable(error), failed=True)

    def _read(self, entry: Entry) -> None:
        kind = recognise(entry.head(HEAD), entry.path.name)
        if kind.family is Family.OTHER:
            self._skip(entry, kind.reason, failed=kind.failed)
        else:
            self._readers[kind.family](entry)

    def _add(self, found: list[Found], skipped: list[Skipped]) -> None:
        self._found += found
        self._skipped += skipped

    def _skip(self, entry: Entry, reason: str, *, failed: bool) -> None:
        self._skipped.append(Skipped(path=entry.path, reason=reason, failed=failed))

    def _read_dicom(self, entry: Entry) -> None:
        instance = read_instance(entry)
        if isinstance(instance, Instance):
            self._instances.append(instance)
        elif instance.listed:
            self._read_directory(instance)
        else:
            self._skip(entry, instance.reason, failed=False)

    def _read_directory(self, directory: NotOct) -> None:
        """Read what a DICOMDIR lists, if it was dropped without the files around it."""
        known = {entry.path for entry in self._waiting}
        present, missing = listed_files(directory.entry.path.parent, directory.listed)
        for path in present:
            if path not in known:
                self._waiting.append(entry_at(path, path.stat().st_size))
        reason = directory.reason
        if missing:
            reason += f" {missing} of the {len(directory.listed)} files that it lists are missing."
        self._skip(directory.entry, reason, failed=bool(missing))

    def _read_archive(self, entry: Entry) -> None:
        for each in unpack(entry):
            if isinstance(each, Skipped):
                self._skipped.append(each)
            else:
                self._waiting.append(each)
            self._progress(0, 0)

    def _read_export(self, entry: Entry) -> None:
        beside = {
            each.path.name.lower(): each
            for each in self._pictures
            if each.path.parent == entry.path.parent
        }
        found, used, failures = read_heyex(entry, beside)
        self._found += found
        # A picture that lies here and is not named shows nobody knows whom.
        for name in beside.keys() - used:
            self._skip(beside[name], "The HEYEX export beside it does not name it.", failed=False)
        here = {id(each) for each in beside.values()}
        self._pictures = [each for each in self._pictures if id(each) not in here]
        for failure in failures:
            self._skip(entry, str(failure), failed=True)
        if not found and not failures:
            self._skip(entry, "It is a HEYEX export without B-scans.", failed=False)

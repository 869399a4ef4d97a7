"""Sort a pile of files: each to its family's reader, and what they found into studies.

To add a family, add it to `recognise`, write its module, and give it a line in `Pile`.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import ReadError
from app.language import fill, mark
from app.progress import Progress
from app.reading.archive import unpack
from app.reading.avi import read_avi
from app.reading.bioptigen import read_bioptigen
from app.reading.cirrus_img import read_img
from app.reading.dicom.directory import listed_files
from app.reading.dicom.instance import Instance, NotOct, read_instance
from app.reading.dicom.series import join
from app.reading.e2e import read_e2e
from app.reading.entries import Entry, entry_at, find_entries, unreadable
from app.reading.found import Found, into_studies
from app.reading.heyex_xml import read_heyex
from app.reading.nidek import read_nidek
from app.reading.optovue import read_optovue, text_of
from app.reading.pictures import read_pictures
from app.reading.recognise import HEAD, Family, recognise
from app.reading.topcon import read_topcon
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
        # Read when all that lies beside them is known:
        self._heyex: list[Entry] = []
        self._nidek: list[Entry] = []
        self._optovue: list[Entry] = []
        self._texts: list[Entry] = []
        self._readers: dict[Family, Callable[[Entry], None]] = {
            Family.DICOM: self._read_dicom,
            Family.PICTURE: self._pictures.append,
            Family.VOL: lambda entry: self._found.append(read_vol(entry)),
            Family.HEYEX_XML: self._heyex.append,
            Family.NIDEK_XML: self._nidek.append,
            Family.CIRRUS_IMG: lambda entry: self._found.append(read_img(entry)),
            Family.E2E: lambda entry: self._found.extend(read_e2e(entry)),
            Family.TOPCON: lambda entry: self._found.append(read_topcon(entry)),
            Family.BIOPTIGEN: lambda entry: self._found.extend(read_bioptigen(entry)),
            Family.OPTOVUE: self._optovue.append,
            Family.OPTOVUE_TEXT: self._texts.append,
            Family.FILM: lambda entry: self._found.append(read_avi(entry)),
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
            self._read_exports()
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
            reason = fill(
                "{reason} {missing} of the {listed} files that it lists are missing.",
                reason=reason,
                missing=missing,
                listed=len(directory.listed),
            )
        self._skip(directory.entry, reason, failed=bool(missing))

    def _read_archive(self, entry: Entry) -> None:
        for each in unpack(entry):
            if isinstance(each, Skipped):
                self._skipped.append(each)
            else:
                self._waiting.append(each)
            self._progress(0, 0)

    def _read_exports(self) -> None:
        """Read what is made of several files."""
        for entry in self._heyex:
            self._attempt(entry, self._read_heyex)
        for entry in self._nidek:
            self._attempt(entry, self._read_nidek)
        for entry in self._optovue:
            self._attempt(entry, self._read_optovue)
        kept = {(entry.path.parent, text_of(entry)) for entry in self._optovue}
        for text in self._texts:
            if (text.path.parent, text.path.name.lower()) not in kept:
                self._skip(
                    text, mark("The Optovue OCT file that it tells of is missing."), failed=False
                )

    def _read_heyex(self, entry: Entry) -> None:
        beside = _beside(entry, self._pictures)
        found, used, failures = read_heyex(entry, beside)
        self._found += found
        self._take_pictures(beside, used, mark("The HEYEX export beside it does not name it."))
        for failure in failures:
            self._skip(entry, str(failure), failed=True)
        if not found and not failures:
            self._skip(entry, mark("It is a HEYEX export without B-scans."), failed=False)

    def _read_nidek(self, entry: Entry) -> None:
        beside = _beside(entry, self._pictures)
        found, used = read_nidek(entry, beside)
        self._found.append(found)
        # Several exports may lie in one folder, each with pictures of its own.
        if not any(each.path.parent == entry.path.parent for each in self._nidek if each != entry):
            self._take_pictures(beside, used, mark("The Nidek export beside it does not name it."))
        else:
            self._take_pictures({name: beside[name] for name in used}, used, "")

    def _read_optovue(self, entry: Entry) -> None:
        self._found += read_optovue(entry, _beside(entry, self._texts))

    def _take_pictures(self, beside: dict[str, Entry], used: set[str], reason: str) -> None:
        """Leave no picture beside an export to be taken for a study: it shows nobody knows whom."""
        for name in beside.keys() - used:
            self._skip(beside[name], reason, failed=False)
        here = {id(each) for each in beside.values()}
        self._pictures = [each for each in self._pictures if id(each) not in here]


def _beside(entry: Entry, entries: Sequence[Entry]) -> dict[str, Entry]:
    """Those that lie in the same folder, by their names in lower case."""
    folder = entry.path.parent
    return {each.path.name.lower(): each for each in entries if each.path.parent == folder}

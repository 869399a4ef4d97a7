"""`python -m app convert` and `python -m app anonymise`: copies of studies as DICOM.

Exit status as for `analyse`: 0, or 1 where a file could not be read or written (the others still
are), or 2 for wrong usage. Copies have neutral names; the patient is named by none.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.errors import UsageError
from app.study import Laterality, Opened, Study


def main(arguments: Sequence[str]) -> int:
    """Run `convert` or `anonymise`, the first of `arguments`; return the exit status."""
    command, *rest = arguments
    options = _parser(command).parse_args(rest)
    kind, folder = options.to if command == "convert" else ("dicom", options.out)
    if kind != "dicom":
        _complain(f"“{kind}” is no format that studies are converted to. The format is: dicom.")
        return 2
    target = Path(folder)
    if target.exists() and not target.is_dir():
        _complain(f"“{target}” is a file, so no copies go there. Name a folder.")
        return 2
    try:
        opened = _open(options.paths)
        studies = _with_eye(opened.studies, options.eye)
    except UsageError as error:
        _complain(str(error))
        return 2
    if not studies:
        _complain("No OCT study was found.")
        return 1
    well = not any(each.failed for each in opened.skipped)
    if command == "convert":
        return 0 if _convert(studies, target) and well else 1
    keep = (options.retain_device, options.retain_dates)
    return 0 if _anonymise(studies, target, *keep) and well else 1


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m app {command}")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    if command == "convert":
        parser.description = "Writes studies as standard DICOM tomography."
        parser.add_argument(
            "--to", nargs=2, required=True, metavar=("FORMAT", "DIR"), help="dicom, and a folder"
        )
    else:
        parser.description = (
            "Writes copies of studies without what tells who the patient is (PS3.15 Basic "
            "Profile). Text that is burned into images stays."
        )
        parser.add_argument("--out", type=Path, required=True, metavar="DIR")
        parser.add_argument("--retain-device", action="store_true", help="keep serial numbers")
        parser.add_argument("--retain-dates", action="store_true", help="keep all but birth dates")
    parser.add_argument("--eye", choices=["OD", "OS"], help="where the files do not tell the eye")
    return parser


def _open(paths: Sequence[Path]) -> Opened:
    from app.reading import open_studies

    opened = open_studies(paths)
    for skipped in opened.skipped:
        _complain(
            f"{'Not read' if skipped.failed else 'Skipped'}: {skipped.path}: {skipped.reason}"
        )
    return opened


def _with_eye(studies: Sequence[Study], eye: str | None) -> list[Study]:
    if eye is None:
        return list(studies)
    side = Laterality(eye)
    return [
        replace(
            study,
            volumes=tuple(
                volume.on_eye(side) if volume.laterality is Laterality.UNKNOWN else volume
                for volume in study.volumes
            ),
        )
        for study in studies
    ]


def _convert(studies: Sequence[Study], folder: Path) -> bool:
    from app.convert import convert_studies

    written, failures = convert_studies(studies, folder)
    for path in written:
        print(path)
    for failure in failures:
        _complain(str(failure))
    return not failures


def _anonymise(
    studies: Sequence[Study],
    folder: Path,
    device: bool,
    dates: bool,
) -> bool:
    from app.anonymise import Retain, anonymise_studies

    copies = anonymise_studies(studies, folder, retain=Retain(device=device, dates=dates))
    for path in copies.written:
        print(path)
    for sentence in (*copies.warnings, *map(str, copies.failures)):
        _complain(sentence)
    return not copies.failures


def _complain(sentence: str) -> None:
    print(sentence, file=sys.stderr)

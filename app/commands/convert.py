"""`python -m app convert PATH… --to dicom DIR`: studies as standard DICOM tomography."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from app.commands.copies import add_source_arguments, exit_status, open_for_copying
from app.commands.terminal import complain, say
from app.convert import convert_studies
from app.errors import UsageError

DESCRIPTION = "Writes studies as standard DICOM tomography."


def add_arguments(parser: ArgumentParser) -> None:
    add_source_arguments(parser)
    parser.add_argument(
        "--to", nargs=2, required=True, metavar=("FORMAT", "DIR"), help="dicom, and a folder"
    )


def run(options: Namespace) -> int:
    kind, folder = options.to
    if kind != "dicom":
        raise UsageError(
            f"“{kind}” is no format that studies are converted to. The format is: dicom."
        )
    opened = open_for_copying(options.paths, Path(folder), options.eye)
    written, failures = convert_studies(opened.studies, Path(folder))
    for path in written:
        say(str(path))
    for failure in failures:
        complain(str(failure))
    return exit_status(opened, failed=bool(failures))

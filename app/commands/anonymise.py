"""`python -m app anonymise PATH… --out DIR`: copies without what tells who the patient is."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from app.anonymise import Retain, anonymise_studies
from app.commands.copies import add_source_arguments, exit_status, open_for_copying
from app.commands.terminal import complain, say

DESCRIPTION = (
    "Writes copies of studies without what tells who the patient is (PS3.15 Basic Profile). Text "
    "that is burned into images stays."
)


def add_arguments(parser: ArgumentParser) -> None:
    add_source_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--retain-device", action="store_true", help="keep serial numbers")
    parser.add_argument("--retain-dates", action="store_true", help="keep all but birth dates")


def run(options: Namespace) -> int:
    opened = open_for_copying(options.paths, options.out, options.eye)
    retain = Retain(device=options.retain_device, dates=options.retain_dates)
    copies = anonymise_studies(opened.studies, options.out, retain=retain)
    for path in copies.written:
        say(str(path))
    for sentence in (*copies.warnings, *map(str, copies.failures)):
        complain(sentence)
    return exit_status(opened, failed=bool(copies.failures))

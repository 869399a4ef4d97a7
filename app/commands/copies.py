"""What `convert` and `anonymise` share: studies in, neutrally named DICOM files out."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.commands.terminal import complain, tell_skipped
from app.errors import UsageError
from app.reading import open_studies
from app.study import Laterality, Opened, Study


def add_source_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--eye", choices=["OD", "OS"], help="where the files do not tell the eye")


def open_for_copying(paths: Sequence[Path], folder: Path, eye: str | None) -> Opened:
    """Open the studies, say what was not taken, and give volumes of no known eye `eye`.

    Raises:
        UsageError: If copies cannot go into `folder`.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"“{folder}” is a file, so no copies go there. Name a folder.")
    opened = open_studies(paths)
    tell_skipped(opened.skipped, paths)
    if not opened.studies:
        complain("No OCT study was found.")
    return replace(opened, studies=tuple(_with_eye(study, eye) for study in opened.studies))


def _with_eye(study: Study, eye: str | None) -> Study:
    if eye is None:
        return study
    volumes = (
        volume.on_eye(Laterality(eye)) if volume.laterality is Laterality.UNKNOWN else volume
        for volume in study.volumes
    )
    return replace(study, volumes=tuple(volumes))


def exit_status(opened: Opened, *, failed: bool) -> int:
    """1 where a file could not be read or written, or there was nothing to copy."""
    unread = any(each.failed for each in opened.skipped)
    return 1 if failed or unread or not opened.studies else 0

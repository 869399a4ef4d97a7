"""Find the files that a DICOMDIR lists (PS3.10 8, PS3.3 F.3)."""

import os
from collections.abc import Sequence
from pathlib import Path

from pydicom.dataset import Dataset

FileId = tuple[str, ...]
"""A file by the names on the way to it from the DICOMDIR."""


def file_ids(dataset: Dataset) -> tuple[FileId, ...]:
    """The files of all records, those that climb out of the medium left out."""
    ids = []
    for record in dataset.get("DirectoryRecordSequence") or ():
        value = record.get("ReferencedFileID")
        if not value:
            continue
        parts = (value,) if isinstance(value, str) else tuple(str(part) for part in value)
        if all(part and part not in (".", "..") and not set(part) & set("/\\:") for part in parts):
            ids.append(parts)
    return tuple(ids)


def listed_files(folder: Path, ids: Sequence[FileId]) -> tuple[list[Path], int]:
    """The files that are there, and how many are not. Case is not kept on all media."""
    present, missing = [], 0
    for parts in ids:
        path: Path | None = folder
        for part in parts:
            path = _named(path, part) if path is not None else None
        if path is not None and path.is_file():
            present.append(path)
        else:
            missing += 1
    return present, missing


def _named(folder: Path, name: str) -> Path | None:
    if (folder / name).exists():
        return folder / name
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    return next((folder / each for each in names if each.lower() == name.lower()), None)

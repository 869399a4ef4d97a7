"""The manifest: one row for each labelled B-scan, whatever data set it comes from.

A manifest is a CSV file with the columns of `COLUMNS`. Images are named relative to its folder,
and known by the SHA-256 of their bytes, never by their names. The manifest of collected data sets
(`path,dataset,label,label4,sub_label,patient,…,split,sha256`) is read as it is.
"""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from app.errors import DamagedFile, StorageError, UsageError
from app.files import whole_file
from app.study import Pixels

COLUMNS = (
    "image",
    "label",
    "finding",
    "patient",
    "eye",
    "frame",
    "source",
    "licence",
    "sha256",
    "split",
)
COLLECTED_COLUMNS = (
    "path",
    "dataset",
    "label",
    "label4",
    "sub_label",
    "patient",
    "split",
    "sha256",
)
LICENCES = {
    "kermany": "CC BY 4.0 (Kermany, Zhang, Goldbaum 2018, Mendeley Data rscbjbr9sj)",
    "octdl": "CC BY 4.0 (Kulyabin et al. 2024, Mendeley Data sncdhf53xc)",
    "neh": "as stated at Mendeley Data 8kt969dhx6 (Sotoudeh-Paima et al. 2022)",
}
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One B-scan with what is known of it. What is not known is None."""

    image: Path
    label: str | None  # one of the model's classes; None: none of them fits, or nobody knows
    finding: str  # as published: "CNV", "AMD/MNV_suspected", "ERM"
    patient: str  # unique over all sources
    eye: str | None  # "OD" or "OS"
    frame: str | None  # place within the eye's volume; sorts in spatial order
    source: str  # data set
    licence: str
    sha256: str  # of the file's bytes
    split: str | None = None  # of a published split: "train", "val" or "test"

    def pixels(self) -> Pixels:
        """Decode the image to grey, shape (rows, columns).

        Raises:
            DamagedFile: If it cannot be read or decoded. No black image ever takes its place.
        """
        return decode(self.image)


def decode(path: Path) -> Pixels:
    """Read an image file as 8-bit grey, shape (rows, columns).

    Raises:
        DamagedFile: If the file cannot be read, is not a whole image, or holds 32-bit numbers.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path.name) from error
    return decode_bytes(content, path.name)


def decode_bytes(content: bytes, name: str) -> Pixels:
    """Decode the bytes of an image file, as `decode` does; `name` is for the error's sentence."""
    try:
        with Image.open(BytesIO(content)) as image:
            if image.mode in ("I", "F"):
                raise DamagedFile(
                    f"The image {name} holds 32-bit numbers, whose black and white nobody knows. "
                    "Save it with 8 or 16 bits, or leave it out of the data."
                )
            if image.mode.startswith("I;16"):
                deep = np.asarray(image, dtype=np.float64)
                return np.asarray((deep / 257).round(), dtype=np.uint8)
            return np.asarray(image.convert("L"))
    except _UNREADABLE as error:
        raise _unreadable(name) from error


# What Pillow raises depends on the format and on what is wrong.
_UNREADABLE = (
    OSError,
    UnidentifiedImageError,
    SyntaxError,
    ValueError,
    OverflowError,
    Image.DecompressionBombError,
)


def _unreadable(name: str) -> DamagedFile:
    return DamagedFile(
        f"The image {name} cannot be read. Copy it again, or leave it out of the data."
    )


def read_manifest(path: Path, root: Path | None = None) -> tuple[Sample, ...]:
    """Read a manifest.

    Args:
        path: The CSV file, or a folder that holds `manifest.csv`.
        root: The folder that image names start from; the manifest's own by default.

    Raises:
        UsageError: If there is no such file, a column is missing, or a row is not complete.
    """
    path = path / "manifest.csv" if path.is_dir() else path
    root = root or path.parent
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"The manifest {path} cannot be read. `python -m ml.datasets import` writes one."
        ) from error
    collected = set(COLLECTED_COLUMNS) <= set(columns)
    missing = set(COLUMNS) - set(columns)
    if missing and not collected:
        raise UsageError(f"The manifest {path} lacks the columns {', '.join(sorted(missing))}.")
    if not rows:
        raise UsageError(f"The manifest {path} holds no image.")
    read = _collected_sample if collected else _sample
    return tuple(read(row, root, path, number) for number, row in enumerate(rows, start=2))


def _sample(row: dict[str, str], root: Path, manifest: Path, line: int) -> Sample:
    _require(row, ("image", "patient", "source", "sha256"), manifest, line)
    return Sample(
        image=root / row["image"],
        label=row["label"] or None,
        finding=row["finding"] or row["label"],
        patient=row["patient"],
        eye=row["eye"] or None,
        frame=row["frame"] or None,
        source=row["source"],
        licence=row["licence"],
        sha256=row["sha256"],
        split=_split(row["split"], manifest, line),
    )


def _collected_sample(row: dict[str, str], root: Path, manifest: Path, line: int) -> Sample:
    _require(row, ("path", "dataset", "label", "patient", "sha256"), manifest, line)
    return Sample(
        image=root / row["path"],
        label=row["label4"] or None,
        finding="/".join(filter(None, (row["label"], row["sub_label"]))),
        patient=row["patient"],
        eye=None,
        frame=None,
        source=row["dataset"],
        licence=LICENCES.get(row["dataset"], "unknown"),
        sha256=row["sha256"],
        split=_split(row["split"], manifest, line),
    )


def _require(row: dict[str, str], columns: Iterable[str], manifest: Path, line: int) -> None:
    empty = [column for column in columns if not row[column]]
    if empty:
        raise UsageError(f"{manifest.name}, line {line}: {', '.join(empty)} must not be empty.")


def _split(value: str, manifest: Path, line: int) -> str | None:
    if value and value not in SPLITS:
        raise UsageError(f"{manifest.name}, line {line}: “{value}” is not train, val or test.")
    return value or None


def write_manifest(samples: Iterable[Sample], path: Path) -> None:
    """Write a manifest, images named relative to its folder.

    Raises:
        StorageError: If it cannot be written.
    """
    folder = path.resolve().parent
    try:
        with whole_file(path) as file:
            text = TextIOWrapper(file, encoding="utf-8", newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(_row(sample, folder) for sample in samples)
            text.flush()
            text.detach()
    except OSError as error:
        raise StorageError(f"The manifest {path} cannot be written: {error.strerror}.") from error


def _row(sample: Sample, folder: Path) -> tuple[str, ...]:
    try:
        image = Path(os.path.relpath(sample.image.resolve(), folder))
    except ValueError:  # on Windows, a file on another drive has no relative name
        image = sample.image.resolve()
    optional = (sample.eye, sample.frame)
    return (
        image.as_posix(),
        sample.label or "",
        sample.finding,
        sample.patient,
        *(value or "" for value in optional),
        sample.source,
        sample.licence,
        sample.sha256,
        sample.split or "",
    )

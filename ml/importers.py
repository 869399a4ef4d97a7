"""Turn the layouts in which OCT data sets are published into samples.

NEH      CLASS/PATIENT/…/image with `data_information.csv` beside or above the class folders
UCSD     [train|val|test/]CLASS/CLASS-PATIENT-INDEX.jpeg
folders  CLASS/image or CLASS/PATIENT/image
labelled a folder with a manifest that has labels and patients already

Patients are keyed as each data set needs it. NEH numbers its patients anew in every class folder,
so the key is the class and the number; UCSD uses one number for one patient in whatever class
folder, so the key is the bare number. The published code does it the other way round. Of plain
folders nobody knows: a patient folder's name is one person in whatever class, for merging two is
safer than dividing one, and an image in no patient folder is a person of its own, known by class
and name. `ml.checks` warns of both.
"""

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from app.errors import DamagedFile, UsageError
from app.progress import Progress, ignore_progress
from ml.manifest import LICENCES, Sample, read_manifest

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"}
SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_UCSD_NAME = re.compile(r"^(?P<label>[A-Za-z]+)-(?P<patient>\d+)-(?P<frame>[0-9a-f]+)$")
_NEH_COLUMNS = ("Directory", "Class", "Patient ID", "Label")
_UNHASHED = ""


def import_labelled(folder: Path, *, progress: Progress = ignore_progress) -> tuple[Sample, ...]:
    """Read a folder that has a manifest, and verify every image against its hash.

    Raises:
        UsageError: If there is no manifest, or it is not complete.
        DamagedFile: If an image is missing, or is not the one that was labelled.
    """
    samples = read_manifest(folder)
    for sample, found in zip(samples, _hashes(samples, progress), strict=True):
        if sample.sha256 != found:
            raise DamagedFile(
                f"The image {sample.image.name} is not the one that the manifest labels: its "
                "SHA-256 differs. Copy the data set again."
            )
    return samples


def import_neh(
    folder: Path, *, worst_case: bool = False, progress: Progress = ignore_progress
) -> tuple[Sample, ...]:
    """Read the Noor Eye Hospital data set (Sotoudeh-Paima et al. 2022).

    Args:
        folder: Holds `data_information.csv`, in it or one level above the class folders.
        worst_case: Keep only B-scans that show their patient's worst class (the 12,649 images of
            the paper). A real volume of a diseased eye is full of B-scans that look normal, so a
            model for the clinic is better judged on all of them.

    Raises:
        UsageError: If the table is missing, cannot be read, has other columns or an incomplete row.
        DamagedFile: If an image that the table names is missing.
    """
    tables = sorted(folder.rglob("data_information.csv"))
    if not tables:
        raise UsageError(f"There is no data_information.csv in {folder}.")
    # The published table lists some images twice; under two labels they lose both below.
    rows = {(row["Directory"], row["Label"].upper()): row for row in _neh_rows(tables[0])}
    named = _names_without_case(folder)
    samples = [
        _neh_sample(row, named)
        for row in rows.values()
        if not worst_case or row["Class"].upper() == row["Label"].upper()
    ]
    return _hashed(samples, progress)


def _neh_rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns, rows = reader.fieldnames or (), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{table} cannot be read as a table in UTF-8. Save it so.") from error
    lacking = [name for name in _NEH_COLUMNS if name not in columns]
    if lacking:
        raise UsageError(f"{table} lacks the columns {', '.join(lacking)}.")
    for line, row in enumerate(rows, start=2):
        empty = [name for name in _NEH_COLUMNS if not row[name]]
        if empty:
            raise UsageError(f"Row {line} of {table} has no {', '.join(empty)}. Complete it.")
    return rows


def _names_without_case(folder: Path) -> Mapping[str, Path | None]:
    """Images by every tail of their path, in lower case: the table writes "NOrmal" for "Normal".

    A tail that several images share, as "1/OD/003.jpg" of two class folders, names none of them.
    """
    named: dict[str, Path | None] = {}
    for path in _images(folder):
        parts = [part.lower() for part in path.relative_to(folder).parts]
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            named[tail] = None if tail in named else path
    return named


def _neh_sample(row: Mapping[str, str], named: Mapping[str, Path | None]) -> Sample:
    directory = row["Directory"].replace("\\", "/").strip("/")
    image = named.get(directory.lower())
    if image is None and directory.lower() in named:
        raise UsageError(
            f"Several images end in {directory}, which data_information.csv names. Import the "
            "folder that holds one copy of the data set."
        )
    if image is None:
        raise DamagedFile(
            f"The image {directory} of data_information.csv is missing. Unpack the data set again."
        )
    group, number = row["Class"].upper(), row["Patient ID"].strip()
    return Sample(
        image=image,
        label=row["Label"].upper(),
        finding=row["Label"],
        patient=f"neh-{group}-{number}",
        eye=_eye(row.get("Eye", "")),
        frame=_frame(row.get("B-scan") or image.stem),
        source="neh",
        licence=LICENCES["neh"],
        sha256=_UNHASHED,
    )


def import_ucsd(folder: Path, *, progress: Progress = ignore_progress) -> tuple[Sample, ...]:
    """Read the UCSD data set (Kermany et al. 2018), OCT2017 or CellData.

    Its own train and test folders share patients in some releases, so `split` is kept only if
    they do not.

    Raises:
        UsageError: If an image's name does not carry its patient, or names another class than the
            folder it lies in.
    """
    samples = []
    for image in _images(folder):
        match = _UCSD_NAME.match(image.stem)
        if match and not _names_its_folder(image):
            raise UsageError(
                f"The image {image.name} lies in the folder {image.parent.name}. Which class it "
                "shows nobody can say: move it, or take it out."
            )
        if match is None:
            raise UsageError(
                f"The image {image.name} is not named CLASS-PATIENT-INDEX. Without its patient it "
                "cannot be used: take it out, or import the folder as “folders”."
            )
        samples.append(
            Sample(
                image=image,
                label=image.parent.name.upper(),
                finding=image.parent.name,
                patient=f"kermany-{match['patient']}",
                eye=None,
                frame=None,  # the index counts images of a patient, over eyes and visits
                source="kermany",
                licence=LICENCES["kermany"],
                sha256=_UNHASHED,
                split=_split_of(image.relative_to(folder)),
            )
        )
    return _hashed(_without_leaking_split(samples), progress)


def import_folders(
    folder: Path, *, licence: str = "unknown", progress: Progress = ignore_progress
) -> tuple[Sample, ...]:
    """Read CLASS/image or CLASS/PATIENT/image, optionally under train, val and test folders.

    Where there are no patient folders, every image is taken for a patient of its own, which is
    only right if it is: `check` warns of it, and reports near-duplicates among them. A patient
    folder's name under two classes is taken for one patient, and warned of too.

    Raises:
        UsageError: If an image lies in no class folder, or has a name of the UCSD data set, whose
            patients would each be taken apart.
    """
    source = folder.resolve().name
    samples = []
    for image in _images(folder):
        relative = image.relative_to(folder)
        parts, split = relative.parts, _split_of(relative)
        if split and parts[0].lower() not in SPLIT_FOLDERS:
            raise UsageError(
                f"The image {image.name} lies in a folder of training, validation or test images "
                f"that is not the first below {folder.name}. Name the folder that holds them, or "
                "move them above the classes."
            )
        place = parts[1:] if split else parts
        if len(place) < 2:
            raise UsageError(f"The image {image.name} lies in no class folder.")
        if len(place) == 2 and _names_its_folder(image):
            raise UsageError(
                f"The image {image.name} carries its patient in its name, as the UCSD data set's "
                "do, and would be taken for a patient of its own. Read the folder with --kind ucsd."
            )
        label = place[0]
        samples.append(
            Sample(
                image=image,
                label=label.upper(),
                finding=label,
                patient=(
                    f"{source}-{place[1]}" if len(place) > 2 else _alone(source, label, image)
                ),
                eye=next((eye for part in place[1:-1] if (eye := _eye(part))), None),
                frame=_frame(image.stem) if len(place) > 2 else None,
                source=source,
                licence=licence,
                sha256=_UNHASHED,
                split=split,
            )
        )
    return _hashed(_without_leaking_split(samples), progress)


def _alone(source: str, label: str, image: Path) -> str:
    """The patient of an image of whom nothing else is known."""
    return f"{source}-{label.upper()}-{image.stem}"


def is_taken_alone(sample: Sample) -> bool:
    """Whether an image lay in no patient folder, so that it was taken for a patient of its own."""
    alone = _alone(sample.source, sample.finding, sample.image)
    return sample.image.parent.name == sample.finding and sample.patient == alone


def is_known_by_folder(sample: Sample) -> bool:
    """Whether a patient's name is that of a folder within a class folder, and no more."""
    return any(
        folder == sample.finding and sample.patient == f"{sample.source}-{inner}"
        for folder, inner in pairwise(sample.image.parts[:-1])
    )


KINDS: Mapping[str, Callable[..., tuple[Sample, ...]]] = {
    "neh": import_neh,
    "ucsd": import_ucsd,
    "folders": import_folders,
    "labelled": import_labelled,
}


def kind_of(folder: Path) -> str:
    """Which of `KINDS` a folder without a manifest is, by what lies in it.

    Raises:
        UsageError: If there is no image in it.
    """
    if any(folder.rglob("data_information.csv")):
        return "neh"
    named = all(_UCSD_NAME.match(image.stem) for image in _images(folder))
    return "ucsd" if named else "folders"


def _names_its_folder(image: Path) -> bool:
    """Whether an image is named CLASS-PATIENT-INDEX and lies in the folder CLASS."""
    match = _UCSD_NAME.match(image.stem)
    return match is not None and match["label"].upper() == image.parent.name.upper()


def _images(folder: Path) -> list[Path]:
    """All images below a folder, without what macOS leaves in archives (`._NAME`, `__MACOSX`)."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not any(
            part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts
        )
    )
    if not found:
        raise UsageError(f"There is no image in {folder}.")
    return found


def _split_of(relative: Path) -> str | None:
    named = (SPLIT_FOLDERS.get(part.lower()) for part in relative.parts[:-1])
    return next((split for split in named if split), None)


def _eye(text: str) -> str | None:
    return {"OD": "OD", "R": "OD", "RIGHT": "OD", "OS": "OS", "L": "OS", "LEFT": "OS"}.get(
        text.strip().upper()
    )


def _frame(text: str) -> str | None:
    """The last number in a name, padded so that text sorts as numbers do."""
    numbers = re.findall(r"\d+", text)
    return numbers[-1].zfill(5) if numbers else None


def _without_leaking_split(samples: list[Sample]) -> list[Sample]:
    """Drop a published split that has a patient on both sides: it is no split of ours."""
    sides: dict[str, set[str | None]] = {}
    for sample in samples:
        sides.setdefault(sample.patient, set()).add(sample.split)
    if all(len(side) == 1 for side in sides.values()):
        return samples
    return [replace(sample, split=None) for sample in samples]


def _hashed(samples: Iterable[Sample], progress: Progress) -> tuple[Sample, ...]:
    """Fill in the hashes. An image found under two labels loses both; its patients stay."""
    samples = tuple(samples)
    hashes = _hashes(samples, progress)
    labels: dict[str, set[str | None]] = {}
    for sample, sha256 in zip(samples, hashes, strict=True):
        labels.setdefault(sha256, set()).add(sample.label)
    return tuple(
        replace(sample, sha256=sha256, label=sample.label if len(labels[sha256]) == 1 else None)
        for sample, sha256 in zip(samples, hashes, strict=True)
    )


def _hashes(samples: Iterable[Sample], progress: Progress) -> list[str]:
    paths = [sample.image for sample in samples]
    hashes = []
    with ThreadPoolExecutor() as pool:
        for done, sha256 in enumerate(pool.map(_sha256, paths), start=1):
            hashes.append(sha256)
            progress(done, len(paths))
    return hashes


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DamagedFile(f"The image {path.name} cannot be read: {error.strerror}.") from error

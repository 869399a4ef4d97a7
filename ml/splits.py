"""Divide patients, never images, into training, validation and test.

    python -m ml.splits MANIFEST --out splits.json [--folds 5 | --fixed | --cross 5] [--seed 43]

What is divided are groups: patients who share an image, or have near-duplicates of one another's,
are taken for one person. A split is written to a file and known by the SHA-256 of that file;
teacher and student carry it, and must carry the same.
"""

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from app.errors import StorageError, UsageError
from app.files import whole_file
from ml.checks import check_files, inspect_images, require_sound
from ml.endings import in_one_sentence
from ml.grouping import deal, groups_of, strata_of
from ml.manifest import SPLITS, Sample, read_manifest
from ml.progress import progress_bar

FORMAT = 1
FOLDS = 5
SEED = 43  # the published code's
_VALIDATION_PARTS = 5  # a fifth of what is not tested on: 64 / 16 / 20 % with five folds


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One division. Images are named by their SHA-256."""

    fold: int
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    sha256: str = ""  # of the file it comes from


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFile:
    """All divisions that were made together, and how."""

    method: str
    seed: int | None
    folds: tuple[Split, ...]
    sha256: str = ""


def make_folds(
    samples: Sequence[Sample],
    *,
    folds: int = FOLDS,
    seed: int = SEED,
    linked: Iterable[tuple[Sample, Sample]] = (),
) -> SplitFile:
    """Divide into folds, stratified by source and label, each with validation inside.

    Fold k tests on the k-th part of the groups; of the rest, every fifth group validates.
    Unlabelled samples are divided too: the unfamiliarity gate needs them.

    Raises:
        UsageError: If a label has fewer groups than there are folds, or there are not two of them.
    """
    if folds < 2:
        raise UsageError("Folds are at least 2: in each one, the others' patients are trained on.")
    group_of = groups_of(samples, linked)
    groups = np.array([group_of[sample.patient] for sample in samples])
    strata = strata_of(samples, groups, folds)
    rng = np.random.default_rng(seed)
    part_of = deal(strata, groups, folds, rng)
    made = []
    for fold in range(folds):
        test, rest = np.flatnonzero(part_of == fold), np.flatnonzero(part_of != fold)
        inner = deal(strata[rest], groups[rest], _VALIDATION_PARTS, rng)
        # With few patients a part can lack a class; validation takes the first that lacks fewest.
        held = [len(set(strata[rest[inner == part]])) for part in range(_VALIDATION_PARTS)]
        validating = inner == int(np.argmax(held))
        places = {"train": rest[~validating], "val": rest[validating], "test": test}
        named = {part: [samples[each].sha256 for each in some] for part, some in places.items()}
        made.append(_split(fold, named))
    method = f"{folds} folds by patient, stratified by source and label"
    file = SplitFile(method=method, seed=seed, folds=tuple(made))
    for split in file.folds:
        refuse_leaks(samples, split, linked)
    return _with_hash(file)


def fixed_split(
    samples: Sequence[Sample], *, linked: Iterable[tuple[Sample, Sample]] = ()
) -> SplitFile:
    """Use the division that the manifest comes with.

    Where a person turns out to stand on two sides under two names, the test set is kept whole and
    that person is left out of training and validation (then out of training).

    Raises:
        UsageError: If a sample has no split, or a patient stands on two sides.
    """
    if not all(sample.split for sample in samples):
        raise UsageError("The manifest gives no split for some images. Make folds instead.")
    linked = tuple(linked)
    group_of = groups_of(samples, linked)
    side: dict[str, str] = {}
    for sample in samples:
        group = group_of[sample.patient]
        side[group] = max(side.get(group, "train"), sample.split or "train", key=SPLITS.index)
    parts: dict[str, list[str]] = {part: [] for part in SPLITS}
    for sample in samples:
        if sample.split == side[group_of[sample.patient]]:
            parts[sample.split].append(sample.sha256)
    whole = _split(0, parts)
    refuse_leaks(samples, _published(samples), ())
    refuse_leaks(samples, whole, linked)
    return _with_hash(SplitFile(method="the manifest's own", seed=None, folds=(whole,)))


def cross_split(
    samples: Sequence[Sample],
    division: Split,
    *,
    folds: int,
    seed: int = SEED,
    linked: Iterable[tuple[Sample, Sample]] = (),
) -> SplitFile:
    """Divide the training patients of a division once more, for networks that do not know a part.

    Fold k tests on the k-th part of the division's training patients and trains on the others; the
    division's validation patients validate each fold, and its test patients are in none.

    Raises:
        UsageError: If a label has fewer groups of training patients than there are folds, or these
            are fewer than two.
    """
    if folds < 2:
        raise UsageError(f"{folds} folds cross nothing. Ask for two at least.")
    linked = tuple(linked)
    training = select(samples, division.train)
    group_of = groups_of(samples, linked)
    groups = np.array([group_of[sample.patient] for sample in training])
    part_of = deal(strata_of(training, groups, folds), groups, folds, np.random.default_rng(seed))
    hashes = np.array([sample.sha256 for sample in training])
    made = tuple(
        _split(
            fold,
            {
                "train": hashes[part_of != fold].tolist(),
                "val": division.val,
                "test": hashes[part_of == fold].tolist(),
            },
        )
        for fold in range(folds)
    )
    for split in made:
        refuse_leaks(samples, split, linked)
    method = f"{folds} folds of the training patients of split {division.sha256}"
    return _with_hash(SplitFile(method=method, seed=seed, folds=made))


def _published(samples: Sequence[Sample]) -> Split:
    return _split(
        0, {part: [each.sha256 for each in samples if each.split == part] for part in SPLITS}
    )


def _split(fold: int, parts: Mapping[str, Iterable[str]]) -> Split:
    train, val, test = (tuple(dict.fromkeys(parts[part])) for part in SPLITS)
    return Split(fold=fold, train=train, val=val, test=test)


def select(samples: Iterable[Sample], hashes: Iterable[str]) -> tuple[Sample, ...]:
    """Return the samples that a part of a split names, each image once, in the manifest's order."""
    wanted = dict.fromkeys(hashes)
    chosen: dict[str, Sample] = {}
    for sample in samples:
        if sample.sha256 in wanted:
            chosen.setdefault(sample.sha256, sample)
    lacking = len(wanted) - len(chosen)
    if lacking:
        raise UsageError(
            f"The split names {lacking} images that the manifest does not hold. It was made for "
            "other data: make it again."
        )
    return tuple(chosen.values())


def refuse_leaks(
    samples: Sequence[Sample], split: Split, linked: Iterable[tuple[Sample, Sample]] = ()
) -> None:
    """Verify that no group of patients stands on two sides of a split.

    Raises:
        UsageError: If one does, with its patients.
    """
    group_of = groups_of(samples, linked)
    part_of = {
        sha256: part
        for part, hashes in (("train", split.train), ("val", split.val), ("test", split.test))
        for sha256 in hashes
    }
    if len(part_of) < len(split.train) + len(split.val) + len(split.test):
        raise UsageError(f"Fold {split.fold} names an image in two of its parts. Make it again.")
    sides: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample.sha256 in part_of:
            sides[group_of[sample.patient]].add(part_of[sample.sha256])
    leaking = sorted(group for group, parts in sides.items() if len(parts) > 1)
    if leaking:
        raise UsageError(
            f"Fold {split.fold} has {len(leaking)} patients in two of its parts, among them "
            f"{', '.join(leaking[:5])}. Make the split again; images are never divided."
        )


def require_same_split(teacher: str, student: str) -> None:
    """Verify that teacher and student were given the same split file.

    Raises:
        UsageError: If their hashes differ: the student's test patients may have taught the
            teacher.
    """
    if teacher != student:
        raise UsageError(
            "Teacher and student were trained on different splits "
            f"({teacher[:12] or 'none'} and {student[:12] or 'none'}), so the teacher may know "
            "the student's test patients. Train the teacher on the student's split."
        )


def division(
    samples: Sequence[Sample],
    path: Path | None,
    fold: int,
    linked: Iterable[tuple[Sample, Sample]],
) -> Split:
    """Return the fold of a split file, or the manifest's own division if there is none.

    Args:
        samples: Of the whole manifest.
        path: The split file.
        fold: Of it.
        linked: Near-duplicates under two patients' names, which a split file knows already.

    Raises:
        UsageError: If the file does not fit the samples, or a patient stands on two sides.
    """
    if path is None:
        return fixed_split(samples, linked=linked).folds[0]
    split = load_split(path, fold)
    for hashes in (split.train, split.val, split.test):
        select(samples, hashes)
    refuse_leaks(samples, split)
    return split


def write_splits(file: SplitFile, path: Path) -> None:
    """Write a split file.

    Raises:
        StorageError: If it cannot be written.
    """
    try:
        with whole_file(path) as stream:
            stream.write(_content(file))
    except OSError as error:
        raise StorageError(f"The split {path} cannot be written: {error.strerror}.") from error


def load_splits(path: Path) -> SplitFile:
    """Read a split file.

    Raises:
        UsageError: If it cannot be read, or is none.
    """
    try:
        content = path.read_bytes()
        raw = json.loads(content)
        if raw["format"] != FORMAT:
            raise ValueError("another format")
        file = SplitFile(
            method=raw["method"],
            seed=raw["seed"],
            folds=tuple(_split(each["fold"], each) for each in raw["folds"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"The split {path} cannot be read. `python -m ml.splits` writes one."
        ) from error
    return _with_hash(file)


def load_split(path: Path, fold: int = 0) -> Split:
    """Read one fold of a split file.

    Raises:
        UsageError: If the file cannot be read, or has no such fold.
    """
    folds = {split.fold: split for split in load_splits(path).folds}
    if fold not in folds:
        raise UsageError(f"The split {path} has folds {', '.join(map(str, folds))}, not {fold}.")
    return folds[fold]


def _content(file: SplitFile) -> bytes:
    plain = {
        "format": FORMAT,
        "method": file.method,
        "seed": file.seed,
        "folds": [
            {key: value for key, value in asdict(split).items() if key != "sha256"}
            for split in file.folds
        ],
    }
    return (json.dumps(plain, indent=1) + "\n").encode()


def _with_hash(file: SplitFile) -> SplitFile:
    sha256 = hashlib.sha256(_content(file)).hexdigest()
    return replace(
        file, sha256=sha256, folds=tuple(replace(each, sha256=sha256) for each in file.folds)
    )


def _describe(samples: Sequence[Sample], split: Split) -> str:
    parts = []
    for name, hashes in (("train", split.train), ("val", split.val), ("test", split.test)):
        chosen = select(samples, hashes)
        people = len({sample.patient for sample in chosen})
        parts.append(f"{name} {len(chosen)} B-scans of {people} patients")
    return f"fold {split.fold}: " + ", ".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a split file; return 0, or 2 if the data do not allow it."""
    parser = argparse.ArgumentParser(prog="python -m ml.splits", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--out", type=Path, required=True, metavar="JSON")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--folds", type=int, metavar="N", help=f"of all patients; by default {FOLDS}")
    how.add_argument("--fixed", action="store_true", help="use the manifest's own division")
    how.add_argument(
        "--cross",
        type=int,
        metavar="N",
        help="folds of the training patients of the manifest's own division",
    )
    parser.add_argument("--seed", type=int, help=f"of folds that are drawn; by default {SEED}")
    options = parser.parse_args(arguments)
    return in_one_sentence(lambda: _carry_out(options), status=2)


def _carry_out(options: argparse.Namespace) -> int:
    if options.fixed and options.seed is not None:
        raise UsageError(
            "--seed changes nothing beside --fixed, which draws nothing. Leave it out."
        )
    seed = SEED if options.seed is None else options.seed
    samples = read_manifest(options.manifest)
    seen = inspect_images(samples, progress=progress_bar("inspecting images"))
    require_sound(check_files(seen))
    linked = seen.linked
    if options.cross is not None:
        whole = fixed_split(samples, linked=linked).folds[0]
        file = cross_split(samples, whole, folds=options.cross, seed=seed, linked=linked)
    elif options.fixed:
        file = fixed_split(samples, linked=linked)
    else:
        file = make_folds(
            samples,
            folds=FOLDS if options.folds is None else options.folds,
            seed=seed,
            linked=linked,
        )
    write_splits(file, options.out)
    for split in file.folds:
        print(_describe(samples, split))
    print(f"{len(linked)} pairs of near-duplicates under two patients' names, kept together.")
    print(f"Wrote {options.out}, SHA-256 {file.sha256}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Look for what spoils an experiment before it starts.

Errors stop a training: an image that cannot be read or is not the one that was labelled, a label
that the model does not have, one image under two labels, a patient or image in two parts of a
split. Warnings are for a person to judge: near-duplicates across patients, images that were left
without a label because the data set contradicts itself, patients whom only a file's or a folder's
name tells. Notes are facts to know, as patients with
several classes.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.errors import DamagedFile, UsageError
from app.progress import Progress, ignore_progress
from app.study import Pixels
from ml.importers import is_known_by_folder, is_taken_alone
from ml.manifest import Sample, decode_bytes

_THUMBNAIL = 64  # pixels, both ways
_FREQUENCIES = 16  # lowest ones kept, both ways: 256 bits
NEAR_BITS = 40
"""Hashes that differ in at most this many of 256 bits are compared pixel by pixel."""
NEAR_CORRELATION = 0.97
"""Thumbnails that correlate at least so well show the same place of the same eye."""
_SHOWN = 8  # examples in a message
_BLOCK = 256  # hashes compared at once with all others: 0.2 GB for 100,000 images


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    severity: Severity
    kind: str  # "unreadable image", "unknown label", …
    text: str  # what was found, in a few words
    examples: str  # the first few
    count: int

    @property
    def message(self) -> str:
        return f"{self.text}: {self.examples}."

    @property
    def in_short(self) -> str:
        return f"{self.severity.value}: {self.count} {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was seen when every image of a manifest was read once."""

    unreadable: tuple[Sample, ...]
    changed: tuple[Sample, ...]  # their SHA-256 is not the manifest's
    linked: tuple[tuple[Sample, Sample], ...]  # of different patients, but of the same place

    def of(self, samples: Iterable[Sample]) -> "Inspection":
        """The part of it that is about the images of these samples."""
        images = {sample.image for sample in samples}

        def among(found: Sequence[Sample]) -> bool:
            return all(each.image in images for each in found)

        return Inspection(
            unreadable=tuple(each for each in self.unreadable if among([each])),
            changed=tuple(each for each in self.changed if among([each])),
            linked=tuple(pair for pair in self.linked if among(pair)),
        )


def inspect_images(
    samples: Sequence[Sample], *, progress: Progress = ignore_progress
) -> Inspection:
    """Decode every image once: is it whole, is it the one that was labelled, is it like another?

    Those that cannot be read are like none.
    """
    thumbnails, unreadable, changed = _decode_all(samples, progress)
    return Inspection(
        unreadable=unreadable,
        changed=changed,
        linked=_pairs_across_patients(samples, thumbnails),
    )


def check(
    samples: Sequence[Sample],
    classes: Sequence[str] | None = None,
    *,
    inspection: Inspection | None = None,
    progress: Progress = ignore_progress,
) -> tuple[Finding, ...]:
    """Look for everything that is wrong with the data.

    Args:
        samples: The manifest.
        classes: Labels that the model knows; None takes whatever labels there are.
        inspection: Of these samples and perhaps others; None: every image is decoded now.
        progress: Told of every image that is decoded.
    """
    seen = (inspection or inspect_images(samples, progress=progress)).of(samples)
    findings: list[Finding | None] = [
        *check_files(seen),
        *check_rows(samples, classes),
        _near_duplicates(seen),
    ]
    return tuple(finding for finding in findings if finding)


def check_files(seen: Inspection) -> tuple[Finding, ...]:
    """Whether the files are those that the manifest labels."""
    text = "images that are not those that the manifest labels (their SHA-256 differs)"
    findings = [
        _finding(
            Severity.ERROR,
            "unreadable image",
            "images that cannot be read",
            [each.image.name for each in seen.unreadable],
        ),
        _finding(Severity.ERROR, "changed image", text, [each.image.name for each in seen.changed]),
    ]
    return tuple(finding for finding in findings if finding)


def check_labels(samples: Sequence[Sample], classes: Sequence[str]) -> tuple[Finding, ...]:
    """Whether every label is one of the classes."""
    unknown = sorted({sample.label for sample in samples if sample.label} - set(classes))
    text = f"labels that are none of {', '.join(classes)}"
    found = _finding(Severity.ERROR, "unknown label", text, unknown)
    return (found,) if found else ()


def check_rows(
    samples: Sequence[Sample], classes: Sequence[str] | None = None
) -> tuple[Finding, ...]:
    """All checks that need no pixels: a moment, whatever the number of images."""
    findings = [
        *(check_labels(samples, classes) if classes is not None else ()),
        _contradictions(samples),
        _in_two_splits(samples, lambda sample: sample.patient, "patient in two splits"),
        _in_two_splits(samples, lambda sample: sample.sha256, "image in two splits"),
        _repeated(samples),
        _taken_alone(samples),
        _one_name(samples),
        _several_classes(samples),
    ]
    return tuple(finding for finding in findings if finding)


def require_sound(findings: Iterable[Finding]) -> None:
    """Refuse to go on if a finding is an error.

    Raises:
        UsageError: With the first error's message and how many more there are.
    """
    errors = [each for each in findings if each.severity is Severity.ERROR]
    if errors:
        more = f" There are {len(errors) - 1} more kinds of error." if len(errors) > 1 else ""
        raise UsageError(
            f"The data cannot be trained on: {errors[0].message}{more} "
            "`python -m ml.datasets check` lists everything."
        )


def _examples(names: Iterable[str], count: int) -> str:
    shown = ", ".join(islice(names, _SHOWN))
    return shown + (f" and {count - _SHOWN} more" if count > _SHOWN else "")


def _finding(severity: Severity, kind: str, text: str, names: Sequence[str]) -> Finding | None:
    """Return a finding about `names`, or None if there are none. `text` ends before the names."""
    if not names:
        return None
    return Finding(
        severity=severity,
        kind=kind,
        text=text,
        examples=_examples(names, len(names)),
        count=len(names),
    )


def _grouped(
    samples: Iterable[Sample], key: Callable[[Sample], Hashable]
) -> Iterator[list[Sample]]:
    groups: dict[Hashable, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[key(sample)].append(sample)
    yield from groups.values()


def _contradictions(samples: Sequence[Sample]) -> Finding | None:
    open_: list[str] = []
    settled: list[str] = []
    for group in _grouped(samples, lambda sample: sample.sha256):
        if len({sample.finding.upper() for sample in group}) > 1:
            name = " = ".join(f"{sample.image.name} ({sample.finding})" for sample in group)
            (open_ if len({sample.label for sample in group}) > 1 else settled).append(name)
    if open_:
        return _finding(Severity.ERROR, "two labels", "the same image under two labels", open_)
    text = "the same image under two findings, which give it one label or none"
    return _finding(Severity.WARNING, "two labels", text, settled)


def _in_two_splits(
    samples: Sequence[Sample], key: Callable[[Sample], str], kind: str
) -> Finding | None:
    found = [
        key(group[0])
        for group in _grouped(samples, key)
        if len({sample.split for sample in group}) > 1
    ]
    return _finding(Severity.ERROR, kind, kind, found)


def _repeated(samples: Sequence[Sample]) -> Finding | None:
    found = [
        " = ".join(sorted({sample.patient for sample in group}))
        for group in _grouped(samples, lambda sample: sample.sha256)
        if len({sample.patient for sample in group}) > 1
    ]
    text = "patients who share an image, kept in one part of every split"
    return _finding(Severity.WARNING, "shared image", text, sorted(set(found)))


def _taken_alone(samples: Sequence[Sample]) -> Finding | None:
    found = [sample.image.name for sample in samples if is_taken_alone(sample)]
    text = (
        "images that lie in no patient folder: each is taken for a person of its own, so that "
        "one person's would count as several people and could lie on two sides of a split; if "
        "some are of one person, put them into a folder, CLASS/PATIENT"
    )
    return _finding(Severity.WARNING, "no patient", text, found)


def _one_name(samples: Sequence[Sample]) -> Finding | None:
    text = (
        "patient folders of one name in several classes, taken for one person; where every class "
        "numbers its patients anew, give them other names"
    )
    found = _in_several_classes(samples, by_folder=True)
    return _finding(Severity.WARNING, "one name in several classes", text, found)


def _several_classes(samples: Sequence[Sample]) -> Finding | None:
    text = "patients with B-scans of several classes, kept in one part of every split"
    found = _in_several_classes(samples, by_folder=False)
    return _finding(Severity.NOTE, "several classes", text, found)


def _in_several_classes(samples: Sequence[Sample], *, by_folder: bool) -> list[str]:
    """Patients of several classes: those who are only known by a folder's name, or the others."""
    return [
        f"{group[0].patient} ({', '.join(labels)})"
        for group in _grouped(samples, lambda sample: sample.patient)
        if len(labels := sorted({sample.label for sample in group if sample.label})) > 1
        and all(map(is_known_by_folder, group)) == by_folder
    ]


def _decode_all(
    samples: Sequence[Sample], progress: Progress
) -> tuple[NDArray[np.float16], tuple[Sample, ...], tuple[Sample, ...]]:
    """Return thumbnails, shape (n, 64, 64), zero mean and unit norm; NaN where unreadable.

    And the images that cannot be read, and those that are others than the manifest labels.
    """
    # Half precision: 0.9 GB for 100,000 images.
    thumbnails = np.full((len(samples), _THUMBNAIL, _THUMBNAIL), np.nan, dtype=np.float16)
    unreadable, changed = [], []
    with ThreadPoolExecutor() as pool:
        for index, (found, sha256) in enumerate(pool.map(_look_at, samples)):
            if found is None:
                unreadable.append(samples[index])
            else:
                thumbnails[index] = found
                if sha256 != samples[index].sha256:
                    changed.append(samples[index])
            progress(index + 1, len(samples))
    return thumbnails, tuple(unreadable), tuple(changed)


def _look_at(sample: Sample) -> tuple[NDArray[np.float32] | None, str]:
    """The thumbnail of an image, None where it cannot be read, and its hash: one reading."""
    try:
        content = sample.image.read_bytes()
        return thumbnail(decode_bytes(content, sample.image.name)), hashlib.sha256(
            content
        ).hexdigest()
    except (OSError, DamagedFile):
        return None, ""


def thumbnail(pixels: Pixels) -> NDArray[np.float32]:
    """Shrink a B-scan to shape (64, 64), zero mean and unit norm."""
    small = Image.fromarray(pixels).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.float32)
    grey = grey - grey.mean()
    return np.asarray(grey / max(float(np.linalg.norm(grey)), 1e-6), dtype=np.float32)


def perceptual_hashes(thumbnails: NDArray[np.floating]) -> NDArray[np.uint64]:
    """Hash thumbnails by the signs of their 16 x 16 lowest frequencies, shape (n, 4).

    The discrete cosine transform (type II) of each, against its median: speckle, compression and
    brightness move few bits, another place of the retina moves half of them.
    """
    place = (np.arange(_THUMBNAIL) + 0.5) / _THUMBNAIL
    basis = np.cos(np.pi * np.outer(np.arange(_FREQUENCIES), place)).astype(np.float32)
    hashes = np.empty((len(thumbnails), _FREQUENCIES**2 // 64), dtype=np.uint64)
    for start in range(0, len(thumbnails), _BLOCK):
        block = thumbnails[start : start + _BLOCK].astype(np.float32)
        spectrum = (basis @ block @ basis.T).reshape(len(block), -1)
        bits = spectrum > np.median(spectrum, axis=1, keepdims=True)
        hashes[start : start + _BLOCK] = np.packbits(bits, axis=1).view(np.uint64)
    return hashes


def near_pairs(thumbnails: NDArray[np.floating]) -> NDArray[np.intp]:
    """Find the pairs of thumbnails that show the same place, shape (n_pairs, 2)."""
    hashes = perceptual_hashes(thumbnails)
    pairs = []
    for start in range(0, len(hashes), _BLOCK):
        block, others = hashes[start : start + _BLOCK], hashes[start:]
        differing = np.zeros((len(block), len(others)), dtype=np.uint16)
        for mine, theirs in zip(block.T, others.T, strict=True):
            differing += np.bitwise_count(mine[:, None] ^ theirs[None])
        first, second = np.nonzero(differing <= NEAR_BITS)
        later = second > first
        pairs.append(np.stack([first[later], second[later]], axis=1) + start)
    candidates = np.concatenate(pairs) if pairs else np.empty((0, 2), dtype=np.intp)
    correlation = np.array(
        [
            np.vdot(thumbnails[first].astype(np.float32), thumbnails[second].astype(np.float32))
            for first, second in candidates
        ]
    )
    near: NDArray[np.intp] = (
        candidates[correlation >= NEAR_CORRELATION] if len(candidates) else candidates
    )
    return near


def _pairs_across_patients(
    samples: Sequence[Sample], thumbnails: NDArray[np.floating]
) -> tuple[tuple[Sample, Sample], ...]:
    readable = np.flatnonzero(~np.isnan(thumbnails[:, 0, 0]))
    if len(readable) == 0:
        return ()
    pairs = readable[near_pairs(thumbnails[readable])]
    found = ((samples[first], samples[second]) for first, second in pairs)
    return tuple((one, other) for one, other in found if one.patient != other.patient)


def _near_duplicates(seen: Inspection) -> Finding | None:
    found = [
        f"{one.image.name} ~ {other.image.name}"
        + (f" ({one.split} and {other.split})" if one.split != other.split else "")
        for one, other in seen.linked
        if one.sha256 != other.sha256
    ]
    text = "near-duplicates of different patients, who may be one person"
    return _finding(Severity.WARNING, "near-duplicate", text, found)

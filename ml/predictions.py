"""What a model said of a set of B-scans, with all that is needed to judge it.

Kept as .npz without pickles. Logits are kept, not probabilities: calibration comes after.
"""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine import calibrated
from app.errors import StorageError, UsageError
from app.files import whole_file
from ml.classes import NO_LABEL, OUT_OF_SCOPE
from ml.manifest import Sample

ONE_VIEW = "one view"

Texts = NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """n B-scans. Texts are empty where a thing is not known."""

    logits: NDArray[np.float32]  # (n, n_classes)
    labels: NDArray[np.int64]  # (n,), index into classes; -1: none of them, or unknown
    classes: tuple[str, ...]
    patients: Texts  # (n,)
    eyes: Texts  # (n,), "OD", "OS" or ""
    frames: Texts  # (n,), sorts in spatial order
    images: Texts  # (n,), SHA-256
    sources: Texts  # (n,), data set
    findings: Texts  # (n,), as published
    model: str = ""
    split_sha256: str = ""
    part: str = ""  # of that split: "train", "val", "test", or "all" of a manifest
    views: str = ONE_VIEW  # what was averaged for each B-scan: test-time augmentation, in words
    temperature: float = 1.0  # logits are divided by it before the softmax
    features: NDArray[np.float32] | None = None  # (n, d), after global average pooling
    unfamiliarity: NDArray[np.float32] | None = None  # (n,)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of logits / temperature, shape (n, n_classes)."""
        return calibrated(self.logits, self.temperature)

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Which B-scans show a disease that none of the classes covers, shape (n,)."""
        return np.asarray(np.isin(self.findings, list(OUT_OF_SCOPE)) & (self.labels == NO_LABEL))

    def take(self, chosen: NDArray[Any]) -> "Predictions":
        """Return the B-scans that a mask or an array of indices names."""
        arrays = {
            field.name: value[chosen]
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        return replace(self, **arrays)

    def labelled(self) -> "Predictions":
        return self.take(self.labels != NO_LABEL)


def predictions_of(
    samples: Sequence[Sample],
    classes: Sequence[str],
    logits: NDArray[np.floating],
    *,
    features: NDArray[np.floating] | None = None,
    unfamiliarity: NDArray[np.floating] | None = None,
    **described: Any,  # noqa: ANN401 - model, split_sha256, views, temperature
) -> Predictions:
    """Join samples with what a model said of them, in the same order.

    Raises:
        UsageError: If a label is none of the classes, or the counts differ.
    """
    if logits.shape != (len(samples), len(classes)):
        raise UsageError(
            f"Logits of shape {logits.shape} are not those of {len(samples)} B-scans in "
            f"{len(classes)} classes. Use the classes that the model was trained with."
        )
    unknown = sorted({each.label for each in samples if each.label} - set(classes))
    if unknown:
        raise UsageError(f"The model does not know the labels {', '.join(unknown)}.")
    index = {name: place for place, name in enumerate(classes)}

    def texts(values: Sequence[str | None]) -> Texts:
        return np.array([value or "" for value in values], dtype=np.str_)

    return Predictions(
        logits=logits.astype(np.float32),
        labels=np.array([index.get(each.label or "", NO_LABEL) for each in samples], np.int64),
        classes=tuple(classes),
        patients=texts([each.patient for each in samples]),
        eyes=texts([each.eye for each in samples]),
        frames=texts([each.frame for each in samples]),
        images=texts([each.sha256 for each in samples]),
        sources=texts([each.source for each in samples]),
        findings=texts([each.finding for each in samples]),
        features=None if features is None else features.astype(np.float32),
        unfamiliarity=None if unfamiliarity is None else unfamiliarity.astype(np.float32),
        **described,
    )


def save_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions whole.

    Raises:
        StorageError: If they cannot be written.
    """
    values = {
        field.name: np.asarray(value)
        for field in fields(predictions)
        if (value := getattr(predictions, field.name)) is not None
    }
    try:
        with whole_file(path) as file:
            np.savez_compressed(file, allow_pickle=False, **values)
    except OSError as error:
        raise StorageError(f"Predictions {path} cannot be written: {error.strerror}.") from error


def load_predictions(path: Path) -> Predictions:
    """Read predictions.

    Raises:
        UsageError: If the file cannot be read, or holds something else.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            values: dict[str, Any] = {name: stored[name] for name in stored.files}
        values["classes"] = tuple(values["classes"].tolist())
        for name in ("model", "split_sha256", "part", "views", "temperature"):
            if name in values:
                values[name] = values[name].item()
        predictions = Predictions(**values)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        zipfile.BadZipFile,
        EOFError,
        zlib.error,
    ) as error:
        raise UsageError(f"{path} holds no predictions that can be read.") from error
    lengths = {
        len(value)
        for field in fields(predictions)
        if isinstance(value := getattr(predictions, field.name), np.ndarray)
    }
    if len(lengths) != 1 or predictions.logits.shape[1] != len(predictions.classes):
        raise UsageError(f"{path} holds predictions that do not fit together.")
    return predictions


def require_same_division(one: Predictions, other: Predictions) -> None:
    """Verify that two networks were trained and tested on one division, where both say on which.

    Raises:
        UsageError: If it was another: one may have learnt from B-scans that the other is tested on.
    """
    if one.split_sha256 and other.split_sha256 and one.split_sha256 != other.split_sha256:
        raise UsageError(
            f"The predictions of “{one.model}” belong to the division {one.split_sha256[:12]}, "
            f"those of “{other.model}” to {other.split_sha256[:12]}: one may have learnt from "
            "B-scans that the other is tested on. Score both on one division."
        )


def join_predictions(parts: Sequence[Predictions]) -> Predictions:
    """Put the parts of one model together, as the test parts of five folds.

    Raises:
        UsageError: If classes, views or divisions differ, or a B-scan is there twice.
    """
    first = parts[0]
    for each in parts:
        require_same_division(first, each)
    if any((each.classes, each.views) != (first.classes, first.views) for each in parts):
        raise UsageError("Predictions in other classes or of other views cannot be joined.")
    known = {each.part for each in parts if each.part}
    if len(known) > 1:
        raise UsageError(
            f"Predictions of {' and of '.join(sorted(known))} B-scans cannot be joined: figures "
            "of both together would be of neither."
        )
    arrays: dict[str, Any] = {}
    for field in fields(first):
        values = [getattr(each, field.name) for each in parts]
        if all(isinstance(value, np.ndarray) for value in values):
            arrays[field.name] = np.concatenate(values)
        elif any(isinstance(value, np.ndarray) for value in values):
            arrays[field.name] = None  # what only some parts have is not known of the whole
    images = arrays["images"]
    if len(set(images.tolist())) < len(images):
        raise UsageError("A B-scan is in two of the predictions: it would count twice.")
    temperatures = {each.temperature for each in parts}
    if len(temperatures) > 1:
        arrays["logits"] = np.concatenate([each.logits / each.temperature for each in parts])
        arrays["temperature"] = 1.0
    return replace(first, **arrays, part=next(iter(known), ""))

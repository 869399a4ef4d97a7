"""The real, labelled B-scans that tests use where they are to be had; never part of the project.

They are looked for in the folder that KD_OCT_SHARED names, else in `../shared` beside the
checkout. Tests that need them are marked `@needs_shared` and skip with a sentence elsewhere.
"""

import csv
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


def _found() -> Path | None:
    named = os.environ.get("KD_OCT_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    return folder if (folder / "data" / "manifest.csv").is_file() else None


SHARED: Path | None = _found()

needs_shared = pytest.mark.skipif(
    SHARED is None,
    reason="The real B-scans are not here: set KD_OCT_SHARED to the folder that holds data/.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One row of the manifest."""

    path: Path
    dataset: str  # "kermany" or "octdl"
    label: str  # as published
    label4: str | None  # NORMAL, DRUSEN, DME or CNV; None where none fits
    patient: str
    split: str  # "train", "val" or "test"

    def pixels(self) -> NDArray[np.uint8]:
        """Decode the B-scan, shape (rows, columns)."""
        with Image.open(self.path) as image:
            return np.asarray(image.convert("L"))


@cache
def manifest() -> tuple[Labelled, ...]:
    """Every labelled B-scan, in the manifest's order; empty where the data are absent."""
    if SHARED is None:
        return ()
    data = SHARED / "data"
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return tuple(
            Labelled(
                path=data / row["path"],
                dataset=row["dataset"],
                label=row["label"],
                label4=row["label4"] or None,
                patient=row["patient"],
                split=row["split"],
            )
            for row in csv.DictReader(file)
        )


def some_of(label4: str, count: int, *, dataset: str | None = None) -> tuple[Labelled, ...]:
    """The first `count` B-scans of one class, the same ones every time."""
    fitting = (
        each for each in manifest() if each.label4 == label4 and dataset in (None, each.dataset)
    )
    return tuple(each for each, _ in zip(fitting, range(count), strict=False))

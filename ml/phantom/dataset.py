"""Write a small labelled set of phantom B-scans, laid out and listed like a real one.

It stands in for real data where a stage of training or evaluation is tried out in seconds: a
network can learn it, its patients have several frames each, and its splits are by patient.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from app.files import whole_file
from app.study import Laterality
from ml.phantom.grid import Grid
from ml.phantom.lesions import LESIONS_OF
from ml.phantom.volume import Phantom, make_phantom

COLUMNS = (
    "path",
    "dataset",
    "label",
    "label4",
    "sub_label",
    "patient",
    "width",
    "height",
    "split",
    "sha256",
    "source_sha256",
)
SPLITS = ("train", "train", "train", "val", "test")
"""Taken in turn by the patients of each class."""

VISIBLE_MM2 = 0.01
"""Area of lesion from which a frame is labelled with its disease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Pixels of the written B-scans, which always show the same piece of retina."""

    rows: int = 124
    columns: int = 128

    def grid(self, laterality: Laterality) -> Grid:
        """Seven frames through the macula, sampled once more densely than they are written."""
        return Grid(
            frames=7,
            rows=2 * self.rows,
            columns=2 * self.columns,
            axial_mm=1.44 / (2 * self.rows),
            lateral_mm=5.9 / (2 * self.columns),
            between_mm=0.22,
            laterality=laterality,
        )


def write_dataset(
    folder: Path,
    *,
    patients: int = 10,
    frames: int = 3,
    seed: int = 0,
    size: Size | None = None,
) -> Path:
    """Write `folder/CLASS/CLASS-PATIENT-FRAME.png` and `folder/manifest.csv`.

    Args:
        patients: Of each class. From five on, every class is in every split.
        frames: Of each patient, at most 7; those that show most of the disease.
        seed: The same arguments give the same bytes.

    Returns:
        The path of the manifest, whose columns are `COLUMNS` and whose paths are relative to it.

    Raises:
        ValueError: If a count is out of range.
        OSError: If the folder cannot be written.
    """
    if patients < 1 or not 1 <= frames <= 7:
        raise ValueError(f"needs at least 1 patient and 1 to 7 frames, not {patients}, {frames}")
    size = size or Size()
    listed: list[dict[str, str | int]] = []
    for kind, label in enumerate(LESIONS_OF):
        for number in range(patients):
            index = kind * patients + number
            laterality = (Laterality.RIGHT, Laterality.LEFT)[number % 2]
            phantom = make_phantom(label, seed * 100_003 + index, size.grid(laterality))
            name = f"phantom-{seed}-{index:04d}"
            for frame in _most_telling(phantom, frames):
                path = Path(label) / f"{label}-{name}-{frame + 1}.png"
                digest = _write_png(folder / path, _halved(phantom.pixels[frame]))
                listed.append(
                    {
                        "path": path.as_posix(),
                        "dataset": "phantom",
                        "label": label,
                        "label4": label,
                        "sub_label": "",
                        "patient": name,
                        "width": size.columns,
                        "height": size.rows,
                        "split": SPLITS[number % len(SPLITS)],
                        "sha256": digest,
                        "source_sha256": digest,
                    }
                )
    return _write_manifest(folder / "manifest.csv", listed)


def _most_telling(phantom: Phantom, count: int) -> list[int]:
    """Frames with the largest visible lesion, in order; of a healthy eye those near the fovea."""
    middle = -np.abs(np.arange(phantom.grid.frames) - phantom.grid.frames // 2)
    if not phantom.masks:
        return sorted(np.argsort(-middle, kind="stable")[:count].tolist())
    area = phantom.mask.sum(axis=(1, 2)) * phantom.grid.axial_mm * phantom.grid.lateral_mm
    ranked = np.argsort(-area, kind="stable")
    visible = [int(frame) for frame in ranked if area[frame] >= VISIBLE_MM2]
    return sorted(visible[:count])


def _halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean of each 2 x 2 block, as if the exporter had made the picture smaller."""
    rows, columns = pixels.shape
    blocks = pixels.reshape(rows // 2, 2, columns // 2, 2).astype(np.uint16)
    return np.asarray((blocks.sum(axis=(1, 3)) + 2) // 4, np.uint8)


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> str:
    """Write the picture and return the SHA-256 of the file."""
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "PNG", optimize=False)
    with whole_file(path) as file:
        file.write(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def _write_manifest(path: Path, listed: list[dict[str, str | int]]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    with whole_file(path) as file:
        file.write(text.getvalue().encode())
    return path

"""Small data sets in the published layouts, drawn by seed: bands of speckle, no patient's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ml.manifest import Sample


def bscan(seed, *, rows=64, columns=96):
    """A bright wavy band on speckle, uint8 (rows, columns); another one for every seed."""
    rng = np.random.default_rng(seed)
    place = np.linspace(0, 2 * np.pi * rng.uniform(0.5, 3), columns)
    centre = rows * (0.5 + 0.2 * np.sin(place + rng.uniform(0, 6)))
    distance = np.abs(np.arange(rows)[:, None] - centre[None]) / rng.uniform(3, 8)
    grey = 160 * np.exp(-(distance**2)) + 30 * rng.random((rows, columns))
    return grey.astype(np.uint8)


def write_image(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(bscan(seed)).save(path)
    return path


def sample(name, *, label="NORMAL", patient="p1", split=None, sha256=None, **fields) -> Sample:
    """A row of a manifest; its image is named, not there."""
    given = {"finding": label or "ERM", "eye": None, "frame": None, "source": "here"} | fields
    return Sample(
        image=Path(name),
        label=label,
        patient=patient,
        licence="CC0",
        sha256=sha256 or name,
        split=split,
        **given,
    )


def clinic(*, patients: int, labels: Sequence[str | None], source="here", each=3) -> list[Sample]:
    """`patients` patients for every label, with `each` B-scans."""
    return [
        sample(
            f"{source}-{label}-{p}-{i}", label=label, patient=f"{source}-{label}-{p}", source=source
        )
        for label in labels
        for p in range(patients)
        for i in range(each)
    ]

"""Studies made of arrays, for tests of what comes after reading."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.study import BScan, FrameSource, Laterality, Patient, Spacing, Study, Volume


def layered_bscan(seed: int, *, rows: int = 128, columns: int = 192) -> NDArray[np.uint8]:
    """A bright wavy band with speckle on a dark ground: enough of a retina to be gradable."""
    rng = np.random.default_rng(seed)
    depth = np.arange(rows)[:, None]
    top = rows * (0.4 + 0.05 * np.sin(np.arange(columns) / columns * np.pi + rng.uniform(0, 6)))
    band = np.where((depth > top) & (depth < top + 0.25 * rows), 150.0, 25.0)
    band += np.where(np.abs(depth - top - 0.22 * rows) < 0.02 * rows, 60.0, 0.0)
    noisy = band * rng.gamma(6.0, 1 / 6.0, band.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def bscan_of(
    load: Callable[[], NDArray[np.uint8]], number: int = 1, size: tuple[int, int] = (128, 192)
) -> BScan:
    return BScan(
        source=FrameSource(path=Path("memory.dcm"), frame_number=number, sop_instance_uid="1.2.3"),
        rows=size[0],
        columns=size[1],
        load=load,
    )


def volume_of(
    frames: Sequence[NDArray[np.uint8]],
    *,
    laterality: Laterality = Laterality.RIGHT,
    uid: str = "1.2.3",
) -> Volume:
    return Volume(
        uid=uid,
        laterality=laterality,
        bscans=tuple(
            bscan_of(lambda pixels=pixels: pixels, number, pixels.shape)
            for number, pixels in enumerate(frames, start=1)
        ),
        order="plane position",
        spacing=Spacing(axial_mm=0.004, lateral_mm=0.012, between_mm=0.12),
    )


def study_of(*volumes: Volume) -> Study:
    return Study(uid="1.2", patient=Patient(identifier="P1"), volumes=volumes)

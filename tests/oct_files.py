"""OCT files for tests of reading: volumes written as DICOM, then changed as machines vary."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid

from app.convert import write_localizer, write_opt
from app.reading import open_studies
from app.study import (
    BScan,
    FrameSource,
    Laterality,
    Localizer,
    Opened,
    Patient,
    Spacing,
    Study,
    Volume,
)
from tests.tiny_study import layered_bscan

Frame = NDArray[np.uint8]
SPACING = Spacing(axial_mm=0.0039, lateral_mm=0.0115, between_mm=0.12)


def bscans(count: int, *, rows: int = 64, columns: int = 96, seed: int = 0) -> list[Frame]:
    return [layered_bscan(seed + index, rows=rows, columns=columns) for index in range(count)]


def volume_of(
    frames: Sequence[Frame],
    *,
    uid: str = "1.2.3",
    laterality: Laterality = Laterality.RIGHT,
    spacing: Spacing = SPACING,
) -> Volume:
    return Volume(
        uid=uid,
        laterality=laterality,
        bscans=tuple(
            BScan(
                source=FrameSource(path=Path("memory"), frame_number=number),
                rows=frame.shape[0],
                columns=frame.shape[1],
                load=lambda frame=frame: frame,
            )
            for number, frame in enumerate(frames, start=1)
        ),
        order="stored order",
        spacing=spacing,
        acquired=datetime(2024, 5, 6, 7, 8, 9),
        device="Maker Model",
    )


def with_localizer(volume: Volume, picture: Frame) -> Volume:
    """The volume with its lines laid evenly across a localizer."""
    rows, columns = picture.shape
    localizer = Localizer(
        source=FrameSource(path=Path("memory")),
        rows=rows,
        columns=columns,
        load=lambda: picture,
        spacing_mm=(0.011, 0.011),
    )
    placed = tuple(
        replace(bscan, location=((2.0 * index, 1.0), (2.0 * index, columns - 1.0)))
        for index, bscan in enumerate(volume.bscans)
    )
    return replace(volume, bscans=placed, localizer=localizer)


def study_of(*volumes: Volume, patient: Patient | None = None, uid: str = "1.2.840.1") -> Study:
    return Study(
        uid=uid,
        patient=patient or Patient(identifier="P1", name="Doe, Jane", birth_date=date(1950, 1, 2)),
        volumes=volumes,
        visited=date(2024, 5, 6),
        description="Macula",
    )


def write(
    path: Path,
    frames: Sequence[Frame],
    *,
    patient: Patient | None = None,
    study: str = "1.2.840.1",
    uid: str = "1.2.3",
    laterality: Laterality = Laterality.RIGHT,
    change: Callable[[Dataset], object] | None = None,
) -> Path:
    """Write frames as a tomography object, and then change what a machine would write otherwise."""
    volume = volume_of(frames, uid=uid, laterality=laterality)
    write_opt(volume, study_of(volume, patient=patient, uid=study), path)
    if change is not None:
        rewrite(path, change)
    return path


def rewrite(path: Path, change: Callable[[Dataset], object]) -> Path:
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return path


def write_linked(folder: Path, frames: Sequence[Frame], picture: Frame) -> Volume:
    """Write a volume and its localizer, and return the volume that was written."""
    volume = with_localizer(volume_of(frames), picture)
    write_opt(volume, study_of(volume), folder / "volume.dcm")
    write_localizer(volume, study_of(volume), folder / "localizer.dcm")
    return volume


def write_single_frames(folder: Path, frames: Sequence[Frame], *, series: str) -> list[Path]:
    """Write each frame as a file of its own, without functional groups, first frame last."""
    paths = []
    for index, frame in enumerate(frames):
        path = write(folder / f"IM{len(frames) - index}", [frame], uid=f"{series}.{index}")

        def flatten(dataset: Dataset, index: int = index) -> None:
            del dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence
            del dataset.NumberOfFrames
            dataset.SeriesInstanceUID = series
            dataset.InstanceNumber = index + 1
            dataset.PixelSpacing = [0.0039, 0.0115]
            dataset.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
            dataset.ImagePositionPatient = [0, 0.12 * index, 0]

        paths.append(rewrite(path, flatten))
    return paths


def compress(
    path: Path, syntax: str, encode: Callable[[Frame], bytes], frames: Sequence[Frame]
) -> Path:
    """Replace the pixels of a file by compressed ones."""

    def change(dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = encapsulate([encode(frame) for frame in frames])
        dataset["PixelData"].is_undefined_length = True

    return rewrite(path, change)


def fresh_uid() -> str:
    return str(generate_uid())


def opened(*paths: Path) -> Opened:
    return open_studies(list(paths))


def the_volume(*paths: Path) -> Volume:
    """The one volume that the paths hold, nothing having been skipped."""
    result = opened(*paths)
    assert result.skipped == ()
    (study,) = result.studies
    (volume,) = study.volumes
    return volume


def pixels_of(volume: Volume) -> NDArray[np.uint8]:
    """All B-scans, shape (n, rows, columns)."""
    return np.stack([bscan.pixels() for bscan in volume.bscans])


def failure_of(path: Path) -> str:
    """The sentence with which the one file was refused as unreadable OCT."""
    result = opened(path)
    assert result.studies == ()
    (skipped,) = result.skipped
    assert skipped.failed
    assert skipped.path == path
    return skipped.reason


def write_visit(folder: Path, *, right: int = 9, left: int = 7) -> Path:
    """One visit of one patient, a file for each eye; return the folder."""
    folder.mkdir()
    write(folder / "right.dcm", bscans(right), uid="1.2.31")
    write(folder / "left.dcm", bscans(left, seed=50), uid="1.2.32", laterality=Laterality.LEFT)
    return folder

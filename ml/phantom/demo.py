"""Write the demo study: one synthetic patient, drusen in the right eye, CNV in the left."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import JPEGLSLossless, generate_uid

from app.convert import write_localizer, write_opt
from app.files import whole_file
from app.study import BScan, FrameSource, Laterality, Localizer, Patient, Study, Volume
from ml.phantom.fundus import FIELD_MM, make_fundus
from ml.phantom.grid import Grid
from ml.phantom.volume import Phantom, make_phantom

PATIENT = Patient(
    identifier="SYNTHETIC-0001",
    name="SYNTHETIC, Phantom",
    birth_date=date(1950, 1, 1),
    sex="O",
)
VISITED = date(2026, 1, 15)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEye:
    """One eye of the demo study; `make` gives its truth, masks included."""

    label: str
    laterality: Laterality
    seed: int
    minute: int  # of the visit

    @property
    def grid(self) -> Grid:
        """A common scan of 49 B-scans over 20° x 10°, so that most of them cross the macula."""
        return Grid(rows=352, between_mm=0.0602, laterality=self.laterality)

    def make(self) -> Phantom:
        return make_phantom(self.label, self.seed, self.grid)


EYES = (
    DemoEye(label="DRUSEN", laterality=Laterality.RIGHT, seed=50, minute=10),
    DemoEye(label="CNV", laterality=Laterality.LEFT, seed=33, minute=14),
)


def write_demo(folder: Path) -> tuple[Path, ...]:
    """Write both eyes' volumes and localizers as DICOM. Twice gives the same bytes.

    Raises:
        ReportError, OSError: If the folder cannot be written.
    """
    volumes = tuple(_volume(eye) for eye in EYES)
    study = Study(
        uid=generate_uid(entropy_srcs=["KD-OCT demo study"]),
        patient=PATIENT,
        volumes=volumes,
        visited=VISITED,
        description="SYNTHETIC phantom eyes",
    )
    written = []
    for volume in volumes:
        tomography = folder / f"synthetic-{volume.laterality}-oct.dcm"
        photograph = folder / f"synthetic-{volume.laterality}-fundus.dcm"
        write_opt(volume, study, tomography)
        write_localizer(volume, study, photograph)
        written += [tomography, photograph]
    for path in written:
        _compress(path)
    return tuple(written)


def _volume(eye: DemoEye) -> Volume:
    phantom = eye.make()
    fundus, lines = make_fundus(eye.label, eye.seed, eye.grid)
    source = Path("phantom")
    bscans = tuple(
        BScan(
            source=FrameSource(path=source, frame_number=number),
            rows=eye.grid.rows,
            columns=eye.grid.columns,
            load=partial(_same, pixels),
            location=line,
        )
        for number, (pixels, line) in enumerate(zip(phantom.pixels, lines, strict=True), 1)
    )
    pixel = FIELD_MM / len(fundus)
    return Volume(
        uid=f"KD-OCT demo {eye.laterality}",
        laterality=eye.laterality,
        bscans=bscans,
        order="made in order",
        spacing=phantom.spacing,
        acquired=datetime(VISITED.year, VISITED.month, VISITED.day, 9, eye.minute),
        localizer=Localizer(
            source=FrameSource(path=source),
            rows=fundus.shape[0],
            columns=fundus.shape[1],
            load=partial(_same, fundus),
            spacing_mm=(pixel, pixel),
        ),
        synthetic=True,
    )


def _same(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels


def _compress(path: Path) -> None:
    """JPEG-LS keeps every bit in half the space: the demo study comes with the program."""
    dataset = pydicom.dcmread(path)
    dataset.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)
    with whole_file(path) as file:
        dataset.save_as(file, enforce_file_format=True)

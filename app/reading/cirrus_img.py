"""Zeiss Cirrus research export, `.img`: bare bytes, all else in the file's name.

`PATIENT_Macular Cube 512x128_1-31-2010_10-11-12_OD_sn1234_cube_z.img` holds 128 B-scans of 512
A-scans; the whole volume lies turned by half a turn about every axis. The file does not say how
many mm it spans. Layout after the readers of octCirrusReader and RETIMAT; no file of a real
machine has been met here, and the volume says so.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np

from app.errors import DamagedFile, UnsupportedFile
from app.language import fill, mark
from app.reading.entries import Entry, bytes_at
from app.reading.found import Found
from app.reading.identifiers import uid_of_content, uid_of_words
from app.study import BScan, FrameSource, Laterality, Patient, Pixels, Volume

_NAME = re.compile(
    r"^(?P<patient>.*?)_(?P<scan>[^_]*?)(?P<columns>\d{2,4})x(?P<bscans>\d{1,4})[^_]*"
    r"_(?P<day>\d{1,2}-\d{1,2}-\d{4})_(?P<time>\d{1,2}-\d{1,2}-\d{1,2})_(?P<eye>O[DS])_.*"
    r"cube_(?:z|raw)\.img$",
    re.IGNORECASE | re.DOTALL,
)
_EYES = {"OD": Laterality.RIGHT, "OS": Laterality.LEFT}
_DEPTHS = (512, 1024, 2048)  # samples of an A-scan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cube:
    entry: Entry
    bscans: int
    rows: int
    columns: int

    def load(self, index: int) -> Pixels:
        """Read one B-scan: the last one stored is the first, its last byte the first pixel."""
        length = self.rows * self.columns
        data = bytes_at(self.entry, (self.bscans - 1 - index) * length, length)
        return np.frombuffer(data, np.uint8)[::-1].reshape(self.rows, self.columns)


def read_img(entry: Entry) -> Found:
    """Take the shape from the file's name, and check it against the size.

    Raises:
        UnsupportedFile: If the name is not that of a cube.
        DamagedFile: If the size is not that of the cube which the name tells.
        OSError: If the file cannot be read.
    """
    name = _NAME.match(entry.path.name)
    if name is None:
        raise UnsupportedFile(
            "Its name does not tell the shape of a Zeiss Cirrus cube, and an IMG file holds no "
            "more than pixels. Keep the name that the export gave it, or export DICOM."
        )
    columns, bscans = int(name["columns"]), int(name["bscans"])
    rows, rest = divmod(entry.size, max(1, columns * bscans))
    if rest or rows not in _DEPTHS:
        raise DamagedFile(
            fill(
                "The file is cut or of another kind: its name promises {bscans} B-scans of "
                "{columns} A-scans, and its size is not theirs.",
                bscans=bscans,
                columns=columns,
            )
        )
    cube = _Cube(entry=entry, bscans=bscans, rows=rows, columns=columns)
    acquired = _moment(f"{name['day']} {name['time']}")
    patient = name["patient"].strip()
    volume = Volume(
        uid=uid_of_content([entry]),
        laterality=_EYES[name["eye"].upper()],
        bscans=tuple(
            BScan(
                source=FrameSource(path=entry.path, frame_number=bscans - index),
                rows=rows,
                columns=columns,
                load=partial(cube.load, index),
            )
            for index in range(bscans)
        ),
        order=mark("stored order, last first"),
        acquired=acquired,
        device="Carl Zeiss Meditec Cirrus",
        notes=(
            mark(
                "This is a Cirrus IMG export, read by its published layout: eye and date come from "
                "the file name, the scale is unknown. Check the orientation of the first B-scan."
            ),
        ),
    )
    visit = acquired.date() if acquired else None
    return Found(
        volume=volume,
        patient=Patient(identifier=patient or None),
        study_uid=uid_of_words("img", patient, visit) if patient and visit else volume.uid,
        visited=visit,
        description=name["scan"].strip() or None,
    )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%m-%d-%Y %H-%M-%S")
    except ValueError:
        return None

"""The words of the domain: what is read, and what the analysis says of it.

A `Study` is one patient at one visit. It holds `Volume`s, each one acquisition of one eye, and
each a row of `BScan`s in spatial order whose pixels are read only when asked for. What is not
known is None, and shown as unknown: nothing here is ever invented.

`VolumeResult`, `EyeResult` and `StudyResult` mirror them after the analysis. Each carries where
it came from.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.language import mark

Pixels = NDArray[np.uint8]
"""One B-scan or localizer, shape (rows, columns): row 0 is the vitreous side, 255 is bright."""


EYE_SET = mark("The eye was set by the reader.")
"""The note of a volume whose eye the file does not tell."""


BURNED_IN = mark("The images carry burned-in text, which may name the patient.")
"""The note of a volume whose file says so."""


class Laterality(StrEnum):
    RIGHT = "OD"
    LEFT = "OS"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Who was examined, as the file says."""

    identifier: str | None = None
    name: str | None = None  # as it should be printed: "Family, Given"
    birth_date: date | None = None
    sex: str | None = None  # F, M or O


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """Distance between neighbouring samples, in mm."""

    axial_mm: float | None = None  # from row to row
    lateral_mm: float | None = None  # from column to column
    between_mm: float | None = None  # from B-scan to B-scan


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSource:
    """Where a B-scan's pixels stand."""

    path: Path
    frame_number: int = 1  # counts from 1 within the file, as DICOM does
    sop_instance_uid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BScan:
    """One cross-section of the retina."""

    source: FrameSource
    rows: int
    columns: int
    load: Callable[[], Pixels]  # may raise ReadError; see `pixels`
    location: tuple[tuple[float, float], ...] | None = None  # (row, column) on the localizer

    def pixels(self) -> Pixels:
        """Decode this B-scan: 8 bit, rescale, window and photometric interpretation applied once.

        Raises:
            ReadError: If the frame cannot be decoded, or has another size than the header says.
        """
        return self.load()


@dataclass(frozen=True, slots=True, kw_only=True)
class Localizer:
    """The en-face image (SLO or fundus) on which the B-scans' places are known."""

    source: FrameSource
    rows: int
    columns: int
    load: Callable[[], Pixels]
    spacing_mm: tuple[float, float] | None = None  # (row, column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """How an image was compressed with loss, each time in turn (PS3.3 C.7.6.1.1.5)."""

    methods: tuple[str, ...] = ()  # DICOM's terms: ISO_10918_1 is JPEG; empty if nobody says
    ratios: tuple[float, ...] = ()  # of size before to size after; empty if nobody says


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One acquisition of one eye."""

    uid: str  # of the SOP instance or series; for other files derived from their content
    laterality: Laterality
    bscans: tuple[BScan, ...]  # in spatial order, never empty
    order: str  # what the order rests on, in words: "plane position", "file name", …
    spacing: Spacing = Spacing()
    acquired: datetime | None = None
    device: str | None = None  # manufacturer and model
    localizer: Localizer | None = None
    notes: tuple[str, ...] = ()  # sentences for the user: lossy compression, assumed scaling, …
    loss: Loss | None = None  # of compression, where there was any
    synthetic: bool = False  # made by a program, shows no patient

    def on_eye(self, laterality: Laterality) -> "Volume":
        """The same volume with the eye set by the user, which its notes then say."""
        if laterality is self.laterality:
            return self
        notes = self.notes if self.eye_set else (*self.notes, EYE_SET)
        return replace(self, laterality=laterality, notes=notes)

    @property
    def eye_set(self) -> bool:
        """Whether the eye is the reader's word rather than the file's."""
        return EYE_SET in self.notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One patient, one visit."""

    uid: str
    patient: Patient
    volumes: tuple[Volume, ...]  # never empty
    visited: date | None = None
    description: str | None = None

    @property
    def synthetic(self) -> bool:
        return any(volume.synthetic for volume in self.volumes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that was looked at and not taken."""

    path: Path
    reason: str  # a sentence: what it is, and why it is not read
    failed: bool = False  # OCT that could not be read, as opposed to something that is not OCT


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a folder or a set of files turned out to hold."""

    studies: tuple[Study, ...]
    skipped: tuple[Skipped, ...] = ()


class Gradability(StrEnum):
    """Whether a B-scan can be judged, and what prevents it."""

    GRADABLE = mark("gradable")
    BLANK = mark("blank")
    SATURATED = mark("saturated")
    CUT = mark("cut off")
    BLURRED = mark("blurred")
    UNREADABLE = mark("unreadable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Rows and columns of a frame that the network saw, half-open."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BScanResult:
    """What the model says of one B-scan. `probabilities` and `maps` are None if not gradable."""

    source: FrameSource
    gradability: Gradability
    probabilities: tuple[float, ...] | None = None  # calibrated, in the package's class order
    maps: NDArray[np.float32] | None = None  # (n_classes, h, w) >= 0, Grad-CAM before scaling
    region: Region | None = None  # where the maps lie on the frame
    unfamiliarity: float | None = None  # higher is less like the training data
    familiar: bool = True  # False: must not count as evidence for a class


class Outcome(StrEnum):
    """What kind of answer an eye or a patient gets."""

    CALLED = "called"
    UNCERTAIN = mark("uncertain")  # `Call.label` names what is suspected
    OUT_OF_SCOPE = mark("out of scope")  # unlike anything the model was trained on
    UNGRADABLE = mark("ungradable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One answer, with what it rests on."""

    outcome: Outcome
    label: str | None  # class name called or suspected; None if out of scope or ungradable
    scores: tuple[float, ...]  # per class, in the package's order, in [0, 1]; see app.aggregate
    confidence: float | None  # in [0, 1]: for the label called or suspected
    evidence: tuple[int, ...]  # indices of the deciding B-scans, strongest first
    reason: str  # in words: "CNV pattern in 14 of 49 B-scans, most in frames 22 to 31."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VolumeResult:
    volume: Volume
    bscans: tuple[BScanResult, ...]  # one for each of volume.bscans, in their order
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EyeResult:
    """All volumes of one eye at one visit; the call is that of the most severe volume."""

    laterality: Laterality
    volumes: tuple[VolumeResult, ...]
    deciding: int  # index into volumes of the one whose call this is

    @property
    def call(self) -> Call:
        return self.volumes[self.deciding].call


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """What is advised, by the package's rule."""

    level: str  # key of the rule: "routine", "review", "refer", "refer urgently", "repeat", …
    advice: str  # a sentence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyResult:
    study: Study
    eyes: tuple[EyeResult, ...]  # OD, OS, unknown
    call: Call  # the patient's: that of the more severe eye
    deciding: int  # index into eyes
    referral: Referral
    model_id: str
    model_version: str
    model_sha256: str
    analysed: datetime  # with time zone
    model_signer: str | None = None  # who signed the model package; None: nobody known here
    model_key: str | None = None  # SHA-256 of the key it is signed with; None: none, or not stated
    model_key_withdrawn: date | None = None  # since when that key does not count
    preprocessing: int | None = None  # app.preprocess.VERSION at that time; None: not stated
    software: str | None = None  # version of the program that analysed; None: not stated

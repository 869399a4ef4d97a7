"""Write a volume as a standard DICOM Ophthalmic Tomography object.

PS3.3 A.52: multi-frame, 8 bit, MONOCHROME2, Explicit VR Little Endian, functional groups
complete. The pixels are those that the rest of the program sees, so what is read back is what was
analysed. Identifiers are derived from the volume's own: writing twice gives the same bytes. A scale
that is known one way only is lost: Pixel Spacing has two values or none.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

from app import __version__
from app.dicom_identity import add_patient, study_uid, written_date
from app.errors import AppError, ReadError, ReportError, UsageError, system_says
from app.files import whole_file
from app.language import fill
from app.progress import Progress, ignore_progress
from app.study import BURNED_IN, BScan, Laterality, Localizer, Pixels, Spacing, Study, Volume

OPHTHALMIC_TOMOGRAPHY = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
OPHTHALMIC_PHOTOGRAPHY_8_BIT = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
PHANTOM_MANUFACTURER = "KD-OCT phantom"
"""Manufacturer of volumes made by a program; their SeriesDescription begins with SYNTHETIC."""

_SIDE = {Laterality.RIGHT: "R", Laterality.LEFT: "L"}
_STACK = "1"
_UNKNOWN = "unknown"  # where the standard wants a value and the file has none
_NO_DATE = "19000101"  # likewise; as de-identified files have it, and our reader takes it for none


def write_opt(volume: Volume, study: Study, path: Path) -> None:
    """Write one volume as Ophthalmic Tomography Image Storage.

    B-scans are decoded one at a time and appended, so memory does not grow with their number.

    Args:
        volume: The eye must be known: Image Laterality is mandatory.
        study: The study it belongs to; gives patient, visit and Study Instance UID.
        path: The file, replaced whole.

    Raises:
        UsageError: If the eye is unknown, the B-scans differ in size, or text is burned in.
        ReadError: If a B-scan cannot be decoded.
        ReportError: If the file cannot be written.
    """
    rows, columns = _one_size(volume)
    dataset = _general(volume, study, OPHTHALMIC_TOMOGRAPHY, _derived("volume", volume.uid))
    dataset.Modality = "OPT"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    _add_pixel_module(dataset, rows, columns, len(volume.bscans))
    _add_tomography_modules(dataset)
    _add_functional_groups(dataset, volume)
    _write(dataset, (bscan.pixels() for bscan in volume.bscans), path)


def write_localizer(volume: Volume, study: Study, path: Path) -> None:
    """Write the localizer of a volume as Ophthalmic Photography 8 Bit Image Storage.

    Raises:
        UsageError: If the volume has no localizer, or its eye is unknown.
        ReadError: If the localizer cannot be decoded.
        ReportError: If the file cannot be written.
    """
    if volume.localizer is None:
        raise UsageError("This volume has no localizer to write.")
    dataset = _general(volume, study, OPHTHALMIC_PHOTOGRAPHY_8_BIT, localizer_uid(volume))
    dataset.SeriesInstanceUID = _derived("localizer series", volume.uid)
    dataset.Modality = "OP"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "", "RED"]
    _add_pixel_module(dataset, volume.localizer.rows, volume.localizer.columns, 1)
    _add_photography_modules(dataset, volume.localizer)
    _write(dataset, [volume.localizer.load()], path)


def localizer_uid(volume: Volume) -> str:
    """SOP Instance UID under which `write_localizer` writes this volume's localizer."""
    return _derived("localizer", volume.uid)


def _derived(*parts: str) -> str:
    return str(generate_uid(entropy_srcs=list(parts)))


def _one_size(volume: Volume) -> tuple[int, int]:
    sizes = {(bscan.rows, bscan.columns) for bscan in volume.bscans}
    if volume.laterality not in _SIDE:
        raise UsageError(
            "The eye of this volume is unknown, and a DICOM tomography object must name it. "
            "Set the eye, then save again."
        )
    if BURNED_IN in volume.notes:
        raise UsageError(
            "The images carry burned-in text, and a DICOM tomography object must not. Export them "
            "again without it."
        )
    if len(sizes) != 1:
        raise UsageError(
            "The B-scans of this volume differ in size, and a DICOM tomography object holds one "
            "size only. Save B-scans of equal size together."
        )
    return sizes.pop()


def _general(volume: Volume, study: Study, sop_class: str, instance: str) -> Dataset:
    """Patient, study, series, equipment and SOP common modules."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = instance
    add_patient(dataset, study.patient)

    acquired = volume.acquired
    visited = study.visited or (acquired.date() if acquired else None)
    dataset.StudyInstanceUID = study_uid(study)
    dataset.StudyDate = written_date(visited)
    # Directories of media cannot be made without the next two.
    dataset.StudyTime = f"{acquired:%H%M%S}" if acquired else ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.AccessionNumber = ""
    if study.description:
        dataset.StudyDescription = study.description[:64]

    dataset.SeriesInstanceUID = _derived("series", volume.uid)
    dataset.SeriesNumber = 1
    if volume.synthetic:
        dataset.SeriesDescription = "SYNTHETIC phantom, shows no patient"
    _add_equipment(dataset, volume)

    dataset.InstanceNumber = 1
    dataset.ImageLaterality = _SIDE[volume.laterality]
    moment = f"{acquired:%Y%m%d%H%M%S.%f}" if acquired else dataset.StudyDate or _NO_DATE
    dataset.ContentDate = moment[:8]
    dataset.ContentTime = moment[8:] or "000000"
    # The day of the visit stands in for a moment that no file recorded.
    dataset.AcquisitionDateTime = moment
    dataset.AcquisitionNumber = 1
    dataset.BurnedInAnnotation = "NO"
    _add_loss(dataset, volume)
    return dataset


def _add_loss(dataset: Dataset, volume: Volume) -> None:
    """Lossy Image Compression (PS3.3 C.7.6.1.1.5); nothing is said that the file does not say."""
    dataset.LossyImageCompression = "01" if volume.loss else "00"
    if volume.loss and volume.loss.ratios:
        ratios = [format_number_as_ds(ratio) for ratio in volume.loss.ratios]
        dataset.LossyImageCompressionRatio = ratios
    if volume.loss and volume.loss.methods:
        dataset.LossyImageCompressionMethod = list(volume.loss.methods)


def _add_equipment(dataset: Dataset, volume: Volume) -> None:
    dataset.Manufacturer = PHANTOM_MANUFACTURER if volume.synthetic else volume.device or _UNKNOWN
    dataset.ManufacturerModelName = _UNKNOWN
    dataset.DeviceSerialNumber = _UNKNOWN
    dataset.SoftwareVersions = f"KD-OCT {__version__}"


def _add_pixel_module(dataset: Dataset, rows: int, columns: int, frames: int) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames = frames
    dataset.Rows = rows
    dataset.Columns = columns
    dataset.BitsAllocated = 8
    dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.PresentationLUTShape = "IDENTITY"


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def _add_tomography_modules(dataset: Dataset) -> None:
    """Ophthalmic Tomography Acquisition Parameters and Parameters, Ocular Region (PS3.3 C.8.17)."""
    dataset.AcquisitionDeviceTypeCodeSequence = [
        _code("392012008", "SCT", "Optical Coherence Tomography Scanner")
    ]
    dataset.LightPathFilterTypeStackCodeSequence = []
    dataset.DetectorType = _UNKNOWN.upper()
    dataset.AxialLengthOfTheEye = None
    dataset.HorizontalFieldOfView = None
    dataset.RefractiveStateSequence = []
    dataset.EmmetropicMagnification = None
    dataset.IntraOcularPressure = None
    dataset.PupilDilated = ""
    dataset.AcquisitionContextSequence = []
    _add_region(dataset)


def _add_photography_modules(dataset: Dataset, localizer: Localizer) -> None:
    if localizer.spacing_mm:
        dataset.PixelSpacing = [format_number_as_ds(value) for value in localizer.spacing_mm]
    dataset.AcquisitionDeviceTypeCodeSequence = [
        _code("314971001", "SCT", "Camera, Ophthalmic photography")
    ]
    for keyword in (
        "IlluminationTypeCodeSequence",
        "LightPathFilterTypeStackCodeSequence",
        "ImagePathFilterTypeStackCodeSequence",
        "LensesCodeSequence",
        "RefractiveStateSequence",
        "AcquisitionContextSequence",
    ):
        setattr(dataset, keyword, [])
    # One frame: no time lies between it and a next one.
    dataset.FrameIncrementPointer = 0x00181063
    dataset.FrameTime = 0
    dataset.SynchronizationFrameOfReferenceUID = "1.2.840.10008.15.1.1"  # UTC
    dataset.SynchronizationTrigger = "NO TRIGGER"
    dataset.AcquisitionTimeSynchronized = "N"
    dataset.DetectorType = None
    dataset.EmmetropicMagnification = None
    dataset.IntraOcularPressure = None
    dataset.HorizontalFieldOfView = None
    dataset.PupilDilated = ""
    dataset.PatientEyeMovementCommanded = ""
    dataset.PatientOrientation = ["L", "F"]
    _add_region(dataset)


def _add_region(dataset: Dataset) -> None:
    dataset.AnatomicRegionSequence = [_code("5665001", "SCT", "Retina")]


def _item(**elements: object) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def _add_functional_groups(dataset: Dataset, volume: Volume) -> None:
    """Multi-frame Dimension module, shared and per-frame functional groups (PS3.3 C.7.6.16-17)."""
    dimension = _derived("dimension", volume.uid)
    dataset.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=dimension)]
    dataset.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=dimension,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=0x00209111,
        )
        for pointer in (0x00209056, 0x00209057)  # Stack ID, In-Stack Position Number
    ]
    if _is_box(volume.spacing):
        dataset.DimensionOrganizationType = "3D"

    shared = _item(
        PixelMeasuresSequence=[_pixel_measures(volume.spacing)],
        FrameAnatomySequence=[
            _item(
                FrameLaterality=_SIDE[volume.laterality],
                AnatomicRegionSequence=[_code("5665001", "SCT", "Retina")],
            )
        ],
    )
    if _is_box(volume.spacing):
        dataset.FrameOfReferenceUID = _derived("frame of reference", volume.uid)
        dataset.PositionReferenceIndicator = ""
        shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]
    else:
        # The groups are there, and say nothing: their values are asked for of volumes only.
        shared.PlanePositionSequence = [Dataset()]
        shared.PlaneOrientationSequence = [Dataset()]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frame_groups(dataset, volume, index) for index in range(len(volume.bscans))
    ]


def _is_box(spacing: Spacing) -> bool:
    return None not in (spacing.axial_mm, spacing.lateral_mm, spacing.between_mm)


def _pixel_measures(spacing: Spacing) -> Dataset:
    measures = Dataset()
    if spacing.axial_mm is not None and spacing.lateral_mm is not None:
        measures.PixelSpacing = [
            format_number_as_ds(spacing.axial_mm),
            format_number_as_ds(spacing.lateral_mm),
        ]
    if spacing.between_mm is not None:
        measures.SliceThickness = format_number_as_ds(spacing.between_mm)
        measures.SpacingBetweenSlices = format_number_as_ds(spacing.between_mm)
    return measures


def _frame_groups(dataset: Dataset, volume: Volume, index: int) -> Dataset:
    content = _item(
        FrameAcquisitionNumber=1,
        FrameReferenceDateTime=dataset.AcquisitionDateTime,
        FrameAcquisitionDateTime=dataset.AcquisitionDateTime,
        FrameAcquisitionDuration=0.0,
        DimensionIndexValues=[1, index + 1],
        StackID=_STACK,
        InStackPositionNumber=index + 1,
    )
    groups = _item(FrameContentSequence=[content])
    if _is_box(volume.spacing):
        offset = index * (volume.spacing.between_mm or 0.0)
        groups.PlanePositionSequence = [
            _item(ImagePositionPatient=[0, 0, format_number_as_ds(float(offset))])
        ]
    bscan = volume.bscans[index]
    if volume.localizer is not None and bscan.location is not None:
        groups.OphthalmicFrameLocationSequence = [_frame_location(volume, bscan)]
    return groups


def _frame_location(volume: Volume, bscan: BScan) -> Dataset:
    location = bscan.location or ()
    return _item(
        ReferencedSOPClassUID=OPHTHALMIC_PHOTOGRAPHY_8_BIT,
        ReferencedSOPInstanceUID=localizer_uid(volume),
        ReferenceCoordinates=[value for point in location for value in point],
        OphthalmicImageOrientation="LINEAR" if len(location) == 2 else "NONLINEAR",
        PurposeOfReferenceCodeSequence=[_code("121311", "DCM", "Localizer")],
    )


def _write(dataset: Dataset, frames: Iterable[Pixels], path: Path) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    try:
        with whole_file(path) as file:
            dcmwrite(file, dataset, enforce_file_format=True)
            _append_pixels(file, dataset, frames)
    except OSError as error:
        raise ReportError(
            fill(
                "“{name}” could not be written: {reason}. Choose another folder, or make room on "
                "the disk.",
                name=path.name,
                reason=system_says(error),
            )
        ) from error


def _append_pixels(file: BinaryIO, dataset: Dataset, frames: Iterable[Pixels]) -> None:
    """Append Pixel Data (7FE0,0010), the last element, frame by frame (PS3.5 A.2)."""
    size = (dataset.Rows, dataset.Columns)
    length = dataset.Rows * dataset.Columns * dataset.NumberOfFrames
    if length > 0xFFFFFFFE:
        raise UsageError(
            "This volume is larger than the 4 GB that one uncompressed DICOM object can hold."
        )
    file.write(struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, length + length % 2))
    for pixels in frames:
        frame: Pixels = np.ascontiguousarray(pixels, dtype=np.uint8)
        if frame.shape != size:
            raise ReadError("A B-scan has another size than its file's header says.")
        file.write(frame.data)
    file.write(b"\0" * (length % 2))


def write_linked(volume: Volume, study: Study, stem: Path) -> Iterator[Path]:
    """Write a volume and its localizer, as `stem` with endings of their own.

    Yields:
        Each file when it is written; a localizer that fails leaves the volume.

    Raises:
        UsageError, ReadError, ReportError: As `write_opt`.
    """
    tomography = stem.with_suffix(".dcm")
    write_opt(volume, study, tomography)
    yield tomography
    if volume.localizer is not None:
        picture = stem.with_name(f"{stem.name}-localizer.dcm")
        write_localizer(volume, study, picture)
        yield picture


def convert_studies(
    studies: Sequence[Study], folder: Path, progress: Progress = ignore_progress
) -> tuple[list[Path], list[AppError]]:
    """Write every volume, and its localizer, as DICOM under names that tell no patient.

    Returns:
        The files written, and why a volume was not: the others are, whatever happens to one.
    """
    written: list[Path] = []
    failures: list[AppError] = []
    total = sum(len(study.volumes) for study in studies)
    done = 0
    for number, study in enumerate(studies, start=1):
        for index, volume in enumerate(study.volumes, start=1):
            stem = folder / f"study-{number}" / f"{volume.laterality.value}-{index}"
            try:
                written.extend(write_linked(volume, study, stem))
            except AppError as error:
                failures.append(error)
            done += 1
            progress(done, total)
    return written, failures

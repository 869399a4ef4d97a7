"""Reading DICOM tomography: order, eye, scale, patient and pixels come from the file."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from app.reading import open_studies
from app.study import Laterality, Patient, Spacing
from tests.oct_files import (
    bscans,
    fresh_uid,
    opened,
    pixels_of,
    rewrite,
    the_volume,
    volume_of,
    with_localizer,
    write,
    write_linked,
    write_single_frames,
)
from tests.shared_data import needs_shared, some_of


def test_a_written_volume_reads_back_as_it_was(tmp_path: Path):
    frames = bscans(7)
    volume = the_volume(write(tmp_path / "a.dcm", frames, laterality=Laterality.LEFT))
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.laterality is Laterality.LEFT
    assert volume.spacing == Spacing(axial_mm=0.0039, lateral_mm=0.0115, between_mm=0.12)
    assert volume.order == "plane position"
    assert volume.device == "Maker Model"
    assert f"{volume.acquired}" == "2024-05-06 07:08:09"
    assert [bscan.source.frame_number for bscan in volume.bscans] == [1, 2, 3, 4, 5, 6, 7]


@needs_shared
@pytest.mark.parametrize("label", ["NORMAL", "DRUSEN", "DME", "CNV"])
def test_real_bscans_keep_every_pixel_through_dicom(tmp_path: Path, label: str):
    for number, real in enumerate(some_of(label, 3)):
        frame = real.pixels()
        volume = the_volume(write(tmp_path / f"{number}.dcm", [frame, frame[::-1]]))
        assert np.array_equal(pixels_of(volume), np.stack([frame, frame[::-1]]))


def test_patient_and_visit_come_from_the_file(tmp_path: Path):
    (study,) = opened(write(tmp_path / "a.dcm", bscans(2))).studies
    assert study.patient.name == "Doe, Jane"
    assert study.patient.identifier == "P1"
    assert f"{study.patient.birth_date}" == "1950-01-02"
    assert f"{study.visited}" == "2024-05-06"
    assert study.description == "Macula"


@pytest.mark.parametrize(
    ("charset", "name", "shown"),
    [
        ("ISO_IR 192", "山田^太郎", "山田, 太郎"),
        ("ISO_IR 100", "Müller^Jörg", "Müller, Jörg"),
        ("ISO_IR 144", "Жук^Дмитрий", "Жук, Дмитрий"),
        ("ISO_IR 126", "Διονυσιος", "Διονυσιος"),
        ("GB18030", "王^小东", "王, 小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", "Yamada, Tarou (山田, 太郎)"),
    ],
)
def test_names_are_read_in_the_declared_character_set(tmp_path: Path, charset, name, shown):
    def change(dataset: Dataset) -> None:
        dataset.SpecificCharacterSet = charset
        dataset.PatientName = name

    (study,) = opened(write(tmp_path / "a.dcm", bscans(1), change=change)).studies
    assert study.patient.name == shown


# Spatial order


def shuffled(change_frame):
    """Return a change that stores the frames of a volume in another order, groups with pixels."""

    def change(dataset: Dataset) -> None:
        order = [2, 0, 3, 1]
        size = dataset.Rows * dataset.Columns
        groups = list(dataset.PerFrameFunctionalGroupsSequence)
        pixels = dataset.PixelData
        dataset.PixelData = b"".join(pixels[at * size : (at + 1) * size] for at in order)
        dataset.PerFrameFunctionalGroupsSequence = Sequence([groups[at] for at in order])
        for at, item in zip(order, dataset.PerFrameFunctionalGroupsSequence, strict=True):
            change_frame(item, at)
        if "PlaneOrientationSequence" not in dataset.PerFrameFunctionalGroupsSequence[0]:
            return
        del dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence

    return change


def by_position(item: Dataset, at: int) -> None:
    item.FrameContentSequence[0].InStackPositionNumber = 9 - at


def by_stack(item: Dataset, at: int) -> None:
    del item.PlanePositionSequence


def by_location(item: Dataset, at: int) -> None:
    del item.PlanePositionSequence, item.FrameContentSequence[0].InStackPositionNumber
    place = Dataset()
    place.ReferencedSOPInstanceUID = "1.2.9"
    place.ReferenceCoordinates = [10.0 * at, 0.0, 10.0 * at, 50.0]
    item.OphthalmicFrameLocationSequence = [place]
    item.FrameContentSequence[0].DimensionIndexValues = [1, 9 - at]


def by_index(item: Dataset, at: int) -> None:
    del item.PlanePositionSequence, item.FrameContentSequence[0].InStackPositionNumber


@pytest.mark.parametrize(
    ("change_frame", "basis"),
    [
        (by_position, "plane position"),
        (by_stack, "position in the stack"),
        (by_location, "location on the localizer"),
        (by_index, "dimension index"),
    ],
)
def test_frames_stored_in_any_order_are_put_in_spatial_order(tmp_path, change_frame, basis):
    frames = bscans(4)
    volume = the_volume(write(tmp_path / "a.dcm", frames, change=shuffled(change_frame)))
    assert volume.order == basis
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    # Where they lie in the file is still known.
    assert [bscan.source.frame_number for bscan in volume.bscans] == [2, 4, 1, 3]


def test_without_any_geometry_the_stored_order_is_kept_and_said(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        del dataset.PerFrameFunctionalGroupsSequence, dataset.SharedFunctionalGroupsSequence

    frames = bscans(3)
    volume = the_volume(write(tmp_path / "a.dcm", frames, change=change))
    assert volume.order == "stored order"
    assert volume.spacing == Spacing()
    assert np.array_equal(pixels_of(volume), np.stack(frames))


def test_descriptions_of_other_frames_than_the_file_holds_are_not_used_and_it_is_said(tmp_path):
    def change(dataset: Dataset) -> None:
        del dataset.PerFrameFunctionalGroupsSequence[1]

    volume = the_volume(write(tmp_path / "a.dcm", bscans(4), change=change))
    assert volume.order == "stored order"
    assert "describes 3 frames and holds 4" in volume.notes[0]


def test_radial_scans_are_not_ordered_by_position(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        del dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
        for at, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            turn = Dataset()
            angle = np.pi * at / 4
            turn.ImageOrientationPatient = [
                round(np.cos(angle), 6), round(np.sin(angle), 6), 0, 0, 0, -1
            ]  # fmt: skip
            item.PlaneOrientationSequence = [turn]

    volume = the_volume(write(tmp_path / "a.dcm", bscans(4), change=change))
    assert volume.order == "position in the stack"


def test_single_frame_files_of_a_series_are_one_volume_in_spatial_order(tmp_path: Path):
    frames = bscans(12)
    write_single_frames(tmp_path, frames, series="1.2.77")
    volume = the_volume(tmp_path)
    assert volume.order == "plane position"
    assert volume.spacing == Spacing(axial_mm=0.0039, lateral_mm=0.0115, between_mm=0.12)
    assert np.array_equal(pixels_of(volume), np.stack(frames))


def test_parts_of_a_concatenation_are_one_volume(tmp_path: Path):
    frames = bscans(6)
    whole = fresh_uid()
    for part in range(3):

        def change(dataset: Dataset, part: int = part) -> None:
            dataset.ConcatenationUID = whole
            dataset.InConcatenationNumber = part + 1
            for at, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
                item.PlanePositionSequence[0].ImagePositionPatient = [0, 0, (2 * part + at) * 0.12]

        name = tmp_path / f"{'cab'[part]}.dcm"
        write(name, frames[2 * part : 2 * part + 2], uid=f"1.2.{part}", change=change)
    volume = the_volume(tmp_path)
    assert np.array_equal(pixels_of(volume), np.stack(frames))


# Groups, eye and scale


def test_groups_of_a_frame_count_before_shared_and_top_level_ones(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        dataset.PixelSpacing = [9, 9]
        dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [8, 8]
        for item in dataset.PerFrameFunctionalGroupsSequence:
            measures = Dataset()
            measures.PixelSpacing = [0.002, 0.006]
            item.PixelMeasuresSequence = [measures]

    volume = the_volume(write(tmp_path / "a.dcm", bscans(2), change=change))
    assert (volume.spacing.axial_mm, volume.spacing.lateral_mm) == (0.002, 0.006)


def test_spacing_at_the_top_level_is_found(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        del dataset.SharedFunctionalGroupsSequence
        dataset.PixelSpacing = [0.0025, 0.0075]

    volume = the_volume(write(tmp_path / "a.dcm", bscans(2), change=change))
    assert (volume.spacing.axial_mm, volume.spacing.lateral_mm) == (0.0025, 0.0075)


def set_eyes(image: str | None, series: str | None, frame: str | None):
    def change(dataset: Dataset) -> None:
        del dataset.ImageLaterality
        anatomy = dataset.SharedFunctionalGroupsSequence[0].FrameAnatomySequence[0]
        del anatomy.FrameLaterality
        if image is not None:
            dataset.ImageLaterality = image
        if series is not None:
            dataset.Laterality = series
        if frame is not None:
            anatomy.FrameLaterality = frame

    return change


@pytest.mark.parametrize(
    ("image", "series", "frame", "eye"),
    [
        ("L", None, None, Laterality.LEFT),
        ("OS", None, None, Laterality.LEFT),
        ("OD", None, None, Laterality.RIGHT),
        (None, "R", None, Laterality.RIGHT),
        (None, None, "L", Laterality.LEFT),
        ("B", None, "R", Laterality.RIGHT),
        ("", "", "U", Laterality.UNKNOWN),
        (None, None, None, Laterality.UNKNOWN),
        ("B", None, None, Laterality.UNKNOWN),
        ("R", "L", None, Laterality.UNKNOWN),
        ("R", None, "L", Laterality.UNKNOWN),
    ],
)
def test_the_eye_is_what_the_file_says_and_never_a_guess(tmp_path, image, series, frame, eye):
    change = set_eyes(image, series, frame)
    volume = the_volume(write(tmp_path / "a.dcm", bscans(2), change=change))
    assert volume.laterality is eye
    contradiction = "names both eyes"
    says = {value for value in (image, series, frame) if value in ("R", "L")}
    assert any(contradiction in note for note in volume.notes) == (len(says) == 2)


def test_one_file_with_frames_of_both_eyes_becomes_two_volumes(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        set_eyes("B", None, None)(dataset)
        for at, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            anatomy = Dataset()
            anatomy.FrameLaterality = "RL"[at % 2]
            item.FrameAnatomySequence = [anatomy]

    frames = bscans(6)
    (study,) = opened(write(tmp_path / "a.dcm", frames, change=change)).studies
    right, left = study.volumes
    assert (right.laterality, left.laterality) == (Laterality.RIGHT, Laterality.LEFT)
    assert np.array_equal(pixels_of(right), np.stack(frames[::2]))
    assert right.uid != left.uid


# Folders


def test_both_eyes_and_several_visits_become_one_study_each_visit(tmp_path: Path):
    for visit in (1, 2):
        for eye in (Laterality.LEFT, Laterality.RIGHT):
            path = tmp_path / f"visit{visit}" / f"{eye.value}.dcm"
            write(
                path, bscans(2), laterality=eye, study=f"1.2.{visit}", uid=f"1.{visit}.{eye.value}"
            )
            rewrite(path, lambda dataset, visit=visit: setattr(
                dataset, "StudyDate", f"2024010{visit}"))  # fmt: skip
    result = opened(tmp_path)
    assert result.skipped == ()
    assert [str(study.visited) for study in result.studies] == ["2024-01-01", "2024-01-02"]
    for study in result.studies:
        assert [volume.laterality.value for volume in study.volumes] == ["OD", "OS"]


@pytest.mark.parametrize(
    "other",
    [
        Patient(identifier="P2", name="Doe, Jane"),
        Patient(identifier="P1", name="Roe, Richard"),
        Patient(identifier="P2"),
        Patient(name="Doe, Jane"),
        Patient(),
    ],
)
def test_different_patients_are_never_merged_even_under_one_study_uid(tmp_path, other):
    first = Patient(identifier="P1", name="Doe, Jane")
    if other.name == "Doe, Jane" and other.identifier is None:
        first = Patient(identifier="P1", name="Roe, Richard")
    write(tmp_path / "a.dcm", bscans(2), patient=first, uid="1.1")
    write(tmp_path / "b.dcm", bscans(2), patient=other, uid="1.2", laterality=Laterality.LEFT)
    studies = opened(tmp_path).studies
    assert len(studies) == 2
    assert {study.patient for study in studies} == {first, other}
    assert len({study.uid for study in studies}) == 2
    for study in studies:
        assert any("another patient" in note for note in study.volumes[0].notes)


def test_the_same_image_is_read_once(tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(2))
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "b.dcm").write_bytes(path.read_bytes())
    result = opened(tmp_path)
    assert len(result.studies) == 1
    (skipped,) = result.skipped
    assert "second copy" in skipped.reason
    assert not skipped.failed


def test_one_identifier_on_two_different_images_is_reported(tmp_path: Path):
    write(tmp_path / "a.dcm", bscans(2))
    write(tmp_path / "b.dcm", bscans(3))
    (skipped,) = opened(tmp_path).skipped
    assert skipped.failed
    assert "identifier of another image" in skipped.reason


def test_a_localizer_is_linked_and_lines_are_placed_on_it(tmp_path: Path):
    picture = bscans(1, rows=80, columns=80, seed=99)[0]
    written = write_linked(tmp_path, bscans(5), picture)
    volume = the_volume(tmp_path)
    assert volume.localizer is not None
    assert np.array_equal(volume.localizer.load(), picture)
    assert volume.localizer.spacing_mm == (0.011, 0.011)
    assert [bscan.location for bscan in volume.bscans] == [
        bscan.location for bscan in written.bscans
    ]


OP = "1.2.840.10008.5.1.4.1.1.77.1.5"


@pytest.mark.parametrize("number", [1, 2, 5, 6, 7], ids=["8 bit", "16 bit", "SLO", "3D", "face"])
def test_photographs_of_every_kind_and_en_face_images_are_localizers(tmp_path: Path, number: int):
    picture = bscans(1, rows=80, columns=80, seed=99)[0]
    write_linked(tmp_path, bscans(3), picture)

    def change(dataset: Dataset) -> None:
        dataset.SOPClassUID = f"{OP}.{number}"
        if number == 2:
            dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
            dataset.PixelData = (picture.astype(np.uint16) * 257).tobytes()
            dataset["PixelData"].VR = "OW"

    rewrite(tmp_path / "localizer.dcm", change)
    volume = the_volume(tmp_path)
    assert volume.localizer is not None
    assert np.array_equal(volume.localizer.load(), picture)
    assert volume.bscans[0].location is not None


def test_an_en_face_image_stays_with_the_volume_that_it_was_made_from(tmp_path: Path):
    write_linked(tmp_path, bscans(3), bscans(1, rows=80, columns=80)[0])
    uid = pydicom.dcmread(tmp_path / "volume.dcm").SOPInstanceUID
    rewrite(tmp_path / "volume.dcm", lambda dataset: [
        delattr(item, "OphthalmicFrameLocationSequence")
        for item in dataset.PerFrameFunctionalGroupsSequence
    ])  # fmt: skip

    def change(dataset: Dataset) -> None:
        dataset.SOPClassUID = f"{OP}.7"
        source = Dataset()
        source.ReferencedSOPInstanceUID = uid
        dataset.SourceImageSequence = [source]

    rewrite(tmp_path / "localizer.dcm", change)
    volume = the_volume(tmp_path)
    assert volume.localizer is not None
    assert "was made from this volume" in volume.notes[-1]
    assert volume.bscans[0].location is None


@pytest.mark.parametrize(
    ("sop_class", "words"),
    [
        (f"{OP}.8", "an analysis of an OCT volume"),
        ("1.2.840.10008.5.1.4.1.1.66", "raw data of the device"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "a PDF document"),
        ("1.2.840.10008.5.1.4.1.1.79.1", "a report of macular thickness"),
        ("1.2.840.10008.5.1.4.1.1.81.1", "a map of thickness"),
        ("1.2.840.10008.5.1.4.1.1.2", "CT Image Storage"),
        ("1.2.826.0.1.3680043.1", "a private DICOM object"),
    ],
)
def test_everything_else_is_skipped_by_name(tmp_path: Path, sop_class: str, words: str):
    def change(dataset: Dataset) -> None:
        dataset.SOPClassUID = sop_class
        dataset.Modality = "OT"

    (skipped,) = opened(write(tmp_path / "a.dcm", bscans(1), change=change)).skipped
    assert words in skipped.reason
    assert not skipped.failed


@pytest.mark.parametrize("end", ["", ".2", ".3", ".4"])
@pytest.mark.parametrize("said", [True, False])
def test_captures_are_bscans_only_if_they_say_so(tmp_path: Path, end: str, said: bool):
    def change(dataset: Dataset) -> None:
        dataset.SOPClassUID = f"1.2.840.10008.5.1.4.1.1.7{end}"
        dataset.Modality = "OT"
        dataset.SeriesDescription = "OCT B-scan" if said else "Summary"
        del dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence

    frames = bscans(3)
    result = opened(write(tmp_path / "a.dcm", frames, change=change))
    if not said:
        assert "a capture of a screen or page (modality OT)" in result.skipped[0].reason
        assert result.studies == ()
        return
    (volume,) = result.studies[0].volumes
    assert np.array_equal(pixels_of(volume), np.stack(frames))
    assert volume.spacing == Spacing()
    assert "without geometry" in volume.notes[0]


def test_lines_have_no_place_where_their_localizer_is_missing(tmp_path: Path):
    picture = bscans(1, rows=80, columns=80)[0]
    write_linked(tmp_path, bscans(5), picture)
    volume = the_volume(tmp_path / "volume.dcm")
    assert volume.localizer is None
    assert volume.bscans[0].location is None


def test_a_localizer_that_nothing_refers_to_is_skipped_by_name(tmp_path: Path):
    write_linked(tmp_path, bscans(2), bscans(1)[0])
    (tmp_path / "volume.dcm").unlink()
    (skipped,) = opened(tmp_path).skipped
    assert not skipped.failed
    assert skipped.reason == "It is a photograph of the eye, and no B-scan refers to it."


def test_distance_between_lines_is_found_on_the_localizer(tmp_path: Path):
    volume = with_localizer(volume_of(bscans(5), spacing=Spacing()), bscans(1)[0])
    from app.convert import write_localizer, write_opt
    from tests.oct_files import study_of

    write_opt(volume, study_of(volume), tmp_path / "a.dcm")
    write_localizer(volume, study_of(volume), tmp_path / "b.dcm")
    read = the_volume(tmp_path)
    assert read.order == "position in the stack"
    rewrite(tmp_path / "a.dcm", lambda dataset: [
        delattr(item.FrameContentSequence[0], "InStackPositionNumber")
        for item in dataset.PerFrameFunctionalGroupsSequence
    ])  # fmt: skip
    read = the_volume(tmp_path)
    assert read.order == "location on the localizer"
    assert read.spacing.between_mm == pytest.approx(0.022)


def test_a_circle_around_the_disc_keeps_its_points(tmp_path: Path):
    write_linked(tmp_path, bscans(1), bscans(1)[0])
    circle = [30 + 20 * f(t) for t in np.linspace(0, 6.2, 768) for f in (np.sin, np.cos)]
    rewrite(tmp_path / "volume.dcm", lambda dataset: setattr(
        dataset.PerFrameFunctionalGroupsSequence[0].OphthalmicFrameLocationSequence[0],
        "ReferenceCoordinates", circle))  # fmt: skip
    location = the_volume(tmp_path).bscans[0].location
    assert location is not None
    assert len(location) == 768
    assert location[0] == pytest.approx((30.0, 50.0))


def test_svision_coordinates_are_turned_round(tmp_path: Path):
    write_linked(tmp_path, bscans(2), bscans(1)[0])
    before = the_volume(tmp_path).bscans[1].location
    rewrite(
        tmp_path / "volume.dcm",
        lambda dataset: setattr(dataset, "Manufacturer", "SVision Imaging, Ltd."),
    )
    after = the_volume(tmp_path).bscans[1].location
    assert before is not None
    assert after == tuple((column, row) for row, column in before)


def test_synthetic_volumes_are_marked(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        dataset.Manufacturer = "KD-OCT phantom"
        dataset.SeriesDescription = "SYNTHETIC pair of eyes"

    assert the_volume(write(tmp_path / "a.dcm", bscans(1), change=change)).synthetic
    assert not the_volume(write(tmp_path / "b.dcm", bscans(1))).synthetic


# Lazy


def test_opening_decodes_nothing_and_loading_reads_one_frame(tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(4))
    volume = the_volume(path)
    data = bytearray(path.read_bytes())
    size = 64 * 96
    data[-2 * size : -size] = bytes(size)  # what is read later is what is there then
    path.write_bytes(data)
    assert volume.bscans[2].pixels().max() == 0
    assert volume.bscans[3].pixels().max() > 0


def test_progress_is_told_after_every_file_and_may_cancel(tmp_path: Path):
    write_single_frames(tmp_path, bscans(5), series="1.2.77")
    told: list[tuple[int, int]] = []
    open_studies([tmp_path], lambda done, total: told.append((done, total)))
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        open_studies([tmp_path], stop)


def test_files_without_preamble_or_meta_group_are_read(tmp_path: Path):
    path = write(tmp_path / "a.dcm", bscans(2))
    dataset = pydicom.dcmread(path)
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    pydicom.dcmwrite(
        path, dataset, implicit_vr=False, little_endian=True, enforce_file_format=False
    )
    path.write_bytes(path.read_bytes())
    assert np.array_equal(pixels_of(the_volume(path)), np.stack(bscans(2)))

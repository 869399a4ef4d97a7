"""What is wrong with the scans is said before their result is believed, and blocks nothing."""

from dataclasses import replace

import pytest

from app.acquisition import note_shared_folders, remarks, unread, width_mm
from app.reading import open_studies
from app.study import Gradability, Laterality, Opened, Patient, Spacing, Study
from tests.oct_files import bscans, volume_of, write
from tests.results_builder import CNV, card, study_result, volume_result

GOOD = Spacing(axial_mm=0.0039, lateral_mm=0.0115, between_mm=0.12)  # 512 columns: 5.9 mm


def study(*volumes):
    return Study(uid="1.2", patient=Patient(), volumes=volumes)


def scan(count=25, *, columns=512, spacing=GOOD, **fields):
    return volume_of(bscans(count, columns=columns), spacing=spacing, **fields)


def sentences(*volumes, model=None):
    return [each.sentence for each in remarks(study(*volumes), model or card())]


def test_that_an_ordinary_macular_cube_gives_no_remark():
    assert sentences(scan()) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"laterality": Laterality.UNKNOWN}, "do not say which eye"),
        ({"spacing": Spacing()}, "no pixel spacing"),
        ({"spacing": replace(GOOD, lateral_mm=0.032)}, "16.4 mm wide, which is unusual"),
        ({"spacing": replace(GOOD, lateral_mm=0.004)}, "2.0 mm wide, which is unusual"),
        ({"spacing": replace(GOOD, between_mm=0.48)}, "480 µm apart"),
        ({"count": 1}, "only one B-scan"),
        ({"count": 2}, "only 2 B-scans"),
    ],
)
def test_that_what_may_mislead_is_told_in_one_sentence(changed, told):
    (sentence,) = sentences(scan(**changed))

    assert told in sentence


def test_that_the_width_is_held_against_what_the_model_was_trained_on():
    model = replace(card(), scan_width_mm=(8.0, 9.0))

    assert sentences(scan(), model=model) == [
        "The B-scans are 5.9 mm wide; the model was trained on 8.0 to 9.0 mm."
    ]
    assert sentences(scan(columns=770), model=model) == []
    assert width_mm(scan(spacing=Spacing())) is None


def test_that_a_remark_on_both_eyes_comes_once_and_names_them():
    both = (scan(1), scan(1, uid="1.2.9", laterality=Laterality.LEFT))

    (remark,) = remarks(study(*both))

    assert remark.eyes == (Laterality.RIGHT, Laterality.LEFT)


def test_that_what_the_reading_noted_is_among_the_remarks():
    noted = replace(scan(), notes=("The images were compressed with loss (JPEG).",))

    assert sentences(noted) == ["The images were compressed with loss (JPEG)."]


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (2, "2 of 4 B-scans could not be read; the result rests on the others. "),
        (4, "4 of 4 B-scans could not be read. "),
    ],
)
def test_that_bscans_that_could_not_be_read_are_told_of_their_volume(count, told):
    partly = volume_result([CNV] * (4 - count) + [Gradability.UNREADABLE] * count)
    result = study_result(partly)

    assert unread(result) == {partly.volume.uid: count}
    (sentence,) = [
        each.sentence
        for each in remarks(result.study, card(), result)
        if "could not be read" in each.sentence
    ]
    assert sentence.startswith(told)
    assert "analysed again" in sentence


def test_that_a_folder_with_two_patients_is_told_on_both(tmp_path):
    for number in (1, 2):
        write(
            tmp_path / f"{number}.dcm",
            bscans(3, seed=number),
            patient=Patient(identifier=f"P{number}"),
            study=f"1.2.840.{number}",
            uid=f"1.2.5.{number}",
        )

    opened = open_studies([tmp_path])

    notes = [each.volumes[0].notes for each in opened.studies]
    assert len(notes) == 2
    assert all("scans of 2 patients" in each[-1] for each in notes)


def test_that_visits_of_one_patient_and_files_without_names_are_not_told():
    def opened(*patients):
        return Opened(
            studies=tuple(
                Study(uid=str(number), patient=patient, volumes=(scan(3),))
                for number, patient in enumerate(patients)
            )
        )

    same = opened(Patient(identifier="P1"), Patient(identifier="p1 ", name="Doe, Jane"))
    assert note_shared_folders(same) is same
    unnamed = opened(Patient(), Patient())
    assert note_shared_folders(unnamed) is unnamed

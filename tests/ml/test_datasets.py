"""Published layouts to one manifest; what is wrong with the data is said before training."""

import csv
import re
import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from app.errors import DamagedFile, UsageError
from ml.checks import Severity, check, check_rows, near_pairs, require_sound, thumbnail
from ml.datasets import counts_table, main
from ml.importers import import_folders, import_labelled, import_neh, import_ucsd
from ml.manifest import decode, read_manifest, write_manifest
from tests.labelled_sets import bscan, sample, write_image
from tests.shared_data import SHARED, needs_shared


def write_neh(folder, rows):
    """Rows of (class, patient, eye, label, seed) become images and data_information.csv."""
    images = folder / "NEH_UT_2021RetinalOCTDataset"
    table = [("Directory", "Class", "Patient ID", "Eye", "B-scan", "Label")]
    for number, (group, patient, eye, label, seed) in enumerate(rows):
        name = f"{group}/{patient}/{eye}/{number:03d}_{label}.png"
        write_image(images / name, seed)
        table.append((name, group, patient, eye, number, label))
    with (folder / "data_information.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    return images


def kinds(findings, severity=None):
    return {each.kind for each in findings if severity in (None, each.severity)}


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--worst-case",), "--worst-case is for --kind neh alone"),
        (("--licence", "CC0"), "--licence is for --kind folders alone"),
    ],
)
def test_that_an_option_of_another_kind_of_data_is_refused(option, sentence, tmp_path, capsys):
    out = tmp_path / "manifest.csv"

    assert main(["import", str(tmp_path), "--kind", "ucsd", "--out", str(out), *option]) == 2

    assert sentence in capsys.readouterr().err
    assert not out.exists()


def test_that_neh_patients_of_the_same_number_in_two_classes_are_two_people(tmp_path):
    write_neh(tmp_path, [("CNV", 1, "OD", "CNV", 1), ("NORMAL", 1, "OS", "Normal", 2)])

    samples = import_neh(tmp_path)

    assert {each.patient for each in samples} == {"neh-CNV-1", "neh-NORMAL-1"}
    assert [(each.label, each.eye, each.frame) for each in samples] == [
        ("CNV", "OD", "00000"),
        ("NORMAL", "OS", "00001"),
    ]


def test_that_the_worst_case_filter_keeps_only_scans_that_show_the_patients_class(tmp_path):
    rows = [("CNV", 1, "OD", label, seed) for seed, label in enumerate(("CNV", "Normal", "Drusen"))]
    write_neh(tmp_path, rows)

    assert [each.label for each in import_neh(tmp_path)] == ["CNV", "NORMAL", "DRUSEN"]
    assert [each.label for each in import_neh(tmp_path, worst_case=True)] == ["CNV"]


def test_that_an_image_under_two_labels_is_taken_out_of_both_and_reported(tmp_path):
    write_neh(tmp_path, [("CNV", 22, "OD", "CNV", 7), ("DRUSEN", 69, "OD", "Drusen", 7)])

    samples = import_neh(tmp_path)

    assert [each.label for each in samples] == [None, None]
    assert {"two labels", "shared image"} <= kinds(check_rows(samples), Severity.WARNING)


def test_that_a_name_of_the_table_finds_its_file_whatever_the_case(tmp_path):
    images = write_neh(tmp_path, [("NORMAL", 3, "OD", "NOrmal", 1)])
    written = next(images.rglob("*.png"))
    written.rename(written.with_name(written.name.replace("NOrmal", "Normal")))

    assert import_neh(tmp_path)[0].label == "NORMAL"


def test_that_a_missing_image_of_the_table_stops_the_import(tmp_path):
    images = write_neh(tmp_path, [("CNV", 1, "OD", "CNV", 1), ("CNV", 2, "OD", "CNV", 2)])
    shutil.rmtree(images / "CNV" / "2")

    with pytest.raises(DamagedFile, match=r"CNV/2/.* is missing"):
        import_neh(tmp_path)


def test_that_a_volume_of_the_published_layout_comes_whole(tmp_path):
    """Ill scans in a normal patient's folder, normal ones in an ill one's, JPEG beside TIFF."""
    rows = [
        ("NORMAL", 1, "OS", "Normal", 1),
        ("NORMAL", 1, "OS", "Drusen", 2),
        ("CNV", 1, "OD", "Normal", 3),
        ("CNV", 1, "OD", "Drusen", 4),
        ("CNV", 1, "OS", "CNV", 5),
    ]
    images = write_neh(tmp_path, rows)
    first = next(images.rglob("000_*.png"))
    with Image.open(first) as image:
        image.save(first.with_suffix(".tif"))
    first.unlink()
    table = tmp_path / "data_information.csv"
    lines = table.read_text().replace("000_Normal.png", "000_Normal.tif").splitlines()
    table.write_text("\ufeff" + "\r\n".join([*lines, lines[1]]), encoding="utf-8")  # as Excel saves

    whole, worst = import_neh(tmp_path), import_neh(tmp_path, worst_case=True)

    assert len(whole) == 5
    assert {each.patient for each in whole} == {"neh-NORMAL-1", "neh-CNV-1"}
    assert [(each.label, each.eye) for each in worst] == [("NORMAL", "OS"), ("CNV", "OS")]
    assert not kinds(check_rows(whole, ["NORMAL", "DRUSEN", "CNV"]), Severity.ERROR)


def test_that_one_row_repeated_under_another_label_takes_both_away(tmp_path):
    write_neh(tmp_path, [("CNV", 1, "OD", "CNV", 1)])
    table = tmp_path / "data_information.csv"
    row = table.read_text().splitlines()[1]
    table.write_text(table.read_text() + row.removesuffix("CNV") + "Drusen\n")

    samples = import_neh(tmp_path)

    assert [each.label for each in samples] == [None, None]
    assert "two labels" in kinds(check_rows(samples), Severity.WARNING)


def test_that_a_name_of_the_table_that_fits_two_files_is_refused(tmp_path):
    write_neh(tmp_path / "one", [("CNV", 1, "OD", "CNV", 1)])
    write_neh(tmp_path / "two", [("CNV", 1, "OD", "CNV", 2)])

    with pytest.raises(UsageError, match="Several images end in CNV/1/OD"):
        import_neh(tmp_path)


def test_that_a_table_without_its_columns_is_refused(tmp_path):
    (tmp_path / "data_information.csv").write_text("Directory,Class,Label\n")

    with pytest.raises(UsageError, match="lacks the columns Patient ID"):
        import_neh(tmp_path)


def test_that_what_macos_leaves_in_archives_is_no_image(tmp_path):
    write_image(tmp_path / "OCT2017/train/CNV/CNV-11-1.jpeg", 1)
    for rest in ("OCT2017/train/CNV/._CNV-11-1.jpeg", "__MACOSX/train/CNV/._CNV-11-1.jpeg"):
        (tmp_path / rest).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / rest).write_bytes(b"\x00\x05\x16\x07")

    assert [each.image.name for each in import_ucsd(tmp_path)] == ["CNV-11-1.jpeg"]


def test_that_both_generations_of_ucsd_names_carry_their_patient(tmp_path):
    write_image(tmp_path / "OCT/train/DME/DME-9001-12.jpeg", 1)
    write_image(tmp_path / "OCT/test/NORMAL/NORMAL-9002-00a3f.jpeg", 2)

    samples = import_ucsd(tmp_path)

    assert {(each.patient, each.split) for each in samples} == {
        ("kermany-9001", "train"),
        ("kermany-9002", "test"),
    }


def test_that_a_ucsd_image_in_another_class_s_folder_is_refused(tmp_path):
    write_image(tmp_path / "train/CNV/DME-11-1.jpeg", 1)

    with pytest.raises(UsageError, match=r"DME-11-1\.jpeg lies in the folder CNV"):
        import_ucsd(tmp_path)


def test_that_ucsd_patients_are_known_by_the_bare_number(tmp_path):
    write_image(tmp_path / "train/CNV/CNV-11-1.jpeg", 1)
    write_image(tmp_path / "train/DRUSEN/DRUSEN-11-4.jpeg", 2)

    samples = import_ucsd(tmp_path)

    assert {each.patient for each in samples} == {"kermany-11"}
    assert {each.split for each in samples} == {"train"}
    assert kinds(check_rows(samples)) == {"several classes"}


def test_that_a_published_split_with_a_patient_on_both_sides_is_not_taken_over(tmp_path):
    write_image(tmp_path / "train/CNV/CNV-11-1.jpeg", 1)
    write_image(tmp_path / "test/CNV/CNV-11-2.jpeg", 2)

    assert {each.split for each in import_ucsd(tmp_path)} == {None}


def test_that_a_ucsd_image_without_a_patient_is_refused(tmp_path):
    write_image(tmp_path / "CNV/scan.jpeg", 1)

    with pytest.raises(UsageError, match="CLASS-PATIENT-INDEX"):
        import_ucsd(tmp_path)


def test_that_images_in_no_patient_folder_are_people_of_their_own_and_warned_of(tmp_path, capsys):
    for number, place in enumerate(("CNV/p0_0", "CNV/p0_1", "NORMAL/p0_0", "NORMAL/p7/p0_0")):
        write_image(tmp_path / "data" / f"{place}.png", number)
    manifest = tmp_path / "manifest.csv"

    assert (
        main(["import", "--kind", "folders", str(tmp_path / "data"), "--out", str(manifest)]) == 0
    )

    said = capsys.readouterr().out
    assert "warning: 3 images that lie in no patient folder: each is taken for a person" in said
    samples = read_manifest(manifest)
    assert [each.patient for each in samples] == [
        "data-CNV-p0_0", "data-CNV-p0_1", "data-NORMAL-p0_0", "data-p7",
    ]  # fmt: skip
    (found,) = check(samples)  # a manifest tells it as the folder does
    assert (found.kind, found.severity, found.count) == ("no patient", Severity.WARNING, 3)


def test_that_a_patient_folder_s_name_in_two_classes_is_one_person_and_warned_of(tmp_path):
    """Merging two people is safer than dividing one, who may have both diseases."""
    for number, place in enumerate(("CNV/1/OD/1", "NORMAL/1/OS/1", "NORMAL/2/1")):
        write_image(tmp_path / f"{place}.png", number)

    samples = import_folders(tmp_path)

    assert len({each.patient for each in samples}) == 2
    (found,) = check(samples)
    assert (found.severity, found.count) == (Severity.WARNING, 1)
    assert f"{tmp_path.name}-1 (CNV, NORMAL)" in found.message


def test_that_folders_give_patients_eyes_and_frames(tmp_path):
    write_image(tmp_path / "val/drusen/p9/OS/scan12.png", 1)

    (only,) = import_folders(tmp_path, licence="CC0")

    assert (only.label, only.patient, only.eye) == ("DRUSEN", f"{tmp_path.name}-p9", "OS")
    assert (only.frame, only.split, only.licence) == ("00012", "val", "CC0")


@pytest.mark.parametrize("place", ["CNV/train/a.png", "OCT2017/train/CNV/a.png"])
def test_that_folders_of_a_division_are_no_classes(place, tmp_path):
    write_image(tmp_path / place, 1)

    with pytest.raises(UsageError, match=r"a\.png lies in a folder of training, valid"):
        import_folders(tmp_path)


def test_that_a_manifest_reads_back_as_it_was_written(tmp_path):
    write_image(tmp_path / "data/CNV/p1/1.png", 1)
    write_image(tmp_path / "data/NORMAL/p2/1.png", 2)
    samples = import_folders(tmp_path / "data")
    write_manifest(samples, tmp_path / "lists" / "manifest.csv")

    again = read_manifest(tmp_path / "lists" / "manifest.csv")

    assert [each.sha256 for each in again] == [each.sha256 for each in samples]
    assert all(
        (each.pixels() == other.pixels()).all() for each, other in zip(again, samples, strict=True)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,label\na.png,CNV\n", "lacks the columns"),
        ("image,label,finding,patient,eye,frame,source,licence,sha256,split\n", "no image"),
        (
            "image,label,finding,patient,eye,frame,source,licence,sha256,split\n"
            "a.png,CNV,CNV,,OD,1,x,y,z,\n",
            "line 2: patient must not be empty",
        ),
        (
            "image,label,finding,patient,eye,frame,source,licence,sha256,split\n"
            "a.png,CNV,CNV,p,OD,1,x,y,z,held-out\n",
            "“held-out” is not train, val or test",
        ),
    ],
)
def test_that_a_manifest_that_is_not_whole_is_refused(tmp_path, text, message):
    (tmp_path / "manifest.csv").write_text(text)

    with pytest.raises(UsageError, match=message):
        read_manifest(tmp_path)


def test_that_a_damaged_image_is_an_error_and_never_a_black_image(tmp_path):
    whole = write_image(tmp_path / "CNV/p1/1.png", 1)
    (tmp_path / "CNV/p2").mkdir()
    (tmp_path / "CNV/p2/2.png").write_bytes(whole.read_bytes()[:300])
    samples = import_folders(tmp_path)

    findings = check(samples)

    assert kinds(findings, Severity.ERROR) == {"unreadable image"}
    with pytest.raises(UsageError, match=r"2\.png"):
        require_sound(findings)
    with pytest.raises(DamagedFile, match=r"2\.png"):
        samples[1].pixels()


def test_that_an_image_that_is_not_the_one_that_was_labelled_is_an_error(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write_image(tmp_path / f"CNV/p{number}/{number}.png", number)
    write_manifest(import_folders(tmp_path), tmp_path / "manifest.csv")
    assert main(["check", "manifest.csv"]) == 0

    write_image(tmp_path / "CNV/p1/1.png", 100)

    (found,) = check(read_manifest(tmp_path))
    assert (found.kind, found.severity, found.count) == ("changed image", Severity.ERROR, 1)
    assert "1.png" in found.message
    assert main(["check", "manifest.csv"]) == 1


def test_that_an_unknown_label_is_an_error_and_never_the_first_class():
    findings = check_rows([sample("a", label="NOMRAL")], ["NORMAL", "CNV"])

    assert kinds(findings, Severity.ERROR) == {"unknown label"}


def test_that_a_patient_or_an_image_in_two_splits_is_an_error():
    samples = [
        sample("a", patient="p1", split="train"),
        sample("b", patient="p1", split="test"),
        sample("c", patient="p2", split="train", sha256="same"),
        sample("d", patient="p3", split="val", sha256="same"),
    ]

    found = kinds(check_rows(samples), Severity.ERROR)

    assert found == {"patient in two splits", "image in two splits"}


def test_that_one_image_labelled_twice_is_an_error():
    samples = [sample("a", sha256="same"), sample("b", label="CNV", sha256="same")]

    assert kinds(check_rows(samples), Severity.ERROR) == {"two labels"}


def test_that_a_near_duplicate_under_another_patients_name_is_found(tmp_path):
    first = write_image(tmp_path / "CNV/p1/1.png", 5)
    brighter = np.clip(decode(first) * 1.2 + 3, 0, 255).astype(np.uint8)
    (tmp_path / "CNV/p2").mkdir()
    Image.fromarray(brighter).resize((110, 70)).save(tmp_path / "CNV/p2/1.jpg", quality=80)
    write_image(tmp_path / "CNV/p3/1.png", 6)

    (found,) = check(import_folders(tmp_path))

    assert (found.kind, found.severity, found.count) == ("near-duplicate", Severity.WARNING, 1)


def test_that_hundreds_of_different_scans_are_no_near_duplicates():
    assert len(near_pairs(np.stack([thumbnail(bscan(seed)) for seed in range(300)]))) == 0


def test_that_deep_images_keep_their_greys(tmp_path):
    deep = np.array([[0, 257, 65535]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")

    assert decode(tmp_path / "deep.png").tolist() == [[0, 1, 255]]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("Directory,Class,Patient ID,Label\na.jpg,CNV,1\n", "Row 2 .* has no Label"),
        ("Directory,Class,Patient ID,Label\nü.jpg,CNV,1,CNV\n", "cannot be read as a table"),
    ],
)
def test_that_a_damaged_table_of_neh_is_refused(content, sentence, tmp_path):
    (tmp_path / "data_information.csv").write_bytes(content.encode("latin-1"))

    with pytest.raises(UsageError, match=sentence):
        import_neh(tmp_path)


def test_that_frames_come_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 2):
        write_image(tmp_path / f"CNV/P7/P7_{number}.png", number)

    frames = {each.image.stem: each.frame for each in import_folders(tmp_path)}

    assert frames["P7_2"] < frames["P7_10"]


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_that_images_of_numbers_without_a_white_are_refused_and_never_black(kind, tmp_path):
    Image.fromarray(np.array([[0, 1, 255]], dtype=kind)).save(tmp_path / "deep.tif")

    with pytest.raises(DamagedFile, match="8 or 16 bits"):
        decode(tmp_path / "deep.tif")


def test_that_an_image_with_a_damaged_palette_is_refused(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).convert("P").save(tmp_path / "a.bmp")
    content = bytearray((tmp_path / "a.bmp").read_bytes())
    content[46:50] = (1 << 30).to_bytes(4, "little")  # how many colours it has
    (tmp_path / "a.bmp").write_bytes(content)

    with pytest.raises(DamagedFile, match="cannot be read"):
        decode(tmp_path / "a.bmp")


def test_the_commands_from_a_folder_to_counts_and_pictures(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for patient, label in enumerate(("CNV", "CNV", "NORMAL")):
        write_image(tmp_path / f"data/{label}/p{patient}/1.png", patient)
    manifest, pictures = str(tmp_path / "manifest.csv"), tmp_path / "sheet.png"

    imported = main(["import", "--kind", "folders", str(tmp_path / "data"), "--out", manifest])
    checked = main(["check", manifest, "--classes", "NORMAL,CNV", "--pictures", str(pictures)])

    assert (imported, checked) == (0, 0)
    assert "data    CNV" in capsys.readouterr().out
    with Image.open(pictures) as sheet:
        assert min(sheet.size) > 100
    capsys.readouterr()
    assert main(["check", str(tmp_path / "data"), "--classes", "NORMAL"]) == 1
    drawn = tmp_path / "runs" / "data-pictures.png"  # without being asked
    assert f"Pictures of a few: {drawn}" in capsys.readouterr().out
    assert drawn.exists()
    assert main(["check", str(tmp_path / "nowhere.csv")]) == 2


def test_that_check_tells_a_layout_by_its_files(tmp_path, capsys, monkeypatch):
    """One UCSD patient has two B-scans; NEH's patients 1 of two classes are two people."""
    monkeypatch.chdir(tmp_path)
    for frame in (1, 2):
        write_image(tmp_path / f"ucsd/train/CNV/CNV-11-{frame}.jpeg", frame)
    write_neh(tmp_path / "neh", [("CNV", 1, "OD", "CNV", 1), ("NORMAL", 1, "OD", "Normal", 2)])
    write_image(tmp_path / "others/CNV/p1/CNV-11-1.png", 1)
    write_image(tmp_path / "others/CNV/p1/2.png", 2)

    for name, patients in (("ucsd", 1), ("neh", 2), ("others", 1)):
        assert main(["check", name]) == 0
        counted = re.search(r"^all +(\d+) +(\d+)$", capsys.readouterr().out, re.MULTILINE)
        assert counted is not None
        assert counted.groups() == ("2", str(patients)), name


def test_that_a_layout_can_be_told(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_neh(tmp_path / "data", [("CNV", 1, "OD", "CNV", 1)])

    assert main(["check", "data/NEH_UT_2021RetinalOCTDataset", "--kind", "folders"]) == 0
    assert "Read as folders" in capsys.readouterr().out
    assert main(["check", "data", "--kind", "ucsd"]) == 2
    assert "CLASS-PATIENT-INDEX" in capsys.readouterr().err
    (tmp_path / "manifest.csv").write_text("image\n")
    assert main(["check", "manifest.csv", "--kind", "neh"]) == 2
    assert "is a manifest, which needs no --kind" in capsys.readouterr().err


def test_that_ucsd_images_are_not_taken_for_a_patient_each(tmp_path, capsys):
    write_image(tmp_path / "data/train/CNV/CNV-11-1.jpeg", 1)
    command = ["import", "--kind", "folders", str(tmp_path / "data"), "--out", "manifest.csv"]

    assert main(command) == 2
    assert "Read the folder with --kind ucsd" in capsys.readouterr().err


@needs_shared
def test_that_the_collected_data_import_whole_with_what_fits_no_class_left_unlabelled():
    samples = import_labelled(SHARED / "data")

    assert len(samples) == 3395
    assert {each.finding for each in samples if each.label is None} == {
        "AMD/MNV_suspected",
        "ERM",
        "RAO",
        "RVO",
        "VID",
    }
    assert not kinds(check_rows(samples, ["NORMAL", "DRUSEN", "DME", "CNV"]), Severity.ERROR)
    assert "octdl" in counts_table(samples)
    unlabelled = Counter(each.finding for each in samples if each.label is None)
    assert (unlabelled["AMD/MNV_suspected"], unlabelled["ERM"]) == (158, 126)

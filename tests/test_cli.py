"""The command line, run on files as a clinic has them."""

import json
import os
import socket
from datetime import date

import pytest

from app.cli import HEADLESS_FOLDER, has_display, main
from app.convert import write_opt
from app.paths import user_data
from app.study import Laterality, Patient, Study
from tests.report.pdf_pages import texts
from tests.shared_data import manifest, needs_shared
from tests.tiny_package import tiny_package
from tests.tiny_study import layered_bscan, volume_of

PATIENT = Patient(
    identifier="PID-4711", name="Musterfrau, Erika", birth_date=date(1950, 3, 4), sex="F"
)


@pytest.fixture(autouse=True)
def package(_own_home):
    """Installed as a user adds one; chosen with --model tiny."""
    return tiny_package(user_data() / "models")


def write_study(folder, *volumes, uid="1.2.826.0.1.3680043.8.498.1"):
    study = Study(uid=uid, patient=PATIENT, volumes=volumes, visited=date(2024, 5, 1))
    folder.mkdir(parents=True, exist_ok=True)
    for number, volume in enumerate(volumes):
        write_opt(volume, study, folder / f"{number}.dcm")
    return folder


def eye(laterality=Laterality.RIGHT, *, first=0, uid="1.2.826.0.1.3680043.8.498.2", frames=6):
    return volume_of(
        [layered_bscan(first + seed) for seed in range(frames)], laterality=laterality, uid=uid
    )


@pytest.fixture
def both_eyes(tmp_path):
    left = eye(Laterality.LEFT, first=20, uid="1.2.826.0.1.3680043.8.498.3")
    return write_study(tmp_path / "exam", eye(), left)


def analyse(*arguments):
    return main(["analyse", "--model", "tiny", *map(str, arguments)])


def results(folder):
    return sorted(path.name for path in folder.iterdir())


def test_that_each_study_gets_three_files_and_each_eye_a_line(both_eyes, tmp_path, capsys):
    status = analyse(both_eyes, "--out", tmp_path / "out")

    lines = capsys.readouterr().out.splitlines()
    eyes = [line for line in lines if " eye: " in line]
    assert status == 0
    assert [path.suffix for path in sorted((tmp_path / "out").iterdir())] == [
        ".csv",
        ".json",
        ".pdf",
    ]
    assert len(eyes) == 2
    assert "right eye" in eyes[0]
    assert "left eye" in eyes[1]
    assert any("UNTRAINED" in line for line in lines)


def test_that_the_files_hold_the_study(both_eyes, tmp_path):
    analyse(both_eyes, "--out", tmp_path / "out")

    [record] = (tmp_path / "out").glob("*.json")
    [report] = (tmp_path / "out").glob("*.pdf")
    eyes = json.loads(record.read_text("utf-8"))["eyes"]
    assert [each["laterality"] for each in eyes] == ["OD", "OS"]
    assert [len(each["volumes"][0]["bscans"]) for each in eyes] == [6, 6]
    assert "Musterfrau" in texts(report.read_bytes())[0]


def test_that_neither_names_of_files_nor_lines_nor_exports_tell_who_it_is(
    both_eyes, tmp_path, capsys
):
    analyse(both_eyes, "--out", tmp_path / "out")

    told = capsys.readouterr()
    text = told.out + told.err + " ".join(results(tmp_path / "out"))
    for path in (tmp_path / "out").iterdir():
        if path.suffix != ".pdf":
            text += path.read_text("utf-8-sig")
    assert not any(word in text for word in ("Musterfrau", "Erika", "4711", "1950"))


def test_that_exports_name_the_patient_when_asked(both_eyes, tmp_path):
    analyse(both_eyes, "--out", tmp_path / "out", "--identity")

    [record] = (tmp_path / "out").glob("*.json")
    assert "PID-4711" in record.read_text("utf-8")


def test_that_the_same_study_is_written_under_the_same_name(both_eyes, tmp_path):
    for folder in ("first", "second"):
        analyse(both_eyes, "--out", tmp_path / folder)

    assert results(tmp_path / "first") == results(tmp_path / "second")


def test_that_a_damaged_file_is_told_and_the_other_studies_are_done(both_eyes, tmp_path, capsys):
    whole = (both_eyes / "0.dcm").read_bytes()
    (both_eyes / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    (both_eyes / "letter.txt").write_text("Dear colleague")

    status = analyse(both_eyes, "--out", tmp_path / "out")

    complaints = capsys.readouterr().err
    assert status == 1
    assert "Not read: " in complaints
    assert "cut.dcm" in complaints
    assert "Skipped: " in complaints
    assert "letter.txt" in complaints
    assert len(results(tmp_path / "out")) == 3


def test_that_a_file_that_is_not_taken_is_named_from_the_folder_given_on(tmp_path, capsys):
    exam = write_study(tmp_path / "Musterfrau" / "exam", eye())
    (exam / "notes").mkdir()
    (exam / "notes" / "letter.txt").write_text("Dear colleague")

    analyse(exam.parent, "--out", tmp_path / "out")

    told = capsys.readouterr().err
    assert f"Skipped: {os.path.join('exam', 'notes', 'letter.txt')}: " in told
    assert "Musterfrau" not in told


def test_that_files_that_are_not_oct_leave_the_status_well(both_eyes, tmp_path):
    (both_eyes / "letter.txt").write_text("Dear colleague")

    assert analyse(both_eyes, "--out", tmp_path / "out") == 0


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_that_no_study_at_all_is_a_failure_with_a_sentence(tmp_path, capsys, what):
    (tmp_path / "empty").mkdir()

    assert analyse(tmp_path / what, "--out", tmp_path / "out") == 1
    assert "No OCT study was found." in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["analyse"], ["analyse", "x"], ["analyse", "--out", "x"]])
def test_that_wrong_usage_has_a_status_of_its_own(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_that_results_are_not_put_into_a_file(both_eyes, tmp_path, capsys):
    (tmp_path / "out").write_text("something else")

    assert analyse(both_eyes, "--out", tmp_path / "out") == 2
    assert "is a file" in capsys.readouterr().err


def test_that_an_unknown_model_is_named_with_those_there_are(both_eyes, tmp_path, capsys):
    status = main(["analyse", "--model", "none-such", str(both_eyes), "--out", str(tmp_path / "o")])

    assert status == 2
    assert "“none-such” is not installed" in capsys.readouterr().err


def test_that_a_changed_model_is_refused_before_anything_is_written(
    both_eyes, tmp_path, capsys, package
):
    graph = package.folder / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")

    assert analyse(both_eyes, "--out", tmp_path / "out") == 1
    assert "changed or damaged" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_that_a_folder_that_cannot_be_written_is_a_sentence(both_eyes, capsys):
    assert analyse(both_eyes, "--out", "/proc/none") == 1
    assert "could not be written" in capsys.readouterr().err


def test_that_two_studies_of_one_run_never_share_a_file(tmp_path):
    for number in (1, 2):
        uid = f"1.2.826.0.1.3680043.8.498.{number}"
        write_study(tmp_path / "in" / str(number), eye(uid=f"{uid}.9", frames=2), uid=uid)

    assert analyse(tmp_path / "in", "--out", tmp_path / "out") == 0
    assert len(results(tmp_path / "out")) == 6


@needs_shared
def test_that_real_bscans_wrapped_as_dicom_go_through(tmp_path, capsys):
    real = [each for each in manifest() if each.dataset == "kermany" and each.label4 == "CNV"]
    shapes = [each.pixels() for each in real[:40]]
    frames = [pixels for pixels in shapes if pixels.shape == (496, 512)][:12]
    volume = volume_of(frames, uid="1.2.826.0.1.3680043.8.498.7")

    status = analyse(write_study(tmp_path / "real", volume), "--out", tmp_path / "out")

    [record] = (tmp_path / "out").glob("*.json")
    bscans = json.loads(record.read_text("utf-8"))["eyes"][0]["volumes"][0]["bscans"]
    assert status == 0
    assert len(bscans) == len(frames) >= 8
    assert {each["gradability"] for each in bscans} == {"gradable"}


@pytest.fixture
def no_display(monkeypatch, tmp_path):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Only X and Wayland are asked.")
def test_that_without_a_display_the_study_is_analysed_and_the_report_named(
    no_display, both_eyes, tmp_path, capsys
):
    assert main([str(both_eyes)]) == 0

    told = capsys.readouterr().out
    [report] = (tmp_path / HEADLESS_FOLDER).glob("*.pdf")
    assert told.startswith("There is no display")
    assert str(report) in told


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Only X and Wayland are asked.")
def test_that_without_a_display_and_paths_the_demo_study_is_analysed(no_display, tmp_path, capsys):
    assert main([]) == 0

    told = capsys.readouterr().out
    assert "the demo study" in told
    assert "SYNTHETIC" in told
    assert len(list((tmp_path / HEADLESS_FOLDER).glob("*.pdf"))) == 1


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Only X and Wayland are asked.")
def test_that_a_display_left_over_from_another_login_is_none(no_display, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":4711")

    assert not has_display()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Only X and Wayland are asked.")
def test_that_a_wayland_display_that_answers_is_one(no_display, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "w")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "w"))
        server.listen()

        assert has_display()


def test_that_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])

    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("KD-OCT ")

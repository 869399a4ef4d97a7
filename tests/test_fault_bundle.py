"""The bundle for a fault report holds what helps and nothing that tells of anybody."""

import getpass
import json
import socket
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import pytest

from app.errors import ReportError
from app.fault_bundle import TOLD_SETTINGS, write_fault_bundle
from app.paths import user_data, user_logs
from app.settings import Settings

CLINIC = Settings(
    clinic_name="Northfield Eye Clinic",
    clinic_address="12 Mill Lane",
    logo=Path("/srv/northfield/logo.png"),
    folder=Path("/srv/northfield/reports"),
    reader="QZX",
    theme="dark",
)


def bundle(tmp_path, log="", settings=CLINIC, **more):
    user_logs().mkdir(parents=True, exist_ok=True)
    (user_logs() / "kd-oct.log").write_text(log, encoding="utf-8")
    write_fault_bundle(tmp_path / "fault.zip", settings, facts={"Qt": "6"}, **more)
    with zipfile.ZipFile(tmp_path / "fault.zip") as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def test_that_settings_tell_nothing_of_the_clinic_and_the_reader(tmp_path):
    told = bundle(tmp_path)

    assert json.loads(told["settings.json"])["theme"] == "dark"
    for word in ("Northfield", "northfield", "Mill", "QZX"):
        assert word not in "".join(told.values())


def test_that_every_setting_told_exists():
    assert {each.name for each in fields(Settings)} >= set(TOLD_SETTINGS)


def test_that_this_computer_and_its_user_are_not_named(tmp_path):
    log = f"{Path.home()}/x {getpass.getuser()}: {socket.gethostname()}"

    text = bundle(tmp_path, log)["logs/kd-oct.log"]

    assert getpass.getuser() not in text
    assert socket.gethostname() not in text


@pytest.mark.parametrize(
    "line", ["Doe, Jane", "JANE DOE", "of Doe.", "(4711)", "file-4711-Doe.dcm", "P1:"]
)
def test_that_identifiers_are_left_out_in_whatever_form(tmp_path, line):
    text = bundle(tmp_path, line, identifiers=["Doe, Jane", "4711", "P1", "x"])["logs/kd-oct.log"]

    for word in ("doe", "jane", "4711", "p1"):
        assert word not in text.lower()


def test_that_words_which_only_contain_an_identifier_stay(tmp_path):
    text = bundle(tmp_path, "frames reader", identifiers=["rea", "am"])["logs/kd-oct.log"]

    assert text == "frames reader"


def test_that_versions_models_and_rotated_logs_are_in(tmp_path):
    user_logs().mkdir(parents=True)
    (user_logs() / "kd-oct.log.1").write_text("earlier")
    (user_data() / "models" / "broken").mkdir(parents=True)
    (user_data() / "models" / "broken" / "model.json").write_text("{}")

    told = bundle(tmp_path, settings=replace(CLINIC, clinic_name=""))

    assert told["logs/kd-oct.log.1"] == "earlier"
    assert "numpy" in json.loads(told["versions.json"])
    shipped, broken = json.loads(told["models.json"])
    assert len(shipped["SHA-256"]) == 64
    assert "incomplete" in broken["problem"]
    assert json.loads(told["computer.json"])["Qt"] == "6"


def test_that_a_bundle_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ReportError, match=r"fault\.zip"):
        write_fault_bundle(tmp_path / "file" / "fault.zip", Settings(), facts={})

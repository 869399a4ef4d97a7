"""Settings survive a round trip, and a bad line in them never stops the program."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import StorageError
from app.settings import Settings, load_settings, save_settings, settings_path

SETTINGS = st.builds(
    Settings,
    clinic_name=st.text(st.characters(codec="utf-8")),
    logo=st.sampled_from([None, Path("logo.png"), Path("نشان.png")]),
    paper=st.sampled_from(["A4", "Letter"]),
    heat_opacity=st.floats(0, 1),
    export_identity=st.booleans(),
)


@given(SETTINGS)
def test_that_settings_come_back_as_they_were_saved(tmp_path_factory, settings):
    path = tmp_path_factory.mktemp("settings") / "settings.json"

    save_settings(settings, path)

    assert load_settings(path, report=pytest.fail) == settings


def test_that_a_fresh_user_gets_the_defaults_and_saving_makes_the_folder():
    assert load_settings(report=pytest.fail) == Settings()

    save_settings(Settings(clinic_name="چشم‌پزشکی نور"))

    assert load_settings().clinic_name == "چشم‌پزشکی نور"
    assert settings_path().is_file()


def test_that_an_unknown_key_and_a_bad_value_are_reported_and_the_rest_counts(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(
        json.dumps({"clinic_name": "Eye Clinic", "paper": "A5", "colour": "mauve"}), "utf-8"
    )
    problems = []

    settings = load_settings(path, report=problems.append)

    assert settings == Settings(clinic_name="Eye Clinic")
    assert len(problems) == 2
    assert "“paper”" in problems[0]
    assert "“colour” is not known" in problems[1]


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe{}", b"null"])
def test_that_a_damaged_file_is_reported_and_gives_the_defaults(tmp_path, content):
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    problems = []

    assert load_settings(path, report=problems.append) == Settings()
    assert problems == ["The settings file is damaged, so the defaults are used."]


def test_that_settings_which_cannot_be_written_leave_the_old_ones(tmp_path):
    path = tmp_path / "settings.json"
    save_settings(Settings(clinic_name="before"), path)
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="could not be saved"):
        save_settings(Settings(clinic_name="after"), tmp_path / "file" / "settings.json")

    assert load_settings(path).clinic_name == "before"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="This user may read every file.")
def test_that_a_file_without_permission_is_named(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text("{}")
    path.chmod(0)

    with pytest.raises(StorageError, match=r"settings\.json"):
        load_settings(path)


def test_that_a_settings_folder_instead_of_a_file_is_named(tmp_path):
    with pytest.raises(StorageError, match="cannot be read"):
        load_settings(tmp_path)


def test_that_every_setting_has_a_default():
    assert asdict(Settings())["paper"] == "A4"

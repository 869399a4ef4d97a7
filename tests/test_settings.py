"""Settings survive a round trip, and a bad line in them never stops the program."""

import json
import os
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import StorageError
from app.settings import VERSION, Settings, load_settings, save_settings, settings_path

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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Settings)]), JSON))
def test_that_whatever_stands_in_the_file_gives_settings_that_can_be_saved(
    tmp_path_factory, values
):
    path = tmp_path_factory.mktemp("settings") / "settings.json"
    path.write_text(json.dumps({"version": VERSION} | values))
    problems = []

    settings = load_settings(path, report=problems.append)

    assert not any("\n" in each for each in problems)
    save_settings(settings, path)
    assert load_settings(path, report=pytest.fail) == settings


@pytest.mark.skipif(sys.platform != "linux", reason="Paths are text elsewhere.")
def test_that_a_folder_whose_name_is_no_text_is_kept(tmp_path):
    path, folder = tmp_path / "settings.json", Path(os.fsdecode(b"/srv/\xff\xfe"))

    save_settings(Settings(folder=folder, clinic_name="نور"), path)

    assert load_settings(path, report=pytest.fail).folder == folder
    assert "نور" in path.read_text("utf-8")


@pytest.mark.parametrize("name", ["logo", "folder", "keys"])
def test_that_a_path_that_no_system_has_is_left_out(tmp_path, name):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"version": VERSION, name: "a\0b"}))
    problems = []

    assert load_settings(path, report=problems.append) == Settings()
    assert f"“{name}”" in problems[0]


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


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1, 2]", b"\xff\xfe{}", b"null", b'{"version": "new"}', b"[" * 100_000]
)
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


def version_1(path, **values):
    """A file as the program wrote them before they had a version: with every value."""
    plain = asdict(Settings()) | values
    path.write_text(json.dumps(plain, default=str))
    return path.read_bytes()


def test_that_settings_without_a_version_are_read_and_copied_before_they_are_replaced(tmp_path):
    path = tmp_path / "settings.json"
    before = version_1(path, clinic_name="Eye Clinic", theme="dark")

    settings = load_settings(path, report=pytest.fail)
    assert settings == Settings(clinic_name="Eye Clinic", theme="dark")
    assert path.read_bytes() == before
    save_settings(replace(settings, theme="light"), path)

    assert load_settings(path) == Settings(clinic_name="Eye Clinic", theme="light")
    assert (tmp_path / "settings.before-update-from-1.json").read_bytes() == before
    assert json.loads(path.read_text())["version"] == VERSION


def test_that_the_copy_is_made_once(tmp_path):
    path = tmp_path / "settings.json"
    before = version_1(path)

    for theme in ("dark", "light"):
        save_settings(Settings(theme=theme), path)

    assert (tmp_path / "settings.before-update-from-1.json").read_bytes() == before


def test_that_settings_of_a_later_version_are_told_and_left_as_they_are(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"version": VERSION + 1, "clinic": {"name": "Eye Clinic"}}))
    before, problems = path.read_bytes(), []

    assert load_settings(path, report=problems.append) == Settings()
    with pytest.raises(StorageError, match="later version") as caught:
        save_settings(Settings(theme="dark"), path)

    assert problems == [str(caught.value)]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_that_every_setting_has_a_default():
    assert asdict(Settings())["paper"] == "A4"

"""What the clinic sets for all its computers and users, and what users can still set."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import platformdirs
import pytest
from platformdirs import windows
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from app.cases.database import default_path
from app.commands.analyse import Order, analyse_paths
from app.errors import UsageError
from app.paths import site_configs, user_config, user_data, user_logs
from app.settings import (
    Settings,
    load_settings,
    locked_settings,
    permitted,
    save_settings,
    settings_path,
)
from app.site import SITE_FILE

SAMPLE = Path(__file__).parents[1] / "installers" / "kd-oct.toml"


@pytest.fixture
def configure():
    """Write the clinic's configuration where this computer's users find it."""

    def write(content):
        [folder] = site_configs()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / SITE_FILE
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def log_in(monkeypatch, tmp_path):
    """Become another user of the same computer."""

    def become(name):
        for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            monkeypatch.setenv(variable, str(tmp_path / name / variable.lower()))

    return become


def load():
    return load_settings(report=pytest.fail)


def test_that_every_user_gets_what_the_clinic_set(configure, log_in):
    configure('clinic_name = "Noor"\npaper = "Letter"\n[prevalence]\nCNV = 0.05\n')

    for user in ("first", "second"):
        log_in(user)
        assert load() == Settings(clinic_name="Noor", paper="Letter", prevalence={"CNV": 0.05})


def test_that_what_one_user_sets_is_not_another_s(configure, log_in):
    configure('theme = "light"')
    log_in("first")
    save_settings(replace(load(), theme="dark", reader="AB"))
    first = default_path()
    log_in("second")

    assert load() == Settings(theme="light")
    assert default_path() != first
    log_in("first")
    assert load() == Settings(theme="dark", reader="AB")


def test_that_what_the_clinic_changes_later_reaches_users_who_set_something_else(configure):
    configure('clinic_name = "Noor"')
    save_settings(replace(load(), theme="dark"))
    configure('clinic_name = "Noor and Sons"')

    assert load() == Settings(clinic_name="Noor and Sons", theme="dark")


def test_that_a_locked_setting_is_the_clinic_s_whatever_a_user_set_before(configure):
    save_settings(Settings(clinic_name="Mine", paper="Letter"))
    configure('clinic_name = "Noor"\nlocked = ["clinic_name", "export_identity"]')

    assert load() == Settings(clinic_name="Noor", paper="Letter")
    assert locked_settings() == {"clinic_name", "export_identity"}


def test_that_a_locked_setting_is_never_written_for_a_user(configure):
    configure('locked = ["export_identity"]')

    save_settings(Settings(export_identity=True, theme="dark"))

    assert json.loads(settings_path().read_text()) == {"version": 2, "theme": "dark"}
    assert not load().export_identity


def test_that_what_a_user_changes_while_the_program_runs_keeps_to_the_locks(configure):
    configure('blind_first = true\nlocked = ["blind_first", "export_identity"]')
    changed = replace(load(), blind_first=False, export_identity=True, theme="dark")

    assert permitted(changed) == Settings(blind_first=True, theme="dark")


@pytest.mark.parametrize(
    ("locked", "order"),
    [("model_id", {"model_id": "other"}), ("export_identity", {"identity": True})],
)
def test_that_the_command_line_does_not_get_round_a_lock(configure, tmp_path, locked, order):
    configure(f'locked = ["{locked}"]')

    with pytest.raises(UsageError, match="clinic's configuration"):
        analyse_paths(Order(paths=[tmp_path], out=tmp_path / "out", **order))


def test_that_relative_paths_start_where_the_file_lies(configure, tmp_path):
    here = configure(f"logo = 'logo.png'\nkeys = 'keys'\nfolder = '{tmp_path}'").parent

    assert load() == Settings(logo=here / "logo.png", keys=here / "keys", folder=tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("clinic_name = Noor", "line 1"),
        ('paper = "A4"\npaper = "Letter"\n', "line 2"),
        ('locked = "paper"', "no list of names"),
        ("locked = [1]", "no list of names"),
        (b"clinic_name = '\xff'", "UTF-8"),
        ("a = " + "[" * 10_000, ""),
    ],
)
def test_that_a_bad_file_is_told_in_one_sentence_and_counts_as_none(configure, content, why):
    path = configure(content)
    problems = []

    assert load_settings(report=problems.append) == Settings()
    [problem] = problems
    assert str(path) in problem
    assert why in problem
    assert "\n" not in problem


def test_that_a_bad_line_is_told_and_the_others_count(configure):
    configure('paper = "A3"\nclinic_name = "Noor"\ncolour = 1\nlocked = ["paper", "mood"]')
    problems = []

    assert load_settings(report=problems.append) == Settings(clinic_name="Noor")
    assert len(problems) == 3
    assert all(any(word in each for each in problems) for word in ("paper", "colour", "mood"))
    assert locked_settings() == {"paper"}


def test_that_a_file_saved_by_the_windows_editor_is_read(configure):
    configure(b'\xef\xbb\xbfclinic_name = "Noor"\r\n')

    assert load().clinic_name == "Noor"


def test_that_the_first_of_several_configurations_counts(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_DIRS", f"{tmp_path / 'none'}:{tmp_path / 'a'}:{tmp_path / 'b'}")
    for name in ("a", "b"):
        (tmp_path / name / "KD-OCT").mkdir(parents=True)
        (tmp_path / name / "KD-OCT" / SITE_FILE).write_text(f'clinic_name = "{name}"')

    assert load().clinic_name == "a"


def test_that_the_sample_explains_every_setting_and_is_valid(configure):
    content = SAMPLE.read_text("utf-8")
    # In the sample every setting is commented out: "#key = value".
    configure(content)
    assert load() == Settings()
    shown = "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line
        for line in content.splitlines()
    )
    configure(shown)

    settings = load()

    private = {"previous_model", "blind_since", "thresholds_known"}
    unchanged = [
        name
        for name, value in asdict(settings).items()
        if value == asdict(Settings())[name] and name not in private
    ]
    assert unchanged == []
    assert locked_settings()


@pytest.fixture
def on_windows(monkeypatch):
    """Paths as they would be there, but for the slashes."""
    monkeypatch.setattr(platformdirs, "PlatformDirs", windows.Windows)
    monkeypatch.setattr(windows, "get_win_folder", windows.get_win_folder_from_env_vars)
    for name in ("ALLUSERSPROFILE", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, name)


def test_that_the_clinic_s_file_lies_where_each_system_expects_it(monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_DIRS")
    monkeypatch.setattr(platformdirs, "PlatformDirs", Unix)
    assert Path("/etc/xdg/KD-OCT") in site_configs()
    monkeypatch.setattr(platformdirs, "PlatformDirs", MacOS)
    assert Path("/Library/Application Support/KD-OCT") in site_configs()


def test_that_on_windows_settings_roam_with_their_user_and_patients_data_do_not(on_windows):
    assert site_configs() == (Path("ALLUSERSPROFILE/KD-OCT"),)
    assert user_config().parts[0] == "APPDATA"
    assert user_data().parts[0] == default_path().parts[0] == user_logs().parts[0] == "LOCALAPPDATA"

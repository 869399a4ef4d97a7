"""What packages are made from fits the program; the frozen program itself is tests/bundle's."""

import configparser
import os
import plistlib
import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import app
import app.language
from app.package_file import MEDIA_TYPE, SUFFIX
from app.paths import resources
from installers.freeze import version_resource
from installers.linux.changelog import debian_changelog
from installers.plist import info
from installers.trim import EXCLUDED_MODULES, languages, shipped_resources, trimmed
from installers.weigh import main as weigh
from installers.weigh import sizes

INSTALLERS = Path(app.__file__).parent.parent / "installers"
DESKTOP = INSTALLERS / "linux" / "kd-oct.desktop"


def test_that_every_resource_is_shipped_but_training_weights_and_translators_files():
    shipped = shipped_resources(resources())
    left_out = {path for path in resources().rglob("*") if path.is_file()} - {p for p, _ in shipped}

    assert {path.suffix for path in left_out} <= {".safetensors", ".po"}
    for path, folder in shipped:
        assert path.relative_to(resources().parent).parent.as_posix() == str(folder)


def test_that_neither_torch_nor_the_laboratory_can_get_in():
    assert {"torch", "ml", "tests", "app.engine_torch"} <= set(EXCLUDED_MODULES)


@pytest.mark.parametrize(
    ("place", "source", "kind", "kept"),
    [
        ("numpy/_core/_simd.so", "/venv/numpy/_core/_simd.so", "EXTENSION", True),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", "/venv/libqxcb.so", "BINARY", True),
        (r"PySide6\plugins\platforms\qwindows.dll", r"C:\venv\qwindows.dll", "BINARY", True),
        ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", "/venv/libqgtk3.so", "BINARY", False),
        ("PySide6/Qt/plugins/imageformats/libqwebp.so", "/venv/libqwebp.so", "BINARY", False),
        ("PySide6/Qt/plugins/tls/libqopensslbackend.so", "/venv/tls.so", "BINARY", False),
        ("PySide6/Qt/translations/qtbase_fa.qm", "/venv/qtbase_fa.qm", "DATA", True),
        ("PySide6/Qt/translations/qtbase_de.qm", "/venv/qtbase_de.qm", "DATA", False),
        ("libgtk-3.so.0", "/lib/x86_64-linux-gnu/libgtk-3.so.0", "BINARY", False),
        ("libX11.so.6", "/usr/lib/x86_64-linux-gnu/libX11.so.6", "BINARY", False),
        ("libffi.so.8", "/lib/x86_64-linux-gnu/libffi.so.8", "BINARY", True),
        ("libxcb-cursor.so.0", "/lib/x86_64-linux-gnu/libxcb-cursor.so.0", "BINARY", True),
        ("libxcb-randr.so.0", "/lib/x86_64-linux-gnu/libxcb-randr.so.0", "BINARY", False),
        ("libpython3.11.so.1.0", "/usr/lib/libpython3.11.so.1.0", "BINARY", True),
    ],
)
def test_that_only_what_is_used_and_what_the_desktop_lacks_goes_in(place, source, kind, kept):
    binaries, _ = trimmed([(place, source, kind)], [], {"fa"})

    assert bool(binaries) == kept


def test_that_links_stay_with_what_they_lead_to():
    core = ("PySide6/Qt/lib/libQt6Core.so.6", "/venv/libQt6Core.so.6", "BINARY")
    to_core = ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK")
    beside = ("a/b/libQt6Core.so", "../../PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK")
    to_folder = ("QtCore.framework/Current", "../PySide6/Qt", "SYMLINK")
    astray = ("libQt6Quick.so.6", "PySide6/Qt/lib/libQt6Quick.so.6", "SYMLINK")

    assert trimmed([core], [to_core, beside, to_folder, astray], set()) == (
        [core],
        [to_core, beside, to_folder],
    )


def test_that_qt_speaks_the_languages_the_program_does():
    assert languages(resources()) == set(app.language.languages()) - {"en"}


def test_that_compiled_translations_are_shipped():
    shipped = {path.name for path, _ in shipped_resources(resources())}

    assert {"core.mo", "window.mo"} <= shipped


def test_that_every_key_and_the_list_of_withdrawn_ones_are_shipped():
    shipped = {
        path.name for path, folder in shipped_resources(resources()) if folder.name == "keys"
    }

    assert shipped == {path.name for path in (resources() / "keys").iterdir()}
    assert {"KD-OCT.pem", "withdrawn.toml"} <= shipped


def test_that_what_has_grown_too_heavy_is_told(tmp_path, capsys, monkeypatch):
    (tmp_path / "lib" / "numpy").mkdir(parents=True)
    (tmp_path / "lib" / "numpy" / "core.so").write_bytes(b"x" * 700)
    (tmp_path / "kd-oct").write_bytes(b"x" * 300)
    (tmp_path / "link").symlink_to("kd-oct")

    assert sizes(tmp_path) == {"numpy": 700, "kd-oct": 300}
    assert weigh(tmp_path) == 0
    monkeypatch.setattr("installers.weigh.LIMIT", 999)
    assert weigh(tmp_path) == 1
    assert "may weigh" in capsys.readouterr().err


def test_that_the_menu_entry_opens_the_files_that_the_program_reads():
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment, method-assign]
    entry.read(DESKTOP, "utf-8")

    assert entry["Desktop Entry"]["Exec"] == "kd-oct %F"
    assert {"application/dicom", MEDIA_TYPE} <= set(entry["Desktop Entry"]["MimeType"].split(";"))


@pytest.mark.skipif(
    shutil.which("desktop-file-validate") is None, reason="desktop-file-utils is not installed."
)
def test_that_the_menu_entry_is_valid():
    answer = subprocess.run(
        ["desktop-file-validate", DESKTOP], capture_output=True, text=True, check=False
    )

    assert (answer.returncode, answer.stdout) == (0, "")


def test_that_model_packages_are_one_kind_of_file_on_every_system():
    tree = ET.parse(INSTALLERS / "linux" / "kd-oct.mime.xml")
    name = "{http://www.freedesktop.org/standards/shared-mime-info}"
    globs = {
        kind.get("type"): each.get("pattern")
        for kind in tree.iter(f"{name}mime-type")
        for each in kind.iter(f"{name}glob")
    }
    setup = (INSTALLERS / "windows" / "kd-oct.nsi").read_text("utf-8")
    (exported,) = info(app.__version__)["UTExportedTypeDeclarations"]  # type: ignore[misc]

    assert globs[MEDIA_TYPE] == f"*{SUFFIX}"
    assert f'ASSOCIATE "{SUFFIX}"' in setup
    assert exported["UTTypeTagSpecification"] == {
        "public.filename-extension": [SUFFIX[1:]],
        "public.mime-type": [MEDIA_TYPE],
    }


def test_that_macos_is_told_the_version_and_asked_for_no_network():
    told = plistlib.loads(plistlib.dumps(info(app.__version__)))
    entitled = plistlib.loads((INSTALLERS / "macos" / "entitlements.plist").read_bytes())

    assert told["CFBundleShortVersionString"] == app.__version__
    assert not [key for key in entitled if "network" in key]


@pytest.mark.parametrize(
    ("version", "numbers"), [("1.2.3", "(1, 2, 3, 0)"), ("2.0rc1", "(2, 0, 1, 0)")]
)
def test_that_windows_is_told_the_version(version, numbers):
    told = version_resource(version)

    assert f"filevers={numbers}, prodvers={numbers}" in told
    assert f'"ProductVersion", "{version}"' in told


def test_that_debian_s_change_log_tells_what_ours_does():
    text = "# Changes\n\n## 1.1.0 (not yet)\n\n- New\n  things.\n- More.\n\n## 1.0.0\n\n- First.\n"

    told = debian_changelog(text, "1.1.0~rc1", "A B <a@example.org>", 0)

    assert told == (
        "kd-oct (1.1.0~rc1) stable; urgency=medium\n\n  * New things.\n  * More.\n\n"
        " -- A B <a@example.org>  Thu, 01 Jan 1970 00:00:00 +0000\n\n"
        "kd-oct (1.0.0) stable; urgency=medium\n\n  * First.\n\n"
        " -- A B <a@example.org>  Thu, 01 Jan 1970 00:00:00 +0000\n"
    )


@pytest.mark.skipif(shutil.which("gio") is None, reason="libglib2.0-bin is not installed.")
@pytest.mark.parametrize("name", ["R&D's program", "a | `$5`", r"a\b"])
def test_that_the_menu_entry_leads_to_the_program_wherever_it_and_the_user_s_data_lie(
    name, tmp_path
):
    program, data, ran = tmp_path / name, tmp_path / "Zoë's data", tmp_path / "ran"
    for folder in ("applications", "mime/packages", "icons"):
        (program / "share" / folder).mkdir(parents=True)
    shutil.copy(DESKTOP, program / "share" / "applications")
    shutil.copy(DESKTOP.with_name("kd-oct.mime.xml"), program / "share/mime/packages/kd-oct.xml")
    shutil.copy(DESKTOP.with_name("menu.sh"), program)
    (program / "kd-oct").write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    (program / "kd-oct").chmod(0o755)
    user = os.environ | {"XDG_DATA_HOME": str(data)}

    subprocess.run(["sh", program / "menu.sh"], env=user, check=True)
    entry = data / "applications" / "kd-oct.desktop"
    subprocess.run(["gio", "launch", entry], env=user, check=True)
    deadline = time.monotonic() + 20
    while not ran.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    subprocess.run(["sh", program / "menu.sh", "--remove"], env=user, check=True)

    assert ran.exists()
    assert not list(data.rglob("kd-oct*"))


@pytest.mark.skipif(shutil.which("dpkg-shlibdeps") is None, reason="dpkg-dev is not installed.")
def test_that_the_deb_depends_on_all_that_its_libraries_need_or_is_not_made(tmp_path):
    (tmp_path / "DEBIAN").mkdir()
    folder = tmp_path / "usr" / "lib" / "kd-oct"
    (folder / "lib").mkdir(parents=True)
    program = Path("/bin/true").read_bytes()
    (folder / "kd-oct").write_bytes(program)
    script = [*("sh", INSTALLERS / "linux" / "depends.sh"), tmp_path]

    told = subprocess.run(script, capture_output=True, text=True, check=False)

    assert (told.returncode, told.stdout.split()[0]) == (0, "libc6")
    # A library that is not on this computer: its package cannot be named.
    (folder / "lib" / "needy.so").write_bytes(program.replace(b"libc.so.6", b"libz.so.9"))
    told = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (1, "")
    assert "cannot find library libz.so.9" in told.stderr


def test_that_a_release_is_used_by_hand_and_brings_the_models():
    release = INSTALLERS.parent / ".github" / "workflows" / "release.yml"
    linux = release.read_text("utf-8").partition("  linux:")[2].partition("  windows:")[0]

    assert {"make hand-tools", "model-packages", f"dist/*{SUFFIX}"} <= set(
        re.findall(r"make hand-tools|model-packages|dist/\*\.\w+", linux)
    )
    # Windows fit on it whole; without a size the screen is a small one.
    assert "1600x1000x24" in linux


@pytest.mark.parametrize("path", sorted(INSTALLERS.rglob("*.sh")), ids=lambda path: path.name)
def test_that_shell_scripts_can_be_read(path):
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0

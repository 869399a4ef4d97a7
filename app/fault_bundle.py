"""What the makers need to find a fault, in one ZIP without a word of any patient or clinic.

Only what is named here goes in. The logs hold no patient's data by the way they are written; all
the same they are gone through for what this computer knows to be identifying.
"""

import getpass
import json
import os
import platform
import re
import shutil
import socket
import sys
import zipfile
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from app import __version__
from app.packages import list_installed
from app.paths import user_data, user_logs
from app.results.output import output_file
from app.settings import Settings

TOLD_SETTINGS = (
    "paper",
    "language",
    "theme",
    "ui_scale",
    "model_id",
    "heat_opacity",
    "heat_outlined",
    "export_identity",
    "blind_first",
)
"""The settings that go in. All others may tell of the clinic, the reader or a folder's name."""

_ABOUT = """This file was made by KD-OCT {version} to report a fault.

It holds: the program's logs, its version and those of its libraries, facts about the computer,
those settings that tell nothing of the clinic, and which model packages are installed.
It holds no image, no result, no patient's name, number or date, and no name of a file that was
opened. You can read all of it before you send it.
"""

_LEFT_OUT = "[left out]"
_SHORTEST = 2
"""Of words that are left out: single letters stand everywhere."""

_Hide = Callable[[str], str]


def write_fault_bundle(
    path: Path,
    settings: Settings,
    *,
    facts: Mapping[str, str],
    identifiers: Collection[str] = (),
) -> None:
    """Write the bundle.

    Args:
        facts: About the screen and the window, which only the caller knows.
        identifiers: What must not be in it: names and numbers of the patients that are open.

    Raises:
        ReportError: If the file cannot be written.
    """
    hide = _hider([*identifiers, *_of_this_computer(), *_of_the_clinic(settings)])
    contents = {
        "READ ME.txt": _ABOUT.format(version=__version__),
        "versions.json": _json(_versions()),
        "computer.json": _json(_computer() | dict(facts)),
        "settings.json": _json(_told(settings)),
        "models.json": _json(_models(settings)),
    } | _logs()
    with output_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in contents.items():
            bundle.writestr(name, hide(text))


def _hider(identifiers: Collection[str]) -> _Hide:
    """Return what takes these out of a text: each whole, and each of its words."""
    words = {part for each in identifiers for part in [each.strip(), *re.findall(r"\w+", each)]}
    # The longest first, so that no part of a name stays.
    known = sorted((each for each in words if len(each) >= _SHORTEST), key=len, reverse=True)
    if not known:
        return str
    alternatives = "|".join(map(re.escape, known))
    pattern = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)
    return lambda text: pattern.sub(_LEFT_OUT, text)


def _of_this_computer() -> list[str]:
    words = [Path.home().name, socket.gethostname()]
    with suppress(OSError, KeyError):  # an account without a name
        words.append(getpass.getuser())
    return words


def _of_the_clinic(settings: Settings) -> list[str]:
    return [settings.clinic_name, settings.clinic_address, settings.reader]


def _json(facts: object) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def _versions() -> dict[str, str]:
    """Of the program and of every library that it has loaded."""
    known = {"KD-OCT": __version__, "Python": platform.python_version()}
    for name, module in sorted(sys.modules.items()):
        # Not by `getattr`, which some modules answer with a warning.
        stated = vars(module).get("__version__")
        if "." not in name and isinstance(stated, str):
            known[name] = stated
    return known


def _computer() -> dict[str, object]:
    return {
        "system": platform.system(),
        "release": platform.release(),
        "version": platform.version(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "memory in MB": _memory(),
        "free disk in MB": _free_disk(),
        "packaged": hasattr(sys, "_MEIPASS"),
    }


def _memory() -> int | None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return None


def _free_disk() -> int | None:
    folder = user_data()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free // 2**20
    except OSError:
        return None


def _told(settings: Settings) -> dict[str, object]:
    return {name: value for name, value in asdict(settings).items() if name in TOLD_SETTINGS}


def _models(settings: Settings) -> list[dict[str, object]]:
    packages: list[dict[str, object]] = []
    for each in list_installed(settings):
        told: dict[str, object] = {"name": each.name, "origin": each.origin, "used": each.chosen}
        if each.card is None:
            told |= {"problem": each.problem}
        else:
            # Who signed it may name the clinic.
            told |= {"SHA-256": each.card.graph_sha256, "signature": each.seal.trust}
        packages.append(told)
    return packages


def _logs() -> dict[str, str]:
    return {
        f"logs/{path.name}": path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(user_logs().glob("kd-oct*.log*"))
        if path.is_file()
    }

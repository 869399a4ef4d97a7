"""What goes into the frozen program and what stays out, by rule. Used by `kd-oct.spec`.

PyInstaller follows imports and takes along whatever a library might want. Here is said what this
program never uses, and on Linux what the desktop brings itself: a second copy of, say, GLib beside
the system's own is how frozen programs crash on the next release of a distribution.
"""

import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

Entry = tuple[str, str, str]
"""PyInstaller's: place in the bundle, file it comes from, kind."""

EXCLUDED_MODULES = [
    "app.engine_torch",  # the laboratory's reference engine
    "ml",
    "tests",
    "torch",
    # The program opens no connection, so it can do without what encrypts one.
    "ssl",
    "_ssl",
    # Codecs of pictures that no OCT device writes, and Tk.
    "PIL.AvifImagePlugin",
    "PIL.WebPImagePlugin",
    "PIL._avif",
    "PIL._webp",
    "PIL.ImageTk",
    "PIL._imagingtk",
    "tkinter",
    # For those who build, test or debug.
    "numpy.f2py",
    "onnxruntime.datasets",
    "onnxruntime.quantization",
    "onnxruntime.tools",
    "onnxruntime.transformers",
    "pdb",
    "pip",
    "pydoc",
    "readline",
    "setuptools",
]

_QT_PLUGINS = {
    "iconengines": {"qsvgicon"},
    "imageformats": {"qico", "qjpeg", "qsvg"},  # PNG is built in
    "platforminputcontexts": None,  # None: all of them
    # qoffscreen: without a screen, and in tests
    "platforms": {"qcocoa", "qoffscreen", "qwayland", "qwindows", "qxcb"},
    # GTK's would bring all of GTK; the portal's opens the desktop's own file dialogs
    "platformthemes": {"qxdgdesktopportal"},
    "printsupport": None,
    "wayland-decoration-client": None,
    "wayland-graphics-integration-client": None,
    "wayland-shell-integration": {"xdg-shell"},
    "xcbglintegrations": None,
}

# Of the libraries of a Linux system, those a desktop may lack (Qt's helpers for X) or have in
# another version than this Python was built with. All others come from the desktop itself.
_BROUGHT_ALONG = re.compile(
    r"lib(python3|bz2|crypto|expat|ffi|lzma|mpdec|sqlite3|uuid|z"
    r"|xcb-(cursor|icccm|image|keysyms|render-util|util|xkb)|xkbcommon|xkbcommon-x11)[.\d]*\.so"
)
# Of Qt's libraries, those that serve a machine without a desktop.
_UNUSED_QT = re.compile(r"libQt6EglF[Ss]")
_SYSTEM_FOLDERS = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")

_NOT_SHIPPED = (".safetensors", ".po")
"""Of the resources: weights to train on from, and the sources of translations."""


def shipped_resources(resources: Path) -> list[tuple[Path, PurePosixPath]]:
    """Return every resource that the program reads, with its folder in the bundle."""
    return [
        (path, PurePosixPath("resources", *path.relative_to(resources).parts[:-1]))
        for path in sorted(resources.rglob("*"))
        if path.is_file() and path.suffix not in _NOT_SHIPPED
    ]


def languages(resources: Path) -> set[str]:
    """Return the codes of the languages that the window has been translated into."""
    return {path.parent.name for path in resources.glob("translations/*/window.mo")}


def trimmed(
    binaries: Sequence[Entry], datas: Sequence[Entry], languages: set[str]
) -> tuple[list[Entry], list[Entry]]:
    """Leave out what no part of the program uses, and links to what is left out."""
    kept = [[each for each in part if _is_kept(each, languages)] for part in (binaries, datas)]
    there = _places(each for part in kept for each in part if each[2] != "SYMLINK")
    kept = [[each for each in part if _leads_to(each, there)] for part in kept]
    return kept[0], kept[1]


def strip_debugging(bundle: Path) -> None:
    """Take out what only a debugger reads; on Linux, where some wheels and Pythons carry it.

    Libraries that a wheel was repaired with (in `*.libs`) do not survive it.
    """
    if not sys.platform.startswith("linux") or shutil.which("strip") is None:
        return
    for path in bundle.rglob("*.so*"):
        repaired = path.parent.suffix == ".libs"
        if not path.is_symlink() and not repaired and b".debug_info" in path.read_bytes():
            subprocess.run(["strip", "--strip-debug", path], check=True)


def _is_kept(entry: Entry, languages: set[str]) -> bool:
    place, source, kind = entry
    if kind != "SYMLINK" and _is_the_desktop_s(source):
        return False
    return _is_used(PurePosixPath(_posix(place)), languages)


def _is_used(place: PurePosixPath, languages: set[str]) -> bool:
    parts = place.parts
    if _UNUSED_QT.match(place.name):
        return False
    if parts[0] != "PySide6" and not place.name.startswith(("libQt6", "Qt6")):
        return not ({"tests", "testing"} & set(parts[:-1]))
    if "plugins" in parts:
        kind, name = parts[-2], place.name.split(".")[0].removeprefix("lib")
        wanted = _QT_PLUGINS.get(kind, set())
        return wanted is None or name in wanted
    if "translations" in parts:
        base, _, language = place.stem.partition("_")
        return base == "qtbase" and language in languages
    return True


def _is_the_desktop_s(source: str) -> bool:
    return source.startswith(_SYSTEM_FOLDERS) and not _BROUGHT_ALONG.match(Path(source).name)


def _places(entries: Iterable[Entry]) -> set[str]:
    """Return every file and folder that the bundle has."""
    return {
        str(each)
        for place, _, _ in entries
        for path in [PurePosixPath(_posix(place))]
        for each in (path, *path.parents)
    }


def _leads_to(entry: Entry, there: set[str]) -> bool:
    place, target, kind = entry
    folder = posixpath.dirname(_posix(place))
    return (
        kind != "SYMLINK" or posixpath.normpath(f"{folder}/{_posix(target)}".lstrip("/")) in there
    )


def _posix(place: str) -> str:
    return place.replace("\\", "/")

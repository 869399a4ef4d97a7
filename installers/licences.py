"""Collect the licence of everything that the frozen program is made of: one folder, one list.

    python installers/licences.py build/licences

A library that comes without the text of its licence gets it from installers/licences; where there
is none either, this ends with a sentence instead of leaving it out.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).resolve().parent
TEXTS = HERE / "licences"
_IS_LICENCE = re.compile(r"(licen[cs]e|copying|notice|third.?party)", re.IGNORECASE)
_IS_TEXT = {"", ".txt", ".md", ".rst"}
_KNOWN = {  # what a package says of itself → the texts to add
    "LGPL-3.0": ("LGPL-3.0.txt", "GPL-3.0.txt"),
    "Apache": ("Apache-2.0.txt",),
    "MIT": (),
}
_MIT = (TEXTS / "MIT.txt").read_text()
_HEAD = """\
KD-OCT is under the MIT licence. It is made with the libraries below; the folders beside this file
hold their licences. The fonts' licences lie beside the fonts, in resources/fonts.

Qt and PySide6 are used under the LGPL, version 3 (LGPL-3.0.txt, which adds to GPL-3.0.txt). Their
libraries are files of their own in the folder PySide6 of this program: you may replace them by
versions of your own, and take the program apart to find out why one does not work.

"""


def shipped() -> list[Distribution]:
    """Return the installed packages that the program needs, those they need, and so on; by name."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    found: dict[str, Distribution] = {}
    waiting = [Requirement(each) for each in project["dependencies"]]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[name] = distribution(name)
        waiting += [Requirement(each) for each in found[name].requires or ()]
    return [found[name] for name in sorted(found)]


def collect(folder: Path) -> None:
    """Write the licences of all packages and of Python, and the list of them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lines = []
    for package in shipped():
        lines.append(f"{package.name} {package.version}: {_said(package)}")
        _copy(package, folder)
    version = sys.version.split()[0]
    lines.append(f"Python {version}: PSF-2.0")
    _write(folder / f"Python-{version}" / "LICENSE.txt", _python_licence())
    (folder / "THIRD-PARTY.txt").write_text(_HEAD + "\n".join(lines) + "\n", "utf-8")


def system_licences(libraries: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return the copyright files of the Debian packages that the libraries are from.

    Args:
        libraries: Files, as PyInstaller found them.

    Returns:
        PyInstaller's entries: place in the bundle, file, kind. None where this is not Debian.
    """
    if shutil.which("dpkg-query") is None:
        return []
    packages = set()
    for library in libraries:
        for place in {library, str(Path(library).resolve()), f"/usr{library}"}:
            answer = subprocess.run(
                ["dpkg-query", "-S", place], capture_output=True, text=True, check=False
            )
            packages |= {line.split(":")[0] for line in answer.stdout.splitlines()}
    texts = {name: Path("/usr/share/doc") / name / "copyright" for name in packages}
    return [
        (f"licences/{name}/copyright", str(text), "DATA")
        for name, text in sorted(texts.items())
        if text.is_file()
    ]


def _said(package: Distribution) -> str:
    metadata = package.metadata
    classified = [
        each.rpartition(" :: ")[2]
        for each in metadata.get_all("Classifier", [])
        if each.startswith("License ::")
    ]
    stated = metadata.get("License-Expression") or ", ".join(classified) or metadata.get("License")
    return (stated or "see its folder").splitlines()[0]


def _copy(package: Distribution, folder: Path) -> None:
    target = folder / f"{package.name}-{package.version}"
    texts = [
        each
        for each in package.files or ()
        if _IS_LICENCE.search(str(each)) and each.suffix.lower() in _IS_TEXT
    ]
    for number, text in enumerate(texts):
        name = text.name if number == 0 else f"{number}-{text.name}"
        _write(target / name, Path(str(text.locate())).read_text("utf-8", "replace"))
    if not texts:
        _add_known(package, target)


def _add_known(package: Distribution, target: Path) -> None:
    said = _said(package)
    for known, names in _KNOWN.items():
        if known in said:
            for name in names:
                _write(target / name, (TEXTS / name).read_text("utf-8"))
            if known == "MIT":
                metadata = package.metadata
                author = metadata.get("Author") or metadata.get("Author-email") or "its authors"
                _write(target / "LICENSE.txt", f"Copyright (c) {author}\n\n{_MIT}")
            return
    sys.exit(f"{package.name} carries no licence text, and installers/licences has none ({said}).")


def _python_licence() -> str:
    for name in ("LICENSE.txt", "LICENSE"):
        for place in (Path(sysconfig.get_path("stdlib")), Path(sys.base_prefix)):
            if (place / name).is_file():
                return (place / name).read_text("utf-8")
    # Debian keeps it with the package.
    debian = Path(f"/usr/share/doc/python{sys.version_info[0]}.{sys.version_info[1]}/copyright")
    if debian.is_file():
        return debian.read_text("utf-8")
    sys.exit(f"The licence of this Python ({sys.base_prefix}) was not found.")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def main(arguments: Sequence[str]) -> None:
    collect(Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])

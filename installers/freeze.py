"""Make the frozen program in dist/, on the system that this runs on. `make bundle` calls it.

Run it with the Python of an environment that has nothing but `pip install '.[bundle]'`: what else
lies there may get in.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
sys.path.insert(0, str(ROOT))

_VERSION_RESOURCE = """VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, OS=0x40004, fileType=1),
  kids=[
    StringFileInfo([StringTable("040904B0", [
      StringStruct("FileDescription", "KD-OCT"),
      StringStruct("FileVersion", "{version}"),
      StringStruct("InternalName", "kd-oct"),
      StringStruct("LegalCopyright", "MIT licence. Research use only."),
      StringStruct("ProductName", "KD-OCT"),
      StringStruct("ProductVersion", "{version}")])]),
    VarFileInfo([VarStruct("Translation", [1033, 1200])])])
"""


def version_resource(version: str) -> str:
    """Return what Windows shows of the program under “Details”, as PyInstaller reads it."""
    numbers = [int(each) for each in re.findall(r"\d+", version)[:3]]
    return _VERSION_RESOURCE.format(numbers=(*numbers, *[0] * (4 - len(numbers))), version=version)


def main() -> None:
    from icons import draw
    from licences import collect
    from PyInstaller.__main__ import run

    from app import __version__

    draw(BUILD / "icons")
    collect(BUILD / "licences")
    (BUILD / "windows-version.txt").write_text(version_resource(__version__), "utf-8")
    run(
        [
            *("--noconfirm", "--log-level", "WARN"),
            *("--distpath", str(ROOT / "dist"), "--workpath", str(BUILD / "frozen")),
            str(ROOT / "installers" / "kd-oct.spec"),
        ]
    )


if __name__ == "__main__":
    main()

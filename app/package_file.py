"""A model package in one file, NAME.kdoct, to travel: a ZIP of exactly the package's files.

The names in the archive are compared with those that a package has and used for nothing else, so
none can lead anywhere; sizes are limited by what is really unpacked.
"""

import zipfile
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from app.errors import PackageError, system_says
from app.files import whole_file
from app.language import fill
from app.signatures import OMISSIBLE, SIGNATURE, SIGNED_FILES
from app.zip_damage import ZIP_DAMAGE

SUFFIX = ".kdoct"
MEDIA_TYPE = "application/vnd.kd-oct.model+zip"

_CHUNK = 1 << 20
_LARGEST = {  # bytes, unpacked
    "card.md": 1 << 20,
    "model.json": 1 << 20,
    "model.onnx": 1 << 30,
    SIGNATURE: 1 << 16,
    OMISSIBLE: 1 << 30,
}
_NEEDED = {"model.json", "model.onnx"}


def write_package_file(folder: Path, path: Path) -> Path:
    """Put a package into one file, the same bytes for the same package.

    The network for the reference engine stays out: no clinic runs it.

    Raises:
        PackageError: If the package cannot be read, or the file not be written.
    """
    names = [each for each in (*SIGNED_FILES, SIGNATURE) if each != OMISSIBLE]
    try:
        with whole_file(path) as file, ZipFile(file, "w") as archive:
            for name in names:
                if (folder / name).is_file():
                    member = ZipInfo(name)
                    member.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(member, (folder / name).read_bytes())
    except OSError as error:
        raise PackageError(
            fill(
                "The model package “{name}” could not be put into {file} ({reason}). Choose "
                "another folder.",
                name=folder.name,
                file=path.name,
                reason=system_says(error),
            )
        ) from error
    return path


def unpack_package_file(path: Path, folder: Path) -> None:
    """Unpack a file into an empty folder. What it holds is not verified yet.

    Raises:
        PackageError: If it is no package's file, is damaged or too large, or cannot be unpacked.
    """
    try:
        with ZipFile(path) as archive:
            members = archive.infolist()
            _require_a_package(members, path)
            for member in members:
                _unpack(archive, member, folder / member.filename, path)
    except ZIP_DAMAGE as error:
        raise PackageError(
            fill("“{name}” is damaged, or no model package. Have it sent again.", name=path.name)
        ) from error
    except OSError as error:
        raise PackageError(
            fill(
                "“{name}” could not be unpacked ({reason}). Check that the disk has room, and try "
                "again.",
                name=path.name,
                reason=system_says(error),
            )
        ) from error


def _require_a_package(members: list[ZipInfo], path: Path) -> None:
    names = [each.filename for each in members]
    if not set(names) >= _NEEDED or len(set(names)) < len(names):
        raise PackageError(
            fill(
                "“{name}” is no model package. Choose the file that its makers sent.",
                name=path.name,
            )
        )
    strange = set(names) - set(_LARGEST)
    if strange:
        raise PackageError(
            fill(
                "“{name}” is no model package: it holds {strange} more than the files that one "
                "has. Ask its makers for another.",
                name=path.name,
                strange=len(strange),
            )
        )


def _unpack(archive: ZipFile, member: ZipInfo, target: Path, path: Path) -> None:
    left = _LARGEST[target.name]
    with archive.open(member) as packed, target.open("xb") as file:
        while chunk := packed.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise PackageError(
                    fill(
                        "“{name}” is no model package: its {part} is too large. Ask its makers for "
                        "another.",
                        name=path.name,
                        part=target.name,
                    )
                )
            file.write(chunk)

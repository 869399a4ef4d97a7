"""Keys of somebody who signs packages, and packages signed with them."""

from pathlib import Path

from ml.sign import make_keys, read_key, sign_package


def key_pair(folder: Path, name: str = "Clinic") -> tuple[Path, Path]:
    """Make a pair of keys; return the private file, and the folder with the public one."""
    private, public = folder / f"{name}-private" / "key.pem", folder / f"{name}-public"
    make_keys(private, public / f"{name}.pem")
    return private, public


def signed(package: Path, private: Path) -> Path:
    sign_package(package, read_key(private))
    return package

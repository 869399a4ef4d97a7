"""Manage model packages: examine a file, install it, choose a package, go back, remove one.

What is added lies beside what ships, under a name with its version, so that an update replaces
nothing and going back is choosing what was chosen before.
"""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from app.errors import PackageError, UnsignedPackage, UsageError, system_says
from app.installed import Origin, choose_package, models_folder, package_folders
from app.language import fill
from app.modelpack import Card, ModelPackage, load_package
from app.package_file import unpack_package_file
from app.settings import Settings, locked_settings
from app.signatures import NO_SEAL, Seal, Trust, check_seal, digests_in, read_keyring

_STAGING = ".kdoct-"
_OLDER = "-older"
_ABANDONED = 3600.0  # seconds: no installation takes that long, so a killed one left it
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A package that verifies and whose network loads. Nothing of it is installed by looking."""

    name: str  # under which it would be installed: its id and version
    card: Card
    prose: str  # the card in Markdown; "" if there is none
    seal: Seal
    installed: bool  # a package of this name is there already


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    name: str  # what `choose` takes, and the setting `model_id`
    folder: Path
    origin: Origin
    chosen: bool
    card: Card | None  # None if there is a problem
    seal: Seal
    problem: str = ""  # a sentence: why it cannot be used


def examine(path: Path, keys: Path | None = None) -> Examined:
    """Verify the package in a file or folder, down to loading its network.

    Args:
        path: A .kdoct file, or a package's folder.
        keys: The setting of that name: the folder of the clinic's public keys.

    Raises:
        PackageError: If it is damaged, was changed, or does not fit this program.
    """
    with _unpacked(path, None) as folder:
        return _examined(folder, _load(folder, keys))


def install(
    path: Path,
    keys: Path | None = None,
    *,
    accept_unsigned: bool = False,
    origin: Origin = Origin.USER,
) -> Installed:
    """Install the package in a file or folder. It is there whole, or not at all.

    Args:
        path: A .kdoct file, or a package's folder.
        keys: The setting of that name.
        accept_unsigned: Somebody was asked, and takes a model that nobody known vouches for.
        origin: For this user, or for all users of this computer.

    Raises:
        UnsignedPackage: If nobody known vouches for it and `accept_unsigned` is False.
        PackageError: As `examine`; or it cannot be written.
    """
    models = models_folder(origin)
    try:
        models.mkdir(parents=True, exist_ok=True)
        _clear_up(models)
        with _unpacked(path, models) as folder:
            package = _load(folder, keys)
            if package.seal.trust is not Trust.SIGNED and not accept_unsigned:
                raise UnsignedPackage(_unsigned(path, package.seal))
            target = models / _examined(folder, package).name
            _put(folder, target)
    except OSError as error:
        raise PackageError(
            fill(
                "The model package could not be installed in {models} ({reason}). Check that the "
                "disk has room and that you may write there.",
                models=models,
                reason=system_says(error),
            )
        ) from error
    return _look_at(target, origin, keys, chosen=False)


def list_installed(settings: Settings) -> tuple[Installed, ...]:
    """Every installed package, verified anew, in the order in which they are looked for."""
    found = package_folders()
    chosen = settings.model_id or (found[0][0].name if found else None)
    names = [folder.name for folder, _ in found]
    return tuple(
        _look_at(
            folder,
            origin,
            settings.keys,
            chosen=folder.name == chosen and names.index(folder.name) == number,
        )
        for number, (folder, origin) in enumerate(found)
    )


def choose(name: str, settings: Settings) -> Settings:
    """Return the settings with another model chosen, after it was verified.

    Raises:
        UsageError: If it is not installed, or the clinic's configuration locks the model.
        PackageError: If it does not verify.
    """
    _require_unlocked()
    choose_package(name, settings.keys)
    if name == settings.model_id:
        return settings
    return replace(settings, model_id=name, previous_model=_name_chosen(settings))


def roll_back(settings: Settings) -> Settings:
    """Return the settings with the model that was chosen before this one.

    Raises:
        UsageError: If none was, it is gone, or the clinic's configuration locks the model.
        PackageError: If it does not verify.
    """
    if settings.previous_model is None:
        raise UsageError("No other model was chosen before this one, so there is no way back.")
    return choose(settings.previous_model, settings)


def remove(name: str, settings: Settings) -> None:
    """Delete a package that this user added.

    Raises:
        UsageError: If it is not one of those, or it is the chosen one.
        PackageError: If it cannot be deleted.
    """
    folder = models_folder(Origin.USER) / name
    if (folder, Origin.USER) not in package_folders():
        raise UsageError(
            fill("“{name}” is no model package that you added, so it stays.", name=name)
        )
    if name == settings.model_id:
        raise UsageError(
            fill("“{name}” is the model in use. Choose another before you remove it.", name=name)
        )
    try:
        # From here on nobody lists it, even if a part of it cannot be deleted.
        gone = folder.rename(folder.with_name(f".{name}-removed"))
        shutil.rmtree(gone)
    except OSError as error:
        raise PackageError(
            fill(
                "The model package “{name}” could not be removed ({reason}). Close what "
                "has it open, and try again.",
                name=name,
                reason=system_says(error),
            )
        ) from error


@contextmanager
def _unpacked(path: Path, beside: Path | None) -> Iterator[Path]:
    """The package in a folder that is deleted afterwards, unless it was moved away."""
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=beside) as scratch:
        folder = Path(scratch) / path.stem
        if path.is_dir():
            if beside is None:
                yield path
                return
            shutil.copytree(path, folder)
        else:
            folder.mkdir()
            unpack_package_file(path, folder)
        yield folder


def _load(folder: Path, keys: Path | None) -> ModelPackage:
    from app.engine import Engine

    keyring = read_keyring(keys)
    package = load_package(folder, keyring)
    # Also of the files that loading need not read.
    check_seal(folder, digests_in(folder), keyring)
    if not _VERSION.fullmatch(package.card.version):
        raise PackageError(
            fill(
                "The model package “{name}” has a version that makes no name: “{version}”. Ask its "
                "makers for another.",
                name=folder.name,
                version=package.card.version,
            )
        )
    Engine(package, threads=1)
    return package


def _examined(folder: Path, package: ModelPackage) -> Examined:
    name = f"{package.card.id}-{package.card.version}"
    prose = folder / "card.md"
    return Examined(
        name=name,
        card=package.card,
        prose=prose.read_text("utf-8", "replace") if prose.is_file() else "",
        seal=package.seal,
        installed=any(each.name == name for each, _ in package_folders()),
    )


def _unsigned(path: Path, seal: Seal) -> str:
    if seal.withdrawal is not None:
        return fill(
            "“{name}” is signed with a key that does not count since {day} ({reason}), so nobody "
            "vouches for this model any more. Install it only if you know where it comes from; its "
            "results will be marked.",
            name=path.name,
            day=seal.withdrawal.since,
            reason=seal.withdrawal.reason,
        )
    return fill(
        "“{name}” is {trust}, so nobody known to this computer vouches for this model. "
        "Install it only if you know where it comes from; its results will be marked.",
        name=path.name,
        trust=seal.trust,
    )


def _put(folder: Path, target: Path) -> None:
    """Put a whole package in its place, and the one of the same name that was there away."""
    if not target.exists():
        folder.rename(target)
        return
    older = target.rename(target.with_name(f".{target.name}{_OLDER}"))
    try:
        folder.rename(target)
    except OSError:
        older.rename(target)
        raise
    shutil.rmtree(older, ignore_errors=True)


def _clear_up(models: Path) -> None:
    """Put right what killed installations left, as far as it goes; what was put away comes back."""
    for older in models.glob(f".*{_OLDER}"):
        target = older.with_name(older.name[1:].removesuffix(_OLDER))
        if target.exists():
            shutil.rmtree(older, ignore_errors=True)
        else:
            with suppress(OSError):
                older.rename(target)
    for scratch in models.glob(f"{_STAGING}*"):
        # One that is at work now may end, and take it away, at any moment.
        with suppress(OSError):
            if time.time() - scratch.stat().st_mtime > _ABANDONED:
                shutil.rmtree(scratch)


def _look_at(folder: Path, origin: Origin, keys: Path | None, *, chosen: bool) -> Installed:
    try:
        package = load_package(folder, read_keyring(keys))
    except PackageError as error:
        card, seal, problem = None, NO_SEAL, str(error)
    else:
        card, seal, problem = package.card, package.seal, ""
    return Installed(
        name=folder.name,
        folder=folder,
        origin=origin,
        chosen=chosen,
        card=card,
        seal=seal,
        problem=problem,
    )


def _name_chosen(settings: Settings) -> str | None:
    found = package_folders()
    return settings.model_id or (found[0][0].name if found else None)


def _require_unlocked() -> None:
    if "model_id" in locked_settings():
        raise UsageError(
            "The model is set by the clinic's configuration. Ask whoever looks after this computer."
        )

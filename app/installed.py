"""What is installed: model packages, with the program or added later, and the demo study."""

from enum import StrEnum
from pathlib import Path

from app.errors import PackageError, UsageError
from app.language import fill, mark
from app.modelpack import ModelPackage, list_packages, load_package
from app.paths import resources, site_configs, user_data
from app.signatures import read_keyring


class Origin(StrEnum):
    """Who a package was installed for."""

    SHIPPED = mark("ships with the program")
    SITE = mark("added for all users")
    USER = mark("added by this user")


def models_folder(origin: Origin) -> Path:
    """Where packages of that origin lie. Only the user's is surely writable."""
    parents = {
        Origin.SHIPPED: resources(),
        Origin.SITE: site_configs()[0],
        Origin.USER: user_data(),
    }
    return parents[origin] / "models"


def package_folders() -> tuple[tuple[Path, Origin], ...]:
    """Every package's folder, none of them verified, in the order in which they are looked for."""
    return tuple(
        (folder, origin) for origin in Origin for folder in list_packages(models_folder(origin))
    )


def choose_package(model_id: str | None = None, keys: Path | None = None) -> ModelPackage:
    """Load the package whose folder has that name, or the one that ships with the program.

    Args:
        model_id: The folder's name; None is the first there is.
        keys: The setting of that name: the folder of the clinic's public keys.

    Raises:
        PackageError: If there is none, or it does not verify.
        UsageError: If `model_id` is not installed.
    """
    folders = [folder for folder, _ in package_folders()]
    if model_id is None and not folders:
        raise PackageError("There is no model package to analyse with. Install the program again.")
    for folder in folders:
        if model_id in (None, folder.name):
            return load_package(folder, read_keyring(keys))
    installed = ", ".join(folder.name for folder in folders) or "none"
    raise UsageError(
        fill(
            "The model package “{model_id}” is not installed. Choose another; there are: "
            "{installed}.",
            model_id=model_id,
            installed=installed,
        )
    )


def demo_study() -> Path:
    """The folder of the synthetic study that ships with the program."""
    return resources() / "demo"

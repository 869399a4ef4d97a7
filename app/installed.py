"""What is installed beside the program: model packages and the demo study."""

from pathlib import Path

from app.errors import PackageError, UsageError
from app.modelpack import ModelPackage, list_packages, load_package
from app.paths import resources, user_data


def choose_package(model_id: str | None = None) -> ModelPackage:
    """Load the package of that id, or the one that ships with the program.

    Packages that ship come before those this user added; of several, the first by name.

    Raises:
        PackageError: If there is none, or it does not verify.
        UsageError: If `model_id` is not installed.
    """
    folders = [*list_packages(resources() / "models"), *list_packages(user_data() / "models")]
    if model_id is None and not folders:
        raise PackageError("There is no model package to analyse with. Install the program again.")
    for folder in folders:
        if model_id in (None, folder.name):
            return load_package(folder)
    installed = ", ".join(folder.name for folder in folders) or "none"
    raise UsageError(
        f"The model package “{model_id}” is not installed. Choose another; there are: {installed}."
    )


def demo_study() -> Path:
    """The folder of the synthetic study that ships with the program."""
    return resources() / "demo"

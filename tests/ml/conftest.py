from pathlib import Path

import pytest

from ml.phantom.dataset import write_dataset


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of a few phantom patients of each class."""
    return write_dataset(tmp_path_factory.mktemp("phantoms"), patients=5, frames=2)

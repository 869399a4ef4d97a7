"""One network of the shipped architecture and size for all benchmarks, and one volume."""

import pytest

from app.convert import write_opt
from app.study import Patient, Study
from tests.tiny_study import layered_bscan, volume_of

SIZE = (3, 260, 260)  # channels, height, width: as design figures were measured


@pytest.fixture(scope="session")
def network_and_package(tmp_path_factory):
    from tests.torch_package import full_size_package

    package, network = full_size_package(tmp_path_factory.mktemp("models"), SIZE, weights=False)
    return network, package


@pytest.fixture(scope="session")
def package(network_and_package):
    return network_and_package[1]


@pytest.fixture(scope="session")
def volume_file(tmp_path_factory):
    """Write a DICOM volume of so many frames of 496 x 768, and return its path."""

    def write(frames):
        # Twelve different ones in turn: making each would take longer than the benchmark.
        made = [layered_bscan(seed, rows=496, columns=768) for seed in range(12)]
        volume = volume_of(
            [made[number % len(made)] for number in range(frames)],
            uid=f"1.2.826.0.1.3680043.8.498.{frames}",
        )
        study = Study(uid="1.2.826.0.1.3680043.8.498.1", patient=Patient(), volumes=(volume,))
        path = tmp_path_factory.mktemp("volume") / f"{frames}.dcm"
        write_opt(volume, study, path)
        return path

    return write

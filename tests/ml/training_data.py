"""A phantom data set and a run small enough to be trained in a test."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ml.config import Run, check_run
from ml.data import Batch
from ml.manifest import Sample, read_manifest, write_manifest
from ml.phantom.dataset import write_dataset

CLASSES = ("NORMAL", "DRUSEN", "CNV", "DME")


def tiny_settings(manifest: Path, **sections: dict[str, Any]) -> dict[str, Any]:
    """The contents of a run's file for a network of 0.4 M parameters on 64 x 96 frames."""
    settings: dict[str, dict[str, Any]] = {
        "data": {"manifest": str(manifest), "classes": CLASSES},
        "model": {"architecture": "test_efficientnet", "start": "noise", "dropout": 0.1},
        "input": {"height": 64, "width": 96, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        "augment": {"recipe": "oct"},
        "train": {"epochs": 2, "batch": 4, "lr": 1e-3, "checkpoint_minutes": 0},
    }
    for name, values in sections.items():
        settings[name] = {**settings.get(name, {}), **values}
    if {"continues", "pretrained"} & set(settings["model"]):
        del settings["model"]["start"]
    return settings


def tiny_run(manifest: Path, **sections: dict[str, Any]) -> Run:
    return check_run(tiny_settings(manifest, **sections), "the test's run")


def noise_batch(samples: list[int], labels: list[int], height: int, width: int) -> Batch:
    """First views of those samples, of noise."""
    return Batch(
        frames=torch.rand(len(samples), 1, height, width),
        labels=torch.tensor(labels),
        samples=torch.tensor(samples),
        views=torch.zeros(len(samples), dtype=torch.int64),
    )


def write_toml(path: Path, settings: dict[str, Any]) -> Path:
    """Write settings as TOML; their values are numbers, words, and lists of them."""
    lines = []
    for section, values in settings.items():
        lines.append(f"[{section}]")
        for key, value in values.items():
            plain = list(value) if isinstance(value, tuple) else value
            lines.append(
                f"{key} = {str(plain).lower() if isinstance(plain, bool) else repr(plain)}"
            )
    path.write_text("\n".join(lines))
    return path


PUBLISHED = {"NORMAL": "NO", "DRUSEN": "AMD/drusen", "CNV": "AMD/MNV", "DME": "DME"}
"""What OCTDL calls the classes."""
STRANGE = {"NORMAL": "ERM", "DRUSEN": "VID", "CNV": "RVO", "DME": "RAO"}
"""What a few phantoms of each class count as, as if they showed another disease."""

FINDINGS = (*PUBLISHED.values(), *STRANGE.values(), "AMD/MNV_suspected")


def two_devices(folder: Path, patients: int = 5) -> Path:
    """The manifest of phantoms listed as Kermany's, and of as many listed as OCTDL's.

    OCTDL's findings have the names they were published under, and one patient in five has one that
    is no class. Every class is in every part of the division, every finding among what is trained.
    """
    sets = {"kermany": 0, "octdl": 1}
    samples = [
        _listed(sample, source)
        for source, seed in sets.items()
        for sample in read_manifest(
            write_dataset(folder / source, patients=patients, frames=1, seed=seed)
        )
    ]
    path = folder / "manifest.csv"
    write_manifest(samples, path)
    return path


def _listed(sample: Sample, source: str) -> Sample:
    if source == "kermany":
        return replace(sample, source=source)
    label = str(sample.label)
    number = int(sample.patient.rpartition("-")[2]) % 5
    if number == 1:
        return replace(sample, source=source, label=None, finding=STRANGE[label])
    if (number, label) == (2, "CNV"):
        return replace(sample, source=source, label=None, finding="AMD/MNV_suspected")
    return replace(sample, source=source, finding=PUBLISHED[label])

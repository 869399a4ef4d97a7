"""A phantom data set and a run small enough to be trained in a test."""

from pathlib import Path
from typing import Any

import torch

from ml.config import Run, check_run
from ml.data import Batch

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
    if "continues" in settings["model"]:
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

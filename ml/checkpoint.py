"""Checkpoints: tensors as safetensors, the rest as JSON, each one whole or not there at all."""

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from app.errors import UsageError
from app.files import whole_file


@dataclass(slots=True, kw_only=True)
class State:
    """Where a run stands. All randomness follows from the seed and these numbers."""

    epoch: int = 0
    batch: int = 0  # batches of this epoch that are done
    steps: int = 0  # optimiser steps
    rate: float = 0.0  # of the last batch
    sums: dict[str, float] = field(default_factory=dict)  # of the loss and its parts, this epoch
    seconds: float = 0.0  # spent on this epoch so far
    best: float | None = None
    best_epoch: int = -1
    averaged: int = 0  # updates taken by the SWA
    smoothed: int = 0  # by the EMA
    scaler: dict[str, float] = field(default_factory=dict)  # of the mixed precision
    split_sha256: str = ""
    run: str = ""  # the run's configuration, as ml.config.dump_run writes it


def save_tensors(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> None:
    """Write tensors whole.

    Raises:
        UsageError: If the disk is full or the folder cannot be written.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    _write(path, save(whole, metadata))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read tensors.

    Raises:
        UsageError: If the file is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"The weights {path} cannot be read ({error}).") from error


def finished(folder: Path) -> Path:
    """The chosen weights of a finished run.

    Raises:
        UsageError: If the run is not finished.
    """
    weights = folder / "model.safetensors"
    if not weights.exists():
        raise UsageError(
            f"There is no finished run in {folder}: model.safetensors is missing. "
            "Train it first, or go on with --resume."
        )
    return weights


def split_of(folder: Path) -> str:
    """The SHA-256 of the split that a run was trained on."""
    return str(json.loads((folder / "split.json").read_text())["sha256"])


def require_trained_on(folder: Path, split_sha256: str, remedy: str) -> None:
    """Verify that a run was trained on the division whose patients it is to be asked of.

    Args:
        folder: Of a finished run.
        split_sha256: Of that division.
        remedy: What to do otherwise, as a sentence.

    Raises:
        UsageError: If it was another: some of these patients may have taught it; or if there is
            no finished run.
    """
    finished(folder)
    own = split_of(folder)
    if own != split_sha256:
        raise UsageError(
            f"The run in {folder} was trained on the division {own[:12]} of its data, not on "
            f"{split_sha256[:12]}: it may know some of the patients it would be judged by. {remedy}"
        )


def require_free(folder: Path) -> None:
    """Verify that no run was begun or finished in a folder.

    Raises:
        UsageError: If one was.
    """
    if any(folder.glob("checkpoint-*/state.json")) or (folder / "model.safetensors").exists():
        raise UsageError(f"{folder} already holds a run. Add --resume, or name another --out.")


def load_weights(
    network: torch.nn.Module, path: Path, architecture: str, *, keeping: Collection[str] = ()
) -> None:
    """Fill a network from a checkpoint, but for the tensors to keep as they are.

    Raises:
        UsageError: If the checkpoint was made for another architecture or other classes.
    """
    tensors = load_tensors(path)
    own = network.state_dict()
    tensors.update({name: own[name] for name in keeping})
    wrong = [n for n in own if n not in tensors or tensors[n].shape != own[n].shape]
    if wrong or len(tensors) != len(own):
        example = wrong[0] if wrong else next(name for name in tensors if name not in own)
        raise UsageError(
            f"The weights {path} are not of “{architecture}” with these classes: {len(wrong)} of "
            f"{len(own)} tensors differ, {example} among them. Correct model.architecture or "
            "data.classes, or name another run."
        )
    network.load_state_dict(tensors)


def save_state(folder: Path, groups: Mapping[str, Mapping[str, Tensor]], state: State) -> None:
    """Write a checkpoint beside the last one, then remove the last one.

    `state.json` is written last: a folder without it is a checkpoint that was never finished.
    """
    new = folder / f"checkpoint-{state.epoch:04d}-{state.batch:06d}"
    shutil.rmtree(new, ignore_errors=True)
    for name, tensors in groups.items():
        save_tensors(new / f"{name}.safetensors", tensors)
    _write(new / "state.json", json.dumps(asdict(state), indent=1).encode())
    for old in folder.glob("checkpoint-*"):
        if old != new:
            shutil.rmtree(old, ignore_errors=True)


def load_state(folder: Path) -> tuple[dict[str, dict[str, Tensor]], State] | None:
    """Read the newest finished checkpoint of a run, or None if there is none."""
    finished = sorted(path.parent for path in folder.glob("checkpoint-*/state.json"))
    if not finished:
        return None
    newest = finished[-1]
    groups = {path.stem: load_tensors(path) for path in newest.glob("*.safetensors")}
    return groups, State(**json.loads((newest / "state.json").read_text()))


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's tensors under flat names: `index.name`."""
    return {
        f"{index}.{name}": value if isinstance(value, Tensor) else torch.tensor(value)
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _write(path: Path, content: bytes) -> None:
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise UsageError(
            f"{path.name} cannot be written: {error.strerror}. Free space in {path.parent}, then "
            "go on with --resume."
        ) from error


def write_json(path: Path, content: object) -> None:
    """Write JSON whole."""
    _write(path, json.dumps(content, indent=1).encode())

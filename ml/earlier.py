"""Runs that another run builds on: trained first, if they are not finished."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from app.errors import UsageError
from ml.assemble import run_folder
from ml.config import Run, load_run, read_dumped, without_places
from ml.processes import is_first
from ml.validation import Scores


class Train(Protocol):
    """Train a run into a folder, or go on with what stands there."""

    def __call__(self, run: Run, out: Path, *, resume: bool) -> Scores: ...


def earlier(config: Path, own: Run, train: Train, *, resume: bool) -> Path:
    """The folder of a finished run.

    Args:
        config: Its file.
        own: What the file says, on the data of the run that builds on it.
        train: How to train it, if it is not finished.
        resume: Go on with it, even where nothing of it is begun.

    Raises:
        UsageError: If it is finished, but was not made as its file says now.
    """
    folder = run_folder(config, own)
    if (folder / "model.safetensors").exists():
        _require_made_by(config, own, folder)
        return folder
    if is_first():
        print(f"Training {config.stem} first.", file=sys.stderr)
    train(own, folder, resume=resume or any(folder.glob("checkpoint-*")))
    return folder


def _require_made_by(config: Path, own: Run, folder: Path) -> None:
    made = read_dumped(folder / "run.json")
    # Patients and classes are compared by themselves, with sentences of their own; where the
    # manifest lies does not matter, but how much of it was learnt from does.
    kept = made.data
    on_its_fold = replace(own, data=replace(own.data, fold=kept.fold))
    if kept.classes != own.data.classes and kept.classes == load_run(config).data.classes:
        return
    if without_places(made) != without_places(on_its_fold):
        raise UsageError(
            f"The finished run in {folder} was not made as {config} says now, or on another "
            "choice of the data (data.sources, data.ignore, data.limit). Move it away, to have it "
            "trained anew, or put the file back as it was."
        )

"""Train a teacher, or any network by labels alone.

python -m ml.teach --config ml/configs/desk-teacher.toml [--set KEY=VALUE …] [--resume]
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from app.errors import AppError
from ml.assemble import Division, divide, join_processes, labels_of, run_folder, trainer
from ml.config import Loss, Run, load_run
from ml.data import Batch
from ml.dryrun import rehearse
from ml.loop import Scores
from ml.losses import class_weights, classification_loss


class Supervised:
    """Learn the labels."""

    def __init__(self, loss: Loss, weights: Tensor | None) -> None:
        self._loss = loss
        self._weights = weights

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        labels = batch.labels.to(logits.device)
        weights = None if self._weights is None else self._weights.to(logits.device)
        value = classification_loss(logits, labels, self._loss, weights)
        return value, {"loss": value.item()}

    def tensors(self) -> dict[str, Tensor]:
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """There is nothing to take back."""


def supervised(run: Run, division: Division) -> Supervised:
    labels = labels_of(division.train, run.data.classes)
    weights = class_weights(labels, len(run.data.classes)) if run.loss.balanced else None
    return Supervised(run.loss, weights)


def teach(run: Run, out: Path, *, resume: bool = False) -> Scores:
    """Train by labels; the chosen weights come to stand in `out/model.safetensors`."""
    division = divide(run)
    return trainer(run, supervised(run, division), division, out).fit(resume=resume)


def arguments_of(description: str) -> argparse.ArgumentParser:
    """The options that every training command has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", type=Path, required=True, help="the run's TOML file")
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key of the file, such as train.epochs=3",
    )
    parser.add_argument("--out", type=Path, help="the run's folder; by default under runs/")
    parser.add_argument("--resume", action="store_true", help="go on where the run was stopped")
    parser.add_argument(
        "--dry-run", action="store_true", help="show data, model, memory and time, and stop"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = arguments_of("Train a teacher.").parse_args(arguments)
    try:
        run = load_run(options.config, options.overrides)
        if options.dry_run:
            print(rehearse(run))
            return 0
        join_processes()
        out = options.out or run_folder(options.config, run)
        scores = teach(run, out, resume=options.resume)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error}. Mend that, then go on with --resume.", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        print(OUT_OF_MEMORY, file=sys.stderr)
        return 1
    print(f"{out}: validation accuracy {scores.accuracy:.4f}, loss {scores.loss:.4f}")
    return 0


OUT_OF_MEMORY = (
    "The memory does not suffice. Lower train.batch and raise train.accumulate by the same "
    "factor, or lower input.height and input.width, and start again with another --out."
)


def out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in ("not enough memory", "can't allocate memory")
    )


if __name__ == "__main__":
    raise SystemExit(main())

"""Train a teacher, or any network by labels alone.

python -m ml.teach --config ml/configs/desk-teacher.toml [--set KEY=VALUE …] [--resume]
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ml.assemble import Division, divide, labels_of, trainer
from ml.command import arguments_of, carry_out, print_scores
from ml.config import Loss, Run
from ml.data import Batch
from ml.losses import class_weights, classification_loss
from ml.validation import Scores


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


def main(arguments: Sequence[str] | None = None) -> int:
    options = arguments_of("Train a teacher.").parse_args(arguments)

    def work(run: Run, out: Path) -> None:
        print_scores(out, teach(run, out, resume=options.resume))

    return carry_out(options, work)


if __name__ == "__main__":
    raise SystemExit(main())

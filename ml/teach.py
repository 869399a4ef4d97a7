"""Train a teacher, or any network by labels alone.

python -m ml.teach --config ml/configs/desk-teacher.toml [--set KEY=VALUE …] [--resume]
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from app.errors import UsageError
from ml.assemble import (
    Division,
    divide,
    labels_of,
    pretraining_of,
    require_sound_data,
    trainer,
)
from ml.command import arguments_of, carry_out, print_scores
from ml.config import Loss, Run
from ml.data import Batch
from ml.earlier import earlier
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


def require_no_teachers(run: Run) -> None:
    """Refuse a run that is to be distilled.

    Raises:
        UsageError: If it is: its teachers would not be asked.
    """
    if run.distill:
        raise UsageError(
            "The run has a [distill] section, and ml.teach would ask no teacher. Train it with "
            "python -m ml.distill, which trains its teachers first "
            f"({', '.join(map(str, run.distill.teachers))}), or name one of these here."
        )


def pretrain(run: Run, *, resume: bool) -> None:
    """Train the run that `run` begins with the backbone of, if there is one and it is not finished.

    Raises:
        UsageError: If it cannot be trained, or is finished but was not made as its file says now.
    """
    own = pretraining_of(run)
    if own and run.model.pretrained:
        earlier(run.model.pretrained, own, teach, resume=resume)


def teach(run: Run, out: Path, *, resume: bool = False) -> Scores:
    """Train by labels; the chosen weights come to stand in `out/model.safetensors`.

    Raises:
        UsageError: If the run names teachers, or cannot be trained as it says.
    """
    require_no_teachers(run)
    division = divide(run)
    pretrain(run, resume=resume)
    return trainer(run, supervised(run, division), division, out).fit(resume=resume)


def main(arguments: Sequence[str] | None = None) -> int:
    options = arguments_of("Train a teacher.").parse_args(arguments)

    def work(run: Run, out: Path) -> None:
        require_sound_data(run)
        print_scores(out, teach(run, out, resume=options.resume))

    return carry_out(options, work, require_no_teachers)


if __name__ == "__main__":
    raise SystemExit(main())

"""Those whom a student asks, and, where a teacher is crossed, which of its folds is asked.

What a network says of B-scans that it learnt by heart is little more than their labels. A crossed
teacher is trained several times, each time without a part of the training patients, and asked about
these alone: what it says of them is what it would say of strangers (cross-fitting, Dao et al. 2021,
arXiv 2104.09732).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from app.modelpack import InputSpec
from ml.assemble import Division, inspected
from ml.config import Run
from ml.data import network_input
from ml.manifest import Sample, read_manifest
from ml.predict import Trained
from ml.processes import device
from ml.splits import Split, SplitFile, cross_split, write_splits


class Teacher:
    """One trained network, or one for each fold of the training patients."""

    def __init__(self, folds: Sequence[Trained], fold_of: Tensor | None = None) -> None:
        """Take the networks to the device.

        Args:
            folds: The networks.
            fold_of: Which of them does not know a sample, int64 (samples,); None: the only one.
        """
        self._networks = [each.network.to(device()) for each in folds]
        self.spec: InputSpec = folds[0].run.input
        self.classes = folds[0].run.data.classes
        self._fold_of = fold_of

    def logits(self, frames: Tensor, samples: Tensor) -> Tensor:
        """What is said of views, float32 (n, classes).

        Args:
            frames: Grey in [0, 1], float32 (n, 1, height, width).
            samples: Of which B-scans they are views, int64 (n,).
        """
        if self._fold_of is None:
            return self._ask(0, frames)
        folds = self._fold_of[samples]
        said = torch.empty(len(samples), len(self.classes), device=device())
        for fold in sorted(set(folds.tolist())):
            said[folds == fold] = self._ask(fold, frames[folds == fold])
        return said

    def _ask(self, fold: int, frames: Tensor) -> Tensor:
        network = self._networks[fold]
        logits: Tensor = network(network_input(frames.to(device()), self.spec))
        return logits.float()


def cross(run: Run, division: Division, folds: int, path: Path) -> SplitFile:
    """Divide a run's training patients into folds; `path` comes to hold their split.

    Raises:
        UsageError: If a class has too few training patients for so many folds.
        StorageError: If the split cannot be written.
    """
    samples = read_manifest(run.data.manifest, run.data.root)
    linked = inspected(samples).linked
    path.parent.mkdir(parents=True, exist_ok=True)
    file = cross_split(samples, division.split, folds=folds, linked=linked)
    write_splits(file, path)
    return file


def on_each_fold(run: Run, file: SplitFile, path: Path) -> tuple[Run, ...]:
    """The run on each fold of the split that `path` holds."""
    return tuple(
        replace(run, data=replace(run.data, split=path, fold=split.fold)) for split in file.folds
    )


def unknown_to(samples: Sequence[Sample], folds: Sequence[Split]) -> Tensor:
    """Which fold each sample is left out of, int64 (samples,)."""
    fold_of = {sha256: split.fold for split in folds for sha256 in split.test}
    return torch.tensor([fold_of[sample.sha256] for sample in samples])

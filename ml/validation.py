"""How an epoch is judged: the network as it is, on the held-out patients of the fold."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from ml.config import Run
from ml.optimize import autocast
from ml.predict import outputs_of_bands
from ml.processes import first_ones


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Validation:
    """Held-out patients of the fold, by which epochs are compared."""

    bands: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    loss: float
    accuracy: float
    balanced_accuracy: float

    def criterion(self, select: str) -> float:
        """Higher is better."""
        return {"loss": -self.loss, "accuracy": self.accuracy}.get(select, self.balanced_accuracy)


def score(network: nn.Module, validation: Validation, run: Run, device: torch.device) -> Scores:
    """Score a network; every process is told what the first one found."""
    labels = torch.from_numpy(validation.labels)
    with autocast(run.train, device):
        outputs = outputs_of_bands(
            network,
            validation.bands,
            run.input,
            device=device,
            channels_last=run.train.channels_last,
        )
    logits = torch.from_numpy(outputs.logits)
    right = logits.argmax(1) == labels
    by_class = [
        right[labels == c].float().mean().item()
        for c in range(int(labels.max()) + 1)
        if (labels == c).any()
    ]
    scores = Scores(
        loss=functional.cross_entropy(logits, labels).item(),
        accuracy=right.float().mean().item(),
        balanced_accuracy=float(np.mean(by_class)),
    )
    return first_ones(scores)

"""From a network's logits to probabilities: the temperature, and the shares of the classes.

A network that was shown its classes in other shares than they come in answers as if they came so.
By Bayes' rule its logits plus log(share as it comes / share as drawn) are those for the data's own
shares (Saerens et al. 2002; Menon et al. 2021, arXiv 2007.07314).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from app.errors import UsageError
from ml.config import Balance
from ml.data import drawn_shares
from ml.predictions import Predictions

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax:
    """What turns logits into probabilities, and how it does on what it was fitted to."""

    temperature: float
    offsets: tuple[float, ...]  # added to the logits before they are divided; one for each class
    loss: float  # mean negative log-likelihood
    loss_as_drawn: float  # the same without offsets, at the temperature that is best then

    def of(self, predictions: Predictions) -> Predictions:
        """The same predictions at this temperature, their logits with the offsets."""
        logits = predictions.logits + np.asarray(self.offsets, dtype=np.float32)
        return replace(predictions, logits=logits, temperature=self.temperature)


def offsets_of(labels: Sequence[int], classes: int, balance: Balance) -> NDArray[np.float64]:
    """Log of each class's share as it comes over its share as drawn, mean 0, shape (classes,).

    Args:
        labels: Class indices of the training B-scans.
        classes: How many there are.
        balance: How they were drawn.
    """
    counts = np.bincount(labels, minlength=classes).clip(min=1)
    offsets = np.log(counts / counts.sum()) - np.log(drawn_shares(counts, balance))
    # Rounded, so that shares that were not changed give nothing and not a sum's last bit.
    return np.asarray((offsets - offsets.mean()).round(12))


def fit_softmax(logits: Floats, labels: NDArray[np.integer], offsets: Floats) -> Softmax:
    """Fit the temperature, with the offsets if they lower the loss and without them if not.

    Args:
        logits: Shape (n, n_classes), of validation B-scans.
        labels: Shape (n,), class indices.
        offsets: From `offsets_of`.

    Raises:
        UsageError: If there is nothing to fit on, or a label is none of the classes.
    """
    none = np.zeros(logits.shape[1])
    fitted = []
    for each in (none, offsets):
        temperature = fit_temperature(logits + each, labels)
        loss = _loss((logits + each) / temperature, labels)
        fitted.append((loss, temperature, tuple(float(value) for value in each)))
    as_drawn, as_they_come = fitted
    loss, temperature, kept = min(as_drawn, as_they_come, key=lambda each: each[0])
    return Softmax(temperature=temperature, offsets=kept, loss=loss, loss_as_drawn=as_drawn[0])


def fit_temperature(logits: Floats, labels: NDArray[np.integer]) -> float:
    """Return the temperature with the lowest negative log-likelihood (Guo 2017), by L-BFGS.

    Args:
        logits: Shape (n, n_classes), of validation B-scans.
        labels: Shape (n,), class indices.

    Raises:
        UsageError: If there is nothing to fit on, or a label is none of the classes.
    """
    if not len(labels) or labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise UsageError("The temperature can only be fitted on labelled validation B-scans.")
    given = torch.from_numpy(np.asarray(logits, dtype=np.float64))
    wanted = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        # Without a bound, validation data that are all right would ask for certainty.
        temperature = log_temperature.clamp(-3, 3).exp()
        value = functional.cross_entropy(given / temperature, wanted)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    return float(log_temperature.detach().clamp(-3, 3).exp())


def _loss(scaled: Floats, labels: NDArray[np.integer]) -> float:
    given = torch.from_numpy(np.asarray(scaled, dtype=np.float64))
    wanted = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    return float(functional.cross_entropy(given, wanted))

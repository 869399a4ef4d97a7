"""Show the network what is none of its classes: outlier exposure (Hendrycks et al. 2019).

B-scans of training patients with other diseases are drawn like those of one class more, and what is
asked of them is no class: that all be alike. Classes learn as before; what the gate then finds in
the features tells other diseases better.
"""

from torch import Tensor
from torch.nn import functional

from ml.classes import NO_LABEL, OUT_OF_SCOPE
from ml.data import Batch
from ml.loop import Task
from ml.manifest import Sample


def is_outlier(sample: Sample) -> bool:
    """Whether a B-scan shows a disease that none of the classes covers."""
    return sample.label is None and sample.finding in OUT_OF_SCOPE


def undecided_loss(logits: Tensor) -> Tensor:
    """Mean cross-entropy with all classes alike; logits have shape (n, classes)."""
    return -functional.log_softmax(logits, dim=1).mean()


class OutlierExposure:
    """Another task on the B-scans that have a class, and indecision on those that have none."""

    def __init__(self, task: Task, weight: float) -> None:
        """`weight` is what a B-scan without a class counts beside one of a class."""
        self._task, self._weight = task, weight

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        known = batch.labels != NO_LABEL
        if known.all():
            return self._task.loss(logits, batch)
        outside = self._weight * (~known).float().mean() * undecided_loss(logits[~known])
        if not known.any():
            return outside, {"loss": outside.item(), "outside": outside.item()}
        inside, parts = self._task.loss(logits[known], batch.take(known))
        total = known.float().mean() * inside + outside
        return total, {**parts, "loss": total.item(), "outside": outside.item()}

    def tensors(self) -> dict[str, Tensor]:
        return self._task.tensors()

    def restore(self, tensors: dict[str, Tensor]) -> None:
        self._task.restore(tensors)

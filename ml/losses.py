"""What a network is trained to lower.

Logits have shape (n, classes), labels (n,); labels of mixed views are shares, (n, classes).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ml.config import Distill, Loss


def class_weights(labels: Sequence[int], classes: int) -> Tensor:
    """Balanced weights n / (classes * n_class), as scikit-learn's; shape (classes,)."""
    counts = torch.bincount(torch.as_tensor(labels), minlength=classes).clamp(min=1)
    return len(labels) / (classes * counts.float())


def classification_loss(
    logits: Tensor, labels: Tensor, loss: Loss, weights: Tensor | None
) -> Tensor:
    """Mean focal loss or cross-entropy.

    Focal loss is alpha_t (1 - p_t)^gamma (-log p_t) with p_t of the bare softmax (Lin et al. 2017,
    eq. 5). The published code took p_t from the weighted cross-entropy, which bends gamma by alpha.
    """
    if loss.kind == "cross-entropy" and weights is None:
        return functional.cross_entropy(logits, labels, label_smoothing=loss.smoothing)
    if loss.kind == "cross-entropy":
        # Torch's own mean is over the batch's weights: shares of a batch, by processes or by
        # accumulation, would add up to another gradient than the batch's.
        return functional.cross_entropy(
            logits, labels, weight=weights, label_smoothing=loss.smoothing, reduction="none"
        ).mean()
    log_p = functional.log_softmax(logits, dim=1)
    # Never quite 0, where a gamma below 1 would have no gradient.
    missing = (-torch.expm1(log_p)).clamp(min=1e-12)
    focal = -(missing**loss.gamma) * log_p
    if weights is not None:
        focal = weights * focal
    if labels.is_floating_point():
        return (labels * focal).sum(dim=1).mean()
    return focal.gather(1, labels[:, None]).mean()


def distillation_loss(
    logits: Tensor, teacher: Tensor, labels: Tensor, distill: Distill
) -> tuple[Tensor, Tensor, Tensor]:
    """Return alpha T^2 KL(teacher || student) + beta CE, and its soft and hard parts.

    Args:
        logits: The student's.
        teacher: The teacher's log-probabilities at the temperature, shape (n, classes).
        labels: The true classes.
        distill: Temperature and the two weights (arXiv 2512.09069, section on distillation).
    """
    student = functional.log_softmax(logits / distill.temperature, dim=1)
    soft = distill.temperature**2 * functional.kl_div(
        student, teacher, reduction="batchmean", log_target=True
    )
    hard = functional.cross_entropy(logits, labels)
    return distill.alpha * soft + distill.beta * hard, soft, hard


def softened(teachers: Sequence[Tensor], temperature: float) -> Tensor:
    """Log of the teachers' mean probabilities at the temperature, shape (n, classes)."""
    each = torch.stack([functional.log_softmax(t / temperature, dim=1) for t in teachers])
    return torch.logsumexp(each, dim=0) - torch.log(torch.tensor(float(len(teachers))))

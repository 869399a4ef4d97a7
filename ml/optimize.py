"""Optimiser groups, learning-rate schedule and precision of a run."""

import math
from typing import cast

import torch
from torch import nn

from ml.config import Train


def head_of(network: nn.Module) -> nn.Module:
    """The part that is new for every task: timm's `head` with its norm, or the classifier."""
    head = getattr(network, "head", None)
    if isinstance(head, nn.Module):
        return head
    return cast("nn.Module", network.get_classifier())  # type: ignore[operator]


def optimizer_for(network: nn.Module, train: Train) -> torch.optim.AdamW:
    """AdamW over four groups: head or backbone, decayed or not. Groups carry their `base_lr`."""
    head = {id(parameter) for parameter in head_of(network).parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        decayed = train.decay_norms or parameter.ndim > 1
        groups.setdefault((id(parameter) in head, decayed), []).append(parameter)
    head_lr = train.lr if train.head_lr is None else train.head_lr
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "base_lr": head_lr if of_head else train.lr,
                "weight_decay": train.weight_decay if decayed else 0.0,
            }
            for (of_head, decayed), parameters in groups.items()
        ],
        lr=train.lr,
    )


def rate_factor(train: Train, epoch: float) -> float:
    """Share of the base rate: linear warm-up, then a cosine down to the floor.

    `epoch` is fractional where the schedule moves each step. By epoch, as the paper's code does,
    the warm-up's first factor is 1 / warmup_epochs and not 0.
    """
    if not train.per_step:
        epoch = math.floor(epoch)
    if epoch < train.warmup_epochs:
        done = epoch if train.per_step else epoch + 1
        return min(max(done / train.warmup_epochs, 1e-3), 1.0)
    rest = max(train.epochs - train.warmup_epochs, 1e-9)
    cosine = 0.5 * (1 + math.cos(math.pi * min((epoch - train.warmup_epochs) / rest, 1)))
    return train.floor + (1 - train.floor) * cosine


def set_rates(optimizer: torch.optim.Optimizer, train: Train, epoch: float) -> None:
    averaging = 0 <= train.swa_start <= epoch
    for group in optimizer.param_groups:
        scheduled = group["base_lr"] * rate_factor(train, epoch)
        # The published SWA raised the backbone's rate when it began; here it only ever stays.
        group["lr"] = min(scheduled, train.swa_lr) if averaging else scheduled


def freeze_backbone(network: nn.Module, *, frozen: bool) -> None:
    head = {id(parameter) for parameter in head_of(network).parameters()}
    for parameter in network.parameters():
        parameter.requires_grad_(not frozen or id(parameter) in head)


def autocast(train: Train, device: torch.device) -> torch.autocast:
    """The forward pass's precision, see `half_precision`."""
    half = half_precision(train, device)
    return torch.autocast(device.type, dtype=half or torch.bfloat16, enabled=half is not None)


def half_precision(train: Train, device: torch.device) -> torch.dtype | None:
    """The 16-bit type that is trained in on this device, or None for full precision.

    float16 is for CUDA alone, and bfloat16 for processors that oneDNN has kernels for: on others
    a step of EfficientNet-B2 in bfloat16 takes ten times as long as in full precision.
    """
    if train.precision == "bfloat16" and (device.type != "cpu" or _cpu_has_bfloat16()):
        return torch.bfloat16
    if train.precision == "float16" and device.type == "cuda":
        return torch.float16
    return None


def _cpu_has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())

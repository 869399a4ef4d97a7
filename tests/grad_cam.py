"""The grad-cam package's own Grad-CAM, before its scaling: what the closed form is held to."""

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

_BATCH = 8


def raw_grad_cam(
    network: nn.Module, frames: NDArray[np.float32], index: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Its map on `bn2` for one class before relu and scaling, (n, h, w), and the logits."""
    raw: list[NDArray[np.float32]] = []
    logits: list[NDArray[np.float32]] = []

    class Raw(GradCAM):
        def get_cam_image(self, *args, **options):
            raw.append(super().get_cam_image(*args, **options))
            return raw[-1]

    with Raw(model=network, target_layers=[network.bn2]) as method:
        for start in range(0, len(frames), _BATCH):
            batch = torch.from_numpy(frames[start : start + _BATCH])
            method(input_tensor=batch, targets=[ClassifierOutputTarget(index)] * len(batch))
            logits.append(method.outputs.detach().numpy())
    return np.concatenate(raw), np.concatenate(logits)


def worst_disagreement(maps: NDArray[np.float32], cams: NDArray[np.float32]) -> float:
    """Largest difference of a map from the package's, as a share of that map's range."""
    spread = np.ptp(cams, axis=(1, 2))
    return float((np.abs(maps - np.maximum(cams, 0)).max(axis=(1, 2)) / spread).max())

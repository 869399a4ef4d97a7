"""The network as one ONNX graph: logits, activation maps of all classes, unfamiliarity.

Where a network ends in global average pooling and one linear layer, the gradient that Grad-CAM
averages is the classifier's weight over h * w, so that the map of class c is
sum_k w_ck A_k / (h * w) before its relu: one 1 x 1 convolution more in the forward pass, and no
backward pass.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn
from torch.nn import functional

from app.errors import UsageError
from ml.models import penultimate, unexplained

OPSET = 18


class Explained(nn.Module):
    """A network with everything that the program asks of it."""

    def __init__(self, network: nn.Module, gate: nn.Module) -> None:
        """Take a network in evaluation mode, and a gate of (features, logits) to (n,)."""
        super().__init__()
        head = network.get_classifier()  # type: ignore[operator]
        if not isinstance(head, nn.Linear):
            raise UsageError(
                "Only networks that end in pooling and one linear layer can be exported."
            )
        self.network = network
        self.gate = gate

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, pooled, logits = penultimate(self.network, frames)
        weight = self.network.get_classifier().weight  # type: ignore[operator]
        cells = features.shape[2] * features.shape[3]
        maps = functional.conv2d(features, weight[:, :, None, None] / cells)
        return logits, maps, self.gate(pooled, logits)


def export_graph(explained: Explained, shape: tuple[int, int, int]) -> bytes:
    """Write the network as ONNX. `shape` is that of one frame: (channels, height, width).

    Raises:
        UsageError: If its activation maps cannot be had.
    """
    why = unexplained(explained.network, torch.zeros(1, *shape))
    if why:
        raise UsageError(f"The network cannot be exported with its activation maps: {why}.")
    explained = explained.float().cpu().eval().to(memory_format=torch.contiguous_format)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the exporter's own, about torch
        program = torch.onnx.export(
            explained,
            (torch.zeros(2, *shape),),
            input_names=["frames"],
            output_names=["logits", "maps", "unfamiliarity"],
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    model = cast("torch.onnx.ONNXProgram", program).model_proto
    _forget_origin(model)
    return cast("bytes", model.SerializeToString())


def _forget_origin(model: onnx.ModelProto) -> None:
    """Remove the exporter's stack traces: they name folders of the computer that trained."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer,
                 *graph.value_info):  # fmt: skip
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The largest between a graph and the network it came from."""

    probabilities: float
    maps: float  # as a share of their range
    unfamiliarity: float  # as a share of its range


def difference(
    explained: Explained, outputs: Sequence[NDArray[np.float32]], frames: NDArray[np.float32]
) -> Differences:
    """Hold what a graph gave against what the network gives.

    Args:
        explained: The network that was exported.
        outputs: Of the graph for `frames`: logits, maps before their relu, and unfamiliarity.
        frames: (n, channels, height, width).
    """
    with torch.inference_mode():
        own = explained(torch.from_numpy(frames))
    logits, maps, unfamiliarity = (each.numpy() for each in own)
    return Differences(
        probabilities=float(np.abs(softmax(logits, axis=1) - softmax(outputs[0], axis=1)).max()),
        maps=_of_range(np.maximum(maps, 0), np.maximum(outputs[1], 0)),
        unfamiliarity=_of_range(unfamiliarity, outputs[2]),
    )


def _of_range(own: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    return float(np.abs(own - theirs).max() / (np.ptp(own) or 1.0))

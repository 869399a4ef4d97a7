"""Run the network of a model package: one pass gives probabilities and activation maps.

The head of these networks is global average pooling and one linear layer, so the gradient that
Grad-CAM (Selvaraju 2017, equations 1 and 2) averages over the map is the classifier's weight
divided by h*w. The graph computes sum_k w_ck A_k / (h*w) for every class c from the features A
in the forward pass; the relu of equation 2 is taken here. No backward pass, no torch.
"""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidOutput, PackageError
from app.language import fill
from app.modelpack import Card, ModelPackage

if TYPE_CHECKING:
    import onnxruntime

_OUTPUTS = ["logits", "maps", "unfamiliarity"]

BATCH = 2
"""B-scans for one pass: 4 take no less time per B-scan, and twice the memory."""

_MOST_LANES = 4  # each pass under way holds its own activations, some 40 MB


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inference:
    """What the network says of a batch of n frames. Every value is finite."""

    logits: NDArray[np.float32]  # (n, n_classes), as the graph gives them
    probabilities: NDArray[np.float64]  # (n, n_classes), calibrated; rows sum to 1
    maps: NDArray[np.float32]  # (n, n_classes, h, w) >= 0, Grad-CAM before min-max scaling
    unfamiliarity: NDArray[np.float32]  # (n,), higher is less like the training data


class AnyEngine(Protocol):
    """What an analysis needs: this module's engine, or the one on torch.

    `infer` takes float32 (n, channels, height, width), n >= 1, and gives finite values for each
    frame in the order of the frames, or raises InvalidOutput. `lanes` says how many threads may
    call it at once to use the computer fully.
    """

    card: Card
    lanes: int

    def infer(self, frames: NDArray[np.float32]) -> Inference: ...


class Engine:
    """A loaded network. One may be shared between threads; loading takes some 0.3 s.

    A pass on one core wastes nothing waiting for another core, so passes side by side are the
    quicker way through many B-scans, above all when the cores also read and prepare them.
    """

    def __init__(self, package: ModelPackage, threads: int | None = None) -> None:
        """Load the graph of a verified package.

        Args:
            package: From `app.modelpack.load_package`.
            threads: CPU threads of one pass, for a caller that makes one at a time; None to share
                the physical cores among `lanes` passes.

        Raises:
            PackageError: If the graph cannot be loaded, or is not what the card says.
        """
        self.card: Card = package.card
        cores = physical_cores()
        self.lanes = 1 if threads else min(cores, _MOST_LANES)
        self._session = _open_session(package, threads or cores // self.lanes)
        self._check_signature(package.folder.name)

    def infer(self, frames: NDArray[np.float32]) -> Inference:
        """Run the network once.

        Args:
            frames: From `app.preprocess.prepare`, shape (n, channels, height, width), n >= 1.

        Raises:
            InvalidOutput: If the network cannot be run, or returns anything that is not a finite
                number.
        """
        try:
            logits, maps, unfamiliarity = self._session.run(_OUTPUTS, {"frames": frames})
        except _runtime_errors() as error:
            raise InvalidOutput(
                fill(
                    "The network “{id}” could not be run. Close other programs if memory is short, "
                    "or install the model package again.",
                    id=self.card.id,
                )
            ) from error
        for output in (logits, maps, unfamiliarity):
            if not np.isfinite(output).all():
                raise InvalidOutput(
                    fill(
                        "The network “{id}” gave values that are no numbers for this study, so "
                        "nothing is said of it. Install the model package again.",
                        id=self.card.id,
                    )
                )
        return Inference(
            logits=logits,
            probabilities=calibrated(logits, self.card.temperature),
            maps=np.maximum(maps, 0, out=maps),
            unfamiliarity=unfamiliarity.reshape(len(frames)),
        )

    def _check_signature(self, name: str) -> None:
        spec, n_classes = self.card.input, len(self.card.classes)
        inputs = {each.name: each.shape for each in self._session.get_inputs()}
        outputs = {each.name: each.shape for each in self._session.get_outputs()}
        expected = [len(spec.mean), spec.height, spec.width]
        # The leading axis is free: its name varies with the exporter.
        if list(inputs) != ["frames"] or inputs["frames"][1:] != expected:
            raise PackageError(
                fill(
                    "The network in the model package “{name}” does not take the frames that "
                    "model.json describes. Install the package again.",
                    name=name,
                )
            )
        if not set(_OUTPUTS) <= set(outputs) or any(
            outputs[each][1] != n_classes for each in ("logits", "maps")
        ):
            raise PackageError(
                fill(
                    "The network in the model package “{name}” does not give the outputs that "
                    "model.json describes. Install the package again.",
                    name=name,
                )
            )


def calibrated(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Softmax of logits / temperature (Guo 2017), in float64; shape (n, n_classes)."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def physical_cores() -> int:
    """Physical cores that this process may use, at least 1.

    The runtime's own count ignores the affinity mask that a scheduler or container sets, and
    hyper-threads beyond the physical cores only slow the arithmetic down.
    """
    if not hasattr(os, "sched_getaffinity"):
        # Most desktop processors have two threads a core; Apple's have one.
        return max(1, (os.cpu_count() or 1) // (1 if platform.machine() == "arm64" else 2))
    cores = set()
    for cpu in os.sched_getaffinity(0):
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
        try:
            cores.add((topology / "thread_siblings_list").read_text())
        except OSError:
            cores.add(str(cpu))
    return len(cores)


def _open_session(package: ModelPackage, threads: int) -> "onnxruntime.InferenceSession":
    # Here, not above: the first window must not wait for the runtime.
    import onnxruntime

    # What builds for Windows hand to the system's own event tracing; see also app/__init__.py.
    onnxruntime.disable_telemetry_events()
    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # A pattern is kept for every size of batch met: 130 MB for nothing, at equal speed.
    options.enable_mem_pattern = False
    options.log_severity_level = 3  # errors only; warnings about the graph are not for the user
    try:
        return onnxruntime.InferenceSession(
            package.graph, options, providers=["CPUExecutionProvider"]
        )
    except _runtime_errors() as error:
        raise PackageError(
            fill(
                "The network in the model package “{name}” cannot be loaded. Install the package "
                "again.",
                name=package.folder.name,
            )
        ) from error


def _runtime_errors() -> tuple[type[Exception], ...]:
    """The runtime's exceptions: they derive from Exception itself and have no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return tuple(
        each
        for each in vars(state).values()
        if isinstance(each, type) and issubclass(each, Exception)
    )

"""What a model costs: parameters, multiply-adds, and seconds per B-scan on this CPU."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine import BATCH, Engine, physical_cores
from app.modelpack import InputSpec, ModelPackage

_REPEATS = 12
_SCALED = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    what: str  # was counted and timed
    parameters: int
    macs: int  # multiply-adds for one B-scan: convolutions and matrix products
    megabytes: float  # of the file
    median_seconds: float  # for one B-scan, in batches, without reading and preprocessing it
    p95_seconds: float
    threads: int
    processor: str


def cost_of(package: ModelPackage) -> Cost:
    """Count a package's graph and time it."""
    parameters, macs = count(package.graph)
    threads = physical_cores()
    engine = Engine(package, threads)
    median, p95 = _timed(engine.infer, package.card.input)
    return Cost(
        what="network, maps and gate in the program's engine",
        parameters=parameters,
        macs=macs,
        megabytes=len(package.graph) / 1e6,
        median_seconds=median,
        p95_seconds=p95,
        threads=threads,
        processor=processor(),
    )


def cost_of_run(folder: Path) -> Cost:
    """Count a finished run's network and time it, in PyTorch and full precision.

    Raises:
        UsageError: If the run is not finished.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from ml.models import count_parameters
    from ml.predict import load_trained

    trained = load_trained(folder)
    spec = trained.run.input
    shape = (1, len(spec.mean), spec.height, spec.width)

    @torch.inference_mode()
    def infer(frames: NDArray[np.float32]) -> None:
        trained.network(torch.from_numpy(frames).contiguous(memory_format=torch.channels_last))

    counter = FlopCounterMode(display=False)
    with counter:
        infer(np.zeros(shape, dtype=np.float32))
    median, p95 = _timed(infer, spec)
    return Cost(
        what="network in PyTorch",
        parameters=count_parameters(trained.network),
        macs=counter.get_total_flops() // 2,
        megabytes=(folder / "model.safetensors").stat().st_size / 1e6,
        median_seconds=median,
        p95_seconds=p95,
        threads=torch.get_num_threads(),
        processor=processor(),
    )


def processor() -> str:
    """The name of this CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _timed(infer: Callable[[NDArray[np.float32]], object], spec: InputSpec) -> tuple[float, float]:
    """Median and 95th percentile of the seconds for one B-scan, in the program's batches."""
    shape = (BATCH, len(spec.mean), spec.height, spec.width)
    frames = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    infer(frames)
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        infer(frames)
        seconds.append((time.perf_counter() - start) / BATCH)
    return float(np.median(seconds)), float(np.percentile(seconds, 95))


def count(graph: bytes) -> tuple[int, int]:
    """Count the parameters of an ONNX graph and its multiply-adds for one frame."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    for dimension in [model.graph.input[0].type.tensor_type.shape.dim[0]]:
        dimension.dim_value = 1  # shapes are inferred for one frame
    for output in model.graph.output:
        output.ClearField("type")
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    shapes = {name: array.shape for name, array in weights.items()}
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        dims = value.type.tensor_type.shape.dim
        shapes[value.name] = tuple(each.dim_value or 1 for each in dims)
    parameters = _parameters(model.graph.node, weights)
    return parameters, sum(_macs(node, shapes) for node in model.graph.node)


def _parameters(nodes: Sequence[Any], weights: Mapping[str, NDArray[Any]]) -> int:
    """Count what was learnt, in whatever numbers it is kept; scales of 8-bit integers were not."""
    integers = {node.input[0] for node in nodes if node.op_type == "DequantizeLinear"}
    scales = {node.input[1] for node in nodes if node.op_type in _SCALED}
    return sum(
        array.size
        for name, array in weights.items()
        if name in integers
        or (array.dtype in (np.int8, np.uint8) and array.ndim > 1)
        or (np.issubdtype(array.dtype, np.floating) and name not in scales)
    )


def _macs(node: Any, shapes: dict[str, tuple[int, ...]]) -> int:  # noqa: ANN401 - onnx.NodeProto
    """Multiply-adds of one node; 0 for all but convolutions and matrix products."""
    out = shapes.get(node.output[0]) if node.output else None
    weight = shapes.get(node.input[1]) if len(node.input) > 1 else None
    if out is None or weight is None:
        return 0
    elements = int(np.prod(out))
    match node.op_type:
        case "Conv" | "FusedConv":
            return elements * int(np.prod(weight[1:]))
        case "Gemm" | "MatMul":
            inner = shapes.get(node.input[0], (1,))[-1]
            return elements * int(inner)
    return 0

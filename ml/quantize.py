"""A graph whose convolutions work in 8-bit integers, calibrated on real frames."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, frames: NDArray[np.float32]) -> None:
        self._batches = iter([frames[start : start + 8] for start in range(0, len(frames), 8)])

    def get_next(self) -> Mapping[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"frames": batch}


def quantized(graph: bytes, frames: NDArray[np.float32]) -> bytes:
    """Quantise a graph's convolutions, weights by channel.

    Args:
        graph: From `ml.graph.export_graph`.
        frames: Real network inputs that show the range of every activation, (n, c, h, w).
    """
    with tempfile.TemporaryDirectory() as folder:
        whole, ready, small = (Path(folder) / name for name in ("a.onnx", "b.onnx", "c.onnx"))
        whole.write_bytes(graph)
        # Symbolic inference fails at what some gates do, and the exporter gave all shapes.
        quant_pre_process(whole, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            small,
            _Frames(frames),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return small.read_bytes()

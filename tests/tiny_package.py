"""Model packages small enough for any test: one convolution under the real graph contract.

The graph is `A = relu(conv(frames))`, `maps = sum_k w_ck A_k / (h*w)`, `logits` their sum over the
map plus a bias, and `unfamiliarity` the mean of A: everything that `app.engine` rests on, with
seeded random weights. Its card says `trained=False`.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from app.modelpack import CARD, Card, ModelPackage, load_package

CLASSES = ("NORMAL", "DRUSEN", "DME", "CNV")
FEATURES = 8
STRIDE = 8


def tiny_card(**changes: Any) -> Card:
    """A card for the four classes; `changes` replace entries of its top level."""
    plain: dict[str, Any] = {
        "format": 1,
        "id": "tiny",
        "version": "1.0",
        "title": "Tiny network for tests",
        "created": "2026-01-01",
        "trained": False,
        "architecture": "one convolution",
        "classes": [
            {"name": name, "title": title, "severity": severity, "referable": severity > 1}
            for severity, (name, title) in enumerate(
                zip(
                    CLASSES,
                    (
                        "no sign of drusen, DME or CNV",
                        "drusen",
                        "diabetic macular oedema (DME)",
                        "choroidal neovascularisation (CNV)",
                    ),
                    strict=True,
                )
            )
        ],
        "input": {"height": 64, "width": 96, "mean": [0.2], "std": [0.2]},
        "temperature": 1.5,
        "unfamiliarity_threshold": 1e6,
        "aggregation": {
            "top_k": 3,
            "adjacent": 2,
            "min_gradable": 0.5,
            "max_unfamiliar": 0.3,
            "rules": {
                name: {"threshold": 0.6, "suspect": 0.4, "frame": 0.5} for name in CLASSES[1:]
            },
        },
        "referral": {
            "NORMAL": {"level": "routine", "advice": "Routine follow-up."},
            "DRUSEN": {"level": "review", "advice": "Review by an ophthalmologist."},
            "DME": {"level": "refer", "advice": "Refer to a retina clinic."},
            "CNV": {"level": "refer urgently", "advice": "Refer to a retina clinic within days."},
            "uncertain": {"level": "review", "advice": "Have the B-scans read."},
            "out of scope": {"level": "review", "advice": "Have the B-scans read."},
            "ungradable": {"level": "repeat", "advice": "Repeat the scan."},
        },
        "training": [],
        "figures": [],
        "limits": ["Random weights: the results mean nothing."],
        "graph_sha256": "0" * 64,
    }
    return CARD.validate_python(plain | changes)


def tiny_graph(card: Card, *, seed: int = 0, logit_scale: float = 30.0) -> bytes:
    """The graph for a card, as `model.onnx` holds it."""
    rng = np.random.default_rng(seed)
    channels, n_classes = len(card.input.mean), len(card.classes)
    h, w = card.input.height // STRIDE, card.input.width // STRIDE
    weights: dict[str, NDArray[Any]] = {
        "kernel": rng.normal(0, 0.1, (FEATURES, channels, STRIDE, STRIDE)),
        "head": rng.normal(0, logit_scale, (n_classes, FEATURES, 1, 1)) / (h * w),
        "bias": rng.normal(0, 0.1, (n_classes,)),
    }
    nodes = [
        helper.make_node("Conv", ["frames", "kernel"], ["convolved"], strides=[STRIDE, STRIDE]),
        helper.make_node("Relu", ["convolved"], ["features"]),
        helper.make_node("Conv", ["features", "head"], ["maps"]),
        helper.make_node("ReduceSum", ["maps", "area"], ["summed"], keepdims=0),
        helper.make_node("Add", ["summed", "bias"], ["logits"]),
        helper.make_node("ReduceMean", ["features", "all"], ["unfamiliarity"], keepdims=0),
    ]
    initializers = [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()
    ]
    initializers += [
        numpy_helper.from_array(np.array([2, 3]), "area"),
        numpy_helper.from_array(np.array([1, 2, 3]), "all"),
    ]
    shapes = {
        "logits": ["n", n_classes],
        "maps": ["n", n_classes, h, w],
        "unfamiliarity": ["n"],
    }
    spec = card.input
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(
                "frames", TensorProto.FLOAT, ["n", channels, spec.height, spec.width]
            )
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_package(folder: Path, card: Card, graph: bytes) -> Path:
    """Write both files of a package, with the card's hash that of the graph."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = CARD.dump_python(card, mode="json")
    plain["graph_sha256"] = hashlib.sha256(graph).hexdigest()
    (folder / "model.onnx").write_bytes(graph)
    (folder / "model.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
    return folder


def tiny_package(folder: Path, *, seed: int = 0, **changes: Any) -> ModelPackage:
    """Write a tiny package under `folder` and load it as the program does."""
    card = tiny_card(**changes)
    return load_package(write_package(folder / card.id, card, tiny_graph(card, seed=seed)))

"""The unfamiliarity gate: is this B-scan like what the model was trained on?

A gate turns the pooled features and the logits of a B-scan into one score, higher for what is less
like the training data. It is a small torch module, so that it goes into the exported graph behind
the classifier and costs next to nothing.

Six kinds are fitted and compared: energy (Liu 2020), the highest softmax probability, distance to
the class means under a shared, shrunken covariance of principal components (Lee 2018), distance to
the nearest training B-scans (Sun 2022), and a linear head trained to tell the training data from
outliers (Hendrycks 2019): B-scans of diseases outside the classes, and pictures that are no B-scan
at all; and the sum of that head and the distance to the class means. All are fitted on training
patients and chosen on validation patients.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from app.errors import StorageError, UsageError
from app.files import whole_file
from ml.metrics import score_not_exceeded

_COMPONENTS = 64
_FEW = 40  # B-scans in scope: with fewer, one of them decides a data set's threshold
_NEIGHBOURS = 5
_BANK = 1500  # training B-scans kept by the nearest-neighbour gate
_DECAY = 0.02  # of the linear head's weights, on standardised features

Floats = NDArray[np.floating]


class Gate(nn.Module):
    """Features (n, d) after pooling and logits (n, n_classes) to unfamiliarity (n,)."""

    kind = ""

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        raise NotImplementedError


class EnergyGate(Gate):
    kind = "energy"

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        return -torch.logsumexp(logits, dim=1)


class SoftmaxGate(Gate):
    kind = "softmax"

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        return 1 - torch.softmax(logits, dim=1).amax(dim=1)


class MahalanobisGate(Gate):
    """Squared distance to the nearest class mean, whitened, over the principal components."""

    kind = "mahalanobis"

    def __init__(self, mean: Tensor, whitening: Tensor, centres: Tensor) -> None:
        """Take the features' mean (d,), their whitening (d, k) and class means in it (c, k)."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("whitening", whitening)
        self.register_buffer("centres", centres)

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        white = (features - self.get_buffer("mean")) @ self.get_buffer("whitening")
        centres = self.get_buffer("centres")
        return ((white[:, None] - centres[None]) ** 2).sum(dim=2).amin(dim=1)


class NeighbourGate(Gate):
    """Cosine distance to the fifth nearest training B-scan, over the principal components."""

    kind = "neighbours"

    def __init__(self, mean: Tensor, projection: Tensor, bank: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("projection", projection)
        self.register_buffer("bank", bank)  # (m, k), of unit length

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        projected = (features - self.get_buffer("mean")) @ self.get_buffer("projection")
        likeness = functional.normalize(projected, dim=1) @ self.get_buffer("bank").T
        return 1 - likeness.topk(_NEIGHBOURS, dim=1).values[:, -1]


class HeadGate(Gate):
    """Log-odds of being an outlier: a linear function of standardised features and logits."""

    kind = "head"

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """Take weights (d + n_classes,), standardisation folded in, and the bias ()."""
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        both = torch.cat([features, logits], dim=1)
        return both @ self.get_buffer("weight") + self.get_buffer("bias")


class JointGate(Gate):
    """Sum of other gates' scores, each in units of its spread over the training data."""

    kind = "joint"

    def __init__(self, gates: Sequence[Gate], centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.gates = nn.ModuleList(gates)
        self.register_buffer("centre", centre)
        self.register_buffer("spread", spread)

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        scores = torch.stack([gate(features, logits) for gate in self.gates], dim=1)
        # A very strange picture must not overflow what the other gate has to say.
        units = (scores - self.get_buffer("centre")) / self.get_buffer("spread")
        return units.clamp(-20, 20).sum(dim=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """Pooled features and logits of B-scans, with their labels."""

    features: NDArray[np.float32]  # (n, d)
    logits: NDArray[np.float32]  # (n, n_classes)
    labels: NDArray[np.int64]  # (n,), -1 for outliers

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: slice | NDArray[np.bool_]) -> "Seen":
        return Seen(
            features=self.features[chosen], logits=self.logits[chosen], labels=self.labels[chosen]
        )

    def and_(self, other: "Seen") -> "Seen":
        return Seen(
            features=np.concatenate([self.features, other.features]),
            logits=np.concatenate([self.logits, other.logits]),
            labels=np.concatenate([self.labels, other.labels]),
        )

    def tensors(self) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.features), torch.from_numpy(self.logits)


def score(gate: Gate, seen: Seen) -> NDArray[np.float64]:
    """Unfamiliarity of each, shape (n,)."""
    with torch.inference_mode():
        found = cast("Tensor", gate.eval()(*seen.tensors()))
    return np.asarray(found.numpy(), dtype=np.float64)


def fit_gates(inside: Seen, outside: Seen) -> dict[str, Gate]:
    """Fit every kind of gate on training patients.

    Args:
        inside: Labelled training B-scans.
        outside: Outliers of training patients, and strange pictures.
    """
    gates = {kind: fit_gate(kind, inside, outside) for kind in _FITS}
    return gates | {JointGate.kind: _join([gates[kind] for kind in _JOINED], inside)}


def fit_gate(kind: str, inside: Seen, outside: Seen) -> Gate:
    """Fit one kind of gate, as `fit_gates` does."""
    if kind == JointGate.kind:
        return _join([fit_gate(each, inside, outside) for each in _JOINED], inside)
    return _FITS[kind](inside, outside)


def fit_gate_threshold(
    scores: Floats, sources: NDArray[np.str_], in_scope_share: float = 0.95
) -> float:
    """Return the score that the wanted share of in-scope validation B-scans does not exceed.

    Of every data set that has enough of them, and so of every device: a threshold for all together
    spares one device by sending many B-scans of another.

    Args:
        scores: (n,), of B-scans in scope.
        sources: (n,), the data set of each.
        in_scope_share: Not to be exceeded by the threshold.
    """
    parts = [scores[sources == each] for each in np.unique(sources)]
    enough = [part for part in parts if len(part) >= _FEW] or [scores]
    return max(score_not_exceeded(part, in_scope_share) for part in enough)


def _components(features: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """Mean (d,), principal directions (d, k) and their standard deviations (k,)."""
    mean = features.mean(axis=0)
    _, singular, directions = np.linalg.svd(features - mean, full_matrices=False)
    kept = min(count, len(singular))
    deviation = singular[:kept] / np.sqrt(max(len(features) - 1, 1))
    return mean, directions[:kept].T, deviation


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _fit_mahalanobis(inside: Seen) -> Gate:
    from sklearn.covariance import ledoit_wolf

    mean, directions, _ = _components(inside.features.astype(np.float64), _COMPONENTS)
    projected = (inside.features - mean) @ directions
    present = np.unique(inside.labels)
    centres = np.stack([projected[inside.labels == c].mean(axis=0) for c in present])
    residual = projected - centres[np.searchsorted(present, inside.labels)]
    covariance, _ = ledoit_wolf(residual, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    whitening = directions @ vectors / np.sqrt(np.maximum(values, 1e-9))
    white = centres @ vectors / np.sqrt(np.maximum(values, 1e-9))
    return MahalanobisGate(_tensor(mean), _tensor(whitening), _tensor(white))


def _fit_neighbours(inside: Seen) -> Gate:
    mean, directions, deviation = _components(inside.features.astype(np.float64), _COMPONENTS)
    projection = directions / np.sqrt(np.maximum(deviation, 1e-6))
    chosen = np.linspace(0, len(inside) - 1, min(_BANK, len(inside))).astype(int)
    bank = functional.normalize(_tensor((inside.features[chosen] - mean) @ projection), dim=1)
    return NeighbourGate(_tensor(mean), _tensor(projection), bank)


def _fit_head(inside: Seen, outside: Seen) -> Gate:
    """Logistic regression by L-BFGS; inside and outside weigh the same."""
    values = np.concatenate(
        [
            np.concatenate([inside.features, inside.logits], axis=1),
            np.concatenate([outside.features, outside.logits], axis=1),
        ]
    ).astype(np.float64)
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-6
    rows = torch.from_numpy((values - mean) / spread)
    strange = torch.cat([torch.zeros(len(inside)), torch.ones(len(outside))]).double()
    weights = torch.where(strange > 0, 0.5 / len(outside), 0.5 / len(inside))
    weight = torch.zeros(rows.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        each = functional.binary_cross_entropy_with_logits(
            rows @ weight + bias, strange, reduction="none"
        )
        value = (weights * each).sum() + _DECAY * (weight**2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    plain = weight.detach().numpy() / spread
    folded = float(bias.detach()) - float(plain @ mean)
    return HeadGate(_tensor(plain), torch.tensor(folded, dtype=torch.float32))


def _join(gates: Sequence[Gate], inside: Seen) -> Gate:
    scores = np.stack([score(gate, inside) for gate in gates], axis=1)
    centre, spread = np.median(scores, axis=0), scores.std(axis=0) + 1e-6
    return JointGate(gates, _tensor(centre), _tensor(spread))


_FITS: Mapping[str, Callable[[Seen, Seen], Gate]] = {
    EnergyGate.kind: lambda _inside, _outside: EnergyGate(),
    SoftmaxGate.kind: lambda _inside, _outside: SoftmaxGate(),
    MahalanobisGate.kind: lambda inside, _outside: _fit_mahalanobis(inside),
    NeighbourGate.kind: lambda inside, _outside: _fit_neighbours(inside),
    HeadGate.kind: _fit_head,
}
_JOINED = (HeadGate.kind, MahalanobisGate.kind)


def save_gate(gate: Gate, threshold: float, path: Path) -> None:
    """Write a gate and its threshold.

    Raises:
        StorageError: If it cannot be written.
    """
    parts = [each.kind for each in gate.gates] if isinstance(gate, JointGate) else []
    tensors = {name: tensor.contiguous() for name, tensor in gate.state_dict().items()}
    # safetensors keeps no file without a tensor, as the gates of logits alone would be.
    tensors["threshold"] = torch.tensor(threshold, dtype=torch.float64)
    metadata = {"gate": json.dumps({"kind": gate.kind, "parts": parts})}
    try:
        with whole_file(path) as file:
            file.write(save(tensors, metadata))
    except OSError as error:
        raise StorageError(f"The gate {path} cannot be written: {error.strerror}.") from error


def load_gate(path: Path) -> tuple[Gate, float]:
    """Read a gate and its threshold.

    Raises:
        UsageError: If the file cannot be read, or holds no gate.
    """
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads((file.metadata() or {})["gate"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        threshold = float(tensors.pop("threshold"))
        return _rebuild(described["kind"], described["parts"], tensors), threshold
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise UsageError(f"{path} holds no unfamiliarity gate that can be read.") from error


def _rebuild(kind: str, parts: Sequence[str], tensors: dict[str, Tensor]) -> Gate:
    if kind == JointGate.kind:
        gates = [
            _rebuild(part, (), _below(tensors, f"gates.{index}."))
            for index, part in enumerate(parts)
        ]
        return JointGate(gates, tensors["centre"], tensors["spread"])
    plain = {each.kind: each for each in (EnergyGate, SoftmaxGate)}
    fitted = {each.kind: each for each in (MahalanobisGate, NeighbourGate, HeadGate)}
    if kind in plain:
        return cast("Gate", plain[kind]())
    return cast("Gate", fitted[kind](**tensors))


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

"""Make a model package of a finished run.

    python -m ml.export --run runs/NAME --package ID [--install | --out DIR] [--int8]

The package is refused unless the graph and the network it came from agree on real B-scans; one in
8-bit integers (`--int8`) unless it says nearly the same of all validation B-scans as in full
precision. Its figures are measured on the split's test patients, through the program's own engine.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from app.engine import Engine
from app.errors import StorageError, UsageError
from app.modelpack import CARD, Card, ModelPackage, load_package
from app.paths import resources
from app.preprocess import prepare
from ml.assemble import divide, divide_all, earlier_of
from ml.calibrate import calibrate_run, calibration_of
from ml.card import figures_of, make_card, prose
from ml.checkpoint import require_trained_on, save_tensors
from ml.classes import OUT_OF_SCOPE
from ml.config import Run
from ml.cost import cost_of
from ml.endings import in_one_sentence
from ml.evaluate import write_evaluation
from ml.evaluation import Evaluation, evaluate
from ml.familiarity import load_gate
from ml.graph import Differences, Explained, difference, export_graph
from ml.manifest import Sample
from ml.operating import operating_points
from ml.predict import Trained, load_trained
from ml.predictions import Predictions
from ml.quantize import quantized
from ml.scoring import score_package
from ml.strange_scope import strange_scope

TOLERANCE = 1e-4
"""Largest difference of probabilities, and of maps and unfamiliarity as shares of their range."""

_PROOF_FRAMES = 64
_INT8_FRAMES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8:
    """What 8-bit integers may cost on validation B-scans, against full precision."""

    accuracy: float = 0.005  # that may be lost
    movement: float = 0.03  # of the class that moves most, in probability, on average


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A package that was written, and what was measured of it."""

    folder: Path
    evaluation: Evaluation
    differences: Differences


def make_package(
    run_folder: Path,
    package_id: str,
    models: Path | None = None,
    *,
    version: str = "",
    int8: Int8 | None = None,
) -> Exported:
    """Calibrate, export, prove, measure and install a finished run.

    Args:
        run_folder: Of `ml.teach` or `ml.distill`.
        package_id: The package's folder name.
        models: Where packages lie; by default where the program looks for them.
        version: Of the package; by default the one that the run's own file names.
        int8: Convolutions in 8-bit integers, if they cost no more than this. The card says what
            they cost on test patients.

    Raises:
        UsageError: If the run is not finished, the graph does not agree with the network, 8-bit
            integers cost too much, or the split has changed since the training.
        StorageError: If the package cannot be written.
    """
    trained = load_trained(run_folder)
    run = replace(trained.run, version=version or trained.run.version)
    division = divide(run)
    require_trained_on(run_folder, division.split.sha256, "Bring its data back, or train it again.")
    earlier = _pretrained_on(run)
    calibration = calibration_of(run_folder) or calibrate_run(run_folder)
    gate, _ = load_gate(run_folder / "gate.safetensors")
    _add_offsets(trained.network, calibration.offsets)
    explained = Explained(trained.network, gate).eval()
    spec = run.input
    whole = export_graph(explained, (len(spec.mean), spec.height, spec.width))
    graph = quantized(whole, _frames(trained, division.train, _INT8_FRAMES)) if int8 else whole
    target = (models or resources() / "models") / package_id
    shown = [each for each in earlier if each.finding in OUT_OF_SCOPE]
    card = make_card(
        package_id=package_id,
        run=run,
        calibration=calibration,
        graph=graph,
        training=_united(division.train, earlier),
        outliers=_united(division.outliers, shown),
        tested=division.test,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{package_id}-") as staging:
        folder = Path(staging) / package_id
        _write(folder, card, graph, trained, explained)
        frames = _frames(trained, division.val, _PROOF_FRAMES)
        differences = prove(folder, explained, frames, exact=int8 is None)
        others = []
        if int8:
            full = _full_precision(Path(staging), card, whole, trained, explained)
            _require_alike(folder, full, division.val, int8)
            others = [_score(load_package(full), trained)]
        evaluation = _measure(folder, trained, others)
        strange = strange_scope(load_package(folder), division.test, evaluation.predictions)
        card = replace(
            card,
            figures=figures_of(evaluation, strange),
            operating_points=operating_points(evaluation.predictions, card),
        )
        (folder / "model.json").write_bytes(CARD.dump_json(card, indent=1) + b"\n")
        told = prose(card, run, calibration, differences, evaluation.cost)
        (folder / "card.md").write_text(told)
        install(folder, target)
    write_evaluation(evaluation, divide_all(run).test, run_folder / "evaluation")
    return Exported(folder=target, evaluation=evaluation, differences=differences)


def _pretrained_on(run: Run) -> list[Sample]:
    """The B-scans of other labels that a run's first weights learnt from, over all runs."""
    later, samples = run, list[Sample]()
    while earlier := earlier_of(later):
        samples += divide(earlier).train if later.model.pretrained else ()
        later = earlier
    return samples


def _united(own: Iterable[Sample], others: Iterable[Sample]) -> list[Sample]:
    """Each B-scan once."""
    return list({each.sha256: each for each in (*others, *own)}.values())


def _add_offsets(network: nn.Module, offsets: Sequence[float]) -> None:
    """Put what calibration adds to the logits into the classifier's bias."""
    if not offsets:
        return
    with torch.no_grad():
        bias = network.get_classifier().bias  # type: ignore[operator]
        bias += torch.tensor(offsets, dtype=bias.dtype)


def _frames(trained: Trained, samples: Sequence[Sample], count: int) -> NDArray[np.float32]:
    """Network inputs of real B-scans taken evenly over the list, (n, channels, height, width)."""
    chosen = np.linspace(0, len(samples) - 1, min(count, len(samples))).astype(int)
    spec = trained.run.input
    return np.stack([prepare(samples[index].pixels(), spec).tensor for index in chosen])


def _write(folder: Path, card: Card, graph: bytes, trained: Trained, explained: Explained) -> None:
    try:
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(graph)
        (folder / "model.json").write_bytes(CARD.dump_json(card, indent=1) + b"\n")
    except OSError as error:
        raise StorageError(
            f"The package cannot be written to {folder.parent.parent}: {error.strerror}."
        ) from error
    # For the reference engine, which needs the network itself.
    save_tensors(
        folder / "weights.safetensors",
        explained.network.state_dict(),
        architecture=trained.run.model.architecture,
    )


def prove(
    folder: Path, explained: Explained, frames: NDArray[np.float32], *, exact: bool
) -> Differences:
    """Hold a package, run by the program's engine, against the network it came from.

    Args:
        folder: Of the package.
        explained: The network, with its gate.
        frames: Of real B-scans, (n, channels, height, width).
        exact: Refuse what differs by more than `TOLERANCE`; 8-bit integers are judged otherwise.

    Raises:
        UsageError: If they do not agree.
    """
    engine = Engine(load_package(folder))
    found = [engine.infer(frames[start : start + 8]) for start in range(0, len(frames), 8)]
    outputs = [
        np.concatenate([getattr(each, name) for each in found])
        for name in ("logits", "maps", "unfamiliarity")
    ]
    differences = difference(explained, outputs, frames)
    # Written so that a NaN fails it.
    if exact and not all(each <= TOLERANCE for each in astuple(differences)):
        raise UsageError(
            f"The graph does not agree with the network: probabilities differ by "
            f"{differences.probabilities:.2g}, maps by {differences.maps:.2g} and unfamiliarity "
            f"by {differences.unfamiliarity:.2g} of their range. No package was written."
        )
    return differences


def _full_precision(
    staging: Path, card: Card, graph: bytes, trained: Trained, explained: Explained
) -> Path:
    """The same package with its convolutions as they were trained."""
    folder = staging / f"{card.id}-full"
    card = replace(card, version="in full precision", graph_sha256=sha256(graph).hexdigest())
    _write(folder, card, graph, trained, explained)
    return folder


def _require_alike(folder: Path, full: Path, samples: Sequence[Sample], allowed: Int8) -> None:
    """Refuse 8-bit integers that cost more than is allowed on labelled B-scans."""
    small, whole = (score_package(load_package(each), samples) for each in (folder, full))
    after, before = (
        float((each.probabilities.argmax(axis=1) == each.labels).mean()) for each in (small, whole)
    )
    moved = float(np.abs(small.probabilities - whole.probabilities).max(axis=1).mean())
    # Written so that a NaN fails it.
    if not (before - after <= allowed.accuracy and moved <= allowed.movement):
        raise UsageError(
            f"8-bit integers cost too much: on {len(samples)} validation B-scans accuracy goes "
            f"from {before:.4f} to {after:.4f} (it may fall by {allowed.accuracy:g}) and "
            f"probabilities move by {moved:.4f} on average (they may by {allowed.movement:g}). No "
            "package was written; export without --int8, or allow more with --int8-accuracy and "
            "--int8-movement."
        )


def _score(package: ModelPackage, trained: Trained) -> Predictions:
    division = divide_all(trained.run)
    return score_package(package, division.test, split_sha256=division.split.sha256)


def _measure(folder: Path, trained: Trained, others: Sequence[Predictions]) -> Evaluation:
    """Judge the package on the test patients, in scope and out of it."""
    package = load_package(folder)
    said = _score(package, trained)
    return evaluate(said, card=package.card, others=others, cost=cost_of(package))


def install(folder: Path, target: Path) -> None:
    """Put a whole package in the place of an older one, which stays if that fails.

    Raises:
        StorageError: If it does.
    """
    older = target.with_name(f".{target.name}-older")
    shutil.rmtree(older, ignore_errors=True)
    replaced = target.exists()
    if replaced:
        target.rename(older)
    try:
        folder.rename(target)
    except OSError as error:
        if replaced:
            older.rename(target)
        raise StorageError(f"The package cannot be put at {target}: {error.strerror}.") from error
    shutil.rmtree(older, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make a model package of a finished run.")
    parser.add_argument("--run", type=Path, required=True, help="folder of the finished run")
    parser.add_argument("--package", required=True, metavar="ID", help="name of the package")
    parser.add_argument("--version", default="", help="of the package; by default the run's own")
    parser.add_argument("--int8", action="store_true", help="convolutions in 8-bit integers")
    for name, allowed in asdict(Int8()).items():
        parser.add_argument(
            f"--int8-{name}",
            type=float,
            default=allowed,
            metavar="X",
            help=f"what they may cost in {name} on validation B-scans; by default {allowed:g}",
        )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--install", action="store_true", help="put it where the program looks")
    where.add_argument("--out", type=Path, default=Path("runs/packages"), metavar="DIR")
    options = parser.parse_args(arguments)
    allowed = Int8(accuracy=options.int8_accuracy, movement=options.int8_movement)

    def work() -> int:
        with torch.no_grad():
            made = make_package(
                options.run,
                options.package,
                None if options.install else options.out,
                version=options.version,
                int8=allowed if options.int8 else None,
            )
        print(described(made))
        return 0

    return in_one_sentence(work)


def described(made: Exported) -> str:
    """What was made, in a few lines."""
    from ml.evaluate import in_short

    return (
        f"{made.folder}: probabilities within {made.differences.probabilities:.1e} of the "
        f"network's, maps within {made.differences.maps:.1e} and unfamiliarity within "
        f"{made.differences.unfamiliarity:.1e} of their range\n{in_short(made.evaluation)}"
    )


if __name__ == "__main__":
    raise SystemExit(main())

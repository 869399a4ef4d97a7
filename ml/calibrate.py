"""Turn a trained network's numbers into answers, on validation patients only.

    python -m ml.calibrate --run runs/NAME [--sensitivity 0.95]

Fits the softmax (its temperature, and whether classes are answered for as they come rather than as
they were drawn), the unfamiliarity gate with its threshold, and the rule that calls eyes, and
writes `calibration.json` and `gate.safetensors` into the run's folder, where `ml.export` finds
them. Test patients are never looked at.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from app.errors import StorageError, UsageError
from app.files import whole_file
from app.modelpack import AggregationPolicy
from ml.classes import class_info
from ml.config import read_dumped
from ml.endings import in_one_sentence
from ml.familiarity import save_gate
from ml.levels import bscan_cases
from ml.metrics import measure
from ml.policy import fit_policy, fit_scope_share
from ml.predictions import Predictions
from ml.softmax import fit_softmax, offsets_of

SENSITIVITY = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is fitted after training. `measured` says how, in plain figures of validation."""

    classes: tuple[str, ...]
    temperature: float
    unfamiliarity_threshold: float
    aggregation: AggregationPolicy
    wanted_sensitivity: float
    split_sha256: str
    patients: int
    bscans: int
    measured: dict[str, Any]
    # added to the logits: classes answered for as they come, not as they were drawn; (): nothing
    offsets: tuple[float, ...] = ()
    weights_sha256: str = ""  # of the model.safetensors that it was fitted to


def calibrate(
    predictions: Predictions,
    *,
    unfamiliarity_threshold: float,
    wanted_sensitivity: float = SENSITIVITY,
    gate: dict[str, Any] | None = None,
) -> Calibration:
    """Fit the rule on validation predictions.

    Args:
        predictions: Of validation B-scans, at the temperature of `fit_softmax`; with
            `unfamiliarity` the rule's share for "out of scope" is fitted too.
        unfamiliarity_threshold: From `ml.familiarity.fit_gate_threshold`.
        wanted_sensitivity: For each disease, by eye.
        gate: What was measured of the gate, to be kept with the rest.
    """
    known = predictions.labelled()
    classes = class_info(predictions.classes)
    policy = fit_policy(predictions, classes, wanted_sensitivity)
    if predictions.unfamiliarity is not None:
        policy = fit_scope_share(policy, *_unfamiliar_eyes(predictions, unfamiliarity_threshold))
    referable = [each.name for each in classes if each.referable]
    return Calibration(
        classes=predictions.classes,
        temperature=predictions.temperature,
        unfamiliarity_threshold=unfamiliarity_threshold,
        aggregation=policy,
        wanted_sensitivity=wanted_sensitivity,
        split_sha256=predictions.split_sha256,
        patients=len(np.unique(known.patients)),
        bscans=len(known),
        measured={
            "before": _measured(replace(known, temperature=1.0), referable),
            "after": _measured(known, referable),
            "gate": gate or {},
        },
    )


def _measured(known: Predictions, referable: Sequence[str]) -> dict[str, float]:
    names = ("accuracy", "expected calibration error", "negative log-likelihood", "Brier score")
    found = {each.name: each.value for each in measure(bscan_cases(known, referable), replicates=1)}
    return {name: round(found[name], 5) for name in names}


def _unfamiliar_eyes(
    predictions: Predictions, threshold: float
) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    """Which B-scans of each eye are unfamiliar: eyes in scope, and eyes out of it."""
    if predictions.unfamiliarity is None:
        return [], []
    beyond = predictions.unfamiliarity > threshold
    keys = np.char.add(np.char.add(predictions.patients, "/"), predictions.eyes)
    sides: tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]] = ([], [])
    for side, chosen in zip(sides, (predictions.labels >= 0, predictions.outside), strict=True):
        side.extend(beyond[chosen & (keys == key)] for key in np.unique(keys[chosen]))
    return sides


def calibrate_run(folder: Path, *, wanted_sensitivity: float = SENSITIVITY) -> Calibration:
    """Calibrate a finished training run and write `calibration.json` and `gate.safetensors`.

    The run's own manifest and split are used: training patients for the gate, validation patients
    for everything else.

    Raises:
        UsageError: If the run is not finished, or its data have changed since.
    """
    from ml.gating import choose_gate, look

    data = read_dumped(folder / "run.json").data
    class_info(data.classes)  # that they can have a rule, before anything is looked at
    looked, balance = look(folder), data.balance
    known = looked.validation.labelled()
    offsets = offsets_of(looked.inside.labels.tolist(), len(known.classes), balance)
    softmax = fit_softmax(known.logits, known.labels, offsets)
    looked = looked.with_offsets(softmax.offsets)
    choice = choose_gate(looked)
    save_gate(choice.gate, choice.threshold, folder / "gate.safetensors")
    calibration = calibrate(
        replace(
            looked.validation,
            temperature=softmax.temperature,
            unfamiliarity=choice.validation_scores,
        ),
        unfamiliarity_threshold=choice.threshold,
        wanted_sensitivity=wanted_sensitivity,
        gate=choice.measured,
    )
    shares = {
        "negative log-likelihood as drawn": round(softmax.loss_as_drawn, 5),
        "negative log-likelihood": round(softmax.loss, 5),
    }
    calibration = replace(
        calibration,
        offsets=softmax.offsets,
        weights_sha256=_weights_sha256(folder),
        measured={**calibration.measured, "shares": shares},
    )
    write_calibration(calibration, folder / "calibration.json")
    return calibration


def _weights_sha256(folder: Path) -> str:
    with (folder / "model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def calibration_of(folder: Path) -> Calibration | None:
    """The calibration of the weights that a finished run holds; None if there is none of these.

    A run that was trained anew in the same folder leaves the calibration of its former weights.

    Raises:
        UsageError: If there is one that cannot be read.
    """
    path = folder / "calibration.json"
    if not path.exists() or not (folder / "gate.safetensors").exists():
        return None
    calibration = load_calibration(path)
    return calibration if calibration.weights_sha256 == _weights_sha256(folder) else None


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration.

    Raises:
        StorageError: If it cannot be written.
    """
    try:
        with whole_file(path) as file:
            file.write(_CALIBRATION.dump_json(calibration, indent=1) + b"\n")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def load_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Raises:
        UsageError: If it cannot be read.
    """
    try:
        return _CALIBRATION.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"{path} holds no calibration that can be read. Run `python -m ml.calibrate` again."
        ) from error


_CALIBRATION: TypeAdapter[Calibration] = TypeAdapter(Calibration)


def in_short(calibration: Calibration) -> str:
    """What was fitted, in a few lines."""
    before, after = calibration.measured["before"], calibration.measured["after"]
    policy = calibration.aggregation
    lines = [
        f"{calibration.bscans} validation B-scans of {calibration.patients} patients",
        f"temperature {calibration.temperature:.3f}: expected calibration error "
        f"{before['expected calibration error']:.3f} to {after['expected calibration error']:.3f}",
        *_of_shares(calibration),
        f"top {policy.top_k}, {policy.adjacent} adjacent, out of scope above "
        f"{policy.max_unfamiliar:.0%} unfamiliar beyond {calibration.unfamiliarity_threshold:.3f}",
    ]
    lines += [
        f"{name}: called from {rule.threshold:.3f}, suspected from {rule.suspect:.3f}, a B-scan "
        f"counts from {rule.frame:.3f}"
        for name, rule in policy.rules.items()
    ]
    gates = calibration.measured["gate"].get("kinds", {})
    sent = 1 - calibration.measured["gate"].get("in_scope_share", 1.0)
    lines += [
        f"gate {kind}: diseases AUROC {each['diseases_auroc']:.3f} "
        f"({each['same_device_auroc']:.3f} within their data sets), caught "
        f"{each['diseases_caught']:.0%} where {each['in_scope_sent']:.1%} in scope are sent "
        f"({each['diseases_caught_where_that_share_is_sent']:.0%} where {sent:.0%} are); strange "
        f"pictures AUROC {each['strangers_auroc']:.3f}, "
        f"caught {each['strangers_caught']:.0%}; sent as other devices might show it "
        f"{each['devices_sent']:.0%}"
        + (" (kept)" if kind == calibration.measured["gate"].get("kept") else "")
        for kind, each in gates.items()
    ]
    return "\n".join(lines)


def offsets_of_classes(calibration: Calibration) -> str:
    """What is added to the logits of each class, in a line; "" if nothing is."""
    if not any(calibration.offsets):
        return ""
    return ", ".join(
        f"{name} {offset:+.3f}"
        for name, offset in zip(calibration.classes, calibration.offsets, strict=True)
    )


def _of_shares(calibration: Calibration) -> list[str]:
    """What the shares of the classes are worth, where they were drawn otherwise than they come."""
    if not any(calibration.offsets):
        return []
    shares = calibration.measured["shares"]
    return [
        f"classes as they come, not as they were drawn ({offsets_of_classes(calibration)}): "
        f"negative log-likelihood {shares['negative log-likelihood as drawn']:.4f} to "
        f"{shares['negative log-likelihood']:.4f}"
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 2 with one sentence if it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m ml.calibrate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--run", type=Path, required=True, help="a finished training run")
    parser.add_argument("--sensitivity", type=float, default=SENSITIVITY, help="by eye, 0 to 1")
    options = parser.parse_args(arguments)

    def work() -> int:
        print(in_short(calibrate_run(options.run, wanted_sensitivity=options.sensitivity)))
        return 0

    return in_one_sentence(work, status=2)


if __name__ == "__main__":
    sys.exit(main())

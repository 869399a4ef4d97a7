"""Measure a model on patients it has never seen, and write it down.

    python -m ml.evaluate --package resources/models/ID --manifest M --split test --out DIR
    python -m ml.evaluate --run runs/NAME --manifest M --out DIR [--tta]
    python -m ml.evaluate --predictions a.npz [fold1.npz …] [--compare b.npz …] --out DIR

Writes `evaluation.json`, `figures.csv`, `report.html` and `predictions.npz`. A package is scored
through the program's own preprocessing and engine, as it is shipped; a run that `ml.calibrate`
calibrated is judged by its own rule and gate. Models are compared only if they were scored the same
way: both with test-time augmentation, or both without.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from app.errors import StorageError, UsageError
from app.files import whole_file
from app.modelpack import Card, ModelPackage, load_package
from ml.asked import Asked, asked_of, doubts, whole_manifest
from ml.assemble import divide, relabelled
from ml.calibrate import calibration_of
from ml.card import unmade
from ml.checkpoint import finished, split_of
from ml.config import read_dumped
from ml.cost import Cost, cost_of, cost_of_run
from ml.endings import in_one_sentence
from ml.evaluation import SENT, Evaluation, evaluate
from ml.evaluation_report import report
from ml.evaluation_tables import as_csv, as_plain
from ml.familiarity import load_gate, score
from ml.gating import seen
from ml.manifest import SPLITS, Sample, read_manifest
from ml.metrics import REPLICATES
from ml.predictions import (
    Predictions,
    join_predictions,
    load_predictions,
    require_same_division,
    save_predictions,
)
from ml.scoring import score_package, score_run
from ml.softmax import fit_temperature

_UNCHECKED = (
    "Nobody checked whose validation patients the rule for eyes was fitted on: if some of them are "
    "among these, the figures by eye and patient are too good."
)
_ONE_VIEW_TEMPERATURE = (
    "The model's temperature was fitted on one view of each B-scan, as the program looks at it, "
    "and not on the mean of five: what is said of calibration is not the best for five."
)
_WHERE = ("split", "folds", "fold", "sources")


def write_evaluation(evaluation: Evaluation, samples: Sequence[Sample], folder: Path) -> None:
    """Write the evaluation's files into a folder.

    Raises:
        StorageError: If one cannot be written.
    """
    by_hash = {sample.sha256: sample for sample in samples}
    files = {
        "evaluation.json": json.dumps(as_plain(evaluation), indent=1, allow_nan=False) + "\n",
        "figures.csv": as_csv(evaluation),
        "report.html": report(evaluation, by_hash),
    }
    try:
        for name, text in files.items():
            with whole_file(folder / name) as file:
                file.write(text.encode())
    except OSError as error:
        raise StorageError(
            f"The evaluation cannot be written to {folder}: {error.strerror}."
        ) from error
    save_predictions(evaluation.predictions, folder / "predictions.npz")


def in_short(evaluation: Evaluation) -> str:
    """The figures that matter most, a line for each data set and level."""
    lines = []
    for result in evaluation.results:
        found = {each.name: each for each in result.estimates}
        shown = [
            f"{name} {found[name]}"
            for name in (
                "accuracy",
                "balanced accuracy",
                "sensitivity for DRUSEN",
                "AUROC for referable",
                "AUROC for DME or worse",
                "expected calibration error",
            )
            if name in found
        ]
        count = f"{len(result.cases.labels)} of {result.patients} patients"
        lines.append(f"{result.subset}, by {result.cases.unit} ({count}): {', '.join(shown)}")
    if evaluation.scope:
        scope = evaluation.scope
        lines.append(
            f"out of scope: AUROC {scope.auroc.value:.3f}, {scope.caught.value:.1%} caught while "
            f"{scope.sent.value:.1%} of in-scope B-scans are sent to a reader, "
            f"{scope.caught_at_share.value:.1%} where {SENT:.0%} are"
        )
    for each in evaluation.comparisons:
        accuracy = each.differences[0]
        lines.append(
            f"against {each.other}, by {each.unit}: accuracy {accuracy.value:+.3f} "
            f"({accuracy.low:+.3f} to {accuracy.high:+.3f}), McNemar p {each.p_value:.3g}"
        )
    return "\n".join(lines)


def _require_own_division(run_folder: Path, asked: Asked) -> None:
    """A run may only be judged on the division it was trained on, or on a whole manifest.

    Raises:
        UsageError: If it was another: test patients may be among those it learnt from.
    """
    finished(run_folder)
    own, own_fold = split_of(run_folder), read_dumped(run_folder / "run.json").data.fold
    if asked.split and (own, own_fold) != (asked.sha256, asked.split.fold):
        raise UsageError(
            f"{run_folder.name} was trained on fold {own_fold} of another division "
            f"({own[:12]}, not {asked.sha256[:12]}). Name its own with --folds and --fold, or, for "
            "data that it never saw, --split all."
        )


def _temperature(options: argparse.Namespace) -> float:
    """The temperature of a run's five views, fitted on its validation patients."""
    made = read_dumped(options.run / "run.json")
    data = replace(
        made.data, manifest=options.manifest, root=options.root, split=options.folds, limit=0
    )
    said = score_run(options.run, divide(replace(made, data=data)).val, tta=True, temperature=1.0)
    return fit_temperature(said.logits, said.labels)


def _calibrated(folder: Path) -> Card | None:
    """The rule that a run's own validation patients gave it; None if it was not calibrated."""
    calibration = calibration_of(folder)
    return unmade(read_dumped(folder / "run.json"), calibration) if calibration else None


def _with_gate(said: Predictions, folder: Path) -> Predictions:
    """With the unfamiliarity that a calibrated run's own gate finds; features must be there."""
    if said.features is None:
        return said
    gate, _ = load_gate(folder / "gate.safetensors")
    return replace(said, unfamiliarity=score(gate, seen(said)).astype(np.float32))


def _score_run(options: argparse.Namespace, asked: Asked) -> Predictions:
    _require_own_division(options.run, asked)
    temperature = options.temperature
    if temperature is None and options.tta and asked.split:
        temperature = _temperature(options)
    data = read_dumped(options.run / "run.json").data
    known = [each for each in relabelled(asked.samples, data) if each.label not in data.ignore]
    return score_run(options.run, known, tta=options.tta, temperature=temperature)


def _score_package(options: argparse.Namespace, asked: Asked, package: ModelPackage) -> Predictions:
    samples = asked.samples
    bar = tqdm(total=len(samples), desc="scoring", unit="B-scan", disable=None, leave=False)
    with bar:
        return score_package(
            package,
            samples,
            tta=options.tta,
            split_sha256=asked.sha256,
            progress=lambda done, _: bar.update(done - bar.n),
        )


def _score(
    options: argparse.Namespace,
    package: ModelPackage | None,
    card: Card | None,
    samples: tuple[Sample, ...],
) -> tuple[Predictions, tuple[str, ...]]:
    """What the model says, and what is to be known beside it."""
    if options.predictions:
        said = join_predictions([load_predictions(path) for path in options.predictions])
        return said, (_UNCHECKED,) if card else ()
    if not samples:
        raise UsageError("Say with --manifest which B-scans to score.")
    part = options.split or "test"
    asked = asked_of(
        samples,
        part,
        folds=options.folds,
        fold=options.fold or 0,
        sources=options.sources.split(",") if options.sources else (),
    )
    # Two packages may have one name: they are one only if all of their cards is the same.
    own = package.card if package else None
    cards = [each for each in (own, card if card != own else None) if each]
    notes = tuple(doubt for each in cards for doubt in doubts(each, asked))
    fitted = options.run and (asked.split or options.temperature or not calibration_of(options.run))
    if options.tta and not fitted:
        notes += (_ONE_VIEW_TEMPERATURE,)
    if options.run and not asked.split:
        notes += (whole_manifest(f"The run {options.run.name}"),)
    said = _score_package(options, asked, package) if package else _score_run(options, asked)
    return replace(said, part=part), notes


def _require_sense(options: argparse.Namespace) -> None:
    """Verify that one thing is to be judged, and that no option was given that changes nothing.

    Raises:
        UsageError: If not.
    """
    if sum(map(bool, (options.package, options.run, options.predictions))) != 1:
        raise UsageError("Say what to evaluate, with one of --package, --run and --predictions.")
    dead = []
    if options.predictions:
        why = "the predictions were made before"
        dead = [(name, why) for name in ("tta", "temperature", *_WHERE) if getattr(options, name)]
    if options.package and options.temperature is not None:
        dead.append(("temperature", "a package brings its own"))
    if options.fold is not None and not options.folds:
        dead.append(("fold", "without --folds the manifest's own division is used, which has none"))
    for name, why in dead:
        raise UsageError(f"--{name} changes nothing, because {why}. Leave it out.")


def run(options: argparse.Namespace) -> Evaluation:
    """Score, measure and write, as the command line says.

    Raises:
        UsageError: If an option makes no sense beside the others, or the model may not be judged on
            these B-scans.
    """
    _require_sense(options)
    package = load_package(options.package) if options.package else None
    lent = load_package(options.card).card if options.card else None
    if package and not lent:
        lent = package.card
    own = _calibrated(options.run) if options.run and not lent else None
    samples = read_manifest(options.manifest, options.root) if options.manifest else ()
    others = [load_predictions(path) for path in options.compare]
    said, notes = _score(options, package, lent, samples)
    if own:
        said = _with_gate(said, options.run)  # a gate goes with the rule fitted beside it
    for other in others:
        require_same_division(said, other)
    evaluation = evaluate(
        said,
        part=said.part or "unknown",
        card=lent or own,
        threshold=options.threshold,
        others=others,
        cost=_cost(options, package),
        notes=notes,
        replicates=options.replicates,
    )
    write_evaluation(evaluation, samples, options.out)
    return evaluation


def _cost(options: argparse.Namespace, package: ModelPackage | None) -> Cost | None:
    """What is scored here is timed too; of predictions that were made before nothing is known."""
    if package:
        return cost_of(package)
    return cost_of_run(options.run) if options.run else None


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml.evaluate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    what = parser.add_argument_group("what to evaluate")
    what.add_argument("--package", type=Path, help="a model package, as the program runs it")
    what.add_argument("--run", type=Path, help="a finished training run")
    what.add_argument(
        "--predictions", type=Path, nargs="+", help="predictions made before; folds are joined"
    )
    what.add_argument("--compare", type=Path, nargs="*", default=[], help="other predictions")
    what.add_argument(
        "--tta", action="store_true", help="average five views of each B-scan, as the paper does"
    )
    what.add_argument(
        "--temperature", type=float, help="of a run's logits; by default as it was calibrated, or 1"
    )
    what.add_argument(
        "--card",
        type=Path,
        help="package whose rule calls eyes and patients; by default the package's own, or "
        "that of the run where it is calibrated",
    )
    where = parser.add_argument_group("on which B-scans")
    where.add_argument("--manifest", type=Path)
    where.add_argument("--root", type=Path, help="of the images, if not the manifest's folder")
    where.add_argument("--folds", type=Path, help="split file; else the manifest's own division")
    where.add_argument("--fold", type=int, help="of the split file; by default 0")
    where.add_argument("--split", choices=[*SPLITS, "all"], help="by default test")
    where.add_argument("--sources", help="only these data sets, with commas between")
    parser.add_argument("--threshold", type=float, help="operating point for referable disease")
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 2 with one sentence if it cannot be done."""
    options = _arguments().parse_args(arguments)
    return in_one_sentence(lambda: _carry_out(options), status=2)


def _carry_out(options: argparse.Namespace) -> int:
    evaluation = run(options)
    for note in evaluation.notes:
        print(note, file=sys.stderr)
    print(in_short(evaluation))
    print(f"Wrote {options.out / 'report.html'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Train and judge every fold of a split, teachers and student alike, and pool what they said.

    python -m ml.splits MANIFEST --out folds.json
    python -m ml.folds --config ml/configs/folds.toml --split folds.json [--fold 0 --fold 1] [--tta]
        [--also ml/configs/folds-alone.toml]

Each fold is trained by the run's own command, its teachers first, in `runs/NAME-foldK`; no package
is made. Every network is scored on the test patients of its own fold, with the softmax that its own
validation patients give, and each B-scan is tested once. It calls eyes and patients by the rule
that its own answers to that fold's validation patients give: a rule of other patients would have
been fitted to some who are tested here, and one of another network favours that one. `DIR` (by
default `runs/NAME-pooled`) then holds `table.md`, fold by fold, and the evaluation of all folds
together with intervals by patient, the student compared with each teacher and with each run that
`--also` names, trained on the same folds. Stopped anywhere, the same command goes on.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.errors import UsageError
from app.modelpack import Card
from ml.assemble import divide, labels_of, on_same_data, run_folder
from ml.calibrate import calibrate
from ml.card import unmade
from ml.checkpoint import require_trained_on
from ml.command import train_apart
from ml.config import Run, load_run
from ml.endings import in_one_sentence
from ml.evaluate import in_short, write_evaluation
from ml.evaluation import Evaluation, evaluate
from ml.levels import bscan_cases
from ml.manifest import read_manifest
from ml.metrics import measure
from ml.predictions import Predictions, join_predictions
from ml.runlog import write_table
from ml.scoring import score_run
from ml.softmax import fit_softmax, offsets_of
from ml.splits import load_splits

FIGURES = ("accuracy", "balanced accuracy", "macro specificity")
"""What the paper gives for its folds; balanced accuracy is its macro sensitivity."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Folded:
    """What one model said of each fold's patients, with the softmax fitted in that fold."""

    name: str
    runs: tuple[Run, ...]  # by fold, as what follows
    validations: tuple[Predictions, ...]
    parts: tuple[Predictions, ...]  # of test patients

    @property
    def folds(self) -> tuple[int, ...]:
        return tuple(run.data.fold for run in self.runs)


def run_folds(
    config: Path,
    split: Path,
    folds: Sequence[int] = (),
    overrides: Sequence[str] = (),
    *,
    also: Sequence[Path] = (),
    tta: bool = False,
) -> tuple[Folded, ...]:
    """Train what is not trained, and score: the run itself first, then its teachers and others.

    Args:
        config: A run's file, of `ml.distill` or of `ml.teach`.
        split: Written by `ml.splits`.
        folds: Which; by default all of the split.
        overrides: Of the run itself, as `--set` takes them; those of the data also of the others.
        also: Files of other runs on the same folds.
        tta: Score with test-time augmentation, student and teachers alike.

    Raises:
        UsageError: If a run fails, the split has no such fold, or the teachers are crossed.
    """
    for run in (load_run(config, overrides), *map(load_run, also)):
        _refuse_crossed(run)
    wanted = tuple(folds) or tuple(each.fold for each in load_splits(split).folds)
    runs = {}
    of_data = [each for each in overrides if each.startswith("data.")]
    for fold in wanted:
        where = [f"data.split='{split}'", f"data.fold={fold}"]
        runs[fold] = load_run(config, [*overrides, *where])
        train_apart(config, [*overrides, *where], f"Fold {fold} of {config.stem}")
        for other in also:
            train_apart(other, [*of_data, *where], f"Fold {fold} of {other.stem}")
    distill = runs[wanted[0]].distill
    names = [config, *(distill.teachers if distill else ()), *also]
    each_fold = tuple(runs.values())
    return tuple(
        _folded(name, config, each_fold, of_data if name in also else (), tta=tta) for name in names
    )


def _refuse_crossed(run: Run) -> None:
    if run.distill and run.distill.cross:
        raise UsageError(
            "Crossed teachers are folds themselves, and folders of folds within folds have no "
            "names. Set distill.cross=0, or name a file without it."
        )


def _folded(
    name: Path, config: Path, runs: Sequence[Run], overrides: Sequence[str], *, tta: bool
) -> Folded:
    own = tuple(
        run if name == config else on_same_data(load_run(name, overrides), run) for run in runs
    )
    said = [_score(name, run, tta=tta) for run in own]
    return Folded(
        name=name.stem,
        runs=own,
        validations=tuple(validation for validation, _ in said),
        parts=tuple(part for _, part in said),
    )


def _score(name: Path, run: Run, *, tta: bool) -> tuple[Predictions, Predictions]:
    """One network on its fold's validation patients, who give the softmax, and test patients.

    Raises:
        UsageError: If it was trained on another split: it may know some of these patients.
    """
    folder, division = run_folder(name, run), divide(run)
    require_trained_on(
        folder, division.split.sha256, "Move it away, or name its own split with --split."
    )
    validation = score_run(folder, division.val, tta=tta, temperature=1.0)
    classes = run.data.classes
    offsets = offsets_of(labels_of(division.train, classes), len(classes), run.data.balance)
    softmax = fit_softmax(validation.logits, validation.labels, offsets)
    part = score_run(folder, division.test, tta=tta, temperature=1.0)
    return softmax.of(validation), softmax.of(part)


def table(folded: Sequence[Folded]) -> str:
    """Fold by fold, and mean and standard deviation (ddof 0, as the paper's) over them."""
    head = ["model", *(f"fold {fold}" for fold in folded[0].folds), "mean ± sd"]
    lines = ["| " + " | ".join(["figure", *head]) + " |", "|---" * (len(head) + 1) + "|"]
    for figure in FIGURES:
        for each in folded:
            values = [_value(part, figure) for part in each.parts]
            cells = [f"{value:.4f}" for value in values]
            cells.append(f"{np.mean(values):.4f} ± {np.std(values):.4f}")
            lines.append("| " + " | ".join([figure, each.name, *cells]) + " |")
    return "\n".join(lines) + "\n"


def _value(part: Predictions, figure: str) -> float:
    found = measure(bscan_cases(part, ()), replicates=1)
    return next(each.value for each in found if each.name == figure)


def pooled(folded: Sequence[Folded]) -> Evaluation:
    """Judge the first model on all folds' test patients together, against the others.

    Every model calls a fold's patients by the rule that its own answers to that fold's validation
    patients give. Where one cannot be fitted, the evaluation says why and judges only B-scans.
    """
    first = folded[0]
    whole = [replace(join_predictions(each.parts), model=each.name) for each in folded]
    try:
        cards = [_cards(each) for each in folded]
        note = (
            "Eyes and patients of a fold are called by the rule that a model's own answers to the "
            "fold's validation patients give."
        )
    except UsageError as error:
        cards, note = [], f"Eyes and patients are not judged. {error}"
    return evaluate(
        replace(whole[0], features=None),
        part=f"test of {len(first.folds)} folds",
        card=next(iter(cards[0].values())) if cards else None,
        own_cards=cards[0] if cards else None,
        # No fold's own: B-scans of all folds are referred alike.
        threshold=0.5,
        others=whole[1:],
        cards_of_others=cards[1:],
        notes=[note],
    )


def _cards(folded: Folded) -> dict[str, Card]:
    """For each test patient the card with the rule of the fold's validation patients.

    Raises:
        UsageError: If one cannot be fitted.
    """
    return {
        patient: card
        for run, validation, part in zip(folded.runs, folded.validations, folded.parts, strict=True)
        for card in [_card(run, validation)]
        for patient in part.patients.tolist()
    }


def _card(run: Run, validation: Predictions) -> Card:
    """A card with the rule of validation patients, without a gate.

    Raises:
        UsageError: If a class has no validation patient, or is none that can be exported.
    """
    return unmade(run, calibrate(validation, unfamiliarity_threshold=0.0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 1 with one sentence if it cannot be done."""
    options = _arguments().parse_args(arguments)
    return in_one_sentence(lambda: _carry_out(options))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml.folds", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, required=True, help="the run's TOML file")
    parser.add_argument("--split", type=Path, required=True, help="written by ml.splits")
    parser.add_argument("--fold", type=int, action="append", default=[], help="by default all")
    parser.add_argument(
        "--also", type=Path, action="append", default=[], help="another run's file, to compare with"
    )
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--tta", action="store_true", help="average five views of each B-scan")
    parser.add_argument("--out", type=Path, metavar="DIR", help="by default runs/NAME-pooled")
    return parser


def _carry_out(options: argparse.Namespace) -> int:
    out = options.out or Path("runs") / f"{options.config.stem}-pooled"
    folded = run_folds(
        options.config,
        options.split,
        options.fold,
        options.overrides,
        also=options.also,
        tta=options.tta,
    )
    made = table(folded)
    evaluation = pooled(folded)
    data = load_run(options.config, options.overrides).data
    write_evaluation(evaluation, read_manifest(data.manifest, data.root), out)
    write_table(out / "table.md", made)
    print(made + in_short(evaluation))
    return 0


if __name__ == "__main__":
    sys.exit(main())

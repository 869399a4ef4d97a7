"""What each switch of a run is worth: one short run for each, all else as in the base.

    python -m ml.ablate --config ml/configs/ablation.toml [--only EMA --only replay] [--out DIR]

Every run is a process of its own with the same seed, split and epochs, so that times can be
compared; the runs lie in `DIR/NAME`. Started again, finished runs are read and broken ones go on.
Runs are compared on the validation patients: test patients are not touched. The table stands in
`DIR/table.md`; differences are to the run named beside it, with 95 % intervals by patient.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from app.errors import UsageError
from ml.assemble import Division, divide
from ml.checkpoint import require_trained_on
from ml.classes import REFERABLE
from ml.command import train_apart
from ml.config import load_run
from ml.endings import in_one_sentence
from ml.levels import bscan_cases
from ml.metrics import Cases, Estimate, compare, measure
from ml.runlog import rows_of, write_table
from ml.scoring import score_run

BASE = "base"
_VIEWS = 2  # replayed in turn
DISTILLED, REPLAYED = "distilled", "replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One run: the base's file with some keys set otherwise."""

    name: str
    keys: tuple[str, ...]  # as `--set` takes them
    against: str = BASE  # the run it is compared with
    teachers: int = 0  # how many of those that are named; none: trained by labels alone
    pretrained: bool = False  # begins with what the named run learnt of other labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came out of one switch's run."""

    switch: Switch
    loss: Estimate  # on the validation patients
    accuracy: Estimate
    differences: dict[str, Estimate]  # to the run it is compared with, by figure
    seconds: float  # of an epoch, the median
    first: float  # of the first epoch
    ratio: float  # of `seconds` to that run's


_SEEN = f"augment.views={_VIEWS}"
SWITCHES = (
    Switch(name=BASE, keys=()),
    Switch(name="start from noise", keys=("model.start=noise",)),
    Switch(name="no augmentation", keys=("augment.recipe=none",)),
    Switch(name="augmentation of the paper's student", keys=("augment.recipe=paper-student",)),
    Switch(name="mixup", keys=("augment.mixup=0.4",)),
    Switch(name="EMA", keys=("train.ema=0.99",)),
    Switch(name="SWA", keys=("train.swa_start=1", "train.swa_lr=1e-4")),
    Switch(name="weight decay on norms and biases too", keys=("train.decay_norms=true",)),
    Switch(name="gradient clipping", keys=("train.clip=1.0",)),
    Switch(name="full precision", keys=("train.precision=float32",)),
    Switch(name="not channels-last", keys=("train.channels_last=false",)),
    Switch(name="torch.compile", keys=("train.compile=true",)),
    Switch(name="small views first", keys=("train.sizes=[[0, 0.75], [2, 1.0]]",)),
    Switch(name="classes drawn as they come", keys=("data.balance=none",)),
    Switch(name="classes drawn equally often", keys=("data.balance=equal",)),
    Switch(name="Kermany's alone", keys=('data.sources=["kermany"]',)),
    Switch(name="other diseases as no class", keys=("loss.outliers=0.5",)),
    Switch(name="pre-trained on all of OCTDL", keys=("model.start=",), pretrained=True),
    Switch(name="the same views again", keys=(_SEEN,)),
    Switch(name=DISTILLED, keys=(_SEEN,), teachers=1),
    Switch(name=REPLAYED, keys=(_SEEN, "distill.replay=true"), against=DISTILLED, teachers=1),
    Switch(name="two teachers", keys=(_SEEN,), against=DISTILLED, teachers=2),
    Switch(name="crossed teacher", keys=(_SEEN, "distill.cross=5"), against=DISTILLED, teachers=1),
)
FIGURES = ("negative log-likelihood", "accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Files of the runs that some switches build on; they are trained first if need be."""

    teachers: tuple[Path, ...] = (
        Path("ml/configs/desk-teacher.toml"),
        Path("ml/configs/desk-baseline.toml"),
    )
    pretrained: Path = Path("ml/configs/ablation-octdl.toml")

    def keys(self, switch: Switch) -> list[str]:
        """What is set for a switch."""
        keys = list(switch.keys)
        if switch.teachers:
            keys.append(
                f"distill.teachers={[str(each) for each in self.teachers[: switch.teachers]]}"
            )
        if switch.pretrained:
            keys.append(f"model.pretrained={self.pretrained}")
        return keys


def ablate(
    config: Path, out: Path, before: Before, only: Sequence[str] = ()
) -> tuple[Measured, ...]:
    """Train what is not trained yet, and compare.

    Args:
        config: The base's file.
        out: Where the runs go.
        before: What the switches that distil, or begin with a pre-trained run, build on.
        only: Names of switches, with what they are compared with; all by default.

    Raises:
        UsageError: If a name is unknown, a teacher is missing, or a run fails.
    """
    wanted = _wanted(only)
    lacking = max(each.teachers for each in wanted) - len(before.teachers)
    if lacking > 0:
        raise UsageError(f"Name {lacking} more teachers with --teachers, or leave their runs out.")
    base = load_run(config)
    for switch in wanted:
        train_apart(config, before.keys(switch), f"The run “{switch.name}”", out / _folder(switch))
    division = divide(base)
    cases = {each.name: _cases(division, out / _folder(each)) for each in wanted}
    seconds = {each.name: _seconds(out / _folder(each)) for each in wanted}
    return tuple(
        _measured(
            each, cases[each.name], cases[each.against], seconds[each.name], seconds[each.against]
        )
        for each in wanted
    )


def _wanted(only: Sequence[str]) -> list[Switch]:
    """The named switches and whatever they are compared with, in the order of the table."""
    by_name = {each.name: each for each in SWITCHES}
    unknown = [name for name in only if name not in by_name]
    if unknown:
        raise UsageError(f"There is no switch “{unknown[0]}”. There are {', '.join(by_name)}.")
    named = {*(only or by_name), BASE}
    while more := {by_name[name].against for name in named} - named:
        named |= more
    return [each for each in SWITCHES if each.name in named]


def _folder(switch: Switch) -> str:
    return switch.name.replace(" ", "-").replace("'", "")


def _cases(division: Division, folder: Path) -> Cases:
    """A run's answers to the validation B-scans.

    Raises:
        UsageError: If it was trained on another division: it may know some of these patients.
    """
    require_trained_on(folder, division.split.sha256, "Name another --out.")
    return bscan_cases(score_run(folder, division.val, temperature=1.0), REFERABLE)


def _seconds(folder: Path) -> list[float]:
    return [float(row["seconds"]) for row in rows_of(folder / "times.csv")]


def _measured(
    switch: Switch, own: Cases, other: Cases, seconds: list[float], others: list[float]
) -> Measured:
    found = {each.name: each for each in measure(own)}
    differences = {each.name: each for each in compare(own, other)}
    return Measured(
        switch=switch,
        loss=found[FIGURES[0]],
        accuracy=found[FIGURES[1]],
        differences={name: differences[name] for name in FIGURES},
        seconds=median(seconds),
        first=seconds[0],
        ratio=median(seconds) / median(others),
    )


def table(measured: Sequence[Measured]) -> str:
    """The result as Markdown."""
    lines = [
        "| run | set | against | validation loss | difference | accuracy | difference | "
        "s/epoch (first) | time |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in measured:
        loss, accuracy = (each.differences[name] for name in FIGURES)
        compared = each.switch.name != BASE
        lines.append(
            f"| {each.switch.name} | {'; '.join(each.switch.keys)} | "
            f"{each.switch.against if compared else '-'} | {each.loss} | "
            f"{_signed(loss) if compared else '-'} | {each.accuracy} | "
            f"{_signed(accuracy) if compared else '-'} | {each.seconds:.1f} ({each.first:.1f}) | "
            f"{each.ratio:.2f} |"
        )
    return "\n".join(lines) + "\n"


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 1 with one sentence if it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m ml.ablate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, required=True, help="the base's TOML file")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"), metavar="DIR")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument(
        "--teachers",
        type=Path,
        nargs="*",
        default=Before().teachers,
        metavar="TOML",
        help="runs that teach where a switch distils; trained first if they are not there",
    )
    parser.add_argument(
        "--pretrained",
        type=Path,
        default=Before().pretrained,
        metavar="TOML",
        help="the run on other labels that a switch begins with; trained first likewise",
    )
    options = parser.parse_args(arguments)

    def work() -> int:
        before = Before(teachers=tuple(options.teachers), pretrained=options.pretrained)
        made = table(ablate(options.config, options.out, before, options.only))
        write_table(options.out / "table.md", made)
        print(made, end="")
        return 0

    return in_one_sentence(work)


if __name__ == "__main__":
    sys.exit(main())

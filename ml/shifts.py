"""How far a package takes another machine's pictures: one change at a time, on the same patients.

    python -m ml.shifts --package resources/models/ID --manifest M.csv [--split val]

Each B-scan is changed in the way that is named, goes through the program's preprocessing and
engine, and is judged by its class and by the gate. A third device is not among the data: these are
what devices are known to differ in, somewhat beyond what training varies (`augment`, `devices`).
"""

import argparse
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import median_filter
from tqdm import tqdm

from app.modelpack import ModelPackage, load_package
from app.study import Pixels
from ml.asked import asked_of, doubts
from ml.devices import regreyed
from ml.endings import in_one_sentence
from ml.evaluation import evaluate
from ml.manifest import Sample, read_manifest
from ml.metrics import Estimate
from ml.outliers import is_outlier
from ml.scoring import as_it_is, score_package

REPLICATES = 500
_WHITE = 255.0

Change = Callable[[Pixels], Pixels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """What became of the same B-scans under one change."""

    name: str
    accuracy: Estimate  # by B-scan
    sent: Estimate | None  # of B-scans in scope, to a reader; None where none is out of scope
    caught: Estimate | None  # of B-scans with other diseases
    auroc: Estimate | None  # of the gate


def _within(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Change:
    """Change the greys, in [0, 1], of what is tissue or vitreous, not of what was filled in."""

    def changed(scan: Pixels) -> Pixels:
        return regreyed(scan, change(scan / _WHITE))

    return changed


def _grain(scan: Pixels) -> Pixels:
    rng = np.random.default_rng(zlib.crc32(scan.tobytes()))
    noise = rng.standard_normal(scan.shape)
    grey = scan / _WHITE * (1 + 0.35 * noise) + 0.08 * np.abs(noise)
    return np.asarray(np.rint(np.clip(grey, 0, 1) * _WHITE), dtype=np.uint8)


def _resized(scan: Pixels, width: float, height: float, *, back: bool = False) -> Pixels:
    rows, columns = scan.shape
    size = (max(round(columns * width), 32), max(round(rows * height), 32))
    image = Image.fromarray(scan).resize(size, Image.Resampling.BOX)
    if back:
        image = image.resize((columns, rows), Image.Resampling.BICUBIC)
    return np.asarray(image)


CHANGES: Mapping[str, Change] = {
    "nothing": as_it_is,
    "speckle of 0.35 and a noisy floor, wedges too": _grain,
    "blacks cut off at 50, times 1.6": _within(lambda grey: (grey - 50 / _WHITE) * 1.6),
    "gamma 1.6": _within(lambda grey: grey**1.6),
    "gamma 0.6": _within(lambda grey: grey**0.6),
    "median of 5 x 5": lambda scan: np.asarray(median_filter(scan, 5)),
    "a third of the A-scans, half of the rows": lambda scan: _resized(
        scan, 1 / 3, 1 / 2, back=True
    ),
    "a floor of 60 under all greys": _within(lambda grey: (grey * 195 + 60) / _WHITE),
    "0.7 of the width": lambda scan: _resized(scan, 0.7, 1),
    "1.5 of the height": lambda scan: _resized(scan, 1, 1.5),
}
"""By name. A B-scan is always changed in the same way."""


def shifted(
    package: ModelPackage, samples: Sequence[Sample], name: str, *, split_sha256: str = ""
) -> Shifted:
    """Judge a package on B-scans under one of `CHANGES`.

    Raises:
        DamagedFile: If an image cannot be read.
    """
    said = score_package(package, samples, change=CHANGES[name], split_sha256=split_sha256)
    found = evaluate(said, card=package.card, replicates=REPLICATES)
    scope = found.scope
    return Shifted(
        name=name,
        accuracy=found.result("all", "B-scan").value("accuracy"),
        sent=scope.sent if scope else None,
        caught=scope.caught if scope else None,
        auroc=scope.auroc if scope else None,
    )


def table(rows: Sequence[Shifted]) -> str:
    """The figures as a Markdown table, intervals by patient."""
    lines = [
        "| changed | accuracy | in scope, sent | other diseases caught | gate's AUROC |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.name} | "
        + " | ".join(_shown(each) for each in (row.accuracy, row.sent, row.caught, row.auroc))
        + " |"
        for row in rows
    ]
    return "\n".join(lines)


def _shown(figure: Estimate | None) -> str:
    return "-" if figure is None else str(figure)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml.shifts", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--package", type=Path, required=True, metavar="DIR")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--root", type=Path, help="of the images, if not the manifest's folder")
    parser.add_argument("--folds", type=Path, help="written by python -m ml.splits")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--split", choices=("val", "test"), default="val")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 2 with one sentence if it cannot be done."""
    options = _arguments().parse_args(arguments)
    return in_one_sentence(lambda: _carry_out(options), status=2)


def _carry_out(options: argparse.Namespace) -> int:
    package = load_package(options.package)
    whole = read_manifest(options.manifest, options.root)
    asked = asked_of(whole, options.split, folds=options.folds, fold=options.fold)
    for doubt in doubts(package.card, asked):
        print(doubt, file=sys.stderr)
    known = package.card.names
    samples = [each for each in asked.samples if each.label in known or is_outlier(each)]
    rows = [
        shifted(package, samples, name, split_sha256=asked.sha256)
        for name in tqdm(CHANGES, unit="change", disable=None)
    ]
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

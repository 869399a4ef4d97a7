"""Import data sets and look at them before training.

python -m ml.datasets import --kind neh|ucsd|folders|labelled DIR --out manifest.csv
python -m ml.datasets check DIR_OR_MANIFEST [--kind …] [--classes NORMAL,DRUSEN,CNV]
                                            [--pictures out.png]

`check` tells the layout of a folder that has no manifest by what lies in it, unless --kind says. It
also draws a few B-scans of every class and source, each of another patient, on a sheet.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from app.errors import DamagedFile, StorageError, UsageError
from app.files import whole_file
from ml.checks import Finding, Severity, check, check_rows
from ml.endings import in_one_sentence
from ml.importers import KINDS, import_folders, import_neh, kind_of
from ml.manifest import Sample, read_manifest, write_manifest
from ml.progress import progress_bar

NO_LABEL = "(no label)"
_PICTURES = 6  # B-scans of each class and source on the contact sheet


def counts_table(samples: Sequence[Sample]) -> str:
    """B-scans and patients by source, finding, label and split, as text."""
    rows: dict[tuple[str, str, str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        split = sample.split or "-"
        rows[sample.source, sample.label or NO_LABEL, sample.finding, split].append(sample)
    lines = [("source", "label", "as published", "split", "B-scans", "patients")]
    lines += [
        (*key, str(len(group)), str(len({sample.patient for sample in group})))
        for key, group in sorted(rows.items())
    ]
    patients = len({sample.patient for sample in samples})
    lines.append(("all", "", "", "", str(len(samples)), str(patients)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column > 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def contact_sheet(samples: Sequence[Sample], path: Path) -> None:
    """Draw a few B-scans of every class and source, each from another patient, as a PNG.

    Raises:
        StorageError: If the picture cannot be written.
    """
    from matplotlib.figure import Figure

    rows: dict[str, dict[str, Sample]] = defaultdict(dict)
    for sample in samples:
        rows[f"{sample.source}\n{sample.label or sample.finding}"].setdefault(
            sample.patient, sample
        )
    figure = Figure(figsize=(2.4 * _PICTURES, 1.5 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), _PICTURES, squeeze=False)
    for line, (title, patients) in zip(axes, sorted(rows.items()), strict=True):
        for axis in line:
            axis.set_axis_off()
        line[0].set_axis_on()
        line[0].set(xticks=[], yticks=[])
        line[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9)
        for axis, sample in zip(line, patients.values(), strict=False):
            try:
                axis.imshow(sample.pixels(), cmap="gray", vmin=0, vmax=255, aspect="auto")
            except DamagedFile:
                axis.text(0.5, 0.5, "unreadable", ha="center", transform=axis.transAxes)
    try:
        with whole_file(path) as file:
            figure.savefig(file, format="png", dpi=80)
    except OSError as error:
        raise StorageError(f"The picture {path} cannot be written: {error.strerror}.") from error


def _import(options: argparse.Namespace) -> int:
    progress = progress_bar("reading")
    for name, kind in (("worst_case", "neh"), ("licence", "folders")):
        if getattr(options, name) and options.kind != kind:
            raise UsageError(
                f"--{name.replace('_', '-')} is for --kind {kind} alone. Leave it out."
            )
    if options.kind == "neh":
        samples = import_neh(options.data, worst_case=options.worst_case, progress=progress)
    elif options.licence:
        samples = import_folders(options.data, licence=options.licence, progress=progress)
    else:
        samples = KINDS[options.kind](options.data, progress=progress)
    write_manifest(samples, options.out)
    print(counts_table(samples))
    print(f"Wrote {options.out}.")
    return _print_findings(check_rows(samples))


def _check(options: argparse.Namespace) -> int:
    samples = _read(options.data, options.kind)
    print(counts_table(samples))
    classes = options.classes.split(",") if options.classes else None
    status = _print_findings(check(samples, classes, progress=progress_bar("decoding")))
    pictures = options.pictures or Path("runs") / f"{_name_of(options.data)}-pictures.png"
    contact_sheet(samples, pictures)
    print(f"Pictures of a few: {pictures.resolve()}")
    return status


def _read(data: Path, kind: str | None) -> tuple[Sample, ...]:
    """The samples of a manifest, or of a folder of a kind that is told or found out.

    Raises:
        UsageError: If a kind is told of a file, or what is there cannot be read.
    """
    if kind and data.is_file():
        raise UsageError(
            f"{data} is a manifest, which needs no --kind: leave it out, or name a folder."
        )
    if not kind and (not data.is_dir() or (data / "manifest.csv").is_file()):
        return read_manifest(data)
    kind = kind or kind_of(data)
    print(f"Read as {kind}.")
    return KINDS[kind](data, progress=progress_bar("reading"))


def _name_of(data: Path) -> str:
    """What the data are called: a folder's name, or that of a manifest that has one of its own."""
    data = data.resolve()
    return data.parent.name if data.name == "manifest.csv" else data.stem


def _print_findings(findings: Sequence[Finding]) -> int:
    for each in findings:
        print(f"{each.severity.value}: {each.count} {each.message}")
    return int(any(each.severity is Severity.ERROR for each in findings))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml.datasets", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True)
    importing = commands.add_parser("import", help="turn a data set into a manifest")
    importing.add_argument("data", type=Path, metavar="DIR")
    importing.add_argument("--kind", choices=sorted(KINDS), required=True)
    importing.add_argument("--out", type=Path, required=True, metavar="CSV")
    importing.add_argument(
        "--worst-case",
        action="store_true",
        help="neh: only B-scans that show their patient's worst class",
    )
    importing.add_argument("--licence", help="folders: the data's licence; by default unknown")
    importing.set_defaults(run=_import)
    checking = commands.add_parser("check", help="count, and look for what is wrong")
    checking.add_argument("data", type=Path, metavar="DIR_OR_MANIFEST")
    checking.add_argument(
        "--kind", choices=sorted(KINDS), help="of a folder; by default as its files say"
    )
    checking.add_argument("--classes", metavar="A,B,…", help="labels that are allowed")
    checking.add_argument(
        "--pictures", type=Path, metavar="PNG", help="the contact sheet; by default in runs/"
    )
    checking.set_defaults(run=_check)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the data are sound, 1 if not, 2 if the call is wrong."""
    options = _arguments().parse_args(arguments)

    def work() -> int:
        try:
            return int(options.run(options))
        except UsageError as error:
            print(error, file=sys.stderr)
            return 2

    return in_one_sentence(work)


if __name__ == "__main__":
    sys.exit(main())

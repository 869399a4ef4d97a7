"""`python -m app analyse PATH… --out DIR`: PDF, JSON and CSV for each study, a line for each eye.

No file name and no line on standard output tells who the patient is: studies are named by a
digest of their UID, the same every time.
"""

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.acquisition import remarks
from app.analysis import analyse
from app.commands import terminal
from app.commands.terminal import complain, say
from app.engine import Engine
from app.errors import AppError, UsageError
from app.installed import choose_package
from app.modelpack import Card
from app.notices import banners
from app.operating_point import localised_package, not_permitted
from app.reading import open_studies
from app.results.output import file_stem
from app.settings import Settings, load_settings, locked_settings
from app.study import EyeResult, Gradability, Laterality, Outcome, Study, StudyResult

DESCRIPTION = "Analyses OCT studies without a window: PDF, JSON and CSV for each."

_EYES = {
    Laterality.RIGHT: "right eye",
    Laterality.LEFT: "left eye",
    Laterality.UNKNOWN: "eye unknown",
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
    parser.add_argument("--model", metavar="ID", help="model package; default: as in the settings")
    parser.add_argument(
        "--identity",
        action="store_true",
        help="put the patient's name and number into JSON and CSV (the PDF always has them)",
    )


def run(options: Namespace) -> int:
    return analyse_paths(
        Order(
            paths=options.paths,
            out=options.out,
            model_id=options.model,
            identity=options.identity,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be analysed, and how."""

    paths: Sequence[Path]
    out: Path
    model_id: str | None = None  # None: as the settings say
    identity: bool = False
    name_files: bool = False  # say which report was written


def analyse_paths(order: Order) -> int:
    """Analyse all studies that the paths hold and write their results; return the exit status.

    Raises:
        PackageError: If there is no model package that can be used.
        StorageError: If the settings cannot be read.
        UsageError: If results cannot be put where they were asked for, the model asked for is
            not installed, or the clinic's configuration locks what was asked for.
    """
    if order.out.exists() and not order.out.is_dir():
        raise UsageError(f"“{order.out}” is a file, so no results go there. Name a folder.")
    _refuse_what_is_locked(order)
    settings = load_settings(report=complain)
    package = choose_package(order.model_id or settings.model_id, settings.keys)
    for sentence in not_permitted(package.card, settings.thresholds.get(package.card.id, {})):
        complain(sentence)
    package = localised_package(package, settings)
    opened = open_studies(order.paths)
    terminal.tell_skipped(opened.skipped, order.paths)
    if not opened.studies:
        complain("No OCT study was found.")
        return 1
    engine = Engine(package)
    all_well = not any(each.failed for each in opened.skipped)
    for study, name in zip(opened.studies, _names(opened.studies), strict=True):
        try:
            result = analyse(study, package, terminal.Counter(name), engine=engine)
            _print_eyes(result, name, package.card)
            _write(result, name, package.card, order, settings)
        except AppError as error:
            complain(f"{name}: {error}")
            all_well = False
        else:
            all_well &= _tell_unreadable(result, name)
    return 0 if all_well else 1


def _refuse_what_is_locked(order: Order) -> None:
    locked = locked_settings()
    asked = {"--model": (order.model_id is not None, "model_id")}
    asked["--identity"] = (order.identity, "export_identity")
    for option, (given, name) in asked.items():
        if given and name in locked:
            raise UsageError(
                f"{option} cannot be used: the clinic's configuration says what holds. Ask whoever "
                "looks after this computer."
            )


def _names(studies: Sequence[Study]) -> list[str]:
    """A file name for each study: the same for the same study, and nothing of the patient."""
    seen: Counter[str] = Counter()
    names = []
    for study in studies:
        name = file_stem(study)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def _print_eyes(result: StudyResult, name: str, card: Card) -> None:
    for banner in banners(result, card):
        say(f"{name}: {banner}")
    for remark in remarks(result.study, card):
        eyes = " and ".join(_EYES[each] for each in remark.eyes)
        complain(f"{name}, {eyes}: {remark.sentence}")
    for eye in result.eyes:
        say(f"{name}, {_EYES[eye.laterality]}: {_headline(eye, card)} {eye.call.reason}")


def _headline(eye: EyeResult, card: Card) -> str:
    call = eye.call
    match call.outcome:
        case Outcome.CALLED if call.label is not None:
            return f"{card.class_named(call.label).title}, confidence {call.confidence:.2f}."
        case Outcome.UNCERTAIN if call.label is not None:
            return f"uncertain, {card.class_named(call.label).title} suspected."
        case _:
            return f"{call.outcome}."


def _write(result: StudyResult, name: str, card: Card, order: Order, settings: Settings) -> None:
    from app.report import write_report
    from app.results import write_csv, write_json

    target = order.out / name
    identity = order.identity or settings.export_identity
    write_json(result, card, target.with_suffix(".json"), identity=identity)
    write_csv(result, card, target.with_suffix(".csv"), identity=identity)
    report = target.with_suffix(".pdf")
    write_report(result, card, report, settings, datetime.now().astimezone())
    if order.name_files:
        say(f"{name}: the report is {report.resolve()}")


def _tell_unreadable(result: StudyResult, name: str) -> bool:
    """Say how many B-scans could not be read; False if that was all of them."""
    verdicts = [
        bscan.gradability
        for eye in result.eyes
        for volume in eye.volumes
        for bscan in volume.bscans
    ]
    unreadable = verdicts.count(Gradability.UNREADABLE)
    if unreadable:
        complain(f"{name}: {unreadable} of {len(verdicts)} B-scans could not be read.")
    return unreadable < len(verdicts)

"""The program on the command line.

`python -m app [PATH…]` opens the window. `python -m app analyse PATH… --out DIR` writes PDF, JSON
and CSV for each study and prints one line for each eye. Exit status: 0, or 1 where a study could
not be read, analysed or written (the others still are), or 2 for wrong usage.

Nothing printed and no file name tells who the patient is: studies are named by a digest of their
UID, the same every time.
"""

import argparse
import os
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__
from app.errors import AppError, UsageError
from app.study import EyeResult, Gradability, Laterality, Outcome, Study, StudyResult

# What analyses is imported where it is used: the window must not wait for it.
if TYPE_CHECKING:
    from app.modelpack import Card
    from app.settings import Settings

HEADLESS_FOLDER = Path("kd-oct-results")
"""Where results go, under the current folder, when there is no display and none was named."""

_EYES = {
    Laterality.RIGHT: "right eye",
    Laterality.LEFT: "left eye",
    Laterality.UNKNOWN: "eye unknown",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["analyse"]:
        options = _analyse_parser().parse_args(given[1:])
        return _guarded(
            Order(
                paths=options.paths,
                out=options.out,
                model_id=options.model,
                identity=options.identity,
            )
        )
    if given[:1] in (["convert"], ["anonymise"]):
        from app.cli_copies import main as copy_studies

        return copy_studies(given)
    options = _window_parser().parse_args(given)
    if has_display():
        return _open_window(options.paths)
    return _without_display(options.paths)


def has_display() -> bool:
    """Whether a window can be shown. Qt ends the process where it cannot, so it is asked before."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    wayland, x11 = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY")
    if wayland:
        place = Path(os.environ.get("XDG_RUNTIME_DIR", "/"), wayland)
        if _answers(str(place)):
            return True
    if x11 and x11.startswith(":"):
        number = x11[1:].split(".")[0]
        # A Linux X server also listens on the abstract name, often only there in a container.
        place_x = f"/tmp/.X11-unix/X{number}"
        return _answers(place_x) or _answers(f"\0{place_x}")
    return bool(x11)


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.settimeout(1)
        probe.connect(address)
        return True
    return False


def _window_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="Screens OCT volumes of the retina. Opens the window.",
        epilog="Without a window: python -m app analyse, convert, anonymise; each has --help.",
    )
    parser.add_argument("--version", action="version", version=f"KD-OCT {__version__}")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files or folders")
    return parser


def _analyse_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app analyse",
        description="Analyses OCT studies without a window: PDF, JSON and CSV for each.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
    parser.add_argument("--model", metavar="ID", help="model package; default: as in the settings")
    parser.add_argument(
        "--identity",
        action="store_true",
        help="put the patient's name and number into JSON and CSV (the PDF always has them)",
    )
    return parser


def _open_window(paths: Sequence[Path]) -> int:
    try:
        from app.gui.application import main as open_window
    except ImportError as error:
        # A system library of Qt is missing; its name is in the message.
        _complain(f"The window cannot be opened: {error}. Install that library, or use “analyse”.")
        return 1
    return open_window(paths)


def _without_display(paths: Sequence[Path]) -> int:
    from app.installed import demo_study

    what = "this" if paths else "the demo study"
    _say(f"There is no display, so {what} is analysed without a window.")
    return _guarded(Order(paths=paths or [demo_study()], out=HEADLESS_FOLDER, name_files=True))


def _guarded(order: "Order") -> int:
    try:
        return analyse_paths(order)
    except AppError as error:
        _complain(str(error))
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        _complain("Stopped. The files written so far are whole.")
        return 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What `analyse` was asked to do."""

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
        UsageError: If results cannot be put where they were asked for.
    """
    from app.analysis import analyse
    from app.engine import Engine
    from app.installed import choose_package
    from app.reading import open_studies
    from app.settings import load_settings

    if order.out.exists() and not order.out.is_dir():
        raise UsageError(f"“{order.out}” is a file, so no results go there. Name a folder.")
    settings = load_settings(report=_complain)
    package = choose_package(order.model_id or settings.model_id)
    opened = open_studies(order.paths)
    for skipped in opened.skipped:
        _complain(
            f"{'Not read' if skipped.failed else 'Skipped'}: {skipped.path}: {skipped.reason}"
        )
    if not opened.studies:
        _complain("No OCT study was found.")
        return 1
    engine = Engine(package)
    all_well = not any(each.failed for each in opened.skipped)
    for study, name in zip(opened.studies, _names(opened.studies), strict=True):
        try:
            result = analyse(study, package, _Counter(name), engine=engine)
            _print_eyes(result, name, package.card)
            _write(result, name, package.card, order, settings)
        except AppError as error:
            _complain(f"{name}: {error}")
            all_well = False
        else:
            all_well &= _tell_unreadable(result, name)
    return 0 if all_well else 1


def _names(studies: Sequence[Study]) -> list[str]:
    """A file name for each study: the same for the same study, and nothing of the patient."""
    from app.results.output import file_stem

    seen: Counter[str] = Counter()
    names = []
    for study in studies:
        name = file_stem(study)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


class _Counter:
    """Shows on a terminal how far a study is, and nothing elsewhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        if self._shown:
            end = "\r\x1b[K" if done == total else ""
            print(
                f"\r{self._name}: {done} of {total} B-scans", end=end, file=sys.stderr, flush=True
            )


def _print_eyes(result: StudyResult, name: str, card: "Card") -> None:
    from app.notices import banners

    for banner in banners(result.study, card):
        _say(f"{name}: {banner}")
    for eye in result.eyes:
        _say(f"{name}, {_EYES[eye.laterality]}: {_headline(eye, card)} {eye.call.reason}")


def _headline(eye: EyeResult, card: "Card") -> str:
    call = eye.call
    match call.outcome:
        case Outcome.CALLED if call.label is not None:
            return f"{card.class_named(call.label).title}, confidence {call.confidence:.2f}."
        case Outcome.UNCERTAIN if call.label is not None:
            return f"uncertain, {card.class_named(call.label).title} suspected."
        case _:
            return f"{call.outcome}."


def _write(
    result: StudyResult, name: str, card: "Card", order: Order, settings: "Settings"
) -> None:
    from app.report import write_report
    from app.results import write_csv, write_json

    target = order.out / name
    identity = order.identity or settings.export_identity
    write_json(result, card, target.with_suffix(".json"), identity=identity)
    write_csv(result, card, target.with_suffix(".csv"), identity=identity)
    report = target.with_suffix(".pdf")
    write_report(result, card, report, settings, datetime.now().astimezone())
    if order.name_files:
        _say(f"{name}: the report is {report.resolve()}")


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
        _complain(f"{name}: {unreadable} of {len(verdicts)} B-scans could not be read.")
    return unreadable < len(verdicts)


def _say(sentence: str) -> None:
    """Print a line; where it cannot go, the results must still be written."""
    try:
        print(sentence, flush=True)
    except OSError as error:
        # A full disk, or a pipe that nobody reads any more.
        _complain(f"No more can be printed: {error.strerror}. The results are still written.")
        # What is left in the buffer would fail again when the program ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(sentence: str) -> None:
    print(sentence, file=sys.stderr)

"""What commands that train share: their options, and runs in processes of their own."""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import UsageError
from ml.assemble import run_folder
from ml.checkpoint import require_free
from ml.config import Run, load_run, read_dumped, without_places
from ml.dryrun import rehearse
from ml.endings import in_one_sentence
from ml.processes import is_first, join_processes
from ml.validation import Scores


def arguments_of(description: str) -> argparse.ArgumentParser:
    """The options that every training command has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", type=Path, required=True, help="the run's TOML file")
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key of the file, such as train.epochs=3",
    )
    parser.add_argument("--out", type=Path, help="the run's folder; by default under runs/")
    parser.add_argument("--resume", action="store_true", help="go on where the run was stopped")
    parser.add_argument(
        "--dry-run", action="store_true", help="show data, model, memory and time, and stop"
    )
    return parser


def carry_out(
    options: argparse.Namespace,
    work: Callable[[Run, Path], None],
    require: Callable[[Run], object] = lambda run: run,
) -> int:
    """Do the work on the run and folder that the options name; return the exit status.

    What the user can mend is one sentence on standard error and status 1. `require` raises
    UsageError for a run that the work is not for, also before a rehearsal.
    """

    def trained() -> int:
        run = load_run(options.config, options.overrides)
        require(run)
        join_processes()
        if options.dry_run:
            said = rehearse(run)
            if is_first():
                print(said)
            return 0
        out = options.out or run_folder(options.config, run)
        if not options.resume:
            require_free(out)
        work(run, out)
        return 0

    return in_one_sentence(trained, trains=True)


def train_apart(config: Path, keys: Sequence[str], name: str, out: Path | None = None) -> None:
    """Train a run in a process of its own, if it is not finished; its teachers first, no package.

    Args:
        config: The run's file.
        keys: Overrides, as `--set` takes them.
        name: What to call it to the user.
        out: The run's folder, if not the file's own.

    Raises:
        UsageError: If the run fails, or `out` holds one that was made otherwise.
    """
    keys = [*keys, 'package=""']
    run = load_run(config, keys)
    out = out or run_folder(config, run)
    if (out / "model.safetensors").exists():
        require_finished_of(run, out)
        return
    print(f"{name}, in {out}", file=sys.stderr)
    module = "ml.distill" if run.distill else "ml.teach"
    command = [sys.executable, "-m", module, "--config", str(config), "--out", str(out), "--resume"]
    if subprocess.run([*command, *(f"--set={key}" for key in keys)], check=False).returncode:
        raise UsageError(
            f"{name} failed, as said above. Mend that and start the same command again: it goes on "
            "from here."
        )


def require_finished_of(run: Run, out: Path) -> None:
    """Verify that the finished run in `out` was made as `run` says.

    Raises:
        UsageError: If it was not: its weights are not what is asked for.
    """
    if without_places(read_dumped(out / "run.json")) != without_places(run):
        raise UsageError(
            f"{out} holds a finished run of another configuration. Move it away, or name another "
            "--out."
        )


def print_scores(out: Path, scores: Scores) -> None:
    if is_first():
        print(f"{out}: validation accuracy {scores.accuracy:.4f}, loss {scores.loss:.4f}")

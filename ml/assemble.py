"""Put a run together: its data, its network, its folder, its processes."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from app.errors import UsageError
from app.modelpack import InputSpec
from app.progress import Progress
from ml.checkpoint import finished, load_weights
from ml.checks import Inspection, check, check_labels, check_rows, inspect_images, require_sound
from ml.classes import NO_LABEL, class_info
from ml.config import Data, Run, load_run, read_dumped
from ml.data import Views, network_input, read_bands
from ml.depthwise import use_fast_depthwise
from ml.loop import Task, Trainer
from ml.manifest import Sample, read_manifest
from ml.memory import keep_freed_memory
from ml.models import Start, build, load_backbone, try_out, unexplained
from ml.outliers import OutlierExposure, is_outlier
from ml.policy import require_every_class
from ml.predict import Trained, load_trained
from ml.processes import device, is_first
from ml.progress import progress_bar
from ml.splits import Split, division, select
from ml.validation import Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The B-scans of one fold, and the split they come from."""

    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    test: tuple[Sample, ...]
    split: Split
    outliers: tuple[Sample, ...] = ()  # of training patients; only where the run learns from them


@lru_cache(maxsize=1)
def inspected(samples: tuple[Sample, ...]) -> Inspection:
    """Inspect a manifest's images once in a process, however many runs of a chain ask for it."""
    return inspect_images(samples, progress=_bar("inspecting images"))


def divided(samples: tuple[Sample, ...], path: Path | None, fold: int) -> Split:
    """A fold of a split file, or the manifest's own division, for which images are inspected.

    Raises:
        UsageError: If the file does not fit the samples, or a patient stands on two sides.
    """
    return division(samples, path, fold, () if path else inspected(samples).linked)


def require_sound_data(run: Run) -> None:
    """Look for all that is wrong with a run's data, before anything is trained on them.

    Also with what it is to be pre-trained on. What is no error is said in short on standard error.
    Of several processes only the first looks.

    Raises:
        UsageError: If the data cannot be trained on, or the run cannot be pre-trained as it says.
    """
    if not is_first():
        return
    said = _require_sound(run)
    before = pretraining_of(run)
    if before:
        said += _require_sound(before)
        divide(before)
    if said:
        where = f"`python -m ml.datasets check {run.data.manifest}` says which."
        print(*dict.fromkeys(said), where, sep="\n", file=sys.stderr)


def _require_sound(run: Run) -> list[str]:
    """What is no error, in short."""
    samples = read_manifest(run.data.manifest, run.data.root)
    chosen = _chosen(relabelled(samples, run.data), run.data)
    findings = check(chosen, run.data.classes, inspection=inspected(samples))
    require_sound(findings)
    return [each.in_short for each in findings]


def _bar(title: str) -> Progress:
    """A progress bar, of the first process alone."""
    return progress_bar(title, shown=is_first())


def _chosen(samples: Iterable[Sample], data: Data) -> tuple[Sample, ...]:
    """Those of the chosen sources, without the labels that are to be left out."""
    return tuple(
        each
        for each in samples
        if (not data.sources or each.source in data.sources) and each.label not in data.ignore
    )


def relabelled(samples: Sequence[Sample], data: Data) -> Sequence[Sample]:
    """The samples as a run takes them: labelled by class or by finding, as it says.

    A division that it does not use may be as it likes.
    """
    if data.split:
        samples = [replace(each, split=None) for each in samples]
    if data.label == "finding":
        samples = [replace(each, label=each.finding) for each in samples]
    return samples


def divide_all(run: Run) -> Division:
    """Divide the B-scans of the chosen sources, labelled or not, without the labels to leave out.

    The whole manifest is divided first: a patient may have B-scans in several sources.

    Raises:
        UsageError: If a patient stands on two sides.
    """
    samples = read_manifest(run.data.manifest, run.data.root)
    rows = relabelled(samples, run.data)
    wished = [each for each in rows if each.label not in run.data.ignore]
    unknown = check_labels(_chosen(rows, run.data), run.data.classes)
    require_sound((*unknown, *check_rows(wished)))
    split = divided(samples, run.data.split, run.data.fold)

    def part(hashes: Iterable[str]) -> tuple[Sample, ...]:
        return _chosen(select(rows, hashes), run.data)

    return Division(
        train=part(split.train), val=part(split.val), test=part(split.test), split=split
    )


def divide(run: Run) -> Division:
    """Divide the labelled B-scans as the run says.

    Raises:
        UsageError: If a patient stands on two sides, a part is empty, or a class has no training
            B-scan.
    """
    whole = divide_all(run)
    limit = run.data.limit or None
    parts = {
        part: _spread(_known(getattr(whole, part), run.data.classes), limit)
        for part in ("train", "val", "test")
    }
    for part, members in parts.items():
        if not members:
            raise UsageError(f"The {part} part of the split holds no B-scan of the run's classes.")
    lacking = set(run.data.classes) - {sample.label for sample in parts["train"]}
    if lacking:
        raise UsageError(
            f"No training patient has {', '.join(sorted(lacking))}. Take it out of data.classes, "
            "or add such B-scans to the manifest."
        )
    return Division(**parts, split=whole.split, outliers=_outliers(run, whole, limit))


def _outliers(run: Run, whole: Division, limit: int | None) -> tuple[Sample, ...]:
    if not run.loss.outliers:
        return ()
    found = tuple(sample for sample in whole.train if is_outlier(sample))
    if not found:
        raise UsageError(
            "No training patient has a disease outside the classes, so there is nothing for "
            "loss.outliers to weigh. Set it to 0, or add such B-scans to the manifest."
        )
    return _spread(found, limit)


def _known(samples: Sequence[Sample], classes: Sequence[str]) -> tuple[Sample, ...]:
    return tuple(sample for sample in samples if sample.label in classes)


def _spread(samples: tuple[Sample, ...], limit: int | None) -> tuple[Sample, ...]:
    """At most `limit` samples, taken evenly over the list so that every class is met."""
    if limit is None or len(samples) <= limit:
        return samples
    return tuple(samples[i] for i in np.linspace(0, len(samples) - 1, limit).astype(int))


def labels_of(samples: Sequence[Sample], classes: Sequence[str]) -> list[int]:
    """Class indices. An unknown label is an error, never class 0."""
    return [classes.index(sample.label or "") for sample in samples]


def network_of(run: Run, start: Start | None = None) -> nn.Module:
    """The run's network as it is trained, with its first weights or those of another start.

    Raises:
        UsageError: If the weights cannot be had, the architecture does not take the run's frames,
            or the run that it continues is not finished.
    """
    model = run.model
    builds_on = model.builds_on if start is None else None
    network = build(
        model.architecture,
        len(run.data.classes),
        start=start or (Start.NOISE if builds_on else model.start),
        channels=len(run.input.mean),
        dropout=model.dropout,
        drop_path=model.drop_path,
        size=(run.input.height, run.input.width),
    )
    if builds_on:
        load = load_weights if model.continues else load_backbone
        load(network, finished(run_folder(builds_on, run)), model.architecture)
    # The quick gradients are those of channels-last memory.
    if run.train.precision == "bfloat16" and run.train.channels_last:
        use_fast_depthwise(network)
    for share in {1.0, *(share for _, share in run.train.sizes)}:
        try_out(network, model.architecture, network_input(_blank(run.input), run.input, share))
    return network


def _blank(spec: InputSpec) -> Tensor:
    """One black frame, as views are: (1, 1, height, width)."""
    return torch.zeros(1, 1, spec.height, spec.width)


def why_no_package(run: Run, network: nn.Module) -> str:
    """Why no package can be made of what a run trains, as a sentence; "" if it can."""
    reason = unexplained(network, network_input(_blank(run.input), run.input))
    return reason and (
        f"“{run.model.architecture}” cannot become a package, because it has no activation maps: "
        f"{reason}."
    )


def require_exportable(run: Run) -> None:
    """Refuse a run of which no package can be made, before it is trained for one.

    Raises:
        UsageError: If its classes are none that a package can have, a class has no validation
            patient to fit the rule on, or the network's activation maps cannot be had.
    """
    names = run.data.classes
    classes = class_info(names)
    require_every_class(labels_of(_known(divide_all(run).val, names), names), classes)
    why = why_no_package(run, network_of(run, Start.NOISE))
    if why:
        raise UsageError(
            f"{why} Choose another model.architecture, such as efficientnet_b2, or make no "
            'package (--package "").'
        )


def trainer(
    run: Run, task: Task, division: Division, out: Path, view_spec: InputSpec | None = None
) -> Trainer:
    """Build the network and read the images. `view_spec` is the size views are drawn at."""
    if device().type == "cpu":
        keep_freed_memory()
    if run.model.builds_on:
        _require_same_data(load_trained(run_folder(run.model.builds_on, run)), run, division)
    labels = labels_of(division.train, run.data.classes) + [NO_LABEL] * len(division.outliers)
    shown = (*division.train, *division.outliers)
    views = Views(shown, labels, run, view_spec or run.input, _bar("reading training images"))
    torch.manual_seed(run.train.seed)
    return Trainer(
        run=run,
        network=network_of(run),
        task=OutlierExposure(task, run.loss.outliers) if division.outliers else task,
        views=views,
        labels=labels,
        validation=Validation(
            bands=read_bands(division.val, run.input, _bar("reading validation images")),
            labels=np.asarray(labels_of(division.val, run.data.classes)),
        ),
        out=out,
        split_sha256=division.split.sha256,
        device=device(),
    )


def _require_same_data(earlier: Trained, run: Run, division: Division) -> None:
    """Verify that a run that is gone on from learnt the same classes on the same patients.

    One that only pre-trained may have learnt what it likes, but of no other patients either.

    Raises:
        UsageError: If it did not: its weights may know this run's test patients.
    """
    if run.model.continues and earlier.run.data.classes != run.data.classes:
        raise UsageError(
            f"The run in {earlier.folder} knows {', '.join(earlier.run.data.classes)}, this one is "
            f"to learn {', '.join(run.data.classes)}. To go on from it they must be the same."
        )
    own, theirs = division.split.sha256, earlier.split_sha256
    if (own, run.data.fold) != (theirs, earlier.run.data.fold):
        raise UsageError(
            f"The run in {earlier.folder} was trained on fold {earlier.run.data.fold} of split "
            f"{theirs[:12]}, this one is to go on from it on fold {run.data.fold} of {own[:12]}: "
            "it would know some test patients. Train it again on this run's split."
        )


def run_folder(config: Path, run: Run) -> Path:
    """Where a run of this file and fold is kept unless --out says otherwise."""
    fold = f"-fold{run.data.fold}" if run.data.split else ""
    return Path("runs") / f"{config.stem}{fold}"


def on_same_data(run: Run, other: Run) -> Run:
    """`run` on the data, classes, split and fold of `other`: teacher and student never differ."""
    return replace(run, data=replace(other.data, balance=run.data.balance))


def pretraining_of(run: Run) -> Run | None:
    """What `run` is pre-trained by: with labels and sources of its own, but of the same patients.

    Raises:
        UsageError: If its file cannot be read, names teachers or has another architecture.
    """
    config = run.model.pretrained
    if config is None:
        return None
    own, data = load_run(config), run.data
    if own.distill:
        raise UsageError(f"{config} has a [distill] section, but teachers cannot pre-train.")
    if own.model.architecture != run.model.architecture:
        raise UsageError(
            f"{config} pre-trains “{own.model.architecture}”, which is not the run's "
            f"“{run.model.architecture}”. Set model.architecture alike in both files."
        )
    same = {name: getattr(data, name) for name in ("manifest", "root", "split", "fold", "limit")}
    return replace(own, data=replace(own.data, **same))


def earlier_of(run: Run) -> Run | None:
    """The run whose weights `run` begins with, as it was trained, or else as its file says.

    Its data are looked for where those of `run` are now.

    Raises:
        UsageError: If neither the run nor its file is there, or what the file says cannot be.
    """
    builds_on = run.model.builds_on
    if builds_on is None:
        return None
    kept = run_folder(builds_on, run) / "run.json"
    if kept.exists():
        made, data = read_dumped(kept), run.data
        here = replace(made.data, manifest=data.manifest, root=data.root, split=data.split)
        return replace(made, data=here)
    if not builds_on.exists():
        raise UsageError(
            f"What {builds_on.stem} learnt, with which this run began, cannot be told: neither "
            f"{kept} nor {builds_on} is there. Run this where they are."
        )
    return pretraining_of(run) or on_same_data(load_run(builds_on), run)

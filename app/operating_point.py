"""The clinic's own operating point: thresholds within what the package permits, and what follows.

A package may list, for a class, the thresholds that were measured, each with its sensitivity and
specificity. A clinic chooses among those and no others, so that whatever threshold holds, how it
does is known. Predictive values follow from sensitivity, specificity and the prevalence among the
clinic's own patients; a package cannot know that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, inf, log, sqrt

from app.language import fill
from app.modelpack import Card, ClassRule, Estimate, ModelPackage, OperatingPoint
from app.settings import Settings

_ROUNDING = 1e-6  # of a threshold that went through a settings file


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictive:
    """What a call, and the absence of one, is worth at a prevalence."""

    positive: Estimate  # of the patients called, the share who have the disease
    negative: Estimate  # of those not called, the share who do not


def predictive(sensitivity: Estimate, specificity: Estimate, prevalence: float) -> Predictive:
    """Return the predictive values by Bayes' rule, with 95 % intervals.

    The intervals join those of sensitivity and specificity as of two independent figures, by the
    MOVER method for the logarithm of their ratio (Zou and Donner, Stat Med 2008;27:1693). The
    prevalence counts as known.

    Args:
        prevalence: Strictly between 0 and 1.
    """
    odds = prevalence / (1 - prevalence)
    called = _ratio(sensitivity, _complement(specificity))
    missed = _ratio(specificity, _complement(sensitivity))
    return Predictive(
        positive=Estimate(*(_share(odds * each) for each in called)),
        negative=Estimate(*(_share(each / odds) for each in missed)),
    )


def measured_point(card: Card, name: str) -> OperatingPoint | None:
    """What the threshold that holds for a class was measured to give; None if it was not.

    A package without a list of operating points has its figures, which count a suspicion as a
    call: those by patient come before those by B-scan, and on all data before those on a part.
    """
    rule = card.aggregation.rules[name]
    listed = _listed(card, name, rule.threshold)
    if listed is not None or rule.packaged is not None:
        return listed
    figures = {
        (each.name, each.data): Estimate(each.value, each.low, each.high) for each in card.figures
    }
    sources = dict.fromkeys(each.data for each in card.figures)
    for data in sorted(sources, key=lambda each: "by patient" not in each):
        sensitivity = figures.get((fill("sensitivity for {name}", name=name), data))
        specificity = figures.get((fill("specificity for {name}", name=name), data))
        if sensitivity is not None and specificity is not None:
            return OperatingPoint(
                threshold=rule.threshold,
                sensitivity=sensitivity,
                specificity=specificity,
                data=fill("{data}, suspicions counted as calls", data=data),
            )
    return None


def localised(card: Card, thresholds: Mapping[str, float]) -> Card:
    """The card with the clinic's thresholds by class; those that are not permitted are left out."""
    rules = dict(card.aggregation.rules)
    for name, threshold in thresholds.items():
        own = rules.get(name)
        point = _listed(card, name, threshold) if own is not None else None
        if own is None or point is None or _same(point.threshold, own.threshold):
            continue
        rules[name] = ClassRule(
            threshold=point.threshold,
            suspect=min(own.suspect, point.threshold),
            frame=own.frame,
            packaged=own.threshold,
        )
    return replace(card, aggregation=replace(card.aggregation, rules=rules))


def localised_package(package: ModelPackage, settings: Settings) -> ModelPackage:
    """The package as this clinic uses it: the same network, with the clinic's thresholds."""
    thresholds = settings.thresholds.get(package.card.id, {})
    return replace(package, card=localised(package.card, thresholds)) if thresholds else package


def not_permitted(card: Card, thresholds: Mapping[str, float]) -> tuple[str, ...]:
    """A sentence for each threshold in the settings that this package does not permit."""
    return tuple(
        fill(
            "The threshold of {threshold} % that was set for {name} is none that the model "
            "package permits, so its own holds.",
            threshold=f"{100 * threshold:.3g}",
            name=name,
        )
        for name, threshold in thresholds.items()
        if name in card.aggregation.rules
        and not _same(threshold, card.aggregation.rules[name].threshold)
        and _listed(card, name, threshold) is None
    )


def changed_rules(card: Card) -> dict[str, ClassRule]:
    """The rules in which the clinic's threshold holds instead of the package's own."""
    return {
        name: rule for name, rule in card.aggregation.rules.items() if rule.packaged is not None
    }


def _listed(card: Card, name: str, threshold: float) -> OperatingPoint | None:
    points = card.operating_points.get(name, ())
    return next((each for each in points if _same(each.threshold, threshold)), None)


def _same(one: float, other: float) -> bool:
    return abs(one - other) < _ROUNDING


def _complement(estimate: Estimate) -> Estimate:
    return Estimate(1 - estimate.value, 1 - estimate.high, 1 - estimate.low)


def _ratio(one: Estimate, other: Estimate) -> tuple[float, float, float]:
    """The ratio of two shares with its interval; infinite where nothing stands below."""
    value = _over(one.value, other.value)
    if value in (0.0, inf):
        # The logarithm has no spread to join: the worst and the best that both intervals allow.
        return value, _over(one.low, other.high), _over(one.high, other.low)
    below = sqrt(_steps(one.value, one.low) ** 2 + _steps(other.high, other.value) ** 2)
    above = sqrt(_steps(one.high, one.value) ** 2 + _steps(other.value, other.low) ** 2)
    return value, value * exp(-below), value * exp(above) if above < inf else inf


def _steps(greater: float, less: float) -> float:
    return log(greater / less) if less > 0 else inf


def _over(above: float, below: float) -> float:
    if below > 0:
        return above / below
    return inf if above > 0 else 0.0


def _share(odds: float) -> float:
    return 1.0 if odds == inf else odds / (1 + odds)

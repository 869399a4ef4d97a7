"""B-scans to eye to patient: one answer, with "uncertain" and "cannot say" as answers.

A lesion may show in three B-scans of a hundred. A mean over the volume would dilute it and a bare
maximum would follow a single noisy scan, so an eye is called by two things together: the mean of
its strongest B-scans, and a run of neighbouring B-scans that show the same.

Classes are ordered by severity. The *tail* of a B-scan for a disease is the sum of its calibrated
probabilities of that disease and of all more severe ones: how likely it is at least that ill. The
*score* of an eye for a disease is the mean of the `top_k` highest tails among its usable B-scans
(gradable and familiar; all of them where there are fewer). With the rule of that disease:

- **called** if the score is at least `threshold` and there is a run of `adjacent` neighbouring
  usable B-scans (all of them where there are fewer) whose tails are at least `frame`;
- **suspected** if it is not called, but the score is at least `suspect`.

The most severe disease that is called or suspected is the eye's; a suspected one makes the outcome
uncertain. Where none is, the eye is out of scope if more than `max_unfamiliar` of its gradable
B-scans are unlike the training data, or if a disease would be called or suspected with these
counted in: what the model has never seen is no evidence for a class, and none for health either.
Otherwise it is healthy. Before all that, an eye is ungradable if less than `min_gradable` of its
B-scans can be judged. Nothing to judge is never healthy.

What holds for every policy, and is tested: to an eye that is healthy, suspected or called, adding
usable B-scans each of whose tails is at least as high as every one of the eye's own never makes
the answer milder; adding an eye never makes a patient's answer milder. Where no rule has
`frame` above `threshold`, tails as high as the eye's scores suffice. To an ungradable or out of
scope eye more B-scans can bring an answer, and that answer may be "healthy".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidOutput
from app.language import any_of, counted, fill, mark
from app.modelpack import Card, ClassInfo
from app.study import Call, Outcome, Referral

_DIGITS = 9
"""Decimals kept of tails and scores: a sum's last bit must not decide at a threshold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Finding:
    """What the usable B-scans of an eye say of one disease."""

    disease: ClassInfo
    score: float
    called: bool
    suspected: bool
    scattered: bool  # not called only because too few positive B-scans are neighbours
    evidence: tuple[int, ...]  # B-scans, strongest first: the top_k and all positive ones
    positive: tuple[int, ...]  # B-scans with a tail of at least rule.frame, in spatial order
    run: tuple[int, ...]  # the longest row of neighbours among them


def call_eye(probabilities: NDArray[np.floating], familiar: NDArray[np.bool_], card: Card) -> Call:
    """Call one eye from the B-scans of one volume.

    `Call.scores` holds for a disease the eye's score, and for the healthy class what the score of
    the mildest disease leaves of 1; all are 0 where no B-scan is usable. `Call.confidence` is the
    score of the class called or suspected: a rank of evidence, not a risk.

    Args:
        probabilities: Calibrated, in spatial order and the package's class order, shape
            (n_bscans, n_classes); rows of NaN for B-scans that cannot be judged.
        familiar: Whether a B-scan is like the training data, shape (n_bscans,).
        card: The package's: classes and policy.

    Raises:
        InvalidOutput: If a row is neither NaN throughout nor a distribution.
    """
    gradable = _gradable(probabilities, n_classes=len(card.classes))
    usable = np.flatnonzero(gradable & familiar)
    n, n_gradable, n_usable = len(probabilities), int(gradable.sum()), len(usable)
    findings = _judge_all(probabilities, usable, card)
    scores = _scores(findings, card)
    worst = _worst(findings)

    if n_gradable == 0 or n_gradable < card.aggregation.min_gradable * n:
        reason = _ungradable_reason(worst, n_gradable=n_gradable, n=n)
        return _unanswered(Outcome.UNGRADABLE, scores, (), reason)
    if worst is not None:
        return Call(
            outcome=Outcome.CALLED if worst.called else Outcome.UNCERTAIN,
            label=worst.disease.name,
            scores=scores,
            confidence=worst.score,
            evidence=worst.evidence,
            reason=_disease_reason(worst, findings, _among(n_usable, n)),
        )
    strange = np.flatnonzero(gradable & ~familiar)
    if n_usable == 0 or len(strange) > card.aggregation.max_unfamiliar * n_gradable:
        reason = fill(
            "Unlike anything the model was trained on: {count} of {among}.",
            count=len(strange),
            among=_among(n_gradable, n),
        )
        return _unanswered(Outcome.OUT_OF_SCOPE, scores, tuple(strange.tolist()), reason)
    hidden = _worst(_judge_all(probabilities, np.flatnonzero(gradable), card))
    if hidden is not None:
        reason = fill(
            "Unlike anything the model was trained on, and not like health either: {count} of "
            "{among}.",
            count=len(strange),
            among=_among(n_gradable, n),
        )
        return _unanswered(Outcome.OUT_OF_SCOPE, scores, tuple(strange.tolist()), reason)
    mildest = findings[-1]
    return Call(
        outcome=Outcome.CALLED,
        label=next(each.name for each in card.classes if each.severity == 0),
        scores=scores,
        confidence=1 - mildest.score,
        evidence=mildest.evidence,
        reason=_healthy_reason(findings, _among(n_usable, n)),
    )


def rank(call: Call, card: Card) -> int:
    """How severe an answer is: of two, the one with the higher rank stands for the patient.

    Healthy 0, ungradable 1, out of scope 2; then for each disease by severity, suspected before
    called.
    """
    match call.outcome:
        case Outcome.UNGRADABLE:
            return 1
        case Outcome.OUT_OF_SCOPE:
            return 2
    if call.label is None:
        raise ValueError(f"a call that is {call.outcome} names no class")
    severity = card.class_named(call.label).severity
    if severity == 0:
        return 0
    return 1 + 2 * severity + (call.outcome is Outcome.CALLED)


def most_severe(calls: Sequence[Call], card: Card) -> int:
    """Return the index of the call that stands for all: of an eye's volumes, of a patient's eyes.

    Of equally severe ones the more confident stands, then the first.
    """
    keys = [(rank(call, card), call.confidence or 0.0) for call in calls]
    return keys.index(max(keys))


def call_patient(eyes: Sequence[Call], card: Card) -> Call:
    """Return the call of the more severe eye."""
    return eyes[most_severe(eyes, card)]


def advise(call: Call, card: Card) -> Referral:
    """Return what the package's rule advises for a call.

    Where a more severe disease is only suspected beside a referable one that is evident, the
    advice is that of the evident one: a suspicion must not soften it.
    """
    key = call.label if call.outcome is Outcome.CALLED else str(call.outcome)
    suspicion = ""
    if call.outcome is Outcome.UNCERTAIN and call.label is not None:
        suspected = card.class_named(call.label)
        evident = [
            each
            for each, score in zip(card.classes, call.scores, strict=True)
            if each.referable
            and 0 < each.severity < suspected.severity
            and score >= card.aggregation.rules[each.name].threshold
        ]
        if evident:
            key = max(evident, key=lambda each: each.severity).name
            suspicion = spoken(suspected.name)
    rule = card.referral[key or ""]
    if not suspicion:
        return Referral(level=rule.level, advice=rule.advice)
    advice = fill("{advice} Not excluded: {disease}.", advice=rule.advice, disease=suspicion)
    return Referral(level=rule.level, advice=advice)


def spoken(name: str) -> str:
    """A class name within a sentence: short ones are abbreviations and stay, others are words."""
    return name if len(name) <= 4 else name.lower()


def _gradable(probabilities: NDArray[np.floating], *, n_classes: int) -> NDArray[np.bool_]:
    if probabilities.ndim != 2 or probabilities.shape[1] != n_classes:
        raise ValueError(f"{probabilities.shape} is not (n_bscans, {n_classes})")
    gradable: NDArray[np.bool_] = ~np.isnan(probabilities).all(axis=1)
    rows = probabilities[gradable]
    # Written so that a NaN fails it.
    if not ((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3)):
        raise InvalidOutput(
            "The model gave values that are no probabilities for this study, so nothing is said "
            "of it. Install the model package again."
        )
    return gradable


def _judge_all(
    probabilities: NDArray[np.floating], usable: NDArray[np.intp], card: Card
) -> list[_Finding]:
    """What the usable B-scans say of each disease, from the most severe to the mildest."""
    return [
        _judge(disease, probabilities, usable, card)
        for disease in sorted(card.classes, key=lambda each: -each.severity)
        if disease.severity > 0 and len(usable)
    ]


def _worst(findings: Sequence[_Finding]) -> _Finding | None:
    return next((each for each in findings if each.called or each.suspected), None)


def _judge(
    disease: ClassInfo, probabilities: NDArray[np.floating], usable: NDArray[np.intp], card: Card
) -> _Finding:
    policy = card.aggregation
    rule = policy.rules[disease.name]
    tails = severe_share(probabilities[usable], disease, card)
    # A stable sort keeps spatial order among ties: the same volume always cites the same B-scans.
    order = np.argsort(-tails, kind="stable")
    score = min(1.0, round(float(tails[order[: policy.top_k]].mean()), _DIGITS))
    positive = tails >= rule.frame
    run = _longest_run(positive)
    called = score >= rule.threshold and len(run) >= min(policy.adjacent, len(usable))
    deciding = [each for place, each in enumerate(order) if place < policy.top_k or positive[each]]
    return _Finding(
        disease=disease,
        score=score,
        called=called,
        suspected=not called and score >= rule.suspect,
        scattered=not called and score >= rule.threshold,
        evidence=tuple(usable[deciding].tolist()),
        positive=tuple(usable[positive].tolist()),
        run=tuple(usable[run].tolist()),
    )


def severe_share(
    probabilities: NDArray[np.floating], disease: ClassInfo, card: Card
) -> NDArray[np.floating]:
    """What each B-scan gives to a disease and all that are worse: (n, n_classes) to (n,)."""
    as_ill = [c for c, each in enumerate(card.classes) if each.severity >= disease.severity]
    share: NDArray[np.floating] = probabilities[:, as_ill].sum(axis=1).round(_DIGITS)
    return share


def _longest_run(positive: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Indices of the longest row of neighbouring True values; the first of equally long ones."""
    edges = np.flatnonzero(np.diff(positive, prepend=False, append=False))
    if not len(edges):
        return np.empty(0, np.intp)
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    return np.arange(starts[longest], ends[longest], dtype=np.intp)


def _scores(findings: Sequence[_Finding], card: Card) -> tuple[float, ...]:
    """Per class in the package's order; `findings` from the most severe to the mildest."""
    if not findings:
        return (0.0,) * len(card.classes)
    by_name = {each.disease.name: each.score for each in findings}
    return tuple(by_name.get(name, 1 - findings[-1].score) for name in card.names)


def _unanswered(
    outcome: Outcome, scores: tuple[float, ...], evidence: tuple[int, ...], reason: str
) -> Call:
    return Call(
        outcome=outcome,
        label=None,
        scores=scores,
        confidence=None,
        evidence=evidence,
        reason=reason,
    )


def _among(count: int, n: int) -> str:
    """ "49 B-scans", or "45 usable B-scans" where some were left out, so that it shows."""
    if count < n:
        return counted(count, mark("{count} usable B-scan"), mark("{count} usable B-scans"))
    return counted(count, mark("{count} B-scan"), mark("{count} B-scans"))


def _where(finding: _Finding) -> str:
    """ "most in frames 22 to 31": frames count from 1, as they are shown."""
    first, last = finding.run[0] + 1, finding.run[-1] + 1
    frames = (
        fill("frame {first}", first=first)
        if first == last
        else fill("frames {first} to {last}", first=first, last=last)
    )
    if len(finding.run) == len(finding.positive):
        return frames if first == last else fill("all in {frames}", frames=frames)
    if 2 * len(finding.run) > len(finding.positive):
        return fill("most in {frames}", frames=frames)
    if first == last:
        return _NO_NEIGHBOURS
    return fill("the longest row of them in {frames}", frames=frames)


_NO_NEIGHBOURS = mark("no two neighbours")


def _disease_reason(worst: _Finding, findings: Sequence[_Finding], among: str) -> str:
    name, count = spoken(worst.disease.name), len(worst.positive)
    where = _where(worst) if count else ""
    if worst.called:
        return fill(
            "{disease} pattern in {count} of {among}, {where}.",
            disease=f"{name[0].upper()}{name[1:]}",
            count=count,
            among=among,
            where=where,
        )
    if not count:
        strongest = fill("frame {frame} of {among}", frame=worst.evidence[0] + 1, among=among)
        return fill(
            "Possible {disease}, strongest in {where}.",
            disease=name,
            where=_but(strongest, worst, findings),
        )
    return fill(
        "Possible {disease} in {count} of {among}, {where}.",
        disease=name,
        count=count,
        among=among,
        where=_but(where, worst, findings),
    )


def _but(where: str, suspected: _Finding, findings: Sequence[_Finding]) -> str:
    """Add to a place why the suspicion is no call, and what is beyond suspicion."""
    if suspected.scattered and where != _NO_NEIGHBOURS:
        where = fill("{where}, too few in a row for a call", where=where)
    evident = next((each for each in findings if each.called), None)
    if evident is None:
        return where
    return fill(
        "{where}; {disease} pattern or worse in {count}",
        where=where,
        disease=spoken(evident.disease.name),
        count=len(evident.positive),
    )


def _healthy_reason(findings: Sequence[_Finding], among: str) -> str:
    names = [spoken(each.disease.name) for each in reversed(findings)]
    return fill("No sign of {diseases} in {among}.", diseases=any_of(names), among=among)


def _ungradable_reason(worst: _Finding | None, *, n_gradable: int, n: int) -> str:
    if not n_gradable:
        return mark("No B-scan can be judged.")
    if worst is None:
        return fill("Only {count} of {total} B-scans can be judged.", count=n_gradable, total=n)
    return fill(
        "Only {count} of {total} B-scans can be judged, and they raise a suspicion of {disease}.",
        count=n_gradable,
        total=n,
        disease=spoken(worst.disease.name),
    )

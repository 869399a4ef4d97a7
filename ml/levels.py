"""The same predictions judged by B-scan, by eye and by patient.

Eyes and patients are called by `app.aggregate`, with the rule that the clinic uses. Where a data
set does not say which eye a B-scan shows, all B-scans of a patient are taken for one eye.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.aggregate import call_eye, call_patient
from app.modelpack import Card
from app.study import Call, Outcome
from ml.metrics import Cases, Ranking
from ml.predictions import Predictions

Cards = Mapping[str, Card]
"""By patient: the card whose rule calls that patient, where it is not everybody's."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Eye:
    """One eye of one patient in a data set."""

    patient: str
    eye: str  # "OD", "OS" or "" where nobody knows
    bscans: NDArray[np.intp]  # indices into the predictions, in spatial order
    label: int  # the most severe among its B-scans


def bscan_cases(
    predictions: Predictions, referable: Sequence[str], threshold: float = 0.5
) -> Cases:
    """Judge every labelled B-scan by its most probable class.

    Args:
        predictions: What the model said; unlabelled B-scans are left out.
        referable: Classes that are referred.
        threshold: A B-scan is referred from this sum of their probabilities.
    """
    known = predictions.labelled()
    probabilities = known.probabilities
    of_referable = [c for c, name in enumerate(known.classes) if name in referable]
    ill = np.isin(known.labels, of_referable)
    risk = probabilities[:, of_referable].sum(axis=1)
    rankings = [
        Ranking(name=name, scores=probabilities[:, c], positive=known.labels == c, graded=True)
        for c, name in enumerate(known.classes)
    ]
    rankings.append(Ranking(name="referable", scores=risk, positive=ill, graded=True))
    return Cases(
        unit="B-scan",
        classes=known.classes,
        labels=known.labels,
        answers=probabilities.argmax(axis=1),
        patients=known.patients,
        rankings=tuple(rankings),
        referable=ill,
        referred=risk >= threshold,
        probabilities=probabilities,
    )


def eyes_of(predictions: Predictions, card: Card) -> list[Eye]:
    """Group labelled B-scans into eyes, in the order of their first B-scan."""
    severity = np.array([each.severity for each in card.classes])
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in np.flatnonzero(predictions.labels >= 0):
        groups[predictions.patients[index], predictions.eyes[index]].append(int(index))
    eyes = []
    for (patient, eye), members in groups.items():
        ordered = sorted(members, key=lambda index: str(predictions.frames[index]))
        labels = predictions.labels[ordered]
        worst = int(labels[np.argmax(severity[labels])])
        eyes.append(Eye(patient=patient, eye=eye, bscans=np.array(ordered), label=worst))
    return eyes


def call_eyes(
    predictions: Predictions, eyes: Sequence[Eye], card: Card, own: Cards | None = None
) -> list[Call]:
    """Call eyes as the clinic does; B-scans beyond the unfamiliarity threshold are left out.

    Args:
        predictions: Of all the eyes' B-scans.
        eyes: To call.
        card: Whose rule calls them.
        own: Patients' own cards, in the place of that one.
    """
    probabilities = predictions.probabilities
    familiar = np.ones(len(predictions), dtype=np.bool_)
    if predictions.unfamiliarity is not None:
        familiar = predictions.unfamiliarity <= card.unfamiliarity_threshold
    rules = own or {}
    return [
        call_eye(probabilities[eye.bscans], familiar[eye.bscans], rules.get(eye.patient, card))
        for eye in eyes
    ]


def eye_cases(predictions: Predictions, card: Card, own: Cards | None = None) -> Cases:
    """Judge every eye, called as `call_eyes` says."""
    eyes = eyes_of(predictions, card)
    return _cases("eye", eyes, call_eyes(predictions, eyes, card, own), card)


def patient_cases(predictions: Predictions, card: Card, own: Cards | None = None) -> Cases:
    """Judge every patient by the more severe eye, label and call alike."""
    eyes = eyes_of(predictions, card)
    calls = call_eyes(predictions, eyes, card, own)
    of_patient: dict[str, list[int]] = defaultdict(list)
    for index, eye in enumerate(eyes):
        of_patient[eye.patient].append(index)
    severity = [each.severity for each in card.classes]
    worse = [
        max((eyes[index] for index in own), key=lambda eye: severity[eye.label])
        for own in of_patient.values()
    ]
    answers = [call_patient([calls[index] for index in own], card) for own in of_patient.values()]
    return _cases("patient", worse, answers, card)


def _cases(unit: str, eyes: Sequence[Eye], calls: Sequence[Call], card: Card) -> Cases:
    """An uncertain answer counts as what it suspects; any other that names no class is wrong."""
    labels = np.array([eye.label for eye in eyes], dtype=np.int64)
    none = len(card.classes)
    answers = [none if call.label is None else card.names.index(call.label) for call in calls]
    severity = np.array([each.severity for each in card.classes])
    scores = np.array([call.scores for call in calls])
    rankings = tuple(
        Ranking(
            name=f"{each.name} or worse",
            scores=scores[:, c],
            positive=severity[labels] >= each.severity,
            graded=True,
        )
        for c, each in enumerate(card.classes)
        if each.severity > 0
    )
    referable = np.array([each.referable for each in card.classes])
    return Cases(
        unit=unit,
        classes=card.names,
        labels=labels,
        answers=np.array(answers, dtype=np.int64),
        patients=np.array([eye.patient for eye in eyes]),
        rankings=rankings,
        referable=referable[labels],
        referred=np.array([_goes_to_a_reader(call, card) for call in calls]),
    )


def _goes_to_a_reader(call: Call, card: Card) -> bool:
    """Whether a person looks at it: whatever is not called one of the classes not referred."""
    if call.outcome is not Outcome.CALLED or call.label is None:
        return True
    return card.class_named(call.label).referable

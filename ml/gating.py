"""Let a trained network look at what a gate is fitted on, and choose the gate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import UsageError
from app.study import Pixels
from ml.assemble import divide_all
from ml.checkpoint import require_trained_on
from ml.classes import NO_LABEL
from ml.data import band_of
from ml.devices import as_other_devices
from ml.familiarity import (
    Gate,
    HeadGate,
    JointGate,
    Seen,
    fit_gate,
    fit_gate_threshold,
    fit_gates,
    score,
)
from ml.manifest import Sample
from ml.metrics import Cases, Ranking, measure, score_not_exceeded
from ml.outliers import is_outlier
from ml.predict import Trained, load_trained, look_at, outputs_of
from ml.predictions import Predictions, predictions_of
from ml.strangers import KINDS, strangers

IN_SCOPE_SHARE = 0.95
UNSEEN = "strangers_caught_of_a_kind_not_fitted_to"
_TRAIN_STRANGERS, _VALIDATION_STRANGERS = 160, 96
_SEEDS = (43, 44)  # of the strange pictures to train and to validate on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """What the network said of everything the gate rests on."""

    inside: Seen  # training patients, in scope; once more as other devices might show them
    outside: Seen  # the same of training patients with other diseases; may be empty
    odd: Seen  # strange pictures, made from training B-scans, the kinds in turn
    validation: Predictions  # in scope and out of it, with features
    strangers: Seen  # other strange pictures, made from validation B-scans, the kinds in turn
    devices: Seen  # validation B-scans in scope, as other devices might show them

    def with_offsets(self, offsets: Sequence[float]) -> "Looked":
        """The same with something added to all logits, one number for each class."""
        added = np.asarray(offsets, dtype=np.float32)

        def moved(seen: Seen) -> Seen:
            return replace(seen, logits=seen.logits + added)

        return Looked(
            inside=moved(self.inside),
            outside=moved(self.outside),
            odd=moved(self.odd),
            validation=replace(self.validation, logits=self.validation.logits + added),
            strangers=moved(self.strangers),
            devices=moved(self.devices),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """The gate that does best on validation patients."""

    gate: Gate
    threshold: float
    validation_scores: NDArray[np.float32]  # for each of Looked.validation
    measured: dict[str, Any]


def look(folder: Path) -> Looked:
    """Run a finished training run's network over its training and validation patients.

    Raises:
        UsageError: If the run is not finished, or its data have changed since.
    """
    trained = load_trained(folder)
    data = trained.run.data
    division = divide_all(trained.run)
    require_trained_on(folder, division.split.sha256, "Bring its data back, or train it again.")
    train, val = division.train, division.val
    inside = [each for each in train if each.label in data.classes]
    others = [each for each in train if is_outlier(each)]
    validating = [each for each in val if each.label in data.classes or is_outlier(each)]
    spread = np.linspace(0, len(inside) - 1, min(_TRAIN_STRANGERS, len(inside))).astype(int)
    odd = _look_at_pictures(
        trained, strangers([inside[i].pixels() for i in spread], seed=_SEEDS[0])
    )
    known = [each for each in validating if each.label]
    spread = np.linspace(0, len(known) - 1, min(_VALIDATION_STRANGERS, len(known))).astype(int)
    return Looked(
        inside=_look_twice_at(trained, inside),
        outside=_look_twice_at(trained, others) if others else odd.take(slice(0)),
        odd=odd,
        validation=_predict(trained, validating),
        strangers=_look_at_pictures(
            trained, strangers([known[i].pixels() for i in spread], seed=_SEEDS[1])
        ),
        devices=_look_at_devices(trained, known, seed=_SEEDS[1]),
    )


def _predict(trained: Trained, samples: Sequence[Sample]) -> Predictions:
    outputs = outputs_of(trained, samples)
    return predictions_of(
        samples,
        trained.run.data.classes,
        outputs.logits,
        features=outputs.features,
        model=trained.folder.name,
        split_sha256=trained.split_sha256,
    )


def seen(predictions: Predictions) -> Seen:
    """The features and logits of predictions, as a gate takes them."""
    if predictions.features is None:
        raise UsageError("A gate needs features. Score the training run, not its package.")
    return Seen(features=predictions.features, logits=predictions.logits, labels=predictions.labels)


def _look_at(trained: Trained, samples: Sequence[Sample]) -> Seen:
    return seen(_predict(trained, samples))


def _look_twice_at(trained: Trained, samples: Sequence[Sample]) -> Seen:
    """See B-scans as they are, and as other devices might show them."""
    return _look_at(trained, samples).and_(_look_at_devices(trained, samples, seed=_SEEDS[0]))


def _look_at_devices(trained: Trained, samples: Sequence[Sample], *, seed: int) -> Seen:
    shown = as_other_devices((each.pixels() for each in samples), seed=seed)
    found = _look_at_pictures(trained, shown)
    classes = trained.run.data.classes
    labels = [classes.index(each.label) if each.label else NO_LABEL for each in samples]
    return replace(found, labels=np.asarray(labels, dtype=np.int64))


def _look_at_pictures(trained: Trained, pictures: Iterable[Pixels]) -> Seen:
    bands = np.stack([band_of(each, trained.run.input) for each in pictures])
    outputs = look_at(trained, bands)
    labels = np.full(len(bands), NO_LABEL, dtype=np.int64)
    return Seen(features=outputs.features, logits=outputs.logits, labels=labels)


def choose_gate(looked: Looked, in_scope_share: float = IN_SCOPE_SHARE) -> Choice:
    """Fit every kind of gate on training patients, keep the one that does best on validation.

    Best is the highest mean of the two areas under the curve: validation patients with diseases
    outside the classes, and strange pictures, each against validation patients in scope. Every
    gate's threshold sends at most the same share of in-scope B-scans of every data set to a reader.
    """
    gates = fit_gates(looked.inside, looked.outside.and_(looked.odd))
    validation = seen(looked.validation)
    known = validation.labels >= 0
    sources = looked.validation.sources
    alike = known & np.isin(sources, np.unique(sources[~known]))
    kinds, thresholds = {}, {}
    for kind, gate in gates.items():
        scores, odd = score(gate, validation), score(gate, looked.strangers)
        thresholds[kind] = fit_gate_threshold(scores[known], sources[known], in_scope_share)
        pooled = score_not_exceeded(scores[known], in_scope_share)
        kinds[kind] = {
            "diseases_auroc": _area(scores[~known], scores[known]),
            # Diseases outside the classes may all be of one device: this area tells no devices.
            "same_device_auroc": _area(scores[~known], scores[alike]),
            "diseases_caught": _share_beyond(scores[~known], thresholds[kind]),
            "in_scope_sent": _share_beyond(scores[known], thresholds[kind]),
            "diseases_caught_where_that_share_is_sent": _share_beyond(scores[~known], pooled),
            "strangers_auroc": _area(odd, scores[known]),
            "strangers_caught": _share_beyond(odd, thresholds[kind]),
            # Of B-scans in scope, as other devices might show them: the fewer, the better.
            "devices_sent": _share_beyond(score(gate, looked.devices), thresholds[kind]),
        }
    kept = max(kinds, key=lambda kind: _merit(kinds[kind]))
    return Choice(
        gate=gates[kept],
        threshold=thresholds[kept],
        validation_scores=score(gates[kept], validation).astype(np.float32),
        measured={
            "kept": kept,
            "in_scope_share": in_scope_share,
            "in_scope_bscans": int(known.sum()),
            "disease_bscans": int((~known).sum()),
            "strangers": len(looked.strangers),
            "kinds": kinds,
            UNSEEN: _unseen(looked, kept, in_scope_share),
        },
    )


def _unseen(looked: Looked, kept: str, in_scope_share: float) -> dict[str, float]:
    """The share of each kind of strange picture that is caught by a gate fitted without it.

    Of a gate that is fitted to none, nothing: all are such to it.
    """
    if kept not in (HeadGate.kind, JointGate.kind):
        return {}
    validation, count = seen(looked.validation), len(KINDS)
    known, sources = validation.labels >= 0, looked.validation.sources
    shares = {}
    for index, kind in enumerate(KINDS):
        others = looked.odd.take(np.arange(len(looked.odd)) % count != index)
        own = looked.strangers.take(slice(index, None, count))
        if len(own) and len(others) < len(looked.odd):
            gate = fit_gate(kept, looked.inside, looked.outside.and_(others))
            scores = score(gate, validation)[known]
            threshold = fit_gate_threshold(scores, sources[known], in_scope_share)
            shares[kind] = _share_beyond(score(gate, own), threshold)
    return shares


def _merit(measured: dict[str, float]) -> float:
    areas = [measured["diseases_auroc"], measured["strangers_auroc"]]
    return float(np.nanmean(areas))


def _share_beyond(scores: NDArray[np.float64], threshold: float) -> float:
    return round(float((scores > threshold).mean()), 4) if len(scores) else 0.0


def _area(outside: NDArray[np.float64], inside: NDArray[np.float64]) -> float:
    """Area under the curve of outside against inside; one half where either is empty."""
    if not len(outside) or not len(inside):
        return 0.5
    positive = np.r_[np.ones(len(outside), bool), np.zeros(len(inside), bool)]
    labels = positive.astype(np.int64)
    cases = Cases(
        unit="B-scan",
        classes=("in", "out"),
        labels=labels,
        answers=labels,
        patients=np.arange(len(positive)).astype(str),
        rankings=(Ranking(name="out", scores=np.r_[outside, inside], positive=positive),),
    )
    found = {each.name: each.value for each in measure(cases, replicates=1)}
    return round(found["AUROC for out"], 4)

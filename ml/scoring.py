"""Let a model say something of every B-scan of a set: the shipped package, or a training run."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.engine import BATCH, Engine, Inference, physical_cores
from app.errors import UsageError
from app.modelpack import Card, InputSpec, ModelPackage
from app.preprocess import prepare
from app.progress import Progress, ignore_progress
from app.study import Pixels
from ml.manifest import Sample
from ml.predictions import ONE_VIEW, Predictions, predictions_of

FIVE_VIEWS = "mean of five views"


def as_it_is(scan: Pixels) -> Pixels:
    return scan


def score_package(
    package: ModelPackage,
    samples: Sequence[Sample],
    *,
    tta: bool = False,
    split_sha256: str = "",
    change: Callable[[Pixels], Pixels] = as_it_is,
    progress: Progress = ignore_progress,
) -> Predictions:
    """Run a model package through the program's own preprocessing and engine.

    Args:
        package: What is shipped.
        samples: B-scans whose labels are the package's classes, or none.
        tta: Average the logits of five views (`ml.predict.five_views`). The program does not.
        split_sha256: Of the split that the samples come from.
        change: Of every B-scan, before anything else is done with it; called by several threads.
        progress: Told of every batch.

    Raises:
        DamagedFile: If an image cannot be read.
        UsageError: If a label is not one of the package's classes.
    """
    engine = Engine(package, physical_cores())
    logits, unfamiliarity = [], []
    for frames in _batches(samples, package.card, change):
        views = _five_views(frames, package.card.input) if tta else [frames]
        found = [engine.infer(view) for view in views]
        logits.append(np.mean([each.logits for each in found], axis=0))
        unfamiliarity.append(_unfamiliarity(found))
        progress(sum(map(len, logits)), len(samples))
    return predictions_of(
        samples,
        package.card.names,
        np.concatenate(logits),
        unfamiliarity=np.concatenate(unfamiliarity),
        model=f"{package.card.id} {package.card.version}",
        split_sha256=split_sha256,
        views=FIVE_VIEWS if tta else ONE_VIEW,
        temperature=package.card.temperature,
    )


def score_run(
    folder: Path,
    samples: Sequence[Sample],
    *,
    tta: bool = False,
    temperature: float | None = None,
) -> Predictions:
    """Run the network that a training run kept; features come with it.

    If it was calibrated, its logits are those for classes as they come.

    Args:
        folder: Of the run.
        samples: B-scans whose labels are the run's classes, or none.
        tta: Average the logits of five views (`ml.predict.five_views`).
        temperature: By default the run's own, if it has been calibrated, else 1.

    Raises:
        DamagedFile: If an image cannot be read.
        UsageError: If the run is not finished, or a label is not one of its classes.
    """
    from ml.calibrate import calibration_of
    from ml.predict import load_trained, outputs_of

    trained = load_trained(folder)
    outputs = outputs_of(trained, samples, tta=tta)
    own = calibration_of(folder)
    if temperature is None:
        temperature = own.temperature if own else 1.0
    logits = outputs.logits
    if own and own.offsets:
        logits = logits + np.asarray(own.offsets, dtype=np.float32)
    return predictions_of(
        samples,
        trained.run.data.classes,
        logits,
        features=outputs.features,
        model=folder.name,
        split_sha256=trained.split_sha256,
        views=FIVE_VIEWS if tta else ONE_VIEW,
        temperature=temperature,
    )


def _five_views(frames: NDArray[np.float32], spec: InputSpec) -> list[NDArray[np.float32]]:
    """The same five views that a training run is given, of network inputs (n, channels, h, w)."""
    import torch

    from ml.data import network_input
    from ml.predict import five_views

    grey = torch.from_numpy(frames[:, :1] * spec.std[0] + spec.mean[0])
    views = (network_input(view, spec, channels_last=False) for view in five_views(grey))
    return [view.numpy() for view in views]


def _unfamiliarity(found: Sequence[Inference]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = np.mean(
        [each.unfamiliarity for each in found], axis=0, dtype=np.float32
    )
    return mean


def _batches(
    samples: Sequence[Sample], card: Card, change: Callable[[Pixels], Pixels]
) -> Iterator[NDArray[np.float32]]:
    if not samples:
        raise UsageError("There is no B-scan to score in this part of the data.")
    with ThreadPoolExecutor(2) as pool:
        prepared = pool.map(
            lambda sample: prepare(change(sample.pixels()), card.input).tensor, samples
        )
        batch: list[NDArray[np.float32]] = []
        for tensor in prepared:
            batch.append(tensor)
            if len(batch) == BATCH:
                yield np.stack(batch)
                batch = []
        if batch:
            yield np.stack(batch)

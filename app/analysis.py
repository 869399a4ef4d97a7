"""From a study to its result: read, judge, prepare, run the network, call the eyes.

Reading and preparing run on their own threads a few batches ahead of the network, so that the
network never waits, and no more than those batches is ever in memory, whatever the study's size.
The network runs on the calling thread, which is also where progress is told.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from app.aggregate import advise, call_eye, most_severe
from app.engine import BATCH, AnyEngine, Engine
from app.errors import ReadError
from app.modelpack import Card, InputSpec, ModelPackage
from app.preprocess import Prepared, prepare
from app.progress import Progress, ignore_progress
from app.quality import gradability
from app.study import (
    BScan,
    BScanResult,
    EyeResult,
    Gradability,
    Laterality,
    Study,
    StudyResult,
    Volume,
    VolumeResult,
)

_READERS = 2
_AHEAD = 4 * BATCH  # B-scans read before the network asks for them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidate:
    """A B-scan on its way to the network; `prepared` is None if it does not go there."""

    gradability: Gradability
    prepared: Prepared | None = None


def analyse(
    study: Study,
    package: ModelPackage,
    progress: Progress = ignore_progress,
    *,
    engine: AnyEngine | None = None,
) -> StudyResult:
    """Analyse every B-scan of a study and call its eyes.

    A B-scan that cannot be read is marked so and left out of the call; the rest goes on.

    Args:
        study: From `app.reading.open_studies`. Its B-scans are loaded on other threads, two at a
            time.
        package: The verified model package.
        progress: Told after each B-scan, on the calling thread.
        engine: One that runs this package, if it is loaded already; torch's explains otherwise.

    Raises:
        PackageError: If the network cannot be loaded.
        InvalidOutput: If the network gives anything but finite numbers.
        Cancelled: Out of `progress`.
    """
    bscans = [bscan for volume in study.volumes for bscan in volume.bscans]
    progress(0, len(bscans))
    results: list[BScanResult] = []
    with _read_ahead(bscans, package.card.input) as candidates:
        # Loaded while the first B-scans are being read.
        engine = engine or Engine(package)
        for batch in _batches(bscans, candidates):
            for result in _infer(batch, engine):
                results.append(result)
                progress(len(results), len(bscans))
    card, remaining = package.card, iter(results)
    return join(
        study,
        [
            _call(volume, tuple(next(remaining) for _ in volume.bscans), card)
            for volume in study.volumes
        ],
        card,
        analysed=datetime.now().astimezone(),
        signer=package.seal.signer,
    )


def join(
    study: Study,
    volumes: Sequence[VolumeResult],
    card: Card,
    *,
    analysed: datetime,
    signer: str | None = None,
) -> StudyResult:
    """Join the results of a study's volumes to eyes, and the eyes to the patient's.

    Args:
        signer: Who signed the package that the card is of; None if nobody known here did.
    """
    eyes = []
    for laterality in (Laterality.RIGHT, Laterality.LEFT, Laterality.UNKNOWN):
        own = tuple(each for each in volumes if each.volume.laterality is laterality)
        if own:
            deciding = most_severe([each.call for each in own], card)
            eyes.append(EyeResult(laterality=laterality, volumes=own, deciding=deciding))
    deciding = most_severe([eye.call for eye in eyes], card)
    call = eyes[deciding].call
    return StudyResult(
        study=study,
        eyes=tuple(eyes),
        call=call,
        deciding=deciding,
        referral=advise(call, card),
        model_id=card.id,
        model_version=card.version,
        model_sha256=card.graph_sha256,
        analysed=analysed,
        model_signer=signer,
    )


def set_eye(result: StudyResult, uid: str, laterality: Laterality, card: Card) -> StudyResult:
    """The same result with the eye of one volume set by the user: nothing is analysed again.

    Args:
        uid: `Volume.uid` of the volume; all volumes with it are set.
        card: Of the package that the result was made with.
    """

    def settled(volume: Volume) -> Volume:
        return volume.on_eye(laterality) if volume.uid == uid else volume

    study = replace(result.study, volumes=tuple(map(settled, result.study.volumes)))
    volumes = [
        replace(each, volume=settled(each.volume)) for eye in result.eyes for each in eye.volumes
    ]
    return join(study, volumes, card, analysed=result.analysed, signer=result.model_signer)


@contextmanager
def _read_ahead(bscans: Sequence[BScan], spec: InputSpec) -> Iterator[Iterator[_Candidate]]:
    """Candidates in the order of `bscans`; reading begins at once and stops with the block."""
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="read")
    coming = iter(bscans)
    pending: deque[Future[_Candidate]] = deque()

    def submit_next() -> None:
        for bscan in coming:
            pending.append(pool.submit(_candidate, bscan, spec))
            return

    def candidates() -> Iterator[_Candidate]:
        while pending:
            candidate = pending.popleft().result()
            submit_next()
            yield candidate

    for _ in range(_AHEAD):
        submit_next()
    try:
        yield candidates()
    finally:
        pool.shutdown(cancel_futures=True)


def _candidate(bscan: BScan, spec: InputSpec) -> _Candidate:
    try:
        pixels = bscan.pixels()
    except ReadError:
        return _Candidate(gradability=Gradability.UNREADABLE)
    found = gradability(pixels)
    if found is not Gradability.GRADABLE:
        return _Candidate(gradability=found)
    return _Candidate(gradability=found, prepared=prepare(pixels, spec))


def _batches(
    bscans: Sequence[BScan], candidates: Iterator[_Candidate]
) -> Iterator[list[tuple[BScan, _Candidate]]]:
    """Rows of neighbours that hold BATCH candidates for the network each, the last one fewer."""
    batch: list[tuple[BScan, _Candidate]] = []
    waiting = 0
    for bscan, candidate in zip(bscans, candidates, strict=True):
        batch.append((bscan, candidate))
        waiting += candidate.prepared is not None
        if waiting == BATCH:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch


def _infer(batch: Sequence[tuple[BScan, _Candidate]], engine: AnyEngine) -> Iterator[BScanResult]:
    tensors = [each.prepared.tensor for _, each in batch if each.prepared is not None]
    found = engine.infer(np.stack(tensors)) if tensors else None
    row = 0
    for bscan, candidate in batch:
        if found is None or candidate.prepared is None:
            yield BScanResult(source=bscan.source, gradability=candidate.gradability)
            continue
        unfamiliarity = float(found.unfamiliarity[row])
        yield BScanResult(
            source=bscan.source,
            gradability=candidate.gradability,
            probabilities=tuple(found.probabilities[row].tolist()),
            maps=found.maps[row],
            region=candidate.prepared.region,
            unfamiliarity=unfamiliarity,
            familiar=unfamiliarity <= engine.card.unfamiliarity_threshold,
        )
        row += 1


def _call(volume: Volume, bscans: tuple[BScanResult, ...], card: Card) -> VolumeResult:
    unknown = (np.nan,) * len(card.classes)
    call = call_eye(
        np.array([each.probabilities or unknown for each in bscans]),
        np.array([each.familiar for each in bscans]),
        card,
    )
    return VolumeResult(volume=volume, bscans=bscans, call=call)

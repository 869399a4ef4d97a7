"""From a study to its result: read, judge, prepare, run the network, call the eyes.

A few B-scans at a time go all the way on one thread, as many side by side as the engine has
lanes: no core waits for another, and no more than those B-scans is ever in memory, whatever the
study's size. Progress is told on the calling thread.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import numpy as np

from app import __version__
from app.aggregate import advise, call_eye, most_severe
from app.engine import BATCH, AnyEngine, Engine
from app.errors import ReadError
from app.modelpack import Card, InputSpec, ModelPackage
from app.preprocess import VERSION, Prepared, prepare
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
from app.whereabouts import with_whereabouts

_AHEAD = 2  # batches for each lane that are under way or not yet fetched


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
        study: From `app.reading.open_studies`. Its B-scans are loaded on other threads.
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
    with _side_by_side(bscans, engine or Engine(package)) as batches:
        for batch in batches:
            for result in batch:
                results.append(result)
                progress(len(results), len(bscans))
    card, remaining = package.card, iter(results)
    joined = join(
        study,
        [
            _call(volume, tuple(next(remaining) for _ in volume.bscans), card)
            for volume in study.volumes
        ],
        card,
        analysed=datetime.now().astimezone(),
    )
    seal = package.seal
    return replace(
        joined,
        model_signer=seal.signer,
        model_key=seal.key,
        model_key_withdrawn=seal.withdrawn_since,
        preprocessing=VERSION,
        software=__version__,
    )


def join(
    study: Study,
    volumes: Sequence[VolumeResult],
    card: Card,
    *,
    analysed: datetime,
) -> StudyResult:
    """Join the results of a study's volumes to eyes, and the eyes to the patient's."""
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
    return replace(
        join(study, volumes, card, analysed=result.analysed),
        model_signer=result.model_signer,
        model_key=result.model_key,
        model_key_withdrawn=result.model_key_withdrawn,
        preprocessing=result.preprocessing,
        software=result.software,
    )


_Batches = Iterator[Sequence[BScanResult]]


@contextmanager
def _side_by_side(bscans: Sequence[BScan], engine: AnyEngine) -> Iterator[_Batches]:
    """Results in the order of `bscans`; the work begins at once and stops with the block."""
    pool = ThreadPoolExecutor(engine.lanes, thread_name_prefix="analyse")
    pending: deque[Future[list[BScanResult]]] = deque()
    starts = iter(range(0, len(bscans), BATCH))

    def submit_next() -> None:
        for start in starts:
            pending.append(pool.submit(_analyse_bscans, bscans[start : start + BATCH], engine))
            return

    def batches() -> _Batches:
        while pending:
            batch = pending.popleft().result()
            submit_next()
            yield batch

    for _ in range(_AHEAD * engine.lanes):
        submit_next()
    try:
        yield batches()
    finally:
        pool.shutdown(cancel_futures=True)


def _analyse_bscans(bscans: Sequence[BScan], engine: AnyEngine) -> list[BScanResult]:
    candidates = [_candidate(bscan, engine.card.input) for bscan in bscans]
    tensors = [prepared.tensor for _, prepared in candidates if prepared is not None]
    found = engine.infer(np.stack(tensors)) if tensors else None
    results, row = [], 0
    for bscan, (judged, prepared) in zip(bscans, candidates, strict=True):
        if found is None or prepared is None:
            results.append(BScanResult(source=bscan.source, gradability=judged))
            continue
        unfamiliarity = float(found.unfamiliarity[row])
        results.append(
            BScanResult(
                source=bscan.source,
                gradability=judged,
                probabilities=tuple(found.probabilities[row].tolist()),
                maps=found.maps[row],
                region=prepared.region,
                unfamiliarity=unfamiliarity,
                familiar=unfamiliarity <= engine.card.unfamiliarity_threshold,
            )
        )
        row += 1
    return results


def _candidate(bscan: BScan, spec: InputSpec) -> tuple[Gradability, Prepared | None]:
    """Whether a B-scan can be judged, and its input to the network if it goes there."""
    try:
        pixels = bscan.pixels()
    except ReadError:
        return Gradability.UNREADABLE, None
    judged = gradability(pixels)
    return judged, prepare(pixels, spec) if judged is Gradability.GRADABLE else None


def _call(volume: Volume, bscans: tuple[BScanResult, ...], card: Card) -> VolumeResult:
    unknown = (np.nan,) * len(card.classes)
    call = call_eye(
        np.array([each.probabilities or unknown for each in bscans]),
        np.array([each.familiar for each in bscans]),
        card,
    )
    return VolumeResult(
        volume=volume, bscans=bscans, call=with_whereabouts(call, volume, bscans, card)
    )

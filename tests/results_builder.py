"""Analyses to write down: real pixels, and calls that the program's own rule made of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from app import __version__, preprocess
from app.aggregate import advise, call_eye, most_severe
from app.modelpack import (
    AggregationPolicy,
    Card,
    ClassInfo,
    ClassRule,
    Figure,
    InputSpec,
    ReferralRule,
    TrainingData,
)
from app.study import (
    BScan,
    BScanResult,
    EyeResult,
    FrameSource,
    Gradability,
    Laterality,
    Patient,
    Pixels,
    Region,
    Spacing,
    Study,
    StudyResult,
    Volume,
    VolumeResult,
)

WHEN = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
SPECTRALIS = Spacing(axial_mm=0.00387, lateral_mm=0.01144, between_mm=0.122)
JANE = Patient(identifier="48-1723", name="Doe, Jane", birth_date=date(1951, 7, 9), sex="F")

NORMAL = (0.96, 0.02, 0.01, 0.01)
DRUSEN = (0.06, 0.90, 0.02, 0.02)
DME = (0.03, 0.05, 0.90, 0.02)
CNV = (0.01, 0.04, 0.02, 0.93)
DOUBTFUL_CNV = (0.45, 0.05, 0.05, 0.45)


def card(*, trained: bool = True) -> Card:
    """Return a card as `ml.export` writes them, with figures that were never measured."""
    rule = ClassRule(threshold=0.6, suspect=0.35, frame=0.5)
    return Card(
        format=1,
        id="kd-oct-b2",
        version="1.2.0",
        title="KD-OCT student",
        created="2026-03-01",
        trained=trained,
        architecture="EfficientNet-B2",
        classes=(
            ClassInfo(name="NORMAL", title="No sign of drusen, CNV or DME", severity=0),
            ClassInfo(name="DRUSEN", title="Drusen", severity=1),
            ClassInfo(name="DME", title="Diabetic macular oedema", severity=2, referable=True),
            ClassInfo(name="CNV", title="Choroidal neovascularisation", severity=3, referable=True),
        ),
        input=InputSpec(height=260, width=260, mean=(0.5,), std=(0.25,)),
        temperature=1.3,
        unfamiliarity_threshold=7.5,
        aggregation=AggregationPolicy(
            top_k=3,
            adjacent=2,
            min_gradable=0.5,
            max_unfamiliar=0.5,
            rules={"DRUSEN": rule, "DME": rule, "CNV": rule},
        ),
        referral={
            "NORMAL": ReferralRule(level="routine", advice="Suggest the usual interval."),
            "DRUSEN": ReferralRule(level="review", advice="Suggest review by an ophthalmologist."),
            "DME": ReferralRule(level="refer", advice="Suggest review by a retina specialist."),
            "CNV": ReferralRule(
                level="refer urgently",
                advice="Suggest review by a retina specialist within days.",
            ),
            "uncertain": ReferralRule(level="review", advice="Suggest that a reader decides."),
            "out of scope": ReferralRule(
                level="review", advice="The model cannot judge these images; a reader must."
            ),
            "ungradable": ReferralRule(level="repeat", advice="Suggest to repeat the scan."),
        },
        training=(
            TrainingData(
                name="Large Dataset of Labeled OCT (Kermany 2018), subset",
                licence="CC BY 4.0",
                patients=811,
                bscans=1365,
                device="Heidelberg Spectralis",
            ),
        ),
        figures=(
            figure("sensitivity for CNV", 0.92, 0.86, 0.96),
            figure("specificity for CNV", 0.97, 0.94, 0.99),
            figure("sensitivity for DME", 0.79, 0.68, 0.88),
            figure("specificity for DME", 0.98, 0.96, 0.99),
        ),
        limits=(
            "Trained on one device family; other devices are less well known.",
            "Knows drusen, CNV and DME. Any other disease may be missed or misnamed.",
        ),
        graph_sha256="0123456789abcdef" * 4,
    )


def figure(name: str, value: float, low: float, high: float) -> Figure:
    data = "made-up figures of a test, 363 B-scans of 222 patients"
    return Figure(name=name, value=value, low=low, high=high, data=data)


def retina(position: float, *, lesion: bool, rows: int = 124, columns: int = 192) -> Pixels:
    """Draw a B-scan: three bright layers, a foveal pit, speckle, and fluid if there is a lesion.

    Args:
        position: From 0 to 1, where in the volume it lies.
        lesion: Whether the deepest layer is lifted by a dark dome.
    """
    x = np.linspace(-1, 1, columns)
    pit = 0.08 * np.exp(-((x / 0.25) ** 2) - (((position - 0.5) / 0.2) ** 2))
    dome = 0.10 * np.exp(-(((x - 0.2) / 0.25) ** 2)) if lesion else 0 * x
    depth = np.linspace(0, 1, rows)[:, None]
    layers = ((0.36 + pit, 0.04, 0.8), (0.48 + 0 * x, 0.05, 0.45), (0.62 - dome, 0.02, 1.0))
    scene = sum(
        gain * np.exp(-(((depth - place) / width) ** 2)) for place, width, gain in layers
    ) + 0.3 * np.exp(-(((depth - 0.72) / 0.08) ** 2))
    speckle = np.random.default_rng(round(position * 1e6)).gamma(4, 0.25, (rows, columns))
    return np.clip(255 * (0.06 + scene * speckle * 0.8), 0, 255).astype(np.uint8)


def volume_result(
    rows: Sequence[Sequence[float] | Gradability],
    *,
    laterality: Laterality = Laterality.RIGHT,
    strange: Sequence[int] = (),
    spacing: Spacing = SPECTRALIS,
    load: Callable[[int], Pixels] | None = None,
    model: Card | None = None,
    **fields: object,
) -> VolumeResult:
    """Return the result of a volume.

    Args:
        rows: For each B-scan its probabilities, or what makes it ungradable.
        strange: Indices of the B-scans unlike the training data.
        load: Gives the pixels of a B-scan; None draws a retina.
    """
    model = model or card()
    n = len(rows)
    uid = f"2.25.{1000 + n}{len(laterality)}"
    path = Path(f"Doe_Jane_{laterality}.dcm")

    def pixels(index: int) -> Pixels:
        row = rows[index]
        ill = not isinstance(row, Gradability) and row[0] < 0.5
        return load(index) if load else retina(index / max(1, n - 1), lesion=ill)

    bscans, results, odds = [], [], np.full((n, 4), np.nan)
    for index, row in enumerate(rows):
        size = pixels(index).shape
        source = FrameSource(path=path, frame_number=index + 1, sop_instance_uid=uid)
        bscans.append(
            BScan(
                source=source,
                rows=size[0],
                columns=size[1],
                load=lambda index=index: pixels(index),
            )
        )
        if isinstance(row, Gradability):
            results.append(BScanResult(source=source, gradability=row))
            continue
        odds[index] = row
        results.append(
            BScanResult(
                source=source,
                gradability=Gradability.GRADABLE,
                probabilities=tuple(row),
                maps=_maps(row),
                region=Region(top=size[0] // 4, bottom=size[0] * 7 // 8, left=0, right=size[1]),
                unfamiliarity=9.0 if index in strange else 3.0,
                familiar=index not in strange,
            )
        )
    volume = Volume(
        uid=uid,
        laterality=laterality,
        bscans=tuple(bscans),
        order="plane position",
        spacing=spacing,
        **{"acquired": WHEN, "device": "Heidelberg Engineering SPECTRALIS"} | fields,
    )
    familiar = np.array([index not in strange for index in range(n)])
    return VolumeResult(volume=volume, bscans=tuple(results), call=call_eye(odds, familiar, model))


def _maps(row: Sequence[float]) -> np.ndarray:
    y, x = np.mgrid[0:8, 0:9]
    blob = np.exp(-(((y - 4) / 1.2) ** 2) - ((x - 5) / 1.5) ** 2)
    return np.stack([value * blob for value in row]).astype(np.float32)


def study_result(
    *volumes: VolumeResult, patient: Patient = JANE, model: Card | None = None, **fields: object
) -> StudyResult:
    """Return the result of a study of one volume for each eye."""
    model = model or card()
    eyes = tuple(
        EyeResult(laterality=each.volume.laterality, volumes=(each,), deciding=0)
        for each in volumes
    )
    deciding = most_severe([each.call for each in eyes], model)
    study = Study(
        uid="2.25.42",
        patient=patient,
        volumes=tuple(each.volume for each in volumes),
        **{"visited": date(2026, 3, 13), "description": "Macula follow-up"} | fields,
    )
    return StudyResult(
        study=study,
        eyes=eyes,
        call=eyes[deciding].call,
        deciding=deciding,
        referral=advise(eyes[deciding].call, model),
        model_id=model.id,
        model_version=model.version,
        model_sha256=model.graph_sha256,
        analysed=WHEN,
        model_signer="KD-OCT",
        preprocessing=preprocess.VERSION,
        software=__version__,
    )


def both_eyes(
    model: Card | None = None, *, synthetic: bool = False, **fields: object
) -> StudyResult:
    """A right eye with CNV in 8 of 25 B-scans and a healthy left eye with two blurred ones."""
    right = [CNV if 8 <= index < 16 else NORMAL for index in range(25)]
    left = [Gradability.BLURRED if index in (0, 24) else NORMAL for index in range(25)]
    return study_result(
        volume_result(right, model=model, synthetic=synthetic),
        volume_result(left, laterality=Laterality.LEFT, model=model, synthetic=synthetic),
        model=model,
        **fields,
    )


def named(name: str) -> Patient:
    return replace(JANE, name=name)

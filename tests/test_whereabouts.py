"""Whether the evidence of a disease lies near the middle of the scan."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.installed import choose_package
from app.language import language
from app.study import (
    BScan,
    BScanResult,
    Call,
    FrameSource,
    Gradability,
    Laterality,
    Outcome,
    Region,
    Spacing,
    Volume,
)
from app.whereabouts import with_whereabouts

COUNT, COLUMNS = 25, 600
SOURCE = FrameSource(path=Path("eye.dcm"))
SIX_MM = Spacing(axial_mm=0.004, lateral_mm=0.01, between_mm=0.25)
FINDING = "CNV pattern in 3 of 25 B-scans, all in frames 12 to 14."
NEAR = f"{FINDING} Strongest near the scan's middle (within 1.5 mm), where the fovea should be."
AWAY = f"{FINDING} Strongest away from the scan's middle (more than 1.5 mm)."


@pytest.fixture(scope="module")
def card():
    return choose_package().card


def volume(spacing=SIX_MM, count=COUNT):
    bscan = BScan(source=SOURCE, rows=400, columns=COLUMNS, load=lambda: np.zeros((400, 600)))
    return Volume(
        uid="1.2",
        laterality=Laterality.RIGHT,
        bscans=(bscan,) * count,
        order="frame number",
        spacing=spacing,
    )


def results(card, column, count=COUNT):
    """B-scans whose activation maps for CNV are strongest in that column of twelve."""
    maps = np.zeros((len(card.classes), 8, 12), dtype=np.float32)
    maps[card.names.index("CNV"), 5, column] = 1
    region = Region(top=0, bottom=400, left=0, right=COLUMNS)
    result = BScanResult(source=SOURCE, gradability=Gradability.GRADABLE, maps=maps, region=region)
    return (result,) * count


def call(evidence=(12, 11, 13), label="CNV", outcome=Outcome.CALLED):
    return Call(
        outcome=outcome, label=label, scores=(), confidence=0.9, evidence=evidence, reason=FINDING
    )


@pytest.mark.parametrize("outcome", [Outcome.CALLED, Outcome.UNCERTAIN])
def test_that_evidence_about_the_middle_of_the_scan_is_said_to_be_near_it(card, outcome):
    told = with_whereabouts(call(outcome=outcome), volume(), results(card, 6), card)

    assert told == replace(call(outcome=outcome), reason=NEAR)


@pytest.mark.parametrize(("column", "evidence"), [(0, (12, 11, 13)), (6, (1, 0, 2))])
def test_that_evidence_at_a_border_is_said_to_be_away_from_the_middle(card, column, evidence):
    told = with_whereabouts(call(evidence), volume(), results(card, column), card)

    assert told.reason == AWAY


def test_that_nothing_is_said_where_the_strongest_bscans_disagree(card):
    assert with_whereabouts(call((12, 0)), volume(), results(card, 6), card) == call((12, 0))


@pytest.mark.parametrize(
    "scan",
    [
        volume(Spacing()),
        volume(Spacing(lateral_mm=0.01)),
        volume(Spacing(between_mm=0.25)),
        volume(Spacing(lateral_mm=0.005, between_mm=0.25)),
        volume(Spacing(lateral_mm=0.01, between_mm=0.05)),
    ],
    ids=["no spacing", "one line", "no width", "narrow", "low"],
)
def test_that_nothing_is_said_of_a_scan_without_a_size_or_an_outside(card, scan):
    assert with_whereabouts(call(), scan, results(card, 6), card) == call()


@pytest.mark.parametrize(
    "answer",
    [
        call(label="NORMAL"),
        call(label=None, outcome=Outcome.OUT_OF_SCOPE),
        call(label=None, outcome=Outcome.UNGRADABLE),
    ],
    ids=["healthy", "out of scope", "ungradable"],
)
def test_that_only_a_disease_lies_somewhere(card, answer):
    assert with_whereabouts(answer, volume(), results(card, 6), card) == answer


def test_that_a_bscan_without_a_map_tells_no_place(card):
    blind = BScanResult(source=SOURCE, gradability=Gradability.GRADABLE)

    assert with_whereabouts(call(), volume(), (blind,) * COUNT, card) == call()


@pytest.mark.parametrize("reason", [NEAR, AWAY])
def test_that_it_is_told_in_persian(reason):
    told = language("fa").tell(reason)

    assert not set("abcdefghijklmnopqrstuvwxyz") & set(told)
    assert "1.5" in told

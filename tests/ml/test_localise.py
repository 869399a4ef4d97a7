"""Heat maps are scored by where the lesions are."""

import numpy as np
import pytest

from app.study import Region
from ml.localise import Located, locate, main, near_lesion, score_map, summarise, table
from ml.phantom import Grid
from tests.tiny_package import tiny_package

GRID = Grid(frames=5, rows=192, columns=128, axial_mm=0.00774, lateral_mm=0.045, between_mm=0.3)
WHOLE = Region(top=0, bottom=192, left=0, right=128)


@pytest.fixture
def lesion():
    mask = np.zeros((GRID.rows, GRID.columns), bool)
    mask[96:120, 64:80] = True
    return near_lesion(mask, GRID)


def test_that_a_map_on_the_lesion_wins_the_pointing_game_and_beats_chance(lesion):
    heat = np.zeros((12, 8), np.float32)
    heat[6, 4] = 1
    hit, energy, chance = score_map(heat, WHOLE, lesion)
    assert hit
    assert energy > 5 * chance


def test_that_a_map_elsewhere_scores_nothing(lesion):
    heat = np.zeros((12, 8), np.float32)
    heat[1, 1] = 1
    hit, energy, _ = score_map(heat, WHOLE, lesion)
    assert not hit
    assert energy == 0


def test_that_a_map_without_information_scores_chance(lesion):
    _, energy, chance = score_map(np.ones((12, 8), np.float32), WHOLE, lesion)
    assert energy == pytest.approx(chance, rel=0.02)


def test_that_an_empty_map_points_nowhere(lesion):
    assert score_map(np.zeros((12, 8), np.float32), WHOLE, lesion)[:2] == (False, 0.0)


def test_that_the_map_is_laid_on_the_region_it_was_made_from(lesion):
    lower = Region(top=96, bottom=192, left=0, right=128)
    heat = np.zeros((12, 8), np.float32)
    heat[1, 4] = 1
    assert score_map(heat, lower, lesion)[0]
    assert not score_map(heat, WHOLE, lesion)[0]


def test_that_a_lesion_grows_by_the_same_distance_in_millimetres_both_ways(lesion):
    rows, columns = np.flatnonzero(lesion.any(axis=1)), np.flatnonzero(lesion.any(axis=0))
    assert 96 - rows[0] == int(0.1 / GRID.axial_mm)
    assert 64 - columns[0] == int(0.1 / GRID.lateral_mm)


def test_that_the_interval_widens_when_bscans_are_of_few_eyes():
    def scores(eyes):
        rng = np.random.default_rng(0)
        fate = rng.random(eyes)
        return summarise(
            Located(
                label="CNV",
                phantom=eye,
                hit=bool(fate[eye] > 0.5),
                energy=float(fate[eye]),
                chance=0.1,
                called=True,
            )
            for eye in range(eyes)
            for _ in range(60 // eyes)
        )[0].energy

    few, many = scores(6), scores(60)
    assert few.high - few.low > 1.5 * (many.high - many.low)
    assert few.low <= few.value <= few.high


def test_that_a_package_is_scored_for_every_disease(tmp_path):
    from app.engine import Engine

    engine = Engine(tiny_package(tmp_path), threads=1)
    diseases = ["DRUSEN", "DME", "CNV"]
    found = list(locate(engine, diseases, phantoms=1, frames=2, grid=GRID))
    assert {each.label for each in found} == set(diseases)
    assert all(0 <= each.energy <= 1 and 0 < each.chance < 0.6 for each in found)
    assert table(summarise(found)).count("\n") == 1 + len(diseases)


def test_that_a_missing_package_is_one_sentence_and_status_one(tmp_path, capsys):
    assert main(["--package", str(tmp_path)]) == 1
    assert "incomplete" in capsys.readouterr().err

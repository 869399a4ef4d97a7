"""Phantoms: lesions lie where their masks say, and nowhere else."""

import csv
import hashlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.study import Laterality
from ml.phantom import LESIONS_OF, Grid, make_phantom, write_dataset
from ml.phantom.__main__ import main
from ml.phantom.anatomy import Layer, draw_anatomy, vessel_map
from ml.phantom.dataset import COLUMNS, Size
from ml.phantom.fundus import make_fundus
from ml.phantom.lesions import draw_disease

TINY = Size(rows=48, columns=48)
SMALL = Grid(frames=7, rows=192, columns=128, axial_mm=0.00774, lateral_mm=0.045, between_mm=0.3)
DISEASES = [label for label in LESIONS_OF if LESIONS_OF[label]]


def without_and_with(label, seed):
    return make_phantom("NORMAL", seed, SMALL), make_phantom(label, seed, SMALL)


@pytest.mark.parametrize("label", LESIONS_OF)
def test_that_the_same_seed_gives_the_same_bytes(label):
    first, second = make_phantom(label, 5, SMALL), make_phantom(label, 5, SMALL)
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert not np.array_equal(first.pixels, make_phantom(label, 6, SMALL).pixels)


@pytest.mark.parametrize("label", LESIONS_OF)
@pytest.mark.parametrize("seed", range(3))
def test_that_layers_never_cross(label, seed):
    borders = make_phantom(label, seed, SMALL).borders
    assert np.diff(borders, axis=0).min() >= -1e-4


@pytest.mark.parametrize("label", DISEASES)
@pytest.mark.parametrize("seed", range(3))
def test_that_a_scans_without_lesion_are_those_of_the_healthy_eye(label, seed):
    healthy, diseased = without_and_with(label, seed)
    changed = (healthy.pixels != diseased.pixels).any(axis=1)
    moved = (healthy.borders != diseased.borders).any(axis=0)
    lesion = diseased.mask.any(axis=1)
    # Around a mask lies a rim of lesion too thin to be marked, and the shade of an exudate.
    near = lesion.copy()
    for shift in range(-25, 26):
        near |= np.roll(lesion, shift, axis=1)
    assert not (changed & ~near & ~moved).any()
    assert not changed.all()


@pytest.mark.parametrize("label", DISEASES)
@pytest.mark.parametrize("seed", range(3))
def test_that_the_picture_changes_most_inside_the_masks(label, seed):
    healthy, diseased = without_and_with(label, seed)
    change = np.abs(healthy.pixels.astype(float) - diseased.pixels)
    assert diseased.mask.any()
    assert change[diseased.mask].mean() > 4 * change[~diseased.mask].mean()


def test_that_the_nerve_fibres_are_thicker_towards_the_disc():
    for laterality, nasal_half in (
        (Laterality.RIGHT, slice(64, None)),
        (Laterality.LEFT, slice(64)),
    ):
        grid = replace(SMALL, frames=3, laterality=laterality)
        borders = make_phantom("NORMAL", 1, grid).borders
        fibres = (borders[Layer.GCL] - borders[Layer.NFL]).mean(axis=0)
        assert fibres[nasal_half].mean() > 1.2 * fibres.mean()


@pytest.mark.parametrize("laterality", [Laterality.RIGHT, Laterality.LEFT])
def test_that_the_localizer_shows_the_disc_on_the_nasal_side(laterality):
    grid = Grid(frames=5, laterality=laterality)
    fundus, lines = make_fundus("NORMAL", 2, grid, side=128)
    left, right = fundus[56:72, :8].mean(), fundus[56:72, -8:].mean()
    assert (right > left + 15) if laterality is Laterality.RIGHT else (left > right + 15)
    assert len(lines) == grid.frames
    ends = np.array(lines)
    assert np.all((ends > 1) & (ends < 128))
    assert np.all(np.diff(ends[:, 0, 0]) > 0)


def test_that_vessels_darken_what_lies_below_them():
    grid = replace(SMALL, frames=15, columns=192, lateral_mm=0.03, between_mm=0.4)
    phantom = make_phantom("NORMAL", 1, grid)
    distance, radius = vessel_map(draw_anatomy(np.random.default_rng([1, 0])), grid)
    rows = np.arange(grid.rows)[None, :, None]
    outer = (rows > phantom.borders[Layer.OPL][:, None]) & (
        rows < phantom.borders[Layer.CHORIOCAPILLARIS][:, None]
    )
    level = np.where(outer, phantom.pixels, 0).sum(axis=1) / outer.sum(axis=1)
    under = (distance < 0.6 * radius) & (radius > 0.025)
    beside = distance > 4 * radius
    assert under.sum() > 20
    assert level[under].mean() < 0.93 * level[beside].mean()


def test_that_an_unknown_label_is_refused():
    with pytest.raises(KeyError):
        make_phantom("ERM", 0, SMALL)


def test_that_the_manifest_of_a_data_set_is_true(tmp_path):
    manifest = write_dataset(tmp_path / "set", patients=5, frames=2, seed=3, size=TINY)
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    written = {
        path.relative_to(manifest.parent).as_posix() for path in manifest.parent.rglob("*.png")
    }
    assert written == {row["path"] for row in rows}
    for row in rows:
        path = manifest.parent / row["path"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
        with Image.open(path) as image:
            assert image.size == (int(row["width"]), int(row["height"]))
            assert image.mode == "L"
    splits = {}
    for row in rows:
        splits.setdefault(row["patient"], set()).add((row["split"], row["label4"]))
    assert all(len(found) == 1 for found in splits.values())
    assert {pair for found in splits.values() for pair in found} == {
        (split, label) for split in ("train", "val", "test") for label in LESIONS_OF
    }


def test_that_a_data_set_is_the_same_each_time(tmp_path):
    first = write_dataset(tmp_path / "a", patients=1, frames=1, seed=1, size=TINY).read_bytes()
    second = write_dataset(tmp_path / "b", patients=1, frames=1, seed=1, size=TINY).read_bytes()
    assert first == second


@pytest.mark.parametrize("label", DISEASES)
def test_that_lesions_do_not_move_when_the_eye_is_sampled_otherwise(label):
    finer = replace(SMALL, frames=13, between_mm=0.15, columns=256, lateral_mm=0.0225)
    coarse, fine = (draw_disease(label, (0.0, 0.0), grid, 4) for grid in (SMALL, finer))
    assert coarse.ellipsoids == fine.ellipsoids
    for part in ("drusen", "ped", "material", "fluid", "swelling"):
        one, other = getattr(coarse, part), getattr(fine, part)
        volumes = [
            amount.sum() * grid.between_mm * grid.lateral_mm
            for amount, grid in ((one, SMALL), (other, finer))
        ]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.25, abs=1e-3)


def test_that_the_command_writes_a_data_set_and_tells_where(tmp_path, capsys):
    assert main(["--dataset", str(tmp_path / "set"), "--patients", "1", "--frames", "1"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "set" / "manifest.csv")


def test_that_the_command_says_what_is_wrong_in_one_line(tmp_path, capsys):
    assert main(["--dataset", str(tmp_path), "--frames", "99"]) == 1
    assert capsys.readouterr().err.count("\n") == 1

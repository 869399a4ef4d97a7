from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from app.errors import DamagedFile, UsageError
from app.modelpack import InputSpec
from app.preprocess import prepare
from ml.assemble import divide, divide_all, labels_of
from ml.augment import OVERSIZE, augmentation, oversized, steps
from ml.data import Views, batches, draw_epoch, network_input, read_bands
from ml.manifest import read_manifest, write_manifest
from ml.splits import make_folds, write_splits
from tests.ml.training_data import tiny_run

SPEC = InputSpec(height=64, width=96, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))


@pytest.mark.parametrize("recipe", sorted(OVERSIZE))
def test_that_a_view_is_decided_by_its_seed(recipe):
    band = np.random.default_rng(1).integers(0, 255, oversized(SPEC, recipe), dtype=np.uint8)
    augment = augmentation(recipe, SPEC)

    view = augment(band, 7)

    assert view.shape == (SPEC.height, SPEC.width)
    assert view.dtype == np.float32
    assert view.min() >= 0
    assert view.max() <= 1
    assert np.array_equal(view, augment(band, 7))
    assert recipe == "none" or not np.array_equal(view, augment(band, 8))


def test_that_paper_views_leave_the_program_s_random_numbers_alone():
    band = np.zeros(oversized(SPEC, "paper-teacher"), dtype=np.uint8)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)

    augmentation("paper-teacher", SPEC)(band, 1)

    assert torch.equal(torch.rand(1), expected)


def test_that_oct_views_never_turn_the_retina_upside_down():
    height, width = oversized(SPEC, "oct")
    band = np.zeros((height, width), dtype=np.uint8)
    band[: height // 2] = 255
    augment = augmentation("oct", SPEC)

    views = [augment(band, seed) for seed in range(200)]

    assert all(view[:20].mean() > view[-20:].mean() for view in views)


def test_that_an_oct_view_of_no_strength_is_the_band_in_its_place():
    height, width = oversized(SPEC, "oct")
    rows, columns = np.mgrid[:height, :width] + 0.5
    band = np.rint(rows + np.abs(columns - width / 2)).astype(np.uint8)  # the same mirrored

    view = augmentation("oct", SPEC, strength=0)(band, 7)

    rows, columns = np.mgrid[: SPEC.height, : SPEC.width] + 0.5
    rows, columns = rows * height / SPEC.height, columns * width / SPEC.width
    error = view * 255 - (rows + np.abs(columns - width / 2))
    halves = error[:, : SPEC.width // 2].mean(), error[:, SPEC.width // 2 :].mean()
    assert np.abs(error).max() < 1.5
    assert halves == pytest.approx((0, 0), abs=0.1)  # half a pixel aside would be a half


@pytest.mark.parametrize("mirrored", [False, True])
def test_that_a_view_is_rotated_without_shear_whether_it_is_mirrored_or_not(mirrored):
    along, down = steps(0.17, 0.0, 1.1, 1.1, mirrored=mirrored).T

    assert along @ down == pytest.approx(0)
    assert np.hypot(*along) == pytest.approx(np.hypot(*down)) == pytest.approx(1.1)
    assert np.sign(along[0]) == (-1 if mirrored else 1)
    assert down[1] > 0


def test_that_speckle_is_as_strong_as_wished_and_never_twice_the_same():
    band = np.full(oversized(SPEC, "oct"), 128, dtype=np.uint8)

    def grain(strength):
        views = [augmentation("oct", SPEC, strength)(band, seed) for seed in range(60)]
        inner = [view[24:40, 36:60] for view in views]
        assert len({view.tobytes() for view in inner}) == len(inner) or not strength
        return np.median([view.std() / view.mean() for view in inner])

    assert grain(0) == 0
    assert 0.08 < grain(1) < 0.2  # drawn between none and a quarter


def test_that_balance_draws_rare_classes_more_often(phantoms):
    labels = [0] * 60 + [1] * 6 + [2] * 34

    for balance, expected in (("none", [60, 6, 34]), ("equal", [33, 33, 33])):
        run = tiny_run(phantoms, data={"balance": balance})
        drawn = Counter(labels[sample] for sample, _ in draw_epoch(labels, run, 0))
        assert [drawn[label] for label in range(3)] == expected


@pytest.mark.parametrize("counts", [(288, 110), (1, 48), (1, 97), (1, 102), (1, 106)])
def test_that_bscans_that_are_drawn_as_they_come_are_all_drawn(phantoms, counts):
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    run = tiny_run(phantoms, data={"balance": "none"})

    assert sorted(sample for sample, _ in draw_epoch(labels, run, 0)) == list(range(len(labels)))


def test_that_epochs_differ_and_can_be_drawn_again(phantoms):
    run = tiny_run(phantoms)
    labels = [0, 1, 2, 3] * 10

    assert draw_epoch(labels, run, 1) == draw_epoch(labels, run, 1)
    assert draw_epoch(labels, run, 1) != draw_epoch(labels, run, 2)
    assert not set(draw_epoch(labels, run, 1)) & set(draw_epoch(labels, run, 2))


def test_that_replayed_views_come_round(phantoms):
    run = tiny_run(phantoms, augment={"views": 3})
    labels = [0, 1, 2, 3] * 3

    assert set(draw_epoch(labels, run, 0)) == set(draw_epoch(labels, run, 3))
    assert {view for epoch in range(9) for _, view in draw_epoch(labels, run, epoch)} == {0, 1, 2}


def test_that_training_and_clinic_see_the_same(phantoms):
    sample = divide(tiny_run(phantoms)).val[0]

    band = torch.from_numpy(read_bands([sample], SPEC)).float()[:, None] / 255
    trained_on = network_input(band, SPEC)[0].numpy()

    # Bands are kept in 8 bit.
    assert np.abs(trained_on - prepare(sample.pixels(), SPEC).tensor).max() < 0.51 / 255 / 0.2


def test_that_views_keep_their_labels(phantoms):
    run = tiny_run(phantoms)
    division = divide(run)
    labels = labels_of(division.train, run.data.classes)
    views = Views(division.train, labels, run, run.input)

    assert [views[sample, 0][1] for sample in range(len(views))] == labels


def test_that_mixed_views_are_two_views_with_their_labels_and_come_again(phantoms):
    run = tiny_run(phantoms, augment={"mixup": 0.4, "views": 2})
    plain = tiny_run(phantoms, augment={"views": 2})
    division = divide(run)
    labels = labels_of(division.train, run.data.classes)
    views = Views(division.train, labels, run, run.input)
    own = Views(division.train, labels, plain, run.input)

    (batch,) = batches(views, [[(sample, 1) for sample in range(len(views))]], 0)

    assert (batch.labels.dtype, batch.labels.shape) == (torch.float32, (len(views), 4))
    assert torch.allclose(batch.labels.sum(1), torch.ones(len(views)))
    for sample, label in enumerate(labels):
        again = views[sample, 1]
        assert np.array_equal(again[0], batch.frames[sample, 0].numpy())
        share = batch.labels[sample, label].item()
        if share < 0.95:  # a partner of another class: what is left is a view of its own
            other = (again[0] - share * own[sample, 1][0]) / (1 - share)
            assert -0.01 < other.min() <= other.max() < 1.01
    assert (batch.labels.max(1).values < 1).any()


def test_that_partners_are_mixed_in_as_often_as_their_class_is_drawn(phantoms):
    samples = divide(tiny_run(phantoms)).train
    labels = [0] * (len(samples) - 2) + [1] * 2
    run = tiny_run(phantoms, augment={"mixup": 1.0}, data={"balance": "equal"})
    views = Views(samples, labels, run, run.input)

    mixed = [views[0, view][1] for view in range(400)]

    assert 0.4 < np.mean([label[1] > 0 for label in mixed]) < 0.6


def test_that_small_views_have_a_size_however_small(phantoms):
    spec = InputSpec(height=32, width=64, mean=(0.5,), std=(0.5,))

    assert network_input(torch.zeros(1, 1, 32, 64), spec, 0.4).shape[2:] == (32, 32)


def test_that_a_class_that_nobody_has_stops_the_run(phantoms):
    run = tiny_run(phantoms, data={"classes": ("NORMAL", "DRUSEN", "CNV", "DME", "AMD")})

    with pytest.raises(UsageError, match="No training patient has AMD"):
        divide(run)


def test_that_own_folds_do_not_need_a_sound_published_division(phantoms, tmp_path):
    samples = read_manifest(phantoms)
    elsewhere = "val" if samples[0].split != "val" else "test"
    again = replace(samples[0], source="other", split=elsewhere)
    manifest = phantoms.with_name("twice.csv")
    write_manifest([*samples, again], manifest)
    write_splits(make_folds(read_manifest(manifest), folds=2), tmp_path / "folds.json")
    own = {"manifest": manifest, "split": tmp_path / "folds.json"}

    assert divide(tiny_run(phantoms, data=own)).train
    with pytest.raises(UsageError):
        divide(tiny_run(manifest))


def test_that_an_unreadable_image_stops_the_run(phantoms, tmp_path):
    sample = divide(tiny_run(phantoms)).val[0]
    damaged = tmp_path / "cut.png"
    damaged.write_bytes(sample.image.read_bytes()[:200])

    with pytest.raises(DamagedFile, match=r"cut\.png"):
        read_bands([replace(sample, image=damaged)], SPEC)


def test_that_a_label_that_is_no_class_stops_the_run_unless_it_is_left_out(phantoms):
    three = {"classes": ("NORMAL", "DRUSEN", "CNV")}

    with pytest.raises(UsageError, match="DME"):
        divide(tiny_run(phantoms, data=three))

    kept = divide(tiny_run(phantoms, data={**three, "ignore": ("DME",)}))
    assert {sample.label for sample in kept.train} == set(three["classes"])


def test_that_what_a_run_leaves_out_is_not_among_what_its_package_is_judged_on(phantoms):
    """A label that the model does not know could not be scored; unlabelled B-scans stay."""
    run = tiny_run(phantoms, data={"classes": ("NORMAL", "DRUSEN", "CNV"), "ignore": ("DME",)})

    whole = divide_all(run)

    assert {each.label for each in (*whole.train, *whole.val, *whole.test)} - {None} == set(
        run.data.classes
    )

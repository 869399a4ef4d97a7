"""A package under other machines' pictures, simulated one change at a time."""

from dataclasses import replace

import numpy as np
import pytest

from app.preprocess import missing
from ml.manifest import read_manifest, write_manifest
from ml.shifts import CHANGES, main, shifted, table
from tests.tiny_package import tiny_package

NAMES = ("NORMAL", "DRUSEN", "CNV", "DME")


@pytest.fixture
def scan(phantoms):
    grey = read_manifest(phantoms)[0].pixels().copy()
    grey[:60, :12] = 255  # as a rotating exporter leaves it
    return grey


@pytest.mark.parametrize("name", CHANGES)
def test_that_a_bscan_is_always_changed_in_the_same_way(name, scan):
    before = scan.copy()

    first, again = (CHANGES[name](scan) for _ in range(2))

    assert np.array_equal(scan, before)
    assert np.array_equal(first, again)
    assert first.dtype == np.uint8
    assert (name == "nothing") == np.array_equal(first, scan)


def test_that_changes_of_grey_leave_what_the_exporter_filled_in(scan):
    filled = missing(scan)

    assert filled.any()
    for name in ("blacks cut off at 50, times 1.6", "gamma 0.6", "a floor of 60 under all greys"):
        assert np.array_equal(CHANGES[name](scan)[filled], scan[filled])


def test_that_every_change_is_a_row_judged_by_class_and_gate(phantoms, tmp_path, capsys):
    package = tiny_package(tmp_path)
    samples = [
        replace(each, label=None, finding="ERM")
        if each.label == "DRUSEN" and each.split == "val"
        else each
        for each in read_manifest(phantoms)
        if each.label in (*package.card.names, "DRUSEN")
    ]
    manifest = tmp_path / "manifest.csv"
    write_manifest(samples, manifest)

    assert main(["--package", str(tmp_path / package.card.id), "--manifest", str(manifest)]) == 0

    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(CHANGES)
    assert all(row.count(" to ") == 4 for row in rows)


def test_that_without_other_diseases_the_gate_has_no_figures(phantoms, tmp_path):
    package = tiny_package(tmp_path)
    known = [each for each in read_manifest(phantoms) if each.label in package.card.names]

    row = shifted(package, known, "nothing")

    assert row.auroc is None
    assert table([row]).endswith("| - | - | - |")


def test_that_a_package_that_is_not_there_is_one_sentence(phantoms, tmp_path, capsys):
    assert main(["--package", str(tmp_path / "none"), "--manifest", str(phantoms)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1

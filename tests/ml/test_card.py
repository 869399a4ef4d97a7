"""What a card says of the data follows from the data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.calibrate import calibrate
from ml.card import VOLUME, first_weights, limits_of, training_data, unmade
from ml.config import load_run
from ml.gating import UNSEEN
from ml.predictions import predictions_of
from tests.labelled_sets import sample
from tests.ml.training_data import CLASSES


@pytest.fixture
def calibration(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    samples = [
        sample(f"{label}{n}", label=label, patient=f"{label}{n}") for label in CLASSES for n in "12"
    ]
    said = predictions_of(samples, CLASSES, np.eye(4).repeat(2, axis=0), split_sha256="5" * 64)
    return calibrate(said, unfamiliarity_threshold=0.0)


def volume(source, *, eye="OD", count=VOLUME):
    return [sample(f"{source}{i}", source=source, eye=eye, frame=f"{i:05d}") for i in range(count)]


def said(samples):
    return " ".join(limits_of(["drusen", "CNV"], samples))


def test_that_devices_are_those_of_the_sources():
    assert "2 devices (Heidelberg Spectralis, Optovue Avanti)" in said(
        [sample("a", source="kermany"), sample("b", source="octdl")]
    )
    assert "1 device (Heidelberg Spectralis)" in said([sample("a", source="neh")])
    assert "1 device (unknown (clinic))" in said([sample("a", source="clinic")])


def test_that_whole_volumes_and_known_eyes_are_no_limit():
    limits = said(volume("neh"))

    assert "Whole volumes" not in limits
    assert "not eyes" not in limits


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (volume("neh", count=3), "Whole volumes were not available"),
        (volume("octdl", eye=None), "not eyes, were known in the data: figures"),
        (volume("neh") + volume("octdl", eye=None), "in the data for 10 of 20 B-scans: figures"),
    ],
)
def test_that_what_the_data_lack_is_said(samples, sentence):
    assert sentence in said(samples)


def test_that_findings_are_those_of_the_model():
    assert "knows only these findings: drusen, CNV." in said(volume("neh"))


def test_that_other_diseases_that_were_shown_are_counted_and_named():
    shown = [
        sample(f"other{i}", source="octdl", label=None, finding=finding)
        for i, finding in enumerate(["RVO", "ERM", "RVO"])
    ]

    limits = " ".join(limits_of(["drusen"], volume("neh"), shown))

    assert "3 B-scans of other diseases (epiretinal membrane, retinal vein occlusion), as" in limits
    assert "other diseases" not in said(volume("neh"))


def test_that_it_is_said_how_pictures_of_an_unknown_kind_fare(calibration):
    gate = {UNSEEN: {"noise": 1.0, "fundus": 0.875, "drawing": 0.5}}
    measured = replace(calibration, measured={**calibration.measured, "gate": gate})

    limits = " ".join(limits_of(["drusen"], volume("neh"), calibration=measured))

    assert "pictures of 3 kinds that are no B-scans" in limits
    assert "caught 50 % to 100 % of that kind" in limits
    assert "no B-scans" not in " ".join(
        limits_of(["drusen"], volume("neh"), calibration=calibration)
    )


def test_that_it_is_said_what_counts_as_a_call_of_a_patient():
    assert "an uncertain answer counts as what it suspects" in said(volume("neh"))


def test_that_what_only_the_laboratory_knows_is_a_limit_too(calibration):
    run = load_run(Path("ml/configs/desk.toml"), ["limits=['All patients came from one clinic.']"])

    assert unmade(run, calibration).limits[-1] == "All patients came from one clinic."


def test_that_each_source_keeps_its_licence_and_device():
    (only,) = training_data(volume("neh"))

    assert (only.device, only.bscans, only.patients) == ("Heidelberg Spectralis", VOLUME, 1)
    assert "8kt969dhx6" in only.licence


def test_that_the_whole_way_of_the_first_weights_is_told(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])

    told = first_weights(load_run(Path("ml/configs/whole-pretrained.toml")))

    assert told.startswith("those of whole-octdl (pre-trained on NO, AMD/drusen, ")
    assert "VID), which began with ImageNet weights of EfficientNet-Lite2" in told

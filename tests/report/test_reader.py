"""The report states what the reader said beside what the machine said, and on what it rests."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from app import preprocess
from app.cases.store import Decision, Store
from app.cases.subjects import PATIENT, bscan_subject
from app.cli import main
from app.modelpack import Estimate, OperatingPoint
from app.operating_point import localised
from app.readings import NOTHING_READ, Readings, model_line
from app.report import render
from app.settings import Settings
from app.study import Spacing
from tests.decisions import entry
from tests.report.pdf_pages import pictures, texts
from tests.results_builder import CNV, WHEN, both_eyes, card, study_result, volume_result

POINTS = tuple(
    OperatingPoint(
        threshold=threshold,
        sensitivity=Estimate(0.9, 0.8, 0.95),
        specificity=Estimate(0.9, 0.85, 0.95),
        data="made-up figures by patient",
    )
    for threshold in (0.4, 0.6)
)


def whole(result, readings=NOTHING_READ, model=None, **settings):
    pdf = render(result, model or card(), Settings(**settings), WHEN, readings=readings)
    return " ".join(" ".join(texts(pdf)).split())


def spoken_of(result):
    """A reader who agrees on the patient, differs on the left eye and on one B-scan."""
    (right, left) = (eye.volumes[0].volume for eye in result.eyes)
    return Readings(
        (
            entry(PATIENT, "CNV"),
            entry("OS", "other finding", machine="NORMAL", blind=True, note="Epiretinal membrane"),
            entry(bscan_subject(right, 8), "DME", machine="CNV", reader="CD"),
            entry(bscan_subject(left, 3), "ungradable", machine="NORMAL"),
        )
    )


def told_apart(result):
    """The same with a volume of its own for each eye, as real files have."""
    right, left = result.eyes
    volume = left.volumes[0].volume
    bscans = tuple(
        replace(each, source=replace(each.source, sop_instance_uid="2.25.9"))
        for each in volume.bscans
    )
    other = replace(left.volumes[0], volume=replace(volume, uid="2.25.9", bscans=bscans))
    return replace(result, eyes=(right, replace(left, volumes=(other,))))


def test_that_a_hundred_decisions_on_bscans_flow_over_pages():
    result = study_result(volume_result([CNV] * 100))
    volume = result.eyes[0].volumes[0].volume
    readings = Readings(
        tuple(entry(bscan_subject(volume, at), "DME", machine="CNV") for at in range(100))
    )

    text = whole(result, readings)

    assert all(f"Right eye (OD), B-scan {at + 1} DME CNV" in text for at in range(100))


def test_that_the_report_holds_the_hash_by_which_a_cut_of_the_trail_is_found(tmp_path):
    result = both_eyes()
    path = tmp_path / "cases.sqlite"
    with closing(Store(path)) as store:
        for subject in (PATIENT, "OD"):
            decision = Decision(
                reader="AB",
                study_uid="2.25.42",
                subject=subject,
                answer="CNV",
                machine="CNV",
                blind=False,
                note="",
                model=model_line(result),
            )
            store.decide(decision, WHEN)
        readings, head = Readings.standing(store.trail()), store.head()

    assert f"In the audit trail up to entry 2: {head}" in whole(result, readings)
    assert main(["audit", "verify", str(path), "--head", head]) == 0


def test_that_without_a_decision_the_calls_are_said_to_be_the_machine_s_alone():
    text = whole(both_eyes())

    assert "No reader's call is recorded: the calls are the machine's alone." in text
    assert "Reader's call for" not in text


def test_that_an_eye_that_no_reader_decided_is_named():
    one_eye = Readings((entry("OD", "CNV"),))
    both = Readings((entry("OD", "CNV"), entry("OS", "NORMAL", number=2)))
    patient = Readings((entry(PATIENT, "CNV"),))

    assert "No reader's call is recorded for: Left eye (OS)." in whole(both_eyes(), one_eye)
    assert "No reader's call" not in whole(both_eyes(), both)
    assert "No reader's call" not in whole(both_eyes(), patient)


def test_that_both_calls_are_stated_with_initials_time_blindness_and_note():
    result = told_apart(both_eyes())

    text = whole(result, spoken_of(result))

    assert "Patient CNV CNV AB, 2026-03-14 09:26 agrees" in text
    assert (
        "Left eye (OS) Other finding Normal AB, 2026-03-14 09:26 differs, blind; "
        "Epiretinal membrane" in text
    )
    assert "Right eye (OD), B-scan 9 DME CNV CD, 2026-03-14 09:26 differs" in text
    assert "Left eye (OS), B-scan 4 Ungradable Normal" in text
    assert "Left eye (OS), B-scan 9" not in text
    assert "given before the machine's call was shown" in text


def test_that_a_call_of_the_machine_that_has_changed_since_is_told():
    text = whole(both_eyes(), Readings((entry("OD", "CNV", machine="DME"),)))

    assert "agrees, machine's then: DME" in text


def test_that_the_report_names_what_a_second_run_must_share():
    text = whole(both_eyes())

    assert f"preparation of frames version {preprocess.VERSION}" in text
    assert both_eyes().eyes[0].volumes[0].volume.uid in text.replace(" ", "")


def test_that_the_report_of_a_result_names_the_program_and_preparation_that_made_it():
    before = replace(both_eyes(), preprocessing=preprocess.VERSION + 1, software="0.0.9")
    unstated = replace(both_eyes(), preprocessing=None, software=None)

    text = whole(before)
    assert f"preparation of frames version {preprocess.VERSION + 1}" in text
    assert "KD-OCT, version 0.0.9" in text
    text = whole(unstated)
    assert "preparation of frames version not stated" in text
    assert "KD-OCT, version not stated" in text


def test_that_odd_scans_are_told_on_the_first_page():
    result = study_result(
        volume_result([CNV] * 4, spacing=Spacing(axial_mm=0.004, lateral_mm=0.09, between_mm=0.5))
    )

    first = texts(render(result, card(), Settings(), WHEN))[0]

    assert "17.3 mm wide, which is unusual" in " ".join(first.split())
    assert "500 µm apart" in " ".join(first.split())


def test_that_thresholds_of_the_clinic_are_told_from_the_package_s_own():
    model = replace(card(), operating_points={"CNV": POINTS})

    own, local = (
        whole(both_eyes(), model=each) for each in (model, localised(model, {"CNV": 0.4}))
    )

    assert "this clinic set it" not in own
    assert (
        "An eye is called CNV here from a score of 40 % on, as this clinic set it; the model "
        "package's own threshold is 60 %." in local
    )
    assert "CNV * 40 %" in local


def test_that_predictive_values_are_given_where_the_clinic_stated_a_prevalence():
    assert "Predictive values" not in whole(both_eyes())

    text = whole(both_eyes(), prevalence={"CNV": 0.1, "DRUSEN": 0.2})

    # 0.92 of 10 % against 0.03 of 90 %.
    assert "10 % 77.3 % (" in text
    assert "Drusen 20 % not measured" in text


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_that_long_notes_stay_within_the_margins(paper):
    result = both_eyes()
    long = "Pseudopseudohypoparathyroidism" * 9 + " and subretinal fluid" * 20
    readings = Readings(tuple(replace(each, note=long) for each in spoken_of(result).entries))

    for page in pictures(render(result, card(), Settings(paper=paper), WHEN, readings=readings)):
        ink = np.argwhere(page.min(axis=2) < 128)
        assert ink[:, 1].min() > 0.06 * page.shape[1]
        assert ink[:, 1].max() < 0.94 * page.shape[1]

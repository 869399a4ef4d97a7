"""The report says what must be said, on every page, whatever the study is like."""

import errno
import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import DamagedFile, ReportError
from app.notices import RESEARCH_USE, SYNTHETIC, UNTRAINED
from app.report import render, write_report
from app.report.fonts import Fonts
from app.report.page import SHEETS, Pen
from app.report.sections import Section
from app.settings import Settings
from app.study import Gradability, Laterality, Localizer, Patient, Spacing
from tests.report.pdf_pages import metadata, pictures, texts
from tests.results_builder import (
    CNV,
    DME,
    DOUBTFUL_CNV,
    JANE,
    NORMAL,
    WHEN,
    both_eyes,
    card,
    figure,
    named,
    retina,
    study_result,
    volume_result,
)

CLINIC = Settings(clinic_name="Northfield Eye Clinic")


def report(result, settings=CLINIC, model=None):
    return render(result, model or card(), settings, WHEN)


def small():
    return study_result(volume_result([CNV] * 4))


def whole(result, settings=CLINIC, model=None):
    """The text of all pages, with white space evened out."""
    return " ".join(" ".join(texts(report(result, settings, model))).split())


@pytest.fixture(scope="module")
def both():
    return report(both_eyes())


def test_that_every_page_warns_counts_and_names_the_patient(both):
    pages = texts(both)

    assert 2 <= len(pages) <= 3
    for number, page in enumerate(pages, start=1):
        assert RESEARCH_USE in page
        assert f"Page {number} of {len(pages)}" in page
        assert "Doe, Jane" in page
        assert JANE.identifier in page
        assert SYNTHETIC not in page
        assert UNTRAINED not in page


def test_that_the_call_and_the_advice_come_first(both):
    first = " ".join(texts(both)[0].split())

    assert "RESULT OF THE MODEL FOR THE PATIENT Choroidal neovascularisation" in first
    assert "Refer urgently" in first
    assert first.index("Refer urgently") < first.index("Left eye (OS)")
    assert "CNV pattern in 8 of 25 B-scans" in first
    assert "25 of 25 B-scans read; 2 ungradable (2 blurred)." in first
    assert "Deciding B-scans: 9 to 16." in first


def test_that_the_report_tells_how_it_was_come_by(both):
    text = " ".join(" ".join(texts(both)).split())

    for told in ("kd-oct-b2", "1.2.0", "92.0 %", "(86.0 to 96.0)", "222 patients", "CC BY 4.0"):
        assert told in text
    assert card().graph_sha256[:32] in text
    assert card().graph_sha256[32:] in text
    assert all(limit in text for limit in card().limits)
    assert "Assessment by the qualified reader" in text
    assert "Signature" in text


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        (Section.EVIDENCE, "Key B-scans"),
        (Section.METHOD, "How the call is made"),
        (Section.SIGNATURE, "Assessment by the qualified reader"),
    ],
)
def test_that_a_section_can_be_left_out_but_never_the_call_or_its_limits(left_out, words):
    full = whole(small())
    text = " ".join(" ".join(texts(_without(left_out))).split())

    assert words in full
    assert words not in text
    for stays in (RESEARCH_USE, "RESULT OF THE MODEL", "Limits of use", "model kd-oct-b2"):
        assert stays in text, stays


def _without(section):
    return render(small(), card(), CLINIC, WHEN, set(Section) - {section})


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_that_nothing_is_printed_into_the_margins(paper):
    long = "Department of Ophthalmology and Diagnostic Imaging " * 9
    settings = Settings(paper=paper, clinic_name=long, clinic_address=long)
    result = study_result(
        volume_result([CNV] * 9),
        volume_result([DME] * 9, laterality=Laterality.LEFT),
        patient=Patient(name="Wolfeschlegelsteinhausenbergerdorff" * 4, identifier="9" * 64),
        description=long,
    )

    for page in pictures(report(result, settings)):
        ink = np.argwhere(page.min(axis=2) < 128)
        height, width = page.shape[:2]
        assert ink[:, 1].min() > 0.06 * width
        assert ink[:, 1].max() < 0.94 * width
        assert ink[:, 0].min() > 0.02 * height
        assert ink[:, 0].max() < 0.99 * height


@pytest.mark.parametrize("subjects", range(1, 13))
def test_that_what_a_model_measured_beside_a_table_stands_under_it(subjects):
    """However far down the page that table ends."""
    figures = [
        replace(figure(name, 0.9, 0.8, 0.95), data=f"test {number}")
        for number in range(12)
        for name in (*(f"sensitivity for {each}" for each in range(subjects)), "accuracy")
    ]

    for page in texts(report(small(), model=replace(card(), figures=tuple(figures)))):
        assert page.count("Accuracy") == page.count("intervals:")


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_that_key_bscans_fill_the_width_of_every_paper(paper):
    """Those of both eyes, six in all, of a shape as volumes of clinics have."""
    spacing = Spacing(axial_mm=0.004, lateral_mm=0.0106)
    eyes = [
        volume_result([CNV] * 20, laterality=each, spacing=spacing)
        for each in (Laterality.RIGHT, Laterality.LEFT)
    ]

    page = pictures(report(study_result(*eyes), Settings(paper=paper)))[1]

    # What is dark far down without a gap is no line of words.
    dark = (page.max(axis=2) < 100).mean(axis=0) > 0.2
    assert np.flatnonzero(dark).min() < 0.08 * page.shape[1]
    assert np.flatnonzero(dark).max() > 0.92 * page.shape[1]


def test_that_the_sheet_is_the_one_that_was_set():
    for paper, size in (("A4", (595, 842)), ("Letter", (612, 792))):
        page = pictures(report(small(), Settings(paper=paper)), 72)[0]
        assert page.shape[1::-1] == pytest.approx(size, abs=1)


def test_that_two_runs_give_the_same_bytes(both):
    assert report(both_eyes()) == both


def test_that_another_report_in_between_changes_nothing():
    hindi, persian = (
        study_result(volume_result([NORMAL]), patient=named(each))
        for each in ("शर्मा, प्रियंका", "نِژاد، مُحَمَّد")
    )
    before = report(hindi)
    report(persian)

    assert report(hindi) == before


def test_that_only_the_time_differs_when_made_later(both):
    later = texts(render(both_eyes(), card(), CLINIC, WHEN + timedelta(hours=2)))

    assert [re.sub(r"09:26|11:26", "", page) for page in later] == [
        re.sub("09:26", "", page) for page in texts(both)
    ]


def test_that_banners_stand_on_every_page():
    model = card(trained=False)
    pages = texts(report(both_eyes(model, synthetic=True), model=model))

    assert all(UNTRAINED in page and SYNTHETIC in page for page in pages)


def test_that_every_font_is_embedded(both):
    for pdf in (both, report(study_result(volume_result([CNV]), patient=named("محمد 王 कमल")))):
        bases = re.findall(rb"/BaseFont /([^\s/]+)", pdf)
        assert bases
        assert all(re.match(rb"[A-Z]{6}\+", base) for base in bases)
        assert pdf.count(b"/FontFile2") >= len(set(bases))


def test_that_the_metadata_name_the_program_and_not_the_patient(both):
    told = metadata(both)

    assert told["Title"] == "Retinal OCT report"
    assert told["Author"] == "Northfield Eye Clinic"
    assert told["Subject"] == RESEARCH_USE
    assert told["CreationDate"] == "D:20260314092653+00'00'"
    assert not any("Doe" in value or JANE.identifier in value for value in told.values())


@pytest.mark.parametrize(
    "name",
    ["Щербакова, Анна", "Παπαδόπουλος, Γεώργιος", "王, 小明", "김, 철수", "Łukasz Żółć"],
)
def test_that_a_name_can_be_copied_in_its_script(name):
    result = study_result(volume_result([NORMAL]), patient=named(name))

    assert all(name in page for page in texts(report(result)))


def test_that_a_persian_name_is_copied_in_plain_letters():
    result = study_result(volume_result([NORMAL]), patient=named("محمدی، علی ۱۲۳"))

    first = texts(report(result))[0]
    assert "محمدی" in first
    assert "علی" in first
    assert "۱۲۳" in first


def test_that_an_ungradable_eye_is_never_shown_as_healthy():
    blank = [Gradability.BLANK] * 8 + [NORMAL]
    text = whole(study_result(volume_result(blank)))

    assert "Ungradable" in text
    assert "9 of 9 B-scans read; 8 ungradable (8 blank)." in text
    assert "No probabilities are given" in text
    assert "Mean probability" not in text
    assert "Suggest to repeat the scan." in text


def test_that_images_out_of_scope_get_no_probabilities_and_no_heat_map():
    text = whole(study_result(volume_result([CNV] * 9, strange=range(9))))

    assert "Outside what the model knows" in text
    assert "No heat map: unlike the training data" in text
    assert "93 %" not in text


def test_that_a_suspicion_is_called_uncertain():
    rows = [DOUBTFUL_CNV if index in (3, 4, 5) else NORMAL for index in range(9)]
    text = whole(study_result(volume_result(rows)))

    assert "Uncertain: choroidal neovascularisation suspected" in text
    assert "The evidence does not suffice for a call." in text


def test_that_an_unknown_eye_scale_and_patient_are_said_to_be_unknown():
    result = study_result(
        volume_result(
            [CNV], laterality=Laterality.UNKNOWN, spacing=Spacing(), device=None, acquired=None
        ),
        patient=Patient(),
        visited=None,
        description=None,
    )
    text = whole(result)

    assert "Eye unknown" in text
    assert "The files do not say which eye" in text
    assert "no scale: spacing unknown" in text
    assert "µm" not in text
    assert "Right eye" not in text
    assert "Patient unknown" in text


def test_that_a_box_without_area_leaves_no_line():
    pen = Pen(SHEETS["A4"], Fonts())

    pen.box(100, 100, 0, 50, "000000")
    pen.next_page()
    [page] = pictures(pen.finish(), dots_per_inch=150)

    assert (page == 255).all()


def test_that_a_missing_eye_is_said_to_be_missing():
    assert "Left eye (OS): no scan in this study." in whole(study_result(volume_result([NORMAL])))


def test_that_notes_on_the_images_stand_on_the_first_page():
    note = "The images are lossy compressed; fine detail may be lost."
    result = study_result(volume_result([NORMAL] * 5, notes=(note,)))

    assert note in texts(report(result))[0]


def test_that_several_acquisitions_of_an_eye_are_all_listed():
    first, second = volume_result([CNV] * 5), volume_result([NORMAL] * 7)
    result = study_result(first)
    eye = replace(result.eyes[0], volumes=(second, first), deciding=1)
    text = whole(replace(result, eyes=(eye,)))

    assert "2 acquisitions of this eye; the most severe is shown." in text
    assert second.volume.uid in text


def test_that_a_volume_of_300_frames_takes_no_more_pages():
    rows = [CNV if 100 <= index < 130 else NORMAL for index in range(300)]
    result = study_result(volume_result(rows, load=lambda index: np.full((60, 90), 80, np.uint8)))

    assert len(texts(report(result))) <= 3


def test_that_deciding_bscans_are_marked_on_the_localizer():
    grey = np.full((96, 96), 90, np.uint8)
    result = volume_result([CNV if index < 12 else NORMAL for index in range(25)])
    localizer = Localizer(
        source=result.volume.bscans[0].source, rows=96, columns=96, load=grey.copy
    )
    placed = tuple(
        replace(each, location=((20.0 + index, 10.0), (20.0 + index, 80.0)))
        for index, each in enumerate(result.volume.bscans)
    )
    volume = replace(result.volume, bscans=placed, localizer=localizer)
    pdf = report(study_result(replace(result, volume=volume)))

    assert "Localizer with the scanned field" in texts(pdf)[0]
    page = pictures(pdf, 150)[0].astype(int)
    yellow = (page[..., 0] > 200) & (page[..., 1] > 160) & (page[..., 2] < 140)
    yellow |= (page[..., 2] > 200) & (page[..., 1] > 160) & (page[..., 0] < 140)  # BGR
    assert yellow.sum() > 500


def test_that_a_bscan_that_cannot_be_read_again_leaves_the_report_whole():
    def load(index):
        # As if the file had been moved since the analysis.
        if load.moved:
            raise DamagedFile("The file has been moved.")
        return retina(index / 8, lesion=True)

    load.moved = False
    result = study_result(volume_result([CNV] * 9, load=load))
    load.moved = True

    assert "cannot be read from its file any more" in whole(result)


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\nnot a picture"])
def test_that_a_logo_that_cannot_be_read_is_left_out(tmp_path, content):
    logo = tmp_path / "logo.png"
    if content is not None:
        logo.write_bytes(content)

    assert "Northfield Eye Clinic" in whole(small(), replace(CLINIC, logo=logo))


def test_that_a_transparent_logo_stands_on_white(tmp_path):
    logo = tmp_path / "logo.png"
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(logo)
    with_logo = pictures(report(small(), Settings(logo=logo)))[0]

    assert with_logo[30:60, 50:80].min() > 250


def test_that_a_full_disk_is_named_and_leaves_the_old_report(tmp_path, monkeypatch):
    path = tmp_path / "report.pdf"
    path.write_bytes(b"before")

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match="The disk is full"):
        write_report(small(), card(), path, CLINIC, WHEN)

    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_that_the_report_is_written_where_it_was_asked_for(tmp_path, both):
    path = tmp_path / "new folder" / "گزارش.pdf"
    write_report(both_eyes(), card(), Path(path), CLINIC, WHEN)

    assert path.read_bytes() == both


def test_that_the_report_says_classes_as_the_window_does():
    words = set(whole(both_eyes()).replace("(", " ").split())

    assert {"Drusen", "Normal"} <= words
    assert not {"DRUSEN", "NORMAL"} & words

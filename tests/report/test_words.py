"""Values in words."""

from itertools import pairwise

import pytest

from app.decimals import alike
from app.notices import advice_title
from app.report.evidence import key_bscans
from app.report.method import by_subject
from app.report.pictures import arrange
from app.report.words import likelihood, listed, measured, percent, scale_length_um
from app.study import Gradability
from tests.results_builder import CNV, NORMAL, card, figure, volume_result


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0 %"), (0.004, "< 1 %"), (0.5, "50 %"), (0.996, "> 99 %"), (1, "100 %")],
)
def test_that_a_share_is_never_rounded_to_certainty(value, words):
    assert percent(value) == words


def test_that_likelihood_rises_with_probability():
    words = [likelihood(value) for value in (0, 0.1, 0.5, 0.8, 0.97)]

    assert words == ["very unlikely", "unlikely", "possible", "likely", "very likely"]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([7], "7"),
        ([1, 2], "1, 2"),
        ([8, 9, 10, 12], "8 to 10 and 12"),
        ([1, 3, 5, 7, 9], "1, 3 and 3 more"),
    ],
)
def test_that_rising_numbers_are_told_as_spans(numbers, words):
    assert listed(numbers, most=2) == words


def test_that_shares_are_told_in_percent_and_other_figures_are_not():
    assert measured(figure("sensitivity for CNV", 0.92, 0.86, 0.96)) == ("92.0 %", "86.0 to 96.0")
    assert measured(figure("AUROC", 0.981, 0.97, 0.99)) == ("0.981", "0.970 to 0.990")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((1, 1, 1), ("1.000", "1.000", "1.000")),
        ((0.994, 0.987, 1.0), ("0.994", "0.987", "1.000")),
        ((0.0216, 0.014, 0.0424), ("0.0216", "0.0140", "0.0424")),
        ((0, 0, 0), ("0.000", "0.000", "0.000")),
        ((12.34, 9.5, 15), ("12.3", "9.5", "15.0")),
        ((1234, 987, 1500), ("1234", "987", "1500")),
    ],
)
def test_that_a_figure_and_its_interval_have_as_many_decimals(values, words):
    assert alike(*values) == words


@pytest.mark.parametrize(
    ("level", "title"), [("reader", "Needs a reader"), ("refer urgently", "Refer urgently")]
)
def test_that_an_advice_is_understood_where_it_stands_alone(level, title):
    assert advice_title(level) == title


def test_that_figures_are_laid_out_by_what_they_are_for():
    rows, rest = by_subject(
        [
            figure("sensitivity for CNV", 0.92, 0.86, 0.96),
            figure("AUROC for CNV", 0.98, 0.97, 0.99),
            figure("sensitivity for DME", 0.79, 0.68, 0.88),
            figure("accuracy", 0.9, 0.87, 0.93),
        ]
    )

    assert rows == [
        ("", "Sensitivity", "AUROC"),
        ("CNV", "92.0 % (86.0 to 96.0)", "0.980 (0.970 to 0.990)"),
        ("DME", "79.0 % (68.0 to 88.0)", "not measured"),
    ]
    assert rest == [("Accuracy", "90.0 % (87.0 to 93.0)")]


@pytest.mark.parametrize("width_um", [300, 2000, 5865, 12000])
def test_that_a_scale_bar_is_round_and_fits(width_um):
    assert 0.03 * width_um < scale_length_um(width_um) <= width_um / 4


@pytest.mark.parametrize("ratio", [0.8, 1.5, 2.5, 4.6, 9])
@pytest.mark.parametrize("high", [76, 125])
def test_that_pictures_fit_where_they_are_put(ratio, high):
    place = arrange(ratio, 500, high)

    tall = 2 * place.height if place.stacked else place.height
    assert tall <= high + 1e-6
    assert place.across <= 500 + 1e-6
    assert place.width / place.height == pytest.approx(ratio)


def test_that_key_bscans_are_deciding_ones_and_stand_apart():
    result = volume_result([CNV if 8 <= index < 20 else NORMAL for index in range(30)])
    chosen = key_bscans(result, card())

    assert len(chosen) == 3
    assert set(chosen) <= set(result.call.evidence)
    assert all(b - a >= 2 for a, b in pairwise(chosen))


@pytest.mark.parametrize("rows", [[NORMAL] * 9, [Gradability.BLANK] * 9, [NORMAL]])
def test_that_an_eye_with_nothing_to_show_gives_one_bscan(rows):
    assert len(key_bscans(volume_result(rows), card())) == 1

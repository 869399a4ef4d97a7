"""What must stand over a result: as much as is true of it, and no more."""

from dataclasses import replace
from datetime import date

import pytest

from app.notices import SYNTHETIC, UNSIGNED, UNTRAINED, WITHDRAWN, banners
from app.report import render
from app.settings import Settings
from tests.report.pdf_pages import texts
from tests.results_builder import WHEN, both_eyes, card


@pytest.mark.parametrize(
    ("trained", "signer", "synthetic", "told"),
    [
        (True, "KD-OCT", False, ()),
        (True, "Clinic", True, (SYNTHETIC,)),
        (True, None, False, (UNSIGNED,)),
        (True, None, True, (UNSIGNED, SYNTHETIC)),
        # Whose answers mean nothing needs nobody to vouch for it.
        (False, None, False, (UNTRAINED,)),
        (False, "KD-OCT", True, (UNTRAINED, SYNTHETIC)),
    ],
)
def test_that_each_banner_stands_where_it_is_true(trained, signer, synthetic, told):
    result = replace(both_eyes(synthetic=synthetic), model_signer=signer)

    assert banners(result, card(trained=trained)) == told


def test_that_a_report_says_on_every_page_that_nobody_vouches_for_the_model():
    result = replace(both_eyes(), model_signer=None)

    pages = texts(render(result, card(), Settings(), WHEN))

    assert all(UNSIGNED in page for page in pages)
    assert any("Signed by" in page for page in pages)


def test_that_a_report_says_since_when_the_signer_s_key_does_not_count():
    result = replace(both_eyes(), model_signer=None, model_key_withdrawn=date(2026, 3, 1))

    pages = texts(render(result, card(), Settings(), WHEN))

    assert all(WITHDRAWN in page and UNSIGNED not in page for page in pages)
    assert any("does not count since 2026-03-01" in page for page in pages)


def test_that_a_report_says_who_signed_the_model():
    [page] = [
        page for page in texts(render(both_eyes(), card(), Settings(), WHEN)) if "Signed by" in page
    ]

    assert "Signed by KD-OCT" in page.replace("\r\n", " ")
    assert UNSIGNED not in page

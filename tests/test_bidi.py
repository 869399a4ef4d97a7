"""Mixed text comes in the order in which it is read on paper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bidi import is_rtl, visual_runs


def shown(text, **options):
    """The characters from left to right."""
    return "".join(run.text[::-1] if run.rtl else run.text for run in visual_runs(text, **options))


@pytest.mark.parametrize(
    ("spoken", "left_to_right"),
    [
        ("Smith, John", "Smith, John"),
        ("אבג", "גבא"),
        ("אבג 12", "12 גבא"),
        ("אבג 12-34.5", "12-34.5 גבא"),
        ("۱۲۳ الف", "فلا ۱۲۳"),
        ("Dr. אבג Eye 12/5", "Dr. גבא Eye 12/5"),
        ("אבג Eye 12", "Eye 12 גבא"),
        ("אב, גד", "דג ,בא"),
        ("אב Clinic (2)", "Clinic (2) בא"),
        ("אב (ab) 2", "2 )ab( בא"),
        ("אב (ab גד) 2", "2 )דג ab( בא"),
        ("ab (אב) 2", "ab (בא) 2"),
        ("אב ab [c (d] e)", ")ab [c (d] e בא"),
        ("", ""),
    ],
)
def test_that_lines_are_ordered_as_the_standard_says(spoken, left_to_right):
    assert shown(spoken) == left_to_right


def test_that_hidden_controls_do_not_reorder_a_report():
    assert shown("John \u202eSmith\u202c") == "John Smith"


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_that_no_visible_character_is_lost(text):
    kept = [each for each in shown(text) if each.isprintable() and not each.isspace()]
    wanted = [each for each in text if each.isprintable() and not each.isspace()]

    assert sorted(kept) == sorted(wanted)


@given(st.text("abc 12.,-/()", max_size=30))
def test_that_text_without_right_to_left_letters_stays_as_it_is(text):
    assert shown(text) == text


@pytest.mark.parametrize(
    ("spoken", "left_to_right"),
    [
        ("אב \u2066512 x 496\u2069 גד", "דג 512 x 496 בא"),
        ("אב 512 x 496 גד", "דג x 496 512 בא"),
        ("\u2066CNV\u2069 אב", "בא CNV"),
        ("אב \u2066a\u2069\u2066b\u2069", "ba בא"),
        ("a \u2067אב c\u2069 d", "a c בא d"),
        ("אב \u2066a (\u2067גד\u2069) b", "a (דג) b בא"),
        ("אב \u2069 c", "c  בא"),
    ],
)
def test_that_isolates_keep_together_what_they_hold(spoken, left_to_right):
    assert shown(spoken) == left_to_right


def test_that_a_line_is_ordered_as_its_whole_paragraph_says():
    line = {"base_rtl": True, "before": "אב CST ", "after": " אב"}

    assert shown("310 µm; see 12", **line) == "310 µm; see 12"
    assert shown("310 x 20\u2069 אב", **line | {"before": "אב \u2066"}) == "בא 310 x 20"


def test_that_the_first_letter_decides_the_direction():
    assert is_rtl("(12) נ a")
    assert not is_rtl("(12) a נ")

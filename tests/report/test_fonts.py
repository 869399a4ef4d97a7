"""Text is set in embedded fonts: every script in its own, joined and broken as it is written."""

import re

import pytest

from app.paths import resources
from app.report.fonts import Fonts, Style

PLAIN, BOLD = Style(10), Style(10, bold=True)
FOLDER = resources() / "fonts"


@pytest.fixture(scope="module")
def fonts():
    return Fonts()


@pytest.mark.parametrize(
    ("text", "face"),
    [
        ("Żółć Ελλάδα Москва", "KD-Sans"),
        ("محمدی", "KD-Arabic"),
        ("כהן", "KD-Hebrew"),
        ("शर्मा", "KD-Devanagari"),
        ("สมชาย", "KD-Thai"),
        ("Հայ", "KD-Armenian"),
        ("საქართველო", "KD-Georgian"),
        ("王小明", "KD-Han"),
        ("さくら", "KD-Han"),
        ("김철수", "KD-Han"),
    ],
)
def test_that_each_script_is_set_in_its_own_face(fonts, text, face):
    faces = {piece.font for piece in fonts.line(text.replace(" ", ""), PLAIN).pieces}

    assert faces == {face}


def test_that_persian_letters_are_joined(fonts):
    [piece] = fonts.line("محمد", PLAIN).pieces

    # Four letters in visual order, each in the form its neighbours ask for: ﻣ ﺤ ﻤ ﺪ.
    assert [ord(each) for each in str(piece.text)] == [0xFEAA, 0xFEE4, 0xFEA4, 0xFEE3]


def test_that_a_face_without_bold_is_thickened(fonts):
    assert fonts.line("王", BOLD).pieces[0].thicken
    assert not fonts.line("王", PLAIN).pieces[0].thicken
    assert not fonts.line("King", BOLD).pieces[0].thicken


def test_that_a_character_no_face_has_is_seen_to_be_missing(fonts):
    assert fonts.line("a😀", PLAIN).pieces[0].text == "a\ufffd"


@pytest.mark.parametrize(
    "text",
    [
        "a few words that go over several lines",
        "王小明" * 20,
        "Donaudampfschifffahrt" * 5,
        "محمد علی " * 9,
    ],
)
def test_that_no_line_is_wider_than_its_room_and_no_letter_is_lost(fonts, text):
    lines = fonts.wrap(text, PLAIN, 80)

    assert len(lines) > 1
    assert all(line.width <= 80 for line in lines)
    spoken = "".join(line.spoken for line in lines)
    assert re.sub(r"\s", "", spoken) == re.sub(r"\s", "", text)


def test_that_text_of_too_many_lines_ends_in_an_ellipsis(fonts):
    lines = fonts.wrap("word " * 50, PLAIN, 80, most=2)

    assert len(lines) == 2
    assert lines[1].spoken.endswith("…")
    assert lines[1].width <= 80


def test_that_b_scan_is_never_broken_at_its_hyphen(fonts):
    width = fonts.width("49 of 49 B-", PLAIN) + 1

    assert [line.spoken for line in fonts.wrap("49 of 49 B-scans", PLAIN, width)][-1] == "B-scans"


def test_that_every_font_comes_with_its_licence():
    notes = (FOLDER / "README.md").read_text("utf-8")

    for font in FOLDER.glob("*.ttf"):
        family = font.stem.split("-")[0]
        assert family in notes or family.removeprefix("NotoSans") in notes
        licence = "LICENSE-Noto.txt" if family.startswith("Noto") else "LICENSE-Droid.txt"
        assert (FOLDER / licence).stat().st_size > 3000
    assert sum(each.stat().st_size for each in FOLDER.iterdir()) < 8e6


def test_that_a_number_stays_with_its_unit_where_a_line_breaks_before_it(fonts):
    note = "ضخامت مرکزی در چشم چپ برابر با CST 310 µm; see 12-34 است"
    _, second = fonts.wrap(note, Style(8), 130)

    assert second.spoken.startswith("310")
    assert "310 µm; see 12-34" in "".join(each.text for each in second.pieces)

"""The core's sentences in other languages: each from a template, each told by that template."""

import ast
import re
from gettext import GNUTranslations

import numpy as np
import pytest
from babel.messages.pofile import read_po
from hypothesis import given, settings
from hypothesis import strategies as st

import app.errors
from app.aggregate import advise, call_eye
from app.bidi import LRI, PDI, RLI
from app.installed import choose_package
from app.language import all_of, any_of, counted, fill, language, languages, list_of
from app.paths import resources
from installers.translations import CORE, ROOT, Domain, brought_up_to_date, texts
from tests.results_builder import DRUSEN, NORMAL

FA = language("fa")
FOLDER = resources() / "translations"
ENTRIES = [str(each.id) for each in texts(CORE) if each.id]
PLACE = re.compile(r"\{(\w+)\}")
# What is only ever said in the reader's language itself is never met as an English sentence.
KEPT = Domain("core", {name: keys for name, keys in CORE.calls.items() if name != "say"})
TOLD = [str(each.id) for each in texts(KEPT) if each.id and PLACE.search(str(each.id))]
ERRORS = {name for name, each in vars(app.errors).items() if isinstance(each, type)} | {"TooSlow"}
ISOLATED = str.maketrans({LRI: "", RLI: "", PDI: "", "\N{NO-BREAK SPACE}": " "})


@pytest.fixture(scope="module")
def card():
    """Of the package that ships: what it says in words is in the catalogue."""
    return choose_package(None, None).card


def plain(text):
    """The text without what only orders it on a line."""
    return text.translate(ISOLATED)


def still_open(text):
    """The marks of the isolates that have not ended where the text does."""
    begun = ""
    for each in text:
        if each in (LRI, RLI, "\u2068"):
            begun += each
        elif each == PDI:
            begun = begun[:-1]
    return begun


# The catalogue


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*/core.po")), ids=lambda each: each.parent.name
)
def test_that_every_text_of_the_core_is_translated(path):
    fresh = brought_up_to_date(path, CORE)

    assert not [each.id for each in fresh if each.id and (each.fuzzy or not each.string)]
    with path.open("rb") as file:
        kept = read_po(file)
    assert {each.id for each in kept} == {each.id for each in fresh}, "run make translations"
    with path.with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)
    for each in kept:
        assert not each.id or compiled.gettext(each.id) == each.string, "run make translations"


@pytest.mark.parametrize("template", ENTRIES)
def test_that_a_translation_holds_what_its_text_does(template):
    translation = FA.say(template, **{name: f"{{{name}}}" for name in PLACE.findall(template)})

    assert set(PLACE.findall(translation)) == set(PLACE.findall(template))
    assert not re.search("[يك٠-٩۰-۹]", translation), "letters and digits of another convention"
    assert template.endswith(".") == plain(translation).endswith("."), "a whole sentence or none"
    assert "“" not in translation


def test_that_languages_name_themselves_english_first():
    assert next(iter(languages().items())) == ("en", "English")
    assert languages()["fa"] == "فارسی"
    assert FA.rtl
    assert not language("en").rtl


@pytest.mark.parametrize("code", ["en", "xx", "", "../fa", "fa\0"])
def test_that_a_language_without_a_catalogue_is_english(code):
    assert language(code).code == "en"
    assert language(code).tell("The file is empty.") == "The file is empty."
    assert language(code).say("{count} frames", count=3) == "3 frames"


# Telling sentences


words = st.sampled_from(["7", "49", "0.62", "95 %", "3.9 µm", "CNV", "DME", "drusen", "test"])
names = st.text("abcxyz019_-", min_size=1, max_size=12).map(lambda each: f"z{each}.dcm")


@settings(max_examples=8, deadline=None)
@given(st.data())
@pytest.mark.parametrize("template", TOLD)
def test_that_a_sentence_is_told_by_the_template_it_was_made_from(template, data):
    values, told = {}, {}
    for name in set(PLACE.findall(template)):
        quoted = f"“{{{name}}}”" in template
        one_word = f"}} {{{name}}}" in template
        values[name] = data.draw(names if quoted else st.just("7") if one_word else words)
        told[name] = values[name] if quoted else FA.tell(values[name])

    assert plain(FA.tell(fill(template, **values))) == plain(FA.say(template, **told))


def test_that_names_in_quotation_marks_stay_as_they_are():
    assert "«drusen»" in plain(
        FA.tell("“drusen” is no model package. Choose the file that its makers sent.")
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "Refer to a doctor, or repeat the scan and compare.",
        "Trained on one device family; other devices are less well known.",
        "",
        "an unknown thing 3",
    ],
)
def test_that_what_no_catalogue_knows_stays_english(sentence):
    assert FA.tell(sentence) == sentence


@given(st.text(max_size=60))
def test_that_any_text_can_be_told(text):
    assert still_open(FA.tell(text)) == still_open(text) or FA.tell(text) != text


shares = st.tuples(*[st.floats(0.01, 1)] * 4)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(shares, st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_that_every_reason_and_advice_is_told_whole(card, bscans):
    odds = np.array([row for row, _, _ in bscans])
    odds /= odds.sum(axis=1, keepdims=True)
    odds[[ungradable for _, ungradable, _ in bscans]] = np.nan
    call = call_eye(odds, np.array([familiar for _, _, familiar in bscans]), card)
    advice = advise(call, card)

    for sentence in (call.reason, advice.advice, advice.level):
        assert not re.search("[a-z]", FA.tell(sentence)), sentence


def test_that_the_parts_of_a_reason_come_in_the_order_of_the_language(card):
    classes = [card.names.index(each) for each in ("NORMAL", "DRUSEN", "DME", "CNV")]
    odds = np.empty((9, 4))
    odds[:, classes] = [NORMAL] * 3 + [DRUSEN] * 4 + [NORMAL] * 2
    call = call_eye(odds, np.ones(9, bool), card)

    assert call.reason == "Drusen pattern in 4 of 9 B-scans, all in frames 4 to 7."
    assert FA.tell(call.reason) == "الگوی دروزن در 4 از 9 بی‌اسکن، همه در فریم‌های 4 تا 7."


def test_that_lists_are_told_as_lists():
    assert plain(FA.tell(any_of(["drusen", "DME", "CNV"]))) == "دروزن، DME یا CNV"
    assert plain(FA.tell(all_of(["8 to 12", "15", "17"]))) == "8 تا 12، 15 و 17"
    assert FA.tell(list_of(["drusen"])) == "دروزن"
    assert counted(1, "{count} frame", "{count} frames") == "1 frame"


def test_that_latin_words_are_kept_together():
    told = FA.tell("“a b.dcm” could not be written: Permission denied. Choose another folder, or "
                   "make room on the disk.")  # fmt: skip

    assert f"«{LRI}a\N{NO-BREAK SPACE}b.dcm{PDI}»" in told
    assert "اجازه داده نشد" in told


# The source


def called(node):
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


@pytest.mark.parametrize("path", CORE.sources(), ids=lambda each: str(each.relative_to(ROOT)))
def test_that_no_sentence_for_clinicians_is_made_without_a_template(path):
    tree = ast.parse(path.read_text("utf-8"))
    known = set(ENTRIES)
    kept = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        first, name = node.args[0], called(node)
        if name in ERRORS and isinstance(first, ast.Constant | ast.JoinedStr | ast.BinOp):
            assert isinstance(first, ast.Constant), f"line {node.lineno}: use fill(…)"
        if name in ERRORS | {"mark", "fill", "say"} and isinstance(first, ast.Constant):
            assert first.value in known, f"line {node.lineno}: make translations does not see it"
        if name in ERRORS | {"mark", "fill", "say", "debug", "info", "warning", "error"}:
            kept |= {id(each) for each in ast.walk(first)}
    for node in ast.walk(tree):
        if id(node) not in kept and isinstance(node, ast.Constant | ast.JoinedStr):
            kept |= {id(each) for each in ast.walk(node)}
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts
            )
            sentence = re.fullmatch("[A-Z“…][^\n]*? [^\n]*? [^\n]*[.…]", text)
            assert not sentence or not text.endswith("."), f"line {node.lineno}: use mark or fill"

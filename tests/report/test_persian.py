"""The report in Persian: from right to left, nothing left in English, and eyes as they are seen."""

import json
import re

import pypdfium2
import pytest

from app.analysis import analyse
from app.bidi import visual_runs
from app.language import language
from app.notices import SYNTHETIC
from app.paths import resources
from app.reading import open_studies
from app.readings import Readings
from app.report import render
from app.report.words import EYES, headline
from app.settings import Settings
from app.study import Laterality
from tests.decisions import entry
from tests.report.pdf_pages import texts
from tests.results_builder import WHEN
from tests.tiny_package import tiny_package

FA = language("fa")
NAMES = (
    # what has no other name in Persian, or comes from the files and the package as it is
    r"KD|SYNTHETIC(-\d+)?|Phantom|phantom|eyes|UTC|worded|Persian|Clinic|[a-z]+@[a-z.]+"
    r"|OCT|CNV|DME|AUROC|UID|SHA|OD|OS|µm|en face|x|[0-9a-f]{8,}|AB"
    r"|Heidelberg|Spectralis|Optovue|Avanti|EfficientNet|kermany|octdl|neh|and"
    r"|CC BY|Kermany|Zhang|Goldbaum|Kulyabin|et al|Mendeley|Data|rscbjbr9sj|sncdhf53xc|classes"
    r"|one convolution"
)


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """The demo study, by a package that says what the one that ships says."""
    (shipped,) = (resources() / "models").glob("*/model.json")
    card = json.loads(shipped.read_bytes())
    said = {each: card[each] for each in ("title", "classes", "referral", "figures", "limits")}
    package = tiny_package(tmp_path_factory.mktemp("models"), id="worded", **said)
    [study] = open_studies([resources() / "demo"]).studies
    result = analyse(study, package)
    return result, package.card


def persian(analysed, **options):
    result, card = analysed
    settings = Settings(language="fa", prevalence={"CNV": 0.05}, **options)
    said = [entry("OD", "DRUSEN", machine="CNV", blind=True)]
    return render(result, card, settings, WHEN, readings=Readings(tuple(said)))


@pytest.fixture(scope="module")
def report(analysed):
    return persian(analysed)


def letters(text):
    """The text without what the copying of a PDF puts between letters, or leaves out."""
    return re.sub(r"[\s\u200c\u2066-\u2069\u200e\u200f]", "", text)


def test_that_the_call_is_told_in_persian(analysed, report):
    result, card = analysed
    first = letters(texts(report)[0])

    assert letters(FA.tell(SYNTHETIC))[:20] in first
    for word in FA.tell(headline(result.call, card)).split():
        if not re.search("[A-Za-z()]", word):
            assert letters(word) in first


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_that_no_english_is_left_but_names(analysed, paper):
    for page in texts(persian(analysed, paper=paper)):
        latin = re.sub(rf"\b(?:{NAMES})\b", " ", page)
        assert not re.findall(r"[A-Za-z]{2,}", latin)


def test_that_no_glyph_is_missing(report):
    assert not any("\ufffd" in page or "\u25a1" in page for page in texts(report))


def test_that_the_file_says_its_language(report):
    assert b"/Lang (fa)" in report


def test_that_text_begins_on_the_right_and_the_right_eye_stands_on_the_left(report):
    document = pypdfium2.PdfDocument(report)
    try:
        page = document[0]
        text = page.get_textpage()
        places = {
            word: text.get_charbox(_found(text, word))[0] / page.get_width()
            for word in ("SYNTHETIC-0001", "OD", "OS")
        }
    finally:
        document.close()

    assert places["SYNTHETIC-0001"] > 0.45
    assert places["OD"] < 0.5 < places["OS"]


def _found(text, word):
    """Index of the last place of a word on a page: the head of an eye comes after the table."""
    searcher = text.search(word, match_case=True)
    place, found = None, searcher.get_next()
    while found:
        place, found = found[0], searcher.get_next()
    assert place is not None, word
    return place


def test_that_what_was_scanned_is_not_turned_around(analysed, report):
    result, card = analysed
    english = render(result, card, Settings(prevalence={"CNV": 0.05}), WHEN)

    assert _pictures_in(english) == _pictures_in(report)


def _pictures_in(pdf):
    """The pixels of every picture in a file: the same ones, whichever way the page is read."""
    return sorted(
        re.findall(rb"/Subtype /Image.*?stream\r?\n(.*?)endstream", pdf, re.DOTALL), key=hash
    )


def test_that_a_line_of_mixed_text_is_read_in_its_order():
    line = FA.say(
        "{program}, model {model}", program="KD-OCT 0.1.0", model="kd-oct-b2 1.1.0 (2.25.17)"
    )
    shown = [run.text.replace("\N{NO-BREAK SPACE}", " ") for run in visual_runs(line)]

    assert shown == ["kd-oct-b2 1.1.0 (2.25.17)", "، مدل ", "KD-OCT 0.1.0"]


def test_that_each_eye_has_a_persian_name():
    assert {FA.tell(EYES[each]) for each in Laterality} == {
        "چشم راست (OD)",
        "چشم چپ (OS)",
        "چشم نامعلوم",
    }

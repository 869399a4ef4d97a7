"""The languages that window and paper speak. Records stay English: results, cases, trail, logs.

A sentence is made in English from a marked template (`fill`), and kept and compared in English.
Whoever shows it tells it in the reader's language (`Language.tell`): the template is recognised by
its English pattern, its values are told in turn, and the translation is filled in. So a case that
was written under one language opens in another, and what no catalogue knows stays English.

Catalogues are gettext's: `resources/translations/CODE/core.mo`, made from `core.po`.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from gettext import GNUTranslations
from pathlib import Path

from app.bidi import LRI, PDI, RLI, holds_rtl, is_rtl
from app.paths import resources

_CATALOGUE = "core.mo"
_PLACE = re.compile(r"\{(\w+)\}")
_NUMBERS = re.compile(r"[\d.,، ]+")
_SHORT = 16
_MEMORY = 5000  # sentences
_FEW_LETTERS = 8
_LENGTH = re.compile(r"[\d.]+ µm")


def mark(text: str) -> str:
    """Return the text; marks a constant to be translated where it is shown."""
    return text


def fill(template: str, **values: object) -> str:
    """Make an English sentence from a template: "{lost} of {total} B-scans could not be read"."""
    return _PLACE.sub(lambda place: str(values[place[1]]), template)


_OWN_NAME = mark("English")  # translated as the language's own name for itself
_NEXT, _OR, _AND = mark("{one}, {next}"), mark("{one} or {next}"), mark("{one} and {next}")


def counted(number: int, one: str, several: str) -> str:
    """Say in English how many there are, by a template for one and another for any other number."""
    return fill(one if number == 1 else several, count=number)


def list_of(words: Iterable[str]) -> str:
    """Join words in English: "drusen, DME"."""
    return _joined(list(words), _NEXT)


def any_of(words: Iterable[str]) -> str:
    """Join words in English: "drusen, DME or CNV"."""
    return _joined(list(words), _OR)


def all_of(words: Iterable[str]) -> str:
    """Join words in English: "8 to 12, 15 and 17"."""
    return _joined(list(words), _AND)


def _joined(words: list[str], last: str) -> str:
    joined = words[0]
    for word in words[1:-1]:
        joined = fill(_NEXT, one=joined, next=word)
    return fill(last, one=joined, next=words[-1]) if len(words) > 1 else joined


@dataclass(frozen=True, slots=True)
class _Told:
    """A sentence in another language."""

    text: str
    letters: int  # of the English one, those that stand in the catalogue


class Pattern:
    """What an English sentence made from a template looks like."""

    def __init__(self, template: str) -> None:
        self.template = template
        parts = _PLACE.split(template)
        self._literals, self._names = parts[::2], parts[1::2]
        self.own = sum(map(len, self._literals))
        self.letters = sum(map(str.isalpha, "".join(self._literals)))
        # With so few of its own, it is met by chance in sentences of any kind.
        self.loose = self.letters < _FEW_LETTERS
        self.quoted = {
            name
            for name, before, after in zip(
                self._names, self._literals, self._literals[1:], strict=False
            )
            if before.endswith("“") and after.startswith("”")
        }

    def values(self, sentence: str) -> dict[str, str] | None:
        """What stands at the template's places; None if the sentence is none of its kind.

        Each is as short as may be, but for one that only a space parts from the next: of these the
        next is one word.
        """
        first, *between = self._literals
        if not (sentence.startswith(first) and sentence.endswith(between[-1])):
            return None
        end = len(sentence) - len(between[-1])
        found: dict[str, str] = {}
        at = len(first)
        for place, (name, literal) in enumerate(zip(self._names, between, strict=True), start=1):
            if place == len(between):
                after = end
            elif literal == " ":
                following = between[place]
                last = end if place + 1 == len(between) else sentence.find(following, at + 1, end)
                after = sentence.rfind(literal, at + 1, last)
            else:
                after = sentence.find(literal, at + 1, end)
            if after <= at or found.setdefault(name, sentence[at:after]) != sentence[at:after]:
                return None
            at = after + len(literal)
        return found


@dataclass(frozen=True)
class Language:
    """A language and what it has for the core's sentences."""

    code: str  # ISO 639-1
    name: str  # its own for itself
    rtl: bool
    _texts: Mapping[str, str] = field(repr=False)  # by the English template

    def say(self, template: str, **values: object) -> str:
        """Fill in a template of the core in this language; the values are as they shall stand."""
        return self._filled(
            self._texts.get(template, template), {name: str(each) for name, each in values.items()}
        )

    def tell(self, sentence: str) -> str:
        """Say in this language an English sentence that the core made or a file kept."""
        if not self._texts:
            return sentence
        known = self._known(sentence)
        return sentence if known is None else known.text

    def _known(self, sentence: str) -> _Told | None:
        """The sentence in this language; None if no template fits it.

        Where several fit, that counts which leaves least of the sentence to chance.
        """
        word = self._texts.get(sentence) or self._words.get(sentence.casefold())
        if word is not None:
            return _Told(word, sum(map(str.isalpha, sentence)))
        if _speaks_for_itself(sentence):
            return None
        # Not asked first: another thread, which makes a report, may clear the memory in between.
        with suppress(KeyError):
            return self._memory[sentence]
        if len(self._memory) > _MEMORY:
            self._memory.clear()
        firm, loose = self._patterns
        found = self._best(firm, sentence) or self._best(loose, sentence)
        self._memory[sentence] = found
        return found

    def _best(self, patterns: Iterable[Pattern], sentence: str) -> _Told | None:
        best: _Told | None = None
        for pattern in patterns:
            values = pattern.values(sentence)
            found = None if values is None else self._told(pattern, values)
            if found is not None and (best is None or found.letters > best.letters):
                best = found
        return best

    def _told(self, pattern: Pattern, values: dict[str, str]) -> _Told | None:
        """The template with the values told; None if the sentence is none of its kind after all."""
        told, letters = {}, pattern.letters
        for name, value in values.items():
            known = None if name in pattern.quoted else self._known(value)
            if known is not None:
                told[name] = known.text
                letters += known.letters
            elif name in pattern.quoted or not pattern.loose or _speaks_for_itself(value):
                told[name] = value
            else:
                return None
        return _Told(self._filled(self._texts[pattern.template], told), letters)

    def _filled(self, translation: str, values: Mapping[str, str]) -> str:
        return _PLACE.sub(lambda place: self._set(values[place[1]]), translation)

    def _set(self, value: str) -> str:
        """Keep what runs from left to right together within a line that does not."""
        if not self.rtl or _NUMBERS.fullmatch(value) or not value:
            return value
        if not holds_rtl(value):
            # "3.9 µm" is not parted at the end of a line, where it would be read the wrong way.
            short = value.replace(" ", "\N{NO-BREAK SPACE}") if len(value) <= _SHORT else value
            return f"{LRI}{short}{PDI}"
        latin = any(unicodedata.bidirectional(each) == "L" for each in value)
        return f"{RLI}{value}{PDI}" if latin else value

    @cached_property
    def _words(self) -> dict[str, str]:
        """Constants by their folded case: a class is "DRUSEN" in one place, "drusen" in others."""
        return {
            each.casefold(): self._texts[each]
            for each in sorted(self._texts, key=str.islower)
            if not _PLACE.search(each)
        }

    @cached_property
    def _patterns(self) -> tuple[list[Pattern], list[Pattern]]:
        """The firm ones and the loose ones; of two that fit alike, the first counts.

        A list comes before what its parts may be, else those with most words of their own.
        """
        found = [Pattern(each) for each in self._texts if _PLACE.search(each)]
        lists = (_OR, _AND, _NEXT)
        found.sort(key=lambda each: (each.template not in lists, -each.own, each.template))
        return [each for each in found if not each.loose], [each for each in found if each.loose]

    @cached_property
    def _memory(self) -> dict[str, _Told | None]:
        """Sentences that were told: they come again, and their parts many times over."""
        return {}


def _speaks_for_itself(value: str) -> bool:
    """Whether it is the same in every language: a number, a length, an abbreviation."""
    if "," in value or ";" in value or value.count("(") != value.count(")") or holds_rtl(value):
        return False
    return value == value.upper() or _LENGTH.fullmatch(value) is not None


ENGLISH = Language("en", _OWN_NAME, rtl=False, _texts={})


def languages() -> dict[str, str]:
    """Each language's code (ISO 639-1) and its own name for itself, English first."""
    codes = sorted(path.parent.name for path in _folder().glob(f"*/{_CATALOGUE}"))
    return {ENGLISH.code: ENGLISH.name} | {code: language(code).name for code in codes}


def language(code: str) -> Language:
    """Return a language; where there is no catalogue of that code, English."""
    return _language(code, _folder())


@lru_cache(maxsize=16)
def _language(code: str, folder: Path) -> Language:
    path = folder / code / _CATALOGUE
    if code == ENGLISH.code or not code.isalpha() or not path.is_file():
        return ENGLISH
    with path.open("rb") as file:
        # The one way to its entries that does not need each of them named.
        entries = vars(GNUTranslations(file))["_catalog"]
    texts = {key: text for key, text in entries.items() if isinstance(key, str) and key and text}
    name = texts.get(_OWN_NAME, code)
    return Language(code, name, rtl=is_rtl(name), _texts=texts)


def _folder() -> Path:
    return resources() / "translations"

"""Bring the translators' files up to date with the source, and compile them. `make translations`.

What is no longer said is dropped. What is new, or has changed, stands there without a translation
until somebody writes one; a test fails as long as it does. Given "core" or "window", only those
catalogues are touched.
"""

import errno
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.frontend import parse_keywords
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from app import errors
from app.language import Pattern

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "app"
MODELS = ROOT / "resources" / "models"
TRANSLATIONS = ROOT / "resources" / "translations"


@dataclass(frozen=True, slots=True)
class Domain:
    """One kind of catalogue: where its texts stand and by which calls they are known."""

    name: str
    calls: dict[str, Any]

    def sources(self) -> list[Path]:
        if self.name == "window":
            return sorted((APP / "gui").rglob("*.py"))
        # What is read in a terminal alone stays English.
        elsewhere = (APP / "gui", APP / "commands", APP / "cli.py")
        found = sorted(APP.rglob("*.py"))
        return [each for each in found if not any(each.is_relative_to(it) for it in elsewhere)]


_ERRORS = [name for name, each in vars(errors).items() if isinstance(each, type)]
_MARKS = ["mark", "fill", "say"]
CORE = Domain("core", parse_keywords([*_MARKS, *_ERRORS]))
# Qt's: the text, and what tells it from the same text elsewhere.
WINDOW = Domain(
    "window",
    parse_keywords(
        ["tr:1,1t", "tr:1,2c,2t", "translate:1,1t", "translate:2,2t", "translate:2,3c,3t"]
    ),
)


def texts(domain: Domain) -> Catalog:
    """Return all that a domain's catalogues have to translate."""
    catalog = Catalog(fuzzy=False)
    for path in domain.sources():
        _take(catalog, path, domain.calls)
    if domain.name == "core":
        # The laboratory says in packages what the program then shows.
        for path in sorted((ROOT / "ml").rglob("*.py")):
            _take(catalog, path, parse_keywords(_MARKS))
        templates = [Pattern(str(each.id)) for each in catalog if "{" in str(each.id)]
        for text in (*_of_models(), *_of_systems()):
            if all(each.loose or each.values(text) is None for each in templates):
                catalog.add(text)
    return catalog


def _take(catalog: Catalog, path: Path, calls: dict[str, Any]) -> None:
    for _, message, comments, context in extract_from_file("python", path, calls):
        catalog.add(message, auto_comments=comments, context=context)


def brought_up_to_date(path: Path, domain: Domain) -> Catalog:
    """Return the translations of a file, with the texts that the source has now."""
    catalog = read_po(BytesIO(path.read_bytes()), locale=path.parent.name)
    # Who translated and when is the history's to tell; the file changes with its texts alone.
    since = catalog.creation_date
    catalog.update(texts(domain), no_fuzzy_matching=True)
    catalog.creation_date = catalog.revision_date = since
    catalog.project, catalog.version = "KD-OCT", domain.name
    catalog.last_translator = catalog.language_team = catalog.msgid_bugs_address = ""
    catalog.obsolete.clear()
    return catalog


def _of_models() -> Iterator[str]:
    """What the packages that ship with the program say in words."""
    for path in sorted(MODELS.glob("*/model.json")):
        card = json.loads(path.read_bytes())
        for each in card["classes"]:
            yield each["name"]
            yield each["title"]
        for each in card["referral"].values():
            yield each["level"]
            yield each["advice"]
        yield from card["limits"]
        for each in card["figures"]:
            # The report shows what it is of, and of whom, apart.
            yield from (each["name"], *each["name"].split(" for "), each["data"])


def _of_systems() -> Iterator[str]:
    """What a system says most often when it will not read or write a file."""
    codes = (errno.EACCES, errno.ENOENT, errno.EIO, errno.EBUSY, errno.ENOSPC, errno.EROFS)
    yield from map(os.strerror, codes)


def main(names: list[str]) -> None:
    domains = [each for each in (CORE, WINDOW) if each.name in (names or ("core", "window"))]
    for folder in sorted(each for each in TRANSLATIONS.iterdir() if each.is_dir()):
        for domain in domains:
            path = folder / f"{domain.name}.po"
            catalog = brought_up_to_date(path, domain)
            with path.open("wb") as file:
                write_po(file, catalog, no_location=True, omit_header=False, width=0)
            with path.with_suffix(".mo").open("wb") as file:
                write_mo(file, catalog)
            missing = sum(1 for each in catalog if each.id and not each.string)
            print(f"{path.relative_to(ROOT)}: {len(catalog)} texts, {missing} not translated")


if __name__ == "__main__":
    main(sys.argv[1:])

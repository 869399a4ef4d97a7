"""Rows of the file of cases, and the cases that they stand for."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.cases.files import KeptFiles, Sources
from app.cases.kept import CaseState, KeptCase, ModelName, Summary
from app.cases.study_record import UNREADABLE, decode_study
from app.errors import DamagedRecord, StorageError
from app.modelpack import CARD, Card
from app.study import Call, Study

SUMMARY: TypeAdapter[Summary] = TypeAdapter(Summary)
SOURCES: TypeAdapter[Sources] = TypeAdapter(Sources)
CALL: TypeAdapter[Call] = TypeAdapter(Call)
MODEL: TypeAdapter[ModelName] = TypeAdapter(ModelName)
CONTENTS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
ANSWERS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
PATHS: TypeAdapter[tuple[Path, ...]] = TypeAdapter(tuple[Path, ...])

KEPT = """
    SELECT number, summary, sources, study, state, problem, added, tries, removed,
        call, level, card, model, analysed, answers
    FROM study_case LEFT JOIN result ON case_number = number
"""


def sound(
    rows: Iterable[tuple[Any, ...]], cards: Mapping[str, Card | None]
) -> tuple[list[KeptCase], list[int]]:
    """The cases of the rows that can be read, and the numbers of the others."""
    kept, damaged = list[KeptCase](), list[int]()
    for row in rows:
        try:
            kept.append(_kept(row, cards))
        except (StorageError, ValueError, TypeError):
            # SQLite takes anything into any column.
            damaged.append(row[0])
    return kept, damaged


def _kept(row: tuple[Any, ...], cards: Mapping[str, Card | None]) -> KeptCase:
    number, summary, sources, study, state, problem, added, tries, removed, *found = row
    call, level, card, model, analysed, answers = found
    read: Summary = read_as(SUMMARY, summary)
    return KeptCase(
        number=number,
        summary=read,
        open_study=partial(_open_study, sources, study),
        state=CaseState(state),
        problem=problem,
        added=_time(added),
        analysed=None if analysed is None else _time(analysed),
        call=None if call is None else read_as(CALL, call),
        level=level or "",
        answers={} if answers is None else read_as(ANSWERS, answers),
        card=cards.get(card),
        model=None if model is None else read_as(MODEL, model),
        tries=int(tries),
        removed=removed is not None,
    )


def _open_study(sources: str, study: bytes) -> Study:
    return decode_study(study, KeptFiles(read_as(SOURCES, sources)))


def read_cards(database: sqlite3.Connection) -> dict[str, Card | None]:
    rows = database.execute("SELECT sha256, text FROM card")
    return {sha256: read_card(text) for sha256, text in rows}


def read_card(text: str) -> Card | None:
    """A card of another version of the program may not be read by this one."""
    try:
        return CARD.validate_json(text)
    except ValidationError:
        return None


def text_of(adapter: TypeAdapter[Any], value: object) -> str:
    return json.dumps(adapter.dump_python(value, mode="json"), separators=(",", ":"))


def read_as(adapter: TypeAdapter[Any], text: str) -> Any:  # noqa: ANN401 - as the adapter says
    try:
        return adapter.validate_python(json.loads(text))
    except (TypeError, ValueError, ValidationError) as error:
        raise DamagedRecord(UNREADABLE) from error


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(text)  # it could not be held against the others
    return when


def iso(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")

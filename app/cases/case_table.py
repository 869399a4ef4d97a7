"""The cases in the file of cases: kept when they are dropped, with their results once there."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from app.cases.case_rows import (
    ANSWERS,
    CALL,
    CONTENTS,
    KEPT,
    MODEL,
    PATHS,
    SOURCES,
    SUMMARY,
    iso,
    read_as,
    read_card,
    read_cards,
    sound,
    text_of,
)
from app.cases.database import Database
from app.cases.files import KeptFiles, Sources, missing_sentence, sources_of
from app.cases.kept import CaseState, Dropped, KeptCase, LoadedCase, ModelName, Summary
from app.cases.result_record import decode_result, encode_result
from app.cases.study_record import decode_study, encode_study
from app.errors import StorageError
from app.modelpack import CARD, Card
from app.readings import eye_answers
from app.signatures import vouched_now
from app.study import Patient, Study, StudyResult

_UNDO_DAYS = 1
"""How long a case that was taken off the list can be brought back; then it is wiped."""


class CaseTable(Database):
    """Studies on their way through the program, and what came of them."""

    # Listing

    def cases(self, identifier: str | None = None) -> list[KeptCase]:
        """Every case on the list, or those of one patient's number, in the order of adding."""
        return self.listed(identifier)[0]

    def listed(self, identifier: str | None = None) -> tuple[list[KeptCase], list[int]]:
        """The same, and the numbers of cases that are damaged: one must not hide the others."""
        part = "" if identifier is None else f'"identifier":{json.dumps(identifier)}'
        with self.reading() as database:
            rows = database.execute(
                # Only what may fit is unpacked: a clinic keeps thousands.
                f"{KEPT} WHERE removed IS NULL AND instr(summary, ?) ORDER BY number",
                (part,),
            ).fetchall()
            cards = read_cards(database)
        kept, damaged = sound(rows, cards)
        own = [each for each in kept if identifier in (None, each.summary.patient.identifier)]
        return own, damaged

    def find(self, study: Study) -> KeptCase | None:
        """The case of this visit, even one taken off the list; two patients never share one."""
        with self.reading() as database:
            rows = database.execute(
                f"{KEPT} WHERE study_uid = ? ORDER BY number DESC", (study.uid,)
            ).fetchall()
            cards = read_cards(database)
        found, _ = sound(rows, cards)
        return next((each for each in found if each.summary.patient == study.patient), None)

    def first_patient(self, study_uid: str) -> Patient | None:
        """Of whom a case with this UID was kept first; None if there is none.

        Raises:
            DamagedRecord: If what was kept of that case cannot be read.
            StorageError: If the database fails.
        """
        with self.reading() as database:
            row = database.execute(
                "SELECT summary FROM study_case WHERE study_uid = ? ORDER BY number LIMIT 1",
                (study_uid,),
            ).fetchone()
        if row is None:
            return None
        summary: Summary = read_as(SUMMARY, row[0])
        return summary.patient

    def load(self, number: int) -> LoadedCase:
        """Read a case back; the disk is asked whether its files are still there.

        Whether its model's key was withdrawn since is told by the result.

        Raises:
            StorageError: If there is no such case, or what was kept cannot be read.
        """
        with self.reading() as database:
            row = database.execute(
                "SELECT sources, study, record, maps, contents, text FROM study_case "
                "LEFT JOIN result ON case_number = number "
                "LEFT JOIN card ON sha256 = result.card WHERE number = ?",
                (number,),
            ).fetchone()
        if row is None:
            raise StorageError("This case is no longer kept. Open its files again.")
        sources: Sources = read_as(SOURCES, row[0])
        study = decode_study(row[1], KeptFiles(sources))
        return LoadedCase(
            study=study,
            result=None if row[2] is None else vouched_now(decode_result(row[2], row[3], study)),
            card=None if row[5] is None else read_card(row[5]),
            contents={} if row[4] is None else read_as(CONTENTS, row[4]),
            missing=missing_sentence(sources),
        )

    # Keeping

    def keep(self, study: Study, dropped: Sequence[Path], when: datetime) -> int:
        """Keep a study that is to be analysed; return its number.

        A case of this visit that is kept already takes the study's volumes, loses its result and
        comes back to the list.

        Args:
            dropped: The files and folders that the user chose.

        Raises:
            StorageError: If it cannot be written.
        """
        sources = text_of(SOURCES, sources_of(study, dropped))
        summary, blob = text_of(SUMMARY, Summary.of(study)), encode_study(study)
        with self.writing() as database:
            # Within the transaction: another process may be keeping the same study.
            known = self.find(study)
            if known is not None:
                database.execute("DELETE FROM result WHERE case_number = ?", (known.number,))
                database.execute(
                    "UPDATE study_case SET summary = ?, sources = ?, study = ?, state = ?, "
                    "problem = '', tries = 0, removed = NULL WHERE number = ?",
                    (summary, sources, blob, CaseState.QUEUED, known.number),
                )
                return known.number
            number = database.execute(
                "INSERT INTO study_case (study_uid, summary, sources, study, state, added) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (study.uid, summary, sources, blob, CaseState.QUEUED, iso(when)),
            ).lastrowid
        assert number is not None
        return number

    def keep_study(self, number: int, study: Study) -> None:
        """Keep what the reader said of a study, such as which eye a volume shows."""
        with self.writing() as database:
            database.execute(
                "UPDATE study_case SET summary = ?, study = ? WHERE number = ?",
                (text_of(SUMMARY, Summary.of(study)), encode_study(study), number),
            )

    def keep_result(
        self, number: int, result: StudyResult, card: Card, contents: Mapping[str, str]
    ) -> None:
        """Keep a result with the card it was made with; the case is ready then.

        Args:
            contents: The digest of each volume's files, by its UID; see app.cases.files.
        """
        record, maps = encode_result(result)
        card_text = CARD.dump_json(card).decode()
        card_key = hashlib.sha256(card_text.encode()).hexdigest()
        model = ModelName(
            id=result.model_id,
            version=result.model_version,
            sha256=result.model_sha256,
            preprocessing=result.preprocessing,
        )
        with self.writing() as database:
            database.execute("INSERT OR IGNORE INTO card VALUES (?, ?)", (card_key, card_text))
            database.execute(
                "INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    text_of(CALL, result.call),
                    result.referral.level,
                    text_of(MODEL, model),
                    card_key,
                    result.analysed.isoformat(),
                    json.dumps(dict(contents)),
                    record,
                    maps,
                    text_of(ANSWERS, eye_answers(result)),
                ),
            )
            database.execute(
                "UPDATE study_case SET summary = ?, study = ?, state = ?, problem = '', "
                "tries = 0 WHERE number = ?",
                (
                    text_of(SUMMARY, Summary.of(result.study)),
                    encode_study(result.study),
                    CaseState.READY,
                    number,
                ),
            )

    def set_state(self, number: int, state: CaseState, problem: str = "") -> None:
        with self.writing() as database:
            database.execute(
                "UPDATE study_case SET state = ?, problem = ?, tries = 0 WHERE number = ?",
                (state, problem, number),
            )

    def begin(self, number: int) -> None:
        """Note that a case is being analysed, in case the program does not live to tell."""
        with self.writing() as database:
            database.execute("UPDATE study_case SET tries = tries + 1 WHERE number = ?", (number,))

    def rest(self, number: int) -> None:
        """Note that the analysis was put off, and is no sign of a fault."""
        with self.writing() as database:
            database.execute("UPDATE study_case SET tries = 0 WHERE number = ?", (number,))

    def relocate(self, number: int, study: Study, dropped: Sequence[Path]) -> None:
        """Say where a case's files lie now; its result stands.

        Args:
            study: The kept study with B-scans of the new place.
        """
        sources = text_of(SOURCES, sources_of(study, dropped))
        with self.writing() as database:
            database.execute(
                "UPDATE study_case SET summary = ?, sources = ?, study = ? WHERE number = ?",
                (text_of(SUMMARY, Summary.of(study)), sources, encode_study(study), number),
            )

    # Off the list and back

    def remove(self, number: int, when: datetime) -> None:
        """Take a case off the list; its files and the decisions on it are not touched."""
        with self.writing() as database:
            database.execute(
                "UPDATE study_case SET removed = ? WHERE number = ?", (iso(when), number)
            )

    def restore(self, number: int) -> None:
        """Undo a removal."""
        with self.writing() as database:
            database.execute("UPDATE study_case SET removed = NULL WHERE number = ?", (number,))

    def wipe_removed(self, now: datetime) -> None:
        """Overwrite what was taken off the list so long ago that nobody will want it back."""
        oldest = iso(now - timedelta(days=_UNDO_DAYS))
        with self.writing() as database:
            database.execute("DELETE FROM study_case WHERE removed < ?", (oldest,))

    # What was dropped and is not yet read

    def drop(self, paths: Sequence[Path], when: datetime) -> int:
        """Note files and folders that are to be read; return a number for `picked_up`."""
        with self.writing() as database:
            number = database.execute(
                "INSERT INTO dropped (paths, time) VALUES (?, ?)",
                (json.dumps([str(path.absolute()) for path in paths]), iso(when)),
            ).lastrowid
        assert number is not None
        return number

    def picked_up(self, number: int) -> None:
        """They have been read, or are not wanted any more."""
        with self.writing() as database:
            database.execute("DELETE FROM dropped WHERE number = ?", (number,))

    def dropped(self) -> list[Dropped]:
        """What is still to be read, in the order it came; damaged notes of it are left out."""
        with self.reading() as database:
            rows = database.execute(
                "SELECT number, paths, tries FROM dropped ORDER BY number"
            ).fetchall()
        found = []
        for number, paths, tries in rows:
            with suppress(StorageError, ValueError, TypeError):
                read = read_as(PATHS, paths)
                found.append(Dropped(number=number, paths=read, tries=int(tries)))
        return found

    def begin_reading(self, number: int) -> None:
        """Note that they are being read, in case the program does not live to tell."""
        with self.writing() as database:
            database.execute("UPDATE dropped SET tries = tries + 1 WHERE number = ?", (number,))

    def rest_reading(self, number: int) -> None:
        """Note that the reading was put off, and is no sign of a fault."""
        with self.writing() as database:
            database.execute("UPDATE dropped SET tries = 0 WHERE number = ?", (number,))

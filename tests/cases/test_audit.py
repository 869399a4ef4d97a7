"""Any change of any row of the trail is found, by the program and by its command."""

import csv
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.cases.store import Decision, Store
from app.cases.trail import read_whole_trail
from app.cli import main
from app.errors import StorageError
from app.paths import user_data

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COLUMNS = (
    "number", "time", "reader", "study_uid", "subject", "before", "after", "machine", "blind",
    "note", "model", "previous", "hash",
)  # fmt: skip
ENTRIES = 5


def filled(path, entries=ENTRIES):
    store = Store(path)
    for number in range(entries):
        store.decide(
            Decision(
                reader="AB",
                study_uid="1.2.3",
                subject="OD" if number % 2 else "1.2.9.4/3",
                answer=("CNV", "DME", None)[number % 3],
                machine="CNV",
                blind=bool(number % 2),
                note=f"=note {number}",
                model="tiny 1.0 abc",
            ),
            WHEN,
        )
    head = store.head()
    store.close()
    return head


def rows_of(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT * FROM trail ORDER BY number").fetchall()


def without_triggers(database):
    database.execute("DROP TRIGGER trail_is_not_changed")
    database.execute("DROP TRIGGER trail_is_not_shortened")


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    path = tmp_path_factory.mktemp("trail") / "cases.sqlite"
    filled(path)
    return path


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    row=st.integers(1, ENTRIES),
    column=st.sampled_from(COLUMNS),
    value=st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.binary(max_size=8)
    | st.sampled_from(["CNV", "0" * 64, 1, 0, 2]),
)
def test_that_any_change_of_any_row_is_found(trail, tmp_path_factory, row, column, value):
    path = tmp_path_factory.mktemp("changed") / "cases.sqlite"
    path.write_bytes(trail.read_bytes())
    before = rows_of(path)
    with closing(sqlite3.connect(path)) as database:
        without_triggers(database)
        try:
            database.execute(f"UPDATE trail SET {column} = ? WHERE number = ?", (value, row))
        except sqlite3.Error:
            return  # the layout itself refuses it
        database.commit()
    # By what stands there, types included: 1 and 1.0 are two things.
    if list(map(repr, rows_of(path))) == list(map(repr, before)):
        assert len(read_whole_trail(path).entries) == ENTRIES
        return

    with pytest.raises(StorageError, match="changed outside this program"):
        read_whole_trail(path)
    with closing(Store(path)) as store, pytest.raises(StorageError, match="changed outside"):
        store.verify()


@pytest.mark.parametrize("row", range(1, ENTRIES))
def test_that_a_row_taken_out_or_put_in_is_found(trail, tmp_path, row):
    for statement in (
        f"DELETE FROM trail WHERE number = {row}",
        f"UPDATE trail SET number = -number WHERE number = {row}",
        "INSERT INTO trail SELECT number + 1, time, reader, study_uid, subject, before, after, "
        "machine, blind, note, model, previous, hash FROM trail ORDER BY number DESC LIMIT 1",
    ):
        path = tmp_path / f"{abs(hash(statement))}.sqlite"
        path.write_bytes(trail.read_bytes())
        with closing(sqlite3.connect(path)) as database:
            without_triggers(database)
            database.execute(statement)
            database.commit()

        with pytest.raises(StorageError, match="changed outside"):
            read_whole_trail(path)


def test_that_the_command_tells_a_whole_trail_from_a_changed_one(tmp_path, capsys):
    head = filled(user_data() / "cases.sqlite")

    assert main(["audit", "verify"]) == 0
    assert head in capsys.readouterr().out

    copy = tmp_path / "copy.sqlite"
    copy.write_bytes((user_data() / "cases.sqlite").read_bytes())
    with closing(sqlite3.connect(copy)) as database:
        without_triggers(database)
        database.execute("UPDATE trail SET after = 'NORMAL' WHERE number = 3")
        database.commit()
    assert main(["audit", "verify", str(copy)]) == 1
    assert "entry 3 " in capsys.readouterr().err


def test_that_a_trail_cut_at_its_end_is_found_by_a_hash_noted_earlier(tmp_path, capsys):
    path = tmp_path / "cases.sqlite"
    head = filled(path)
    assert main(["audit", "verify", str(path), "--head", head]) == 0
    with closing(sqlite3.connect(path)) as database:
        without_triggers(database)
        database.execute(f"DELETE FROM trail WHERE number = {ENTRIES}")
        database.commit()

    assert main(["audit", "verify", str(path)]) == 0
    assert main(["audit", "verify", str(path), "--head", head]) == 1
    assert "cut off" in capsys.readouterr().err


def test_that_verifying_changes_nothing_and_needs_no_right_to_write(tmp_path):
    path = tmp_path / "cases.sqlite"
    filled(path)
    before = path.read_bytes()
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        assert main(["audit", "verify", str(path)]) == 0
    finally:
        tmp_path.chmod(0o700)
    assert path.read_bytes() == before
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o400


@pytest.mark.parametrize("content", [b"", b"not a list of cases " * 200])
def test_that_a_file_that_holds_no_trail_is_told_in_a_sentence(tmp_path, capsys, content):
    path = tmp_path / "other.sqlite"
    path.write_bytes(content)

    assert main(["audit", "verify", str(path)]) == 1
    assert "could not be read" in capsys.readouterr().err
    assert main(["audit", "verify", str(tmp_path / "none.sqlite")]) == 1
    assert "no file" in capsys.readouterr().err


def test_that_the_trail_is_exported_without_what_names_a_patient(tmp_path, capsys):
    path, out = tmp_path / "cases.sqlite", tmp_path / "trail.csv"
    filled(path)

    assert main(["audit", "export", str(out), "--file", str(path)]) == 0

    text = out.read_text("utf-8-sig")
    assert "1.2.3" not in text
    assert "1.2.9.4" not in text
    assert "note 1" not in text
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["number"] for row in rows] == [str(each) for each in range(1, ENTRIES + 1)]
    assert rows[1]["after"] == "DME"

    assert main(["audit", "export", str(out), "--file", str(path), "--notes"]) == 0
    # A spreadsheet would otherwise take it for a formula.
    assert "'=note 1" in out.read_text("utf-8-sig")

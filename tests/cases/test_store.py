import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.cases.schema import MIGRATIONS
from app.cases.store import Decision, Store, trail_key
from app.errors import StorageError
from app.files import backup_path
from app.reading import open_studies
from app.study import Patient
from tests.oct_files import bscans, write

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "cases.sqlite")
    yield store
    store.close()


def decision(answer, *, study="1.2", subject="OD", machine="CNV", blind=False, note=""):
    return Decision(
        reader="AB",
        study_uid=study,
        subject=subject,
        answer=answer,
        machine=machine,
        blind=blind,
        note=note,
        model="tiny 1.0 abc",
    )


def tamper(path, *statements):
    """Change the file as another program could, past the triggers."""
    database = sqlite3.connect(path)
    database.execute("DROP TRIGGER trail_is_not_changed")
    database.execute("DROP TRIGGER trail_is_not_shortened")
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def test_that_the_last_decision_holds_and_says_what_it_replaced(store):
    store.decide(decision("CNV"), WHEN)
    store.decide(decision("DME", note="cysts"), WHEN)

    held = store.decision("1.2", "OD")

    assert (held.before, held.after, held.note) == ("CNV", "DME", "cysts")
    assert store.decision("1.2", "OS") is None


def test_that_a_withdrawn_decision_no_longer_holds_but_stays_in_the_trail(store):
    store.decide(decision("CNV"), WHEN)
    store.decide(decision(None), WHEN)

    assert store.decision("1.2", "OD") is None
    assert [entry.after for entry in store.trail("1.2")] == ["CNV", None]


def test_that_decisions_survive_the_program(tmp_path):
    first = Store(tmp_path / "cases.sqlite")
    first.decide(decision("CNV"), WHEN)
    first.close()

    again = Store(tmp_path / "cases.sqlite")

    assert again.decision("1.2", "OD").after == "CNV"
    assert again.verify() == 1
    again.close()


def test_that_a_killed_program_loses_no_decision_and_leaves_a_whole_chain(tmp_path):
    path = tmp_path / "cases.sqlite"
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.cases.test_store import WHEN, decision\n"
        "from app.cases.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "while True:\n"
        "    print(store.decide(decision('CNV'), WHEN).number, flush=True)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    with writer:
        told = [int(next(writer.stdout)) for _ in range(20)][-1]
        os.kill(writer.pid, signal.SIGKILL)

    store = Store(path)
    assert store.verify() >= told
    store.close()


def test_that_the_database_refuses_to_change_or_delete_an_entry(store, tmp_path):
    store.decide(decision("CNV"), WHEN)
    other = sqlite3.connect(tmp_path / "cases.sqlite")

    for statement in ("UPDATE trail SET after = 'NORMAL'", "DELETE FROM trail"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            other.execute(statement)
    other.close()


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("UPDATE trail SET after = 'NORMAL' WHERE number = 2", 2),
        ("UPDATE trail SET note = note || ' ' WHERE number = 3", 3),
        ("UPDATE trail SET blind = 1 WHERE number = 1", 1),
        ("DELETE FROM trail WHERE number = 2", 2),
        ("DELETE FROM trail WHERE number = 1", 1),
        ("UPDATE trail SET previous = hash WHERE number = 3", 3),
    ],
)
def test_that_verification_names_the_entry_that_was_changed(tmp_path, statement, entry):
    path = tmp_path / "cases.sqlite"
    store = Store(path)
    for answer in ("CNV", "DME", "CNV"):
        store.decide(decision(answer), WHEN)
    store.close()
    tamper(path, statement)

    store = Store(path)
    with pytest.raises(StorageError, match=f"entry {entry} "):
        store.verify()
    store.close()


def test_that_a_trail_cut_at_its_end_shows_in_the_head(tmp_path):
    path = tmp_path / "cases.sqlite"
    store = Store(path)
    store.decide(decision("CNV"), WHEN)
    store.decide(decision("DME"), WHEN)
    head = store.head()
    store.close()
    tamper(path, "DELETE FROM trail WHERE number = 2")

    store = Store(path)
    assert store.head() != head
    store.close()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.text(), st.none() | st.text(), st.booleans()), max_size=8))
def test_that_whatever_readers_write_the_chain_verifies(tmp_path_factory, entries):
    store = Store(tmp_path_factory.mktemp("store") / "cases.sqlite")
    for note, answer, blind in entries:
        clean = note.encode("utf-8", "ignore").decode()
        store.decide(decision(answer, blind=blind, note=clean), WHEN)

    assert store.verify() == len(entries)
    store.close()


def test_that_a_file_that_is_no_store_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "cases.sqlite"
    path.write_bytes(b"not a database at all, whatever its name says" * 50)

    with pytest.raises(StorageError, match="could not be opened"):
        Store(path)
    assert path.read_bytes().startswith(b"not a database")


def test_that_a_store_of_a_later_version_is_left_alone(tmp_path):
    path = tmp_path / "cases.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()

    with pytest.raises(StorageError, match="later version"):
        Store(path)


def test_that_a_store_is_left_alone_that_a_later_version_brings_up_to_date_first(tmp_path):
    path = tmp_path / "cases.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as later:
        later.execute("PRAGMA journal_mode = WAL")
        for statement in MIGRATIONS[0]:
            later.execute(statement)
        later.execute("PRAGMA user_version = 1")
        later.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as other:
            opened = other.submit(Store, path)
            while not backup_path(path, 1).exists() and not opened.done():
                time.sleep(0.01)
            later.execute("PRAGMA user_version = 99")
            later.execute("COMMIT")
            with pytest.raises(StorageError, match="later version"):
                opened.result().close()
        assert later.execute("PRAGMA user_version").fetchone() == (99,)


@pytest.fixture
def namesakes(tmp_path):
    """Two patients' files with one study UID."""
    patients = (Patient(identifier="P1", name="Doe, Jane"), Patient(identifier="P2", name="Roe, R"))
    return [
        write(tmp_path / f"{n}.dcm", bscans(2, seed=n), uid=f"1.2.{n}", patient=patient)
        for n, patient in enumerate(patients)
    ]


def visits_of(*paths):
    return [(study.uid, study.patient) for study in open_studies(list(paths)).studies]


def test_that_decisions_are_the_patient_s_whoever_is_opened_beside(store, namesakes):
    (one,), (other,), together = *(visits_of(each) for each in namesakes), visits_of(*namesakes)
    assert one[0] == other[0] != together[0][0]
    store.decide(decision("CNV", study=trail_key(*one)), WHEN)

    assert [len(each) for each in store.trails([one, other])] == [1, 0]
    told = {visit[1].identifier: len(store.trails([visit])[0]) for visit in together}
    assert told == {"P1": 1, "P2": 0}
    assert store.verify() == 1


def test_that_what_an_earlier_version_kept_is_the_first_patient_s_of_that_study(store, namesakes):
    studies = [study for each in namesakes for study in open_studies([each]).studies]
    for study in studies:
        store.keep(study, [], WHEN)
    one, other = ((study.uid, study.patient) for study in studies)
    store.decide(decision("CNV", study=one[0]), WHEN)

    later = store.decide(decision("DME", study=trail_key(*one)), WHEN, follows=one[0])

    assert later.before == "CNV"
    assert [[each.after for each in trail] for trail in store.trails([other, one])] == [
        [],
        ["CNV", "DME"],
    ]
    assert store.verify() == 2


def test_that_a_damaged_case_keeps_nobody_from_reading_decisions(store, namesakes):
    studies = [study for each in namesakes for study in open_studies([each]).studies]
    first, _ = (store.keep(study, [], WHEN) for study in studies)
    one, other = ((study.uid, study.patient) for study in studies)
    store.decide(decision("CNV", study=one[0]), WHEN)
    store.decide(decision("DME", study=trail_key(*other)), WHEN)
    with store.writing() as database:
        database.execute("UPDATE study_case SET summary = '{' WHERE number = ?", (first,))

    # Whose the earlier version's was, nobody can tell: it is shown as nobody's.
    assert [[each.after for each in trail] for trail in store.trails([one, other])] == [[], ["DME"]]
    assert len(store.trail()) == 2


def test_that_decisions_are_not_lost_from_sight_when_the_disk_fails(store, namesakes):
    (study,) = open_studies(namesakes[:1]).studies
    store.decide(decision("CNV", study=study.uid), WHEN)
    with store.writing() as database:
        database.execute("DROP TABLE study_case")

    with pytest.raises(StorageError, match="no such table"):
        store.trails([(study.uid, study.patient)])

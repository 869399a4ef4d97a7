"""What is kept of a case comes back as it was, for the same files only."""

import dataclasses
import json
import os
import shutil
import sqlite3
import stat
import sys
import zlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app import __version__, preprocess
from app.analysis import analyse, set_eye
from app.cases import result_record, study_record
from app.cases.files import digest_of
from app.cases.schema import MIGRATIONS
from app.cases.store import CaseState, Decision, Store, bscan_subject
from app.errors import ReadError, StorageError
from app.files import backup_path
from app.reading import open_studies
from app.readings import machine_answer
from app.study import (
    BScan,
    BScanResult,
    EyeResult,
    Laterality,
    Localizer,
    Patient,
    Study,
    StudyResult,
    Volume,
    VolumeResult,
)
from tests.oct_files import bscans, write, write_linked, write_visit
from tests.tiny_package import tiny_package

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "own" / "cases.sqlite"


@pytest.fixture
def store(path):
    store = Store(path)
    yield store
    store.close()


@pytest.fixture
def visit(tmp_path):
    return write_visit(tmp_path / "visit", right=5, left=4)


def study_in(folder):
    (study,) = open_studies([folder]).studies
    return study


def kept_with_result(store, folder, tmp_path):
    study, package = study_in(folder), tiny_package(tmp_path / "models")
    result = analyse(study, package)
    number = store.keep(study, [folder], WHEN)
    contents = {each.uid: digest_of(each) for each in study.volumes}
    store.keep_result(number, result, package.card, contents)
    return number, result, package.card


def test_that_a_case_comes_back_with_its_result_maps_and_card(path, visit, tmp_path):
    first = Store(path)
    number, result, card = kept_with_result(first, visit, tmp_path)
    first.close()

    store = Store(path)
    (kept,) = store.cases()
    loaded = store.load(number)
    store.close()

    assert (kept.state, kept.call, kept.card) == (CaseState.READY, result.call, card)
    assert kept.level == result.referral.level
    assert kept.answers == {str(eye.laterality): machine_answer(eye.call) for eye in result.eyes}
    assert kept.model.sha256 == card.graph_sha256
    assert kept.summary.eyes == (Laterality.RIGHT, Laterality.LEFT)
    for eye, was in zip(loaded.result.eyes, result.eyes, strict=True):
        assert (eye.laterality, eye.call, eye.deciding) == (was.laterality, was.call, was.deciding)
        for bscan, before in zip(eye.volumes[0].bscans, was.volumes[0].bscans, strict=True):
            assert bscan.probabilities == before.probabilities
            assert bscan.region == before.region
            assert bscan.unfamiliarity == before.unfamiliarity
            scale = max(float(before.maps.max()), 1e-6)
            np.testing.assert_allclose(bscan.maps, before.maps, atol=2e-3 * scale)
    assert loaded.result.analysed == result.analysed
    assert loaded.card == card


def test_that_the_pixels_of_a_kept_case_are_those_of_its_files(store, visit, tmp_path):
    number, result, _ = kept_with_result(store, visit, tmp_path)

    loaded = store.load(number)

    for volume, was in zip(loaded.study.volumes, result.study.volumes, strict=True):
        for bscan, before in zip(volume.bscans, was.bscans, strict=True):
            assert bscan.source == before.source
            assert (bscan.pixels() == before.pixels()).all()


def test_that_a_kept_localizer_and_its_lines_come_back(store, tmp_path):
    folder = tmp_path / "linked"
    folder.mkdir()
    write_linked(folder, bscans(6), np.full((40, 60), 90, np.uint8))
    study = study_in(folder)

    (volume,) = store.load(store.keep(study, [folder], WHEN)).study.volumes

    assert (volume.localizer.load() == study.volumes[0].localizer.load()).all()
    assert [each.location for each in volume.bscans] == [
        each.location for each in study.volumes[0].bscans
    ]


@pytest.mark.parametrize(
    ("record", "original", "left_out"),
    [
        (study_record.StudyRecord, Study, set()),
        (study_record.VolumeRecord, Volume, set()),
        (study_record.BScanRecord, BScan, {"load"}),
        (study_record.LocalizerRecord, Localizer, {"load"}),
        (result_record.ResultRecord, StudyResult, {"study"}),
        (result_record.EyeResultRecord, EyeResult, set()),
        (result_record.VolumeResultRecord, VolumeResult, {"volume"}),
        (result_record.BScanResultRecord, BScanResult, {"source", "maps"}),
    ],
)
def test_that_nothing_that_is_known_of_a_study_is_forgotten(record, original, left_out):
    names = {field.name for field in dataclasses.fields(original)} - left_out

    assert names <= {field.name for field in dataclasses.fields(record)}


def test_that_an_eye_named_by_the_reader_stays_named(store, visit, tmp_path):
    number, result, card = kept_with_result(store, visit, tmp_path)
    named = set_eye(result, result.study.volumes[0].uid, Laterality.LEFT, card)

    store.keep_result(number, named, card, {})

    loaded = store.load(number)
    assert [each.laterality for each in loaded.study.volumes] == [Laterality.LEFT] * 2
    assert loaded.study.volumes[0].eye_set
    assert store.cases()[0].summary.eyes == (Laterality.LEFT,)


def test_that_a_result_keeps_what_prepared_and_analysed_it(store, visit, tmp_path):
    number, result, card = kept_with_result(store, visit, tmp_path)
    assert (result.preprocessing, result.software) == (preprocess.VERSION, __version__)
    before = dataclasses.replace(result, preprocessing=7, software="0.0.9")
    before = set_eye(before, result.study.volumes[0].uid, Laterality.LEFT, card)

    store.keep_result(number, before, card, {})

    back = store.load(number).result
    assert (back.preprocessing, back.software) == (7, "0.0.9")
    assert store.cases()[0].model.preprocessing == 7


def test_that_a_result_of_before_does_not_state_what_prepared_it(store, path, visit, tmp_path):
    number, _, _ = kept_with_result(store, visit, tmp_path)
    with closing(sqlite3.connect(path)) as database, database:
        model, record = database.execute("SELECT model, record FROM result").fetchone()
        plain, named = json.loads(zlib.decompress(record)), json.loads(model)
        del plain["preprocessing"], plain["software"], named["preprocessing"]
        record = zlib.compress(json.dumps(plain).encode())
        database.execute("UPDATE result SET model = ?, record = ?", (json.dumps(named), record))

    back = store.load(number).result
    assert (back.preprocessing, back.software) == (None, None)
    assert store.cases()[0].model.preprocessing is None


def test_that_the_same_visit_is_found_and_another_patient_s_is_not(store, visit, tmp_path):
    number, _, _ = kept_with_result(store, visit, tmp_path)
    study = study_in(visit)

    assert store.find(study).number == number
    other = dataclasses.replace(study, patient=Patient(identifier="P2"))
    assert store.find(other) is None


def test_that_one_patient_s_cases_are_found_among_all(store, tmp_path):
    for number, identifier in enumerate(("P1", "P10", 'P"1', "P1")):
        path = write(
            tmp_path / f"{number}.dcm",
            bscans(3),
            patient=Patient(identifier=identifier),
            study=f"1.2.840.{number}",
            uid=f"1.2.5.{number}",
        )
        store.keep(study_in(path), [path], WHEN)

    uids = [each.summary.study_uid for each in store.cases("P1")]
    assert uids == ["1.2.840.0", "1.2.840.3"]
    assert len(store.cases('P"1')) == 1
    assert len(store.cases()) == 4


def test_that_files_are_told_by_all_their_bytes_and_not_by_their_names(visit, tmp_path):
    volume = study_in(visit).volumes[0]
    before = digest_of(volume)
    copy = tmp_path / "copy"
    shutil.copytree(visit, copy)

    assert digest_of(study_in(copy).volumes[0]) == before
    raw = bytearray((visit / "right.dcm").read_bytes())
    raw[-5000] ^= 1
    (visit / "right.dcm").write_bytes(raw)
    assert digest_of(volume) != before


def test_that_moved_files_are_said_to_be_gone_and_are_found_at_their_new_place(
    store, visit, tmp_path
):
    number, result, _ = kept_with_result(store, visit, tmp_path)
    moved = tmp_path / "elsewhere"
    visit.rename(moved)

    loaded = store.load(number)
    assert "no longer where they were" in loaded.missing
    with pytest.raises(ReadError, match="locate"):
        loaded.study.volumes[0].bscans[0].pixels()

    store.relocate(number, study_in(moved), [moved])

    loaded = store.load(number)
    assert not loaded.missing
    assert loaded.study.volumes[0].bscans[0].pixels().any()
    assert loaded.result.call == result.call


def test_that_files_of_another_size_are_not_shown_under_the_old_result(store, visit, tmp_path):
    number, _, _ = kept_with_result(store, visit, tmp_path)
    write(visit / "right.dcm", bscans(7), uid="1.2.31")

    with pytest.raises(ReadError, match="have changed"):
        store.load(number).study.volumes[0].bscans[0].pixels()


def test_that_a_case_off_the_list_can_be_brought_back_and_is_wiped_in_the_end(
    path, store, visit, tmp_path
):
    number, _, _ = kept_with_result(store, visit, tmp_path)
    store.remove(number, WHEN)
    assert store.cases() == []
    store.wipe_removed(WHEN + timedelta(hours=2))
    store.restore(number)
    assert [each.number for each in store.cases()] == [number]

    store.remove(number, WHEN)
    store.wipe_removed(WHEN + timedelta(days=2))

    store.restore(number)
    assert store.cases() == []
    store.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"Doe" not in path.read_bytes()


def test_that_a_case_dropped_again_with_other_pictures_loses_its_result(store, visit, tmp_path):
    number, _, _ = kept_with_result(store, visit, tmp_path)
    store.remove(number, WHEN)

    assert store.keep(study_in(visit), [visit], WHEN) == number

    (kept,) = store.cases()
    assert (kept.state, kept.call) == (CaseState.QUEUED, None)
    assert store.load(number).result is None


def test_that_of_all_decisions_on_a_study_the_last_on_each_subject_holds(store, visit, tmp_path):
    kept_with_result(store, visit, tmp_path)
    study = study_in(visit)

    def decide(subject, answer):
        store.decide(
            Decision(
                reader="AB",
                study_uid=study.uid,
                subject=subject,
                answer=answer,
                machine="CNV",
                blind=False,
                note="",
                model="tiny",
            ),
            WHEN,
        )

    decide("OD", "CNV")
    decide("OD", "DME")
    decide("OS", "CNV")
    decide("OS", None)
    bscan = bscan_subject(study.volumes[0], 2)
    decide(bscan, "DRUSEN")

    held = store.decisions(study.uid)
    assert {subject: each.after for subject, each in held.items()} == {
        "OD": "DME",
        bscan: "DRUSEN",
    }


def test_that_callipers_stay_with_their_bscan_and_a_removal_can_be_undone(store, visit):
    study = study_in(visit)
    here, there = (bscan_subject(study.volumes[0], index) for index in (1, 2))
    line = store.annotate(study.uid, here, ((1.5, 2.0), (30.0, 2.0)), WHEN)
    store.annotate(study.uid, there, ((1.0, 1.0), (2.0, 2.0)), WHEN)

    assert store.annotations(study.uid, here) == [line]
    store.remove_annotation(line.number, WHEN)
    assert store.annotations(study.uid, here) == []
    store.restore_annotation(line.number)
    assert len(store.annotations(study.uid)) == 2


def test_that_bscans_of_one_volume_have_subjects_of_their_own(tmp_path):
    from PIL import Image

    for number, frame in enumerate(bscans(3)):
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
    (volume,) = study_in(tmp_path).volumes

    assert len({bscan_subject(volume, index) for index in range(3)}) == 3


def test_that_what_was_dropped_waits_until_it_is_picked_up(path, tmp_path):
    first = Store(path)
    first.drop([tmp_path / "a"], WHEN)
    number = first.drop([tmp_path / "b", tmp_path / "c"], WHEN)
    first.picked_up(number - 1)
    first.close()

    again = Store(path)
    (held,) = again.dropped()
    assert (held.number, held.paths) == (number, (tmp_path / "b", tmp_path / "c"))
    again.close()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS allows no such file names")
@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such file names")
def test_that_a_file_name_that_is_no_text_is_kept_all_the_same(store, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    odd.mkdir()
    write(odd / "right.dcm", bscans(3))
    study = study_in(odd)

    loaded = store.load(store.keep(study, [odd], WHEN))

    assert loaded.study.volumes[0].bscans[0].source.path.parent == odd
    assert loaded.study.volumes[0].bscans[0].pixels().any()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_that_only_the_owner_may_read_the_file(path, store, visit):
    store.keep(study_in(visit), [visit], WHEN)

    for each in path.parent.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == 0o600, each.name


def test_that_a_file_of_the_first_version_is_backed_up_whole_and_brought_up_to_date(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        for statement in MIGRATIONS[0]:
            database.execute(statement)
        database.execute("PRAGMA user_version = 1")
        database.execute(
            "INSERT INTO annotation VALUES (1, '1.2', '1.3/1', 'calliper', '[]', 'x', NULL)"
        )
        database.commit()

    store = Store(path)

    assert store.cases() == []
    assert len(store.annotations("1.2")) == 1
    store.close()
    with closing(sqlite3.connect(backup_path(path, 1))) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)
        assert copy.execute("SELECT count(*) FROM annotation").fetchone() == (1,)
    assert not list(path.parent.glob("*.part"))


def test_that_a_damaged_result_is_told_in_a_sentence(path, store, visit, tmp_path):
    number, _, _ = kept_with_result(store, visit, tmp_path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE result SET maps = X'00'")
        database.commit()

    with pytest.raises(StorageError, match="cannot be read"):
        store.load(number)


def test_that_tries_are_counted_until_one_comes_to_an_end(store, visit, tmp_path):
    study = study_in(visit)
    number = store.keep(study, [visit], WHEN)
    for _ in range(2):
        store.begin(number)
    assert store.cases()[0].tries == 2
    store.set_state(number, CaseState.QUEUED)
    assert store.cases()[0].tries == 0
    store.begin(number)
    store.rest(number)
    assert store.cases()[0].tries == 0

    drop = store.drop([visit], WHEN)
    store.begin_reading(drop)
    assert store.dropped()[0].tries == 1
    store.rest_reading(drop)
    assert store.dropped()[0].tries == 0


def test_that_of_two_processes_one_goes_on_with_the_queue(path, store):
    other = Store(path)

    assert store.take_lead()
    assert store.take_lead()
    assert not other.take_lead()
    store.close()
    assert other.take_lead()
    other.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE study_case SET state = 'thinking'",
        "UPDATE study_case SET added = 'yesterday'",
        "UPDATE study_case SET added = '2026-01-02T03:04:05'",
        "UPDATE study_case SET tries = 'many'",
        "UPDATE study_case SET summary = '{\"identifier\":'",
        "UPDATE result SET analysed = 5",
        "UPDATE result SET call = '[]'",
    ],
)
def test_that_a_damaged_case_hides_no_other(store, visit, tmp_path, damage):
    other = tmp_path / "other"
    write(other / "one.dcm", bscans(2, seed=9), uid="1.2.90", study="1.2.9")
    number, *_ = kept_with_result(store, visit, tmp_path)
    sound = store.keep(study_in(other), [other], WHEN)
    with store.writing() as database:
        database.execute(
            damage + (" WHERE number = ?" if "study_case" in damage else " WHERE case_number = ?"),
            (number,),
        )

    kept, damaged = store.listed()

    assert ([each.number for each in kept], damaged) == ([sound], [number])
    assert store.find(study_in(visit)) is None
    assert store.keep(study_in(visit), [visit], WHEN) not in (number, sound)
    assert len(store.cases()) == 2


def test_that_a_damaged_note_of_a_drop_hides_no_other(store, tmp_path):
    bad, good = (store.drop([tmp_path / name], WHEN) for name in "ab")
    with store.writing() as database:
        database.execute("UPDATE dropped SET paths = '[1' WHERE number = ?", (bad,))

    assert [each.number for each in store.dropped()] == [good]


def test_that_a_result_of_an_earlier_version_is_listed_without_the_eyes_answers(
    path, visit, tmp_path
):
    with closing(Store(path)) as store:
        kept_with_result(store, visit, tmp_path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE result DROP COLUMN answers")
        database.execute("PRAGMA user_version = 3")
        database.commit()

    with closing(Store(path)) as store:
        (kept,) = store.cases()

    assert kept.call is not None
    assert kept.answers == {}

"""A result that is run again is held against the former one."""

import json
from dataclasses import replace

import pytest

from app.cli import main
from app.errors import UsageError
from app.readings import Readings
from app.results import write_json
from app.results.compare import compare, read_record
from tests.decisions import entry
from tests.results_builder import CNV, DRUSEN, NORMAL, both_eyes, card, study_result, volume_result


@pytest.fixture
def record(tmp_path):
    """Writes a result and reads it back."""

    def written(result, model=None, **options):
        path = tmp_path / "result.json"
        write_json(result, model or card(), path, **options)
        return read_record(path)

    return written


def test_that_a_result_run_again_is_the_same(record):
    found = compare(record(both_eyes()), record(both_eyes()))

    assert found.basis.same
    assert found.basis.software
    assert found.differences == found.decisions == ()


def test_that_another_model_is_named_as_the_reason(record):
    old = both_eyes()
    new = study_result(
        volume_result([DRUSEN if 8 <= index < 16 else NORMAL for index in range(25)]),
        old.eyes[1].volumes[0],
    )
    found = compare(record(old), record(replace(new, model_sha256="f" * 64)))

    assert (found.basis.images, found.basis.model) == (True, False)
    assert found.differences == (
        "The patient: CNV, now DRUSEN.",
        "Advice: refer urgently, now review.",
        "OD: CNV, now DRUSEN.",
        "OD: 8 of 25 B-scans have other probabilities "
        "(9, 10, 11, 12, 13, 14, 15, 16), by 0.91 at most.",
    )


def test_that_a_clinic_s_own_threshold_shows(record):
    model = card()
    rule = replace(model.aggregation.rules["CNV"], threshold=0.5, packaged=0.6)
    rules = model.aggregation.rules | {"CNV": rule}
    local = replace(model, aggregation=replace(model.aggregation, rules=rules))

    found = compare(record(both_eyes()), record(both_eyes(), local))

    assert found.basis.thresholds is False
    assert not found.basis.same


def test_that_other_images_show(record):
    found = compare(record(both_eyes()), record(study_result(volume_result([CNV] * 4))))

    assert found.basis.images is False
    assert "Only the first record has the eye OS." in found.differences
    assert any("first record has the volume" in each for each in found.differences)


def test_that_rounding_is_no_difference(record):
    def nearly(shift):
        row = (NORMAL[0] - shift, NORMAL[1] + shift, NORMAL[2], NORMAL[3])
        return record(study_result(volume_result([row] * 4)))

    assert compare(nearly(0), nearly(0.004)).differences == ()
    assert compare(nearly(0), nearly(0.02)).differences != ()


def test_that_the_reader_s_second_thoughts_are_told_apart_from_the_machine_s(record):
    then = Readings((entry("OD", "CNV"),))
    now = Readings((entry("OD", "DME", number=2), entry("patient", "CNV", number=3)))

    found = compare(record(both_eyes(), readings=then), record(both_eyes(), readings=now))

    assert found.differences == ()
    assert found.decisions == (
        "The patient, reader's call: none, now CNV (AB).",
        "OD, reader's call: CNV (AB), now DME (AB).",
    )


def test_that_a_record_of_before_says_what_it_does_not_tell(record):
    old = record(both_eyes())
    del old["model"]["preprocessing"]
    old["software"]["version"] = None

    found = compare(old, record(both_eyes()))

    assert found.basis.preparation is None
    assert found.basis.software is None
    assert not found.basis.same


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 99, "model": {}}', "\ud800"])
def test_that_what_is_no_record_is_refused_with_a_sentence(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))

    with pytest.raises(UsageError, match=r"a\.json"):
        read_record(path)
    with pytest.raises(UsageError, match=r"none\.json"):
        read_record(tmp_path / "none.json")


def test_that_a_record_of_a_later_version_is_refused(tmp_path, record):
    path = tmp_path / "later.json"
    path.write_text(json.dumps(record(both_eyes()) | {"format": 99}))

    with pytest.raises(UsageError, match="later version"):
        read_record(path)


def test_that_the_command_says_what_differs(tmp_path, capsys):
    for name, readings in (("a", Readings()), ("b", Readings((entry("OD", "CNV"),)))):
        write_json(both_eyes(), card(), tmp_path / f"{name}.json", readings=readings)

    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "a.json")]) == 0
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 1

    said = capsys.readouterr().out
    assert "Model: the same." in said
    assert "OD, reader's call: none, now CNV (AB)." in said
    assert "The machine's results are the same." in said

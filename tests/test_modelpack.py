"""A model package is what its card says, or it is refused with a sentence."""

import json
import shutil
from math import inf, nan

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import PackageError
from app.modelpack import CARD, FORMAT, list_packages, load_package
from tests.tiny_package import CLASSES, tiny_card, tiny_graph, write_package


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    card = tiny_card()
    return write_package(tmp_path_factory.mktemp("packages") / card.id, card, tiny_graph(card))


@pytest.fixture
def package(intact, tmp_path):
    return shutil.copytree(intact, tmp_path / "tiny")


def refusal(folder) -> str:
    with pytest.raises(PackageError) as caught:
        load_package(folder)
    message = str(caught.value)
    assert folder.name in message
    assert str(folder.parent) not in message
    assert message.endswith(".")
    return message


def edit(folder, change):
    path = folder / "model.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    change(plain)
    path.write_text(json.dumps(plain), encoding="utf-8")


def test_that_an_intact_package_gives_its_card_and_the_bytes_that_were_hashed(package):
    loaded = load_package(package)
    assert loaded.card.names == CLASSES
    assert loaded.graph == (package / "model.onnx").read_bytes()
    assert loaded.card.class_named("CNV").severity == 3


def test_that_a_card_survives_being_written_and_read():
    card = tiny_card()
    assert CARD.validate_json(CARD.dump_json(card)) == card


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_that_any_changed_byte_of_the_network_is_noticed(intact, tmp_path, place, flip):
    package = shutil.copytree(intact, tmp_path / "tiny", dirs_exist_ok=True)
    graph = bytearray((package / "model.onnx").read_bytes())
    graph[int(place * len(graph))] ^= flip
    (package / "model.onnx").write_bytes(graph)
    assert "changed or damaged" in refusal(package)


@pytest.mark.parametrize("kept", [0, 1, 1000])
def test_that_a_cut_network_is_noticed(package, kept):
    graph = (package / "model.onnx").read_bytes()
    (package / "model.onnx").write_bytes(graph[:kept])
    assert "changed or damaged" in refusal(package)


@pytest.mark.parametrize("name", ["model.json", "model.onnx"])
def test_that_a_missing_file_is_named(package, name):
    (package / name).unlink()
    assert name in refusal(package)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(content=st.binary(max_size=60))
def test_that_a_card_of_other_bytes_is_refused(package, content):
    (package / "model.json").write_bytes(content)
    assert "does not fit this program" in refusal(package)


def test_that_a_package_of_a_later_program_says_to_update(package):
    edit(package, lambda plain: plain.update(format=FORMAT + 1))
    assert "Update the program" in refusal(package)


OPTIONAL = {"scan_width_mm", "operating_points", "split"}


@pytest.mark.parametrize("key", sorted(set(json.loads(CARD.dump_json(tiny_card()))) - OPTIONAL))
def test_that_each_missing_entry_is_named(package, key):
    edit(package, lambda plain: plain.pop(key))
    assert key in refusal(package)


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("surprise", lambda plain: plain.update(surprise=1)),
        ("temperature", lambda plain: plain.update(temperature=0)),
        ("temperature", lambda plain: plain.update(temperature=-1)),
        ("id", lambda plain: plain.update(id="../elsewhere")),
        ("graph_sha256", lambda plain: plain.update(graph_sha256="abc")),
        ("std", lambda plain: plain["input"].update(std=[0.0])),
        ("std", lambda plain: plain["input"].update(std=[0.2, 0.2])),
        ("height", lambda plain: plain["input"].update(height=0)),
        ("top_k", lambda plain: plain["aggregation"].update(top_k=0)),
        ("aggregation.rules", lambda plain: plain["aggregation"]["rules"].pop("CNV")),
        ("suspect", lambda plain: plain["aggregation"]["rules"]["CNV"].update(suspect=0.9)),
        ("threshold", lambda plain: plain["aggregation"]["rules"]["CNV"].update(threshold=1.5)),
        ("classes", lambda plain: plain.update(classes=plain["classes"][:1])),
        ("classes", lambda plain: plain["classes"][0].update(name="CNV")),
        ("unfamiliarity_threshold", lambda plain: plain.update(unfamiliarity_threshold=nan)),
        ("temperature", lambda plain: plain.update(temperature=inf)),
        ("severities", lambda plain: plain["classes"][0].update(severity=3)),
        ("referral", lambda plain: plain["referral"].pop("uncertain")),
    ],
)
def test_that_a_card_that_contradicts_itself_names_the_place(package, place, change):
    edit(package, change)
    message = refusal(package)
    assert "does not fit this program" in message
    assert place in message


def test_that_a_refusal_is_one_line_for_the_user(package):
    edit(package, lambda plain: plain.update(temperature="warm"))
    assert "\n" not in refusal(package)


def test_that_packages_are_listed_by_name_and_other_folders_are_not(tmp_path):
    for name in ("b", "a", "no-card"):
        (tmp_path / name).mkdir()
    for name in ("b", "a"):
        (tmp_path / name / "model.json").write_text("{}", encoding="utf-8")
    assert [path.name for path in list_packages(tmp_path)] == ["a", "b"]
    assert list_packages(tmp_path / "absent") == ()

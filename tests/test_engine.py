"""The engine on a tiny network under the real graph contract, checked against its arithmetic."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from app.engine import Engine, calibrated, physical_cores
from app.errors import InvalidOutput, PackageError
from app.modelpack import load_package
from tests.tiny_package import STRIDE, tiny_card, tiny_graph, tiny_package, write_package


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return tiny_package(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(1).normal(0, 1, (5, 1, 64, 96)).astype(np.float32)


def by_hand(graph, frames):
    """The features and raw maps of the tiny network, in numpy and float64."""
    weights = {
        each.name: numpy_helper.to_array(each).astype(np.float64)
        for each in onnx.load_model_from_string(graph).graph.initializer
    }
    n, channels, height, width = frames.shape
    tiles = frames.reshape(n, channels, height // STRIDE, STRIDE, width // STRIDE, STRIDE)
    features = np.maximum(np.einsum("nciajb,kcab->nkij", tiles, weights["kernel"]), 0)
    maps = np.einsum("nkij,qkab->nqij", features, weights["head"])
    return maps, maps.sum(axis=(2, 3)) + weights["bias"], features.mean(axis=(1, 2, 3))


def test_that_one_pass_gives_what_the_network_defines(package, frames):
    maps, logits, unfamiliarity = by_hand(package.graph, frames)

    found = Engine(package).infer(frames)

    np.testing.assert_allclose(found.maps, np.maximum(maps, 0), atol=1e-5)
    np.testing.assert_allclose(found.logits, logits, atol=1e-4)
    np.testing.assert_allclose(found.unfamiliarity, unfamiliarity, atol=1e-5)
    assert found.maps.min() == 0
    assert found.maps.dtype == np.float32


def test_that_probabilities_are_the_softmax_at_the_package_s_temperature(package, frames):
    found = Engine(package).infer(frames)
    powers = np.exp(found.logits / package.card.temperature)

    np.testing.assert_allclose(found.probabilities, powers / powers.sum(axis=1)[:, None], rtol=1e-5)


def test_that_huge_logits_stay_probabilities():
    assert calibrated(np.array([[1e30, 0, -1e30]], np.float32), 1.0).tolist() == [[1, 0, 0]]


def test_that_a_frame_gives_the_same_alone_and_in_a_batch(package, frames):
    engine = Engine(package)

    np.testing.assert_allclose(
        engine.infer(frames[2:3]).logits, engine.infer(frames).logits[2:3], atol=1e-5
    )


def test_that_a_value_that_is_no_number_is_refused(package, frames):
    spoilt = frames.copy()
    spoilt[1, 0, 5, 5] = np.nan

    with pytest.raises(InvalidOutput, match="no numbers"):
        Engine(package).infer(spoilt)


def test_that_a_graph_that_is_no_network_is_refused(tmp_path):
    package = load_package(write_package(tmp_path / "tiny", tiny_card(), b"not a network"))

    with pytest.raises(PackageError, match="cannot be loaded"):
        Engine(package)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input": {"height": 64, "width": 64, "mean": [0.2], "std": [0.2]}}, "take the frames"),
        ({"input": {"height": 64, "width": 96, "mean": [0.2] * 3, "std": [0.2] * 3}}, "take"),
    ],
)
def test_that_a_card_for_another_network_is_refused(tmp_path, changes, words):
    graph = tiny_graph(tiny_card())
    package = load_package(write_package(tmp_path / "tiny", tiny_card(**changes), graph))

    with pytest.raises(PackageError, match=words):
        Engine(package)


def test_that_a_card_with_fewer_classes_than_the_network_is_refused(tmp_path, package):
    plain = dataclasses.asdict(package.card)
    rules = plain["aggregation"]["rules"]
    del rules["CNV"]
    fewer = tiny_card(classes=plain["classes"][:3], aggregation=plain["aggregation"])

    with pytest.raises(PackageError, match="give the outputs"):
        Engine(load_package(write_package(tmp_path / "tiny", fewer, package.graph)))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="This system has no affinity.")
def test_that_no_more_threads_are_used_than_this_process_may_run_on():
    first = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, [{first}]);"
        "from app.engine import physical_cores; print(physical_cores())"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "1"
    assert 1 <= physical_cores() <= len(os.sched_getaffinity(0))

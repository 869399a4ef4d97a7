"""The whole chain from B-scans to the patient's call, on a tiny network."""

import threading
import weakref

import numpy as np
import pytest

from app.analysis import analyse, set_eye
from app.engine import BATCH, Engine
from app.errors import DamagedFile, InvalidOutput
from app.modelpack import load_package
from app.preprocess import prepare
from app.progress import Cancelled
from app.study import Gradability, Laterality, Outcome, Volume
from tests.tiny_package import tiny_card, tiny_graph, tiny_package, write_package
from tests.tiny_study import bscan_of, layered_bscan, study_of, volume_of


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return tiny_package(tmp_path_factory.mktemp("models"))


def damaged():
    raise DamagedFile("memory.dcm is cut.")


def volume_loading(loads, **changes):
    bscans = tuple(bscan_of(load, number) for number, load in enumerate(loads, start=1))
    return Volume(uid="9", laterality=Laterality.LEFT, bscans=bscans, order="file name", **changes)


def test_that_every_bscan_gets_what_the_engine_says_of_it_alone(package):
    frames = [layered_bscan(seed) for seed in range(2 * BATCH + 3)]
    engine = Engine(package)

    result = analyse(study_of(volume_of(frames)), package)

    [eye] = result.eyes
    for pixels, found in zip(frames, eye.volumes[0].bscans, strict=True):
        prepared = prepare(pixels, package.card.input)
        alone = engine.infer(prepared.tensor[None])
        np.testing.assert_allclose(found.probabilities, alone.probabilities[0], atol=1e-5)
        np.testing.assert_allclose(found.maps, alone.maps[0], atol=1e-5)
        assert found.unfamiliarity == pytest.approx(alone.unfamiliarity[0], abs=1e-5)
        assert found.region == prepared.region


def test_that_results_say_where_they_come_from(package):
    result = analyse(study_of(volume_of([layered_bscan(1)] * 3)), package)

    assert [each.source.frame_number for each in result.eyes[0].volumes[0].bscans] == [1, 2, 3]
    assert (result.model_id, result.model_version) == ("tiny", "1.0")
    assert result.model_sha256 == package.card.graph_sha256
    assert result.analysed.tzinfo is not None


def test_that_unreadable_and_ungradable_bscans_are_marked_and_the_rest_goes_on(package):
    blank = np.zeros((128, 192), np.uint8)
    loads = [lambda: layered_bscan(1), damaged, lambda: blank, *[lambda: layered_bscan(2)] * 9]

    result = analyse(study_of(volume_loading(loads)), package)

    bscans = result.eyes[0].volumes[0].bscans
    assert [each.gradability for each in bscans[:4]] == [
        Gradability.GRADABLE,
        Gradability.UNREADABLE,
        Gradability.BLANK,
        Gradability.GRADABLE,
    ]
    assert bscans[1].probabilities is bscans[2].probabilities is None
    assert bscans[0].probabilities != bscans[3].probabilities == bscans[4].probabilities


@pytest.mark.parametrize("load", [damaged, lambda: np.zeros((128, 192), np.uint8)])
def test_that_a_study_without_a_readable_bscan_is_ungradable(package, load):
    result = analyse(study_of(volume_loading([load] * 20)), package)

    assert result.call.outcome is Outcome.UNGRADABLE
    assert result.referral.level == "repeat"


def test_that_an_unfamiliar_eye_is_out_of_scope(tmp_path):
    strict = tiny_package(tmp_path, unfamiliarity_threshold=-1.0)

    result = analyse(study_of(volume_of([layered_bscan(1)] * 5)), strict)

    assert result.call.outcome is Outcome.OUT_OF_SCOPE
    assert not any(each.familiar for each in result.eyes[0].volumes[0].bscans)


def test_that_eyes_are_right_left_unknown_whatever_the_order_of_the_volumes(package):
    volumes = [
        volume_of([layered_bscan(seed)], laterality=laterality, uid=str(seed))
        for seed, laterality in enumerate(
            (Laterality.UNKNOWN, Laterality.LEFT, Laterality.RIGHT, Laterality.LEFT)
        )
    ]

    result = analyse(study_of(*volumes), package)

    assert [eye.laterality for eye in result.eyes] == list(Laterality)
    assert [len(eye.volumes) for eye in result.eyes] == [1, 2, 1]
    assert result.call is result.eyes[result.deciding].call


def test_that_the_user_can_set_the_eye_without_another_analysis(package):
    unknown = volume_of([layered_bscan(1)] * 3, laterality=Laterality.UNKNOWN, uid="7")
    right = volume_of([layered_bscan(2)] * 3, uid="8")
    result = analyse(study_of(unknown, right), package)

    settled = set_eye(result, "7", Laterality.LEFT, package.card)

    assert [eye.laterality for eye in settled.eyes] == [Laterality.RIGHT, Laterality.LEFT]
    assert settled.study.volumes[0].laterality is Laterality.LEFT
    assert settled.eyes[1].volumes[0].bscans is result.eyes[1].volumes[0].bscans
    assert settled.analysed == result.analysed


def test_that_progress_is_told_for_each_bscan_on_the_calling_thread(package):
    seen = []

    analyse(
        study_of(volume_of([layered_bscan(1)] * 20)),
        package,
        lambda done, total: seen.append((done, total, threading.get_ident())),
    )

    assert seen == [(done, 20, threading.get_ident()) for done in range(21)]


@pytest.mark.parametrize("moment", [0, 1, 13])
def test_that_cancelling_stops_the_reading_too(package, moment):
    loaded = []

    def load():
        loaded.append(None)
        return layered_bscan(1)

    def cancel(done, total):
        if done == moment:
            raise Cancelled

    with pytest.raises(Cancelled):
        analyse(study_of(volume_loading([load] * 500)), package, cancel)

    assert len(loaded) < 100
    assert not any(thread.name.startswith("analyse") for thread in threading.enumerate())


def test_that_a_bug_in_a_reader_is_not_taken_for_a_bad_file(package):
    def buggy():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        analyse(study_of(volume_loading([buggy] * 20)), package)


def test_that_a_network_without_numbers_stops_the_study(tmp_path):
    card = tiny_card()
    graph = tiny_graph(card, logit_scale=float("nan"))
    spoilt = load_package(write_package(tmp_path / "tiny", card, graph))

    with pytest.raises(InvalidOutput):
        analyse(study_of(volume_of([layered_bscan(1)] * 3)), spoilt)


def test_that_the_number_of_frames_in_memory_does_not_follow_the_study(package):
    frame, lock = layered_bscan(1), threading.Lock()
    alive = most = 0

    def let_go():
        nonlocal alive
        alive -= 1

    def load():
        nonlocal alive, most
        pixels = frame.copy()
        with lock:
            alive += 1
            most = max(most, alive)
        weakref.finalize(pixels, let_go)
        return pixels

    analyse(study_of(volume_loading([load] * 200)), package)

    # Two readers, each with one frame; what waits for the network is its small input.
    assert most <= 4

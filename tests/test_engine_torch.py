"""The closed form of the clinic's engine against the grad-cam package on the same network."""

import numpy as np
import pytest

from app.analysis import analyse
from app.engine import Engine
from app.errors import PackageError
from tests.signing import key_pair, signed
from tests.tiny_package import tiny_package
from tests.tiny_study import layered_bscan, study_of, volume_of

torch = pytest.importorskip("torch", reason="The ml extra is not installed.")

from safetensors.torch import save_file  # noqa: E402

from app.engine_torch import Method, TorchEngine  # noqa: E402
from tests.grad_cam import raw_grad_cam, worst_disagreement  # noqa: E402
from tests.torch_package import full_size_package, varied_frames  # noqa: E402

SHAPE = (3, 128, 128)  # channels, height, width


@pytest.fixture(scope="module")
def frames():
    return varied_frames(54, *SHAPE)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return full_size_package(tmp_path_factory.mktemp("models"), SHAPE)


@pytest.fixture(scope="module")
def package(loaded):
    return loaded[0]


def in_batches(infer, frames):
    found = [infer(frames[start : start + 9]) for start in range(0, len(frames), 9)]
    return np.concatenate([each.logits for each in found]), np.concatenate(
        [each.maps for each in found]
    )


def test_that_the_hooked_layer_is_the_activated_end_of_the_convolutions(loaded, frames):
    _, network = loaded
    with torch.no_grad():
        features = network.forward_features(torch.from_numpy(frames[:2]))
    seen = []
    handle = network.bn2.register_forward_hook(lambda *args: seen.append(args[-1]))
    network(torch.from_numpy(frames[:2]))
    handle.remove()

    torch.testing.assert_close(seen[0], features)


def test_that_one_pass_equals_grad_cam_for_every_class_on_varied_frames(loaded, frames):
    package, network = loaded
    logits, maps = in_batches(Engine(package).infer, frames)

    assert len(frames) >= 50
    for index in range(len(package.card.classes)):
        cams, expected = raw_grad_cam(network, frames, index)
        print(f"class {index}: within {worst_disagreement(maps[:, index], cams):.1e} of the range")
        assert worst_disagreement(maps[:, index], cams) <= 1e-4
        assert (cams.max(axis=(1, 2)) > 0).mean() > 0.3, "maps without support would prove nothing"
        np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize("method", [Method.GRAD_CAM, Method.HIRES_CAM])
def test_that_the_reference_engine_gives_the_same_where_methods_coincide(package, frames, method):
    few = frames[:4]
    reference, quick = TorchEngine(package, method).infer(few), Engine(package).infer(few)

    np.testing.assert_allclose(reference.maps, quick.maps, atol=1e-4 * np.ptp(quick.maps))
    np.testing.assert_allclose(reference.probabilities, quick.probabilities, atol=1e-4)
    np.testing.assert_array_equal(reference.unfamiliarity, quick.unfamiliarity)


@pytest.mark.parametrize("method", [Method.GRAD_CAM_PLUS_PLUS, Method.LAYER_CAM, Method.EIGEN_CAM])
def test_that_other_methods_explain_from_the_same_interface(package, frames, method):
    found = TorchEngine(package, method).infer(frames[:2])

    grad_cam = Engine(package).infer(frames[:2])
    assert found.maps.shape == grad_cam.maps.shape
    assert found.maps.dtype == np.float32
    assert found.maps.min() >= 0
    assert np.ptp(found.maps) > 0
    np.testing.assert_allclose(found.logits, grad_cam.logits, atol=1e-4)


@pytest.mark.long
def test_that_score_cam_explains_too_and_draws_no_progress_bar(package, frames, capfd):
    found = TorchEngine(package, Method.SCORE_CAM).infer(frames[:1])

    assert np.ptp(found.maps) > 0
    assert capfd.readouterr().err == ""


def test_that_the_other_methods_serve_a_whole_analysis(package):
    study = study_of(volume_of([layered_bscan(seed) for seed in range(3)]))

    result = analyse(study, package, engine=TorchEngine(package, Method.EIGEN_CAM))

    for bscan in result.eyes[0].volumes[0].bscans:
        # Eigen-CAM knows no classes: one map for all.
        np.testing.assert_array_equal(bscan.maps[0], bscan.maps[1])


def test_that_a_package_without_weights_for_torch_says_so(tmp_path):
    with pytest.raises(PackageError, match="carries no weights for torch"):
        TorchEngine(tiny_package(tmp_path))


@pytest.mark.parametrize("content", [b"", b"no tensors at all", b"\xff" * 64])
def test_that_weights_that_are_none_are_refused(tmp_path, content):
    package = tiny_package(tmp_path)
    (package.folder / "weights.safetensors").write_bytes(content)

    with pytest.raises(PackageError, match="do not fit"):
        TorchEngine(package)


def test_that_weights_changed_after_the_package_was_signed_are_refused(tmp_path):
    package = tiny_package(tmp_path)
    weights = package.folder / "weights.safetensors"
    save_file({"fc.weight": torch.zeros(4, 4)}, weights)
    signed(package.folder, key_pair(tmp_path)[0])
    save_file({"fc.weight": torch.ones(4, 4)}, weights)

    with pytest.raises(PackageError, match=r"does not cover this weights\.safetensors"):
        TorchEngine(package)


def test_that_weights_of_another_network_are_refused(tmp_path, package):
    other = tiny_package(tmp_path, architecture="ResNet-18")
    save_file({"fc.weight": torch.zeros(4, 4)}, other.folder / "weights.safetensors")

    with pytest.raises(PackageError, match="do not fit"):
        TorchEngine(other)

"""The model package that ships: whole, equal to its network, and able to do what its card says."""

import json
from collections import Counter

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.pixels import pixel_array

from app.analysis import analyse
from app.engine import Engine
from app.installed import choose_package, demo_study
from app.preprocess import prepare
from app.reading import open_studies
from app.study import Laterality, Outcome
from tests.shared_data import manifest, needs_shared


@pytest.fixture(scope="module")
def package():
    return choose_package()


@pytest.fixture(scope="module")
def demo():
    return open_studies([demo_study()]).studies[0]


@pytest.fixture(scope="module")
def result(demo, package):
    return analyse(demo, package)


def test_that_a_trained_model_ships_with_figures_and_intervals(package):
    card = package.card
    figures = {figure.name for figure in card.figures}

    assert card.trained
    assert {"accuracy", "AUROC for referable", "expected calibration error"} <= figures
    assert {f"sensitivity for {name}" for name in ("DRUSEN", "DME", "CNV")} <= figures
    assert all(figure.low <= figure.value <= figure.high for figure in card.figures)
    assert all("CC BY 4.0" in each.licence for each in card.training)


def test_that_the_card_in_prose_is_of_this_graph(package):
    assert package.card.graph_sha256 in (package.folder / "card.md").read_text()
    assert json.loads((package.folder / "model.json").read_text())["id"] == package.folder.name


def commonest(bscans, card):
    """The class that most of the B-scans show that are not like health."""
    answers = [card.names[int(np.argmax(each.probabilities))] for each in bscans if each.familiar]
    return Counter(answer for answer in answers if answer != "NORMAL").most_common(1)[0][0]


def test_that_the_synthetic_eyes_show_what_they_were_made_for(result, package):
    eyes = {eye.laterality: eye for eye in result.eyes}

    # A B-scan or two of the drusen look neovascular to this model: that is said, not called.
    assert eyes[Laterality.RIGHT].call.outcome in (Outcome.CALLED, Outcome.UNCERTAIN)
    assert eyes[Laterality.LEFT].call.outcome is Outcome.CALLED
    assert all(eye.call.label != "NORMAL" for eye in eyes.values())
    assert commonest(eyes[Laterality.RIGHT].volumes[0].bscans, package.card) == "DRUSEN"
    assert commonest(eyes[Laterality.LEFT].volumes[0].bscans, package.card) == "CNV"
    assert result.call.label == "CNV"


def test_that_pictures_that_are_no_retina_go_to_a_reader(package, demo):
    pytest.importorskip("torch", reason="The ml extra is not installed.")
    from ml.strangers import KINDS, strangers

    scans = [bscan.pixels() for volume in demo.volumes for bscan in volume.bscans[:12]]
    pictures = strangers(scans, seed=5)
    frames = np.stack([prepare(picture, package.card.input).tensor for picture in pictures])

    beyond = Engine(package).infer(frames).unfamiliarity > package.card.unfamiliarity_threshold
    told = {kind: beyond[index :: len(KINDS)].mean() for index, kind in enumerate(KINDS)}

    assert beyond.mean() > 0.9, told


def as_grey(values):
    """A picture of whatever depth and colour as 8-bit greys."""
    grey = np.asarray(values, dtype=np.float64)
    grey = grey[..., :3].mean(axis=-1) if grey.ndim == 3 else grey
    return np.uint8(255 * (grey - grey.min()) / max(np.ptp(grey), 1e-9))


def of_other_modalities():
    """CT, MR, ultrasound and a bone scan, which come with pydicom."""
    names = ("CT_small", "MR_small", "693_J2KI", "JPEG2000")
    examples = ("jpeg2k", "overlay", "palette", "rgb_color", "ybr_color")
    for name in (*names, *(f"examples_{each}" for each in examples)):
        path = str(get_testdata_file(f"{name}.dcm", download=False))
        yield name, as_grey(pixel_array(path, index=0))


def of_the_world():
    """Photographs, and cuts of them."""
    datasets = pytest.importorskip("sklearn.datasets", reason="The ml extra is not installed.")
    rng = np.random.default_rng(0)
    for photograph in datasets.load_sample_images().images:
        for _ in range(20):
            height, width = rng.integers((120, 160), (420, 620))
            top, left = rng.integers((0, 0), (427 - height + 1, 640 - width + 1))
            yield "photograph", as_grey(photograph[top : top + height, left : left + width])


@pytest.mark.parametrize("pictures", [of_other_modalities, of_the_world])
def test_that_real_pictures_of_other_things_go_to_a_reader(pictures, package):
    """Of kinds that its gate was not fitted to."""
    found = list(pictures())
    frames = np.stack([prepare(picture, package.card.input).tensor for _, picture in found])

    beyond = Engine(package).infer(frames).unfamiliarity > package.card.unfamiliarity_threshold

    assert beyond.all(), [name for (name, _), it in zip(found, beyond, strict=True) if not it]


def test_that_its_maps_and_logits_are_grad_cam_s_for_every_class(package, demo):
    torch = pytest.importorskip("torch", reason="The ml extra is not installed.")
    from safetensors.torch import load_file

    from ml.models import build
    from tests.grad_cam import raw_grad_cam, worst_disagreement

    card = package.card
    network = build("efficientnet_b2", len(card.classes), channels=len(card.input.mean)).eval()
    network.load_state_dict(load_file(package.folder / "weights.safetensors"))
    frames = np.stack(
        [
            prepare(bscan.pixels(), card.input).tensor
            for volume in demo.volumes
            for bscan in volume.bscans[::2]
        ]
    )
    engine = Engine(package)
    found = [engine.infer(frames[start : start + 8]) for start in range(0, len(frames), 8)]
    logits = np.concatenate([each.logits for each in found])
    maps = np.concatenate([each.maps for each in found])

    assert len(frames) >= 50
    with torch.enable_grad():
        for index in range(len(card.classes)):
            cams, expected = raw_grad_cam(network, frames, index)
            assert worst_disagreement(maps[:, index], cams) <= 1e-4
            assert np.abs(logits - expected).max() <= 1e-4


@needs_shared
def test_that_it_answers_real_validation_bscans_about_as_well_as_its_card_says(package):
    """A few of them: a graph, a preprocessing or a class order gone wrong would show."""
    known = [each for each in manifest() if each.split == "val" and each.label4]
    chosen = [known[index] for index in np.linspace(0, len(known) - 1, 64).astype(int)]
    card, engine = package.card, Engine(package)

    right = [
        card.names[int(engine.infer(prepare(each.pixels(), card.input).tensor[None])
                       .probabilities.argmax())] == each.label4
        for each in chosen
    ]  # fmt: skip

    assert np.mean(right) >= 0.85

import re

import pytest
import timm
import torch

from app.errors import UsageError
from ml.models import (
    Start,
    build,
    load_lite,
    penultimate,
    try_out,
    unexplained,
)


def test_that_the_imagenet_weights_fit_their_own_network_exactly():
    network = build("tf_efficientnet_lite2", 4)

    left = load_lite(network, "tf_efficientnet_lite2")

    assert left == ["classifier.bias", "classifier.weight"]


def test_that_b2_starts_with_nearly_all_convolutions_and_passes_the_signal():
    network = build("efficientnet_b2", 4)

    left = load_lite(network, "efficientnet_b2")

    convolutions = [n for n in network.state_dict() if "conv" in n and "se." not in n]
    assert len([n for n in convolutions if n in left]) <= 0.08 * len(convolutions)
    state = network.state_dict()
    assert torch.sigmoid(state["blocks.1.0.se.conv_expand.bias"]).min() > 0.98
    assert not state["blocks.6.1.bn3.weight"].any()


def test_that_a_pretrained_start_says_all_classes_are_alike():
    network = build("efficientnet_b2", 4, start=Start.LITE).train()

    with torch.inference_mode():
        probabilities = torch.softmax(network(torch.rand(8, 3, 64, 96)), 1)

    assert (probabilities - 0.25).abs().max() < 0.2


def test_that_weights_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="fit only"):
        load_lite(build("test_efficientnet", 4), "test_efficientnet")


def test_that_an_unknown_architecture_is_refused():
    with pytest.raises(UsageError, match="knows no architecture"):
        build("efficientnet_b99", 4)


def test_that_without_a_hub_the_error_says_what_to_place_where(monkeypatch, tmp_path):
    # Read when the hub's client is imported; without it the client tries for a minute.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(UsageError, match="HF_HOME"):
        build("test_efficientnet", 4, start=Start.HUB)


@pytest.mark.parametrize("architecture", ["densenet121", "resnet10t"])
def test_that_an_architecture_need_not_have_stochastic_depth(architecture):
    network = build(architecture, 4, dropout=0.1, size=(64, 96)).eval()

    try_out(network, architecture, torch.rand(1, 3, 64, 96))


def test_that_stochastic_depth_is_refused_where_there_is_none():
    with pytest.raises(UsageError, match=r"“densenet121” has no drop_path. Set model\.drop_path"):
        build("densenet121", 4, drop_path=0.1)


@pytest.mark.parametrize(
    "architecture", ["test_vit", "deit_tiny_patch16_224", "swin_tiny_patch4_window7_224"]
)
def test_that_a_transformer_takes_the_run_s_frames(architecture):
    network = build(architecture, 4, size=(64, 96))

    with torch.inference_mode():
        assert network(torch.rand(2, 3, 64, 96)).shape == (2, 4)


@pytest.mark.parametrize("architecture", ["crossvit_9_240", "levit_128s", "inception_v3"])
def test_that_an_architecture_that_cannot_be_trained_so_says_it(architecture):
    with pytest.raises(UsageError, match=f"“{architecture}” does not take frames of 64 x 96"):
        try_out(build(architecture, 4, size=(64, 96)), architecture, torch.rand(1, 3, 64, 96))


def test_that_a_size_that_an_architecture_cannot_be_built_for_is_refused():
    with pytest.raises(UsageError, match="“levit_128s” cannot be built for frames of 0 x 0"):
        build("levit_128s", 4, size=(0, 0))


def test_that_what_an_architecture_lacks_changes_no_first_weight():
    torch.manual_seed(1)
    plain = timm.create_model("test_efficientnet", num_classes=4).state_dict()
    torch.manual_seed(1)
    sized = build("test_efficientnet", 4, size=(64, 96)).state_dict()

    assert all(torch.equal(plain[name], sized[name]) for name in plain)


def test_that_a_trial_leaves_a_network_as_it_was():
    network = build("test_efficientnet", 4).train()
    before = {name: each.clone() for name, each in network.state_dict().items()}

    try_out(network, "test_efficientnet", torch.rand(1, 3, 64, 96))

    assert all(each.training for each in network.modules())
    assert all(torch.equal(each, before[name]) for name, each in network.state_dict().items())


@pytest.mark.parametrize(
    ("architecture", "why"),
    [
        ("test_efficientnet", "^$"),
        ("mobilenetv3_small_050", "288 x 2 x 3, where its classifier needs maps of 1024"),
        ("test_vit", "25 x 64, where"),
    ],
)
def test_that_it_is_known_whose_maps_can_be_explained(architecture, why):
    network = build(architecture, 4, size=(64, 96))

    assert re.search(why, unexplained(network, torch.zeros(1, 3, 64, 96)))


def test_that_pooled_features_and_logits_are_the_network_s_own():
    network = build("test_efficientnet", 4).eval()
    frames = torch.rand(2, 3, 64, 96)

    with torch.inference_mode():
        maps, pooled, logits = penultimate(network, frames)

        assert torch.allclose(logits, network(frames), atol=1e-6)
    assert torch.allclose(maps.mean((2, 3)), pooled, atol=1e-6)

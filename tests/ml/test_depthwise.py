import pytest
import timm
import torch
from torch import nn

from ml.depthwise import DepthwiseConv2d, use_fast_depthwise


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("shape", [(12, 16), (13, 15)])
def test_that_gradients_are_those_of_the_plain_convolution(size, stride, shape):
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 8, size, stride, size // 2, groups=8, bias=False)
    fast = nn.Conv2d(8, 8, size, stride, size // 2, groups=8, bias=False)
    fast.load_state_dict(plain.state_dict())
    assert use_fast_depthwise(fast) == 1
    frames = torch.randn(2, 8, *shape)
    ours, theirs = frames.clone().requires_grad_(), frames.clone().requires_grad_()

    with torch.autocast("cpu", torch.bfloat16):
        result = fast(ours)
    result.float().square().mean().backward()
    plain(theirs).square().mean().backward()

    assert torch.allclose(ours.grad, theirs.grad, atol=0.02 * theirs.grad.abs().max())
    assert torch.allclose(
        fast.weight.grad, plain.weight.grad, atol=0.02 * plain.weight.grad.abs().max()
    )


def test_that_only_plain_depthwise_convolutions_are_changed():
    network = timm.create_model("efficientnet_b2", num_classes=4)
    names = set(network.state_dict())

    assert use_fast_depthwise(network) == 23
    assert set(network.state_dict()) == names
    assert type(network.conv_stem) is nn.Conv2d


def test_that_full_precision_is_left_to_the_plain_convolution():
    conv = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
    frames = torch.randn(1, 4, 8, 8)
    expected = conv(frames)
    use_fast_depthwise(conv)

    assert isinstance(conv, DepthwiseConv2d)
    assert torch.equal(conv(frames), expected)

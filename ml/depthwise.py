"""Depthwise convolutions in bfloat16 that are as quick backwards as forwards on a CPU.

oneDNN has fast bfloat16 kernels for every gradient of EfficientNet but two: the weights of a 5 x 5
depthwise convolution (8 to 30 times the time of its forward pass) and the input of a strided one.
A 5 x 5 weight gradient is four overlapping 3 x 3 ones, which are fast; the strided input gradient
is taken in float32. A training step of EfficientNet-B2 takes little more than half the time.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, frames: Tensor, weight: Tensor, stride: int) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(frames, weight)
        ctx.stride = stride
        return functional.conv2d(
            frames, weight, None, stride, weight.shape[-1] // 2, groups=len(weight)
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # noqa: ANN401
        frames, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        input_gradient = weight_gradient = None
        if ctx.needs_input_grad[0]:
            input_gradient = _input_gradient(gradient, frames, weight, ctx.stride)
        if ctx.needs_input_grad[1]:
            weight_gradient = _weight_gradient(gradient, frames, weight, ctx.stride)
        return input_gradient, weight_gradient, None


def _gradient(
    gradient: Tensor, frames: Tensor, weight: Tensor, stride: int, padding: int, *, of_input: bool
) -> Tensor:
    both = torch.ops.aten.convolution_backward(
        gradient,
        frames,
        weight,
        None,
        [stride, stride],
        [padding, padding],
        [1, 1],
        False,
        [0, 0],
        len(weight),
        [of_input, not of_input, False],
    )
    return cast("Tensor", both[0 if of_input else 1])


def _input_gradient(gradient: Tensor, frames: Tensor, weight: Tensor, stride: int) -> Tensor:
    size = weight.shape[-1]
    if stride == 1:
        return functional.conv2d(
            gradient, weight.flip(2, 3), None, 1, size // 2, groups=len(weight)
        )
    exact = _gradient(
        gradient.float(), frames.float(), weight.float(), stride, size // 2, of_input=True
    )
    return exact.to(frames.dtype)


def _weight_gradient(gradient: Tensor, frames: Tensor, weight: Tensor, stride: int) -> Tensor:
    size = weight.shape[-1]
    if size != 5:
        return _gradient(gradient, frames, weight, stride, size // 2, of_input=False)
    padded = functional.pad(frames, (2, 2, 2, 2))
    rows = (gradient.shape[2] - 1) * stride + 3
    columns = (gradient.shape[3] - 1) * stride + 3
    corner = weight[:, :, :3, :3].contiguous()
    whole = torch.empty_like(weight)
    for top in (0, 2):
        for left in (0, 2):
            window = padded[:, :, top : top + rows, left : left + columns]
            window = window.contiguous(memory_format=torch.channels_last)
            whole[:, :, top : top + 3, left : left + 3] = _gradient(
                gradient, window, corner, stride, 0, of_input=False
            )
    return whole


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution; in bfloat16 on a CPU it uses the fast gradients above."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Module's own name
        autocast = torch.is_autocast_enabled("cpu") and input.device.type == "cpu"
        if autocast and torch.get_autocast_dtype("cpu") == torch.bfloat16 and self.training:
            frames = input.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", enabled=False):
                return cast(
                    "Tensor",
                    _Depthwise.apply(frames, self.weight.to(torch.bfloat16), self.stride[0]),
                )
        return super().forward(input)


def use_fast_depthwise(network: nn.Module) -> int:
    """Let every plain depthwise convolution of `network` use the fast gradients; return how many.

    Weights, names and results stay; convolutions with another padding (TensorFlow's "SAME"),
    dilation or bias are left alone.
    """
    changed = 0
    for module in network.modules():
        if type(module) is nn.Conv2d and _is_plain_depthwise(module):
            module.__class__ = DepthwiseConv2d
            changed += 1
    return changed


def _is_plain_depthwise(conv: nn.Conv2d) -> bool:
    size = conv.kernel_size[0]
    return (
        conv.groups == conv.in_channels == conv.out_channels
        and conv.bias is None
        and conv.kernel_size in ((3, 3), (5, 5))
        and conv.dilation == (1, 1)
        and conv.padding == (size // 2, size // 2)
        and conv.stride in ((1, 1), (2, 2))
    )

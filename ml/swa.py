"""Averages of a network's weights along its training."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Average:
    """A running mean of weights and buffers: equal shares (SWA), or exponential with a decay."""

    def __init__(self, decay: float | None = None) -> None:
        self.count = 0
        self.state: dict[str, Tensor] = {}
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the network as it is now. Integer buffers are copied, not averaged."""
        share = 1 / (self.count + 1)
        if self._decay is not None:
            # A young average would remember its random start for long; it follows more closely.
            share = max(1 - self._decay, min(1.0, 9 / (9 + self.count)))
        for name, tensor in network.state_dict().items():
            if name not in self.state or not tensor.is_floating_point():
                self.state[name] = tensor.detach().clone()
            else:
                # Read back from a checkpoint, an average is in main memory at first.
                self.state[name] = self.state[name].to(tensor.device).lerp_(tensor, share)
        self.count += 1


@torch.no_grad()
def update_batch_norm(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Measure the BatchNorm statistics of averaged weights anew, over batches of inputs.

    Nothing happens to a network without BatchNorm, such as ConvNeXt V2.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    training = network.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    network.train()
    for frames in batches:
        network(frames)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(training)

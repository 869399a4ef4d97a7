import torch
from torch import nn

from ml.swa import Average, update_batch_norm


def test_that_equal_shares_give_the_plain_mean():
    network, average = nn.Linear(2, 2), Average()
    seen = []
    for _ in range(5):
        nn.init.normal_(network.weight)
        seen.append(network.weight.detach().clone())
        average.update(network)

    assert torch.allclose(average.state["weight"], torch.stack(seen).mean(0), atol=1e-6)


def test_that_a_young_exponential_average_forgets_its_start():
    network, average = nn.Linear(1, 1, bias=False), Average(decay=0.999)
    nn.init.constant_(network.weight, 100.0)
    average.update(network)
    nn.init.constant_(network.weight, 0.0)
    for _ in range(60):
        average.update(network)

    assert average.state["weight"].item() < 0.1


def test_that_an_average_that_was_read_back_goes_on_where_the_network_is():
    """The CPU alone is sure to be here; "meta" holds no numbers, but mixes with it no better."""
    average = Average()
    average.update(nn.Linear(2, 2))

    average.update(nn.Linear(2, 2, device="meta"))

    assert {each.device.type for each in average.state.values()} == {"meta"}


def test_that_batch_norm_statistics_are_measured_over_all_batches():
    network = nn.Sequential(nn.BatchNorm2d(3)).eval()
    batches = [torch.randn(8, 3, 4, 4) * 3 + 5 for _ in range(4)]

    update_batch_norm(network, batches)

    expected = torch.stack([batch.mean((0, 2, 3)) for batch in batches]).mean(0)
    assert torch.allclose(network[0].running_mean, expected, atol=1e-4)
    assert network[0].momentum == 0.1
    assert not network.training


def test_that_a_network_without_batch_norm_is_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.GroupNorm(1, 3))
    before = [parameter.clone() for parameter in network.parameters()]

    update_batch_norm(network, iter(()))

    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))

import copy

import pytest
import torch
from torch import nn

import workloads.models
from compress import ADMMPruner, Channels, Columns, Combined, Filters, shrink
from tests.compress_networks import Cnn, Residual, images, made


def outputs_equal(model, smaller, x):
    with torch.no_grad():
        return torch.allclose(model.eval()(x), smaller.eval()(x), atol=1e-5)


def pruned(model, constraints, x):
    return ADMMPruner(model, constraints, example_input=x).finalize()


def test_filters_channels_and_batch_norms_go_and_the_outputs_stay():
    x = images()
    model = pruned(made(Cnn), {"conv1": Filters(4), "conv2": Filters(3), "fc1": Filters(7)}, x)
    before = copy.deepcopy(model.state_dict())
    smaller = shrink(model, x)
    assert smaller.conv1.weight.shape == (4, 1, 3, 3)
    assert smaller.conv2.weight.shape == (3, 4, 3, 3)
    assert smaller.bn2.num_features == 3
    assert smaller.fc1.weight.shape == (7, 3 * 16)
    assert smaller.fc2.weight.shape == (5, 7)
    assert (smaller.conv2.in_channels, smaller.conv2.out_channels, smaller.fc1.in_features) == (4, 3, 48)
    assert outputs_equal(model, smaller, x)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_filters_whose_channel_nobody_reads_die_with_it():
    x = images()
    model = pruned(made(Cnn), {"conv2": Channels(2)}, x)
    smaller = shrink(model, x)
    assert smaller.conv1.weight.shape[0] == smaller.bn1.num_features == smaller.conv2.weight.shape[1] == 2
    assert outputs_equal(model, smaller, x)


def test_removal_goes_on_until_nothing_is_dead():
    x = images()
    model = made(Cnn)
    with torch.no_grad():
        model.fc1.weight[:, : 5 * 16] = 0  # conv2's first five filters are not read
        model.conv2.weight[5:, :4] = 0  # without them nobody reads conv1's first four
    smaller = shrink(model, x)
    assert smaller.conv2.weight.shape[:2] == (3, 2)
    assert outputs_equal(model, smaller, x)


def test_lenet5_shrinks_by_combined_constraints():
    x = images(4, 28)
    torch.manual_seed(1)
    model = workloads.models.model("lenet5")
    plan = {"conv2": Combined(Channels(7), Columns(60), Filters(21)), "fc1": Combined(Columns(90), Filters(40))}
    smaller = shrink(pruned(model, plan, x), x)
    assert smaller.conv1.weight.shape[0] <= 7
    assert smaller.conv2.weight.shape[0] <= 21
    assert smaller.fc2.weight.shape[1] <= 40
    assert outputs_equal(model, smaller, x)


def test_constants_that_are_not_zero_stay():
    x = images()
    model = made(Cnn)
    with torch.no_grad():
        model.conv1.weight[0] = 0  # its bias and batch norm still give a constant
    assert shrink(model, x).conv1.weight.shape[0] == 6


def test_channels_that_are_added_stay():
    x = images()
    model = pruned(made(Residual), {"stem": Filters(1), "a": Filters(2), "b": Filters(1)}, x)
    smaller = shrink(model, x)
    assert smaller.stem.weight.shape[0] == smaller.b.weight.shape[0] == 4
    assert smaller.a.weight.shape[0] == 2
    assert outputs_equal(model, smaller, x)


def test_at_least_one_filter_stays():
    x = images()
    model = made(Cnn)
    with torch.no_grad():
        for parameter in (model.conv2.weight, model.conv2.bias, model.bn2.weight, model.bn2.bias):
            parameter.zero_()
    smaller = shrink(model, x)
    assert smaller.conv2.weight.shape[0] == 1
    assert outputs_equal(model, smaller, x)


class Branching(nn.Module):
    """What torch.fx cannot trace."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3)

    def forward(self, x):
        return self.b(self.a(x)) if float(x.sum()) > 0 else x


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.c(self.b(self.a(x)))


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return self.b(self.b(self.a(x)))


@pytest.mark.parametrize("kind", [Branching, Grouped, Shared])
def test_what_cannot_be_followed_is_left_alone(kind):
    x = images()
    model = pruned(made(kind), {"a": Filters(1)}, x)
    smaller = shrink(model, x)
    assert [tuple(p.shape) for p in smaller.parameters()] == [tuple(p.shape) for p in model.parameters()]
    assert outputs_equal(model, smaller, x)


class Sigmoids(nn.Module):
    """A sigmoid turns a channel of zeros into one of halves."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3)

    def forward(self, x):
        return self.b(torch.sigmoid(self.a(x)))


def test_sigmoids_are_no_way_through():
    x = images()
    model = pruned(made(Sigmoids), {"a": Filters(1)}, x)
    smaller = shrink(model, x)
    assert smaller.a.weight.shape[0] == 4
    assert outputs_equal(model, smaller, x)

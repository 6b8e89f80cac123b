import copy

import pytest
import torch
from torch import nn

import workloads.models
from accelsim.errors import CompressionError
from compress import ADMMPruner, Channels, Columns, Combined, Filters, shrink
from compress.graph.groups import groups
from compress.graph.shrinking import NotShrunkWarning, clear, resize
from tests.compress.networks import Cnn, Residual, images, made


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


def test_channels_that_are_added_leave_where_both_sides_are_zero():
    x = images()
    model = pruned(made(Residual), {"stem": Filters(1), "a": Filters(2), "b": Filters(1)}, x)
    dead = ~(model.stem.weight.flatten(1).any(dim=1) | model.b.weight.flatten(1).any(dim=1))
    smaller = shrink(model, x)
    assert smaller.stem.weight.shape[0] == smaller.b.weight.shape[0] == 4 - int(dead.sum())
    assert smaller.a.weight.shape[0] == 2
    assert smaller.a.weight.shape[1] == smaller.fc.weight.shape[1] == 4 - int(dead.sum())
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
    """Which way it goes hangs on the numbers of its input."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3)

    def forward(self, x):
        return self.b(self.a(x)) if float(x.sum()) > 0 else x


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return self.b(self.b(self.a(x)))


def test_a_network_that_cannot_be_followed_is_left_alone_with_a_warning():
    x = images()
    with pytest.warns(NotShrunkWarning, match="each layer is pruned on its own: Branching cannot be followed"):
        model = pruned(made(Branching), {"a": Filters(1)}, x)
    with pytest.warns(NotShrunkWarning, match="nothing was removed: Branching cannot be followed: it decides by the"):
        smaller = shrink(model, x)
    assert [tuple(p.shape) for p in smaller.parameters()] == [tuple(p.shape) for p in model.parameters()]
    with pytest.raises(CompressionError, match="Branching cannot be followed"):
        groups(model, x)


def test_a_layer_that_reads_its_own_output_keeps_what_the_network_returns():
    x = images()
    model = pruned(made(Shared), {"a": Filters(1)}, x)
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


def test_models_run_in_other_threads_while_one_is_traced():
    """torch.fx replaces the call of every module in the process; models of other threads must not notice."""
    from concurrent.futures import ThreadPoolExecutor

    from compress.graph.follow import flows

    def network():
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(2 * 4 * 4, 3))

    images = torch.ones(2, 1, 8, 8)
    models = [network() for _ in range(4)]
    expected = [model(images) for model in models]
    with ThreadPoolExecutor(8) as pool:
        traced = [pool.submit(flows, network(), images) for _ in range(40)]
        ran = [[pool.submit(model, images) for _ in range(100)] for model in models]
        for outputs, output in zip(ran, expected, strict=True):
            assert all(torch.equal(found.result(), output) for found in outputs)
        assert {len(found.result()) for found in traced} == {2}


def test_clear_takes_what_leads_nowhere_and_the_outputs_stay():
    x, model = images(), made(Cnn)
    with torch.no_grad():
        model.fc2.weight[:, 3] = 0  # nobody reads unit 3 of fc1
        model.fc1.weight.view(12, 8, 16)[:, 5] = 0  # nor filter 5 of conv2
        model.fc1.weight[7], model.fc1.bias[7] = 0, 0  # unit 7 is 0 everywhere
    before = {name: int(value.count_nonzero()) for name, value in model.state_dict().items() if "weight" in name}
    whole = copy.deepcopy(model)
    clear(model, x)
    after = {name: int(value.count_nonzero()) for name, value in model.state_dict().items() if name in before}
    gone = {name: before[name] - after[name] for name in before if before[name] > after[name]}
    assert gone == {"conv2.weight": 6 * 9, "fc1.weight": 7 * 16, "fc2.weight": 5}
    assert model.fc1.bias[3] == model.conv2.bias[5] == 0
    assert outputs_equal(whole, model, x)
    clear(model, x)
    assert {n: int(v.count_nonzero()) for n, v in model.state_dict().items() if n in before} == after


def test_resize_takes_the_state_of_a_shrunk_model():
    x = images()
    smaller = shrink(pruned(made(Cnn), {"conv1": Filters(4), "conv2": Columns(20), "fc1": Filters(7)}, x), x)
    fresh = made(Cnn, seed=5)
    resize(fresh, smaller.state_dict())
    fresh.load_state_dict(smaller.state_dict())
    assert outputs_equal(smaller, fresh, x)
    assert (fresh.conv1.out_channels, fresh.bn1.num_features, fresh.fc1.out_features) == (4, 4, 7)

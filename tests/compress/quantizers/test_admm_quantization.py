import numpy as np
import pytest
import torch

import compress
import workloads
from accelsim.errors import CompressionError, UnknownNameError
from compress import ADMMQuantizer, Binary, Levels, Ternary
from compress.graph.shrinking import dead_filters
from tests.compress.compress_conformance import train, weights
from tests.compress.networks import Cnn, images, made


def test_updates_follow_the_equations():
    model = made(Cnn)
    method = ADMMQuantizer(model, {"fc1": Ternary()}, rho=0.5, rho_growth=2, steps_per_iteration=1)
    w = model.fc1.weight.detach().clone()
    z, u, rho = Ternary().project(w), torch.zeros_like(w), 0.5
    for seed in range(3):
        assert float(method.penalty().detach()) == pytest.approx(rho / 2 * float((w - z + u).square().sum()), rel=1e-5)
        with torch.no_grad():
            model.fc1.weight += 0.01 * torch.randn(w.shape, generator=torch.Generator().manual_seed(seed))
        w = model.fc1.weight.detach().clone()
        method.step()
        z = Ternary().project(w + u)
        u, rho = (u + w - z) / 2, rho * 2
    assert torch.allclose(method.admm.auxiliary["fc1"], z, atol=1e-6)


def test_admm_brings_the_weights_to_levels():
    model = made(Cnn)

    def distance():
        weight = model.fc1.weight.detach()
        return float((weight - Levels(2).project(weight)).norm() / weight.norm())

    before = distance()
    train(model, ADMMQuantizer(model, {"fc1": Levels(2)}, rho=0.5, rho_growth=1.5, steps_per_iteration=5), 30)
    assert distance() < 0.65 * before


def test_what_is_close_to_a_level_is_fixed_and_the_rest_moves_between_levels():
    model = made(Cnn)
    method = ADMMQuantizer(model, {"fc1": Levels(3)}, epsilon=0.3)
    weight = model.fc1.weight.detach().clone()
    interval = Levels(3).interval(weight)
    nearest = Levels(3).nearest(weight, interval)
    close = (weight - nearest).abs() <= 0.3 * interval
    assert 0.2 < float(close.float().mean()) < 0.9
    method.harden()
    assert torch.equal(model.fc1.weight.detach(), nearest)
    train(model, method, 25)
    after = model.fc1.weight.detach()
    assert torch.equal(after[close], nearest[close])
    assert int((after != nearest).sum()) > 10
    assert len(after.unique()) <= 7
    assert torch.equal(method.finalize().fc1.weight.detach(), after)


def test_epsilon_of_half_the_distance_fixes_everything_within_the_levels():
    model = made(Cnn)
    method = ADMMQuantizer(model, {"fc1": Binary()}, epsilon=0.5)
    weight, interval = model.fc1.weight.detach().clone(), float(model.fc1.weight.abs().mean())
    method.harden()
    fixed = model.fc1.parametrizations.weight[0].fixed
    assert torch.equal(fixed, weight.abs() <= 2 * interval)


@pytest.mark.parametrize("name", ["admm_levels", "admm_ternary", "pruned_ternary", "inq"])
def test_a_pruned_network_keeps_its_zeros(name):
    model = made(Cnn)
    compress.create("admm", model, keep=0.3, example_input=images(2)).finalize()
    zeros = {layer: weight == 0 for layer, weight in weights(model).items()}
    method = compress.create(name, model, example_input=images(2))
    train(model, method, 3, decay=0.1)
    method.harden()
    train(model, method, 3, decay=0.1)
    finished = weights(method.finalize())
    assert all(not bool(finished[layer][zero].any()) for layer, zero in zeros.items())
    assert all(bool(weight.any()) for weight in finished.values())


def test_filters_that_an_earlier_stage_pruned_stay_silent():
    model = made(Cnn)
    compress.create("admm_filter", model, keep=0.5, example_input=images(2)).finalize()
    dead = dead_filters(model.conv2)
    assert int(dead.sum()) == 4
    method = compress.create("admm_levels", model, bits=3, example_input=images(2))
    train(model, method, 3)
    method.harden()
    train(model, method, 3)
    finished = method.finalize()
    assert torch.equal(dead_filters(finished.conv2), dead)
    assert not finished.bn2.bias[dead].any()


def test_columns_and_filters_then_levels_leave_small_matrices_of_few_bits(tmp_path):
    model, x = made(Cnn), images(2)
    compress.create("admm_combined", model, columns=0.3, filters=0.5, example_input=x).finalize()
    method = compress.create("admm_levels", model, bits=3, example_input=x)
    train(model, method, 2)
    finished = method.finalize().eval()
    method.columns_removed = True  # as a recipe's runner says of what an earlier stage pruned
    folder = compress.save(tmp_path / "net", finished, method=method, accuracy=0.5)
    trace = {t.name: t for t in workloads.from_checkpoint(folder).traces}["conv2"]
    assert trace.dense_shape[1:] == (8, 54)
    assert trace.weight.shape[0] == 4
    assert int(trace.weight.any(axis=0).sum()) <= 16
    assert (trace.weight_bits, trace.weight_coding) == (3, "uniform")
    assert set(np.unique(trace.weight)) <= set(range(-3, 4))


def test_bits_layer_by_layer():
    model = made(Cnn)
    method = compress.create("admm_levels", model, bits={"conv2": 2, "fc1": 5})
    codes = method.codes(method.finalize())
    assert {name: (code.bits, int(np.abs(code.ints).max())) for name, code in codes.items()} == {
        "conv2": (2, 1),
        "fc1": (5, 15),
    }


def test_impossible_settings_are_refused():
    with pytest.raises(UnknownNameError, match=r"unknown layer 'fc3'; did you mean 'fc[12]'"):
        compress.create("admm_levels", made(Cnn), bits={"fc3": 2})
    with pytest.raises(CompressionError, match=r"epsilon is 0\.6"):
        compress.create("admm_ternary", made(Cnn), epsilon=0.6)
    with pytest.raises(CompressionError, match=r"layer 'conv1'.*bits=1"):
        compress.create("admm_levels", made(Cnn), bits=1)
    pruned = compress.create("admm", made(Cnn)).finalize()
    with pytest.raises(CompressionError, match=r"layer 'conv1' has .* weights of 0, which Binary cannot keep"):
        compress.create("admm_binary", pruned)

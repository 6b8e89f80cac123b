import numpy as np
import pytest
import torch
from torch import nn

import compress
from accelsim.errors import CompressionError, UnknownNameError
from compress import ADMMPruner, Columns, Combined, Filters, Unstructured
from tests.compress.networks import Cnn, images, made


def train(model, method, steps, learning_rate=1e-2, decay=0.0):
    """The contract's loop on random targets."""
    model.train()
    optimizer = method.wrap_optimizer(torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=decay))
    x, y = images(8), torch.arange(8) % 5
    for _ in range(steps):
        optimizer.zero_grad()
        (nn.functional.cross_entropy(model(x), y) + method.penalty()).backward()
        optimizer.step()
        method.step()


def largest(weight, keep):
    """The `keep` largest magnitudes of a numpy array, the rest 0."""
    flat = weight.flatten()
    kept = np.zeros_like(flat)
    order = np.argsort(-np.abs(flat), kind="stable")[:keep]
    kept[order] = flat[order]
    return kept.reshape(weight.shape)


def test_penalty_and_updates_follow_the_equations():
    model = made(Cnn)
    pruner = ADMMPruner(model, {"fc1": Unstructured(100)}, rho=0.5, rho_growth=2, iterations=2, steps_per_iteration=1)
    w = model.fc1.weight.detach().numpy().copy()
    z, u, rho = largest(w, 100), np.zeros_like(w), 0.5
    for iteration in range(4):
        w = model.fc1.weight.detach().numpy()
        assert pruner.penalty().item() == pytest.approx(rho / 2 * float(((w - z + u) ** 2).sum()), rel=1e-5)
        with torch.no_grad():
            model.fc1.weight += 0.01 * torch.randn(w.shape, generator=torch.Generator().manual_seed(iteration))
        w = model.fc1.weight.detach().numpy()
        pruner.step()
        z = largest(w + u, 100)
        u = u + w - z
        if iteration < 2:
            rho, u = rho * 2, u / 2
    assert np.allclose(pruner.admm.auxiliary["fc1"].numpy(), z, atol=1e-6)


def test_projection_happens_once_an_iteration():
    model = made(Cnn)
    pruner = ADMMPruner(model, {"fc1": Unstructured(9)}, steps_per_iteration=3)
    before = pruner.admm.auxiliary["fc1"].clone()
    with torch.no_grad():
        model.fc1.weight.mul_(-1)
    pruner.step()
    pruner.step()
    assert torch.equal(pruner.admm.auxiliary["fc1"], before)
    pruner.step()
    assert torch.equal(pruner.admm.auxiliary["fc1"], -before)


def test_penalty_gradient_pulls_to_the_projection():
    model = made(Cnn)
    pruner = ADMMPruner(model, {"fc1": Unstructured(9)}, rho=0.1)
    pruner.penalty().backward()
    expected = 0.1 * (model.fc1.weight.detach() - pruner.admm.auxiliary["fc1"])
    assert torch.allclose(model.fc1.weight.grad, expected)


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_hard_zeros_hold_through_retraining_however_few_steps_ran(steps):
    model = made(Cnn)
    keys = set(model.state_dict())
    constraints = {"conv2": Combined(Columns(20), Filters(5)), "fc1": Unstructured(100)}
    pruner = ADMMPruner(model, constraints, steps_per_iteration=2, example_input=images())
    train(model, pruner, steps)
    pruner.harden()
    zeros = model.fc1.weight == 0
    train(model, pruner, 10, decay=0.1)
    assert bool((model.fc1.weight[zeros] == 0).all())
    finished = pruner.finalize()
    assert set(finished.state_dict()) == keys
    assert not any(isinstance(m, nn.utils.parametrize.ParametrizationList) for m in finished.modules())
    assert int(finished.fc1.weight.count_nonzero()) <= 100
    assert int(finished.conv2.weight.any(dim=0).sum()) <= 20
    dead = ~finished.conv2.weight.flatten(1).any(dim=1)
    assert int(dead.sum()) >= 3
    assert not finished.conv2.bias[dead].any()
    assert not finished.bn2.bias[dead].any()
    assert bool((finished.fc1.weight != 0).any())


def test_hardened_weights_are_the_projection_of_the_trained_ones():
    model = made(Cnn)
    pruner = ADMMPruner(model, {"fc1": Unstructured(50)})
    train(model, pruner, 3)
    trained = model.fc1.weight.detach().numpy().copy()
    pruner.harden()
    assert np.array_equal(model.fc1.weight.detach().numpy(), largest(trained, 50))
    assert pruner.penalty().item() == 0


def test_a_second_round_recovers_no_pruned_weight():
    model = made(Cnn)
    first = ADMMPruner(model, {"fc1": Unstructured(200)})
    first.finalize()
    gone = model.fc1.weight == 0
    second = ADMMPruner(model, {"fc1": Unstructured(150)}, rho=0.1, steps_per_iteration=2)
    train(model, second, 8, decay=0.1)
    assert not model.fc1.weight[gone].any()
    second.harden()
    train(model, second, 4)
    second.finalize()
    assert not model.fc1.weight[gone].any()
    assert 0 < int(model.fc1.weight.count_nonzero()) <= 150


def test_training_with_admm_comes_near_the_constraint():
    model = made(Cnn)
    pruner = ADMMPruner(model, {"fc1": Unstructured(200)}, rho=0.05, rho_growth=1.5, steps_per_iteration=10)
    weight = model.fc1.weight
    outside = [float((weight.detach() - Unstructured(200).project(weight.detach())).norm() / weight.detach().norm())]
    train(model, pruner, 100, learning_rate=3e-3)
    outside.append(
        float((weight.detach() - Unstructured(200).project(weight.detach())).norm() / weight.detach().norm())
    )
    assert outside[1] < 0.3 * outside[0]


def test_nan_weights_stop_with_the_step():
    model = made(Cnn)
    pruner = ADMMPruner(model, {"fc1": Unstructured(50)}, steps_per_iteration=2)
    with torch.no_grad():
        model.fc1.weight[0, 0] = torch.nan
    pruner.step()
    with pytest.raises(CompressionError, match="layer 'fc1' holds NaN or infinite weights after step 2"):
        pruner.step()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rho": 0.0}, "rho is 0.0"),
        ({"rho": float("nan")}, "rho is nan"),
        ({"rho_growth": 0.5}, "rho_growth is 0.5"),
        ({"iterations": 0}, "iterations is 0"),
        ({"steps_per_iteration": -1}, "steps_per_iteration is -1"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(CompressionError, match=message):
        ADMMPruner(made(Cnn), {"fc1": Unstructured(5)}, **settings)


def test_unknown_layer_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown layer 'conv3'; did you mean 'conv[12]'"):
        ADMMPruner(made(Cnn), {"conv3": Unstructured(5)})


def test_nothing_to_prune_is_refused():
    with pytest.raises(CompressionError, match="no layer to prune"):
        ADMMPruner(made(Cnn), {})
    with pytest.raises(CompressionError, match="no layer that this method can prune"):
        compress.create("admm_channel", nn.Sequential(nn.Linear(4, 3)))

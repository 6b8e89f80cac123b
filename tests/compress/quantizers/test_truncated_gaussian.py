import math

import numpy as np
import pytest
import torch

import compress
from accelsim.errors import CompressionError
from compress.quantizers.truncated_gaussian import TruncatedGaussian, mean_beyond
from tests.compress.networks import Cnn, made


def gaussian(seed, count, scale=1.0):
    return torch.randn(count, generator=torch.Generator().manual_seed(seed)) * scale


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0, 2.5])
def test_mean_beyond_is_the_integral(threshold):
    x = np.linspace(threshold, 12, 400_001)
    density = np.exp(-(x**2) / 2)
    expected = np.trapezoid(x * density, x) / np.trapezoid(density, x)
    assert float(mean_beyond(torch.tensor(threshold, dtype=torch.float64))) == pytest.approx(expected, rel=1e-6)


def test_gradient_of_the_threshold_is_that_of_the_closed_form():
    threshold = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(mean_beyond, (threshold,))


@pytest.mark.parametrize("density", [1.0, 0.3, 0.05])
def test_sigma_is_that_of_the_gaussian_before_it_was_pruned(density):
    weight = gaussian(0, 200_000, 0.05)
    left = weight * (weight.abs() >= weight.abs().quantile(1 - density)) if density < 1 else weight
    assert float(TruncatedGaussian(left).sigma(left)) == pytest.approx(0.05, rel=0.01)


def test_scale_is_the_mean_magnitude_beyond_the_threshold():
    weight = gaussian(1, 200_000, 0.05)
    module = TruncatedGaussian(weight)
    for threshold in (0.5, 1.0, 2.0):
        module.threshold.data.fill_(threshold)
        ternary = module(weight)
        beyond = weight[weight.abs() > threshold * 0.05].abs().mean()
        assert float(ternary.abs().max()) == pytest.approx(float(beyond), rel=0.01)
        share = math.erfc(threshold / math.sqrt(2))
        assert int(ternary.count_nonzero()) / len(weight) == pytest.approx(share, rel=0.03)


def test_loss_reaches_the_threshold_through_the_scale_and_the_weights_straight_through():
    weight = gaussian(2, 1000, 0.1).requires_grad_()
    module = TruncatedGaussian(weight)
    upstream = gaussian(3, 1000)
    (module(weight) * upstream).sum().backward()
    assert torch.equal(weight.grad, upstream)
    sigma, signs = module.sigma(weight), module(weight).detach().sign()

    def loss(threshold):
        return float((sigma * mean_beyond(torch.tensor(threshold)) * signs * upstream).sum())

    at, step = float(module.threshold.detach()), 1e-2
    assert float(module.threshold.grad) == pytest.approx((loss(at + step) - loss(at - step)) / (2 * step), rel=0.01)


def test_thresholds_and_weights_train_and_the_threshold_stays_in_the_tails():
    model = made(Cnn)
    method = compress.create("pruned_ternary", model, keep=0.4)
    held = method.quantizers["fc1"]
    assert any(parameter is held.threshold for parameter in model.parameters())
    assert float(held.threshold.detach()) >= held.least > 0
    held.threshold.data.fill_(99.0)
    method.step()
    assert float(held.threshold.detach()) == pytest.approx(held.least + 2)
    finished = method.finalize()
    assert set(finished.state_dict()) == set(made(Cnn).state_dict())


def test_a_layer_of_zeros_is_refused():
    model = made(Cnn)
    torch.nn.init.zeros_(model.fc2.weight)
    with pytest.raises(CompressionError, match="layer 'fc2' holds zeros only"):
        compress.create("pruned_ternary", model)

import itertools

import numpy as np
import pytest
import torch

from accelsim.errors import CompressionError
from compress.quantizers import levels
from compress.quantizers.levels import Binary, Levels, Ternary, best_interval


def weight_of(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def nearest_by_brute_force(weight, allowed):
    """The least distance over every assignment of integers, each with its own best interval."""
    values = weight.flatten().numpy()
    best = float((values**2).sum())
    for k in itertools.product(allowed, repeat=len(values)):
        k = np.array(k)
        if k.any():
            q = max(0.0, float(values @ k) / float(k @ k))
            best = min(best, float(((values - q * k) ** 2).sum()))
    return best


@pytest.mark.parametrize(
    ("kind", "size"), [(Levels(2), 6), (Levels(3), 4), (Levels(4), 3), (Ternary(), 7), (Binary(), 9)]
)
@pytest.mark.parametrize("seed", range(4))
def test_projection_is_the_nearest_point_of_the_set(kind, size, seed):
    weight = weight_of(seed, size)
    largest = 1 if isinstance(kind, Binary) else kind.largest
    allowed = [-1, 1] if isinstance(kind, Binary) else range(-largest, largest + 1)
    ours = kind.project(weight)
    assert float((weight - ours).square().sum()) == pytest.approx(nearest_by_brute_force(weight, allowed), rel=1e-9)


@pytest.mark.parametrize("kind", [Levels(3), Ternary(), Binary()])
def test_every_element_goes_to_its_nearest_level(kind):
    weight, interval = weight_of(1, 5, 4), 0.3
    most = kind.largest if isinstance(kind, Levels) else 1
    known = [k * interval for k in range(-most, most + 1) if k or not isinstance(kind, Binary)]
    expected = [min(known, key=lambda level: abs(level - float(w))) for w in weight.flatten()]
    assert kind.nearest(weight, interval).flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_large_weights_come_as_near_as_the_whole_walk(bits, monkeypatch):
    weight = weight_of(2, 40, 300) * 0.05
    largest = 2 ** (bits - 1) - 1

    def error(interval):
        return float((weight - Levels(bits).nearest(weight, interval)).square().sum())

    monkeypatch.setattr(levels, "_EXACT_PAIRS", weight.numel() * largest)
    exact = error(best_interval(weight, largest))
    monkeypatch.setattr(levels, "_EXACT_PAIRS", 0)
    assert exact <= error(best_interval(weight, largest)) * (1 + 1e-9)
    assert error(best_interval(weight, largest)) <= 1.001 * exact


def test_zeros_of_a_pruned_weight_stay_and_do_not_move_the_levels():
    weight = weight_of(3, 50)
    pruned = torch.cat([weight, torch.zeros(200)])
    for kind in (Levels(3), Ternary()):
        assert kind.interval(pruned) == pytest.approx(kind.interval(weight))
        assert not kind.project(pruned)[50:].any()
    assert Levels(3).project(torch.zeros(4)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("kind", "coding", "bits"), [(Levels(5), "uniform", 5), (Ternary(), "ternary", 2), (Binary(), "binary", 1)]
)
def test_codes_are_the_level_integers(kind, coding, bits):
    weight = weight_of(4, 6, 5).float()
    interval = kind.interval(weight)
    code = kind.code(kind.nearest(weight, interval), interval)
    assert (code.coding, code.bits) == (coding, bits)
    assert np.array_equal(code.ints, kind.indices(weight, interval).numpy())
    assert np.allclose(code.decoded(), kind.nearest(weight, interval).numpy())
    if coding == "uniform":
        assert np.abs(code.ints).max() == 15


def test_impossible_levels_say_what_would_be_right():
    for bits in (1, 9, 3.0, True, "4"):
        with pytest.raises(CompressionError, match=r"layer 'x': Levels\(bits=.*expected an integer from 2 to 8"):
            Levels(bits).check((4, 4), "layer 'x'")
    with pytest.raises(CompressionError, match=r"layer 'x' has 2 weights of 0, which Binary cannot keep; use Ternary"):
        Binary().check_weight(torch.tensor([0.0, 1.0, 0.0]), "layer 'x'")

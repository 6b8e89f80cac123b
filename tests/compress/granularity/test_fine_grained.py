"""Blocks, N:M groups and patterns of kernels against plain loops; what no layer can hold is refused."""

from itertools import combinations

import numpy as np
import pytest
import torch

import compress
from accelsim.errors import CompressionError
from compress.granularity.fine_grained import Blocks, PatternKernels

SHAPES = [(3, 8), (5, 11), (4, 3, 3, 3), (2, 5, 1, 7), (1, 3)]


def drawn(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def nearest_of_blocks(weight, keep, width):
    """By trying every choice of `keep` places in every block."""
    rows = weight.reshape(len(weight), -1).numpy()
    out = np.zeros_like(rows)
    for i, row in enumerate(rows):
        for start in range(0, len(row), width):
            block = row[start : start + width]
            count = min(keep, len(block))
            best = max(combinations(range(len(block)), count), key=lambda places: sum(block[list(places)] ** 2))
            out[i, [start + p for p in best]] = block[list(best)]
    return out.reshape(weight.shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("keep", "width"), [(2, 4), (1, 2), (3, 8), (1, 16)])
def test_blocks_are_the_nearest(shape, keep, width):
    weight = drawn(shape)
    np.testing.assert_array_equal(Blocks(keep, width).project(weight).numpy(), nearest_of_blocks(weight, keep, width))


def test_the_first_ones_stay_on_ties():
    assert Blocks(1, 2).mask(torch.ones(1, 4)).tolist() == [[True, False, True, False]]


def test_patterns_by_a_plain_loop():
    weight = drawn((6, 5, 3, 3), 1)
    constraint = PatternKernels(keep=0.4, entries=4, patterns=3)
    kernels = weight.reshape(30, 9).numpy()
    own = [tuple(sorted(np.argsort(-np.abs(kernel), kind="stable")[:4])) for kernel in kernels]
    counts = {pattern: own.count(pattern) for pattern in own}
    projected = constraint.project(weight).reshape(30, 9).numpy()
    used = {tuple(np.flatnonzero(row)) for row in projected if row.any()}
    rarest = sorted(counts.values(), reverse=True)[2]
    assert len(used) <= 3
    assert all(counts[pattern] >= rarest for pattern in used)
    assert sum(row.any() for row in projected) == 12
    library = [np.flatnonzero(p) for p in constraint.library(weight.square().reshape(30, 9)).numpy()]
    energy = [max((kernel[places] ** 2).sum() for places in library) for kernel in kernels]
    assert sorted(np.argsort(energy)[-12:]) == list(np.flatnonzero(projected.any(axis=1)))
    for row, kernel in zip(projected, kernels, strict=True):
        if row.any():
            assert (row**2).sum() == pytest.approx(max((kernel[places] ** 2).sum() for places in library), rel=1e-5)
            assert (row[row != 0] == kernel[row != 0]).all()


@pytest.mark.parametrize("constraint", [Blocks(4, 4), Blocks(0, 4), Blocks(1, 1), Blocks(True, 4), Blocks(1.5, 4)])
def test_blocks_that_prune_nothing_are_refused(constraint):
    with pytest.raises(CompressionError, match=r"conv1: .* of every .* weights; a width of 2 or more"):
        constraint.check((4, 8), "conv1")


@pytest.mark.parametrize(
    ("constraint", "shape", "message"),
    [
        (PatternKernels(0.5), (4, 8), r"fc: patterns need a conv weight \(N, C, R, S\); this one is \(4, 8\)"),
        (PatternKernels(0.5, entries=9), (4, 2, 3, 3), "1 to 8 entries of its kernels' 9"),
        (PatternKernels(0.5, patterns=0), (4, 2, 3, 3), "1 pattern or more"),
        (PatternKernels(1.0), (4, 2, 3, 3), "keep=1.0 of the kernels; a share between 0 and 1"),
    ],
)
def test_patterns_that_no_layer_can_hold_are_refused(constraint, shape, message):
    with pytest.raises(CompressionError, match=message):
        constraint.check(shape, "fc")


@pytest.mark.parametrize(("name", "settings"), [("simd_blocks", {"width": 2**19}), ("pattern_kernel", {"entries": 30})])
def test_a_model_without_a_layer_for_it_is_refused(name, settings):
    with pytest.raises(CompressionError, match="the model has no layer that this method can prune"):
        compress.create(name, torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)), **settings)

import itertools

import pytest
import torch

from accelsim.errors import CompressionError
from compress.granularity.constraints import Channels, Columns, Combined, Filters, Unstructured

SHAPE = (3, 2, 2, 1)


def parts_of(constraint, weight):
    """The index sets of all parts of one kind, written from the definitions."""
    n, c, r, s = weight.shape
    if isinstance(constraint, Unstructured):
        return [[at] for at in itertools.product(range(n), range(c), range(r), range(s))]
    if isinstance(constraint, Filters):
        return [[(i, *at) for at in itertools.product(range(c), range(r), range(s))] for i in range(n)]
    if isinstance(constraint, Channels):
        return [[(i, j, k, m) for i in range(n) for k in range(r) for m in range(s)] for j in range(c)]
    return [[(i, *at) for i in range(n)] for at in itertools.product(range(c), range(r), range(s))]


def with_only(weight, parts):
    kept = torch.zeros_like(weight)
    for part in parts:
        for at in part:
            kept[at] = weight[at]
    return kept


@pytest.mark.parametrize("kind", [Unstructured, Filters, Channels, Columns])
@pytest.mark.parametrize("keep", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_projection_is_the_nearest_point_of_the_set(kind, keep, seed):
    weight = torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))
    parts = parts_of(kind(keep), weight)
    candidates = [with_only(weight, chosen) for chosen in itertools.combinations(parts, keep)]
    nearest = min(candidates, key=lambda z: float((weight - z).square().sum()))
    assert torch.equal(kind(keep).project(weight), nearest)


@pytest.mark.parametrize("seed", range(20))
def test_combination_is_feasible_and_no_further_than_one_after_another(seed):
    weight = torch.randn(4, 2, 2, 1, generator=torch.Generator().manual_seed(seed))
    columns, filters = Columns(2), Filters(2)
    ours = Combined(columns, filters).project(weight)
    in_turn = filters.project(columns.project(weight))
    assert int(ours.any(dim=0).sum()) <= 2
    assert int(ours.flatten(1).any(dim=1).sum()) <= 2
    assert float(ours.square().sum()) >= float(in_turn.square().sum()) - 1e-6
    assert torch.equal(Combined(columns, filters).project(ours), ours)


def test_combination_finds_the_best_submatrix_on_most_small_weights():
    hits = 0
    for seed in range(40):
        weight = torch.randn(4, 4, generator=torch.Generator().manual_seed(seed))
        best = max(
            float(weight[list(rows)][:, list(columns)].square().sum())
            for rows in itertools.combinations(range(4), 2)
            for columns in itertools.combinations(range(4), 2)
        )
        found = float(Combined(Columns(2), Filters(2)).project(weight).square().sum())
        assert found <= best + 1e-5
        hits += found >= best - 1e-5
    assert hits >= 24


def test_combination_of_one_is_that_one():
    weight = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Combined(Columns(2)).project(weight), Columns(2).project(weight))


def test_ties_keep_exactly_as_many_as_asked():
    assert int(Unstructured(3).project(torch.ones(2, 5)).count_nonzero()) == 3
    assert int(Columns(2).project(torch.ones(2, 5)).count_nonzero()) == 4


def test_share_counts_parts():
    assert Filters(0.5).count((20, 1, 5, 5)) == 10
    assert Columns(0.1).count((50, 20, 5, 5)) == 50
    assert Columns(0.001).count((4, 3)) == 1


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (Unstructured(0), r"layer 'x': Unstructured\(keep=0\); expected 1 to 24 elements"),
        (Filters(5), r"expected 1 to 4 filters"),
        (Columns(7), r"expected 1 to 6 columns"),
        (Filters(1.0), r"share strictly between 0 and 1"),
        (Filters(float("nan")), r"expected 1 to 4"),
        (Filters(True), r"expected 1 to 4"),
        (Channels(1), r"Channels needs a conv weight"),
        (Combined(Filters(2), Columns(99)), r"expected 1 to 6 columns"),
    ],
)
def test_impossible_settings_say_what_would_be_right(constraint, message):
    with pytest.raises(CompressionError, match=message):
        constraint.check((4, 6), "layer 'x'")


def test_empty_combination_is_refused():
    with pytest.raises(CompressionError, match="holds no constraint"):
        Combined()

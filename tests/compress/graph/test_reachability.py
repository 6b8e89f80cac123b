"""Masks that are chosen for each other: the whole budget goes to weights that lead somewhere."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import compress
import workloads.models
from compress.granularity.constraints import Columns, Combined, Filters, Projectable, Unstructured
from compress.graph.follow import follow
from compress.graph.reachability import reachable_masks
from compress.schedules.admm import ADMMPruner
from tests.compress.networks import Residual

PERCEPTRON_INPUT, CONV_INPUT = torch.zeros(1, 6), torch.zeros(1, 1, 6, 6)


def perceptron(seed: int, bias: bool = False) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 7, bias=bias), nn.ReLU(), nn.Linear(7, 4, bias=bias))


def convolutions(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.Flatten(), nn.Linear(5 * 4, 3))


def masks_of(
    model: nn.Sequential, constraints: Mapping[str, Projectable], example: torch.Tensor | None
) -> dict[str, torch.Tensor]:
    weights = {name: model[int(name)].weight for name in constraints}
    return reachable_masks(model, constraints, weights, None if example is None else follow(model, example))


def assert_each_layer_alone(
    masks: Mapping[str, torch.Tensor], model: nn.Sequential, constraints: Mapping[str, Unstructured]
) -> None:
    for name, constraint in constraints.items():
        assert torch.equal(masks[name], constraint.mask(model[int(name)].weight))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(2, 30), second=st.integers(2, 25))
def test_every_kept_weight_has_a_way_in_and_a_way_out_and_more_of_the_budget_is_spent(
    seed: int, first: int, second: int
) -> None:
    model, constraints = perceptron(seed), {"0": Unstructured(first), "2": Unstructured(second)}
    masks, alone = masks_of(model, constraints, PERCEPTRON_INPUT), masks_of(model, constraints, None)
    assert torch.equal(masks["0"].any(dim=1), masks["2"].any(dim=0))
    alive = alone["0"].any(dim=1) & alone["2"].any(dim=0)
    assert int(alone["0"][alive].sum()) <= int(masks["0"].sum()) <= first
    assert int(alone["2"][:, alive].sum()) <= int(masks["2"].sum()) <= second


def test_masks_are_those_of_each_layer_alone_where_all_that_they_keep_is_alive() -> None:
    model = perceptron(0)
    constraints = {"0": Unstructured(40), "2": Unstructured(27)}
    assert_each_layer_alone(masks_of(model, constraints, PERCEPTRON_INPUT), model, constraints)


def test_a_weight_that_leads_nowhere_gives_its_place_to_the_next_largest() -> None:
    model = perceptron(0)
    with torch.no_grad():
        model[0].weight.copy_(torch.arange(42).view(7, 6) + 1.0)  # the last hidden unit has the largest weights
        model[2].weight.zero_()
        model[2].weight[:, 0] = 1.0  # and only the first one is read
    masks = masks_of(model, {"0": Unstructured(3)}, PERCEPTRON_INPUT)
    assert masks["0"].nonzero().tolist() == [[0, 3], [0, 4], [0, 5]]


def test_a_hidden_unit_with_a_bias_has_something_to_say_without_weights() -> None:
    model = perceptron(0, bias=True)
    with torch.no_grad():
        model[0].weight[0] = 0
        model[2].weight[:, 0] = 100.0
    assert bool(masks_of(model, {"2": Unstructured(4)}, PERCEPTRON_INPUT)["2"][:, 0].all())


@pytest.mark.parametrize("seed", range(5))
def test_columns_are_chosen_on_filters_that_stay(seed: int) -> None:
    constraints = {"0": Combined(Columns(5), Filters(2)), "2": Combined(Columns(7), Filters(3))}
    masks = masks_of(convolutions(seed), constraints, CONV_INPUT)
    filters = masks["0"].flatten(1).any(dim=1)
    columns = masks["2"].any(dim=0)
    assert (int(filters.sum()), int(columns.sum())) == (2, 7)
    assert not columns[~filters].any()
    assert (int(masks["0"].sum()), int(masks["2"].sum())) == (5 * 2, 7 * 3)


def test_without_an_example_input_each_layer_is_on_its_own() -> None:
    model = perceptron(3)
    constraints = {"0": Unstructured(3), "2": Unstructured(3)}
    assert_each_layer_alone(masks_of(model, constraints, None), model, constraints)


def test_a_budget_that_no_network_can_live_on_is_spent_layer_by_layer() -> None:
    model = perceptron(0)
    with torch.no_grad():
        model[0].weight[:4] = 0
        model[2].weight[:, 4:] = 0  # what is read has no input, and what has input is not read
    constraints = {"0": Unstructured(2), "2": Unstructured(2)}
    assert_each_layer_alone(masks_of(model, constraints, PERCEPTRON_INPUT), model, constraints)


def test_following_the_network_leaves_each_module_in_its_own_mode_and_its_statistics_alone() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 3)).train()
    model[1].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    masks_of(model, {"0": Unstructured(5), "3": Unstructured(5)}, CONV_INPUT)
    assert [module.training for module in model] == [True, False, True, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_admm_ends_with_as_many_live_weights_as_it_was_asked_for() -> None:
    model = perceptron(1)
    pruner = ADMMPruner(
        model, {"0": Unstructured(6), "2": Unstructured(5)}, steps_per_iteration=1, example_input=PERCEPTRON_INPUT
    )
    for _ in range(3):
        pruner.step()
    pruner.harden()
    weights = [model[at].weight.detach() for at in (0, 2)]
    assert [int(weight.count_nonzero()) for weight in weights] == [6, 5]
    assert torch.equal(weights[0].any(dim=1), weights[1].any(dim=0))


def test_the_two_sides_of_an_addition_keep_the_same_filters_those_of_the_largest_joint_norm() -> None:
    torch.manual_seed(0)
    model = Residual()
    constraints = {"stem": Filters(2), "b": Filters(2), "a": Filters(2)}
    weights = {name: model.get_submodule(name).weight.detach() for name in constraints}
    masks = reachable_masks(model, constraints, weights, follow(model, torch.zeros(1, 1, 8, 8)))
    norms = weights["stem"].flatten(1).square().sum(1) + weights["b"].flatten(1).square().sum(1)
    best = sorted(norms.topk(2).indices.tolist())
    for name in ("stem", "b"):
        assert masks[name].flatten(1).any(dim=1).nonzero().flatten().tolist() == best
    pruned = ADMMPruner(model, constraints, example_input=torch.zeros(1, 1, 8, 8)).finalize()
    smaller = compress.shrink(pruned, torch.zeros(1, 1, 8, 8))
    assert [tuple(layer.weight.shape[:2]) for layer in (smaller.stem, smaller.a, smaller.b, smaller.fc)] == [
        (2, 1), (2, 2), (2, 2), (3, 2),
    ]  # fmt: skip


def test_half_of_all_filters_of_a_network_with_additions_leave() -> None:
    torch.manual_seed(0)
    model, x = workloads.models.model("resnet18"), torch.zeros(1, 3, 64, 64)
    method = compress.create("admm_filter", model, example_input=x)
    smaller = compress.shrink(method.finalize(), x)
    widths = {name: layer.out_channels for name, layer in smaller.named_modules() if isinstance(layer, nn.Conv2d)}
    before = {name: layer.out_channels for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    assert widths == {name: width // 2 for name, width in before.items()}

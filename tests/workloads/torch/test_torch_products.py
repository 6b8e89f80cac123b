"""Products in whatever words: both tracers see the same GEMMs, with the MACs of the formula."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from tests.workloads.torch_examples import TRACERS, Calls, inputs_of
from workloads.torch.importer import from_torch

pytestmark = pytest.mark.filterwarnings("ignore")
GENERATOR = torch.Generator().manual_seed(1)


def weight(*shape):
    return nn.Parameter(torch.randn(shape, generator=GENERATOR))


def model(function, **held):
    """A function with layers and parameters of its own."""
    layers = {name: part for name, part in held.items() if isinstance(part, nn.Module)}
    made = Calls(function, **layers)
    for name, part in held.items():
        if isinstance(part, nn.Parameter):
            made.register_parameter(name, part)
        elif isinstance(part, torch.Tensor):
            made.register_buffer(name, part)
    return made


def ein(equation):
    return lambda m, *x: torch.einsum(equation, *x, *m.parameters())


CASES = {  # name -> (model, shapes of its inputs, (name, groups, M, N, K) of each trace)
    "ellipsis": (model(ein("...ij,...jk->...ik")), [(2, 3, 4, 5), (2, 3, 5, 6)], [("matmul", 6, 4, 6, 5)]),
    "implicit output": (model(ein("ij,jk")), [(4, 5), (5, 6)], [("matmul", 1, 4, 6, 5)]),
    "einsum with a weight": (model(ein("bij,kj->bik"), w=weight(6, 5)), [(2, 4, 5)], [("w", 1, 8, 6, 5)]),
    "a weight a head": (model(ein("bhij,hjk->bhik"), w=weight(3, 5, 6)), [(2, 3, 4, 5)], [("w", 3, 8, 6, 5)]),
    "three factors": (
        model(ein("ij,jl,lk->ik"), w=weight(6, 7)), [(4, 5), (5, 6)], [("matmul", 1, 4, 6, 5), ("w", 1, 4, 7, 6)]
    ),
    "tensordot": (
        model(lambda m, x: torch.tensordot(x, m.w, dims=([1, 2], [0, 1])), w=weight(4, 5, 6)),
        [(2, 4, 5)], [("w", 1, 2, 6, 20)],
    ),
    "inner": (model(lambda m, x: torch.inner(x, m.w), w=weight(6, 5)), [(2, 4, 5)], [("w", 1, 8, 6, 5)]),
    "addbmm": (
        model(lambda m, x, y: torch.addbmm(m.b, x, y), b=weight(4, 6)),
        [(2, 4, 5), (2, 5, 6)], [("matmul", 1, 4, 6, 10)],
    ),
    "multi_dot": (  # (w · v) first: 5·6·3 + 40·5·3 multiplications are fewer than 40·5·6 + 40·6·3
        model(lambda m, x: torch.linalg.multi_dot([x, m.w, m.v]), w=weight(5, 6), v=weight(6, 3)),
        [(40, 5)], [("v", 1, 5, 3, 6), ("matmul", 1, 40, 3, 5)],
    ),
    "computed kernels": (
        model(lambda m, x, z: functional.conv2d(x, m.k(z).view(4, 3, 3, 3), padding=1), k=nn.Linear(7, 108)),
        [(1, 3, 6, 6), (1, 7)], [("k", 1, 1, 108, 7), ("conv", 1, 36, 4, 27)],
    ),
    "kernels of each image": (
        model(
            lambda m, x, z: functional.conv2d(x.reshape(1, 6, 6, 6), m.k(z).reshape(8, 3, 3, 3), groups=2),
            k=nn.Linear(7, 108),
        ),
        [(2, 3, 6, 6), (2, 7)], [("k", 1, 2, 108, 7), ("conv", 2, 16, 4, 27)],
    ),
    "a computed linear weight": (
        model(lambda m, x, z: functional.linear(x, m.k(z)), k=nn.Linear(7, 5)),
        [(2, 4, 5), (6, 7)], [("k", 1, 6, 5, 7), ("matmul", 1, 8, 6, 5)],
    ),
    "a constant left of a stack": (model(lambda m, x: m.w @ x, w=weight(6, 4)), [(2, 4, 5)], [("w", 1, 10, 6, 4)]),
    "constants left of a stack": (
        model(lambda m, x: m.w @ x, w=weight(3, 6, 4)), [(2, 3, 4, 5)], [("w", 3, 10, 6, 4)]
    ),
    "constants right of a stack": (
        model(lambda m, x: x @ m.w, w=weight(3, 5, 6)), [(2, 3, 4, 5)], [("w", 3, 8, 6, 5)]
    ),
    "a constant vector on the left": (model(lambda m, x: m.w @ x, w=weight(4)), [(2, 4, 5)], [("w", 1, 10, 1, 4)]),
    "learned queries": (
        model(
            lambda m, x: (m.q(m.query) @ m.k(x).transpose(1, 2)).softmax(-1) @ x,
            query=weight(3, 8), q=nn.Linear(8, 4), k=nn.Linear(8, 4),
        ),
        [(2, 5, 8)], [("q", 1, 3, 4, 8), ("k", 1, 10, 4, 8), ("scores", 2, 3, 5, 4), ("context", 2, 3, 8, 5)],
    ),
    "a table of positions by a layer": (
        model(lambda m, x: m.a(x) + m.p(m.table), a=nn.Linear(5, 6), p=nn.Linear(2, 6), table=torch.ones(4, 2)),
        [(2, 4, 5)], [("a", 1, 8, 6, 5), ("p", 1, 4, 6, 2)],
    ),
    "a table of numbers alone": (
        model(lambda m, x: m.a(x) * (m.table[:, None] @ torch.ones(1, 6)).t(), a=nn.Linear(5, 4), table=torch.ones(4)),
        [(2, 6, 5)], [("a", 1, 12, 4, 5)],
    ),
    "weight norm": (nn.Sequential(weight_norm(nn.Linear(5, 6))), [(2, 5)], [("0", 1, 2, 6, 5)]),
    "spectral norm": (nn.Sequential(spectral_norm(nn.Linear(5, 6))), [(2, 5)], [("0", 1, 2, 6, 5)]),
    "newer weight norm": (
        nn.Sequential(parametrizations.weight_norm(nn.Conv2d(3, 4, 3))), [(1, 3, 6, 6)], [("0", 1, 16, 4, 27)]
    ),
    "newer spectral norm": (
        nn.Sequential(parametrizations.spectral_norm(nn.Linear(5, 6))), [(2, 5)], [("0", 1, 2, 6, 5)]
    ),
    "uneven padding": (nn.Conv2d(4, 3, 2, padding="same"), [(1, 4, 5, 5)], [("layer", 1, 25, 3, 16)]),
}  # fmt: skip


@pytest.mark.parametrize("values", [None, "activations"])
@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("name", CASES)
def test_gemms_of_a_product(name, tracer, values):
    made, shapes, expected = CASES[name]
    found = from_torch(made.eval(), inputs_of(shapes), trace_by=tracer, values=values)
    assert [(t.name, t.groups, t.M, t.N, t.K) for t in found] == expected
    assert found.provenance["not_lowered"] == []
    assert values is None or all(t.weight is not None and t.activation is not None for t in found)


def product(trace, codes, second="weight"):
    """O of a trace in real numbers, (groups, M, N), by the scales that the provenance holds."""
    code = codes[trace.name]
    rows = trace.activation.astype(np.int64).reshape(trace.M, trace.groups, trace.K)
    filters = trace.weight.astype(np.int64).reshape(trace.groups, trace.N, trace.K)
    return np.einsum("mgk,gnk->gmn", rows, filters) * code["activation"]["scale"] * code[second]["scale"]


@pytest.mark.parametrize("tracer", TRACERS)
def test_integers_of_constants_left_of_activations_are_the_products(tracer):
    made, shapes, _ = CASES["constants left of a stack"]
    (x,) = inputs_of(shapes)
    found = from_torch(made, x, values="activations", weight_bits=12, activation_bits=12, trace_by=tracer)
    with torch.no_grad():
        expected = made(x)  # (B, groups, N, columns)
    rows = expected.permute(1, 0, 3, 2).reshape(3, 10, 6)
    np.testing.assert_allclose(product(found.traces[0], found.provenance["codes"]), rows, atol=2e-2)


@pytest.mark.parametrize("tracer", TRACERS)
def test_integers_of_computed_kernels_are_the_convolution(tracer):
    made, shapes, _ = CASES["kernels of each image"]
    inputs = inputs_of(shapes)
    found = from_torch(made, inputs, values="activations", activation_bits=12, trace_by=tracer)
    with torch.no_grad():
        expected = made(*inputs).reshape(2, 4, 16).transpose(1, 2)
    computed = product(found["conv"], found.provenance["codes"], "second activation")
    np.testing.assert_allclose(computed, expected, atol=5e-2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_numbers_of_any_width_become_the_integers_of_their_values(dtype):
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4)).to(dtype).eval()
    nn.init.uniform_(made[1].weight, 1, 3)
    x = inputs_of([(2, 6, 9, 8)])[0].to(dtype)
    found = from_torch(made, x, values="activations")
    wide = from_torch(made.double(), x.double(), values="activations")
    assert np.abs(found["0"].weight.astype(int) - wide["0"].weight).max() <= (1 if dtype != torch.float64 else 0)
    np.testing.assert_array_equal(found["0"].activation_operand.values, wide["0"].activation_operand.values)


def attend(m, key):
    return functional.scaled_dot_product_attention(m.query, key, key)


@pytest.mark.parametrize("tracer", TRACERS)
def test_one_query_for_a_whole_batch_is_multiplied_with_each_key(tracer):
    (key,) = inputs_of([(2, 3, 5, 8)])
    found = from_torch(model(attend, query=weight(1, 3, 4, 8)), key, trace_by=tracer, values="activations")
    assert [(t.groups, t.M, t.N, t.K) for t in found] == [(6, 4, 5, 8), (6, 4, 8, 5)]
    assert found.macs == 2 * 2 * 3 * 4 * 5 * 8


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_product_of_two_parameters_is_work_whatever_they_are_called(tracer):
    made = model(
        lambda m, x: m.k(x) + (m.users_u @ m.items_v).sum(),
        users_u=weight(3, 2),
        items_v=weight(2, 5),
        k=nn.Linear(4, 6),
    )
    assert from_torch(made, inputs_of([(2, 4)]), trace_by=tracer).macs == 2 * 4 * 6 + 3 * 2 * 5


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_layer_that_stands_at_two_places_is_one_layer(tracer):
    block = nn.Conv2d(4, 4, 3, padding=1)
    found = from_torch(nn.Sequential(block, nn.ReLU(), block), inputs_of([(1, 4, 6, 6)]), trace_by=tracer)
    assert [(t.name, t.repeat) for t in found] == [("0", 2)]


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_parametrized_weight_of_a_parameter_names_no_parametrization(tracer):
    attention = parametrizations.weight_norm(nn.MultiheadAttention(12, 3, batch_first=True), "in_proj_weight")
    made = model(lambda m, x: m.a(x, x, x, need_weights=False)[0], a=attention)
    found = from_torch(made, inputs_of([(2, 4, 12)]), trace_by=tracer)
    assert [t.name for t in found] == ["a.in_proj", "a.scores", "a.context", "a.out_proj"]
    assert [o.name for o in found.operators] == ["a.scale", "a.softmax"]


def test_a_module_that_was_a_program_is_traced_again():
    made = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), nn.Flatten(), nn.Linear(144, 5)
    )
    (x,) = inputs_of([(2, 3, 8, 8)])
    again = torch.export.export(made.eval(), (x,)).module()
    found = from_torch(again, x)
    assert found.macs == from_torch(made, x).macs
    assert [t.name for t in found] == ["0.0", "2"]

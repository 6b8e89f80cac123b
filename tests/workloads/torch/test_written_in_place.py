"""What a model writes into views of a tensor is read through all of them: nothing that is put together so is lost."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.workloads.torch_examples import TRACERS, Calls, inputs_of
from workloads.torch.importer import from_torch

pytestmark = pytest.mark.filterwarnings("ignore")
L = ("l", 1, 8, 5, 6)


def step_by_step(m, x):
    out = torch.zeros(2, 4, 5)
    for step in range(4):
        out[:, step] = m.l(x[:, step])
    return out @ out.transpose(1, 2)


def interleaved(m, x):
    out = torch.zeros(2, 8, 5)
    out[:, ::2], out[:, 1::2] = m.l(x), m.k(x)
    return out @ out.transpose(1, 2)


def cached(m, x):
    query, key, value = m.l(x).chunk(3, -1)
    m.keys[:, 1:5], m.values[:, 1:5] = key, value
    return (query @ m.keys[:, :5].transpose(1, 2)).softmax(-1) @ m.values[:, :5]


def copied_by_index(m, x):
    query, key, value = m.l(x).chunk(3, -1)
    m.keys.index_copy_(1, torch.arange(4), key)
    m.values.index_copy_(1, torch.arange(4), value)
    return functional.scaled_dot_product_attention(query, m.keys, m.values)


def aggregated(m, x):
    out = torch.zeros(4, 5)
    out.index_add_(0, torch.tensor([0, 1, 1, 3]), m.l(x))
    return out @ out.t()


def scattered(m, x):
    out = torch.zeros(2, 9, 5)
    out.scatter_(1, torch.tensor([0, 3, 4, 5]).expand(2, 4)[..., None].expand(2, 4, 5), m.l(x))
    return out @ out.transpose(1, 2)


def with_cache(function):
    made = Calls(function, l=nn.Linear(6, 18))
    made.register_buffer("keys", torch.zeros(2, 8, 6))
    made.register_buffer("values", torch.zeros(2, 8, 6))
    return made


CASES = {  # name -> (model, shape of its input, (name, groups, M, N, K) of each trace, operators but softmax's)
    "step by step": (
        Calls(step_by_step, l=nn.Linear(6, 5)), (2, 4, 6), [("l", 1, 2, 5, 6), ("matmul", 2, 4, 4, 5)], [],
    ),
    "interleaved": (
        Calls(interleaved, l=nn.Linear(6, 5), k=nn.Linear(6, 5)),
        (2, 4, 6), [L, ("k", 1, 8, 5, 6), ("matmul", 2, 8, 8, 5)], [],
    ),
    "a cache of keys": (
        with_cache(cached), (2, 4, 6), [("l", 1, 8, 18, 6), ("scores", 2, 4, 5, 6), ("context", 2, 4, 6, 5)], [],
    ),
    "a cache by index": (
        with_cache(copied_by_index), (2, 4, 6),
        [("l", 1, 8, 18, 6), ("attention.scores", 2, 4, 8, 6), ("attention.context", 2, 4, 6, 8)],
        [("gather", 48), ("gather", 48), ("scale", 64)],
    ),
    "sums by index": (
        Calls(aggregated, l=nn.Linear(6, 5)), (4, 6), [("l", 1, 4, 5, 6), ("matmul", 1, 4, 4, 5)], [("add", 20)],
    ),
    "scattered": (
        Calls(scattered, l=nn.Linear(6, 5)), (2, 4, 6), [L, ("matmul", 2, 9, 9, 5)], [("gather", 40)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("values", [None, "activations"])
@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("name", CASES)
def test_what_is_put_together_is_an_activation(name, tracer, values):
    made, shape, expected, operators = CASES[name]
    found = from_torch(made, inputs_of([shape]), trace_by=tracer, values=values)
    assert [(t.name, t.groups, t.M, t.N, t.K) for t in found] == expected
    assert all(t.kind == "attention" for t in found if t.name not in ("l", "k"))
    assert [(o.op, o.work) for o in found.operators if o.op != "softmax"] == operators
    last = found.traces[-1].name
    assert "l" in reached(found.graph, last)


def reached(graph, reader):
    """All that a layer reads, directly or through others."""
    sources = set(graph.get(reader, ())) - {""}
    return sources.union(*(reached(graph, source) for source in sources))


def normalised(m, x):
    x.sub_(0.5).mul_(2)
    m.runs += 1
    return m.l(x * m.runs)


@pytest.mark.parametrize("tracer", TRACERS)
def test_inputs_and_buffers_keep_their_numbers_and_each_run_begins_with_them(tracer):
    made = Calls(normalised, l=nn.Linear(6, 5))
    made.register_buffer("runs", torch.zeros(1))
    (x,) = inputs_of([(4, 6)])
    found = from_torch(made, x, trace_by=tracer, values="activations", data=[x.clone()])
    assert torch.equal(x, inputs_of([(4, 6)])[0])
    assert made.runs.item() == 0
    scale = found.provenance["codes"]["l"]["activation"]["scale"]
    assert scale == pytest.approx(float(((x - 0.5) * 2).abs().max()) / 127)


@pytest.mark.parametrize("tracer", TRACERS)
def test_padding_round_the_edge_reads_what_it_pads(tracer):
    made = nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular") for _ in range(2)))
    found = from_torch(made, inputs_of([(1, 4, 6, 6)]), trace_by=tracer)
    assert [(o.op, o.outputs) for o in found.operators] == [("pad", 256), ("pad", 256)]
    assert found.graph["1"] == ("1.pad",)
    assert found.graph["1.pad"] == ("0",)


def chosen(m, x):
    out = torch.zeros(2, 4, 5)
    out[m.kept] = m.l(x[m.kept])
    return out @ out.transpose(1, 2)


def test_sizes_that_depend_on_numbers_are_traced_by_hooks():
    made = Calls(chosen, l=nn.Linear(6, 5))
    made.register_buffer("kept", torch.tensor([[1, 0, 1, 1], [0, 1, 1, 0]]).bool())
    found = from_torch(made, inputs_of([(2, 4, 6)]))
    assert [(t.groups, t.M, t.N, t.K) for t in found] == [(1, 5, 5, 6), (2, 4, 4, 5)]
    assert "depends on the numbers" in found.provenance["export_failed"]

"""What people hand over as a model: exported, compiled, wrapped, a bare layer, one under masks."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from accelsim.errors import ConfigError
from tests.workloads.torch_examples import MODULES, TRACERS, Calls, inputs_of
from workloads.torch.importer import from_torch

pytestmark = pytest.mark.filterwarnings("ignore")


def network():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
    model = Calls(lambda m, x: torch.einsum("bi,ij", m.body(x), m.mix), body=body)
    model.register_parameter("mix", nn.Parameter(torch.randn(4, 4)))
    return model.eval()


def told(workload):
    """All of a workload but its provenance."""
    weights = [None if t.weight is None else t.weight.tolist() for t in workload]
    return [(t.name, t.kind, t.shape) for t in workload], weights, workload.operators


@pytest.fixture(scope="module")
def plain():
    model, x = network(), torch.ones(2, 3, 8, 8)
    return model, x, told(from_torch(model, x, values="weights"))


@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_program_is_its_model(plain, strict):
    model, x, expected = plain
    program = torch.export.export(model, (x,), strict=strict)
    assert told(from_torch(program, values="weights")) == expected
    assert from_torch(program, x, trace_by="torch.export").provenance["traced_by"] == "torch.export"
    with pytest.raises(ConfigError, match=r"torch\.export traced this program already"):
        from_torch(program, trace_by="hooks")


def test_a_program_that_was_saved_and_one_with_an_open_batch(plain, tmp_path):
    model, x, expected = plain
    program = torch.export.export(model, (x,), dynamic_shapes={"inputs": ({0: torch.export.Dim("batch")},)})
    torch.export.save(program, tmp_path / "model.pt2")
    assert told(from_torch(torch.export.load(tmp_path / "model.pt2"), values="weights")) == expected
    assert [t.M for t in from_torch(program, torch.ones(5, 3, 8, 8))] == [180, 5, 5]


@pytest.mark.parametrize("name", MODULES)
def test_every_sort_of_layer_as_a_program(name):
    model, shapes, names = MODULES[name]
    inputs = inputs_of(shapes)
    found, expected = from_torch(torch.export.export(model.eval(), inputs)), from_torch(model, inputs)
    assert [t.name for t in found] == names
    assert told(found) == told(expected)


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel, torch.optim.swa_utils.AveragedModel])
def test_a_wrapped_model_is_the_model_within(plain, wrap):
    model, x, expected = plain
    assert told(from_torch(wrap(model), x, values="weights")) == expected


def test_a_model_needs_an_example():
    with pytest.raises(ConfigError, match="example_input is None"):
        from_torch(nn.Linear(4, 3))


@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("sides", [(2, 3, 8, 8), (3, 8, 8)])
def test_a_bare_convolution(tracer, sides):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, 3)
    (trace,) = from_torch(layer, inputs_of([sides])[0], values="activations", trace_by=tracer)
    assert (trace.name, trace.M, trace.activation_operand.values.shape) == (
        "layer", 36 * (sides[0] if len(sides) == 4 else 1), (int(np.prod(sides[:-2])), 64),
    )  # fmt: skip


@pytest.mark.parametrize("tracer", TRACERS)
def test_layers_under_masks_are_pruned_and_others_are_not(tracer):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    prune.ln_structured(model[0], "weight", amount=5, n=2, dim=0)
    found = from_torch(model, torch.ones(1, 3, 8, 8), values="weights", trace_by=tracer)
    assert [(t.name, t.pruned, int((t.weight == 0).all(1).sum())) for t in found] == [("0", True, 5), ("2", False, 0)]
    assert isinstance(model[0].weight_orig, nn.Parameter)  # the user's model is as it was


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_recurrent_layer_under_a_mask(tracer):
    torch.manual_seed(0)
    model = Calls(lambda m, x: m.rnn(x)[0], rnn=nn.LSTM(12, 5))
    prune.random_unstructured(model.rnn, "weight_hh_l0", amount=60)
    found = from_torch(model, torch.ones(7, 2, 12), values="weights", trace_by=tracer)
    assert (found["rnn.hidden"].weight == 0).sum() >= 60
    assert (found["rnn.input"].weight == 0).sum() < 12


class Unregistered(nn.Module):
    """A layer in a list of Python's, and a matrix that is neither parameter nor buffer."""

    def __init__(self):
        super().__init__()
        self.layers, self.table, self.last = [nn.Linear(6, 5)], torch.ones(5, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.layers[0](x) @ self.table)


@pytest.mark.parametrize("tracer", ["torch.export", "hooks"])
def test_weights_that_are_not_registered_are_weights(tracer):
    found = from_torch(Unregistered(), torch.ones(2, 6), trace_by=tracer, values="activations")
    assert [(t.M, t.N, t.K, t.kind) for t in found] == [
        (2, 5, 6, "linear"), (2, 4, 5, "linear"), (2, 3, 4, "linear"),
    ]  # fmt: skip
    assert [t.name for t in found][1:] == ["table", "last"]


class OneByOne(nn.Module):
    """A function of one example, mapped over a batch."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return torch.vmap(lambda one: self.fc(one) @ one)(x)


def test_functions_that_export_cannot_name_are_traced_by_hooks():
    found = from_torch(OneByOne(), torch.ones(2, 4, 4))
    assert found.provenance["traced_by"] == "hooks"
    assert found.macs == 2 * (4 * 16 + 4 * 16)

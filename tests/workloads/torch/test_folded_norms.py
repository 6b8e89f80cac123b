"""Batch norms behind views of a layer's output: by the filters that they scale, or not at all."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.workloads.torch_examples import TRACERS, Calls, inputs_of
from workloads.torch.importer import from_torch


def norm(channels, kind=nn.BatchNorm2d):
    made = kind(channels).eval()
    torch.manual_seed(3)
    for tensor in (made.weight.data, made.running_var):
        nn.init.uniform_(tensor, 0.2, 4)
    nn.init.normal_(made.running_mean)
    return made


def shuffled(x, groups):
    """ShuffleNet's own words."""
    batch, channels, *sides = x.shape
    return x.view(batch, groups, channels // groups, *sides).transpose(1, 2).reshape(x.shape)


FOLDED = {  # what lies between (2, 12, 7, 6) of a convolution and its batch norm
    "nothing": lambda y: y,
    "a copy": lambda y: functional.dropout(y, training=False).contiguous(),
    "channel shuffle": lambda y: functional.channel_shuffle(y, 3),
    "a shuffle by views": lambda y: shuffled(y, 2),
    "two shuffles": lambda y: functional.channel_shuffle(shuffled(y, 4), 3),
    "other sides": lambda y: y.flatten(2).unsqueeze(-1),
    "turned sides": lambda y: y.permute(0, 1, 3, 2).movedim(2, 3),
    "turned channels": lambda y: y.permute(0, 2, 3, 1).movedim(-1, 1),
}
APART = {  # the same, where the norm's channels are no filters, or only a part of one
    "transposed": lambda y: y[:, :, :6, :].repeat(1, 1, 2, 1).transpose(1, 2),
    "pixel shuffle": lambda y: functional.pixel_shuffle(y, 2).repeat(1, 4, 1, 1),
    "channels by sides": lambda y: y.reshape(2, 7, 12, 6).transpose(1, 2),
    "reversed": lambda y: y.flip(1),
}


def scale(layer):
    return (layer.weight / torch.sqrt(layer.running_var + layer.eps)).detach()


@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("between", FOLDED)
def test_a_norm_scales_the_filters_that_it_reads(between, tracer):
    """The integers times their scale are the weights times the norm's scale, brought back by the views themselves."""
    torch.manual_seed(0)
    view = FOLDED[between]
    model = Calls(lambda m, x: m.norm(view(m.conv(x))), conv=nn.Conv2d(5, 12, 3, bias=False), norm=norm(12))
    found = from_torch(model, inputs_of([(2, 5, 9, 8)])[0], values="weights", weight_bits=12, trace_by=tracer)
    seen = view(torch.arange(12.0).view(1, 12, 1, 1).expand(2, 12, 7, 6))[0].flatten(1)[:, 0].long()
    by_filter = torch.empty(12)
    by_filter[seen] = scale(model.norm)
    expected = (model.conv.weight.detach() * by_filter.view(-1, 1, 1, 1)).flatten(1)
    real = found["conv"].weight * found.provenance["codes"]["conv"]["weight"]["scale"]
    np.testing.assert_allclose(real, expected, atol=1e-3)
    assert [o.op for o in found.operators] == []


@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("between", APART)
def test_a_norm_of_something_else_stays_an_operator(between, tracer):
    torch.manual_seed(0)
    model = Calls(lambda m, x: m.norm(APART[between](m.conv(x))), conv=nn.Conv2d(5, 12, 3), norm=norm(12))
    found = from_torch(model, inputs_of([(2, 5, 9, 8)])[0], values="weights", trace_by=tracer)
    plain = from_torch(model.conv, inputs_of([(2, 5, 9, 8)])[0], values="weights", trace_by=tracer)
    np.testing.assert_array_equal(found["conv"].weight, plain["layer"].weight)
    assert found.operators[-1].op == "batch_norm"


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_norm_over_time_is_none_of_the_filters(tracer):
    over_time = Calls(
        lambda m, x: m.norm(m.conv(x).mT), conv=nn.Conv1d(5, 6, 3, padding=1), norm=norm(6, nn.BatchNorm1d)
    )
    assert [o.op for o in from_torch(over_time, torch.ones(2, 5, 6), trace_by=tracer).operators] == ["batch_norm"]
    of_features = Calls(lambda m, x: m.norm(m.fc(x).mT), fc=nn.Linear(5, 6), norm=norm(6, nn.BatchNorm1d))
    found = from_torch(of_features, torch.ones(2, 6, 5), values="weights", trace_by=tracer, per_channel=True)
    ratio = np.asarray(found.provenance["codes"]["fc"]["weight"]["scale"]) / (
        of_features.fc.weight.detach().abs().amax(1).numpy() / 127
    )
    np.testing.assert_allclose(ratio, scale(of_features.norm), rtol=1e-5)
    assert found.operators == ()


def test_a_bias_along_another_axis_is_an_operator():
    held = Calls(lambda m, x: m.conv(x) + m.bias, conv=nn.Conv2d(5, 6, 1, bias=False))
    held.register_parameter("bias", nn.Parameter(torch.ones(6)))  # of the columns: the last axis
    assert [o.op for o in from_torch(held, torch.ones(2, 5, 4, 6)).operators] == ["bias"]
    held.bias = nn.Parameter(torch.ones(6, 1, 1))  # of the filters
    assert from_torch(held, torch.ones(2, 5, 4, 6)).operators == ()


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_layer_that_runs_before_two_norms_has_two_weights(tracer):
    torch.manual_seed(0)
    heads = Calls(
        lambda m, x: (m.a(m.conv(x)), m.b(m.conv(x * 2))), conv=nn.Conv2d(5, 4, 1, bias=False), a=norm(4), b=norm(4)
    )
    heads.b.weight.data *= torch.tensor([1.0, 2.0, 3.0, 0.5])
    found = from_torch(heads, torch.ones(1, 5, 4, 4), values="weights", per_channel=True, trace_by=tracer)
    assert [(t.name, t.repeat) for t in found] == [("conv", 1), ("conv#2", 1)]
    one, two = (np.asarray(found.provenance["codes"][t.name]["weight"]["scale"]) for t in found)
    np.testing.assert_allclose(two / one, [1, 2, 3, 0.5], rtol=1e-5)

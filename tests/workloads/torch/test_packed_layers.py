"""Layers that torch.ao packed: MACs of the float model, and the very integers that torch holds."""

import numpy as np
import pytest
import torch
import torch.ao.quantization as ao
from torch import nn

from accelsim.errors import TraceError
from tests.workloads.torch_examples import Calls, inputs_of
from workloads.torch.importer import from_torch

pytestmark = pytest.mark.filterwarnings("ignore")


class Static(nn.Module):
    """Quantized between a stub and its end, with a float head."""

    def __init__(self, *layers):
        super().__init__()
        self.into, self.body, self.out = ao.QuantStub(), nn.Sequential(*layers), ao.DeQuantStub()

    def forward(self, x):
        return self.out(self.body(self.into(x)))


def converted(model, x):
    torch.manual_seed(0)
    model.eval().qconfig = ao.get_default_qconfig("fbgemm")
    prepared = ao.prepare(model)
    prepared(x)
    return ao.convert(prepared)


def codes(tensor):
    """Integers less the zero point, from what torch says that they stand for."""
    if tensor.qscheme() == torch.per_tensor_affine:
        return torch.round(tensor.dequantize() / tensor.q_scale()).int().numpy()
    scale = tensor.q_per_channel_scales().reshape(-1, *[1] * (tensor.dim() - 1))
    return torch.round(tensor.dequantize() / scale).int().numpy()


def test_a_dynamic_linear_layer_keeps_its_integers():
    model = ao.quantize_dynamic(nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3)), {nn.Linear})
    (x,) = inputs_of([(2, 12)])
    found = from_torch(model, x, values="weights", weight_bits=4)  # the stored ones have eight whatever is asked for
    assert [(t.name, t.M, t.N, t.K, t.weight_bits) for t in found] == [("1", 2, 5, 12, 8), ("3", 2, 3, 5, 8)]
    np.testing.assert_array_equal(found["1"].weight, codes(model[1].weight()))
    assert found.provenance["codes"]["1"]["weight"] == {"stored": True, "bits": 8}
    assert found.not_simulated == ()


@pytest.mark.parametrize("axes", [1, 2])
def test_a_static_convolution_computes_what_torch_computes(axes):
    """The integers, times both scales, are torch's output within the rounding of its own scale."""
    kind = {1: nn.Conv1d, 2: nn.Conv2d}[axes]
    (x,) = inputs_of([(2, 6, 9, 8)[: axes + 2]])
    model = converted(Static(kind(6, 4, 3, padding=1, bias=False), nn.ReLU()), x)
    found = from_torch(model, x, values="activations")
    trace = found["body.0"]
    np.testing.assert_array_equal(trace.weight, codes(model.body[0].weight()).reshape(4, -1))
    read = model.into(x)
    sums = trace.activation.astype(np.int64) @ trace.weight.astype(np.int64).T
    scales = read.q_scale() * model.body[0].weight().q_per_channel_scales().numpy()
    expected = model.body[0](read)
    rows = expected.dequantize().movedim(1, -1).reshape(trace.M, 4).numpy()
    inside = (expected.int_repr().movedim(1, -1).reshape(trace.M, 4).numpy() % 255) != 0  # not cut at an end
    assert np.abs(sums * scales - rows)[inside].max() <= expected.q_scale()
    assert [o.op for o in found.operators] == ["quantize", "relu"]


def test_what_is_fused_behind_a_packed_layer_is_an_operator():
    (x,) = inputs_of([(2, 6, 9, 8)])
    model = Static(nn.Conv2d(6, 4, 3), nn.ReLU()).eval()
    model = converted(ao.fuse_modules(model, [["body.0", "body.1"]]), x)
    found = from_torch(model, x)
    assert [(t.name, t.macs) for t in found] == [("body.0", 2 * 7 * 6 * 4 * 54)]
    assert [o.op for o in found.operators] == ["quantize", "relu"]


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3)])
def test_a_dynamic_recurrent_layer_is_all_there(kind, gates):
    torch.manual_seed(0)
    model = ao.quantize_dynamic(Calls(lambda m, x: m.rnn(x)[0], rnn=kind(12, 5, 2, bidirectional=True)), {kind})
    found = from_torch(model, inputs_of([(7, 2, 12)])[0], values="activations")
    steps = 7 * 2 * gates * 5
    assert found.macs == 2 * steps * (12 + 5) + 2 * steps * (10 + 5)
    held = model.rnn.get_weight()["weight_hh_l1_reverse"]
    np.testing.assert_array_equal(found["rnn.l1.reverse.hidden"].weight, codes(held))


def test_torch_export_says_why_it_does_not_follow_packed_layers():
    model = ao.quantize_dynamic(nn.Sequential(nn.Linear(12, 5)), {nn.Linear})
    (x,) = inputs_of([(2, 12)])
    assert "PackedParams" in from_torch(model, x).provenance["export_failed"]
    with pytest.raises(TraceError, match="PackedParams"):
        from_torch(model, x, trace_by="torch.export")


def test_a_packed_table_is_an_embedding():
    model = nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 3)).eval()
    model[0].qconfig = ao.float_qparams_weight_only_qconfig
    found = from_torch(ao.convert(ao.prepare(model)), torch.randint(0, 10, (2, 5)))
    assert [(o.op, o.inputs, o.parameters) for o in found.operators] == [("embedding", 10, 80)]
    assert [(t.name, t.macs) for t in found] == [("1", 10 * 24)]


def test_observers_and_fake_quantizers_are_no_matrix_work():
    (x,) = inputs_of([(2, 6, 9, 8)])
    model = Static(nn.Conv2d(6, 4, 3)).train()
    model.qconfig = ao.get_default_qat_qconfig("fbgemm")
    trained = ao.prepare_qat(model)
    trained(x)
    found = from_torch(trained.eval(), x)
    assert [(t.name, t.macs) for t in found] == [("body.0", 2 * 7 * 6 * 4 * 54)]
    assert {o.op for o in found.operators} == {"quantize"}
    watched = Static(nn.Conv2d(6, 4, 3)).eval()
    watched.qconfig = ao.get_default_qconfig("fbgemm")
    assert from_torch(ao.prepare(watched), x, trace_by="hooks").macs == found.macs

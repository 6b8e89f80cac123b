"""torch models as workloads: every operator, both tracers, MACs as torch counts them, real integers."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

import workloads
from accelsim import simulate
from accelsim.errors import ConfigError, TraceError
from compress.lowering import FREE, LOWERINGS
from explore.cli import app
from tests.workloads.torch_examples import IMAGE, MODULES, SEQUENCE, TRACERS, Calls, inputs_of
from workloads.shapes import FOLDER, example, traced
from workloads.torch.importer import from_torch


def counted(model: nn.Module, *inputs: torch.Tensor) -> int:
    """MACs as torch's own counter sees them, on the meta device, where torch takes every layer apart."""
    model = copy.deepcopy(model).eval().to("meta")
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*(tensor.to("meta") for tensor in inputs))
    torch.backends.mha.set_fastpath_enabled(before)
    return counter.get_total_flops() // 2


def macs_of_stacked(workload):
    return [(t.name, t.kind, t.macs) for t in workload]


@pytest.mark.parametrize("name", MODULES)
def test_macs_are_those_that_torch_counts_and_both_tracers_agree(name):
    model, shapes, names = MODULES[name]
    inputs = inputs_of(shapes)
    found = [from_torch(model, inputs, trace_by=tracer) for tracer in TRACERS]
    assert [t.name for t in found[0]] == names
    assert found[0].macs == counted(model, *inputs) > 0
    assert macs_of_stacked(found[0]) == macs_of_stacked(found[1])
    assert [w.provenance["traced_by"] for w in found] == list(TRACERS)
    assert found[0].provenance["not_lowered"] == []


SLOW = {"densenet121", *(name for name in workloads.list_models() if name.startswith("lstm"))}  # torch takes seconds
QUICK = sorted(set(workloads.list_models()) - SLOW)


def empty(name):
    with torch.device("meta"):
        return workloads.model(name), example(name)


@pytest.mark.parametrize("name", QUICK)
def test_macs_of_the_zoo_are_those_that_torch_counts(name):
    assert workloads.load(name).macs == counted(*empty(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SLOW))
def test_macs_of_the_zoos_other_networks_are_those_that_torch_counts(name):
    assert workloads.load(name).macs == counted(*empty(name))


@pytest.mark.parametrize("name", QUICK)
def test_shipped_shapes_are_those_of_the_model(name):
    assert (FOLDER / f"{name}.json").read_text() == traced(name, "hooks"), "run `make shapes`"


@pytest.mark.slow
@pytest.mark.parametrize("name", workloads.list_models())
def test_shipped_shapes_are_those_of_the_model_by_either_tracer(name):
    shipped = (FOLDER / f"{name}.json").read_text()
    assert [traced(name, tracer) == shipped for tracer in TRACERS] == [True, True], "run `make shapes`"


# real integers


def exact(trace):
    """O of a trace by its integers, (M, groups·N) of the first run, in int64."""
    weight, rows = trace.weight.astype(np.int64), trace.activation.astype(np.int64)[: trace.M]
    parts = [
        rows[:, g * trace.K : (g + 1) * trace.K] @ weight[g * trace.N : (g + 1) * trace.N].T
        for g in range(trace.groups)
    ]
    return np.concatenate(parts, axis=1)


def real(trace, codes, second="weight"):
    """The same in real numbers, by the scales that the provenance holds."""
    code = codes[trace.name]
    return exact(trace) * code["activation"]["scale"] * np.asarray(code[second]["scale"])


SINGLE = ("conv1d", "conv2d", "depthwise", "grouped", "dilated", "linear")


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("name", SINGLE)
def test_integers_give_the_layers_output(name, per_channel):
    """GEMM of the integers, times the scales, is the layer's output within the rounding of 12 bits."""
    model, shapes, _ = MODULES[name]
    inputs = inputs_of(shapes)
    settings = {"weight_bits": 12, "activation_bits": 12, "per_channel": per_channel}
    found = from_torch(model, inputs, values="activations", **settings)
    trace = found.traces[0]
    with torch.no_grad():
        expected = model(*inputs)
        if model.bias is not None:
            expected = expected - model.bias.reshape(-1, *[1] * (0 if name == "linear" else len(shapes[0]) - 2))
    rows = expected if name == "linear" else expected.movedim(1, -1)
    np.testing.assert_allclose(
        real(trace, found.provenance["codes"]), rows.reshape(trace.M, -1).numpy(), atol=4e-3 * expected.abs().max()
    )


def test_integers_of_a_transposed_convolution_add_up_to_its_output():
    model = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False)
    x = inputs_of([(2, 4, 5, 4)])[0]
    found = from_torch(model, x, values="activations", weight_bits=12, activation_bits=12)
    products = torch.from_numpy(real(found.traces[0], found.provenance["codes"])).reshape(2, 5 * 4, 6 * 9)
    with torch.no_grad():
        expected = model(x)
    summed = functional.fold(products.transpose(1, 2).double(), expected.shape[2:], 3, padding=1, stride=2)
    torch.testing.assert_close(summed, expected.double(), atol=1e-3, rtol=1e-2)
    assert [(o.op, o.after, o.inputs) for o in found.operators] == [("add", "layer", products.numel())]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_each_step_of_a_recurrent_layer_reads_the_state_before_it(kind):
    torch.manual_seed(0)
    model = kind(12, 5, 2, bidirectional=True, batch_first=True)
    x = inputs_of([SEQUENCE])[0]
    found = from_torch(model, x, values="activations", activation_bits=12)
    codes = found.provenance["codes"]
    with torch.no_grad():
        states, _ = model(x)  # (B, steps, 2·hidden) of the last layer
    for name, own in (("layer.l1.hidden", states[:, :, :5]), ("layer.l1.reverse.hidden", states[:, :, 5:].flip(1))):
        trace = found[name]
        assert (trace.M, trace.K, trace.repeat) == (2, 5, 7)
        read = trace.activation.reshape(7, 2, 5) * codes[name]["activation"]["scale"]
        assert not read[0].any()
        np.testing.assert_allclose(read[1:], own.transpose(0, 1)[:-1], atol=1e-3)


@pytest.mark.parametrize("tracer", TRACERS)
def test_products_of_attention_hold_both_activations(tracer):
    torch.manual_seed(0)
    model = Calls(lambda m, q, k, v: functional.scaled_dot_product_attention(q, k, v))
    q, k, v = inputs_of([(2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7)])
    found = from_torch(model, (q, k, v), values="activations", activation_bits=12, weight_bits=12, trace_by=tracer)
    scores, context = found.traces
    assert [(t.groups, t.M, t.N, t.K) for t in found] == [(6, 5, 6, 4), (6, 5, 7, 6)]
    codes = found.provenance["codes"]
    shares = (q @ k.transpose(2, 3) / 2).softmax(-1)
    for trace, expected in ((scores, q @ k.transpose(2, 3)), (context, shares @ v)):
        rows = expected.flatten(0, 1).transpose(0, 1).reshape(trace.M, -1)
        np.testing.assert_allclose(real(trace, codes, "second activation"), rows, atol=5e-3)
    assert [o.op for o in found.operators][-1] == "softmax"


def test_a_batch_norm_is_folded_into_the_layer_before_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(6, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4))
    for norm in (model[1], model[3]):
        nn.init.uniform_(norm.weight, -1, 1)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    x = inputs_of([IMAGE])[0]
    found = from_torch(model, x, values="activations", weight_bits=12, activation_bits=12)
    with torch.no_grad():
        norm = model.eval()[1]
        expected = (
            model[:2](x)
            - (norm.bias - norm.running_mean * norm.weight / (norm.running_var + norm.eps).sqrt())[:, None, None]
        )
    rows = expected.movedim(1, -1).reshape(-1, 4).numpy()
    np.testing.assert_allclose(real(found.traces[0], found.provenance["codes"]), rows, atol=1e-2)
    assert [(o.name, o.op, o.fused) for o in found.operators] == [("2", "relu", True), ("3", "batch_norm", True)]


def test_a_batch_norm_of_a_shared_output_is_not_folded():
    model = Calls(lambda m, x: m.norm(m.conv(x)) + m.conv(x), conv=nn.Conv2d(6, 6, 1), norm=nn.BatchNorm2d(6))
    both = Calls(lambda m, x: (lambda y: m.norm(y) + y)(m.conv(x)), conv=nn.Conv2d(6, 6, 1), norm=nn.BatchNorm2d(6))
    x = inputs_of([IMAGE])[0]
    assert [o.op for o in from_torch(both, x).operators] == ["batch_norm", "add"]
    assert not from_torch(both, x).operators[0].fused
    assert [(t.name, t.repeat) for t in from_torch(model, x)] == [("conv", 1), ("conv#2", 1)]


def test_bits_of_single_layers_and_assumed_densities():
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))
    settings = {"weight_bits": {"0": 4}, "activation_bits": {"2": 6}}
    found = from_torch(model, inputs_of([SEQUENCE])[0], values="weights", density={"2": 0.5}, **settings)
    assert [(t.weight_bits, t.activation_bits) for t in found] == [(4, 8), (8, 6)]
    assert np.abs(found["0"].weight).max() == 7
    assert np.count_nonzero(found["0"].activation) == found["0"].activation.size
    assert 0.3 < np.count_nonzero(found["2"].activation) / found["2"].activation.size < 0.7
    assert found.provenance["assumed"] == {"activation_density": {"2": 0.5}}


def test_activations_that_are_never_negative_use_every_code_and_data_widens_it():
    model = nn.Sequential(nn.ReLU(), nn.Linear(12, 4))
    x = inputs_of([SEQUENCE])[0]
    one = from_torch(model, x, values="activations")
    two = from_torch(model, x, values="activations", data=[x * 4, x])
    assert (one["1"].activation.min(), one["1"].activation.max()) == (0, 255)
    assert two["1"].activation.max() == 64
    assert two.provenance["codes"]["1"]["activation"]["zero_point"] == 0
    assert two.provenance["activation_ranges"] == "data and example"


# what else a model does


OPERATORS = {  # a function of (2, 6, 9, 8) behind a convolution -> (op, outputs, lane operations, fused)
    "relu6": (functional.relu6, "relu6", 864, 2 * 864, True),
    "sigmoid": (torch.sigmoid, "sigmoid", 864, 2 * 864, True),
    "hardswish": (functional.hardswish, "hard_swish", 864, 5 * 864, True),
    "max_pool": (lambda x: functional.max_pool2d(x, 3, 2), "max_pool", 2 * 6 * 4 * 3, 9 * 144, True),
    "avg_pool": (lambda x: functional.avg_pool2d(x, 2), "avg_pool", 2 * 6 * 4 * 4, 5 * 192, True),
    "global": (lambda x: functional.adaptive_avg_pool2d(x, 1), "global_avg_pool", 12, 73 * 12, True),
    "mean": (lambda x: x.mean((2, 3)), "global_avg_pool", 12, 73 * 12, True),
    "softmax": (lambda x: x.softmax(1), "softmax", 864, 6 * 864 + 2 * 144, False),
    "group_norm": (lambda x: functional.group_norm(x, 3), "group_norm", 864, 7 * 864 + 5 * 6, False),
    "twice": (lambda x: x * x, "mul", 864, 864, False),
    "scale": (lambda x: x * 3, "scale", 864, 864, True),
    "exp": (torch.exp, "exp", 864, 2 * 864, True),
    "nearest": (lambda x: functional.interpolate(x, scale_factor=2), "upsample", 4 * 864, 4 * 864, False),
    "bilinear": (
        lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"), "upsample", 4 * 864, 7 * 4 * 864, False
    ),
    "pad": (lambda x: functional.pad(x, (1, 1)), "pad", 864 * 10 // 8, 1080, False),
}  # fmt: skip


@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_and_their_work(name, tracer):
    function, op, outputs, work, fused = OPERATORS[name]
    model = Calls(lambda m, x: function(m.conv(x)).flatten(1), conv=nn.Conv2d(6, 6, 1))
    (found,) = from_torch(model, inputs_of([IMAGE])[0], trace_by=tracer).operators
    assert (found.op, found.after, found.outputs, found.work, found.fused) == (op, "conv", outputs, work, fused)


def test_what_joins_branches_reads_them_all():
    model = Calls(lambda m, x: torch.cat([m.conv(x) - x, x], 1), conv=nn.Conv2d(6, 6, 1))
    sub, concat = from_torch(model, inputs_of([IMAGE])[0]).operators
    assert (sub.op, sub.inputs, sub.outputs, sub.fused) == ("sub", 2 * 864, 864, False)
    assert (concat.op, concat.after, concat.work) == ("concat", "sub", 0)


def test_an_embedding_reads_a_row_for_each_index():
    model = nn.Sequential(nn.Embedding(10, 6), nn.Linear(6, 2))
    found = from_torch(model, torch.randint(0, 10, (2, 7)))
    (operator,) = found.operators
    assert (operator.op, operator.after, operator.inputs, operator.parameters) == ("embedding", "", 14, 84)


def test_a_larger_batch_scales_operators_and_the_stacks_of_attention():
    one, four = (workloads.load("transformer_encoder", batch=n) for n in (1, 4))
    assert four.macs == 4 * one.macs
    scores = next(t for t in one if t.kind == "attention").name
    assert (four[scores].groups, four[scores].M) == (4 * one[scores].groups, one[scores].M)


@pytest.mark.parametrize("tracer", TRACERS)
def test_an_operation_that_nobody_knows_is_named(tracer):
    model = Calls(lambda m, x: torch.cumsum(m.part(x), 1), part=nn.Sequential(nn.Linear(12, 3)))
    found = from_torch(model, inputs_of([SEQUENCE])[0], trace_by=tracer)
    assert found.provenance["not_lowered"] == ["cumsum at the model"]


def test_the_command_line_says_what_is_not_simulated_and_what_is_assumed(tmp_path):
    model = Calls(lambda m, x: torch.cumsum(m.part(x), 1), part=nn.Sequential(nn.Linear(12, 3)))
    from_torch(model, inputs_of([SEQUENCE])[0], values="weights", density=0.5).save(tmp_path / "w.npz")
    told = CliRunner().invoke(app, ["run", str(tmp_path / "w.npz"), "--hw", "dense/os-32x32"]).stdout
    assert "not simulated: cumsum at the model\nassumed: activation_density 0.5" in told


def test_no_operation_is_both_free_and_lowered():
    assert not FREE & LOWERINGS.keys()


def depends_on_data(model, x):
    return model.a(x) if x.sum() > 0 else model.b(x)


def test_control_flow_on_data_is_traced_by_hooks():
    model = Calls(depends_on_data, a=nn.Linear(12, 3), b=nn.Linear(12, 4))
    x = torch.ones(SEQUENCE)
    found = from_torch(model, x, values="activations")
    assert [t.name for t in found] == ["a"]
    assert found.provenance["traced_by"] == "hooks"
    assert found.provenance["export_failed"]
    assert [t.name for t in from_torch(model, -x)] == ["b"]
    with pytest.raises(TraceError, match=r"torch\.export"):
        from_torch(model, x, trace_by="torch.export")
    with pytest.raises(TraceError, match="does not run for the example"):
        from_torch(Calls(lambda m, x: m.b(m.a(x)) if x.sum() > 0 else m.a(x), a=nn.Linear(12, 12), b=nn.Linear(12, 3)),
                   -x, values="activations", data=[x])  # fmt: skip


@pytest.mark.parametrize(
    ("model", "shape", "says"),
    [
        (nn.Sequential(nn.Linear(4, 4), nn.Bilinear(4, 4, 2)), (2, 4), "does not run on the example input: TypeError"),
        (Calls(lambda m, x: m.pair(x, x), pair=nn.Bilinear(4, 4, 2)), (2, 4), "'pair' runs bilinear"),
        (nn.Sequential(nn.ReLU()), (1, 4), "no convolution and no matrix product"),
        (nn.Linear(4, 4), (1, 5), "does not run"),
    ],
)
def test_what_cannot_be_lowered_is_named(model, shape, says):
    for tracer in (None, "hooks"):
        with pytest.raises(TraceError, match=says) as caught:
            from_torch(model, torch.zeros(shape), trace_by=tracer)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"values": "all"}, "values"),
        ({"trace_by": "magic"}, "trace_by"),
        ({"values": "weights", "weight_bits": 1}, "weight_bits is 1"),
        ({"values": "weights", "activation_bits": {"layer": 99}}, "activation_bits is 99"),
        ({"values": "weights", "density": 1.5}, "density is 1.5"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, says):
    with pytest.raises(ConfigError, match=says):
        from_torch(nn.Linear(4, 4), torch.zeros(1, 4), **settings)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(TraceError, match=r"input of layer 'layer'.*NaN"):
        from_torch(nn.Linear(4, 4), torch.full((1, 4), torch.nan), values="activations")
    with pytest.raises(TraceError, match="data of shape"):
        from_torch(nn.Linear(4, 4), torch.ones(1, 4), values="activations", data=[torch.ones(2, 4)])


@pytest.mark.parametrize("tracer", TRACERS)
def test_the_model_is_left_as_it_was(tracer):
    model = nn.Sequential(nn.Linear(12, 12), nn.LSTM(12, 3), nn.Identity())
    model.train()
    model[2].eval()
    x = inputs_of([SEQUENCE])[0]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    from_torch(model, x, values="activations", trace_by=tracer)
    assert [m.training for m in model] == [True, True, False]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    model(x)[0].sum().backward()


VOLUMES = {
    "strided, grouped, dilated": (
        nn.Conv3d(4, 6, (3, 2, 3), stride=(2, 1, 2), padding=(1, 0, 2), dilation=(1, 2, 1), groups=2, bias=False),
        (2, 4, 7, 8, 9),
    ),
    "same padding, no batch": (nn.Conv3d(2, 3, 3, padding="same", bias=False), (2, 5, 6, 7)),
}


@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("name", VOLUMES)
def test_convolutions_over_three_axes_are_what_torch_computes(name, tracer):
    layer, shape = VOLUMES[name]
    (volume,) = inputs_of([shape])
    network = from_torch(layer, volume, values="activations", trace_by=tracer)
    (trace,) = network.traces
    scales = network.provenance["codes"][trace.name]
    ints, weight = (
        (tensor.detach().double() / scales[side]["scale"]).round().clamp(-128, 127)
        for tensor, side in ((volume, "activation"), (layer.weight, "weight"))
    )
    sums = nn.functional.conv3d(ints, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    expected = sums.reshape(-1, *sums.shape[-4:]).permute(0, 2, 3, 4, 1).reshape(-1, layer.out_channels)
    report = simulate(network, "dense/os-16x16", verify=True)
    np.testing.assert_array_equal(report.outputs[trace.name], expected.numpy())
    assert network.macs == expected.numel() * layer.weight[0].numel()


def test_transposed_convolutions_over_three_axes_multiply_every_pixel_with_every_tap():
    layer = nn.ConvTranspose3d(4, 6, 2, stride=2, groups=2)
    (trace,) = from_torch(layer, torch.zeros(2, 4, 3, 4, 5)).traces
    assert (trace.M, trace.N, trace.K, trace.groups) == (2 * 3 * 4 * 5, 3 * 8, 2, 2)

"""A checkpoint holds all that a network does: every kind of layer, operators, who reads whom, and what was left out."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

import compress
import workloads
from accelsim import Workload, ppr, simulate
from accelsim.errors import CompressionError, FileFormatError
from accelsim.trace.not_simulated import NotSimulated
from compress.quantizers.codes import LayerCode
from tests.compress.networks import Cnn, images, made
from tests.workloads.torch_examples import MODULES, Calls, inputs_of

SHAPE = ("name", "M", "N", "K", "groups", "kind", "conv", "repeat", "dense_shape", "operation")


def saved(folder, model, example, **settings):
    """The workload and the checkpoint of a model that was saved."""
    compress.save(folder / "net", model, example_input=example, **settings)
    return workloads.from_checkpoint(folder / "net"), compress.read(folder / "net")


def shapes(network):
    return [tuple(getattr(trace, key) for key in SHAPE) for trace in network]


def assert_equal(network, expected):
    assert shapes(network) == shapes(expected)
    assert network.operators == expected.operators
    assert network.graph == expected.graph


def drawn(*shape):
    return inputs_of([shape])[0]


@pytest.mark.parametrize("name", MODULES)
def test_every_kind_of_layer_is_saved_as_it_is_imported(name, tmp_path):
    model, given, names = MODULES[name]
    inputs = inputs_of(given)
    network, _ = saved(tmp_path, model, inputs)
    assert [trace.name for trace in network] == names
    assert_equal(network, workloads.from_torch(model, inputs))
    assert all(trace.has_values for trace in network)
    simulate(network, "dense/os-16x16", verify=True)


class Speech(nn.Module):
    """A word's id, a recurrent layer over its sounds and a decoder that makes a signal of them."""

    def __init__(self) -> None:
        super().__init__()
        self.sounds, self.words = nn.Conv1d(3, 8, 5), nn.Embedding(10, 8)
        self.steps, self.up = nn.LSTM(8, 6, batch_first=True), nn.ConvTranspose1d(6, 2, 4, 2)

    def forward(self, signal, word):
        sounds = functional.relu(self.sounds(signal)).transpose(1, 2) + self.words(word).unsqueeze(1)
        return self.up(self.steps(sounds)[0].transpose(1, 2))


def test_an_uncompressed_network_is_no_faster_after_a_save(tmp_path):
    model, example = Speech().eval(), (drawn(1, 3, 12), torch.tensor([4]))
    network, _ = saved(tmp_path, model, example)
    by_hand = 8 * 8 * 15 + 8 * (24 * 8 + 24 * 6) + 8 * 6 * 8  # conv1d, LSTM over 8 steps, transposed conv
    assert network.macs == by_hand
    before = workloads.from_torch(model, example)
    assert_equal(network, before)
    assert [operator.op for operator in network.operators] == ["relu", "embedding", "add", "lstm_cell", "add"]
    reports = [simulate(workload, "dense/os-16x16") for workload in (before, network)]
    assert reports[0].cycles == reports[1].cycles
    assert ppr(*reports).beta == ppr(*reports).alpha == 1


def test_fusion_and_residency_are_those_of_the_imported_network(tmp_path):
    network, _ = saved(tmp_path, made(Cnn), images(2))
    imported = workloads.from_torch(made(Cnn), images(2), values="activations")
    machine = {
        "name": "kept",
        "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"},
        "buffers": {"ifmap_kib": 16, "filter_kib": 16, "ofmap_kib": 16, "keep_on_chip": True},
        "dram": {"model": "bandwidth", "gbps": 2.0, "latency_cycles": 20},
        "vector": {"lanes": 4},
    }
    ours, theirs = simulate(network, machine), simulate(imported, machine)
    columns = ["name", "kind", "cycles", "dram_ifmap_bytes", "dram_ofmap_bytes"]
    assert ours.layers[columns].equals(theirs.layers[columns])
    alone = simulate(Workload("layers", network.traces), machine)
    assert ours.cycles != alone.cycles


class Standardized(nn.Conv2d):
    """Weight standardization: each filter is shifted to mean 0 and scaled to variance 1 before it is used."""

    def standard(self):
        spread, mean = torch.std_mean(self.weight, (1, 2, 3), keepdim=True)
        return (self.weight - mean) / spread

    def forward(self, x):
        return functional.conv2d(x, self.standard(), self.bias)


def test_a_subclass_is_saved_with_what_it_computes_with(tmp_path):
    torch.manual_seed(0)
    layer = Standardized(2, 3, 3)
    _, checkpoint = saved(tmp_path, nn.Sequential(layer), drawn(1, 2, 8, 8))
    (only,) = checkpoint.layers
    np.testing.assert_allclose(only.decoded(), layer.standard().detach().flatten(1), atol=only.weight_scale)
    assert np.abs(only.decoded()).max() > 2 * float(layer.weight.detach().abs().max())


@pytest.mark.parametrize(
    ("norm", "raw"),
    [
        (parametrizations.weight_norm, "0.parametrizations.weight.original0"),
        (parametrizations.spectral_norm, "0.parametrizations.weight.original"),
        (nn.utils.weight_norm, "0.weight_g"),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # the older weight norm, which models out there still have
def test_norms_of_weights_are_worked_in_and_the_model_stays(norm, raw, tmp_path):
    torch.manual_seed(0)
    model, x = nn.Sequential(norm(nn.Linear(6, 5, bias=False))).eval(), drawn(2, 6)
    with torch.no_grad():  # so that the raw parameter is not the weight
        dict(model.named_parameters())[raw].mul_(3)
    keys = list(model.state_dict())
    _, checkpoint = saved(tmp_path, model, x)
    (layer,) = checkpoint.layers
    weight = model(torch.eye(6)).detach().T  # what it computes with
    np.testing.assert_allclose(layer.decoded(), weight, atol=layer.weight_scale / 2 + 1e-6)
    assert list(model.state_dict()) == keys


def test_masks_that_are_still_on_prune(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5), nn.ReLU(), nn.Linear(5, 2))
    prune.l1_unstructured(model[0], "weight", amount=18)
    prune.ln_structured(model[3], "weight", amount=2, n=2, dim=0)
    network, _ = saved(tmp_path, model, drawn(1, 1, 8, 8))
    assert [trace.pruned for trace in network] == [True, True, False]
    assert np.count_nonzero(network["0"].weight) <= 18
    assert np.count_nonzero(network["3"].weight.any(axis=1)) == 3
    assert prune.is_pruned(model)
    model(drawn(1, 1, 8, 8))


def test_a_recurrent_layer_under_a_mask_is_pruned(tmp_path):
    torch.manual_seed(0)
    model = nn.LSTM(4, 5, batch_first=True)
    prune.l1_unstructured(model, "weight_hh_l0", amount=60)
    network, checkpoint = saved(tmp_path, model, drawn(1, 3, 4))
    assert [(trace.name, trace.pruned) for trace in network] == [("layer.input", False), ("layer.hidden", True)]
    assert np.count_nonzero(network["layer.hidden"].weight) <= 40
    np.testing.assert_array_equal(checkpoint.layers[0].bias, model.bias_ih_l0.detach())


def test_layers_that_share_a_weight_keep_the_integers_of_each_size(tmp_path):
    torch.manual_seed(0)
    model = Calls(lambda m, x: m.c(functional.max_pool2d(m.c(m.c(x)), 2)), c=nn.Conv2d(3, 3, 3, padding=1)).eval()
    x = drawn(1, 3, 8, 8)
    network, checkpoint = saved(tmp_path, model, x)
    assert [(trace.name, trace.repeat) for trace in network] == [("c", 2), ("c#2", 1)]
    assert_equal(network, workloads.from_torch(model, x))
    first, second = checkpoint.layers
    np.testing.assert_allclose(network["c"].ifmap * first.activation_scale, x, atol=first.activation_scale / 2)
    with torch.no_grad():
        halved = functional.max_pool2d(model.c(model.c(x)), 2)
    np.testing.assert_allclose(network["c#2"].ifmap * second.activation_scale, halved, atol=2 * second.activation_scale)


def test_steps_that_a_loop_takes_share_one_scale(tmp_path):
    def run(model, x):
        hidden = x.new_zeros(2, 4), x.new_zeros(2, 4)
        for step in range(5):
            hidden = model.cell(x[:, step] * (step + 1), hidden)
        return model.out(hidden[0])

    x = drawn(2, 5, 3)
    network, checkpoint = saved(tmp_path, Calls(run, cell=nn.LSTMCell(3, 4), out=nn.Linear(4, 2)), x)
    scale = checkpoint.layers[0].activation_scale
    expected = torch.cat([x[:, step] * (step + 1) for step in range(5)])
    np.testing.assert_allclose(network["cell.input"].activation * scale, expected, atol=scale / 2 + 1e-6)
    assert network["cell.input"].repeat == 5


@pytest.mark.parametrize("layer", [nn.Conv2d(2, 3, 3), nn.Linear(8, 4)])
def test_a_bare_layer_is_a_network(layer, tmp_path):
    network, checkpoint = saved(tmp_path, layer, drawn(1, 2, 8, 8))
    assert [trace.name for trace in network] == ["layer"]
    np.testing.assert_array_equal(checkpoint.layers[0].bias, layer.bias.detach())


def test_padding_that_is_not_zeros_is_written_into_the_ifmap(tmp_path):
    torch.manual_seed(0)
    layer, x = nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), drawn(1, 2, 6, 6)
    network, checkpoint = saved(tmp_path, nn.Sequential(layer), x)
    (trace,), scale = network.traces, checkpoint.layers[0].activation_scale
    np.testing.assert_allclose(trace.ifmap * scale, functional.pad(x, (1, 1, 1, 1), mode="circular"), atol=scale / 2)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_every_width_are_saved(kind, tmp_path):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).to(kind), drawn(2, 6).to(kind)
    network, _ = saved(tmp_path, model, x)
    assert_equal(network, workloads.from_torch(model, x))
    assert model[0].weight.dtype == kind


def test_a_network_that_makes_numbers_of_its_own_runs_on_integers_too(tmp_path):
    model = Calls(lambda m, x: m.b(m.a(x) @ torch.eye(4)), a=nn.Linear(4, 4), b=nn.Linear(4, 3))  # no float64 there
    network, _ = saved(tmp_path, model, drawn(2, 4))
    assert [trace.name for trace in network] == ["a", "matmul", "b"]
    assert not any(trace.pruned for trace in network)  # nobody trained the zeros of the identity


def bilinear():
    pair = nn.Bilinear(4, 4, 2)
    return Calls(lambda m, x: m.pair(m.fc(x), x), fc=nn.Linear(4, 4), pair=pair)


def test_matrix_work_without_a_lowering_is_refused_by_its_name(tmp_path):
    with pytest.raises(CompressionError, match=r"module 'pair' runs bilinear"):
        saved(tmp_path, bilinear(), drawn(3, 4))
    assert list(tmp_path.iterdir()) == []


def test_or_it_is_left_out_and_recorded(tmp_path):
    network, checkpoint = saved(tmp_path, bilinear(), drawn(3, 4), partial="allow")
    missing = (NotSimulated("pair", "bilinear", 3 * 2 * 4 * 4),)
    assert network.not_simulated == checkpoint.not_simulated == missing
    assert [trace.name for trace in network] == ["fc"]
    network.save(tmp_path / "w.npz")
    assert Workload.load(tmp_path / "w.npz").not_simulated == missing


class Given(compress.Compressor):
    """Saves the codes that it was given."""

    def __init__(self, model, codes):
        super().__init__(model)
        self.given = codes

    def harden(self):
        """Nothing to do."""

    def finalize(self):
        return self.model

    def codes(self, model):
        return self.given


def test_codes_of_other_layers_are_found_by_their_parameters_and_in_the_layers_arrangement(tmp_path):
    rng = np.random.default_rng(0)
    up = LayerCode(rng.integers(-3, 4, (3, 2, 2, 2)), 0.25, 3)
    gates = LayerCode(rng.integers(-1, 2, (20, 5)), 0.5, 2, "ternary")
    model = Calls(lambda m, x, y: (m.up(x), m.steps(y)), up=nn.ConvTranspose2d(3, 2, 2), steps=nn.LSTM(4, 5))
    method = Given(model, {"up": up, "steps.weight_hh_l0": gates})
    with torch.no_grad():
        model.up.weight.copy_(torch.from_numpy(up.decoded()))
        model.steps.weight_hh_l0.copy_(torch.from_numpy(gates.decoded()))
    network, _ = saved(tmp_path, model, (drawn(1, 3, 4, 4), drawn(2, 1, 4)), method=method)
    taps = up.ints.transpose(1, 2, 3, 0).reshape(8, 3)  # (filter, tap) by channel
    np.testing.assert_array_equal(network["up"].weight, taps)
    np.testing.assert_array_equal(network["steps.hidden"].weight, gates.ints)
    formats = {trace.name: (trace.weight_bits, trace.weight_coding) for trace in network}
    assert formats["up"] == (3, "uniform")
    assert formats["steps.hidden"] == (2, "ternary")
    assert formats["steps.input"] == (8, "uniform")
    assert not any(trace.pruned for trace in network)  # its zeros are levels


def edited(folder, edit):
    """The manifest of a saved network after `edit`."""
    compress.save(folder, made(Cnn), example_input=images(2))
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest))
    return folder


def as_version2(manifest):
    manifest["version"] = 2
    for key in ("operators", "graph", "not_simulated", "not_lowered"):
        del manifest[key]


def test_checkpoints_of_version_2_are_their_layers_alone(tmp_path):
    old = workloads.from_checkpoint(edited(tmp_path / "net", as_version2))
    assert [trace.name for trace in old] == ["conv1", "conv2", "fc1", "fc2"]
    assert old.operators == old.not_simulated == ()
    assert old.graph == {}


FAULTS = {
    "no operators": (lambda m: m.pop("operators"), "operators is None"),
    "an operator of no kind": (lambda m: m["operators"][0].update(op="magic"), "operator 0: op of operator"),
    "an operator after nobody": (lambda m: m["operators"][0].update(after="conv9"), "runs after 'conv9'"),
    "an operator with a layer's name": (lambda m: m["operators"][0].update(name="fc1"), "more than one layer"),
    "no graph": (lambda m: m.pop("graph"), "graph is None"),
    "a graph of texts": (lambda m: m["graph"].update(fc1="conv2"), "a list of names is expected"),
    "what was left out as a number": (lambda m: m.update(not_simulated=3), "not_simulated is 3"),
    "what was left out without a name": (lambda m: m.update(not_simulated=[{}]), "not_simulated 0: name is missing"),
    "negative MACs": (
        lambda m: m.update(not_simulated=[{"name": "a", "operation": "b", "macs": -1}]),
        "macs is -1",
    ),
    "what has no operator as a number": (lambda m: m.update(not_lowered=[3]), "a list of texts"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_manifests_that_contradict_between_the_layers_are_refused(what, tmp_path):
    edit, message = FAULTS[what]
    with pytest.raises(FileFormatError, match=message) as raised:
        compress.read(edited(tmp_path / "net", edit))
    assert "\n" not in str(raised.value)


def test_inputs_that_are_never_negative_have_unsigned_codes(tmp_path):
    """Whether IntegerNetwork runs the layer (fc), or not (a product of two activations)."""

    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 6)

        def forward(self, x):
            y = self.fc(x.abs())
            return y @ x.abs()[:6]

    network, checkpoint = saved(tmp_path, Product(), drawn(8, 8))
    fc, product = network.traces
    assert (fc.activation.dtype, fc.activation_signed, fc.activation.max()) == (np.uint8, False, 255)
    assert (product.activation_signed, product.activation.min() < 0) == (True, True)
    assert (product.weight_signed, product.weight.max()) == (False, 255)
    assert [layer.trace.activation_signed for layer in checkpoint.layers] == [False, True]
    simulate(network, "dense/os-16x16", verify=True)


def test_steps_of_a_recurrent_layer_are_signed(tmp_path):
    network, _ = saved(tmp_path, nn.LSTM(4, 5), drawn(6, 2, 4).abs())
    assert all(trace.activation_signed and trace.activation.dtype == np.int8 for trace in network)


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_a_wrapped_model_is_saved_as_the_model_within(wrap, tmp_path):
    model, x = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4)).eval(), drawn(3, 8)
    network, _ = saved(tmp_path, wrap(model), x)
    assert_equal(network, workloads.from_torch(model, x))


@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_a_compressed_sparse_buffer_is_saved_as_a_weight(tmp_path):
    adjacency = torch.tensor([[1.0, 0, 0], [0, 0, 2], [0, 3, 0]])
    model = Calls(lambda m, x: m.adjacency @ m.fc(x), fc=nn.Linear(8, 6))
    model.register_buffer("adjacency", adjacency.to_sparse_csr())
    network, _ = saved(tmp_path, model, drawn(3, 8))
    np.testing.assert_array_equal(network["adjacency"].weight, np.rint(adjacency.numpy() / 3 * 127))
    assert network.macs == workloads.from_torch(model, drawn(3, 8)).macs


def test_a_model_that_writes_into_its_input_is_saved_with_the_numbers_of_one_run(tmp_path):
    def halved(m, x):
        m.runs.add_(1)
        return m.fc(x.mul_(0.5) * m.runs)

    model, x = Calls(halved, fc=nn.Linear(8, 6)), drawn(3, 8)
    model.register_buffer("runs", torch.zeros(1))
    _, checkpoint = saved(tmp_path, model, x)
    torch.testing.assert_close(x, drawn(3, 8))
    assert checkpoint.layers[0].activation_scale == pytest.approx(float(x.abs().max()) / 2 / 127)
    assert model.runs.item() == 0


def test_a_model_that_casts_to_half_precision_within_is_saved(tmp_path):
    def cast(m, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return m.last(m.fc(x).relu())

    model, x = Calls(cast, fc=nn.Linear(8, 6), last=nn.Linear(6, 4)), drawn(3, 8)
    network, _ = saved(tmp_path, model, x)
    assert_equal(network, workloads.from_torch(model, x))

"""The demo's low-bit networks on a budget of seconds: what is saved, on which arrays it runs, that seeds hold."""

import numpy as np
import pytest
import torch
from explore.demo.lowbit_networks import FAST, FULL, BinaryPlan, LowBitBudget, Pow2Plan, TernaryPlan, low_bit_tasks
from explore.demo.mixed_precision import BITS, TOLERANCE, LayerBits, MixedPrecision, least_bits
from explore.demo.network_training import EXAMPLE_IMAGES, Study

import accelsim
import compress
import workloads
from compress.quantizers.codes import ActivationCode
from compress.quantizers.integer import accuracy, calibrate_activations, integer_network
from workloads.datasets import Digits, digits
from workloads.models import model as zoo_model

TINY = LowBitBudget(
    Pow2Plan(portions=(0.5,), retrain_epochs=1),
    BinaryPlan(real_epochs=1, epochs=1),
    TernaryPlan(1, 1),
    search_digits=40,
)


@pytest.fixture(autouse=True)
def one_thread():
    """As in the demo: so small a network is no faster on several, and far slower where they are not free."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def few():
    whole = digits(0, fast=True)
    return Digits(whole.train_images[:320], whole.train_labels[:320], whole.test_images[:100], whole.test_labels[:100])


def trained(out, baseline, told=None):
    study = Study(few(), out, 0, TINY.epochs, None if told is None else lambda stage, done, of: told.append((done, of)))
    return [task() for task in low_bit_tasks(study, baseline, TINY)]


def test_all_networks_are_saved_with_their_codes_and_the_same_seed_repeats(tmp_path):
    torch.manual_seed(0)
    baseline, told = zoo_model("lenet5"), []
    before = {key: value.clone() for key, value in baseline.state_dict().items()}
    networks = trained(tmp_path / "a", baseline, told)
    assert told == [(i + 1, TINY.epochs) for i in range(TINY.epochs)]
    assert all(torch.equal(value, before[key]) for key, value in baseline.state_dict().items())
    assert [n.name for n in networks] == ["pow2", "binary", "ternary", "mixed"]
    saved = {n.name: compress.read(n.folder) for n in networks}
    codes = {name: [(x.weight_coding, x.weight_bits, x.activation_bits) for x in s.layers] for name, s in saved.items()}
    assert codes["pow2"] == [("pow2", 4, 8)] * 4
    assert codes["binary"] == [("uniform", 8, 8), ("binary", 1, 1), ("binary", 1, 1), ("uniform", 8, 8)]
    assert codes["ternary"] == [("ternary", 2, 8)] * 4
    assert all(c == "uniform" and BITS[0] <= min(w, a) <= max(w, a) <= BITS[1] for c, w, a in codes["mixed"])
    for network in networks:
        layers = saved[network.name].layers
        assert [layer.name for layer in layers] == ["conv1", "conv2", "fc1", "fc2"]
        assert sum(np.prod(layer.dense_shape[1:]) for layer in layers) == 430_500
        assert network.whole_rate == 430_500 / sum(np.count_nonzero(layer.weight) for layer in layers)
        assert saved[network.name].accuracy == network.accuracy
        assert len(layers[0].ifmap) == EXAMPLE_IMAGES
        assert set(network.epochs) == set(network.seconds)
    again = trained(tmp_path / "b", baseline)
    for one, other in zip(networks, again, strict=True):
        assert (one.folder / "model.safetensors").read_bytes() == (other.folder / "model.safetensors").read_bytes()


def test_they_run_on_their_arrays_exactly_and_match_the_baseline_by_layer(tmp_path):
    networks = {n.name: workloads.from_checkpoint(n.folder) for n in trained(tmp_path, zoo_model("lenet5"))}
    shift = accelsim.simulate(networks["pow2"], "lowbit/shift-16x16", verify=True)
    assert list(shift.layers["array"]) == ["shift"] * 4
    xnor = accelsim.simulate(networks["binary"], "lowbit/xnor-16x16x64", verify=True)
    assert list(xnor.layers["array"]) == ["systolic", "xnor", "xnor", "systolic"]
    ternary = accelsim.simulate(networks["ternary"], "lowbit/ternary-16x16", verify=True)
    assert list(ternary.layers["array"]) == ["ternary"] * 4
    bitserial = accelsim.simulate(networks["mixed"], "lowbit/bitserial-16x16x64", verify=True)
    assert list(bitserial.layers["array"]) == ["bitserial"] * 4
    batch = len(networks["binary"].traces[2].activation)
    dense = accelsim.simulate(workloads.load("lenet5", batch=batch), "dense/os-16x16")
    assert accelsim.ppr(dense, xnor).alpha == pytest.approx(1, rel=1e-3)  # a few 8-bit weights round to 0
    assert list(xnor.layers["name"]) == list(dense.layers["name"])


def test_budgets_fix_most_weights_before_the_last_step_and_train_the_binary_network_longest():
    for budget in (FULL, FAST):
        others = budget.ternary.epochs + budget.pow2.epochs
        assert budget.pow2.portions[-1] >= 0.75
        assert budget.binary.epochs > budget.pow2.epochs
        assert budget.epochs == others + budget.binary.real_epochs + budget.binary.epochs
    assert FULL.epochs > FAST.epochs


def test_bits_are_the_fewest_that_keep_the_accuracy():
    """A network whose answer is its largest input needs few bits in the layer that passes inputs on, many nowhere."""
    torch.manual_seed(0)
    first, last = torch.nn.Linear(8, 8, bias=False), torch.nn.Linear(8, 4, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.eye(8))
        last.weight.copy_(torch.randn(4, 8))
    model = torch.nn.Sequential(first, torch.nn.ReLU(), last)
    images = torch.rand(400, 8)
    labels = model(images).argmax(dim=1)
    activations = calibrate_activations(model, [images])
    bits = least_bits(model, {"0": 64, "2": 32}, activations, images, labels)
    assert bits["0"].weight == 2  # 0 and 1 are all that it holds
    assert bits["0"].activation > 2

    def reached(tried):
        return accuracy(integer_network(model, activations, MixedPrecision(model, tried, activations)), images, labels)

    whole = reached(dict.fromkeys(bits, LayerBits()))
    assert reached(bits) >= whole - TOLERANCE
    fewer = bits | {"0": LayerBits(2, bits["0"].activation - 1), "2": LayerBits()}
    assert reached(fewer) < whole - TOLERANCE / 2  # what its turn allowed


def test_fewer_bits_keep_the_range_of_the_inputs():
    method = MixedPrecision(
        torch.nn.Sequential(torch.nn.Linear(2, 2)), {"0": LayerBits(3, 4)}, {"0": ActivationCode(0.5, 8)}
    )
    code = method.activation_codes()["0"]
    assert (code.bits, code.scale * code.largest) == (4, pytest.approx(0.5 * 127))
    assert method.codes(method.model)["0"].bits == 3

"""The demo's low-bit networks on a budget of seconds: what is saved, on which arrays it runs, that seeds hold."""

import numpy as np
import pytest
import torch

import accelsim
import compress
import workloads
from explore.lowbit_networks import FAST, FULL, BinaryPlan, LowBitBudget, Pow2Plan, low_bit_tasks
from explore.network_training import EXAMPLE_IMAGES, Study
from workloads.datasets import Digits, digits
from workloads.models import model as zoo_model

TINY = LowBitBudget(Pow2Plan(portions=(0.5,), retrain_epochs=1), BinaryPlan(real_epochs=1, epochs=1))


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


def test_both_networks_are_saved_with_their_codes_and_the_same_seed_repeats(tmp_path):
    torch.manual_seed(0)
    baseline, told = zoo_model("lenet5"), []
    before = {key: value.clone() for key, value in baseline.state_dict().items()}
    networks = trained(tmp_path / "a", baseline, told)
    assert told == [(i + 1, TINY.epochs) for i in range(TINY.epochs)]
    assert all(torch.equal(value, before[key]) for key, value in baseline.state_dict().items())
    assert [n.name for n in networks] == ["pow2", "binary"]
    saved = {n.name: compress.read(n.folder) for n in networks}
    codes = {name: [(x.weight_coding, x.weight_bits, x.activation_bits) for x in s.layers] for name, s in saved.items()}
    assert codes["pow2"] == [("pow2", 4, 8)] * 4
    assert codes["binary"] == [("uniform", 8, 8), ("binary", 1, 1), ("binary", 1, 1), ("uniform", 8, 8)]
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
    batch = len(networks["binary"].traces[2].activation)
    dense = accelsim.simulate(workloads.load("lenet5", batch=batch), "dense/os-16x16")
    assert accelsim.ppr(dense, xnor).alpha == pytest.approx(1, rel=1e-3)  # a few 8-bit weights round to 0
    assert list(xnor.layers["name"]) == list(dense.layers["name"])


def test_budgets_fix_most_weights_before_the_last_step_and_train_the_binary_network_longest():
    for budget in (FULL, FAST):
        assert budget.pow2.portions[-1] >= 0.75
        assert budget.binary.epochs > budget.pow2.epochs
        assert budget.epochs == budget.pow2.epochs + budget.binary.real_epochs + budget.binary.epochs
    assert FULL.epochs > FAST.epochs

"""Every network of the zoo is in its checkpoint what the importer of torch models makes of it."""

import pytest
import torch

import compress
import workloads
from workloads.shapes import example

QUICK = ("lenet5", "lenet5_xnor", "resnet56", "squeezenet1_0", "transformer_encoder")
FIELDS = (
    *("name", "M", "N", "K", "groups", "kind", "conv", "repeat"),
    *("dense_shape", "dense_groups", "operation", "pruned"),
)


def shapes(network):
    return [tuple(getattr(trace, field) for field in FIELDS) for trace in network]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in workloads.list_models()]
)
def test_a_checkpoint_is_the_imported_network(name, tmp_path):
    torch.manual_seed(0)
    model, inputs = workloads.model(name).eval(), example(name)
    folder = compress.save(tmp_path / name, model, example_input=inputs)
    network, imported = workloads.from_checkpoint(folder), workloads.from_torch(model, inputs)
    assert network.macs == imported.macs
    assert shapes(network) == shapes(imported)
    assert network.operators == imported.operators
    assert network.graph == imported.graph
    assert network.not_simulated == ()
    assert network.provenance.get("not_lowered", []) == imported.provenance["not_lowered"]
    assert all(trace.has_values for trace in network)

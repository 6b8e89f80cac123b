"""Who reads whom: checked, saved with the workload, and of every network of the zoo known."""

from dataclasses import replace

import pytest

import accelsim
import workloads
from accelsim.errors import FileFormatError, TraceError
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import Operator
from accelsim.trace.workload import Workload

LAYERS = [GemmTrace(name, M=2, N=4, K=4) for name in ("a", "b", "c")]
ADD = Operator("sum", "add", "c", inputs=16, outputs=8, work=8)
GRAPH = {"a": [""], "b": ["a"], "c": ["a"], "sum": ["c", "b"], "": ["sum"]}


def test_a_graph_is_kept_in_the_layers_order_and_survives_save_load_and_replace(tmp_path):
    network = Workload("net", LAYERS, operators=[ADD], graph=GRAPH)
    assert network.graph["sum"] == ("b", "c")
    network.save(tmp_path / "net.npz")
    assert Workload.load(tmp_path / "net.npz").graph == network.graph
    assert replace(network, name="other").graph == network.graph


def test_a_file_without_a_graph_loads(tmp_path):
    Workload("net", LAYERS).save(tmp_path / "net.npz")
    assert Workload.load(tmp_path / "net.npz").graph == {}


def test_what_a_part_of_a_network_reads_from_the_rest_is_its_input():
    part = replace(Workload("net", LAYERS, operators=[ADD], graph=GRAPH), traces=LAYERS[1:], operators=())
    assert part.graph == {"b": ("",), "c": ("",), "": ("",)}


@pytest.mark.parametrize("graph", [{"a": "b"}, {"a": [1]}, ["a"]])
def test_what_is_no_graph_is_refused(graph):
    with pytest.raises(TraceError, match="graph of workload 'net'"):
        Workload("net", LAYERS, graph=graph)


@pytest.mark.parametrize("graph", [[], {"a": "b"}, {"a": [1]}])
def test_a_file_with_a_broken_graph_is_refused(graph):
    manifest, arrays = Workload("net", LAYERS).manifest()
    with pytest.raises(FileFormatError, match="file: graph"):
        Workload.from_manifest({**manifest, "graph": graph}, arrays, "file")


@pytest.mark.parametrize("name", workloads.list_models())
def test_the_graph_of_a_network_of_the_zoo_speaks_of_every_layer(name):
    network = workloads.load(name)
    names = {trace.name for trace in network.traces} | {operator.name for operator in network.operators}
    assert set(network.graph) == names | {""}
    assert all(network.graph[layer] for layer in network.graph)


def test_branches_of_the_zoo_are_followed():
    graph = workloads.load("resnet18").graph
    assert graph["layer2.0.downsample.0"] == graph["layer2.0.conv1"] == ("layer1.1.relu2",)
    assert set(graph["layer2.0.add"]) == {"layer2.0.conv2", "layer2.0.downsample.0"}
    dense = workloads.load("densenet121").graph
    first, second = "features.denseblock1.denselayer1", "features.denseblock1.denselayer2"
    assert set(dense[f"{second}.cat"]) == {f"{second}.conv2", f"{first}.cat"}
    assert len(workloads.load("googlenet").graph["inception3a.cat"]) == 4


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "transformer_encoder"])
def test_a_batch_is_known_and_counts(name):
    four = workloads.load(name, batch=4)
    assert (workloads.load(name).batch, four.batch) == (1, 4)
    report = accelsim.simulate(four, "dense/os-32x32")
    assert report.inferences_per_s * report.seconds == pytest.approx(4)

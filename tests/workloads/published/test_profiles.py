"""Published compressions of the zoo's networks: their figures, their sources, and what becomes of a workload."""

from pathlib import Path

import numpy as np
import pytest
import yaml

import accelsim
import workloads
from accelsim.errors import AccelSimError, ConfigError, FileFormatError, MissingFileError, UnknownNameError
from tests.places import ROOT
from workloads.published.files import load_profile

ALL = [(network, name) for network, names in workloads.profiles().items() for name in names]
DEEP = {  # table 3, 4 and 5 of Deep Compression: weights left a network, in percent
    "lenet5": 8,
    "alexnet": 11,
    "alexnet_caffe": 11,
    "vgg16": 7.5,
}
CONV_RATES = [  # of 001's tables VIII to XIV
    ("alexnet_caffe", "", 11.2, 5.1, 7),
    ("resnet18", "", 6.4, 2.5, 6),
    ("resnet18", "1pct_", 8.9, 4.3, 6),
    ("mobilenet_v2", "", 2, 1.7, 6),
    ("vgg16_bn_cifar", "cifar10_", 57.4, 50.0, 5),
    ("resnet18_cifar", "cifar10_", 69.0, 59.8, 5),
    ("mobilenet_v2_cifar", "cifar10_", 6.1, 4.9, 4),
    ("lenet5", "", 114.3, 87.9, 3),
]
SPARSE = {"name": "sparse", "array": {"kind": "csr_rows", "pes": 16, "vector_width": 16}}
DENSE = {"name": "dense", "array": {"kind": "systolic", "rows": 16, "cols": 16, "dataflow": "os"}}


def left(traces) -> float:
    """Weights left among those of the uncompressed layers, as the patterns say."""
    traces = list(traces)
    dense = sum(t.dense_groups * t.dense_shape[1] * t.dense_shape[2] for t in traces)
    return sum(t.groups * t.N * t.K * t.weight_operand.pattern.density for t in traces) / dense


@pytest.mark.parametrize(("network", "name"), ALL)
def test_every_profile_fits_its_network_and_tells_every_source(network, name):
    profile = load_profile(network, name)
    found = workloads.load(network, profile=name)
    assert {t.name for t in found} >= set(profile.layers)
    told = found.provenance["profile"]
    assert told["name"] == name
    assert set(told["assumed"]) == {k for k, f in told["figures"].items() if f["status"] == "assumed"}
    assert all(len(figure["source"]) > 20 for figure in told["figures"].values())
    assert "activation_bits" in told["assumed"]
    for trace in found:
        assert trace.weight_bits == (profile.of(trace.name, trace.kind).weight_bits or 8)


@pytest.mark.parametrize(("network", "percent"), DEEP.items())
def test_deep_compression_leaves_the_printed_share_of_all_weights(network, percent):
    assert 100 * left(workloads.load(network, profile="deep_compression")) == pytest.approx(percent, abs=0.6)


def test_a_codebook_costs_the_bits_of_its_index():
    found = workloads.load("alexnet", profile="deep_compression")
    assert [t.number_format.stored_weight_bits for t in found] == [8] * 5 + [5] * 3
    weight = workloads.load("lenet5", profile="deep_compression")["fc2"].weight
    assert len(np.unique(weight)) <= 32


@pytest.mark.parametrize(("network", "prefix", "elements", "columns", "bits"), CONV_RATES)
def test_admm_leaves_the_printed_share_of_the_conv_weights(network, prefix, elements, columns, bits):
    for kind, rate in (("nonstructured", elements), ("structured", columns)):
        convs = [t for t in workloads.load(network, profile=f"admm_nn_s_{prefix}{kind}") if t.kind == "conv"]
        assert 1 / left(convs) == pytest.approx(rate, rel=0.1 if network == "lenet5" else 0.01)
        assert {t.weight_bits for t in convs} == {bits}


def test_the_rates_are_those_of_the_tables():
    tables = yaml.safe_load((ROOT / "explore/data/admm_nn_s_tables.yaml").read_text())
    for network, name in ALL:
        profile = load_profile(network, name)
        if name.startswith("admm"):
            branch = "non-structured" if name.endswith("nonstructured") else "structured"
            rows = [row for row in tables[profile.table]["rows"] if row["branch"] == branch and "pair" in row]
            row = rows[-1] if "1pct" in name else rows[0]
            conv = profile.kinds["conv"]
            assert f"{row['rate']}".rstrip("×") in {f"{conv.prune_rate:g}", f"{conv.prune_rate:.1f}"}
            assert conv.weight_bits == row["bits"]
            assert conv.index_bits == row.get("index_bits")


def test_structure_is_whole_columns():
    found = workloads.load("lenet5", profile="admm_nn_s_structured")
    conv1, conv2 = found["conv1"], found["conv2"]
    assert (conv1.K, conv2.K) == (1, 6)
    assert (conv1.dense_shape[2], conv2.dense_shape[2]) == (25, 500)
    assert np.count_nonzero(conv2.weight) == 6 * 50
    assert conv2.macs == 64 * 50 * 6


def test_patterns_have_the_density_and_differ_by_seed():
    first, second = (workloads.load("lenet5", profile="deep_compression", seed=s)["fc1"] for s in (0, 1))
    assert np.count_nonzero(first.weight) / first.weight.size == pytest.approx(0.08, abs=0.002)
    assert np.count_nonzero(first.activation) / first.activation.size == pytest.approx(0.72, abs=0.05)
    assert not np.array_equal(first.weight, second.weight)


def test_a_profile_runs_with_its_ppr():
    pruned = workloads.load("lenet5", profile="admm_nn_s_nonstructured")
    dense = workloads.load("lenet5", weights="random")
    ratio = accelsim.ppr(accelsim.simulate(dense, DENSE), accelsim.simulate(pruned, SPARSE)).conv
    assert ratio.alpha == pytest.approx(114.3, rel=0.3)  # 223 weights, drawn at random
    assert ratio.ppr > 1


# a file of the user's own, and what is wrong


OWN = {
    "network": "lenet5",
    "profile": "own",
    "paper": "ours",
    "table": "1",
    "dataset": "MNIST",
    "figures": {"weight_density": {"status": "printed", "source": "measured here"}},
    "layers": {"fc1": {"weight_density": 0.25}},
}


def written(folder: Path, **changes) -> Path:
    (folder / "own.yaml").write_text(yaml.safe_dump(OWN | changes))
    return folder / "own.yaml"


def test_a_profile_from_a_file(tmp_path):
    found = workloads.load("lenet5", profile=written(tmp_path), batch=2)
    assert [t.weight_operand.pattern.density for t in found] == [1, 1, 0.25, 1]
    assert found["fc1"].M == 2
    assert found.provenance["profile"]["assumed"] == []


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"layers": {"fc1": {"weight_densty": 0.2}}}, ConfigError, "did you mean 'weight_density'"),
        ({"layers": {"fc1": {"weight_density": 1.2}}}, ConfigError, "layers.fc1.weight_density is 1.2"),
        ({"layers": {"fc1": {"weight_bits": 8}}}, ConfigError, "figures.weight_bits is missing"),
        ({"layers": {"fc11": {"weight_density": 0.2}}}, UnknownNameError, "did you mean 'fc1'"),
        ({"network": "vgg16"}, ConfigError, "is for 'vgg16', not for 'lenet5'"),
        ({"figures": {"weight_density": {"status": "guessed", "source": "x"}}}, ConfigError, "guessed"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path, changes, error, says):
    with pytest.raises(error, match=says) as caught:
        workloads.load("lenet5", profile=written(tmp_path, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("network", "settings", "error", "says"),
    [
        ("alexnet", {"profile": "deep_compresion"}, UnknownNameError, "did you mean 'deep_compression'"),
        ("googlenet", {"profile": "deep_compression"}, UnknownNameError, "has no profiles; alexnet, alexnet_caffe"),
        ("lenet5", {"profile": "none.yaml"}, MissingFileError, "none.yaml"),
        ("lenet5", {"profile": "deep_compression", "density": 0.5}, ConfigError, "leave density and weights out"),
        ("lenet5", {"profile": "deep_compression", "weights": "pretrained"}, ConfigError, "profile"),
    ],
)
def test_a_profile_that_is_not_there_is_named(network, settings, error, says):
    with pytest.raises(error, match=says):
        workloads.load(network, **settings)


def test_a_file_that_is_no_yaml_mapping_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text("- 1")
    with pytest.raises(FileFormatError):
        workloads.load("lenet5", profile=tmp_path / "x.yaml")
    with pytest.raises(AccelSimError):
        workloads.load("lenet5", profile=tmp_path)


def test_a_profile_by_the_name_of_a_workload(tmp_path):
    found = workloads.open_workload("lenet5@deep_compression", batch=3)
    assert (found["fc1"].M, found["fc1"].weight_bits) == (3, 5)
    assert workloads.open_workload(f"lenet5@{written(tmp_path)}").provenance["profile"]["name"] == "own"
    with pytest.raises(UnknownNameError, match="did you mean 'deep_compression'"):
        workloads.open_workload("lenet5@deepcompression")
    with pytest.raises(ConfigError, match="leave density"):
        workloads.open_workload("lenet5@deep_compression", density=0.5)

"""SCALE-Sim's topology files as that tool reads them: by position, with sparsity and depthwise rows."""

import dataclasses
import math

import numpy as np
import pytest

import accelsim
import workloads
from accelsim.errors import ConfigError, FileFormatError
from accelsim.trace.not_simulated import NotSimulated

OS = {"name": "s", "array": {"kind": "systolic", "rows": 16, "cols": 16, "dataflow": "os"}}
HEADER = "Layer, IFMAP Width, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
LAYER = "a,10,10,3,3,4,8,1"


def load(tmp_path, text, **settings):
    path = tmp_path / "net.csv"
    path.write_text(text)
    return workloads.from_scalesim_csv(path, **settings)


def gemms(workload):
    return [(t.name, t.M, t.N, t.K, t.groups) for t in workload]


def folds(m, n, k):
    """Cycles of the os folds of one GEMM on 16 x 16: K + rows + cols − 2 each."""
    return math.ceil(m / 16) * math.ceil(n / 16) * (k + 30)


@pytest.mark.parametrize(
    "text",
    [
        HEADER + LAYER + ",\n",
        "anything at all\n" + LAYER + "\n",
        "Name,H,W,R,S,C,K,stride,Sparsity,\n" + LAYER + ",1:1,\n",
        "\t".join(HEADER.split(", ")) + LAYER.replace(",", "\t") + "\n",
        HEADER + ",,,,,,,,\n\n\t" + LAYER + ",#dw\n",
        "Layer name,h,w,r,s,c,k,Stride height,Stride width,\n" + LAYER + ",1,\n",
    ],
    ids=["other words", "no words", "1:1", "tabs", "remark", "two strides"],
)
def test_a_conv_is_read_by_position(tmp_path, text):
    """8 x 8 windows of 3 x 3 x 4, 8 filters."""
    network = load(tmp_path, text)
    assert gemms(network) == [("a", 64, 8, 36, 1)]
    assert not network["a"].pruned
    assert network.macs == 64 * 8 * 36
    assert accelsim.simulate(network, OS).compute_cycles == folds(64, 8, 36) == 264


@pytest.mark.parametrize("text", ["Layer Name, M, N, K, Sparsity,\na,8,8,16,1:1,\n", "gemms\na,8,8,16\n"])
def test_a_gemm_is_read_by_position(tmp_path, text):
    assert gemms(load(tmp_path, text)) == [("a", 8, 8, 16, 1)]


def test_a_row_with_dp_is_one_convolution_a_channel(tmp_path):
    network = load(tmp_path, HEADER + "Conv1_DP,16,16,3,3,32,1,1,\nConv2_DP,16,16,3,3,4,6,1,\n")
    assert gemms(network) == [("Conv1_DP", 196, 1, 9, 32), ("Conv2_DP", 196, 6, 9, 4)]
    cycles = 32 * folds(196, 1, 9) + 4 * folds(196, 6, 9)
    assert accelsim.simulate(network, OS).compute_cycles == cycles


def test_a_ninth_number_is_the_horizontal_stride(tmp_path):
    """(16 − 4 + 2) / 2 = 7 rows and (16 − 4 + 3) / 3 = 5 columns."""
    network = load(tmp_path, HEADER + "a,16,16,4,4,2,8,2,3,\n")
    assert gemms(network) == [("a", 35, 8, 32, 1)]
    assert network["a"].conv.stride == (2, 3)


@pytest.mark.parametrize(
    "text", [HEADER + LAYER + ",1:2,\n", HEADER + LAYER + ", 1 : 2 ,\n", "Layer, M, N, K,\na,64,8,36,1:2,\n"]
)
def test_a_sparsity_is_the_layers_pattern(tmp_path, text):
    """One of every two weights along K, in every filter; an array of 1:2 runs half the length."""
    network = load(tmp_path, text)
    layer = network["a"]
    pairs = (layer.weight != 0).reshape(8, 18, 2).sum(axis=2)
    assert (pairs == 1).all()
    assert layer.pruned
    nm = {"name": "nm", "array": {"kind": "nm_sparse", "rows": 16, "cols": 16, "dataflow": "os", "n": 1, "m": 2}}
    assert accelsim.simulate(network, nm).compute_cycles == folds(64, 8, 18)
    np.testing.assert_array_equal(load(tmp_path, text)["a"].weight, layer.weight)


def test_remarks_are_named(tmp_path):
    network = load(tmp_path, HEADER.strip() + "Sparsity,Note,Batch Size,\n" + LAYER + ",1:1,the first,1,\n")
    assert gemms(network) == [("a", 64, 8, 36, 1)]
    assert network.provenance["columns_not_read"] == ["Note", "Batch Size"]
    network = load(tmp_path, HEADER.strip() + "Batch Size,\n" + LAYER + ",1,\n")
    assert network.provenance["columns_not_read"] == ["Batch Size"]
    assert network["a"].conv.stride == (1, 1)


def test_numbers_that_no_version_reads_are_refused_by_name_or_recorded(tmp_path):
    text = HEADER.strip() + "Batch,\n" + LAYER + ",4,\nb" + LAYER[1:] + ",4,\n"
    with pytest.raises(FileFormatError, match="line 2: column 'Batch' is '4', a number that is not read"):
        load(tmp_path, text)
    network = load(tmp_path, text, partial="allow")
    assert network.not_simulated == (NotSimulated("Batch", "column that is not read"),)
    network.save(tmp_path / "w.npz")
    again = accelsim.Workload.load(tmp_path / "w.npz")
    assert again.not_simulated == dataclasses.replace(again).not_simulated == network.not_simulated


@pytest.mark.parametrize(
    ("column", "cell"),
    [("Sparsity", "0.5"), ("Sparsity", "50%"), ("Sparsity", "2/4"), ("Padding", "1"), ("Dilation", "2x2")],
)
def test_numbers_of_any_form_are_refused(tmp_path, column, cell):
    with pytest.raises(FileFormatError, match=f"line 2: column '{column}' is '{cell}'"):
        load(tmp_path, HEADER.strip() + f"{column},\n" + LAYER + f",{cell},\n")


def test_no_padding_is_a_remark(tmp_path):
    network = load(tmp_path, HEADER.strip() + "Padding,\n" + LAYER + ",0,\n")
    assert network.provenance["columns_not_read"] == ["Padding"]


def test_lines_of_remarks_and_empty_cells_at_the_end(tmp_path):
    network = load(tmp_path, "Layer,M,N,K,,,,,\n# head, of the net\nfc,5,6,7,,,,,\n,,,,,,,,\n")
    assert gemms(network) == [("fc", 5, 6, 7, 1)]


def test_every_name_that_occurs_again_is_a_new_one(tmp_path):
    network = load(tmp_path, HEADER + "".join(f"{name}{LAYER[1:]},\n" for name in ("a", "a", "a#2", "a", "a#2")))
    names = [trace.name for trace in network]
    assert len(set(names)) == 5
    assert [names[0], names[2]] == ["a", "a#2"]


def test_a_layer_in_the_place_of_the_header_is_not_lost_in_silence(tmp_path):
    text = LAYER + ",\nb" + LAYER[1:] + ",\n"
    with pytest.raises(FileFormatError, match="line 1 reads as a layer, 'a'"):
        load(tmp_path, text)
    assert [record.name for record in load(tmp_path, text, partial="allow").not_simulated] == ["a"]
    with pytest.raises(ConfigError, match="partial is 'maybe'"):
        load(tmp_path, text, partial="maybe")


@pytest.mark.parametrize(
    ("cells", "says"),
    [("2:1", "the sparsity is '2:1'"), ("0:4", "the sparsity is '0:4'"), ("1:2,2:4", "more than one sparsity")],
)
def test_a_sparsity_that_cannot_be_is_refused(tmp_path, cells, says):
    with pytest.raises(FileFormatError, match=f"line 2.*{says}"):
        load(tmp_path, HEADER + LAYER + f",{cells},\n")

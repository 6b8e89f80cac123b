"""Layers as Timeloop and ZigZag describe them: their GEMMs, counted by hand."""

import pytest
from typer.testing import CliRunner

import accelsim
import workloads
from accelsim.errors import ConfigError, FileFormatError
from accelsim.trace.not_simulated import NotSimulated
from explore.cli import app

CONV = """problem:
  version: 0.4
  shape:
    name: conv
    dimensions: [C, M, R, S, N, P, Q{more}]
    coefficients:
    - {{name: Wstride, default: 1}}
    - {{name: Hstride, default: 1}}
    - {{name: Wdilation, default: 1}}
    - {{name: Hdilation, default: 1}}
    data_spaces:
    - name: Weights
      projection: [[[C]], [[M]], [[R]], [[S]]{axis}]
    - name: Inputs
      projection: [[[N]], [[C]], [[R, Wdilation], [P, Wstride]], [[S, Hdilation], [Q, Hstride]]{axis}]
    - name: Outputs
      projection: [[[N]], [[M]], [[Q]], [[P]]{axis}]
      read_write: true
  instance: {{C: 3, M: 32, R: 3, S: 5, N: 2, P: 112, Q: 56{size}, Wstride: 2, Hstride: 3, Hdilation: 2, Wpad: 1}}
"""
PLAIN = CONV.format(more="", axis="", size="")
GEMM = """problem:
  shape:
    name: gemm_ABZ
    dimensions: [M, N, K]
    data-spaces:
    - {name: A, projection: [[[M]], [[K]]]}
    - {name: B, projection: [[[N]], [[K]]]}
    - {name: Z, projection: [[[M]], [[N]]], read-write: True}
"""
ZIGZAG = """
- id: 0 # a stem
  operator_type: Conv
  equation: O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]
  dimension_relations: [ix=2*ox+1*fx, iy=2*oy+1*fy]
  loop_dims: [B, K, C, OY, OX, FY, FX]
  loop_sizes: [1, 64, 3, 112, 112, 7, 7]
  pr_loop_dims: [IX, IY]
  padding: [[3, 3], [3, 3]]
  operand_precision: {W: 4, I: 8, O: 16, O_final: 8}
  operand_source: {I: 0, W: 0}
- id: 1
  operator_type: Pooling
  equation: O[b][g][oy][ox]+=W[fx][fy]*I[b][g][iy][ix]
  dimension_relations: [ix=2*ox+1*fx, iy=2*oy+1*fy]
  loop_dims: [B, G, OY, OX, FX, FY]
  loop_sizes: [1, 64, 56, 56, 3, 3]
  operand_precision: {I: 8, W: 0, O: 16, O_final: 8}
  operand_source: {I: 0, W: 1}
- id: 2
  operator_type: Conv
  equation: O[b][g][oy][ox]+=W[g][fy][fx]*I[b][g][iy][ix]
  dimension_relations: [ix=1*ox+1*fx, iy=1*oy+1*fy]
  loop_dims: [B, G, OY, OX, FY, FX]
  loop_sizes: [1, 64, 56, 56, 3, 3]
  operand_precision: {W: 8, I: 8, O: 16}
- id: 3
  operator_type: Add
  equation: O[b][g][oy][ox]=W[b][g][oy][ox]+I[b][g][oy][ox]
  loop_dims: [B, G, OY, OX]
  loop_sizes: [1, 64, 56, 56]
  operand_precision: {W: 8, I: 8, O: 16}
  operand_source: {I: 2, W: 1}
- id: 4
  name: scores
  operator_type: Gemm
  equation: O[h][m][n]+=W[h][k][n]*I[h][m][k]
  loop_dims: [H, M, N, K]
  loop_sizes: [8, 10, 12, 64]
  operand_precision: {W: 8, I: 8, O: 16}
  operand_source: {I: 3, W: 2}
"""


def written(tmp_path, text):
    (tmp_path / "net.yaml").write_text(text)
    return tmp_path / "net.yaml"


def test_a_timeloop_convolution_is_its_gemm(tmp_path):
    """M = 2 · 112 · 56 pixels, K = 3 · 3 · 5; the ifmap reaches (112 − 1) · 2 + 3 by (56 − 1) · 3 + (5 − 1) · 2 + 1."""
    network = workloads.load(written(tmp_path, PLAIN))
    layer = network["net"]
    assert (layer.M, layer.N, layer.K, layer.groups) == (2 * 112 * 56, 32, 45, 1)
    assert network.macs == 3 * 32 * 3 * 5 * 2 * 112 * 56
    assert (layer.conv.height, layer.conv.width) == (225, 174)
    assert (layer.conv.stride, layer.conv.dilation) == ((2, 3), (1, 2))
    assert accelsim.simulate(network, "dense/os-16x16").cycles > 0


def test_a_dimension_of_all_data_spaces_is_groups(tmp_path):
    layer = workloads.load(written(tmp_path, CONV.format(more=", G", axis=", [[G]]", size=", G: 4")))["net"]
    assert (layer.M, layer.N, layer.K, layer.groups) == (2 * 112 * 56, 32, 45, 4)


@pytest.mark.parametrize("sizes", ["  instance: {M: 6, N: 7, K: 8}\n", "  M: 6\n  N: 7\n  K: 8\n"])
def test_a_timeloop_product_takes_its_second_input_as_weights(tmp_path, sizes):
    layer = workloads.from_timeloop(written(tmp_path, GEMM + sizes))["net"]
    assert (layer.M, layer.N, layer.K, layer.kind, layer.weight) == (6, 7, 8, "linear", None)


def test_densities_become_operands(tmp_path):
    densities = "densities: {B: {density: 0.5, distribution: fixed_structured}, A: 0.25}"
    layer = workloads.load(written(tmp_path, GEMM + f"  instance: {{M: 64, N: 64, K: 64, {densities}}}\n"))["net"]
    assert ((layer.weight != 0).reshape(64, 32, 2).sum(axis=2) == 1).all()
    assert 0.2 < (layer.activation != 0).mean() < 0.3
    assert layer.pruned


def test_zigzag_layers_are_traces_and_operators(tmp_path):
    network = workloads.load(written(tmp_path, ZIGZAG))
    assert [(t.name, t.M, t.N, t.K, t.groups, t.kind) for t in network] == [
        ("Layer0", 112 * 112, 64, 147, 1, "conv"),
        ("Layer2", 56 * 56, 1, 9, 64, "conv"),
        ("scores", 10, 12, 64, 8, "attention"),
    ]
    assert network["Layer0"].conv.padding == (3, 3)
    assert network["Layer0"].conv.height == 111 * 2 + 7 - 6  # 223: the last row of 224 is in no window
    assert [t.weight_bits for t in network] == [4, 8, 8]
    pool, add = network.operators
    assert (pool.op, pool.after, pool.inputs, pool.outputs) == ("max_pool", "Layer0", 64 * 113**2, 64 * 56**2)
    assert (add.op, add.after, add.inputs, add.outputs) == ("add", "Layer2", 2 * 64 * 56**2, 64 * 56**2)


@pytest.mark.parametrize("text", [PLAIN, ZIGZAG], ids=["timeloop", "zigzag"])
def test_settings_work_on_them(tmp_path, text):
    path = written(tmp_path, text)
    plain, asked = workloads.load(path), workloads.load(path, batch=3, weight_bits=2, activation_bits=2, density=0.5)
    assert asked.macs == 3 * plain.macs
    assert {(t.weight_bits, t.activation_bits) for t in asked} == {(2, 2)}
    options = ["--batch", "2", "--weight-bits", "4", "--activation-bits", "4", "--density", "0.5"]
    for command in (["run", str(path), "--hw", "dense/os-32x32"], ["workload", "show", str(path)]):
        result = CliRunner().invoke(app, [*command, *options])
        assert result.exit_code == 0, result.output


def test_what_is_no_gemm_is_refused_by_name_or_recorded(tmp_path):
    odd = ZIGZAG + (
        "- {id: 9, operator_type: Conv, equation: 'O[b]+=W[k]*I[b]', loop_dims: [B, K], loop_sizes: [2, 3],"
        " operand_precision: {W: 8, I: 8, O: 16}}\n"
    )
    path = written(tmp_path, odd)
    with pytest.raises(FileFormatError, match=r"layer 5, Conv, 6 MACs: dimension 'K' of layer 'Layer9'"):
        workloads.load(path)
    assert workloads.load(path, partial="allow").not_simulated == (NotSimulated("Layer9", "Conv", 6),)
    with pytest.raises(ConfigError, match="partial"):
        workloads.from_zigzag(path, partial="some")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("problem: 3\n", "problem is 3"),
        ("problem: {instance: {C: 1}}\n", "R is None"),
        ("problem: {shape: gemm, M: 1}\n", "shape is 'gemm'"),
        (GEMM + "  instance: {M: 6, N: 0, K: 8}\n", "N is 0"),
        (GEMM.replace("[[M]], [[N]]", "[[M]]") + "  instance: {M: 6, N: 7, K: 8}\n", "'N' of layer 'net' is in no two"),
        (GEMM.replace(", read-write: True", "") + "  instance: {M: 6, N: 7, K: 8}\n", "3 inputs and 0 outputs"),
        (PLAIN.replace("Wstride: 2", "Wstride: two"), "Wstride is 'two'"),
        (PLAIN.replace("Wstride: 2", "Wstride: 2, G: 4"), "G is 4; the shape has C, "),
        ("- operator_type\n", "a mapping with operator_type"),
        (ZIGZAG.replace("loop_sizes: [1, 64, 3, 112, 112, 7, 7]", "loop_sizes: [1]"), "lists of equal length"),
        (ZIGZAG.replace("ix=2*ox+1*fx", "ix=ox"), "relation 'ix=ox'"),
        (ZIGZAG.replace("O[b][k][oy][ox]+=W", "W"), "equation is"),
        (ZIGZAG.replace("W: 4", "W: 400"), "precision of W is 400"),
    ],
)
def test_broken_files_are_named(tmp_path, text, says):
    with pytest.raises(FileFormatError) as caught:
        workloads.load(written(tmp_path, text))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_yaml_is_no_workload(tmp_path):
    with pytest.raises(FileFormatError, match=r"unknown ending '\.yaml'"):
        workloads.load(written(tmp_path, "array: {kind: systolic}\n"))

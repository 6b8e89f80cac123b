"""Matrix work without a lowering: refused by its name and its share, or left out and listed."""

import numpy as np
import pytest
from onnx import helper

import accelsim
import workloads
from accelsim.errors import ConfigError, FileFormatError
from accelsim.trace.not_simulated import NotSimulated
from tests.workloads.onnx_builders import drawn, integers, node, saved

PLAIN = 3 * 7 * 5  # MACs of the product beside each


def model(path, op, inputs, shapes, held=None, domain="", version=1, **attributes):
    """One product that is lowered and one operator named "odd"."""
    nodes = [node("MatMul", "plain,weight", "y"),
             helper.make_node(op, inputs.split(","), ["z"], name="odd", domain=domain, **attributes)]  # fmt: skip
    stored = {"weight": drawn(7, 5), **(held or {})}
    saved(path, nodes, {"plain": [3, 7], **shapes}, ["y", "z"], stored, opset=19, domains=[domain] if domain else [])
    return path


LOST = {  # name -> (operator, inputs, graph inputs, constants, domain, attributes, MACs, what the message says)
    "deformed": ("DeformConv", "a,w,o", {"a": [1, 4, 8, 8], "o": [1, 18, 6, 6]}, {"w": drawn(5, 4, 3, 3)}, "", {},
                 5 * 36 * 36, ""),
    "four axes": ("Conv", "a,w", {"a": [1, 4, 4, 4, 4, 4]}, {"w": drawn(5, 4, 3, 3, 3, 3)}, "", {}, 5 * 16 * 324, ""),
    "a computed kernel of three axes": ("Conv", "a,w", {"a": [1, 4, 8, 8, 8], "w": [5, 4, 3, 3, 3]}, {}, "", {},
                                        5 * 216 * 108, ""),
    "three factors": ("Einsum", "a,b,c", {"a": [2, 3], "b": [3, 4], "c": [4, 6]}, {}, "",
                      {"equation": "ij,jk,kl->il"}, 2 * 3 * 4 * 6, ""),
    "computed gates": ("LSTM", "a,w,r", {"a": [5, 2, 3], "w": [1, 16, 3], "r": [1, 16, 4]}, {}, "", {"hidden_size": 4},
                       5 * 2 * 16 * (3 + 4), ""),
    "weights of four bits in floats": ("MatMulBnb4", "a,w,s", {"a": [5, 64]},
                                       {"w": integers(512, kind=np.uint8), "s": drawn(16)}, "com.microsoft",
                                       {"K": 64, "N": 16, "block_size": 64, "quant_type": 1}, 5 * 64 * 16, ""),
    "a linear model": ("LinearRegressor", "a", {"a": [5, 64]}, {}, "ai.onnx.ml",
                       {"coefficients": [1.0] * 128, "targets": 2}, 5 * 128, ""),
    "an unknown operator with bytes": ("Odd", "a,w", {"a": [5, 3]}, {"w": integers(5, 3)}, "made.up", {}, None, ""),
    "an unknown operator": ("Odd", "a", {"a": [5, 3]}, {}, "made.up", {}, None, ""),
    "experts": ("QMoE", "a,b,w", {"a": [5, 8], "b": [5, 2]}, {"w": integers(2, 8, 8, kind=np.uint8)}, "com.microsoft",
                {"k": 1}, None, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST)
def test_refused_by_name_and_share(tmp_path, name):
    op, inputs, shapes, held, domain, attributes, macs, says = LOST[name]
    path = model(tmp_path / "m.onnx", op, inputs, shapes, held, domain, **attributes)
    called = f"{domain}::{op}" if domain else op
    with pytest.raises(FileFormatError) as raised:
        workloads.from_onnx(path)
    text = str(raised.value)
    assert f"node 'odd' ({called}; " in text
    assert "partial='allow'" in text
    assert says in text
    if macs is None:
        assert "MACs not known" in text
    else:
        assert f"{100 * macs / (macs + PLAIN):.1f} % of its MACs cannot be simulated" in text
        assert f"{macs:,} MACs" in text


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("values", [None, "weights"])
def test_left_out_and_listed(tmp_path, name, values):
    op, inputs, shapes, held, domain, attributes, macs, _ = LOST[name]
    path = model(tmp_path / "m.onnx", op, inputs, shapes, held, domain, **attributes)
    found = workloads.from_onnx(path, partial="allow", values=values)
    assert found.macs == PLAIN
    assert found.not_simulated == (NotSimulated("odd", f"{domain}::{op}" if domain else op, macs),)
    found.save(tmp_path / "w.npz")
    assert accelsim.Workload.load(tmp_path / "w.npz").not_simulated == found.not_simulated


def test_real_activations_of_a_part(tmp_path):
    path = model(tmp_path / "m.onnx", "Conv", "a,w", {"a": [1, 4, 8, 8, 8], "w": [5, 4, 3, 3, 3]})
    data = {"plain": drawn(3, 7), "a": drawn(1, 4, 8, 8, 8), "w": drawn(5, 4, 3, 3, 3)}
    found = workloads.from_onnx(path, partial="allow", data=data)
    assert [part.name for part in found.not_simulated] == ["odd"]
    assert np.abs(found.traces[0].activation).max() == 127


def test_a_loop_is_left_out(tmp_path):
    body = helper.make_graph(
        [node("Identity", "more", "again"), node("MatMul", "state,state", "next")], "body",
        [helper.make_tensor_value_info("count", 7, []), helper.make_tensor_value_info("more", 9, []),
         helper.make_tensor_value_info("state", 1, [4, 4])],
        [helper.make_tensor_value_info("again", 9, []), helper.make_tensor_value_info("next", 1, [4, 4])],
    )  # fmt: skip
    nodes = [node("MatMul", "x,w", "y"), helper.make_node("Loop", ["n", "t", "s"], ["z"], name="steps", body=body)]
    held = {"w": drawn(7, 5), "n": np.array(3), "t": np.array(True), "s": drawn(4, 4)}
    path = saved(tmp_path / "m.onnx", nodes, {"x": [3, 7]}, ["y", "z"], held)
    with pytest.raises(FileFormatError, match=r"'steps' \(Loop\) is control flow"):
        workloads.from_onnx(path)
    assert workloads.from_onnx(path, partial="allow").not_simulated == (NotSimulated("steps", "Loop", None),)


def test_nothing_is_left_where_all_is_lost(tmp_path):
    odd = helper.make_node("Odd", ["x"], ["y"], domain="made.up")
    path = saved(tmp_path / "m.onnx", [odd], {"x": [3, 7]}, ["y"], domains=["made.up"])
    with pytest.raises(FileFormatError, match=r"nothing to simulate \(not lowered: made.up::Odd"):
        workloads.from_onnx(path, partial="allow")
    with pytest.raises(ConfigError, match="partial is 'yes'"):
        workloads.from_onnx(path, partial="yes")


@pytest.mark.parametrize(
    ("op", "inputs", "shapes", "domain"),
    [
        ("NonMaxSuppression", "a,b", {"a": [1, 5, 4], "b": [1, 3, 5]}, ""),
        ("TopK", "a,k", {"a": [5, 9]}, ""),
        ("TreeEnsembleRegressor", "a", {"a": [5, 9]}, "ai.onnx.ml"),
        ("Rfft", "a", {"a": [5, 9]}, "com.microsoft"),
    ],
)
def test_operators_that_multiply_no_matrices_are_only_named(tmp_path, op, inputs, shapes, domain):
    outputs = ["z", "i"] if op == "TopK" else ["z"]
    odd = helper.make_node(op, inputs.split(","), outputs, name="odd", domain=domain)
    held = {"weight": drawn(7, 5), "k": np.array([2])}
    nodes = [node("MatMul", "plain,weight", "y"), odd]
    saved(tmp_path / "m.onnx", nodes, {"plain": [3, 7], **shapes}, ["y"], held, domains=[domain] if domain else [])
    found = workloads.from_onnx(tmp_path / "m.onnx")
    assert found.provenance["not_lowered"] == [f"{domain}::{op} at odd" if domain else f"{op} at odd"]
    assert found.not_simulated == ()

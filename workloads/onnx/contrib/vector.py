"""Operators of com.microsoft that multiply no matrices: normalisation, activations, quantized elementwise work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from compress.lowering.calls import Call, Value

from ..nodes import Builder, Node

PAIRS = {"QLinearAdd": "add", "QLinearMul": "mul"}


def biased(op: str, bias: int = 1) -> Builder:
    """An activation with a bias before it, where the node has one: BiasGelu, FastGelu, BiasSoftmax."""

    def built(node: Node) -> list[Call]:
        out = node.first()
        calls, inputs = _plus(node, node.value(0), [bias], out)
        return [*calls, node.call(op, {"self": inputs, "dim": int(node.attribute("axis", -1))}, [out])]

    return built


def sums(node: Node) -> list[Call]:
    """`BiasAdd` and `BiasDropout`: a tensor, a bias, another tensor."""
    out = node.first()
    calls, _ = _plus(node, node.value(0), [1, 2], out)
    return [*calls, node.call("identity", {"self": calls[-1].output if calls else node.value(0)}, [out])]


def skip_norm(node: Node) -> list[Call]:
    """`SkipLayerNormalization` and its simplified form: two tensors are added, a bias too, and the sum normalised."""
    simple = "Simplified" in node.proto.op_type
    out = node.first()
    gamma = [node.value(i) for i in ((2,) if simple else (2, 3)) if node.has(i)]
    calls, total = _plus(node, node.value(0), [1, 3 if simple else 4], out)
    shape = total.shape[-1:]
    op = "rms_norm" if simple else "layer_norm"
    norm = node.call(op, {"input": total, "normalized_shape": shape, "parameters": gamma}, [out])
    others = [value for value in node.written()[1:] if value.shape == out.shape]
    return [*calls, norm, *(node.call("identity", {"self": total}, [value]) for value in others)]


def simplified_norm(node: Node) -> list[Call]:
    """`SimplifiedLayerNormalization`: RMS normalisation of the last axes."""
    shape = node.value(0).shape
    axis = int(node.attribute("axis", -1)) % len(shape)
    arguments = {"input": node.value(0), "normalized_shape": shape[axis:], "parameters": [node.value(1)]}
    return [node.call("rms_norm", arguments, [node.first()])]


def group_norm(node: Node) -> list[Call]:
    """`GroupNorm` and `SkipGroupNorm`: channels last unless it says otherwise, with a SiLU where `activation` is 1."""
    out = node.first()
    calls, total = _plus(node, node.value(0), [3, 4] if node.proto.op_type == "SkipGroupNorm" else [], out)
    activated = bool(node.attribute("activation", 0))
    inner = Value(f"{out.name}:norm", out.shape) if activated else out
    arguments = {"input": total, "num_groups": int(node.attribute("groups", 1)),
                 "parameters": [node.value(1), node.value(2)]}  # fmt: skip
    norm = node.call("group_norm", arguments, [inner])
    return [*calls, norm, *([node.call("silu", {"self": inner}, [out])] if activated else [])]


def embedded_norm(node: Node) -> list[Call]:
    """`EmbedLayerNormalization`: rows of two or three tables are added and normalised."""
    out, calls = node.first(), []
    total: Value | None = None
    for place, (indices, table) in enumerate(((0, 2), (8, 3), (1, 4))):
        if not node.has(table):
            continue
        rows = Value(f"{out.name}:rows{place}", out.shape)
        which = node.value(indices) if node.has(indices) else node.value(0)
        calls.append(node.call("embedding", {"weight": node.value(table), "indices": which}, [rows]))
        if total is not None:
            both = Value(f"{out.name}:sum{place}", out.shape)
            calls.append(node.call("add", {"self": total, "other": rows}, [both]))
            rows = both
        total = rows
    arguments = {"input": total, "normalized_shape": out.shape[-1:],
                 "parameters": [node.value(i) for i in (5, 6) if node.has(i)]}  # fmt: skip
    return [*calls, node.call("layer_norm", arguments, [out])]


def rotary(tables: int) -> Builder:
    """`RotaryEmbedding`: each element times a cosine, and its partner times a sine, added.

    The cosines are the input `tables`, the sines the next one.
    """

    def built(node: Node) -> list[Call]:
        out = node.first()
        turned = [Value(f"{out.name}:{part}", out.shape) for part in ("cosine", "sine")]
        both = [{"self": node.value(0), "other": node.value(tables + i)} for i in range(2)]
        products = [node.call("mul", arguments, [part]) for arguments, part in zip(both, turned, strict=True)]
        return [*products, node.call("add", {"self": turned[0], "other": turned[1]}, [out])]

    return built


def gated(node: Node) -> list[Call]:
    """`SwiGLU`: a SiLU times another tensor; `BiasSplitGelu`: one half times the GELU of the other."""
    out = node.first()
    inner = Value(f"{out.name}:gate", out.shape)
    op = "silu" if node.proto.op_type == "SwiGLU" else "gelu"
    other = node.value(1) if op == "silu" and node.has(1) else node.value(0)
    return [node.call(op, {"self": node.value(0)}, [inner]), node.call("mul", {"self": inner, "other": other}, [out])]


def qlinear_pair(node: Node) -> list[Call]:
    """`QLinearAdd` and `QLinearMul`: a, its scale and zero point, b, its scale and zero point, those of the result."""
    return [node.call(PAIRS[node.proto.op_type], {"self": node.value(0), "other": node.value(3)})]


def qlinear_where(node: Node) -> list[Call]:
    """`QLinearWhere`: condition, one with scale and zero point, other with both."""
    return [node.call("where", {"condition": node.value(0), "self": node.value(1), "other": node.value(4)})]


def qlinear_concat(node: Node) -> list[Call]:
    """`QLinearConcat`: the scale and zero point of the result, then each part with its own."""
    return [node.call("cat", {"tensors": [node.value(i) for i in range(2, len(node.given), 3)]})]


def qlinear_mean(node: Node) -> list[Call]:
    """`QLinearReduceMean` over axes, all where none are named."""
    axes = node.attribute("axes") or list(range(len(node.value(0).shape)))
    return [node.call("mean", {"self": node.value(0), "dim": list(axes)})]


def qlinear_softmax(node: Node) -> list[Call]:
    """`QLinearSoftmax` along an axis."""
    return [node.call("softmax", {"self": node.value(0), "dim": int(node.attribute("axis", -1))})]


def pool(op: str) -> Builder:
    """`QLinearAveragePool`, `NhwcMaxPool`: windows of kernel_shape, the channels first or last."""

    def built(node: Node) -> list[Call] | None:
        kernel = list(node.attribute("kernel_shape", []))
        if len(kernel) not in (1, 2):
            return None
        return [node.call(f"{op}{len(kernel)}d", {"self": node.value(0), "kernel_size": kernel}, [node.first()])]

    return built


def qlinear_global_pool(node: Node) -> list[Call]:
    """`QLinearGlobalAveragePool`: one output a channel, the channels first or last."""
    values = [node.value(0), node.first()]
    if node.attribute("channels_last", 0):
        values = [replace(v, shape=(v.shape[0], v.shape[-1], *v.shape[1:-1])) for v in values]
    axes = len(values[0].shape) - 2
    return [node.call(f"adaptive_avg_pool{axes}d", {"self": values[0]}, values[1:])]


def table_rows(node: Node) -> list[Call]:
    """`GatherBlockQuantized`, `TorchEmbedding`: rows of a table, packed to a few bits or not, by their indices."""
    return [node.call("embedding", {"weight": node.value(0), "indices": node.value(1)})]


def _plus(node: Node, value: Value, others: Sequence[int], out: Value) -> tuple[list[Call], Value]:
    """A tensor plus those of these inputs that the node has, one after another."""
    calls: list[Call] = []
    for index in others:
        if node.has(index):
            total = Value(f"{out.name}:plus{index}", value.shape)
            calls.append(node.call("add", {"self": value, "other": node.value(index)}, [total]))
            value = total
    return calls, value

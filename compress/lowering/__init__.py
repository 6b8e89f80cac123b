"""ATen operations as GEMMs and vector work. To add an operator, add one entry to `LOWERINGS` (or to a table it reads).

A lowering takes a `Call` and returns its items in the order in which they run, or None where this call, unlike others
of its name, cannot be lowered; it is then reported like an operation without an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import convolutions, products, quantized, recurrent, stacks, vector
from .calls import Call
from .items import Gemm, Item, VectorWork

__all__ = ["FREE", "LOWERINGS", "SHAPE_ONLY", "Gemm", "Item", "VectorWork", "lower"]

LOWERINGS: Mapping[str, Callable[[Call], list[Item] | None]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution", "_convolution"), convolutions.convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), convolutions.transposed_convolution),
    "linear": products.linear,
    **dict.fromkeys(products.OPERANDS, products.product),
    "addbmm": stacks.summed_stack,
    "einsum": products.einsum,
    "scaled_dot_product_attention": products.attention,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), recurrent.recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), recurrent.cell),
    **dict.fromkeys(vector.UNARY, vector.unary),
    "hardtanh": vector.hardtanh,
    "glu": vector.glu,
    **dict.fromkeys(vector.BINARY, vector.binary),
    **dict.fromkeys(vector.POOLS, vector.pool),
    **dict.fromkeys(vector.REDUCTIONS, vector.reduction),
    "batch_norm": vector.batch_norm,
    **{op: vector.normalisation(op) for op in ("layer_norm", "group_norm", "instance_norm", "rms_norm")},
    **{op: vector.softmax(op) for op in ("softmax", "log_softmax")},
    "local_response_norm": vector.local_response_norm,
    "embedding": vector.embedding,
    **dict.fromkeys(("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only"), vector.embedding_bag),
    "col2im": vector.overlapped,
    **dict.fromkeys(vector.MOVES, vector.move),
    **dict.fromkeys(vector.FILLS, vector.fill),
    **dict.fromkeys(("cat", "concat", "stack"), vector.concat),
    **dict.fromkeys(
        (f"upsample_{mode}" for mode in (
            "nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "bicubic2d", "trilinear3d"
        )),
        vector.upsample,
    ),
    **quantized.LOWERINGS,
}  # fmt: skip

_FREE = """
    view reshape flatten unflatten permute transpose t numpy_T mT movedim moveaxis swapaxes swapdims squeeze unsqueeze
    expand expand_as repeat contiguous clone alias detach dropout feature_dropout alpha_dropout native_dropout slice
    select split split_with_sizes chunk unbind narrow to type_as lift_fresh lift_fresh_copy view_as
    view_as_real view_as_complex reshape_as _reshape_alias as_strided pixel_shuffle pixel_unshuffle
    channel_shuffle native_channel_shuffle identity copy squeeze_copy ravel atleast_2d tensor_split unsafe_split
    unsafe_chunk unfold diagonal dequantize int_repr quantized_decomposed::dequantize_per_tensor
    quantized_decomposed::dequantize_per_channel
"""
_SHAPE_ONLY = """
    zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty sym_size sym_numel size rand_like
    randn_like _assert_tensor_metadata _assert_async _assert_scalar
"""
FREE = frozenset(_FREE.split())
"""Operations that only rename, reorder or repeat elements: addresses change, nothing is computed."""
SHAPE_ONLY = frozenset(_SHAPE_ONLY.split())
"""Operations that look at a tensor's shape or type and not at its numbers: what they make is constant."""

COUNTED = frozenset(
    op for op, lowering in LOWERINGS.items() if lowering in (products.linear, products.product, products.attention)
) | {"conv1d", "conv2d", "conv3d", "convolution", "_convolution", "addbmm"}
"""Operations that are work of every inference even where they depend on no input, but on trained parameters."""


def lower(call: Call) -> list[Item] | None:
    """What the operation becomes, or None where nothing here knows it."""
    lowering = LOWERINGS.get(call.op)
    return None if lowering is None else lowering(call)

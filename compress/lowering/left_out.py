"""Operations that have no lowering: which of them are matrix work, and how many MACs they are where that is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from accelsim.trace.not_simulated import NotSimulated

from .calls import Call, Value, mapped
from .items import Gemm, Item

_PRODUCTS = "mm bmm addmm baddbmm addbmm matmul mv addmv dot vdot inner cdist einsum tensordot"
_LAYERS = "linear bilinear convolution conv conv1d conv2d conv3d conv1d_relu conv2d_relu conv3d_relu"
_OTHERS = """
    attention linalg fft stft istft cholesky inverse pinverse svd qr geqrf orgqr ormqr lu solve lstsq pdist lstm gru rnn
    multi kron ger trilinear householder
"""
_NAMED = "outer addr chain_matmul matrix_power _transformer_encoder_layer_fwd"
_LIGHT = """
    linalg_vector_norm linalg_norm linalg_cross linalg_diagonal fft_fftshift fft_ifftshift fft_fftfreq fft_rfftfreq
    torchvision::nms torchvision::roi_align torchvision::roi_pool torchvision::ps_roi_align torchvision::ps_roi_pool
    prim::device
"""
PRODUCTS, LAYERS, OTHERS, NAMED = (frozenset(w.split()) for w in (_PRODUCTS, _LAYERS, _OTHERS, _NAMED))
LIGHT = frozenset(_LIGHT.split())
"""Operations of a family that is matrix work, or of a known package, that are none themselves."""


def is_matrix_work(call: Call) -> bool:
    """Whether an operation without a lowering may be what the simulator is about: a product, a layer, a transform.

    So is whatever reads a parameter, a matrix that was not trained (integers of a quantized layer) or packed ones, and
    whatever comes from a package that is not known. A vector that was not trained is a statistic.
    """
    if call.op in LIGHT:
        return False
    words = set(call.op.split("_"))
    foreign = "::" in call.op
    held = [value for value in call.parameters() if value.trained or len(value.shape) > 1 or value.packed is not None]
    return bool(held) or foreign or call.op in NAMED or bool(words & (PRODUCTS | LAYERS | OTHERS))


def left_out(call: Call) -> NotSimulated:
    """The record of an operation that is not simulated."""
    return NotSimulated(call.module or "the model", call.op, macs(call))


def unsuitable(call: Call, items: Iterable[Item]) -> NotSimulated | None:
    """The record of a product of numbers that no array here multiplies: complex ones, and sparse activations.

    A complex product is four real ones. None where all is well; a sparse constant is a weight with many zeros.
    """
    layers = [item.layer for item in items if isinstance(item, Gemm)]
    values = call.values()
    kinds = [value.dtype for value in values if value.dtype.startswith("complex")]
    sparse = [value.layout for value in values if value.layout not in ("strided", "") and not value.constant]
    if not layers or not (kinds or sparse):
        return None
    if not kinds:
        return NotSimulated(call.module or "the model", f"{call.op} of {sparse[0]} activations")
    taken_apart = not any(value.dtype in kinds and not value.constant for value in values)  # by torch, into real ones
    each = 1 if taken_apart else 4
    count = each * sum(layer.macs for layer in layers)
    return NotSimulated(call.module or "the model", f"{call.op} of {kinds[0]} numbers", count)


def dense(call: Call) -> Call:
    """The call with its sparse constants written out."""

    def written_out(value: Value) -> Value:
        if value.layout == "strided" or value.tensor is None or not value.constant:
            return value
        return replace(value, tensor=value.tensor.to_dense(), layout="strided")

    if all(value.layout == "strided" for value in call.values()):
        return call
    arguments = {name: mapped(argument, written_out, Value) for name, argument in call.arguments.items()}
    return replace(call, arguments=arguments)


def macs(call: Call) -> int | None:
    """Multiply-accumulates of an operation without a lowering; None where they do not follow from its shapes.

    A layer multiplies every weight at every position of its output; a product has the reduction's length an output.
    """
    words = set(call.op.split("_"))
    values = call.values()
    weight = call.arguments.get("weight")
    if "bilinear" in words:
        weight = max((value for value in values if value.constant), key=lambda value: value.elements, default=None)
        filters = call.output.shape[-1] if call.output.shape else 0
    else:
        filters = weight.shape[0] if isinstance(weight, Value) and weight.shape else 0
    if filters and isinstance(weight, Value) and ("transpose" in call.op or call.arguments.get("transposed")):
        return values[0].elements // filters * weight.elements
    if words & LAYERS and filters and isinstance(weight, Value):
        return call.output.elements // filters * weight.elements
    if words & (PRODUCTS - {"einsum", "tensordot"}) and values and values[0].shape:
        return call.output.elements * values[0].shape[-1]
    return None


def refusal(lost: Iterable[NotSimulated], parameter: str, simulated: int) -> str:
    """What the message of a refused network says: the first operation, its share, and how many more there are."""
    first, *others = lost
    reads = f" with the parameter {parameter!r}" if parameter else ""
    text = f"module {first.name!r} runs {first.operation}{reads}; it has no lowering to a GEMM or to the vector unit"
    known = sum(one.macs or 0 for one in (first, *others))
    if first.macs is not None:
        share = 100 * first.macs / max(1, simulated + known)
        text += f" ({first.macs} MACs, {share:.3g} % of the network's)"
    if others:
        names = ", ".join(f"{one.operation} at {one.name}" for one in others[:3])
        text += f"; so have {names}" + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return f'{text}; partial="allow" goes on without'

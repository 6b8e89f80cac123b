"""The one form in which a layer is written: a JSON object and named arrays, and back.

Workload files, checkpoints and the shipped shapes are made of it. A workload file or a checkpoint says every field; a
shipped shape only those that differ from the usual (`brief`). A field that the reader does not find takes the default
of GemmTrace where the kind of file lets it be left out; `pruned` is one that files of earlier versions do not have, and
signs and zero points of operands are written where they are not the usual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError, TraceError
from .conv import ConvGeometry
from .gemm import GemmTrace
from .operand import ArrayOperand, Pattern, PatternOperand, StoredOperand, integer_array
from .reader import RecordReader

Arrays = dict[str, NDArray[Any]]
Record = dict[str, Any]
Fields = dict[str, Any]

_WHOLE = (
    *("M", "N", "K", "groups", "repeat", "weight_bits", "activation_bits", "weight_coding", "codebook_bits", "kind"),
    *("dense_shape", "dense_groups", "conv", "weight", "activation"),
)  # what a file of whole layers must say of each, beside its name; the rest is written where there is any
_BRIEF = ("N",)  # what a brief record must say
_ARRAY = "array"  # stands for an operand whose integers lie in an array
_CONV_SIZES = ("batch", "channels", "height", "width")
_CONV_PAIRS = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}  # with the least value of each
_USUAL = {
    "groups": 1, "repeat": 1, "weight_bits": 8, "activation_bits": 8, "weight_coding": "uniform",
    "codebook_bits": None, "conv": None, "weight": None, "activation": None, "pruned": True,
    "weight_signed": True, "activation_signed": True, "activation_zero_point": 0, "float_format": None,
}  # fmt: skip
_UNUSUAL = (
    "weight_signed",
    "activation_signed",
    "activation_zero_point",
    "float_format",
)  # written where they are not the usual
_USUAL_CONV = {"batch": 1, "stride": 1, "padding": 0, "dilation": 1, "columns": False}


def describe(trace: GemmTrace, prefix: str, arrays: Arrays) -> Record:
    """All of a trace but its integers, which go into `arrays` as `<prefix>weight`, `activation` and `columns`.

    An operand is None (no values), "array", or its random pattern, which stays one.

    >>> arrays: Arrays = {}
    >>> record = describe(GemmTrace("fc", weight=[[1, 2]], M=3), "0.", arrays)
    >>> record["weight"], record["M"], list(arrays)
    ('array', 3, ['0.weight'])
    """
    keys = ("name", "M", "N", "K", "groups", "kind", "repeat", "weight_bits", "activation_bits", "weight_coding")
    record: Record = {
        **{key: getattr(trace, key) for key in (*keys, "codebook_bits")},
        "dense_shape": list(trace.dense_shape),
        "dense_groups": trace.dense_groups,
        "pruned": trace.pruned,
        "conv": None if trace.conv is None else _describe_conv(trace.conv, prefix, arrays),
    }
    if trace.filter_bits is not None:
        record["filter_bits"] = list(trace.filter_bits)
    if trace.has_steps:
        record["steps"] = trace.repeat
    if trace.operation != "any":
        record["operation"] = trace.operation
    record |= {key: getattr(trace, key) for key in _UNUSUAL if getattr(trace, key) != _USUAL[key]}
    for key, operand in (("weight", trace.weight_operand), ("activation", trace.activation_operand)):
        record[key] = _describe_operand(operand, prefix + key, arrays)
    return record


def _describe_conv(conv: ConvGeometry, prefix: str, arrays: Arrays) -> Record:
    if conv.columns is not None:
        arrays[f"{prefix}columns"] = np.asarray(conv.columns, np.int64)
    sizes: Record = {key: getattr(conv, key) for key in _CONV_SIZES}
    return sizes | {key: list(getattr(conv, key)) for key in _CONV_PAIRS} | {"columns": conv.columns is not None}


def _describe_operand(operand: StoredOperand | None, key: str, arrays: Arrays) -> Any:
    if operand is None:
        return None
    if isinstance(operand, PatternOperand):
        pattern = operand.pattern
        values: Record = {"density": pattern.density, "seed": pattern.seed, "distribution": pattern.distribution}
        values |= {"bits": operand.bits, "coding": operand.coding}
        values |= {} if operand.signed else {"signed": False}
        return values | ({"zero_point": operand.zero_point} if operand.zero_point else {})
    arrays[key] = np.ascontiguousarray(operand.whole())
    return _ARRAY


def brief(trace: GemmTrace) -> Record:
    """The record of a shape with what differs from the usual: no M and K where they follow from its convolution.

    Raises TraceError where columns of the convolution were removed: they are an array.

    >>> brief(GemmTrace("fc", M=1, N=10, K=500))
    {'name': 'fc', 'M': 1, 'N': 10, 'K': 500}
    >>> restore(brief(GemmTrace("fc", M=1, N=10, K=500)), "", {}, "a shape", whole=False).shape
    Shape(M=1, N=10, K=500)
    """
    arrays: Arrays = {}
    record = describe(trace.as_shape(), "", arrays)
    if arrays:
        raise TraceError(f"trace {trace.name!r} has columns that a brief record cannot hold; a whole one is expected")
    usual = _USUAL | {
        "kind": "linear" if trace.conv is None else "conv",
        "dense_shape": list(trace.shape),
        "dense_groups": trace.groups,
    }
    if trace.conv is not None:
        pairs = {key: _short(record["conv"][key]) for key in _CONV_PAIRS}
        record["conv"] = _differing(record["conv"] | pairs, _USUAL_CONV)
        del record["M"], record["K"]
    return _differing(record, usual)


def _differing(record: Record, usual: Record) -> Record:
    return {key: value for key, value in record.items() if key not in usual or value != usual[key]}


def _short(pair: list[int]) -> int | list[int]:
    """A pair of equal sizes as one of them."""
    return pair[0] if pair[0] == pair[1] else pair


def restore(record: Any, prefix: str, arrays: Arrays, where: str, *, whole: bool = True) -> GemmTrace:
    """The trace that `describe` or `brief` took apart; its arrays are taken out of `arrays`.

    A `whole` record must say every field; a brief one leaves out what is usual. Raises FileFormatError, which begins
    with `where`, for anything that they would not have written.
    """
    name = RecordReader(record, where).text("name")
    reader = RecordReader(record, f"{where} ({name[:60]!r})")
    for key in _WHOLE if whole else _BRIEF:
        if key not in record:
            reader.value(key)  # raises
    values = {key: _READ[key](reader, key) for key in record if key in _READ}
    if values.get("conv") is not None:
        usual = {} if whole else _USUAL_CONV
        values["conv"] = _restore_conv(reader.part("conv"), usual, prefix, arrays)
    try:
        if values.get("weight") is not None or values.get("activation") is not None:
            values |= _restore_operands(reader, prefix, arrays, values)
        return GemmTrace(name, **values)
    except TraceError as error:
        raise FileFormatError(f"{reader.where}: {error}") from error


def _size(reader: RecordReader, key: str) -> int:
    return reader.whole(key, 1)


def _bits(reader: RecordReader, key: str) -> int:
    return reader.whole(key, 1, 32)


def _zero_point(reader: RecordReader, key: str) -> int:
    return reader.whole(key, -(2**31), 2**32)


def _widths(reader: RecordReader, key: str) -> tuple[int, ...]:
    """Bits of every filter; GemmTrace says whether they are as many as the filters."""
    values = reader.value(key)
    return reader.wholes(key, len(values) if isinstance(values, list) else 1, 1)


_READ: dict[str, Callable[[RecordReader, str], Any]] = {
    **dict.fromkeys(("M", "N", "K", "groups", "repeat", "dense_groups"), _size),
    **dict.fromkeys(("weight_bits", "activation_bits"), _bits),
    **dict.fromkeys(("weight_coding", "kind", "float_format"), RecordReader.text),
    **dict.fromkeys(("conv", "weight", "activation", "operation"), RecordReader.value),
    "codebook_bits": lambda reader, key: None if reader.value(key) is None else _bits(reader, key),
    "filter_bits": _widths,
    **dict.fromkeys(("pruned", "weight_signed", "activation_signed"), RecordReader.flag),
    "activation_zero_point": _zero_point,
    "dense_shape": lambda reader, key: reader.wholes(key, 3, 1),
}  # how each field is read; operands and convolutions, which have parts, come after


def _restore_conv(part: RecordReader, usual: Record, prefix: str, arrays: Arrays) -> ConvGeometry:
    part = RecordReader(usual | part.record, part.where)
    sizes = [part.whole(key, 1) for key in _CONV_SIZES]
    pairs = [cast(tuple[int, int], part.pair(key, least)) for key, least in _CONV_PAIRS.items()]
    columns = _take_columns(arrays, f"{prefix}columns", part.where) if part.value("columns") else None
    try:
        return ConvGeometry(sizes[0], sizes[1], sizes[2], sizes[3], pairs[0], pairs[1], pairs[2], pairs[3], columns)
    except TraceError as error:
        raise FileFormatError(f"{part.where}: {error}") from error


def _take_columns(arrays: Arrays, key: str, where: str) -> tuple[int, ...]:
    stored = _take(arrays, key, where)
    if stored.dtype != np.int64 or stored.ndim != 1:
        raise FileFormatError(f"{where}: columns are {stored.ndim}-axis {stored.dtype}; 1-axis int64 is expected")
    return tuple(stored.tolist())


def _restore_operands(reader: RecordReader, prefix: str, arrays: Arrays, values: Fields) -> Fields:
    """Both operands in the sizes that the record says: the weight (groups·N, K), and the activation.

    That is a matrix (M, groups·K), M rows for each step, or of a convolution (B, C, H, W).
    """
    conv, groups = values.get("conv"), values["groups"]
    reduction = values["K"] if conv is None else conv.K
    weight = _restore_operand(reader, "weight", prefix, arrays, (groups * values["N"], reduction))
    if conv is None:
        steps = reader.whole("steps", 1) if "steps" in reader.record else 1
        shape = (steps * values["M"], groups * reduction)
    else:
        shape = (conv.batch * conv.channels * groups, conv.height * conv.width)
    return {"weight": weight, "activation": _restore_operand(reader, "activation", prefix, arrays, shape)}


def _restore_operand(
    reader: RecordReader, key: str, prefix: str, arrays: Arrays, shape: tuple[int, int]
) -> StoredOperand | None:
    """An operand of `shape` (rows, columns): None, its integers, or its pattern."""
    stored = reader.value(key)
    if stored is None:
        return None
    if stored == _ARRAY:
        values = _take(arrays, prefix + key, reader.where)
        if values.shape != shape:
            raise FileFormatError(f"{reader.where}: {key} has shape {values.shape}; {shape} is expected")
        return ArrayOperand(integer_array(values, f"{key} of {reader.record['name']!r}", 2))
    part = reader.part(key)
    pattern = Pattern(part.fraction("density"), part.whole("seed", 0), part.text("distribution"))
    signed = part.flag("signed") if "signed" in part.record else True
    zero_point = _zero_point(part, "zero_point") if "zero_point" in part.record else 0
    return PatternOperand(*shape, part.whole("bits", 1, 32), part.text("coding"), pattern, signed, zero_point)


def _take(arrays: Arrays, key: str, where: str) -> NDArray[Any]:
    if key not in arrays:
        raise FileFormatError(f"{where}: its array {key!r} is missing")
    return arrays.pop(key)

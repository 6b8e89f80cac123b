"""A GemmTrace as a JSON object and named arrays, and back: what workload files are made of."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import FileFormatError, TraceError
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operand import Operand, Pattern, PatternOperand
from accelsim.trace.shape import SIZE_LIMIT

Arrays = dict[str, NDArray[Any]]
Record = dict[str, Any]
_CONV_SIZES = ("batch", "channels", "height", "width")
_CONV_PAIRS = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}  # with the least value of each
_ARRAY = "array"  # stands for an operand whose integers lie in an array


def describe(trace: GemmTrace, prefix: str, arrays: Arrays) -> Record:
    """All of a trace but its integers, which go into `arrays` as `<prefix>weight`, `activation` and `columns`.

    An operand is None (no values), "array", or its random pattern, which stays one.
    """
    record: Record = {
        **{key: getattr(trace, key) for key in ("name", "M", "N", "K", "groups", "kind", "repeat")},
        **{key: getattr(trace, key) for key in ("weight_bits", "activation_bits", "weight_coding")},
        "codebook_bits": trace.number_format.codebook_bits,
        "dense_shape": list(trace.dense_shape),
        "dense_groups": trace.dense_groups,
        "conv": None if trace.conv is None else _describe_conv(trace.conv, prefix, arrays),
    }
    if trace.number_format.filter_bits is not None:
        record["filter_bits"] = list(trace.number_format.filter_bits)
    if trace.has_steps:
        record["steps"] = trace.repeat
    if trace.operation != "any":
        record["operation"] = trace.operation
    for key, operand in (("weight", trace.weight_operand), ("activation", trace.activation_operand)):
        record[key] = _describe_operand(operand, prefix + key, arrays)
    return record


def _describe_conv(conv: ConvGeometry, prefix: str, arrays: Arrays) -> Record:
    if conv.columns is not None:
        arrays[f"{prefix}columns"] = np.asarray(conv.columns, np.int64)
    sizes: Record = {key: getattr(conv, key) for key in _CONV_SIZES}
    return sizes | {key: list(getattr(conv, key)) for key in _CONV_PAIRS} | {"columns": conv.columns is not None}


def _describe_operand(operand: Operand | None, key: str, arrays: Arrays) -> Any:
    if operand is None:
        return None
    if isinstance(operand, PatternOperand):
        pattern = operand.pattern
        values: Record = {"density": pattern.density, "seed": pattern.seed, "distribution": pattern.distribution}
        return values | {"bits": operand.bits, "coding": operand.coding}
    arrays[key] = np.ascontiguousarray(operand.whole())
    return _ARRAY


def restore(record: Any, prefix: str, arrays: Arrays, where: str) -> GemmTrace:
    """The trace that `describe` took apart; its arrays are taken out of `arrays`.

    Raises FileFormatError, which begins with `where`, for anything that `describe` would not have written.
    """
    name = _Reader(record, where).text("name")
    reader = _Reader(record, f"{where} ({name[:60]!r})")
    conv = None if reader.value("conv") is None else _restore_conv(reader.part("conv"), prefix, arrays)
    sizes = {key: reader.whole(key, 1) for key in ("M", "N", "K", "groups", "repeat", "dense_groups")}
    try:
        return GemmTrace(
            name,
            **sizes,
            weight=_restore_weight(reader, prefix, arrays, sizes),
            activation=_restore_activation(reader, prefix, arrays, sizes, conv),
            conv=conv,
            weight_bits=reader.whole("weight_bits", 1, 32),
            activation_bits=reader.whole("activation_bits", 1, 32),
            weight_coding=reader.text("weight_coding"),
            codebook_bits=None if reader.value("codebook_bits") is None else reader.whole("codebook_bits", 1, 32),
            filter_bits=_restore_filter_bits(reader, sizes),
            kind=reader.text("kind"),
            dense_shape=cast(tuple[int, int, int], reader.wholes("dense_shape", 3, 1)),
            operation=record.get("operation", "any"),  # only layers that are bound to one have it
        )
    except TraceError as error:
        raise FileFormatError(f"{reader.where}: {error}") from error


def _restore_filter_bits(reader: _Reader, sizes: dict[str, int]) -> tuple[int, ...] | None:
    """None where all filters have the trace's bits."""
    if "filter_bits" not in reader.record:
        return None
    return reader.wholes("filter_bits", sizes["groups"] * sizes["N"], 1)


def _restore_conv(reader: _Reader, prefix: str, arrays: Arrays) -> ConvGeometry:
    sizes = [reader.whole(key, 1) for key in _CONV_SIZES]
    pairs = [cast(tuple[int, int], reader.wholes(key, 2, least)) for key, least in _CONV_PAIRS.items()]
    columns: tuple[int, ...] | None = None
    if reader.value("columns"):
        stored = _take(arrays, f"{prefix}columns", reader.where)
        if stored.dtype != np.int64 or stored.ndim != 1:
            raise FileFormatError(
                f"{reader.where}: columns are {stored.ndim}-axis {stored.dtype}; 1-axis int64 is expected"
            )
        columns = tuple(stored.tolist())
    try:
        return ConvGeometry(sizes[0], sizes[1], sizes[2], sizes[3], pairs[0], pairs[1], pairs[2], pairs[3], columns)
    except TraceError as error:
        raise FileFormatError(f"{reader.where}: {error}") from error


def _restore_weight(
    reader: _Reader, prefix: str, arrays: Arrays, sizes: dict[str, int]
) -> NDArray[Any] | PatternOperand | None:
    return _restore_operand(reader, "weight", prefix, arrays, (sizes["groups"] * sizes["N"], sizes["K"]))


def _restore_activation(
    reader: _Reader, prefix: str, arrays: Arrays, sizes: dict[str, int], conv: ConvGeometry | None
) -> NDArray[Any] | PatternOperand | None:
    """The activation as GemmTrace takes it: a conv's ifmap as (B, C, H, W)."""
    if conv is None:
        steps = reader.whole("steps", 1) if "steps" in reader.record else 1  # M rows each
        shape = (steps * sizes["M"], sizes["groups"] * sizes["K"])
        return _restore_operand(reader, "activation", prefix, arrays, shape)
    channels = conv.channels * sizes["groups"]
    found = _restore_operand(reader, "activation", prefix, arrays, (conv.batch * channels, conv.height * conv.width))
    if isinstance(found, np.ndarray):
        return found.reshape(conv.batch, channels, conv.height, conv.width)
    return found


def _restore_operand(
    reader: _Reader, key: str, prefix: str, arrays: Arrays, shape: tuple[int, int]
) -> NDArray[Any] | PatternOperand | None:
    """An operand of `shape` (rows, columns): None, the array of its integers, or its pattern."""
    stored = reader.value(key)
    if stored is None:
        return None
    if stored == _ARRAY:
        values = _take(arrays, prefix + key, reader.where)
        if values.shape != shape:
            raise FileFormatError(f"{reader.where}: {key} has shape {values.shape}; {shape} is expected")
        return values
    part = reader.part(key)
    pattern = Pattern(part.fraction("density"), part.whole("seed", 0), part.text("distribution"))
    return PatternOperand(*shape, part.whole("bits", 1, 32), part.text("coding"), pattern)


def _take(arrays: Arrays, key: str, where: str) -> NDArray[Any]:
    if key not in arrays:
        raise FileFormatError(f"{where}: its array {key!r} is missing")
    return arrays.pop(key)


class _Reader:
    """Fields of a JSON object, each checked as it is read."""

    def __init__(self, record: Any, where: str) -> None:
        self.where = where
        if not isinstance(record, dict):
            raise FileFormatError(f"{where} is {_short(record)}; an object is expected")
        self.record = record

    def value(self, key: str) -> Any:
        """Anything that is there."""
        if key not in self.record:
            raise FileFormatError(f"{self.where}: {key} is missing")
        return self.record[key]

    def part(self, key: str) -> _Reader:
        """An object within the object."""
        return _Reader(self.value(key), f"{self.where}: {key}")

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.value(key)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, value, "a text")
        return value

    def whole(self, key: str, least: int, most: int = SIZE_LIMIT) -> int:
        """An integer within bounds."""
        value = self.value(key)
        if not _is_whole(value, least, most):
            raise self._wrong(key, value, f"an integer from {least} to {most}")
        return int(value)

    def wholes(self, key: str, count: int, least: int) -> tuple[int, ...]:
        """So many integers of at least `least`."""
        value = self.value(key)
        if (
            not isinstance(value, list)
            or len(value) != count
            or not all(_is_whole(v, least, SIZE_LIMIT) for v in value)
        ):
            raise self._wrong(key, value, f"{count} integers of at least {least}")
        return tuple(value)

    def fraction(self, key: str) -> float:
        """A number from 0 to 1."""
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or math.isnan(value):
            raise self._wrong(key, value, "a number from 0 to 1")
        return float(value)

    def _wrong(self, key: str, value: Any, expected: str) -> FileFormatError:
        return FileFormatError(f"{self.where}: {key} is {_short(value)}; {expected} is expected")


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

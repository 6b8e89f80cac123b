"""What a saved network is, and how it is read: two files, no torch, nothing executed.

A checkpoint folder holds `manifest.json` and `model.safetensors`. The manifest lists the layers in the order in which
they run; the tensors are `<layer>.weight`, `<layer>.ifmap`, and where there are any `<layer>.bias`, `<layer>.columns`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import FileFormatError, MissingFileError
from accelsim.files import read_bytes, read_json
from compress.quantizers.codes import CODINGS, OPERATIONS

MANIFEST, TENSORS = "manifest.json", "model.safetensors"
FORMAT, VERSION = "accelsim-checkpoint", 1
TENSORS_LIMIT_BYTES = 2**33
KINDS = ("conv", "linear")

Pair = tuple[int, int]


@dataclass(frozen=True)
class LayerRecord:
    """One layer as the hardware sees it.

    weight: integers, (N, C/groups, R, S) of a conv layer, (N, K) of a linear one, in both cases (N, K') of the columns
        that are left where `columns` says which.
    weight_shape: the whole weight's shape, columns that are gone included.
    columns: int64 (K',), the kept k = (c·R + r)·S + s in rising order, or None where all are there.
    ifmap: integers (B, C, H, W) of a conv layer, (B, K) of a linear one: the example images' activations.
    bias: float32 (N,) or None. weight_scale: one number, or one a filter (N,).
    dense_shape: M, N, K of one group of the uncompressed layer, for the example images.
    operation: what becomes of a weight and an activation, as in GemmTrace.
    filter_bits: bits of each filter (N,) of uniform weights where they differ, else None.
    """

    name: str
    kind: str
    weight: np.ndarray
    weight_shape: tuple[int, ...]
    weight_bits: int
    weight_coding: str
    weight_scale: float | np.ndarray
    ifmap: np.ndarray
    activation_bits: int
    activation_scale: float
    dense_shape: tuple[int, int, int]
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: np.ndarray | None = None
    columns: np.ndarray | None = None
    operation: str = "any"
    filter_bits: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A saved network: its layers in the order in which they run, and what is known about it."""

    name: str
    layers: tuple[LayerRecord, ...]
    accuracy: float | None
    method: str | None
    provenance: Mapping[str, Any]


def read(folder: str | Path) -> Checkpoint:
    """The checkpoint in `folder`, without torch.

    Raises MissingFileError where the folder or one of its two files is not there, FileFormatError where their content
    is broken, cut or contradicts itself.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(f"checkpoint folder {str(folder)!r} is not there")
    manifest = read_json(folder / MANIFEST, "checkpoint manifest")
    content = read_bytes(folder / TENSORS, "checkpoint tensors", TENSORS_LIMIT_BYTES)
    where = f"checkpoint {str(folder)!r}"
    if not isinstance(manifest, dict):
        raise FileFormatError(f"{where}: {MANIFEST} holds a {type(manifest).__name__}; an object is expected")
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise FileFormatError(f"{where}: {MANIFEST} is not of format {FORMAT!r}, version {VERSION}")
    tensors = _tensors(content, manifest.get("tensors_sha256"), where)
    layers = _field(manifest, "layers", list, where)
    if not layers:
        raise FileFormatError(f"{where}: {MANIFEST} lists no layers")
    records = tuple(_layer(entry, tensors, f"{where}: layer {i}") for i, entry in enumerate(layers))
    if len({record.name for record in records}) != len(records):
        raise FileFormatError(f"{where}: two layers have the same name")
    return Checkpoint(folder.resolve().name, records, *_facts(manifest, where))


def _facts(manifest: dict[str, Any], where: str) -> tuple[float | None, str | None, dict[str, Any]]:
    accuracy, method = manifest.get("accuracy"), manifest.get("method")
    if accuracy is not None and not (_is_number(accuracy) and 0 <= accuracy <= 1):
        raise FileFormatError(f"{where}: accuracy is {accuracy!r}; a fraction from 0 to 1 is expected")
    if method is not None and not isinstance(method, str):
        raise FileFormatError(f"{where}: method is {method!r}; a text is expected")
    return accuracy, method, _field(manifest, "provenance", dict, where)


def _tensors(content: bytes, digest: Any, where: str) -> dict[str, np.ndarray]:
    """The arrays of the safetensors file; its digest must be the manifest's, so the two files belong together."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if hashlib.sha256(content).hexdigest() != digest:
        raise FileFormatError(f"{where}: {TENSORS} is damaged, or not the file that {MANIFEST} was written with")
    try:
        tensors: dict[str, np.ndarray] = load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileFormatError(
            f"{where}: {TENSORS} is not a safetensors file: {' '.join(str(error).split())}"
        ) from error
    return tensors


def _layer(entry: Any, tensors: dict[str, np.ndarray], where: str) -> LayerRecord:
    """One layer from its manifest entry and its tensors, checked."""
    if not isinstance(entry, dict):
        raise FileFormatError(f"{where} is a {type(entry).__name__}; an object is expected")
    name = _field(entry, "name", str, where)
    where = f"{where} ({name!r})"
    scale = entry.get("weight_scale")
    record = LayerRecord(
        name=name,
        kind=_one_of(entry, "kind", KINDS, where),
        weight=_integers(tensors, f"{name}.weight", where),
        weight_shape=_numbers(entry, "weight_shape", 1, where),
        weight_bits=_number(entry, "weight_bits", 1, 32, where),
        weight_coding=_one_of(entry, "weight_coding", CODINGS, where),
        weight_scale=_scale(scale, where),
        ifmap=_integers(tensors, f"{name}.ifmap", where),
        activation_bits=_number(entry, "activation_bits", 1, 32, where),
        activation_scale=_positive(entry.get("activation_scale"), "activation_scale", where),
        dense_shape=_triple(entry, where),
        stride=_pair(entry, "stride", 1, where),
        padding=_pair(entry, "padding", 0, where),
        dilation=_pair(entry, "dilation", 1, where),
        groups=_number(entry, "groups", 1, 2**31, where),
        bias=tensors.get(f"{name}.bias"),
        columns=tensors.get(f"{name}.columns"),
        operation=_one_of(entry, "operation", OPERATIONS, where) if "operation" in entry else "any",
        filter_bits=_numbers(entry, "filter_bits", 1, where) if "filter_bits" in entry else None,
    )
    _check_shapes(record, where)
    return record


def _check_shapes(record: LayerRecord, where: str) -> None:
    """FileFormatError where the layer's arrays do not belong together."""
    rank = 4 if record.kind == "conv" else 2
    _require(len(record.weight_shape) == rank, f"{where}: weight_shape {record.weight_shape} has not {rank} dimensions")
    filters, inputs = record.weight_shape[0], math.prod(record.weight_shape[1:])
    expected: tuple[int, ...] = record.weight_shape
    if record.columns is not None:
        _check_columns(record.columns, inputs, where)
        expected = (filters, len(record.columns))
    _require(record.weight.shape == expected, f"{where}: weight has shape {record.weight.shape}; expected {expected}")
    _require(record.ifmap.ndim == rank, f"{where}: ifmap has {record.ifmap.ndim} dimensions; expected {rank}")
    channels = record.weight_shape[1] * record.groups
    _require(
        record.ifmap.shape[1] == channels and record.ifmap.size > 0,
        f"{where}: ifmap has shape {record.ifmap.shape}; expected {channels} channels",
    )
    _require(filters % record.groups == 0, f"{where}: {filters} filters do not divide into {record.groups} groups")
    if record.bias is not None:
        _require(record.bias.shape == (filters,), f"{where}: bias has shape {record.bias.shape}; expected {(filters,)}")
    scales = np.shape(record.weight_scale)
    _require(scales in ((), (filters,)), f"{where}: weight_scale has {scales} values; expected one, or {filters}")
    _check_range(record.ifmap, record.activation_bits, "ifmap", where)
    if record.weight_coding == "uniform":
        _check_range(record.weight, record.weight_bits, "weight", where)
    if record.filter_bits is not None:
        _check_filter_bits(record, where)


def _check_filter_bits(record: LayerRecord, where: str) -> None:
    bits, filters = record.filter_bits or (), record.weight_shape[0]
    _require(record.weight_coding == "uniform", f"{where}: filter_bits of {record.weight_coding} weights are given")
    _require(len(bits) == filters, f"{where}: filter_bits has {len(bits)} numbers; expected {filters}")
    most = max(bits)
    _require(most <= record.weight_bits, f"{where}: filter_bits holds {most}; at most {record.weight_bits} is expected")
    for n, width in enumerate(bits):
        _check_range(record.weight[n], width, f"filter {n} of weight", where)


def _check_columns(columns: np.ndarray, inputs: int, where: str) -> None:
    rising = columns.ndim == 1 and columns.size > 0 and columns.dtype == np.int64 and bool((np.diff(columns) > 0).all())
    _require(
        rising and columns[0] >= 0 and columns[-1] < inputs, f"{where}: columns are not rising from 0 to {inputs - 1}"
    )


def _check_range(values: np.ndarray, bits: int, what: str, where: str) -> None:
    """Two's complement of `bits`; one bit is −1 and +1."""
    low, high = (-1, 1) if bits == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    inside = low <= int(values.min(initial=0)) and int(values.max(initial=0)) <= high
    _require(inside, f"{where}: {what} leaves the range {low} to {high} of {bits} bits")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise FileFormatError(message)


def _field(entry: dict[str, Any], key: str, kind: type, where: str) -> Any:
    value = entry.get(key)
    _require(isinstance(value, kind), f"{where}: {key} is {value!r:.60}; a {kind.__name__} is expected")
    return value


def _one_of(entry: dict[str, Any], key: str, known: tuple[str, ...], where: str) -> str:
    value: str = _field(entry, key, str, where)
    _require(value in known, f"{where}: {key} is {value!r:.60}; expected one of {', '.join(known)}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number(entry: dict[str, Any], key: str, low: int, high: int, where: str) -> int:
    value: Any = entry.get(key)
    _require(
        _is_integer(value, low, high), f"{where}: {key} is {value!r:.60}; expected an integer from {low} to {high}"
    )
    return int(value)


def _numbers(entry: dict[str, Any], key: str, low: int, where: str) -> tuple[int, ...]:
    values = _field(entry, key, list, where)
    good = all(_is_integer(value, low, 2**31) for value in values)
    _require(good, f"{where}: {key} is {values!r:.60}; integers of at least {low} are expected")
    return tuple(values)


def _pair(entry: dict[str, Any], key: str, low: int, where: str) -> Pair:
    values = _numbers(entry, key, low, where)
    _require(len(values) == 2, f"{where}: {key} has {len(values)} numbers; expected 2")
    return values[0], values[1]


def _triple(entry: dict[str, Any], where: str) -> tuple[int, int, int]:
    values = _numbers(entry, "dense_shape", 1, where)
    _require(len(values) == 3, f"{where}: dense_shape has {len(values)} numbers; expected M, N, K")
    return values[0], values[1], values[2]


def _positive(value: Any, key: str, where: str) -> float:
    _require(_is_number(value) and value > 0, f"{where}: {key} is {value!r:.60}; a finite number above 0 is expected")
    return float(value)


def _scale(value: Any, where: str) -> float | np.ndarray:
    if isinstance(value, list):
        return np.array([_positive(v, "weight_scale", where) for v in value])
    return _positive(value, "weight_scale", where)


def _integers(tensors: dict[str, np.ndarray], key: str, where: str) -> np.ndarray:
    _require(key in tensors, f"{where}: {TENSORS} holds no {key!r}")
    found = np.issubdtype(tensors[key].dtype, np.signedinteger)
    _require(found, f"{where}: {key!r} is {tensors[key].dtype}; signed integers are expected")
    return tensors[key]

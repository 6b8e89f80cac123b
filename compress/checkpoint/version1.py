"""Layers of manifest version 1, which was written until traces became the record of a layer, as records of today.

A layer then had `<layer>.weight` as (N, C/groups, R, S), or (N, K') of the columns that are left, and `<layer>.ifmap`,
(B, C, H, W) of a conv layer or (B, K) of a linear one, all columns included; its manifest entry had `weight_shape`,
`stride`, `padding`, `dilation` and `groups` side by side. Every checkpoint that was saved so can still be read.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from accelsim.errors import FileFormatError
from accelsim.trace.reader import RecordReader

KINDS = ("conv", "linear")
GROUPS_LIMIT = 2**31
Arrays = dict[str, np.ndarray]
_UNCHANGED = ("weight_bits", "weight_coding", "activation_bits", "dense_shape", "operation", "filter_bits")


def modern(entry: RecordReader, tensors: Arrays) -> tuple[dict[str, Any], Arrays]:
    """The record of a layer as a trace restores it, and its arrays, from its entry and its `tensors` by their ends.

    Raises FileFormatError where its tensors are missing or do not belong together.
    """
    kind, groups = entry.text("kind"), entry.whole("groups", 1, GROUPS_LIMIT)
    if kind not in KINDS:
        raise FileFormatError(f"{entry.where}: kind is {kind!r:.60}; expected one of {', '.join(KINDS)}")
    shape = entry.wholes("weight_shape", 4 if kind == "conv" else 2, 1)
    weight, ifmap, columns = _tensors(entry.where, tensors, shape, groups)
    filters = shape[0]
    record = {key: entry.record[key] for key in _UNCHANGED if key in entry.record}
    record |= {
        "name": entry.record["name"],
        "N": filters // groups,
        "groups": groups,
        "weight": "array",
        "activation": "array",
    }
    arrays = {key: tensors[key] for key in ("bias",) if key in tensors} | {"weight": weight.reshape(filters, -1)}
    if kind == "conv":
        batch, _, height, width = ifmap.shape
        record["conv"] = {
            "batch": batch, "channels": shape[1], "height": height, "width": width, "kernel": list(shape[2:]),
            "columns": columns is not None, **{key: entry.value(key) for key in ("stride", "padding", "dilation")},
        }  # fmt: skip
        arrays |= {"activation": ifmap.reshape(-1, height * width)}
        return record, arrays | ({} if columns is None else {"columns": columns})
    record |= {"M": len(ifmap), "K": arrays["weight"].shape[1]}
    if columns is not None:
        arrays |= {"inputs": columns}
        ifmap = ifmap[:, columns]
    return record, arrays | {"activation": ifmap}


def _tensors(
    where: str, tensors: Arrays, shape: tuple[int, ...], groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Weight, ifmap and columns, in shapes that go together."""
    weight, ifmap = (_integers(tensors, key, where) for key in ("weight", "ifmap"))
    columns = tensors.get("columns")
    if columns is not None:
        check_columns(columns, math.prod(shape[1:]), where)
    expected = shape if columns is None else (shape[0], len(columns))
    if weight.shape != expected:
        raise FileFormatError(f"{where}: weight has shape {weight.shape}; expected {expected}")
    if ifmap.ndim != len(shape):
        raise FileFormatError(f"{where}: ifmap has {ifmap.ndim} dimensions; expected {len(shape)}")
    channels = shape[1] * groups
    if ifmap.shape[1] != channels or not ifmap.size:
        raise FileFormatError(f"{where}: ifmap has shape {ifmap.shape}; expected {channels} channels")
    if shape[0] % groups:
        raise FileFormatError(f"{where}: {shape[0]} filters do not divide into {groups} groups")
    return weight, ifmap, columns


def check_columns(columns: np.ndarray, inputs: int, where: str) -> None:
    """Raise FileFormatError unless `columns` are int64, rise, and lie within 0..inputs − 1."""
    good = columns.ndim == 1 and columns.size > 0 and columns.dtype == np.int64 and bool((np.diff(columns) > 0).all())
    if not good or columns[0] < 0 or columns[-1] >= inputs:
        raise FileFormatError(f"{where}: columns are not rising from 0 to {inputs - 1}")


def _integers(tensors: Arrays, key: str, where: str) -> np.ndarray:
    if key not in tensors:
        raise FileFormatError(f"{where}: it has no tensor {key!r}")
    if not np.issubdtype(tensors[key].dtype, np.signedinteger):
        raise FileFormatError(f"{where}: {key!r} is {tensors[key].dtype}; signed integers are expected")
    return tensors[key]

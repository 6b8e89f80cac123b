"""Entries of `keep`, as a recipe writes them, as the constraints that a pruner works towards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .constraints import Channels, Columns, Combined, Constraint, Filters, Projectable, Unstructured

PARTS: Mapping[str, type[Constraint]] = {
    "elements": Unstructured,
    "channels": Channels,
    "columns": Columns,
    "filters": Filters,
}  # in the order in which 001 §VI prunes: columns before filters


def constraints_of(keep: Mapping[str, Any]) -> dict[str, Projectable]:
    """`{conv1: 50, conv2: {columns: 30, filters: 0.5}}` as constraints: a number counts elements (001 §IV-A)."""
    return {name: constraint_of(entry) for name, entry in keep.items()}


def constraint_of(entry: Any) -> Projectable:
    """One layer's: elements where it is a number, else each part that it names, all at once."""
    if not isinstance(entry, Mapping):
        return Unstructured(entry)
    chosen = [kind(entry[part]) for part, kind in PARTS.items() if part in entry]
    return chosen[0] if len(chosen) == 1 else Combined(*chosen)


def fitted(entry: Any, shape: Sequence[int]) -> Any:
    """The entry for a weight of this shape: counts above what it has become all that it has."""
    if isinstance(entry, Mapping):
        return {part: _fitted(keep, PARTS[part], shape) for part, keep in entry.items()}
    return _fitted(entry, Unstructured, shape)


def _fitted(keep: int | float, kind: type[Constraint], shape: Sequence[int]) -> int | float:
    return min(keep, kind(1).parts(shape)) if isinstance(keep, int) else keep

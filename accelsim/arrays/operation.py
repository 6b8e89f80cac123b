"""What an array's PEs do: an operation with the counter that says how often, and what one costs."""

from __future__ import annotations

from dataclasses import dataclass

from ..technology.cost import Cost


@dataclass(frozen=True)
class Operation:
    """A priced operation: `count` names a counter of the array's schema, `cost` is that of one, in pJ at 45 nm."""

    name: str
    count: str
    cost: Cost

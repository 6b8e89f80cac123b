"""What an array's PEs do: an operation with the counter that says how often, and what one costs."""

from __future__ import annotations

from dataclasses import dataclass

from ..technology.cost import Cost


@dataclass(frozen=True)
class Operation:
    """A priced operation: `count` names a counter of the array's schema, `cost` is one's, in pJ at the table's node.

    `minus` may name another counter: those of `count` that did not happen, such as gated ones. `component` is what it
    counts as: arithmetic (`mac`), or SRAM inside the array (`sram`).
    """

    name: str
    count: str
    cost: Cost
    minus: str = ""
    component: str = "mac"

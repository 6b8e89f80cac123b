"""The PPR rule of 001 (§VI, §VII-D) and the arithmetic of its motivating example."""

from __future__ import annotations

from math import ceil, log2

from .cell import Cell, Interval, Printed
from .storage_tables import paired_rows

ASSUMED_PPR = Printed.read("2.7")
PRINTED_RATIOS = ("40%", "87%")  # "ranges from 40% to 87%", §VII-D


def rate_ratios() -> list[tuple[str, Interval, float]]:
    """Structured ÷ non-structured pruning rate of each pair of ADMM-NN-S rows at the same accuracy, with its name."""
    ratios = []
    for pair in paired_rows():
        structured, sparse = (Printed.read(row["rate"]) for row in (pair.structured, pair.sparse))
        ratios.append((pair.name, structured.interval / sparse.interval, structured.value / sparse.value))
    return ratios


def rule_cells() -> list[Cell]:
    """The 37 % rule, the range of the rates' ratios, and 348× with 3 bits."""
    least, most = (pick(rate_ratios(), key=lambda entry: entry[2]) for pick in (min, max))
    threshold = Interval(1, 1) / ASSUMED_PPR.interval
    return [
        _cell("37 % rule", "structured / non-structured rate", "37%", threshold, 1 / 2.7, "1 / PPR of 2.7", "§VI"),
        _cell("least ratio", "structured / non-structured rate", PRINTED_RATIOS[0], *least[1:], least[0], "§VII-D"),
        _cell("greatest ratio", "structured / non-structured rate", PRINTED_RATIOS[1], *most[1:], most[0], "§VII-D"),
        _cell(
            "LeNet-5, 348×", "compression without indices", "3,712×", Interval(348, 348) * (32 / 3), 348 * 32 / 3,
            "rate · 32 / b", "§VI-A",
        ),
        _cell(
            "LeNet-5, 348×", "index bits at least", "9", Interval(ceil(log2(348)), ceil(log2(348))), ceil(log2(348)),
            "⌈log2 rate⌉", "§VI-A",
        ),
    ]  # fmt: skip


def _cell(row: str, column: str, printed: str, ours: Interval, value: float, rule: str, note: str) -> Cell:
    return Cell("PPR", row, column, Printed.read(printed), ours, value, rule, note=note)

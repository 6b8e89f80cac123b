"""The counts of 004 (DMP): what there is to prune in its networks, and the ratios of Tables II to V."""

from __future__ import annotations

import workloads

from .cell import Cell, Interval, Printed

STAGE_BLOCKS = (9, 9, 9)  # residual blocks of each of ResNet-56's stages, two convolutions each
BLOCKS_LEFT = (3, 2, 5)  # of the network that lost 17 of 27
IMDB_NODES, PTB_NODES = (4, 150), (4, 2, 650)  # gates · units, gates · layers · units
FILTERS = {"264": "12", "1227": "60", "1599": "78"}  # Table II: filters pruned of 2032, percent
SUBNETWORKS = {"320": "15.70", "928": "45.60", "1152": "56.60"}  # Table III: filters pruned, percent
NODES_OF_600 = {"540": "90.0", "543": "90.5", "577": "96.0"}  # Table IV
NODES_OF_5200 = {"524": "10", "672": "12", "940": "18"}  # Table V


def resnet56_filters() -> list[int]:
    """Filters of each convolution of ResNet-56, from the zoo's shapes; the stem comes first."""
    return [trace.N for trace in workloads.load("resnet56").traces if trace.kind == "conv"]


def block_filters() -> list[list[int]]:
    """Filters of each residual block (both convolutions), by stage."""
    inner = resnet56_filters()[1:]
    blocks = [inner[i] + inner[i + 1] for i in range(0, len(inner), 2)]
    edges = [sum(STAGE_BLOCKS[:stage]) for stage in range(len(STAGE_BLOCKS) + 1)]
    return [blocks[edges[stage] : edges[stage + 1]] for stage in range(len(STAGE_BLOCKS))]


def product(sizes: tuple[int, ...]) -> int:
    """Of all sizes."""
    product = 1
    for size in sizes:
        product *= size
    return product


def dmp_cells() -> list[Cell]:
    """Totals, the filters of 17 blocks, and every printed ratio."""
    stages = block_filters()
    pruned = sum(stage[0] * (len(stage) - left) for stage, left in zip(stages, BLOCKS_LEFT, strict=True))
    totals = [
        _cell(
            "ResNet-56", "filters", "2032", sum(resnet56_filters()), "convolutions of the zoo's network, stem included"
        ),
        _cell("ResNet-56", "residual blocks", "27", sum(STAGE_BLOCKS), "9 a stage"),
        _cell("17 blocks pruned, 3, 2 and 5 left", "filters pruned", "1152", pruned, "two convolutions a block"),
        _cell("IMDB, one LSTM layer of 150", "nodes", "600", product(IMDB_NODES), "4 gates · 150 units"),
        _cell("PTB, two LSTM layers of 650", "nodes", "5200", product(PTB_NODES), "4 gates · 2 layers · 650 units"),
    ]
    return totals + _ratio_cells()


def _ratio_cells() -> list[Cell]:
    cells = []
    for table, total, printed in (
        ("II", 2032, FILTERS), ("III", 2032, SUBNETWORKS), ("IV", 600, NODES_OF_600), ("V", 5200, NODES_OF_5200),
    ):  # fmt: skip
        for count, ratio in printed.items():
            row = f"Table {table}: {count} of {total}"
            cells.append(_cell(row, "ratio in percent", ratio, 100 * int(count) / total, "pruned ÷ all"))
    return cells


def _cell(row: str, column: str, printed: str, value: float, rule: str) -> Cell:
    return Cell("DMP", row, column, Printed.read(printed), Interval(value, value), value, rule)

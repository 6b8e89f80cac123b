"""scnn against the figures that DNNsim's SCNN model printed for AlexNet's convolutions."""

from __future__ import annotations

import csv
from functools import lru_cache

import numpy as np
import pytest

import accelsim
from accelsim.arrays.base import Tile, Work
from accelsim.arrays.scnn.array import ScnnArray
from accelsim.trace.gemm import GemmTrace
from tests.places import GOLDEN

ROWS = GOLDEN / "scnn_dnnsim.csv"
ALEXNET = {  # weight shape, ifmap shape, stride, padding
    "conv1": ((96, 3, 11, 11), (1, 3, 227, 227), 4, 0),
    "conv2": ((256, 48, 5, 5), (1, 96, 27, 27), 1, 2),
    "conv3": ((384, 256, 3, 3), (1, 256, 13, 13), 1, 1),
    "conv4": ((384, 192, 3, 3), (1, 384, 13, 13), 1, 1),
    "conv5": ((256, 192, 3, 3), (1, 384, 13, 13), 1, 1),
}
GOLDEN_COLUMNS = {
    "scnn_mults": "mults",
    "scnn_idle_fragment": "idle_bricks",
    "scnn_idle_conflict": "idle_conflicts",
    "scnn_idle_barrier": "idle_pe",
    "scnn_idle_halo": "idle_halo",
}


def golden_rows() -> list[dict[str, str]]:
    with ROWS.open(newline="") as file:
        return list(csv.DictReader(file))


def signs(values: np.ndarray) -> np.ndarray:
    """±1, and 0 where 16 bits scaled by the largest value round to zero."""
    return (np.sign(values) * (np.abs(values) * 32767 >= 0.5 * np.abs(values).max())).astype(np.int8)


@lru_cache(maxsize=1)
def alexnet(seed: int, weight_density: float, activation_density: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Weights and ifmaps of all layers, drawn from one generator."""
    rng, layers = np.random.default_rng(seed), {}
    for name, (weight_shape, ifmap_shape, _, _) in ALEXNET.items():
        weight = rng.standard_normal(weight_shape).astype("f4")
        ifmap = np.abs(rng.standard_normal(ifmap_shape)).astype("f4") + 1e-3
        weight[rng.random(weight_shape) >= weight_density] = 0
        ifmap[rng.random(ifmap_shape) >= activation_density] = 0
        layers[name] = signs(weight), signs(ifmap)
    return layers


def golden_layer(row: dict[str, str]) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    weight, ifmap = alexnet(int(row["seed"]), float(row["wgt_density"]), float(row["act_density"]))[row["Layer"]]
    return weight, ifmap, dict(zip(("stride", "padding"), ALEXNET[row["Layer"]][2:], strict=True))


def as_the_tool_groups(weight: np.ndarray, ifmap: np.ndarray, geometry: dict[str, int]) -> Work:
    """Filter groups run on past a convolution group's filters, reading the channels that their first filter reads."""
    channels, filters, works = weight.shape[1], len(weight), []
    per_group = filters * channels // ifmap.shape[1]
    for g in range(ifmap.shape[1] // channels):
        planes = ifmap[:, g * channels : (g + 1) * channels]
        ran = ScnnArray().program(GemmTrace.from_conv("layer", weight=weight, ifmap=planes, **geometry))
        firsts = [n for n in range(0, filters, ran.plan.group) if n // per_group == g]
        edges = [(n, min(n + ran.plan.group, filters)) for n in firsts]
        works += [ran.work(Tile(0, ran.trace.M, n0, n1, 0, ran.trace.K)) for n0, n1 in edges]
    counts = sum((work.counts for work in works[1:]), works[0].counts)
    return Work(sum(work.cycles for work in works), counts)


def simulated(layer: tuple[np.ndarray, np.ndarray, dict[str, int]]) -> dict[str, int]:
    """The report's row of a layer, convolution groups apart."""
    weight, ifmap, geometry = layer
    groups = ifmap.shape[1] // weight.shape[1]
    trace = GemmTrace.from_conv("layer", weight=weight, ifmap=ifmap, groups=groups, **geometry)
    return accelsim.simulate(trace, {"name": "s", "array": {"kind": "scnn"}}).rows[0]


@pytest.mark.parametrize("row", golden_rows(), ids=lambda row: f"{row['net']}-{row['Layer']}")
def test_dnnsim_to_the_slot(row: dict[str, str]) -> None:
    """Cycles and all lost slots are exact once filters are grouped as in the tool, across convolution groups."""
    work = as_the_tool_groups(*golden_layer(row))
    got = {"cycles": work.cycles} | {theirs: work.counts[ours] for ours, theirs in GOLDEN_COLUMNS.items()}
    assert got == {name: int(row[name]) for name in got}
    assert sum(work.counts[ours] for ours in GOLDEN_COLUMNS) == int(row["total_mult_cycles"])
    assert work.counts["sram_ifmap_reads"] >= int(row["act_buff_reads"])


@pytest.mark.parametrize("row", golden_rows(), ids=lambda row: f"{row['net']}-{row['Layer']}")
def test_dnnsim_with_convolution_groups_apart(row: dict[str, str]) -> None:
    got = simulated(golden_layer(row))
    spans = row["Layer"] in {"conv4", "conv5"}
    assert got["compute_cycles"] == pytest.approx(int(row["cycles"]), rel=0.01 if spans else 0)
    assert got["scnn_mults"] == int(row["mults"])


@pytest.mark.parametrize("name", ["conv1", "conv2", "conv3", "conv5"])
def test_a_shape_takes_the_tools_dense_cycles(name: str) -> None:
    """Whose all-nonzero operands have no bank conflicts there."""
    weight, ifmap, stride, padding = ALEXNET[name]
    dense = next(int(row["dense_cycles"]) for row in golden_rows() if row["Layer"] == name)
    groups = ifmap[1] // weight[1]
    trace = GemmTrace.from_conv("layer", weight=weight, ifmap=ifmap, stride=stride, padding=padding, groups=groups)
    row = accelsim.simulate(trace, {"name": "s", "array": {"kind": "scnn"}}).rows[0]
    assert row["compute_cycles"] - row["scnn_idle_conflict"] / 1024 == dense

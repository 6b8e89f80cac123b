"""Figures of points: fronts, heat maps, rates and accuracies show the table's own numbers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from matplotlib.figure import Figure

import accelsim
from accelsim.errors import ConfigError, UnknownNameError
from plots.figures.density import density_map
from plots.front import on_front
from plots.quantities import quantity
from tests.plots.reports import DENSE, SPARSE, of_layers
from tests.plots.studies import study


def sweep(count: int = 30, seed: int = 0) -> pd.DataFrame:
    """The table of a sweep, one of whose points is infeasible."""
    rng = np.random.default_rng(seed)
    rows = [
        {"id": i, "workload": "net", "hardware": "dense/os-16x16", "status": "done" if i else "infeasible",
         "settings": json.dumps({"array.rows": 8 * (1 + i % 4), "dram.gbps": 8.0 * (1 + i % 3)}),
         "cycles": float(rng.integers(1_000, 900_000)) if i else None,
         "energy_pj": float(rng.integers(10**6, 10**9)) if i else None, "dram_bytes": 64 * i,
         "area_um2": float(rng.integers(10**5, 10**7)) if i else None}
        for i in range(count)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def by_hand(table: pd.DataFrame, columns: list[str]) -> list[int]:
    """The rows that none betters, each compared with each."""
    values = table[columns].to_numpy(float)
    return [i for i, row in enumerate(values) if not any((o <= row).all() and (o < row).any() for o in values)]


@given(some.lists(some.tuples(some.integers(0, 4), some.integers(0, 4), some.integers(0, 4)), min_size=1, max_size=25))
def test_a_front_is_what_nothing_betters(rows: list[tuple[int, int, int]]) -> None:
    table = pd.DataFrame(rows, columns=["a", "b", "c"])
    by = [quantity(table, name) for name in "abc"]
    assert list(np.flatnonzero(on_front(table, by))) == by_hand(table, ["a", "b", "c"])


def marks(axis, label: str) -> set[tuple[float, float]]:
    """Where the marks of a legend's entry stand."""
    line = next(line for line in axis.lines if line.get_label() == label)
    return {(float(x), float(y)) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}


def test_the_pareto_figure_is_the_tables_front():
    table = sweep()
    axis = accelsim.plot("pareto", table, x="area_um2", y="cycles")
    done = table[table["status"] == "done"].reset_index(drop=True)
    front = by_hand(done, ["area_um2", "cycles"])
    places = [(row.area_um2 / 1e6, row.cycles) for row in done.itertuples()]
    assert marks(axis, "front") == {places[i] for i in front}
    assert marks(axis, "dominated") == {place for i, place in enumerate(places) if i not in front}
    assert axis.get_xlabel().startswith("area (mm²)")
    assert axis.figure.get_suptitle().startswith(f"{len(front)} of 29 points are on the front.")
    assert any("rows " in text.get_text() and "gbps " in text.get_text() for text in axis.texts)


def test_the_answer_names_points_of_the_front_where_others_are_as_small():
    points = pd.DataFrame({"area_um2": [1e6, 1e6, 2e6], "cycles": [90, 70, 50], "workload": ["slow", "fast", "large"]})
    axis = accelsim.plot("pareto", points, x="area_um2", y="cycles")
    assert "fast" in axis.figure.get_suptitle()
    assert "slow" not in axis.figure.get_suptitle()


def test_a_third_quantity_widens_the_front_and_shades_it():
    table = sweep()
    axis = accelsim.plot("pareto", table, x="area_um2", y="cycles", z="energy_pj")
    done = table[table["status"] == "done"].reset_index(drop=True)
    (shaded,) = axis.collections
    front = by_hand(done, ["area_um2", "cycles", "energy_pj"])
    assert len(shaded.get_offsets()) == len(front) > len(by_hand(done, ["area_um2", "cycles"]))
    assert len(axis.figure.legends[0].get_texts()) == 4


def test_more_is_better_where_it_is_known_or_said():
    table = pd.DataFrame({"cycles": [1, 2, 3], "accuracy": [0.9, 0.95, 0.94], "score": [1, 2, 3]})
    axis = accelsim.plot("pareto", table, x="cycles", y="accuracy")
    assert marks(axis, "front") == {(1.0, 90.0), (2.0, 95.0)}
    axis = accelsim.plot("pareto", table, x="cycles", y="score", maximize=["score"])
    assert len(marks(axis, "front")) == 3
    assert len(marks(accelsim.plot("pareto", table, x="cycles", y="score"), "front")) == 1


def test_reports_are_points_too():
    reports = [of_layers(2), of_layers(2, SPARSE)]
    axis = accelsim.plot("pareto", reports, x="area_um2", y="cycles", label="hardware")
    assert len(marks(axis, "front")) == 2
    assert {text.get_text() for text in axis.texts} == {"os-16x16", "csr-rows-16x16"}


def test_a_heat_map_holds_the_best_of_each_pair_and_frames_the_best_machine():
    table = pd.DataFrame(
        [("a", "m1", 40.0), ("a", "m1", 20.0), ("a", "m2", 10.0), ("b", "m1", 5.0)],
        columns=["workload", "hardware", "cycles"],
    )
    axis = accelsim.plot("heatmap", table)
    assert [text.get_text() for text in axis.texts] == ["20.0", "10.0", "5.00"]
    framed = [patch.get_xy() for patch in axis.patches if not patch.get_fill()]
    assert framed == [(pytest.approx(0.54), pytest.approx(-0.44)), (pytest.approx(-0.46), pytest.approx(0.56))]
    assert len([patch for patch in axis.patches if patch.get_hatch()]) == 1
    assert axis.images[0].get_array().filled(-1).tolist() == [[pytest.approx(np.log10(2)), 0], [0, -1]]
    worst = accelsim.plot("heatmap", table, maximize=True)
    assert [text.get_text() for text in worst.texts][:2] == ["40.0", "10.0"]


def test_ppr_against_rate_of_a_study_and_of_a_comparison():
    data = study(3, 2)
    axis = accelsim.plot("ppr_rate", data)
    drawn = {point for line in axis.lines[1:] for point in zip(line.get_xdata(), line.get_ydata(), strict=True)}
    assert drawn == {(run["alpha"], run["ppr"]) for run in data.runs}
    layers = [accelsim.GemmTrace.random("fc", M=4, N=64, K=64, weight_density=0.2, pruned=True)]
    comparison = accelsim.compare_machines(accelsim.Workload("net", layers), [DENSE, SPARSE])
    axis = accelsim.plot("ppr_rate", comparison)
    drawn = {point for line in axis.lines[1:] for point in zip(line.get_xdata(), line.get_ydata(), strict=True)}
    assert drawn == {(side.against_dense.alpha, side.against_dense.ppr) for side in comparison.sides}


def test_accuracy_against_cost():
    data = study(4, 3)
    axis = accelsim.plot("accuracy_cost", data, cost="energy_pj")
    drawn = marks(axis, "front") | marks(axis, "dominated")
    assert len(drawn) == len(data.runs)
    assert {round(y, 9) for _, y in drawn} == {round(100 * value, 9) for value in data.accuracy.values()}
    assert axis.figure.get_suptitle().startswith(
        "Least energy within 0.5 points of the best accuracy (99.15\N{NO-BREAK SPACE}%)"
    )


def test_efficiency_is_watts_and_operations_a_second():
    reports = [of_layers(2), of_layers(2, SPARSE)]
    axis = accelsim.plot("efficiency", reports)
    achieved = axis.lines[-1]
    for report, watts, gops in zip(reports, achieved.get_xdata(), achieved.get_ydata(), strict=True):
        assert watts == pytest.approx(report.energy_pj * 1e-12 / report.seconds)
        assert gops / watts / 1e3 == pytest.approx(report.tops_per_w)
    assert list(axis.lines[-2].get_ydata()) == pytest.approx([2 * 256 * 0.5] * 2)


def test_a_density_map_before_and_after():
    rng = np.random.default_rng(0)
    before = rng.normal(size=(40, 90))
    after = before * (rng.random(before.shape) < 0.3)
    axis = accelsim.plot("density", {"before": before, "after": after}, cells=10)
    left, right = (one.images[0].get_array() for one in axis.figure.axes[:2])
    assert left.shape == right.shape == (10, 10)
    assert (left == 100).all()
    assert right.mean() == pytest.approx(100 * np.count_nonzero(after) / after.size)
    assert axis.figure.get_suptitle().startswith("The density goes from 100\N{NO-BREAK SPACE}% to 3")
    uneven = density_map(after, 7)
    assert uneven.shape == (7, 7)
    assert np.allclose(uneven[0, 0], np.count_nonzero(after[:5, :12]) / 60)


def test_density_takes_the_same_layer_of_each_network():
    def net(density: float) -> accelsim.Workload:
        sizes = {"small": 8, "large": 32}
        return accelsim.Workload("net", [accelsim.GemmTrace.random(name, M=2, N=size, K=size, weight_density=density)
                                         for name, size in sizes.items()])  # fmt: skip

    axis = accelsim.plot("density", [net(1.0), net(0.2)])
    assert axis.figure.get_suptitle().startswith("large: density goes from")
    assert accelsim.plot("density", net(0.5), layer="small").images[0].get_array().shape == (8, 8)
    with pytest.raises(UnknownNameError, match="unknown layer 'smal'; did you mean 'small'"):
        accelsim.plot("density", net(0.5), layer="smal")


@pytest.mark.parametrize("name", ["pareto", "heatmap", "ppr_rate", "accuracy_cost"])
def test_each_draws_into_an_axes_and_nothing_else(name):
    figure = Figure()
    mine, other = figure.subplots(1, 2)
    assert accelsim.plot(name, study(3, 2), ax=mine) is mine
    assert mine.get_title(loc="left")
    assert not other.has_data()
    assert (figure.axes, figure.legends, figure.get_suptitle()) == ([mine, other], [], "")


@pytest.mark.parametrize(
    ("name", "data", "options", "told"),
    [
        ("pareto", sweep(), {"x": "cycle"}, "column 'cycle' is not there; did you mean 'cycles'"),
        ("pareto", sweep(), {"x": "workload"}, "column 'workload' holds no numbers"),
        ("pareto", sweep(), {"label": "hardwar"}, "label 'hardwar' is no column"),
        ("pareto", sweep(1), {}, r"none of 1 points has results \(infeasible\)"),
        ("pareto", 3, {}, "a int cannot be drawn"),
        ("heatmap", sweep(), {"rows": "networks"}, "rows 'networks' is no column"),
        ("heatmap", sweep(), {"value": "power"}, "column 'power' is not there"),
        ("ppr_rate", sweep(), {}, "needs the column 'alpha'"),
        ("accuracy_cost", sweep(), {}, "no point has an accuracy"),
        ("density", accelsim.GemmTrace("fc", M=1, N=2, K=3), {}, "this GemmTrace holds no weights, only shapes"),
        ("density", np.zeros(3), {}, r"an array of shape \(3,\) is no weight matrix"),
        ("density", np.zeros((3, 3)), {"cells": 0}, "cells is 0; 1 to 128"),
        ("density", [np.zeros((3, 3))] * 5, {}, "5 matrices do not fit beside each other"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(name, data, options, told):
    with pytest.raises(ConfigError, match=told) as raised:
        accelsim.plot(name, data, **options)
    assert "\n" not in str(raised.value)

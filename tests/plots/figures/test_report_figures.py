"""Figures of a report's layers: what is drawn equals the report, of every kind of array, of one layer and of many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

import accelsim
from accelsim.analysis.lane_use import USES, lane_use
from accelsim.arrays.registry import ARRAYS
from accelsim.errors import ConfigError, UnknownNameError
from plots.data_files.peaks import peaks_of
from plots.data_files.reports import study_data
from plots.registry import FIGURES, drawable
from plots.saving import render
from plots.style import style
from tests.plots.reports import DENSE, OF_KIND, SPARSE, of_kind, of_layers

BARS = ("layers", "losses", "energy", "traffic", "storage")
DRAWN_TWICE = ("layers", "roofline", "bandwidth")
OF_A_RUN = (*BARS, "roofline", "bits", "bandwidth", "timeline", "efficiency")


def sums(axis: Axes) -> list[float]:
    """Where each row's bars end: the sum of its parts."""
    return [sum(bar.get_width() for bar in bars) for bars in zip(*axis.containers, strict=True)]  # type: ignore[arg-type]  # bars


def parts(axis: Axes) -> dict[str, float]:
    """The sum over all rows of each part that is drawn."""
    return {str(bars.get_label()): sum(bar.get_width() for bar in bars) for bars in axis.containers}  # type: ignore[attr-defined]  # bars


def unit_factor(axis: Axes) -> float:
    """How many of the report's units are one of the axis's."""
    unit = axis.get_xlabel().rsplit("(", 1)[-1].rstrip(")")
    return {"pJ": 1, "nJ": 1e3, "µJ": 1e6, "mJ": 1e9, "B": 1, "KiB": 2**10, "MiB": 2**20}[unit]


def answer(axis: Axes) -> str:
    return " ".join(axis.figure.get_suptitle().split())  # type: ignore[union-attr]  # a Figure


def test_every_kind_of_array_is_here() -> None:
    assert {*OF_KIND} == {*ARRAYS.shipped} - {"systolic_nm"}


@pytest.mark.parametrize("kind", OF_KIND)
def test_each_kind_draws_its_own_numbers(kind: str) -> None:
    report = of_kind(kind)
    assert report.rows[0]["array"] == kind
    assert [row["array"] for row in report.rows] == [kind, "vector"]
    assert sums(report.plot("layers")) == [row["cycles"] for row in report.rows]
    assert sums(report.plot("losses")) == pytest.approx([row["cycles"] for row in report.rows])
    for name, total in (("energy", report.energy_pj), ("traffic", report.dram_bytes)):
        axis = report.plot(name)
        assert sum(sums(axis)) * unit_factor(axis) == pytest.approx(total)
    for name in ("roofline", "bits", "efficiency"):
        assert report.plot(name).has_data()


def test_the_causes_of_stalls_are_the_reports() -> None:
    report = of_layers(12)
    drawn = parts(report.plot("layers"))
    assert drawn.pop("compute") == report.compute_cycles
    assert sum(drawn.values()) == report.stall_cycles
    assert drawn["stall: weight"] == report.layers["stall_weight_cycles"].sum()
    assert set(drawn) <= {f"stall: {name}" for name in ("ifmap", "weight", "index", "ofmap", "psum", "vector")}


def test_lanes_add_up_to_the_cycles_by_cause() -> None:
    report = of_kind("csr_rows")
    row, lanes = report.rows[0], report.results[0].result.lanes
    use = lane_use(row)
    assert use == lane_use(row, lanes)
    assert list(use) == list(USES)
    assert sum(use.values()) == pytest.approx(row["cycles"])
    assert use["useful"] + use["zeros"] == pytest.approx(row["macs_executed"] / lanes)
    assert use["conflicts"] == pytest.approx(row["csr_rows_idle_conflict"] / lanes)
    assert use["memory"] + row["stall_vector_cycles"] == row["stall_cycles"]
    dense = lane_use(of_kind("systolic").rows[0])
    assert dense["zeros"] / dense["useful"] == pytest.approx(
        of_kind("systolic").rows[0]["macs_dense"] / of_kind("systolic").rows[0]["macs_effectual"] - 1
    )
    shares = of_kind("csr_rows").plot("losses", share=True)
    assert sums(shares) == pytest.approx([100, 100])


def test_energy_has_three_parts_or_every_component() -> None:
    report = of_layers(5, SPARSE)
    axis = report.plot("energy")
    factor = unit_factor(axis)
    assert parts(axis) == pytest.approx(
        {
            "on chip": report.energy_on_chip_pj / factor,
            "DRAM access": report.energy_dram_access_pj / factor,
            "DRAM standby": report.energy_dram_standby_pj / factor,
        }
    )
    components = parts(report.plot("energy", parts="component"))
    assert sum(components.values()) * factor == pytest.approx(report.energy_pj)
    assert {"MAC", "SRAM", "index", "DRAM access"} <= {*components}


def test_traffic_and_storage_by_operand() -> None:
    report = of_layers(5, SPARSE)
    axis = report.plot("traffic")
    drawn = {name: value * unit_factor(axis) for name, value in parts(axis).items()}
    assert drawn["weight"] == pytest.approx(report.layers["dram_weight_bytes"].sum())
    assert drawn["index"] == pytest.approx(report.layers["dram_index_bytes"].sum())
    axis = report.plot("storage")
    drawn = {name: value * unit_factor(axis) * 8 for name, value in parts(axis).items()}
    assert drawn["weights"] == pytest.approx(report.layers["storage_weight_bits"].sum())
    assert drawn["indices"] == pytest.approx(report.layers["storage_index_bits"].sum())


def test_the_rooflines_peaks_are_the_machines() -> None:
    report = of_layers(3)
    axis = report.plot("roofline")
    roof = axis.lines[0]
    peaks = peaks_of(report.hardware)
    assert max(roof.get_ydata()) == pytest.approx(256 * report.clock_mhz / 1e3)
    low = roof.get_ydata()[0] / roof.get_xdata()[0]
    assert low == pytest.approx(peaks.dram_gbps)
    marks = [point for line in axis.lines[1:] for point in zip(line.get_xdata(), line.get_ydata(), strict=True)]
    rows = report.rows
    wanted = [(r["macs_executed"] / r["dram_bytes"], r["macs_executed"] / r["cycles"] * 0.5) for r in rows]
    for mark, own in zip(sorted(marks), sorted(wanted), strict=True):
        assert mark == pytest.approx(own)
    assert all(y <= min(256 * 0.5, x * peaks.dram_gbps) * (1 + 1e-9) for x, y in marks)
    assert f"{peaks.dram_gbps:.3g} GB/s" in axis.figure.legends[0].get_texts()[0].get_text()


def test_bandwidth_moves_the_reports_bytes() -> None:
    report = of_layers(4)
    axis = report.plot("bandwidth")
    drawn = 0.0
    for patch in axis.patches:
        values, edges, _ = patch.get_data()  # type: ignore[attr-defined]  # stairs
        drawn += float(np.sum(values * np.diff(edges))) * 1e3
    assert drawn == pytest.approx(report.dram_bytes, rel=1e-6)
    assert axis.get_xlim()[1] == pytest.approx(report.seconds * 1e6)


def test_a_repeated_layer_shows_each_run() -> None:
    layer = accelsim.GemmTrace("step", M=4, N=32, K=64, repeat=3)
    report = accelsim.simulate(layer, DENSE)
    axis = report.plot("bandwidth")
    (patch,) = axis.patches
    values, edges, _ = patch.get_data()  # type: ignore[attr-defined]  # stairs
    assert len(values) == 3 * 64
    assert float(np.sum(values * np.diff(edges))) * 1e3 == pytest.approx(report.dram_bytes, rel=1e-6)


def test_the_layer_of_a_timeline_may_be_named() -> None:
    report = of_layers(3)
    assert answer(report.plot("timeline", layer="block1.fc")).startswith("Layer block1.fc of net3 on os-16x16: the ")
    with pytest.raises(UnknownNameError, match=r"unknown layer 'block9.fc'; did you mean"):
        report.plot("timeline", layer="block9.fc")


def test_answers_are_computed_from_the_numbers() -> None:
    report = of_layers(3)
    most = max(report.rows, key=lambda row: row["cycles"])
    share = f"{100 * most['cycles'] / report.cycles:.0f} %"
    assert answer(report.plot("layers")).startswith(
        f"net3 on os-16x16: {most['name']} takes {share} of {report.cycles}"
    )
    assert "GB/s on average" in answer(report.plot("bandwidth"))
    assert answer(of_kind("bitserial").plot("bits")) == (
        "tiny on bitserial-16x16x64: 3.0 bits a weight; 4.0 bits an activation, by MACs."
    )


@pytest.mark.parametrize(
    ("count", "width"),
    [(1, 3.3), (40, 3.3), *(pytest.param(n, w, marks=pytest.mark.slow) for n in (1, 12, 100) for w in (2.5, 3.3, 7.0))],
)
@pytest.mark.parametrize("name", OF_A_RUN)
def test_no_text_overlaps_or_leaves_the_figure(name: str, count: int, width: float) -> None:
    report = of_layers(count, SPARSE)
    figure = report.plot(name, width_in=width).figure
    with style():
        figure.draw_without_rendering()  # type: ignore[union-attr]  # a Figure
        axis = figure.axes[0]
        low, high = sorted(axis.get_ylim())
        shown = [tick.label1 for tick in axis.yaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        shown += [axis.xaxis.label, axis.yaxis.label, *axis.texts]
        shown += [figure._suptitle, figure._supxlabel, *(t for legend in figure.legends for t in legend.get_texts())]
        boxes = [(t.get_text(), Text.get_window_extent(t)) for t in shown if t is not None and t.get_text().strip()]
    right, top = figure.get_size_inches() * figure.dpi  # type: ignore[union-attr]  # a Figure
    for text, box in boxes:
        assert -1 <= box.x0 <= box.x1 <= right + 1, text
        assert -1 <= box.y0 <= box.y1 <= top + 1, text
    for (first, a), (second, b) in itertools.combinations(boxes, 2):
        across, along = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1 or along < 1.5, (first, second)


def test_a_hundred_layers_stay_on_a_page_and_lose_no_bar() -> None:
    axis = of_layers(100).plot("layers", width_in=3.3)
    assert axis.figure.get_figheight() < 11  # type: ignore[union-attr]  # a Figure
    assert len(sums(axis)) == 100
    assert 30 < len(axis.get_yticklabels()) < 100


def test_some_layers_alone() -> None:
    report = of_layers(5)
    axis = report.plot("layers", layers=["block1.fc", "block3.fc"])
    assert [t.get_text() for t in axis.get_yticklabels()] == ["block1.fc", "block3.fc"]
    assert sums(axis) == [report.rows[1]["cycles"], report.rows[3]["cycles"]]


def test_several_runs_stand_under_their_headings() -> None:
    reports = [of_layers(2), of_layers(2, SPARSE)]
    axis = accelsim.plot("layers", reports)
    labels = [t.get_text() for t in axis.get_yticklabels()]
    assert labels == ["net2 on os-16x16", "block0.fc", "block1.fc", "net2 on csr-rows-16x16", "block0.fc", "block1.fc"]
    assert sums(axis) == [row["cycles"] for report in reports for row in report.rows]
    weighted = accelsim.plot("storage", [of_kind("csr_rows"), of_kind("systolic")])
    assert len(sums(weighted)) == 2  # operators have no weights


@pytest.mark.parametrize("name", OF_A_RUN)
def test_what_is_not_simulated_is_said(name: str) -> None:
    axis = of_layers(2, left_out=True).plot(name)
    assert "not simulated: attention (MultiheadAttention) = 500 MACs" in " ".join(
        axis.figure.get_supxlabel().split()  # type: ignore[union-attr]  # a Figure
    )


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("layers", {"width_in": 0.5}, "width_in is 0.5; 2 to 20 inches"),
        ("energy", {"by": "machine"}, "by is 'machine'; "),
        ("energy", {"parts": "two"}, "parts is 'two'; "),
        ("storage", {"by": "format"}, "its machine's own storage alone"),
        ("roofline", {"run": 3}, "run is 3; 0 to 0 is expected"),
        ("layers", {"layers": []}, "there is no layer to draw"),
        ("layers", {"layer": ["a"]}, "figure 'layers' has no option 'layer'; did you mean 'layers'"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(name: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        of_layers(2).plot(name, **options)
    assert "\n" not in str(raised.value)


def test_an_operator_has_no_weights_and_no_lanes() -> None:
    report = of_kind("systolic")
    assert sums(report.plot("layers", layers=["pool"])) == [report.rows[1]["cycles"]]
    assert parts(report.plot("losses", layers=["pool"])) == {
        "vector unit": report.rows[1]["compute_cycles"],
        "memory": pytest.approx(report.rows[1]["stall_cycles"]),
    }
    for name in ("storage", "bits"):
        with pytest.raises(ConfigError, match="no layer here has weights"):
            report.plot(name, layers=["pool"])


def test_the_figures_of_a_runs_page() -> None:
    names = [*drawable(study_data(of_layers(2)), "run")]
    assert names == ["storage", "energy", "traffic", "layers", "losses", "roofline", "bits"]
    assert "bandwidth" in drawable(study_data(of_layers(2), needs="bandwidth"), "run")
    assert all({*FIGURES.get(name).on} <= {"study", "run", "compare", "sweep"} for name in FIGURES.names())


def test_files_are_equal_and_no_setting_of_matplotlib_is_changed() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    first = [render(of_layers(3).plot(name).figure)["svg"] for name in DRAWN_TWICE]  # type: ignore[arg-type]  # a Figure
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.hashsalt": "other", "axes.grid": False}):
        again = [render(of_layers(3).plot(name).figure)["svg"] for name in DRAWN_TWICE]  # type: ignore[arg-type]  # a Figure
    assert first == again
    assert dict(mpl.rcParams) == before

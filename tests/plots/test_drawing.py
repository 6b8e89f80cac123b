"""accelsim.plot: reports and studies drawn alone or into an Axes, figures of one's own, and one line otherwise."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import accelsim
import plots
from accelsim.errors import ConfigError, UnknownNameError
from plots.data_files.reports import study_data
from plots.registry import FIGURES, drawable
from tests.plots.studies import study, write

LAYERS = [accelsim.GemmTrace.random(f"fc{n}", M=4, N=64, K=96, weight_density=0.2, seed=n) for n in range(2)]
MACHINES = ("dense/os-16x16", "sparse/csr-rows-16x16")
OF_A_REPORT = ("cycles", "energy", "traffic", "timeline")


@pytest.fixture(scope="module")
def reports():
    return [accelsim.simulate(LAYERS, machine) for machine in MACHINES]


@pytest.fixture
def registry(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(FIGURES, "_values", dict(FIGURES._values))


def widths(axes):
    """Bar lengths, a list a container."""
    return [[bar.get_width() for bar in container] for container in axes.containers]


def test_the_names_are_those_of_the_figures():
    assert accelsim.plots() == FIGURES.names()
    assert accelsim.plots()[:7] == ["cycles", "ppr", "storage", "energy", "traffic", "timeline", "accuracy_rate"]


def test_cycles_of_a_report_are_its_own(reports):
    axes = accelsim.plot("cycles", reports[0])
    assert widths(axes) == [[reports[0].compute_cycles], [reports[0].stall_cycles]]
    assert [len(axes.figure.axes), axes.get_xlabel()] == [1, "cycles of the array's clock"]


def test_two_reports_stand_beside_each_other(reports):
    axes = accelsim.plot("cycles", reports)
    assert widths(axes)[0] == [report.compute_cycles for report in reports]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["workload", "os-16x16", "csr-rows-16x16"]


def test_energy_and_traffic_into_an_axes_are_shares_with_the_total(reports):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert accelsim.plot("energy", reports, ax=left) is left
    assert accelsim.plot("traffic", reports, ax=right) is right
    assert figure.axes == [left, right]
    for axes, key in ((left, "energy_{}_pj"), (right, "dram_{}_bytes")):
        assert np.sum(widths(axes), axis=0) == pytest.approx([100, 100])
        assert not any(text.get_text() == "" for text in axes.get_legend().get_texts()), key
    operands = ("ifmap", "weight", "index", "ofmap", "psum")
    for row, report in enumerate(reports):
        shares = [100 * report.layers[f"dram_{part}_bytes"].sum() / report.dram_bytes for part in operands]
        assert [bars[row] for bars in widths(right)] == pytest.approx(shares)


@pytest.mark.parametrize("name", OF_A_REPORT)
def test_each_draws_into_an_axes_and_nothing_else(reports, name):
    figure = Figure()
    mine, other = figure.subplots(1, 2)
    assert accelsim.plot(name, reports[0], ax=mine) is mine
    assert mine.get_xlabel()
    assert not other.has_data()
    assert figure.legends == []
    assert figure._suptitle is None
    assert figure._supxlabel is None


def test_every_figure_of_a_study_draws_into_an_axes():
    data = study(2, 2)
    for name in drawable(data):
        axes = Figure().subplots()
        assert accelsim.plot(name, data, ax=axes) is axes
        assert len(axes.figure.axes) == 1


def test_the_timeline_is_of_the_first_report(reports):
    axes = accelsim.plot("timeline", reports)
    assert axes.figure._suptitle.get_text().startswith("Layer fc0 of workload on os-16x16: the array is busy for ")
    assert "array" in [text.get_text() for text in axes.get_yticklabels()]


def test_runs_of_one_name_are_told_apart(reports):
    data = study_data([reports[0], reports[0]])
    assert [run["hardware"] for run in data.runs] == ["os-16x16", "os-16x16 (2)"]
    sums = data.layer_sums(["cycles"])
    assert [value["cycles"] for value in sums.values()] == [reports[0].cycles] * 2


def test_a_folder_of_a_study_is_drawn(tmp_path):
    folder = write(study(2, 1), tmp_path / "study")
    assert accelsim.plot("ppr", folder).get_xlabel().startswith("PPR")
    assert accelsim.plot("ppr", str(folder)).get_xlabel().startswith("PPR")


def test_the_users_style_does_not_reach_a_figure(reports):
    with mpl.rc_context({"font.size": 30}):
        axes = accelsim.plot("cycles", reports[0])
    assert axes.xaxis.label.get_fontsize() == 8


@pytest.mark.parametrize(
    ("name", "data", "options", "error", "told"),
    [
        ("cycle", study(2, 1), {}, UnknownNameError, "unknown figure 'cycle'; did you mean 'cycles'"),
        ("cycles", 3, {}, ConfigError, "a int cannot be drawn; a Report, a list of them"),
        ("cycles", [], {}, ConfigError, "a list cannot be drawn"),
        ("cycles", study(2, 1), {"colour": 1}, ConfigError, "figure 'cycles' has no option 'colour'; it takes none"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_line(name, data, options, error, told):
    with pytest.raises(error, match=told) as raised:
        accelsim.plot(name, data, **options)
    assert "\n" not in str(raised.value)


def test_a_report_has_no_ppr(reports):
    with pytest.raises(ConfigError, match="figure 'ppr' needs 'ratios', of which this Report holds nothing"):
        accelsim.plot("ppr", reports[0])


def test_a_figure_of_ones_own(registry, reports, tmp_path):
    @plots.register_figure("area", "Area of every machine.", needs="runs")
    def area(data, ax=None, factor=1.0):
        drawn = Figure() if ax is None else ax.get_figure()
        axes = drawn.subplots() if ax is None else ax
        axes.barh([run["hardware"] for run in data.runs], [factor * run["area_um2"] for run in data.runs])
        return drawn

    assert accelsim.plots()[-1] == "area"
    assert widths(accelsim.plot("area", reports, factor=2.0)) == [[2 * report.area_um2 for report in reports]]
    with pytest.raises(ConfigError, match="no option 'factr'; did you mean 'factor'"):
        accelsim.plot("area", reports, factr=2.0)
    plots.save_all(study(2, 1), tmp_path)
    assert (tmp_path / "figures" / "area.svg").is_file()
    with pytest.raises(ConfigError, match="figure 'cycles' is registered already"):
        plots.register_figure("cycles", "Others.")(area.draw)
    with pytest.raises(ConfigError, match="a function under `@plots"):
        FIGURES.add("bare", lambda data, ax=None: None)

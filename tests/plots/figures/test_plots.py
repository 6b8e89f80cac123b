"""Figures: they show the study's own numbers, nothing overlaps, and equal data give equal files."""

from __future__ import annotations

import dataclasses
import itertools
import struct
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import plots
from accelsim.errors import OutputError
from plots.data_files.data import StudyData
from plots.figures.bars import shortened
from plots.numbers import ENERGY, counted, digits, is_wide, tick, unit_of
from plots.registry import FIGURES, drawable
from plots.saving import render, rendered
from plots.style import CYCLE, OPERAND_COLOURS, style
from tests.places import ROOT
from tests.plots.studies import study

OF_STUDIES = [*drawable(study())]


def even(networks: int = 3, machines: int = 3) -> StudyData:
    """A study whose cycles lie so close that a linear axis shows them."""
    data = study(networks, machines)
    runs = [
        {**run, "compute_cycles": 900 + 10 * i, "stall_cycles": 100 * i, "cycles": 900 + 110 * i}
        for i, run in enumerate(data.runs)
    ]
    return dataclasses.replace(data, runs=runs)


def bar_ends(axis: Axes) -> list[list[float]]:
    return [[bar.get_x() + bar.get_width() for bar in container] for container in axis.containers]  # type: ignore[attr-defined]  # bars


def in_order(data: StudyData, key: str) -> list[float]:
    return [run[key] for name in data.networks for run in data.runs_of(name)]


def texts(figure: Figure) -> list[Text]:
    """Every text that is seen: labels, titles, legends, and ticks inside their axes."""
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    hidden: set[Text] = set()
    for axis in figure.axes:
        if axis is not figure.axes[0]:
            hidden |= {*axis.get_yticklabels()}
        low, high = sorted(axis.get_xlim())
        hidden |= {
            tick.label1
            for tick in [*axis.xaxis.get_major_ticks(), *axis.xaxis.get_minor_ticks()]
            if not low * (1 - 1e-9) <= tick.get_loc() <= high * (1 + 1e-9)
        }
    return [t for t in found if t not in hidden]


@pytest.mark.parametrize("size", [(2, 1), (3, 5), (6, 8)])
@pytest.mark.parametrize("name", OF_STUDIES)
def test_no_text_overlaps_or_leaves_the_figure(name: str, size: tuple[int, int]) -> None:
    figure = FIGURES.get(name)(study(*size))
    with style():
        figure.draw_without_rendering()
        shown = [(t.get_text(), t.get_window_extent()) for t in texts(figure)]
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in shown:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, text  # noqa: PT018  # one box
    for (first, a), (second, b) in itertools.combinations(shown, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        along = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1 or along < 1.5, (first, second)


@pytest.mark.parametrize("name", OF_STUDIES)
def test_axes_are_labelled_and_the_size_fits_a_column(name: str) -> None:
    figure = FIGURES.get(name)(study())
    assert all(axis.get_xlabel() for axis in figure.axes)
    assert 3.4 <= figure.get_size_inches()[0] <= 7
    assert min(t.get_fontsize() for t in texts(figure)) >= 6.5


def test_cycles_are_the_runs_own() -> None:
    data = even()
    bars, ratios = FIGURES.get("cycles")(data).axes
    assert bars.get_xscale() == "linear"
    assert bar_ends(bars) == [in_order(data, "compute_cycles"), in_order(data, "cycles")]
    assert list(ratios.lines[-1].get_xdata()) == pytest.approx(in_order(data, "ppr"))
    band = next(patch for patch in ratios.patches if "assumed" in str(patch.get_label()))
    assert band.get_extents().x0 == pytest.approx(ratios.transData.transform((2.7, 0))[0])
    assert band.get_extents().x1 == pytest.approx(ratios.transData.transform((3.5, 0))[0])


def test_a_logarithmic_axis_keeps_the_true_ends() -> None:
    data = study()
    bars = FIGURES.get("cycles")(data).axes[0]
    assert bars.get_xscale() == "log"
    assert "log" in bars.get_xlabel()
    compute, total = bar_ends(bars)
    assert compute == pytest.approx(in_order(data, "compute_cycles"))
    assert total == pytest.approx(in_order(data, "cycles"))
    assert bars.get_xlim()[0] <= min(compute)


def test_energy_shares_add_up() -> None:
    data = study()
    totals, shares = FIGURES.get("energy")(data).axes
    factor, unit = unit_of(in_order(data, "energy_pj"), ENERGY)
    assert unit in totals.get_xlabel()
    assert bar_ends(totals)[0] == pytest.approx([pj / factor for pj in in_order(data, "energy_pj")])
    assert bar_ends(shares)[-1] == pytest.approx([100] * len(data.runs))
    assert [str(c.get_label()) for c in shares.containers] == [
        "MAC",
        "register",
        "SRAM",
        "index",
        "leakage",
        "DRAM access",
        "DRAM standby",
    ]


def test_storage_shows_weights_indices_and_accuracy() -> None:
    data = study()
    bars, accuracy = FIGURES.get("storage")(data).axes
    weights, total = bar_ends(bars)
    assert weights == pytest.approx([row["value_bits"] / 8192 for row in data.storage])
    assert total == pytest.approx([(row["value_bits"] + row["index_bits"]) / 8192 for row in data.storage])
    shown = [line.get_xdata()[0] for line in accuracy.lines if line.get_marker() == "o"]
    assert shown == pytest.approx([100 * value for value in data.accuracy.values()])


def test_timeline_has_a_track_for_array_and_transfers() -> None:
    data = study()
    axis = FIGURES.get("timeline")(data).axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == [
        "array",
        *sorted(data.timeline.tracks[1:], key=data.timeline.tracks.index),
    ]  # type: ignore[union-attr]  # it has one
    assert sum(len(c.get_paths()) for c in axis.collections) == len(data.timeline.bars)  # type: ignore[union-attr]  # it has one


def test_fallback_is_marked() -> None:
    figure = FIGURES.get("cycles")(study(3, 8))
    assert any("fallback" in t.get_text() for t in texts(figure))
    assert sum(t.get_text().endswith("†") for t in figure.axes[0].get_yticklabels()) == 3 * 2
    assert not any("fallback" in t.get_text() for t in texts(FIGURES.get("cycles")(study(3, 3))))


def test_a_ratio_may_be_missing() -> None:
    data = study()
    runs = [{**data.runs[0], "ppr": None, "ppr_compute": None}, *data.runs[1:]]
    for name in ("cycles", "ppr"):
        assert render(FIGURES.get(name)(dataclasses.replace(data, runs=runs)))["svg"]


def test_names_are_no_mathematics_and_stay_short() -> None:
    data = study(2, 1)
    names = {"baseline": "a$x_1$b", "nonstructured": "n" * 60}
    data = dataclasses.replace(
        data,
        runs=[{**run, "network": names[run["network"]]} for run in data.runs],
        accuracy={names[name]: value for name, value in data.accuracy.items()},
    )
    figure = FIGURES.get("cycles")(data)
    render(figure)
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert "a$x_1$b" in labels
    assert max(map(len, labels)) <= 26


def test_save_all_writes_whole_files(tmp_path: Path) -> None:
    paths = plots.save_all(study(), tmp_path)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(path.name for path in paths)
    assert {path.stem for path in paths} == {*OF_STUDIES}
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".png":
            width, height = struct.unpack(">II", content[16:24])
            assert width > 300 and height > 200  # noqa: PT018  # one picture
            unit = content.index(b"pHYs") + 4
            assert struct.unpack(">I", content[unit : unit + 4])[0] * 0.0254 >= 150  # dots per inch
        else:
            assert content.rstrip().endswith(b"</svg>")


def test_what_the_data_lack_is_not_drawn(tmp_path: Path) -> None:
    data = dataclasses.replace(study(), storage=[], timeline=None)
    assert {*drawable(data)} == {*OF_STUDIES} - {"storage", "timeline"}
    assert {path.stem for path in plots.save_all(data, tmp_path)} == {*drawable(data)}


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="taken"):
        plots.save_all(study(2, 1), tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_equal_data_give_equal_files() -> None:
    first = dict(rendered(study(2, 1)))
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.hashsalt": "other", "savefig.dpi": 30}):
        again = dict(rendered(study(2, 1)))
    assert first == again
    assert all(b"<dc:date>" not in content for name, content in first.items() if name.endswith(".svg"))


def test_pyplot_stays_out(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import plots; from tests.plots.studies import study;"
        "plots.save_all(study(2, 1), sys.argv[2]); print('matplotlib.pyplot' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(ROOT), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_colours_differ() -> None:
    assert len(set(CYCLE)) == len(CYCLE) >= 6
    assert len(set(OPERAND_COLOURS.values())) == len(OPERAND_COLOURS)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (3.08123, "3.08"), (0.9, "0.900"), (12345.6, "12,346"), (0.00123456, "0.00123"), (float("inf"), "n/a")],
)
def test_digits(value: float, text: str) -> None:
    assert digits(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (999, "999"), (1000, "1.00k"), (43010, "43.0k"), (999_700, "1.00M"), (2.5e9, "2.50G")]
)
def test_counted(value: float, text: str) -> None:
    assert counted(value) == text


def test_ticks_and_units() -> None:
    assert [tick(value) for value in (0, 0.25, 3, 1000, 250_000, 1e9)] == ["0", "0.25", "3", "1k", "250k", "1G"]
    assert unit_of([1, 5e6, 2e7], ENERGY) == (1e6, "µJ")
    assert unit_of([], ENERGY) == (1.0, "pJ")
    assert is_wide([1, 13]) and not is_wide([1, 11, 0]) and not is_wide([])  # noqa: PT018  # one table
    assert shortened("a" * 17 + "b" * 17) == "a" * 17 + "…" + "b" * 8

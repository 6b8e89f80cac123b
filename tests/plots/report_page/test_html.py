"""The page of a study: one file, answer first, every number there, nothing fetched, nothing unescaped."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import plots
from accelsim.errors import OutputError
from plots.numbers import digits
from plots.report_page.html import PLOTLY, Page, Part, asset
from plots.report_page.kinds.study import BY_RUN, FIGURES, study_page
from plots.report_page.networks import networks_table
from tests.plots.report_page.hostile import HOSTILE
from tests.plots.report_page.reading import assert_whole, read
from tests.plots.studies import study

RUNS, LAYERS = "Every network on every machine; a name", "Every layer of every run"


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty picture in place of each figure, for tests of everything else."""
    monkeypatch.setattr("plots.report_page.figures.svg_of", lambda data, name: f"<svg id='{name}'/>".encode())


def page(data: plots.StudyData) -> str:
    return study_page(data).html()


def captions(data: plots.StudyData) -> set[str]:
    """Of the figures that a study's page of few runs shows."""
    known = [plots.FIGURES.get(name) for name in (*BY_RUN, *FIGURES) if name in plots.FIGURES.names()]
    return {drawing.caption for drawing in known if getattr(data, drawing.needs)}


def test_everything_is_there_in_order(tmp_path: Path) -> None:
    data = study(3, 2)
    plots.write_report(data, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    reader = assert_whole(text)
    sections = ["heatmap", "accuracy", "networks", "figures", "runs", "layers", "provenance"]
    places = [text.index(f'<section id="{name}"') for name in sections]
    assert places == sorted(places)
    assert text.index(data.verdict) < text.index("weight reduction: weights of the uncompressed") < places[0]
    assert {image["alt"] for image in reader.images} == captions(data)
    assert len(captions(data)) >= 7
    for said in ("accelsim demo --seed 0", "2.4.6", "clock_mhz"):
        assert said in text


@pytest.mark.usefixtures("plain_figures")
def test_every_number_of_every_run_and_layer() -> None:
    data = study(3, 8)
    reader = assert_whole(page(data))
    numbers = reader.numbers(RUNS)
    assert len(numbers) == len(data.runs)
    pairs = [(row["network"], row["hardware"]) for row in reader.table(RUNS)]
    by_name = dict(zip(pairs, numbers, strict=True))
    for run in data.runs:
        cells = by_name[run["network"], run["hardware"]]
        assert cells["cycles"] == run["cycles"]
        assert cells["stall\ncycles"] == run["stall_cycles"]
        assert cells["energy\nµJ"] == pytest.approx(run["energy_pj"] / 1e6, rel=1e-12)
        assert cells["area\nmm²"] == pytest.approx(run["area_um2"] / 1e6, rel=1e-12)
        assert cells["PPR\ntotal time"] == run["ppr"]
    layers = reader.numbers(LAYERS)
    assert [row["cycles"] for row in layers] == data.layers["cycles"].tolist()
    assert [row["DRAM psum\nbytes"] for row in layers] == data.layers["dram_psum_bytes"].tolist()
    assert [row["energy\nnJ"] * 1e3 for row in layers] == pytest.approx(data.layers["energy_pj"].tolist())


@pytest.mark.usefixtures("plain_figures")
def test_a_cell_of_the_map_a_point_and_a_row_open_the_same_layers() -> None:
    data = study(2, 3)
    reader = read(page(data))
    opens = {value for name, value in reader.attributes if name == "data-open"}
    points = reader.blocks["accuracy-data"]["points"]
    assert len(points) == len(data.runs)
    of = {row["data-of"] for row in reader.rows if "data-of" in row}
    assert opens == {point["opens"] for point in points} == of
    rows = {row["data-key"]: number for number, row in enumerate(r for r in reader.rows if "data-key" in r)}
    for point in points:
        cells = reader.table(RUNS)[rows[point["opens"]]]
        assert point["name"] == f"{cells['network']} on {cells['hardware']}"
        assert f"{point['values']['cycles']:,.0f}" == cells["cycles"]


@pytest.mark.usefixtures("plain_figures")
def test_runs_stand_in_one_table_once() -> None:
    data = study(6, 8)
    reader = read(page(data))
    with_row_a_run = [table for table in reader.tables if len(table) == len(data.runs) + 1]
    assert len(with_row_a_run) == 1
    assert len(reader.images) == 3  # none that has a row a run


@pytest.mark.usefixtures("plain_figures")
def test_hostile_names_stay_names() -> None:
    data = study(1, 1)
    plain = read(page(data))
    for name, seen in HOSTILE.items():
        evil = dataclasses.replace(
            data,
            verdict=name,
            runs=[{**run, "hardware": name, "network": name, "energy_accounting": name} for run in data.runs],
            accuracy={name: 0.9},
            layers=data.layers.assign(hardware=name, network=name, name=name, kind=name),
            storage=[{**row, "network": name} for row in data.storage],
            provenance={name: name, "a": {name: name}, "b": {name: {name: [name]}}, "c": [name],
                        "machines": {name: {"name": name, "description": name}}},
        )  # fmt: skip
        text = page(evil)
        text.encode("utf-8")
        reader = assert_whole(text)
        assert {*reader.tags} <= {*plain.tags, "details", "summary", "pre", "h3"}
        assert reader.tags.count("script") == plain.tags.count("script")
        assert not [attribute for attribute, _ in reader.attributes if attribute.startswith("on")]
        assert reader.table(LAYERS)[0]["layer"] == seen
        assert reader.blocks.get("accuracy-data", {"points": []})["points"] == []  # one run is no scatter


@pytest.mark.usefixtures("plain_figures")
def test_fallback_layers_are_said() -> None:
    text = page(study(2, 8))
    assert "conv1 of baseline" in text
    marked = {row["hardware"] for row in read(text).table(LAYERS) if row["array"].endswith("(fallback)")}
    assert marked == {"lowbit/shift-16x16", "lowbit/xnor-16x16"}
    assert "Every layer ran on its machine" in page(study(2, 3))


def test_networks_table_counts_weights_of_the_uncompressed_network() -> None:
    data = study()
    layers = data.layers
    gone = (layers.network == "structured") & (layers.name == "conv1")
    _, baseline, _, row = read(networks_table(dataclasses.replace(data, layers=layers[~gone]))).tables[0]
    assert baseline[3:5] == ["1.00×", "1.00×"]
    first = layers[(layers.network == "structured") & (layers.hardware == data.machines[0]) & (layers.name == "conv2")]
    assert row[0] == "structured"
    assert row[3] == f"{25500 / first.weights_nonzero.sum():.3g}×"


@pytest.mark.usefixtures("plain_figures")
def test_equal_data_give_equal_pages() -> None:
    assert page(study(2, 2)) == page(study(2, 2))


@pytest.mark.usefixtures("plain_figures")
def test_a_study_without_storage_or_timeline() -> None:
    data = dataclasses.replace(study(2, 1), storage=[], timeline=None, accuracy_rate=(), provenance={})
    reader = assert_whole(page(data))
    assert {image["alt"] for image in reader.images} == captions(data)
    assert plots.FIGURES.get("storage").caption in captions(study(2, 1))
    assert plots.FIGURES.get("timeline").caption not in captions(data)


@pytest.mark.usefixtures("plain_figures")
def test_unwritable(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="taken"):
        plots.write_report(study(2, 1), tmp_path / "taken" / "report.html")


@pytest.mark.usefixtures("plain_figures")
def test_runs_have_the_three_parts_of_energy_and_say_how_the_dram_is_accounted() -> None:
    data = study(1, 2)
    ways = ("energy: on chip + DRAM access (a)", "energy: on chip + DRAM access (b) + DRAM standby (c)")
    runs: list[Any] = [{**run, "energy_accounting": way} for run, way in zip(data.runs, ways, strict=True)]
    text = page(dataclasses.replace(data, runs=runs))
    for run, way in zip(runs, ways, strict=True):
        assert f"<p>{way}: {run['hardware']}.</p>" in text
        for part in ("on_chip", "dram_access", "dram_standby"):
            assert f">{digits(run[f'energy_{part}_pj'] / 1e6)}<" in text
    alike = [{**run, "energy_accounting": ways[0]} for run in data.runs]
    assert f"<p>{ways[0]}.</p>" in page(dataclasses.replace(data, runs=alike))


def test_only_interactive_pages_carry_the_plotting_library() -> None:
    library = asset(PLOTLY)
    assert "</script" not in library
    plain, moving = (Page("t", "a", [Part("p", "P", "<p>x</p>", interactive=which)]).html() for which in (False, True))
    assert library not in plain
    assert library in moving
    assert read(plain).tags.count("script") == 3


def test_parts_without_content_are_left_out() -> None:
    reader = read(Page("t", "a", [Part("none", "None", ""), Part("some", "Some", "<p>x</p>")]).html())
    assert reader.ids == ["some"]
    assert reader.links == ["#some"]

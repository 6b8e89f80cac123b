"""The HTML report: one file, verdict first, every number there, nothing fetched, nothing unescaped."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import plots
from accelsim.errors import OutputError
from plots.numbers import digits
from plots.registry import FIGURES, drawable
from plots.report_page.html import page
from plots.report_page.sections import networks_section, runs_section
from plots.report_page.svg import inline_svg
from plots.report_page.table import Column, key, table
from tests.plots.studies import study

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Reader(HTMLParser):
    """Texts of the cells table by table, identifiers and references; raises where tags do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            self.references += re.findall(r"url\(#([^)]*)\)", value or "")
            if name in {"href", "xlink:href"}:
                self.references.append((value or "").removeprefix("#"))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in {"td", "th"}:
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & {*self.open[-2:]} and self.tables[-1]:
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="module")
def whole_page() -> str:
    """The page of three networks on three machines, its figures drawn."""
    return page(study())


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty pictures in place of the figures, for tests of everything else."""
    picture = b'<?xml version="1.0"?><svg viewBox="0 0 1 1"><path id="p"/></svg>'
    monkeypatch.setattr(
        "plots.report_page.sections.rendered", lambda data: {f"{n}.svg": picture for n in drawable(data)}
    )


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.usefixtures("plain_figures")
def test_everything_is_there_in_order(tmp_path: Path) -> None:
    data = study(3, 8)
    plots.write_report(data, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    reader = read(text)
    places = [
        text.index(mark) for mark in (data.verdict, 'id="networks"', 'id="runs"', 'id="layers"', 'id="provenance"')
    ]
    assert places == sorted(places)
    assert reader.tags.count("svg") == len(FIGURES.names())
    networks, runs, layers = reader.tables[:3]
    assert [row[0] for row in networks[1:]] == data.networks
    assert len(runs) == len(data.runs) + 1
    assert {(row[0], row[1], row[3]) for row in runs[1:]} == {
        (run["network"], run["hardware"], f"{run['cycles']:,}") for run in data.runs
    }
    assert len(layers) == len(data.layers) + 1
    for said in ("accelsim demo --seed 0", "2.4.6", "clock_mhz", "lowbit/xnor-16x16"):
        assert said in text


def test_nothing_is_fetched(whole_page: str) -> None:
    assert "http:" not in whole_page
    assert "https:" not in whole_page
    assert "@import" not in whole_page
    assert not re.search(r"\s(?:src|srcset|data)\s*=", whole_page)
    assert not re.search(r"href\s*=\s*\"[^#]", whole_page)
    assert not re.search(r"url\([^#]", whole_page)
    assert "default-src 'none'" in whole_page


def test_identifiers_are_unique_and_resolve(whole_page: str) -> None:
    reader = read(whole_page)
    assert len(set(reader.ids)) == len(reader.ids)
    assert {*reader.references} <= {*reader.ids}
    assert len(reader.references) > 100


@pytest.mark.usefixtures("plain_figures")
def test_names_are_escaped() -> None:
    data = study(2, 2)
    evil = "<script>alert('x')</script>&\""
    data = dataclasses.replace(
        data,
        verdict=evil,
        runs=[{**run, "hardware": evil if run["hardware"] == "dense/os-16x16" else "m"} for run in data.runs],
        layers=data.layers.assign(hardware=[evil if h == "dense/os-16x16" else "m" for h in data.layers.hardware]),
        provenance={evil: evil, "a": {evil: evil}, "b": {evil: {evil: [evil]}}, "c": [evil], "d": {evil: [evil]}},
    )
    text = page(data)
    assert "<script>alert" not in text
    assert read(text).tags.count("script") == 1


@pytest.mark.usefixtures("plain_figures")
def test_fallback_layers_are_said() -> None:
    text = page(study(2, 8))
    assert "conv1 of baseline" in text
    layers = read(text).tables[2]
    marked = {row[1] for row in layers if row[4].endswith("(fallback)")}
    assert marked == {"lowbit/shift-16x16", "lowbit/xnor-16x16"}
    assert "Every layer ran on its machine" in page(study(2, 3))


def test_networks_table_counts_weights_of_the_uncompressed_network() -> None:
    data = study()
    layers = data.layers
    gone = (layers.network == "structured") & (layers.name == "conv1")
    _, baseline, _, row = read(networks_section(dataclasses.replace(data, layers=layers[~gone]))).tables[0]
    assert baseline[3:5] == ["1.00×", "1.00×"]
    first = layers[(layers.network == "structured") & (layers.hardware == data.machines[0]) & (layers.name == "conv2")]
    assert row[0] == "structured"
    assert row[3] == f"{25500 / first.weights_nonzero.sum():.3g}×"


@pytest.mark.usefixtures("plain_figures")
def test_equal_data_give_equal_pages() -> None:
    assert page(study(2, 2)) == page(study(2, 2))


@pytest.mark.usefixtures("plain_figures")
def test_a_study_without_storage_or_timeline() -> None:
    text = page(dataclasses.replace(study(2, 1), storage=[], timeline=None, provenance={}))
    assert read(text).tags.count("svg") == len(FIGURES.names()) - 2


@pytest.mark.usefixtures("plain_figures")
def test_unwritable(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="taken"):
        plots.write_report(study(2, 1), tmp_path / "taken" / "report.html")


def test_cells_sort_by_value() -> None:
    columns = [Column("name", key("name")), Column("size\nKB", key("size", 1000), lambda value: f"{value:.1f}")]
    text = table("sizes", columns, [{"name": "a<b", "size": 1500}, {"name": None}, {"name": "c", "size": float("inf")}])
    assert "a&lt;b" in text
    assert 'data-sort="1.5">1.5<' in text
    assert text.count('data-sort="">–<') == 2
    assert text.count("<button") == 2


def test_inline_svg_keeps_the_picture_alone() -> None:
    svg = (
        '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "x" "http://www.w3.org/svg.dtd">\n'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://x" width="3pt" height="2pt" viewBox="0 0 3 2">'
        '<metadata><a href="http://y"/></metadata><path id="p" clip-path="url(#c)"/><use xlink:href="#p"/></svg>\n'
    )
    assert inline_svg(svg, "f", 'say "x"') == (
        '<svg viewBox="0 0 3 2" role="img" aria-label="say &quot;x&quot;">'
        '<path id="f-p" clip-path="url(#f-c)"/><use xlink:href="#f-p"/></svg>'
    )


def test_runs_have_the_three_parts_of_energy_and_say_how_the_dram_is_accounted() -> None:
    data = study(1, 2)
    ways = ("energy: on chip + DRAM access (a)", "energy: on chip + DRAM access (b) + DRAM standby (c)")
    runs = [{**run, "energy_accounting": way} for run, way in zip(data.runs, ways, strict=True)]
    text = runs_section(dataclasses.replace(data, runs=runs))
    for run, way in zip(runs, ways, strict=True):
        assert f"<p>{way}: {run['hardware']}.</p>" in text
        for part in ("on_chip", "dram_access", "dram_standby"):
            assert f">{digits(run[f'energy_{part}_pj'] / 1e6)}<" in text
    alike = [{**run, "energy_accounting": ways[0]} for run in data.runs]
    assert f"<p>{ways[0]}.</p>" in runs_section(dataclasses.replace(data, runs=alike))

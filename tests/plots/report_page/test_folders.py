"""Pages of what run, compare, sweep and study leave: found by their files, their numbers those of the files."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

import plots
from accelsim.errors import FileFormatError, MissingFileError
from explore.cli import app
from plots.report_page.columns import LAYERS
from plots.report_page.folder import page_of
from tests.plots.report_page.folders import POINTS, point, swept
from tests.plots.report_page.hostile import HOSTILE
from tests.plots.report_page.reading import assert_whole, read

LAYER_KEYS = {
    "cycles": ("cycles", 1), "compute\ncycles": ("compute_cycles", 1), "stall\ncycles": ("stall_cycles", 1),
    "utilization": ("utilization", 1), "weights\nnonzero": ("weights_nonzero", 1),
    "DRAM ifmap\nbytes": ("dram_ifmap_bytes", 1), "DRAM weight\nbytes": ("dram_weight_bytes", 1),
    "energy\nnJ": ("energy_pj", 1e3), "DRAM standby\nnJ": ("energy_dram_standby_pj", 1e3),
}  # fmt: skip


def accelsim(*args: object) -> str:
    result = CliRunner().invoke(app, [*map(str, args)])
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    accelsim("run", "lenet5", "--hw", "sparse/eie-64pe", "--density", 0.2, "--out", out, "--html")
    return out


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compare")
    machines = ("--hw", "dense/os-16x16", "--hw", "sparse/csr-rows-16x16")
    accelsim("compare", "lenet5", *machines, "--density", 0.1, "--out", out, "--html")
    return out


def test_a_run(ran: Path) -> None:
    text, report = (ran / "report.html").read_text(), json.loads((ran / "report.json").read_text())
    reader = assert_whole(text)
    assert f"{report['cycles']:,} cycles" in text
    assert [row["layer"] for row in reader.table("Every layer")] == [row["name"] for row in report["layers"]]
    for cells, row in zip(reader.numbers("Every layer"), report["layers"], strict=True):
        for heading, (key, factor) in LAYER_KEYS.items():
            assert cells[heading] == pytest.approx(row[key] / factor, rel=1e-12), heading
    (total,) = reader.numbers("The whole run")
    assert total["cycles"] == report["cycles"]
    assert total["DRAM access\nµJ"] == pytest.approx(report["energy_dram_access_pj"] / 1e6)
    (machine,) = reader.table("Machines")
    assert "against eie_rtl" in machine["validated"] or machine["validated"].startswith("against ")
    assert report["figures"] == machine["energy and area figures"]
    assert "ddr4-2400" in machine["DRAM"]
    assert "accelsim run lenet5 --hw sparse/eie-64pe --density 0.2" in text
    assert report["energy_accounting"][1:] in text
    assert len(reader.images) >= 3


def test_every_column_of_layers_that_a_run_has_is_shown(ran: Path) -> None:
    rows = json.loads((ran / "report.json").read_text())["layers"]
    headings = {column.heading for column in LAYERS if any(column.value(row) not in (None, "") for row in rows)}
    assert {*read((ran / "report.html").read_text()).table("Every layer")[0]} == headings


def test_a_page_is_made_again_from_the_files_alone(ran: Path, compared: Path) -> None:
    for folder in (ran, compared):
        before = (folder / "report.html").read_bytes()
        (folder / "report.html").unlink()
        assert accelsim("report", folder).strip() == str(folder / "report.html")
        assert (folder / "report.html").read_bytes() == before


def test_a_comparison(compared: Path) -> None:
    reader = assert_whole((compared / "report.html").read_text())
    with (compared / "compare.csv").open() as file:
        table = list(csv.DictReader(file))
    numbers = reader.numbers("Every machine")
    for cells, row in zip(numbers, table, strict=True):
        assert cells["cycles"] == float(row["cycles"])
        assert cells["β"] == float(row["dense_beta"])
        assert cells["β against\nthe first"] == float(row["first_beta"])
        assert cells["PPR\ntotal time"] == float(row["dense_ppr"])
        assert cells["energy\nµJ"] == pytest.approx(float(row["energy_pj"]) / 1e6)
    reports = [json.loads(path.read_text()) for path in sorted(compared.glob("*/report.json"))]
    layers = [(report["hardware"], row["name"], f"{row['cycles']:,}") for report in reports for row in report["layers"]]
    assert [(row["hardware"], row["layer"], row["cycles"]) for row in reader.table("Every layer")] == layers
    assert [point["opens"] for point in reader.blocks["tradeoff-data"]["points"]] == ["run0", "run1"]


def test_a_comparison_of_mixed_files_is_refused(compared: Path, tmp_path: Path) -> None:
    (tmp_path / "compare.csv").write_bytes((compared / "compare.csv").read_bytes())
    with pytest.raises(FileFormatError, match="one `accelsim compare --out`"):
        plots.write_page(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_page_needs_a_folder() -> None:
    result = CliRunner().invoke(app, ["run", "lenet5", "--hw", "dense/os-16x16", "--html"])
    assert result.exit_code == 2
    assert "--out DIR" in result.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cycles": "many"}, "cycles"),
        ({"layers": [{"name": "a"}]}, r"layers\[0\].kind"),
        ({"configuration": 3}, "configuration"),
    ],
)
def test_a_broken_report_of_a_run_is_refused(ran: Path, tmp_path: Path, change: dict[str, object], says: str) -> None:
    content = json.loads((ran / "report.json").read_text()) | change
    (tmp_path / "report.json").write_text(json.dumps(content))
    with pytest.raises(FileFormatError, match=says):
        page_of(tmp_path)


def test_figures_draw_half_a_pair(ran: Path, tmp_path: Path) -> None:
    content = json.loads((ran / "report.json").read_text()) | {"workload": "half \ud800 pair"}
    (tmp_path / "report.json").write_text(json.dumps(content))
    assert len(read(plots.write_page(tmp_path).read_text()).images) >= 3


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_a_run_stay_names(
    ran: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plots.report_page.figures.svg_of", lambda data, figure: b"<svg/>")
    content = json.loads((ran / "report.json").read_text())
    layers = [{**row, "name": name, "kind": name} for row in content["layers"]]
    content |= {"workload": name, "hardware": name, "layers": layers, "remarks": [name], "energy_accounting": name}
    content["configuration"] |= {"name": name, "description": name, "source": name}
    (tmp_path / "report.json").write_text(json.dumps(content))
    (tmp_path / "provenance.json").write_text(json.dumps({"command": name, name: {name: name}}))
    reader = assert_whole(plots.write_page(tmp_path).read_text())
    assert {*reader.tags} <= {*read((ran / "report.html").read_text()).tags}
    assert not [attribute for attribute, _ in reader.attributes if attribute.startswith("on")]
    assert reader.table("Every layer")[0]["layer"] == HOSTILE[name]


def test_a_sweep(tmp_path: Path) -> None:
    text = plots.write_page(swept(tmp_path, POINTS, {"accelsim": "0.9", "seed": "3"})).read_text()
    reader = assert_whole(text)
    assert "5 points: 4 done, 1 infeasible. Fewest cycles: 900 with array.rows 64; least energy" in text
    assert "3 of them are on the Pareto front of cycles, energy and area." in text
    rows = reader.table("Every point")
    assert [(row["point"], row["front"]) for row in rows] == [("0", "yes"), ("1", "yes"), ("4", "yes"), ("2", "–")]
    for cells, number in zip(reader.numbers("Every point"), (0, 1, 4, 2), strict=True):
        assert cells["array.rows"] == json.loads(POINTS[number]["settings"])["array.rows"]
        assert cells["cycles"] == POINTS[number]["cycles"]
        assert cells["energy\nµJ"] == pytest.approx(POINTS[number]["energy_pj"] / 1e6)
        assert cells["area\nmm²"] == pytest.approx(POINTS[number]["area_um2"] / 1e6)
    (gone,) = reader.table("Points without numbers")
    assert (gone["point"], gone["array.rows"], gone["why"]) == ("3", "64", "a tile of 80 KiB does not fit")
    points = reader.blocks["pareto-data"]["points"]
    assert [one["values"]["cycles"] for one in points] == [4000, 2000, 2100, 900]
    assert points[1]["facts"]["its layers"] == (
        "accelsim run lenet5 --hw dense/os-16x16 --set array.rows=16 --set dram.gbps=8.5"
    )
    assert "<dt>seed</dt><dd><code>3</code></dd>" in text
    assert [row["machine"] for row in reader.table("Machines")] == ["os-16x16"]


def test_what_a_sweep_leaves_out_of_its_numbers_stands_above_them(tmp_path: Path) -> None:
    folder = swept(tmp_path, POINTS)
    with closing(sqlite3.connect(folder / "results.sqlite")) as base:
        base.execute("ALTER TABLE points ADD COLUMN not_simulated TEXT NOT NULL DEFAULT ''")
        base.execute("UPDATE points SET not_simulated = 'not simulated: head' WHERE id > 1")
        base.commit()
    text = plots.write_page(folder).read_text()
    assert text[: text.index("<main>")].count('<p class="warning">not simulated: head</p>') == 1


def test_a_sweep_without_a_done_point(tmp_path: Path) -> None:
    text = plots.write_page(swept(tmp_path / "none", [point(0, 8, None)])).read_text()
    assert "1 point, none of them done (1 infeasible)" in text
    assert "plotly.js" not in text
    assert "0 points, none of them done" in plots.write_page(swept(tmp_path / "empty", [])).read_text()


def test_a_search_is_told_by_its_own_goals(tmp_path: Path) -> None:
    asked = {"minimize": ["cycles"], "maximize": ["dram.gbps"], "constraints": ["area_um2 <= 20000"], "sampler": "tpe"}
    shares = {"cycles": {"array.rows": 0.75, "dram.gbps": 0.25}}
    facts = {"search": json.dumps(asked), "importances": json.dumps(shares)}
    text = plots.write_page(swept(tmp_path, POINTS, facts)).read_text()
    reader = read(text)
    assert "1 of the 2 that keep area_um2 &lt;= 20000 are on the Pareto front of cycles and dram.gbps" in text
    assert "Fewest cycles: 2,000 with array.rows 16" in text
    assert [row["point"] for row in reader.table("Every point") if row["front"] == "yes"] == ["1"]
    assert [row["cycles"] for row in reader.table("Share of each field")] == ["75.00 %", "25.00 %"]
    assert len(reader.blocks["pareto-data"]["points"]) == 2


@pytest.mark.parametrize("asked", [3, {"minimize": ["cycles"]}, {"minimize": [], "maximize": [], "constraints": ["x"]}])
def test_a_search_that_somebody_changed_is_one_line(tmp_path: Path, asked: object) -> None:
    with pytest.raises(FileFormatError, match="hold the search"):
        plots.write_page(swept(tmp_path, POINTS, {"search": json.dumps(asked)}))


def test_a_sweep_that_is_still_written_to(tmp_path: Path) -> None:
    folder = swept(tmp_path, POINTS[:3])
    with closing(sqlite3.connect(folder / "results.sqlite")) as writer:
        writer.execute("DELETE FROM points WHERE id = 0")
        assert "3 points" in plots.write_page(folder).read_text()
        writer.commit()
    assert "2 points" in plots.write_page(folder).read_text()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_a_sweep_stay_names(tmp_path: Path, name: str) -> None:
    spoken = name.encode("utf-8", "replace").decode()  # SQLite holds UTF-8 alone
    settings = json.dumps({name: 8, "array.rows": name})
    rows = [{**one, "workload": spoken, "settings": settings} for one in POINTS]
    rows[3]["error"] = spoken
    plain = read(plots.write_page(swept(tmp_path / "plain", POINTS, {"a": "b"})).read_text())
    reader = assert_whole(plots.write_page(swept(tmp_path / "evil", rows, {spoken: spoken})).read_text())
    assert {*reader.tags} <= {*plain.tags}
    assert reader.tags.count("script") == plain.tags.count("script")
    assert not [attribute for attribute, _ in reader.attributes if attribute.startswith("on")]
    assert reader.table("Every point")[0]["array.rows"] == HOSTILE[name]
    assert reader.blocks["pareto-data"]["points"][0]["facts"][HOSTILE[name]] == "8"


@pytest.mark.parametrize(
    "content", [b"", b"no database, though long enough to be looked at", b"SQLite format 3\x00rest"]
)
def test_broken_results_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "results.sqlite").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"results\.sqlite"):
        page_of(tmp_path)


def test_broken_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="point 0"):
        page_of(swept(tmp_path, [{**POINTS[0], "settings": "[1"}]))


def test_a_shipped_study(tmp_path: Path) -> None:
    facts = {"verdict": "It pays.", "findings": ["<b> one", "two"], "versions": {"numpy": "2"}, "quick": True,
             "break_even_rate": [{"design": "csr", "rate": 2.5}, {"design": "eie", "rate": None}]}  # fmt: skip
    (tmp_path / "study.json").write_text(json.dumps(facts))
    (tmp_path / "points.csv").write_text("design,ppr\ncsr,1.25\neie,\n")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "ppr_rates.svg").write_text("<svg><script>alert(1)</script></svg>")
    text = plots.write_page(tmp_path).read_text()
    reader = assert_whole(text)
    assert [(row["design"], row["ppr"]) for row in reader.table("2 points")] == [("csr", "1.250"), ("eie", "–")]
    assert [row["rate"] for row in reader.table("break even rate")] == ["2.500", "–"]
    assert "&lt;b&gt; one" in text
    assert [image["alt"] for image in reader.images] == ["ppr rates"]
    assert "alert(1)" not in text


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"holds none of results\.sqlite"):
        page_of(tmp_path)
    with pytest.raises(MissingFileError, match="not there"):
        page_of(tmp_path / "none")

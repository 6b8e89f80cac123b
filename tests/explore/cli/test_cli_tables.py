"""Tables at every width: no digit is lost, no line is wider than the terminal where it can be helped."""

import re
from collections import Counter

import pytest
from typer.testing import CliRunner

import accelsim
import explore.demo.study
import workloads
from accelsim.analysis.runs import Study, compare
from explore.cli import app, energy_tables, output
from explore.cli import compare as compare_command
from explore.cli import compress as compress_command
from explore.cli import diff as diff_command
from explore.cli import hw as hw_command
from explore.cli import reproduce as reproduce_command
from explore.cli import run as run_command
from explore.cli import workload as workload_command
from explore.cli.table_layout import Column, widths
from explore.recipes.compressing import Compressed, CompressedLayer

WIDTHS = (60, 72, 80, 100, 120, 200, None)  # None: a pipe
STYLES = re.compile("\x1b\\[[0-9;]*m")
MODULES = (
    energy_tables, compare_command, compress_command, diff_command, hw_command, reproduce_command, run_command,
    workload_command, explore.demo.study,
)  # fmt: skip
THREE = ("dense/os-16x16", "sparse/csr-rows-16x16-resident", "sparse/eie-64pe", "lowbit/bitserial-16x16x64")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The arguments of print_table for the tables of all commands."""
    folder, found = tmp_path_factory.mktemp("tables"), []
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(module, "print_table", lambda *args, **more: found.append(_copied(args, more)))
        machines = [part for name in THREE for part in ("--hw", name)]
        for command in (
            ["run", "lenet5", "--hw", "dense/os-16x16", "--out", folder / "a"],
            ["run", "lenet5", "--hw", "dense/ws-16x16", "--out", folder / "b"],
            ["compare", "lenet5", *machines, "--density", "0.1"],
            ["diff", folder / "a" / "report.json", folder / "b" / "report.json"],
            ["hw", "list"],
            ["hw", "show", "published/scnn", "--energy"],
            ["workload", "list"],
            ["workload", "show", "resnet18"],
            ["reproduce", "XIV"],
        ):
            result = CliRunner().invoke(app, list(map(str, command)))
            assert result.exit_code == 0, result.stderr
        compress_command._show(_compressed(folder))
        explore.demo.study._tell(output.make_console(), _demo(), "a verdict", folder)
    return found


def _copied(args, more):
    title, columns, rows, *others = args
    return (title, columns, [tuple(row) for row in rows], *others), more


def _compressed(folder):
    layer = CompressedLayer("features.conv1", "conv", 1_234_567, 95_573, "pow2", 8, 16, True)
    return Compressed("lenet5", "lenet5-inq-quick", 0, folder, 0.99, 0.98, (layer, layer))


def _demo():
    networks = {"baseline": workloads.load("lenet5"), "nonstructured": workloads.load("lenet5", density=0.1)}
    machines = [accelsim.load_hardware(name) for name in THREE[:2]]
    return Study(compare(networks, machines), dict.fromkeys(networks, 0.9817), {})


def printed(table, width, capsys, monkeypatch) -> str:
    """What print_table says in a terminal of so many columns."""
    if width is not None:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
    args, more = table
    output.print_table(*args, **more)
    return STYLES.sub("", capsys.readouterr().out)


def test_the_tables_of_every_command_are_here(tables):
    titles = " ".join(args[0] for args, _ in tables)
    for part in ("lenet5 on os-16x16", "on 4 machines", "->", "machines", "energy of", "sources", "workloads",
                 "resnet18", "XIV", "seed 0", "Compression on hardware"):  # fmt: skip
        assert part in titles


@pytest.mark.parametrize("width", WIDTHS)
def test_every_word_of_every_cell_stands_whole(tables, width, capsys, monkeypatch):
    for table in tables:
        (_, columns, rows, *_), _ = table
        expected = Counter(word for row in rows for cell in row for word in str(cell).split())
        assert sum(expected.values()) >= len(rows)
        text = printed(table, width, capsys, monkeypatch)
        lost = expected - Counter(text.split())
        assert not lost, (columns, width, lost)


@pytest.mark.parametrize("width", WIDTHS[:-1])
def test_numbers_stand_on_one_line_and_no_line_is_too_wide(tables, width, capsys, monkeypatch):
    for (title, columns, rows, wraps, *_), more in tables:
        text = printed(((title, columns, rows, wraps), more), width, capsys, monkeypatch)
        lines = text.removeprefix(title).splitlines()
        for place, heading in enumerate(columns):
            if heading.startswith(">"):
                cells = {str(row[place]) for row in rows}
                assert all(any(cell in line for line in lines) for cell in cells)
        longest_word = max(len(word) for row in rows for cell in row for word in str(cell).split())
        assert max(map(len, lines)) <= max(width, longest_word + 40)
        if longest_word < width / 3:
            assert max(map(len, lines)) <= width


def test_a_pipe_has_each_row_on_one_line(tables, capsys, monkeypatch):
    compared = next(table for table in tables if "on 4 machines" in table[0][0])
    lines = printed(compared, None, capsys, monkeypatch).splitlines()
    for row in compared[0][2]:
        assert any(all(str(cell) in line for cell in row) for line in lines)


def test_columns_go_on_below_behind_their_key(capsys, monkeypatch):
    row = ("conv1", *("95,573" for _ in range(8)))
    table = (("title", ("layer", *(f">cycles of {i}" for i in range(8))), [row], ()), {})
    text = printed(table, 60, capsys, monkeypatch)
    assert text.count("conv1") == text.count("layer") == 2
    assert text.count("95,573") == 8


def test_a_table_without_room_beside_its_key_is_stacked(capsys, monkeypatch):
    name = "features.0.block.1.very.long.name/of_a_layer/Conv"
    rows = [(name, "1,234,567,890"), ("b", "2")]
    text = printed((("title", ("layer", ">cycles"), rows, ()), {}), 60, capsys, monkeypatch)
    assert text.split("\n\n")[0].splitlines()[0] == "title"
    assert f"layer   {name}\ncycles  1,234,567,890\n\nlayer   b\ncycles  2\n" in text


def test_texts_take_the_room_that_numbers_leave():
    number, text = Column("cycles", True, 8, 8), Column("text", False, 10, 30)
    assert widths([number, text], 30) == [8, 17]
    assert widths([number, text], 100) == [8, 30]
    assert widths([number, text], 1) == [8, 10]

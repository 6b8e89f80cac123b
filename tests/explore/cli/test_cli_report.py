"""`accelsim report`: the page and figures of a folder drawn again; bad folders stay as they are."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from explore.cli import app
from tests.plots.studies import study, write


def invoke(*args: object):
    return CliRunner().invoke(app, ["report", *map(str, args)])


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def test_page_and_figures_are_rebuilt_byte_for_byte(tmp_path):
    folder = write(study(networks=2, machines=2), tmp_path / "demo")
    given = files(folder)
    result = invoke(folder)
    assert result.exit_code == 0, result.stderr
    assert str(folder / "report.html") in result.stdout
    once = files(folder)
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".png", ".svg"}
    assert given.items() <= once.items()
    for path in (folder / "figures").iterdir():
        path.unlink()
    (folder / "report.html").write_text("stale")
    assert invoke(folder).exit_code == 0
    assert files(folder) == once


def refused(folder: Path, *args: object) -> str:
    before = files(folder)
    result = invoke(*args)
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert files(folder) == before
    return result.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [("none", "none"), ("empty", "report.json"), ("file", "a file"), ("file/x", "file/x"), ("", "report.json")],
)
def test_a_folder_that_is_no_study_is_refused(tmp_path, monkeypatch, name, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    message = refused(tmp_path, name)
    assert says in message


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"runs": 3}', '{"runs": []}', "\x00"])
def test_a_broken_report_is_refused(tmp_path, content):
    folder = write(study(networks=2, machines=1), tmp_path / "demo")
    (folder / "report.json").write_text(content)
    assert "report.json" in refused(tmp_path, folder)


def test_a_broken_layer_table_is_refused(tmp_path):
    folder = write(study(networks=2, machines=1), tmp_path / "demo")
    (folder / "layers.csv").write_text("network,hardware\n")
    assert "layers.csv" in refused(tmp_path, folder)


@pytest.mark.parametrize("taken", ["report.html", "figures"])
def test_what_is_in_the_way_is_told_before_anything_is_drawn(tmp_path, monkeypatch, taken):
    folder = write(study(networks=2, machines=1), tmp_path / "demo")
    if taken == "figures":
        (folder / taken).write_text("x")
    else:
        (folder / taken).mkdir()
    monkeypatch.setattr("plots.saving.rendered", lambda *_: pytest.fail("drawn"))
    assert taken in refused(tmp_path, folder)


def test_the_argument_is_needed_and_the_help_has_an_example(tmp_path):
    assert "DIR" in refused(tmp_path)
    assert "Example: accelsim report out/demo" in invoke("--help").stdout

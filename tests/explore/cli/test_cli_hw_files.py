"""`accelsim hw new` and `hw validate`: files that load, and everything that is wrong with one that does not."""

import json

import pytest
import yaml
from typer.testing import CliRunner

import accelsim
from accelsim.energy.area import machine_area
from explore.cli import app

BAD = "nme: x\narray: {kind: systolic, rows: 0, colls: 3}\nclock_mhz: fast\ndram: {model: bandwith}\n"


def invoke(*args: object):
    return CliRunner().invoke(app, [str(a) for a in args])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("like", ["dense/os-32x32", "published/scnn", "lowbit/xnor-16x16x64", "published/eyeriss"])
def test_a_new_file_loads_as_what_it_began_as(place, like):
    result = invoke("hw", "new", "mine", "--from", like)
    assert result.exit_code == 0, result.stderr
    assert accelsim.load_hardware("mine.yaml") == accelsim.load_hardware(like, name="mine")
    text = (place / "mine.yaml").read_text()
    assert "accelsim hw validate mine.yaml" in text
    assert all("#" in line for line in text.splitlines() if line.startswith("  "))
    assert invoke("hw", "validate", "mine.yaml").stdout.startswith("ok: mine, ")


def test_every_field_of_the_array_stands_in_it_with_bounds(place):
    invoke("hw", "new", "mine")
    text = (place / "mine.yaml").read_text()
    assert set(yaml.safe_load(text)["array"]) == set(accelsim.load_hardware("mine.yaml").array.model_dump())
    assert "rows: 32                        # whole number from 1: PEs from top to bottom" in text
    assert "# fallback:" in text


def test_it_never_overwrites_and_refuses_odd_names(place):
    assert invoke("hw", "new", "mine.yaml").stdout == "wrote mine.yaml, which began as dense/os-32x32\n"
    (place / "mine.yaml").write_text("mine\n")
    for name, part in (("mine", "is there already"), ("../x", "no name"), ("a/b", "no name"), ("", "no name")):
        result = invoke("hw", "new", name)
        assert (result.exit_code, result.stdout) == (2, "")
        assert part in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert "did you mean 'dense/os-32x32'" in invoke("hw", "new", "other", "--from", "dense/os-32x3").stderr
    assert [path.name for path in place.iterdir()] == ["mine.yaml"]
    assert (place / "mine.yaml").read_text() == "mine\n"


def test_what_is_right_has_peaks_area_and_the_source_of_its_energies():
    machine = accelsim.load_hardware("dense/os-32x32")
    lines = invoke("hw", "validate", "dense/os-32x32").stdout.splitlines()
    um2 = sum(machine_area(machine, 8, 8).values())
    assert lines[0] == "ok: os-32x32, systolic, 1,024 MACs a cycle at best"
    assert lines[1] == "peak: 1.02 TOPS at 500 MHz, two operations a MAC"
    assert lines[2] == "DRAM: 19.28 GB/s (bank)"
    assert lines[3].startswith(f"area: {um2 / 1e6:.3f} mm² at 8 bits = array ")
    assert "shipped figures at 45 nm" in lines[4]
    assert "the commands of ddr4-2400" in lines[5]
    content = json.loads(invoke("hw", "validate", "dense/os-32x32", "--json").stdout)
    assert (content["valid"], content["faults"], content["peak_tops"]) == (True, [], 1.024)
    assert content["area_um2_total"] == um2


def test_a_machine_without_a_timed_dram_has_no_rate(place):
    (place / "m.yaml").write_text("name: m\narray: {kind: eie}\n")
    assert "DRAM: no limit (ideal)" in invoke("hw", "validate", "m.yaml").stdout
    assert json.loads(invoke("hw", "validate", "m.yaml", "--json").stdout)["peak_gbps"] is None


def test_everything_that_is_wrong_is_listed_at_once(place):
    (place / "bad.yaml").write_text(BAD)
    result = invoke("hw", "validate", "bad.yaml")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: hardware 'bad.yaml': 6 faults, of which the first is: unknown key 'nme'; did you mean 'name'?\n"
    )
    assert result.stdout.splitlines()[0] == "unknown key 'nme'; did you mean 'name'?"
    assert "unknown key 'array.colls'; did you mean 'cols'?" in result.stdout
    assert "dram.model is 'bandwith'; did you mean 'bandwidth'?" in result.stdout
    assert len(result.stdout.splitlines()) == 6
    quiet = invoke("hw", "validate", "bad.yaml", "--json")
    assert quiet.exit_code == 2
    content = json.loads(quiet.stdout)
    assert (content["valid"], content["faults"]) == (False, result.stdout.splitlines())


def test_one_fault_is_one_line_and_a_file_that_is_none_too(place):
    (place / "bad.yaml").write_text("name: m\narray: {kind: systolic, roows: 3}\n")
    result = invoke("hw", "validate", "bad.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: hardware 'bad.yaml': unknown key 'array.roows'; did you mean 'rows'?\n"
    assert "is not there" in invoke("hw", "validate", "none.yaml").stderr

"""Whatever a user gets wrong: exit code 2, one line on stderr that names it, nothing written, nothing executed."""

import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import accelsim
from explore.cli import app

GOOD = {
    "name": "good",
    "clock_mhz": 500,
    "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"},
    "buffers": {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 64},
    "dram": {"model": "bandwidth", "gbps": 12.8, "latency_cycles": 60},
}
TOPOLOGY = "Layer, M, N, K,\na, 2, 3, 4,\n"
RUN = ("run", "lenet5", "--hw")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a good machine and a good topology, which is the working directory."""
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(GOOD))
    (tmp_path / "good.csv").write_text(TOPOLOGY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def refused(folder: Path, *args: object, code: int = 2) -> str:
    """The line that a command says; it must be one, end with `code` and leave the folder as it was."""
    before = files(folder)
    result = CliRunner().invoke(app, [str(a) for a in args])
    lines = result.stderr.splitlines()
    assert result.exit_code == code, result.stderr or result.stdout
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert len(lines[0]) < 1000
    assert result.stdout == ""
    assert files(folder) == before
    return lines[0]


def test_the_good_ones_are_accepted(place):
    assert CliRunner().invoke(app, ["run", "good.csv", "--hw", "good.yaml"]).exit_code == 0
    assert CliRunner().invoke(app, ["hw", "validate", "good.yaml"]).exit_code == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["frobnicate"], "frobnicate"),
        (["runn"], "'run'"),
        (["hw"], "command"),
        (["hw", "lst"], "list"),
        (["run"], "WORKLOAD"),
        (["run", "lenet5"], "--hw"),
        (["run", "lenet5", "--hw"], "--hw"),
        (["run", "lenet5", "extra", "--hw", "good.yaml"], "extra"),
        ([*RUN, "good.yaml", "--frob"], "--frob"),
        ([*RUN, "good.yaml", "--batch", "many"], "--batch"),
        ([*RUN, "good.yaml", "--batch", "0"], "--batch"),
        ([*RUN, "good.yaml", "--batch", "9" * 40], "batch"),
        ([*RUN, "good.yaml", "--density", "2"], "--density"),
        ([*RUN, "good.yaml", "--density", "nan"], "density"),
        ([*RUN, "good.yaml", "--weight-bits", "33"], "--weight-bits"),
        ([*RUN, "good.yaml", "--activation-bits", "0"], "--activation-bits"),
        (["run", "good.csv", "--hw", "good.yaml", "--verify"], "verify"),
        (["hw", "show"], "NAME"),
        (["hw", "show", "dense/os-32x33"], "dense/os-32x32"),
        (["hw", "validate"], "FILE"),
        (["hw", "validate", "none.yaml"], "none.yaml"),
        (["hw", "validate", "."], "folder"),
        (["hw", "validate", "x" * 5000], "unknown hardware"),
        (["workload", "show", "lenet6"], "lenet5"),
        (["workload", "show", "none.npz"], "none.npz"),
        (["workload", "show", "x" * 5000], "workload"),
        (["run", "lenet6", "--hw", "good.yaml"], "lenet5"),
        (["run", "good.yaml", "--hw", "good.yaml"], ".yaml"),
        (["run", ".", "--hw", "good.yaml"], "manifest"),
        ([*RUN, "good.csv"], "good.csv"),
        ([*RUN, "dense/os-32x23"], "dense/os-32x32"),
        ([*RUN, "none.yaml"], "none.yaml"),
        ([*RUN, "good.yaml/hw.yaml"], "good.yaml"),
        (["demo", "--seed", "-1"], "--seed"),
        (["demo", "--out", "good.csv"], "good.csv"),
        (["demo", "--out", "good.csv/out"], "good.csv"),
    ],
)
def test_wrong_commands_options_and_names(place, args, says):
    assert says.lower() in refused(place, *args).lower()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("array.rows", "FIELD=VALUE"),
        ("=8", "FIELD=VALUE"),
        ("", "FIELD=VALUE"),
        ("array..rows=8", "array..rows"),
        ("array.rows=", "rows"),
        ("array.rows=0", "rows"),
        ("array.rows=eight", "rows"),
        ("array.rows=8.5", "rows"),
        ("array.rows=[8]", "rows"),
        ("array.rows=[8", "YAML"),
        ("array.rows=8\nname: x", "more than one"),
        ("array.rows=*x", "alias"),
        ("array.rows=!!python/name:os.system", "tag"),
        ("array.roows=8", "rows"),
        ("arary.rows=8", "array"),
        ("array.kind=systolik", "systolic"),
        ("array.rows.deep=8", "array.rows"),
        ("clock_mhz=-1", "clock_mhz"),
        ("clock_mhz=.inf", "clock_mhz"),
        ("dram.gbps=fast", "gbps"),
        ("buffers.ifmap_kib=0.0001", "ifmap_kib"),
    ],
)
def test_wrong_settings(place, setting, says):
    assert says in refused(place, *RUN, "good.yaml", "--set", setting, "--out", "out")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing"),
        ("[1, 2]", "list"),
        ("array: {kind: systolic", "not valid YAML at line"),
        ("array: &a {kind: *a}", "alias"),
        ("name: !!python/object/apply:os.system ['touch executed']", "tag"),
        ("{a: " * 5000 + "1" + "}" * 5000, "nested"),
        ("name: " + "x" * 2**20, "bytes"),
        ("name: x\nname: y\narray: 3\n", "array"),
        ("\x00\x01", ""),
        (yaml.safe_dump(GOOD | {"colour": "red"}), "colour"),
        (yaml.safe_dump(GOOD | {"array": {"kind": "systolic", "rows": -1, "cols": 8, "dataflow": "os"}}), "rows"),
        (yaml.safe_dump(GOOD | {"array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "up"}}), "dataflow"),
        (yaml.safe_dump({"name": "bare"}), "array"),
    ],
)
def test_wrong_hardware_files(place, text, says):
    (place / "bad.yaml").write_text(text)
    assert says in refused(place, "hw", "validate", "bad.yaml")
    assert says in refused(place, *RUN, "bad.yaml", "--out", "out")


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("w.csv", b"", "empty"),
        ("w.csv", b"\xff\xfe\x00", "UTF-8"),
        ("w.csv", TOPOLOGY.encode() + b"b, 2, -3, 4,\n", "line 3: column 'N'"),
        ("w.npz", b"", "npz"),
        ("w.npz", b"PK\x03\x04", "npz"),
        ("w.pt", b"x", ".pt"),
        ("w", b"x", "unknown ending"),
    ],
)
def test_wrong_workload_files(place, name, data, says):
    (place / name).write_bytes(data)
    assert says in refused(place, "run", name, "--hw", "good.yaml", "--out", "out")
    assert says in refused(place, "workload", "show", name)


def test_nan_weights_are_named_with_their_place(place):
    weight = np.zeros((2, 3))
    weight[1, 2] = np.nan
    accelsim.Workload(
        "w", [accelsim.GemmTrace("a", weight=np.ones((2, 3), int), activation=np.ones((1, 3), int))]
    ).save("w.npz")
    with np.load("w.npz") as stored:
        arrays = dict(stored)
    np.savez("w.npz", **(arrays | {"0.weight": weight}))
    assert "nan at (1, 2)" in refused(place, "run", "w.npz", "--hw", "good.yaml", "--out", "out")


@pytest.mark.parametrize("out", ["good.csv", "good.csv/out", "taken"])
def test_an_out_that_cannot_be_is_refused_before_the_simulation(place, out, monkeypatch):
    (place / "taken" / "report.json").mkdir(parents=True)
    monkeypatch.setitem(vars(accelsim), "simulate", lambda *_, **__: pytest.fail("simulated"))
    assert out in refused(place, *RUN, "good.yaml", "--out", out)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(place):
    (place / "locked").mkdir(mode=0o500)
    assert "permission" in refused(place, *RUN, "good.yaml", "--out", "locked/out")


def test_a_failed_write_leaves_neither_file(place, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    (place / "out").mkdir()
    monkeypatch.setattr("accelsim.results.report.Report.to_json", full)
    assert "No space" in refused(place, *RUN, "good.yaml", "--out", "out")


@pytest.mark.parametrize(
    "setting",
    [
        "array.rows=1000000000",
        "array.cols=1" + "0" * 30,
        "dram.gbps=1.0e+300",
        "buffers.ifmap_kib=1000000000000000",
        "dram.latency_cycles=1000000000000000",
        "vector.lanes=1000000000000000000",
    ],
)
@pytest.mark.parametrize("workload", ["lenet5", "good.csv"])
def test_sizes_out_of_all_reason_are_run_or_refused(place, workload, setting):
    result = CliRunner().invoke(app, ["run", workload, "--hw", "good.yaml", "--set", setting])
    assert result.exit_code in {0, 2}
    assert len(result.stderr.splitlines()) == (result.exit_code == 2)


@pytest.mark.parametrize(
    "layer",
    ["a, 1000000000, 1000000000, 3, 3, 1000000, 1000000, 1,", "a, 1000000000, 1000000000, 1, 1, 1, 1, 999999999,"],
)
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_topologies_out_of_all_reason_are_run_or_refused(place, layer, dataflow):
    (place / "w.csv").write_text(
        f"Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n{layer}\n"
    )
    result = CliRunner().invoke(app, ["run", "w.csv", "--hw", "good.yaml", "--set", f"array.dataflow={dataflow}"])
    assert result.exit_code in {0, 2}

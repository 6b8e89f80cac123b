"""`accelsim compare`: the table, the JSON, the files, and what it refuses."""

import csv
import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import accelsim
import workloads
from accelsim.analysis.comparison import compare_machines
from explore.cli import app

OS, CSR = "dense/os-16x16", "sparse/csr-rows-16x16"
LABELS = {
    "β": "beta", "PPR compute": "ppr_compute", "PPR on chip + access": "ppr_energy_active",
    "PPR with standby": "ppr_energy",
}  # fmt: skip
TWO = ("compare", "lenet5", "--hw", OS, "--hw", CSR)


def invoke(*args: object):
    return CliRunner().invoke(app, [str(a) for a in args])


def printed(*args: object) -> str:
    result = invoke(*args)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(folder: Path, *args: object) -> str:
    """The line that a command says; it must be one, end with 2 and leave the folder as it was."""
    before = sorted(folder.rglob("*"))
    result = invoke(*args)
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: ")
    assert sorted(folder.rglob("*")) == before
    return result.stderr


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cells(text: str, label: str, number: int = 0) -> list[str]:
    """The columns of the row that begins with a label, the `number`-th of such rows."""
    found = [line.strip() for line in text.splitlines() if line.strip().startswith(f"{label}  ")][number]
    return [cell.strip() for cell in found.removeprefix(label).split("  ") if cell.strip()]


def test_the_table_has_a_column_a_machine_and_its_units():
    text = printed(*TWO, "--density", "0.1")
    found = compare_machines(workloads.load("lenet5", density=0.1), [OS, CSR])
    assert cells(text, "os-16x16") == ["csr-rows-16x16"]
    assert cells(text, "cycles") == [f"{side.report.cycles:,}" for side in found.sides]
    assert cells(text, "compute") == [f"{side.report.compute_cycles:,}" for side in found.sides]
    assert cells(text, "stall") == [f"{side.report.stall_cycles:,}" for side in found.sides]
    assert cells(text, "area") == [f"{side.report.area_um2 / 1e6:.3f} mm²" for side in found.sides]
    assert cells(text, "TOPS/W") == [f"{side.report.tops_per_w:.3g}" for side in found.sides]
    for number, ratio in enumerate(("against_first", "against_dense")):
        for label, key in LABELS.items():
            expected = [f"{getattr(getattr(side, ratio), key):.2f}" for side in found.sides]
            assert cells(text, label, number) == expected
    assert cells(text, "against dense baseline") == ["dense best 16x16", "dense best 16x16"]
    assert (
        "dense baseline dense best 16x16: os, ws or is by layer, folds overlapped, groups packed, zero gating off"
        in text
    )
    assert all(f"{name}: activations in DRAM: dense, tiled" in text for name in ("os-16x16", "csr-rows-16x16"))
    parts = ("on chip", "mac", "leakage", "DRAM access", "DRAM standby")
    assert text.startswith("energy: on chip + DRAM access (the commands of ddr4-2400, I/O included) + DRAM standby")
    assert len(cells(text, "energy")) == len(cells(text, "DRAM")) == 2
    for row in ("utilization", "time", "inferences/s", *parts, "ifmap", "index", "psum"):
        assert len(cells(text, row)) == 2


def test_machines_that_do_not_account_alike_are_told_apart_in_the_first_line():
    """One of them counts no standby: a dash stands where its standby would, and where a ratio would hold it."""
    text = printed("compare", "lenet5", "--hw", OS, "--hw", "published/tpu-v1")
    first = text.splitlines()[0]
    assert first.startswith("energies with and without DRAM standby, which are not comparable (without: tpu-v1); ")
    assert "os-16x16: on chip + DRAM access (the commands of ddr4-2400" in first
    assert "tpu-v1: on chip + DRAM access (the energy table's pJ a bit); DRAM standby is not counted" in first
    assert [cells(text, "DRAM standby")[1], cells(text, "PPR with standby")[1]] == ["-", "-"]
    assert cells(text, "PPR with standby", 1)[1] == "-"
    text = printed("compare", "lenet5", "--hw", OS, "--hw", "dense/edge-16x16")
    assert text.startswith("energies whose DRAM is accounted differently; os-16x16: ")
    assert "-" not in cells(text, "DRAM standby") + cells(text, "PPR with standby")


def test_json_is_json_alone_and_equals_the_api():
    content = json.loads(printed(*TWO, "--json", "--density", "0.1", "--iso", "area"))
    found = compare_machines(workloads.load("lenet5", density=0.1), [OS, CSR], iso="area")
    assert content == found.to_dict()


def test_the_sizes_that_were_chosen_are_told():
    text = printed("compare", "lenet5", "--hw", OS, "--hw", "dense/os-32x32", "--hw", CSR, "--iso", "mac")
    assert "iso-mac: os-32x32 at 16x16 has array.rows = 16, array.cols = 16: 256 dense MACs a cycle, 1.00x" in text
    assert "iso-mac: csr-rows-16x16 has array.pes = 16" in text
    text = printed("compare", "lenet5", "--hw", OS, "--hw", CSR, "--iso", "bandwidth")
    assert "the DRAM of os-16x16" in text


def test_set_reaches_every_machine_and_verify_the_arrays():
    content = json.loads(printed(*TWO, "--set", "clock_mhz=100", "--set", "dram={model: ideal}", "--json"))
    assert [machine["configuration"]["clock_mhz"] for machine in content["machines"]] == [100, 100]
    assert [machine["configuration"]["dram"] for machine in content["machines"]] == [{"model": "ideal"}] * 2
    printed(*TWO, "--verify")


def test_machines_of_one_name_are_told_apart():
    content = json.loads(printed("compare", "lenet5", "--hw", OS, "--hw", OS, "--json"))
    assert [machine["hardware"] for machine in content["machines"]] == ["os-16x16", "os-16x16 (2)"]


def test_out_writes_a_report_for_each_machine_and_one_table(place):
    out = place / "new" / "folder"
    content = json.loads(printed(*TWO, "--hw", OS, "--out", out, "--json", "--iso", "mac"))
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    folders = ("1-os-16x16", "2-csr-rows-16x16", "3-os-16x16")
    assert files == [*(f"{folder}/report.json" for folder in folders), "compare.csv", "provenance.json"]
    with (out / "compare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["hardware"] for row in rows] == [machine["hardware"] for machine in content["machines"]]
    for row, machine, folder in zip(rows, content["machines"], folders, strict=True):
        report = json.loads((out / folder / "report.json").read_text())
        assert report["hardware"] == machine["hardware"]
        assert report["cycles"] == machine["cycles"] == int(row["cycles"])
        assert float(row["first_ppr"]) == machine["against_first"]["ppr"]
    before = {name: (out / name).read_bytes() for name in files}
    printed(*TWO, "--hw", OS, "--out", out, "--iso", "mac")
    assert before == {name: (out / name).read_bytes() for name in files}


def test_folders_of_machine_files_stay_inside_out(place):
    machine = yaml.safe_dump(accelsim.load_hardware(OS, name="../../outside").to_dict())
    for name in ("a.yaml", "b c;d.yaml"):
        (place / name).write_text(machine)
    printed("compare", "lenet5", "--hw", "a.yaml", "--hw", place / "b c;d.yaml", "--out", "out")
    assert sorted(p.name for p in (place / "out").iterdir()) == ["1-a", "2-b-c-d", "compare.csv", "provenance.json"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("compare",), "WORKLOAD"),
        (("compare", "lenet5"), "--hw"),
        (("compare", "lenet5", "--hw", OS), "two machines"),
        (("compare", "lenet6", "--hw", OS, "--hw", OS), "lenet5"),
        (("compare", "lenet5", "--hw", OS, "--hw", "dense/os-16x61"), "dense/os-16x16"),
        ((*TWO, "--iso", "macs"), "mac"),
        ((*TWO, "--iso", ""), "iso"),
        ((*TWO, "--density", "2"), "--density"),
        ((*TWO, "--set", "array.rows"), "FIELD=VALUE"),
        ((*TWO, "--set", "array.rows=8"), "csr-rows-16x16"),
        ((*TWO, "--frob"), "--frob"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(place, args, says):
    assert says in refused(place, *args, *(("--out", "out") if len(args) > 4 else ()))


@pytest.mark.parametrize("out", ["file", "file/out", "taken", "report", "blocked"])
def test_an_out_that_cannot_be_is_refused_before_the_simulation(place, out, monkeypatch):
    (place / "file").write_text("x")
    (place / "taken" / "compare.csv").mkdir(parents=True)
    (place / "report" / "2-csr-rows-16x16" / "report.json").mkdir(parents=True)
    (place / "blocked").mkdir()
    (place / "blocked" / "1-os-16x16").write_text("x")
    monkeypatch.setattr("accelsim.analysis.comparison.simulate", lambda *_, **__: pytest.fail("simulated"))
    assert out in refused(place, *TWO, "--out", out)


def test_a_failed_write_leaves_no_file(place, monkeypatch):
    real = Path.write_text

    def full(path: Path, *args: object, **settings: object) -> int:
        if "2-csr" in str(path):
            raise OSError(28, "No space left on device")
        return real(path, *args, **settings)

    monkeypatch.setattr(Path, "write_text", full)
    result = invoke(*TWO, "--out", "out")
    assert result.exit_code == 2
    assert "No space" in result.stderr
    assert not [path for path in place.rglob("*") if path.is_file()]


def test_the_help_has_an_example_that_runs():
    lines = [line.strip() for line in printed("compare", "--help").splitlines()]
    example = next(line for line in lines if line.startswith("Example: accelsim compare"))
    printed(*example.split()[2:])

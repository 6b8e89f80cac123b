"""`accelsim sweep`: the table, the JSON, exit codes, and a process group that is interrupted or killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import accelsim
from explore.cli import app

ROOT = Path(__file__).parents[3]
MACHINE = {
    "name": "small",
    "array": {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os"},
    "buffers": {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1},
    "dram": {"model": "bandwidth", "gbps": 8},
}
SWEEP = {"workloads": ["net.csv"], "hardware": ["small.yaml"], "set": {"buffers.filter_kib": [0.001, 1, 2]}}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A sweep file of three points, the first infeasible, beside what it names; not the working directory."""
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "sweeps"
    folder.mkdir()
    (folder / "small.yaml").write_text(yaml.safe_dump(MACHINE))
    (folder / "net.csv").write_text("Layer, M, N, K,\nfc1, 4, 24, 60,\nfc2, 4, 10, 24,\n")
    (folder / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    return folder / "sweep.yaml"


def invoke(*args: object):
    return CliRunner().invoke(app, ["sweep", *(str(a) for a in args)])


def rows_of(out: Path) -> list[tuple]:
    with closing(sqlite3.connect(out / "results.sqlite")) as base:
        return base.execute("SELECT workload, hardware, settings, status, cycles FROM points ORDER BY id").fetchall()


def test_the_table_counts_what_ended_how_and_says_where_it_is(file, tmp_path):
    out = tmp_path / "out"
    result = invoke(file, "--out", out, "--jobs", 1)
    assert result.exit_code == 0, result.stderr
    assert "2 points done, 1 infeasible; rows in" in result.stdout
    assert "buffers.filter_kib=2" in result.stdout
    assert "infeasible, for example:" in result.stdout
    cycles = [accelsim.simulate(accelsim.GemmTrace(n, M=4, N=c, K=k), MACHINE).cycles for n, c, k in
              (("fc1", 24, 60), ("fc2", 10, 24))]  # fmt: skip
    assert rows_of(out)[1] == ("net.csv", "small.yaml", '{"buffers.filter_kib": 1}', "done", sum(cycles))


def test_json_alone_stands_on_stdout(file, tmp_path):
    result = invoke(file, "--out", tmp_path / "out", "--jobs", 1, "--json")
    printed = json.loads(result.stdout)
    assert printed["points"] == 3
    assert [row["status"] for row in printed["rows"]] == ["infeasible", "done", "done"]
    assert [row["settings"] for row in printed["rows"]] == [{"buffers.filter_kib": kib} for kib in (0.001, 1, 2)]
    assert result.stderr == ""


def test_set_adds_a_list_to_the_sweep(file, tmp_path):
    result = invoke(file, "--out", tmp_path / "out", "--jobs", 1, "--json", "--set", "array.rows=[2, 8]", "--set",
                    "buffers.filter_kib=1")  # fmt: skip
    settings = [row["settings"] for row in json.loads(result.stdout)["rows"]]
    assert settings == [{"buffers.filter_kib": 1, "array.rows": rows} for rows in (2, 8)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--jobs", "0"], "--jobs"),
        (["--scheduler", "nonsense"], "scheduler 'nonsense' does not answer"),
        (["--set", "array.roows=8"], "did you mean 'rows'"),
        (["--set", "array.rows"], "is no FIELD=VALUE"),
        (["--out", "sweeps/sweep.yaml"], "sweep.yaml"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(file, tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    result = invoke(file, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert says in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_second_run_needs_resume(file, tmp_path):
    assert invoke(file, "--out", tmp_path / "out", "--jobs", 1).exit_code == 0
    before = rows_of(tmp_path / "out")
    refused = invoke(file, "--out", tmp_path / "out", "--jobs", 1)
    assert refused.exit_code == 2
    assert "--resume" in refused.stderr
    assert invoke(file, "--out", tmp_path / "out", "--jobs", 1, "--resume").exit_code == 0
    assert rows_of(tmp_path / "out") == before


def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "cache"))
    example = ROOT / "examples" / "sweep-lenet5.yaml"
    result = invoke(example, "--out", tmp_path / "out", "--jobs", 1, "--json", "--set", "array.rows=8",
                    "--set", "array.cols=8")  # fmt: skip
    assert {row["status"] for row in json.loads(result.stdout)["rows"]} == {"done"}


def test_the_front_of_a_sweep(file, tmp_path):
    out = tmp_path / "out"
    assert invoke(file, "--out", out, "--jobs", 1, "--set", "array.rows=[2, 8]").exit_code == 0
    command = ["pareto", str(out), "--minimize", "cycles", "--minimize", "area_um2"]
    printed = CliRunner().invoke(app, [*command, "--json"])
    with closing(sqlite3.connect(out / "results.sqlite")) as base:
        done = base.execute("SELECT id, cycles, area_um2 FROM points WHERE status = 'done'").fetchall()
    best = {i for i, c, a in done if not any(x <= c and y <= a and (x, y) != (c, a) for _, x, y in done)}
    assert {row["id"] for row in json.loads(printed.stdout)} == best
    assert f"{len(best)} of 6 points are on the front" in CliRunner().invoke(app, command).stdout
    wrong = CliRunner().invoke(app, ["pareto", str(out), "--minimize", "cycls"])
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert "unknown objective 'cycls'; did you mean 'cycles'" in wrong.stderr
    missing = CliRunner().invoke(app, ["pareto", str(tmp_path), "--minimize", "cycles"])
    assert (missing.exit_code, "results.sqlite" in missing.stderr) == (2, True)


class Running:
    """The command in a process group of its own, with two worker processes."""

    def __init__(self, file: Path, out: Path) -> None:
        many = "array.rows=" + str([*range(1, 400)])
        command = [sys.executable, "-c", "from explore.cli import main; main()", "sweep", str(file), "--out", str(out)]
        self.process = subprocess.Popen(
            [*command, "--jobs", "2", "--set", many],
            stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        self.out, deadline = out, time.monotonic() + 120
        while self._ended() < 3 and time.monotonic() < deadline:
            time.sleep(0.1)

    def _ended(self) -> int:
        try:
            return len(rows_of(self.out))
        except sqlite3.OperationalError:
            return 0

    def group(self) -> list[int]:
        """Processes of the group that still live."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == self.process.pid and fields[0] != "Z":
                found.append(int(path.parent.name))
        return found


@pytest.mark.slow
def test_sigint_ends_all_processes_and_names_resume(file, tmp_path):
    running = Running(file, tmp_path / "out")
    os.killpg(running.process.pid, signal.SIGINT)
    began = time.monotonic()
    assert running.process.wait(10) == 130
    assert time.monotonic() - began < 5
    said = running.process.stderr.read()
    assert said.startswith("interrupted; accelsim sweep ")
    assert said.count("\n") == 1
    assert f"--out {tmp_path / 'out'} --resume" in said


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_no_process_outlives_a_parent_that_was_killed(file, tmp_path):
    running = Running(file, tmp_path / "out")
    assert len(running.group()) >= 3
    running.process.kill()
    running.process.wait(10)
    deadline = time.monotonic() + 10
    while running.group() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running.group() == []

"""Counts and time left: on stderr where it is a terminal, nowhere else, and gone at the end."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import accelsim
import workloads
from accelsim.analysis.runs import compare, pairs
from explore.cli import progress
from explore.reproduce import TABLES, reproduce

COMMAND = Path(sys.executable).parent / "accelsim"


class Terminal:
    """A stderr that says that it is a terminal."""

    def __init__(self):
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_a_terminal_shows_count_unit_and_time_left(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress.counted("simulating [net]", unit="layers") as counter:
        counter(3, 54)
        counter.bar.refresh()
    assert re.search(
        r"simulating \[net\].*3/54.* layers.*-:--:--", re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", terminal.text)
    )


def test_names_count_what_has_begun(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.counted("simulating", total=3, unit="machines") as counter:
        for name in ("a", "b"):
            counter.named(name)
        task = counter.bar.tasks[0]
        assert (task.completed, task.total, task.description) == (1, 3, "simulating: b")
        counter.staged("admm", 2, 9)
        assert (task.completed, task.total, task.description) == (2, 9, "simulating: admm")


def test_nothing_is_said_where_nobody_watches(capsys):
    with progress.counted("simulating", total=3) as counter:
        counter(1, 3)
        counter.named("a")
        counter.staged("b", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_simulate_counts_its_layers():
    told = []
    report = accelsim.simulate(
        workloads.load("lenet5"), "dense/os-16x16", progress=lambda done, of: told.append((done, of))
    )
    assert told == [(i, 4) for i in range(1, 5)]
    assert report.cycles == accelsim.simulate(workloads.load("lenet5"), "dense/os-16x16").cycles


def test_the_pairs_of_a_study_are_known_beforehand():
    networks = {"baseline": workloads.load("lenet5"), "thin": workloads.load("lenet5", density=0.1)}
    machines = [accelsim.load_hardware(name) for name in ("dense/os-16x16", "lowbit/xnor-16x16x64")]
    told = []
    runs = compare(networks, machines, progress=told.append)
    fits = pairs(networks, machines)
    assert told == [f"{name} on {machine.name}" for name, machine in fits]
    assert [(run.network, run.hardware) for run in runs] == [(name, machine.name) for name, machine in fits]


def test_reproduce_counts_its_tables(monkeypatch):
    told = []
    for name in list(TABLES):
        monkeypatch.setitem(TABLES, name, list)
    assert reproduce(None, lambda done, of: told.append((done, of))) == []
    assert told == [(i, len(TABLES)) for i in range(1, len(TABLES) + 1)]


def test_a_pseudo_terminal_gets_the_bar_and_stdout_json_alone():
    master, slave = pty.openpty()
    command = [COMMAND, "run", "lenet5", "--hw", "dense/os-16x16", "--json"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=slave, text=True, env=environment, check=True)
    os.close(slave)
    text = os.read(master, 100_000).decode()
    os.close(master)
    assert json.loads(done.stdout)["workload"] == "lenet5"
    assert "simulating lenet5 on os-16x16" in text

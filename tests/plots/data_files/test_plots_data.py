"""Reading a study back from its files: everything comes back, and what is no study gets one clear line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import accelsim
from accelsim.analysis.runs import Study, compare
from accelsim.errors import AccelSimError, FileFormatError, MissingFileError
from plots import StudyData
from plots.data_files.timeline import ENOUGH_BARS, MOST_BARS, read_timeline
from tests.plots.studies import study, write


def workload(name: str, density: float) -> accelsim.Workload:
    layers = (("conv1", 64, 20, 25, "conv"), ("fc1", 1, 60, 200, "linear"))
    return accelsim.Workload(
        name,
        tuple(
            accelsim.GemmTrace.random(layer, M=m, N=n, K=k, weight_density=density, seed=3, kind=kind)
            for layer, m, n, k, kind in layers
        ),
    )


def test_import_is_light() -> None:
    code = "import plots, sys; print([m for m in ('matplotlib', 'pandas', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_attribute() -> None:
    import plots

    with pytest.raises(AttributeError, match="figurs"):
        _ = plots.figurs


def test_files_give_the_study_back(tmp_path: Path) -> None:
    data = study()
    read = StudyData.from_folder(write(data, tmp_path))
    assert (read.runs, read.accuracy, read.verdict) == (data.runs, data.accuracy, data.verdict)
    assert (read.storage, read.provenance, read.timeline) == (data.storage, data.provenance, None)
    pd.testing.assert_frame_equal(read.layers, data.layers, check_dtype=False)


def test_a_simulated_study_is_read(tmp_path: Path) -> None:
    networks = {"baseline": workload("a", 1.0), "pruned": workload("b", 0.1)}
    machines = [accelsim.load_hardware(name) for name in ("dense/os-16x16", "sparse/csr-rows-16x16")]
    runs = compare(networks, machines)
    simulated = Study(runs, {"baseline": 0.99, "pruned": 0.98}, {"timeline": {"network": "pruned", "hardware": "x"}})
    summaries = simulated.summaries()
    content = {"runs": summaries, "accuracy": simulated.accuracy, "verdict": "1", "provenance": simulated.provenance}
    (tmp_path / "report.json").write_text(json.dumps(content))
    pd.DataFrame(simulated.layer_rows()).to_csv(tmp_path / "layers.csv", index=False)
    runs[-1].report.to_timeline(tmp_path / "timeline.json")
    data = StudyData.from_folder(tmp_path)
    assert data.networks == ["baseline", "pruned"]
    assert data.machines == [machine.name for machine in machines]
    sums = data.layer_sums(["cycles", *data.energy_columns])
    for run in data.runs:
        of_run = sums[run["network"], run["hardware"]]
        assert of_run.pop("cycles") == run["cycles"]
        assert sum(of_run.values()) == pytest.approx(run["energy_pj"])
    assert data.timeline is not None
    assert data.timeline.run == "pruned on x"
    layer = next(row for row in runs[-1].report.rows if row["name"] == data.timeline.layer)
    assert data.timeline.end_us == pytest.approx(layer["cycles"] / runs[-1].report.clock_mhz)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "JSON"),
        ("[1]", "a list"),
        ('{"runs": 3}', "runs 3"),
        ('{"runs": []}', "no runs"),
        ('{"runs": [3]}', r"runs\[0\] 3"),
        ('{"runs": [{"network": 1}]}', r"runs\[0\].network 1"),
        ("\x00\x01", "JSON"),
        ("", "JSON"),
    ],
)
def test_what_is_no_report(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(FileFormatError, match=says) as caught:
        StudyData.from_folder(tmp_path)
    assert "report.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("accuracy", {"baseline": 99.0}, "accuracy"),
        ("accuracy", {}, "no accuracy for 'baseline'"),
        ("accuracy", 3, "accuracy 3"),
        ("verdict", None, "verdict None"),
        ("storage", {"a": 1}, "storage"),
        ("storage", [{"network": "a", "format": "dense", "value_bits": -1}], r"storage\[0\].value_bits -1"),
        ("provenance", [1], "provenance"),
    ],
)
def test_a_field_is_wrong(tmp_path: Path, field: str, value: object, says: str) -> None:
    write(study(), tmp_path)
    content = json.loads((tmp_path / "report.json").read_text())
    (tmp_path / "report.json").write_text(json.dumps(content | {field: value}))
    with pytest.raises(FileFormatError, match=says):
        StudyData.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("cycles", -1), ("cycles", True), ("energy_pj", float("nan")), ("ppr", "3"), ("fallback_layers", "conv1")],
)
def test_a_run_is_wrong(tmp_path: Path, field: str, value: object) -> None:
    write(study(), tmp_path)
    content = json.loads((tmp_path / "report.json").read_text())
    content["runs"][4][field] = value
    (tmp_path / "report.json").write_text(json.dumps(content))
    with pytest.raises(FileFormatError, match=rf"runs\[4\].{field}"):
        StudyData.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.drop(columns="cycles"), "no column 'cycles'"),
        (lambda table: table.assign(cycles="many"), "column 'cycles'"),
        (lambda table: table.assign(energy_mac_pj=-1.0), "column 'energy_mac_pj'"),
        (lambda table: table[table.network != "structured"], "no layers of 'structured'"),
    ],
)
def test_the_layer_table_is_wrong(tmp_path: Path, change: object, says: str) -> None:
    data = study()
    write(data, tmp_path)
    change(data.layers).to_csv(tmp_path / "layers.csv", index=False)  # type: ignore[operator]  # a lambda of the list
    with pytest.raises(FileFormatError, match=says):
        StudyData.from_folder(tmp_path)


@pytest.mark.parametrize("content", ["", '"', "a,b\n1\n1,2,3,4\n"])
def test_the_layer_table_is_no_table(tmp_path: Path, content: str) -> None:
    write(study(), tmp_path)
    (tmp_path / "layers.csv").write_text(content)
    with pytest.raises(FileFormatError, match=r"layers\.csv"):
        StudyData.from_folder(tmp_path)


def test_names_stay_texts(tmp_path: Path) -> None:
    data = study(2, 1)
    renamed = {"baseline": "NA", "nonstructured": "007"}
    runs = [{**run, "network": renamed[run["network"]]} for run in data.runs]
    layers = data.layers.assign(network=data.layers.network.map(renamed))
    write(StudyData(runs, {"NA": 0.99, "007": 0.98}, "1", layers), tmp_path)
    assert StudyData.from_folder(tmp_path).networks == ["NA", "007"]


def test_missing_files(tmp_path: Path) -> None:
    for folder, says in ((tmp_path / "none", "none"), (tmp_path, "report.json")):
        with pytest.raises(MissingFileError, match=says):
            StudyData.from_folder(folder)
    write(study(), tmp_path)
    (tmp_path / "layers.csv").unlink()
    with pytest.raises(MissingFileError, match=r"layers\.csv"):
        StudyData.from_folder(tmp_path)
    with pytest.raises(MissingFileError, match="a file"):
        StudyData.from_folder(tmp_path / "report.json")


def events(pid: int, bars: int, length_us: float) -> list[dict[str, object]]:
    head = [{"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": f"layer {pid}"}}]
    return head + [{"ph": "X", "pid": pid, "tid": 0, "ts": 100 + i * length_us, "dur": length_us} for i in range(bars)]


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        ([(3, 9.0), (5, 1.0)], 1),  # more bars
        ([(ENOUGH_BARS, 9.0), (ENOUGH_BARS + 5, 1.0)], 0),  # enough bars: the longer
        ([(3, 1.0), (MOST_BARS + 1, 1.0)], 0),  # too many to tell apart
        ([(MOST_BARS + 9, 1.0), (MOST_BARS + 1, 1.0)], 1),
    ],
)
def test_the_layer_that_shows_most(tmp_path: Path, layers: list[tuple[int, float]], chosen: int) -> None:
    found = [event for pid, (bars, length) in enumerate(layers) for event in events(pid, bars, length)]
    (tmp_path / "timeline.json").write_text(json.dumps({"traceEvents": found}))
    timeline = read_timeline(tmp_path / "timeline.json")
    assert timeline is not None
    assert timeline.layer == f"layer {chosen}"
    assert timeline.bars[0].start_us == 0
    assert timeline.end_us == pytest.approx(layers[chosen][0] * layers[chosen][1])


def test_no_timeline(tmp_path: Path) -> None:
    assert read_timeline(tmp_path / "timeline.json") is None
    (tmp_path / "timeline.json").write_text('{"traceEvents": []}')
    assert read_timeline(tmp_path / "timeline.json") is None


@pytest.mark.parametrize(
    "content",
    ["{", "3", '{"traceEvents": 3}', '{"traceEvents": [3]}', '{"traceEvents": [{"ph": "X", "pid": 0, "tid": 0}]}',
     '{"traceEvents": [{"ph": "M", "name": "process_name", "pid": 0, "tid": 0}]}',
     '{"traceEvents": [{"ph": "X", "pid": 0, "tid": 0, "ts": -1, "dur": 1}]}',
     '{"traceEvents": [{"ph": "X", "pid": [], "tid": 0, "ts": 1, "dur": 1}]}',
     '{"traceEvents": [{"ph": "M", "name": "thread_name", "pid": 0, "tid": 0, "args": 3}]}'],
)  # fmt: skip
def test_what_is_no_timeline(tmp_path: Path, content: str) -> None:
    (tmp_path / "timeline.json").write_text(content)
    with pytest.raises(AccelSimError, match=r"timeline\.json") as caught:
        read_timeline(tmp_path / "timeline.json")
    assert "\n" not in str(caught.value)

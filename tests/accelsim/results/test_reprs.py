"""What a public result says when it is printed: totals with units, where the rest is, and never a flood."""

import re

import numpy as np
import pytest

import accelsim
import compress
import workloads
from accelsim.analysis.ppr import PPR
from accelsim.analysis.runs import Study, compare
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.workload import Workload

LIMIT = 2000
LONG = "x" * 3000
PARTS = tuple(NotSimulated(f"a rather long name of a node {i}", "com.example::Mystery", 100) for i in range(200))


@pytest.fixture(scope="module")
def results():
    """A public result of each sort, of a network of 20 layers with long names, as large as their fields allow."""
    values = np.arange(30 * 30).reshape(30, 30) % 100 - 50
    layers = [GemmTrace(f"block.{i}.{LONG[:60]}", weight=values, activation=values) for i in range(20)]
    network = Workload(LONG, layers, not_simulated=PARTS)
    array = {"kind": "systolic", "rows": 8, "cols": 8}
    machines = [{"name": f"{i}{LONG[:190]}", "description": LONG, "source": LONG, "array": array} for i in range(10)]
    machine = accelsim.load_hardware(machines[0])
    report = accelsim.simulate(network, machine)
    comparison = accelsim.compare_machines(network, machines)
    side = comparison.sides[1]
    runs = compare({"a": network, "b": network}, [machine])
    found = [machine, network, layers[0], report, report.results[0], comparison, side, side.against_dense, runs[0]]
    found += [Study(runs * 50, {"a": 1.0}), accelsim.formats.encode(values, "csr_relative")]
    return {type(one).__name__: one for one in found}


@pytest.mark.parametrize(
    "name",
    ["Accelerator", "Workload", "GemmTrace", "Report", "ReportedLayer", "Comparison", "Side", "PPR", "Run", "Study",
     "CsrRelative"],
)  # fmt: skip
def test_a_result_prints_in_less_than_2_kb_and_says_where_the_rest_is(results, name):
    text = repr(results[name])
    assert text.startswith(f"{name}(")
    assert len(text.encode()) < LIMIT
    assert len(str(results[name]).encode()) < LIMIT
    if name != "GemmTrace":
        assert re.search(r"\.[a-z_]+", text)


def test_they_have_units(results):
    assert "20 traces, 0 operators, 540,000 MACs" in repr(results["Workload"])
    for name in ("Report", "Comparison", "Side", "ReportedLayer"):
        assert re.search(r"[\d,]+ cycles .*[pnµm]J.* (B|KiB|MiB) DRAM", repr(results[name]))
    assert "64 MACs/cycle at 1000 MHz = 0.128 TOPS; buffers unlimited; DRAM ideal; 45 nm" in repr(
        results["Accelerator"]
    )
    assert "and 2 more" in repr(results["Comparison"])


def test_a_checkpoint_prints_its_accuracy(tmp_path):
    layer = compress.SavedLayer(
        GemmTrace("fc", weight=np.eye(200, dtype=int), activation=np.eye(200, dtype=int)), 1.0, 1.0
    )
    checkpoint = compress.Checkpoint("net", (layer,) * 50, 0.987, "inq", {})
    assert repr(checkpoint) == "Checkpoint('net' by inq: 50 layers, accuracy 98.70 %; .layers)"
    assert len(repr(layer)) < LIMIT


def test_ratios_name_themselves():
    conv = PPR(4.0, 4.0, 2.0, 2.0, 2.0, 2.0, None, None)
    text = repr(PPR(10.0, 9.0, 5.0, 4.0, 2.5, 2.0, conv, None, beta_unpruned=0.5))
    assert text == (
        "PPR(2 = α 10 / β 5 (unpruned 0.5); compute 2.5; energy 5 on chip and DRAM access, 4 with DRAM standby; "
        "conv layers: PPR 2)"
    )


def test_a_notebook_shows_units_and_no_raw_figures():
    network = workloads.load("lenet5", density=0.1)
    comparison = accelsim.compare_machines(network, ["dense/os-16x16", "sparse/csr-rows-16x16"])
    report = comparison.sides[0].report
    page = report._repr_html_()
    cells = re.findall(r"<td>(.*?)</td>", page)
    assert f"{report.rows[0]['cycles']:,}" in cells
    assert {cell.split()[-1] for cell in cells if cell.endswith("B")} == {"KiB"}
    assert any(cell.endswith(" µJ") for cell in cells)
    assert any(re.fullmatch(r"\d+\.\d%", cell) for cell in cells)
    compared = comparison._repr_html_()
    row = re.search(r"<th>energy</th>(.*?)</tr>", compared, re.DOTALL)
    assert row is not None
    assert all(cell.endswith(" µJ") for cell in re.findall(r"<td>(.*?)</td>", row[1]))
    assert f"<td>{report.cycles:,}</td>" in compared
    assert "KiB" in compared
    assert "mm²" in compared
    assert not re.search(r"\d{7}", compared)

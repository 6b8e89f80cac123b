"""SCALE-Sim's .cfg files as machines."""

import pytest
from typer.testing import CliRunner

import accelsim
import workloads
from accelsim.errors import FileFormatError, MissingFileError
from explore.cli import app

CFG = """[general]
run_name = scale_example
[architecture_presets]
ArrayHeight:    16
ArrayWidth:     8
IfmapSramSzkB:   64
FilterSramSzkB:  32
OfmapSramSzkB:   16
IfmapOffset:    0
Dataflow : os
Bandwidth : 10,4
MemoryBanks: 2
[run_presets]
InterfaceBandwidth: CALC
"""
TOPOLOGY = (
    "Layer, IFMAP Width, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\na,10,10,3,3,4,8,1,\n"
)


@pytest.fixture
def machine(tmp_path):
    def write(text):
        (tmp_path / "machine.cfg").write_text(text)
        return tmp_path / "machine.cfg"

    return write


def test_array_and_buffers_are_the_files(machine):
    hardware = accelsim.load_hardware(machine(CFG))
    array, buffers = hardware.array, hardware.buffers
    assert (hardware.name, array.kind, array.rows, array.cols, array.dataflow) == (
        "scale_example",
        "systolic",
        16,
        8,
        "os",
    )
    assert (buffers.ifmap_kib, buffers.filter_kib, buffers.ofmap_kib, buffers.double) == (64, 32, 16, True)
    assert hardware.dram.model == "ideal"
    assert accelsim.load_hardware(str(machine(CFG)), **{"array.rows": 4}).array.rows == 4


def test_the_first_versions_files_load_too(machine):
    """It calls the buffers' sizes by shorter names, and has no presets of a run."""
    text = CFG.replace("SzkB", "Sz").split("[run_presets]")[0].replace("scale_example", '"GoogleTPU_os"')
    hardware = accelsim.load_hardware(machine(text))
    assert (hardware.name, hardware.buffers.ifmap_kib, hardware.dram.model) == ("GoogleTPU_os", 64, "ideal")


def test_a_users_bandwidth_is_bytes_a_cycle(machine):
    """The least of the banks' rates: 4 bytes a cycle."""
    hardware = accelsim.load_hardware(machine(CFG.replace("CALC", "USER")))
    assert hardware.dram.bytes_per_cycle(hardware.clock_mhz) == 4


def test_what_has_no_counterpart_is_named(machine):
    text = CFG + "[sparsity]\nSparsitySupport : true\n[layout]\nIfmapCustomLayout: True\nFilterCustomLayout: False\n"
    text = text.replace("[run_presets]\n", "[run_presets]\nUseRamulatorTrace: True\n")
    hardware = accelsim.load_hardware(machine(text))
    told = "UseRamulatorTrace, SparsitySupport (set array.nm), IfmapCustomLayout"
    assert hardware.description == f"not carried over: {told}"


def test_a_topology_runs_on_a_configuration(machine, tmp_path):
    """4 folds of 16 x 8 outputs, K + 16 + 8 − 2 cycles each."""
    (tmp_path / "net.csv").write_text(TOPOLOGY)
    result = CliRunner().invoke(app, ["run", str(tmp_path / "net.csv"), "--hw", str(machine(CFG)), "--json"])
    assert result.exit_code == 0, result.output
    network = accelsim.simulate(workloads.load(tmp_path / "net.csv"), machine(CFG))
    assert network.compute_cycles == 4 * (36 + 22)
    assert f'"compute_cycles": {4 * 58}' in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("ArrayHeight:    16\n", "", "ArrayHeight is missing"),
        ("ArrayHeight:    16\n", "ArrayHeight: many\n", "ArrayHeight is 'many'"),
        ("IfmapSramSzkB:   64\n", "IfmapSramSzkB: -1\n", "IfmapSramSzkB is '-1'"),
        ("Dataflow : os", "Dataflow : rs", "Dataflow is 'rs'; one of os, ws, is"),
        ("CALC", "some", "InterfaceBandwidth is 'SOME'"),
        ("Bandwidth : 10,4", "Bandwidth : ,", "Bandwidth is ''"),
        ("[architecture_presets]", "[presets]", r"no section \[architecture_presets\]"),
        ("[general]", "", "is no configuration"),
    ],
)
def test_what_cannot_be_is_named(machine, old, new, says):
    text = CFG.replace(old, new) if "Bandwidth :" not in old else CFG.replace(old, new).replace("CALC", "USER")
    with pytest.raises(FileFormatError, match=says) as caught:
        accelsim.load_hardware(machine(text))
    assert "\n" not in str(caught.value)


def test_a_configuration_that_is_not_there_is_named():
    with pytest.raises(MissingFileError, match=r"none\.cfg"):
        accelsim.load_hardware("none.cfg")

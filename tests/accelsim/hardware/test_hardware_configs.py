"""The machines that ship, and how a machine is loaded and changed."""

from importlib.resources import files

import pytest
import yaml
from typer.testing import CliRunner

import accelsim
from accelsim.errors import ConfigError, FileFormatError, MissingFileError, UnknownNameError
from accelsim.hardware.loading import config_names
from accelsim.memory.bandwidth import BandwidthDram
from accelsim.memory.bank.device import load_device
from explore.cli import app

BARE = {"name": "bare", "array": {"kind": "systolic", "rows": 4, "cols": 8, "dataflow": "os"}}


@pytest.mark.parametrize("name", config_names())
def test_each_machine_says_what_it_is_and_survives_its_own_dict(name):
    machine = accelsim.load_hardware(name)
    assert machine.name == name.split("/")[1]
    assert machine.description
    assert machine.source
    assert accelsim.load_hardware(machine.to_dict()) == machine
    assert accelsim.load_hardware(yaml.safe_load(yaml.safe_dump(machine.to_dict()))) == machine


@pytest.mark.parametrize("name", [name for name in config_names() if name.startswith("dense/")])
def test_dense_machines_are_what_their_names_say(name):
    machine = accelsim.load_hardware(name).to_dict()
    array = machine["array"]
    called, size, *more = name.removeprefix("dense/").split("-")
    assert (more == ["resident"]) == machine["buffers"]["weights_resident"]
    assert size == f"{array['rows']}x{array['cols']}"
    assert called == array["dataflow"] or called in {"best", "edge", "mobile", "server"}
    strongest = (
        array["dataflow"] == "auto" and array["fold_overlap"] and array["group_packing"] and array["zero_gating"]
    )
    assert (called == "best") == strongest


@pytest.mark.parametrize("name", config_names())
def test_the_command_validates_each_machine(name):
    file = files("hwconfigs") / f"{name}.yaml"
    result = CliRunner().invoke(app, ["hw", "validate", str(file)])
    assert (result.exit_code, result.stdout.split(":")[0]) == (0, "ok")


def test_a_machine_comes_from_a_name_a_file_a_dict_or_a_machine(tmp_path):
    machine = accelsim.load_hardware(BARE)
    (tmp_path / "bare.yaml").write_text(yaml.safe_dump(BARE))
    assert accelsim.load_hardware(tmp_path / "bare.yaml") == machine
    assert accelsim.load_hardware(str(tmp_path / "bare.yaml")) == machine
    assert accelsim.load_hardware(machine) == machine
    assert machine.buffers is None


def test_overrides_are_dotted_and_leave_the_source_alone():
    changed = accelsim.load_hardware(BARE, **{"array.rows": 16, "dram": {"model": "bandwidth", "gbps": 1.0}})
    assert changed.array.peak_macs == 16 * 8
    assert BARE["array"]["rows"] == 4
    assert accelsim.load_hardware(changed, **{"dram.gbps": 2.0}).to_dict()["dram"]["gbps"] == 2.0


def test_a_machine_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        accelsim.load_hardware(BARE).name = "other"


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"arry.rows": 8}, "array"),
        ({"array.roows": 8}, "rows"),
        ({"array.rows": 0}, "array.rows is 0"),
        ({"array.rows": "8"}, "array.rows is '8'"),
        ({"array.rows": True}, "array.rows is True"),
        ({"array.rows.x": 8}, "array.rows"),
        ({"array.": 8}, "dotted"),
        ({"array.kind": "systolc"}, "systolic"),
        ({"clock_mhz": float("nan")}, "clock_mhz"),
        ({"buffers": 3}, "buffers"),
        ({"buffers": {"ifmap_kib": 1}}, "filter_kib is missing"),
        ({"dram": {"model": "bandwith"}}, "bandwidth"),
        ({"fallback": {"kind": "systolic", "rows": 0, "cols": 1, "dataflow": "os"}}, "fallback"),
        ({"fallback": "none"}, "fallback"),
        ({"name": ""}, "name"),
    ],
)
def test_what_is_wrong_is_named(overrides, says):
    with pytest.raises(ConfigError) as caught:
        accelsim.load_hardware(BARE, **overrides)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_and_files_that_are_not_there(tmp_path):
    with pytest.raises(UnknownNameError, match="dense/os-32x32"):
        accelsim.load_hardware("dense/os32x32")
    with pytest.raises(MissingFileError, match="nowhere"):
        accelsim.load_hardware(tmp_path / "nowhere.yaml")
    (tmp_path / "two.yaml").write_text("a: 1\n---\nb: 2\n")
    with pytest.raises(FileFormatError, match=r"two\.yaml"):
        accelsim.load_hardware(tmp_path / "two.yaml")


def test_the_server_has_the_channels_that_its_text_says():
    """A stack of eight 128-bit channels at 2 Gb/s a pin."""
    machine = accelsim.load_hardware("dense/server-128x128")
    device = load_device(machine.dram.device)
    assert device.channels == 8
    assert device.channels * device.bus_width * 2e9 / 8 == 256e9
    assert "one HBM2 stack of eight channels, 256 GB/s" in machine.source


@pytest.mark.parametrize(
    "source", ["dense/os-16x16", accelsim.load_hardware("dense/os-16x16")], ids=["name", "Accelerator"]
)
def test_another_dram_model_drops_what_belongs_to_the_old_one(source):
    dram = accelsim.load_hardware(source, **{"dram.gbps": 8, "dram.model": "bandwidth"}).dram
    assert dram == BandwidthDram(model="bandwidth", gbps=8)
    with pytest.raises(ConfigError, match=r"dram\.device"):  # of this override, not of the old model
        accelsim.load_hardware(source, **{"dram.gbps": 8, "dram.model": "bandwidth", "dram.device": "ddr4-2400"})
    same = accelsim.load_hardware(source, **{"dram.model": "bank"})
    assert same.to_dict() == accelsim.load_hardware(source).to_dict()


def test_another_dram_model_keeps_what_both_have():
    machine = {
        "name": "m",
        "array": {"kind": "systolic"},
        "dram": {"model": "bandwidth", "gbps": 8, "energy_of": "ddr4-2400"},
    }
    assert accelsim.load_hardware(machine, **{"dram.model": "ideal"}).to_dict()["dram"]["energy_of"] == "ddr4-2400"


def test_another_kind_of_array_keeps_its_sizes_and_takes_its_own_defaults():
    machine = {
        "name": "m",
        "array": {"kind": "systolic", "rows": 8, "cols": 4, "dataflow": "os", "edge_folds": "clipped"},
    }
    shift = {"kind": "shift", "rows": 8, "cols": 4, "dataflow": "os"}
    expected = accelsim.load_hardware({**machine, "array": shift})
    for source in (machine, accelsim.load_hardware(machine)):
        changed = accelsim.load_hardware(source, **{"array.kind": "shift"}).array
        assert changed == expected.array

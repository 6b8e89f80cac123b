"""Devices from presets and mappings, and what is refused."""

import pytest

import accelsim
from accelsim.errors import ConfigError, TraceError, UnknownNameError
from accelsim.memory import dram
from accelsim.memory.bank.device import load_device, preset_names

TIMINGS = [
    "tRCD", "tRP", "tRAS", "tCCD_S", "tCCD_L", "tRRD_S", "tRRD_L", "tFAW", "tWTR_S", "tWTR_L", "tRTP", "tWR", "tRTRS",
    "tRFC", "tREFI", "RL", "WL", "tCK",
]  # fmt: skip


def fields():
    return load_device("ddr4-2400").model_dump(exclude_none=True)


def test_presets():
    assert preset_names() == ["ddr4-2400", "hbm2-2000", "lpddr4-2400", "lpddr4-2400-1chip"]
    with pytest.raises(UnknownNameError, match="did you mean 'ddr4-2400'"):
        load_device("ddr4-2666")


@pytest.mark.parametrize("name", TIMINGS)
def test_a_missing_timing_is_named(name):
    given = fields()
    del given[name]
    with pytest.raises(ConfigError, match=rf"{name} is missing"):
        dram.replay([0], [False], given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tRPC": 3}, "did you mean 'tRP'"),
        ({"tRP": -1}, "tRP is -1"),
        ({"tRP": 1.5}, "tRP is 1.5"),
        ({"tCK": 0}, "tCK is 0"),
        ({"ranks": 3}, "ranks is 3; a power of two"),
        ({"req_bytes": 32}, "req_bytes is 32"),
        ({"columns": 4}, "columns is 4"),
        ({"tREFI": 400}, "tREFI is 400"),
        ({"address_mapping": "rorabacobgbg"}, "address_mapping"),
        ({"queue": "PER_BANK/cmdq0/transq32/unified=False"}, "queue"),
        ({"row_policy": "OPEN"}, "row_policy"),
        ({"refresh_policy": "BANK_LEVEL_STAGGERED"}, "refresh_policy"),
        ({"issue_width": 0}, "issue_width"),
    ],
)
def test_a_wrong_field_is_named(change, message):
    with pytest.raises(ConfigError, match=message):
        load_device(fields() | change)


@pytest.mark.parametrize(
    ("addresses", "is_write", "interval"),
    [([0, 64], [False], 0.0), ([-64], [False], 0.0), ([0.5], [False], 0.0), ([[0]], [[0]], 0.0), ([0], [0], -1.0),
     ([0], [0], float("nan"))],
)  # fmt: skip
def test_requests_that_are_none_are_refused(addresses, is_write, interval):
    with pytest.raises(TraceError):
        dram.replay(addresses, is_write, "ddr4-2400", interval)


def test_no_request_takes_no_clock():
    stats = dram.replay([], [], "ddr4-2400")
    assert (stats.cycles, stats.activates, stats.row_hits) == (0, 0, 0)


def test_a_capacity_is_that_of_the_chips():
    assert load_device("ddr4-2400").capacity_bytes == 2 * 8 * 2**30  # two ranks of eight 8 Gb chips
    assert load_device("hbm2-2000").capacity_bytes == 8 * 2**29  # eight channels of 4 Gb


MACHINE = {"name": "m", "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"}}


def test_a_machine_names_a_device_or_holds_one():
    named = accelsim.load_hardware({**MACHINE, "dram": {"model": "bank", "device": "hbm2-2000"}})
    assert named.to_dict()["dram"]["device"] == "hbm2-2000"
    given = accelsim.load_hardware({**MACHINE, "dram": {"model": "bank", "device": fields() | {"tRP": 20}}})
    assert accelsim.load_hardware(given.to_dict()) == given


@pytest.mark.parametrize(
    ("device", "message"),
    [("ddr4-240", "dram.device is 'ddr4-240'; did you mean 'ddr4-2400'"), ({"tCK": 1.0}, "dram.device.* is missing"),
     (7, "dram.device")],
)  # fmt: skip
def test_a_machine_refuses_a_device_that_is_none(device, message):
    with pytest.raises(ConfigError, match=message):
        accelsim.load_hardware({**MACHINE, "dram": {"model": "bank", "device": device}})

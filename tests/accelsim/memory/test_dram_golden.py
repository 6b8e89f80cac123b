"""DRAMsim3's rows (tests/golden/dram_dramsim3.csv): clocks, row hits, commands and energy, exact."""

import csv
import importlib.util
from functools import lru_cache

import numpy as np
import pytest

from accelsim.memory import dram
from accelsim.memory.bank.device import Device, load_device
from tests.places import GOLDEN

with (GOLDEN / "dram_dramsim3.csv").open(newline="") as file:
    ROWS = list(csv.DictReader(file))
PRESETS = {
    "ddr4-2400": "DDR4_8Gb_x8_2400__map-rorabacobgch.ini",
    "lpddr4-2400": "LPDDR4_8Gb_x16_2400__map-rorabacobgch.ini",
    "hbm2-2000": "HBM2_4Gb_x128.ini",
}


@lru_cache
def patterns():
    spec = importlib.util.spec_from_file_location("dram_traces", GOLDEN / "dram_traces.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PATTERNS


def number(text):
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            pass
    return text.removesuffix("(default)")


def device_of(row):
    names = list(row)
    names = ["issue_width", *names[names.index("address_mapping") :]]
    return {name: number(row[name]) for name in names}


@lru_cache(maxsize=16)
def trace(pattern, count, step):
    pairs = list(patterns()[pattern][1](count, step))
    return np.array([a for a, _ in pairs]), np.array([w for _, w in pairs])


def replayed(row):
    addresses, is_write = trace(row["pattern"], int(row["n_req"]), int(row["req_step_bytes"]))
    return dram.replay(addresses, is_write, device_of(row), float(row["interval_clk"]))


def check(row):
    got = replayed(row)
    counts = (got.cycles, got.row_hits, got.activates, got.precharges, got.refreshes)
    assert counts == tuple(int(row[key]) for key in ("cycles", "row_hits", "acts", "pres", "refs"))
    assert got.energy_pj == pytest.approx(1000 * float(row["e_total_nJ"]), rel=1e-4)  # the tool prints six digits


def label(row):
    return f"{row['config'][:-4]} {row['pattern']} {row['req_step_bytes']} B at {row['interval_clk']}"


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_a_row_is_exact(row):
    check(row)


BESIDE_THE_ROWS = {
    "tRCDRD", "tRCDWR", "tPPD", "dual_commands", "source", "io_source", "io_pj_per_bit", "act_pd_inc", "pre_pd_inc",
    "pd_source",
}  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_the_device_of_its_rows(name):
    row = next(row for row in ROWS if row["config"] == PRESETS[name])
    preset, given = load_device(name), load_device(device_of(row))
    for field in Device.model_fields:
        if field not in BESIDE_THE_ROWS:
            assert getattr(preset, field) == getattr(given, field), field
    for derived in ("read_rcd", "write_rcd", "ppd", "wide", "capacity_bytes"):
        assert getattr(preset, derived) == getattr(given, derived), derived

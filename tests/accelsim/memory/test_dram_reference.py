"""The kernel against the plain per-clock model, on short random traces of small devices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.memory import dram
from accelsim.memory.bank import kernels
from accelsim.memory.bank.controller import TRANSFER
from accelsim.memory.bank.device import load_device
from accelsim.memory.bank.energy import activity, power_down_activity
from accelsim.memory.bank.state import new_state
from tests.references.dram import ReferenceDram

SMALL = {"rows": 8, "columns": 64, "tREFI": 700, "tRFC": 60}


@st.composite
def devices(draw):
    base = load_device(draw(st.sampled_from(["ddr4-2400", "lpddr4-2400", "hbm2-2000"])))
    fields = draw(st.permutations(["ch", "ra", "bg", "ba", "ro", "co"]))
    queue = "PER_{}/cmdq{}/transq{}/unified={}".format(
        draw(st.sampled_from(["BANK", "RANK"])), draw(st.integers(1, 8)), draw(st.integers(1, 20)), draw(st.booleans())
    )
    return base.model_copy(
        update={
            **SMALL,
            "address_mapping": "".join(fields),
            "queue": queue,
            "row_policy": draw(st.sampled_from(["OPEN_PAGE", "CLOSE_PAGE"])),
            "refresh_policy": draw(st.sampled_from(["RANK_LEVEL_STAGGERED", "RANK_LEVEL_SIMULTANEOUS"])),
            "channels": draw(st.sampled_from([1, 2])),
            "ranks": draw(st.sampled_from([1, 2, 4])),
            "bankgroups": draw(st.sampled_from([1, 2, 4])),
            "banks_per_group": draw(st.sampled_from([1, 2])),
            "issue_width": draw(st.sampled_from([1, 3])),
            "tPPD": draw(st.integers(0, 3)),
        }
    )


CASES = {
    "device": devices(),
    "seed": st.integers(0, 2**32 - 1),
    "count": st.integers(1, 80),
    "span": st.sampled_from([8, 64, 4096]),
    "writes": st.sampled_from([0.0, 0.3, 1.0]),
    "interval": st.sampled_from([0.0, 0.5, 3.3, 40.0]),
}


def compare(device, seed, count, span, writes, interval):
    """Bursts of a span so short that addresses repeat, at times two halves of a burst."""
    rng = np.random.default_rng(seed)
    addresses = rng.integers(0, span, count) * device.req_bytes // rng.integers(1, 3)
    is_write = rng.random(count) < writes
    got = dram.replay(addresses, is_write, device, interval)
    cycles, hits, activates, precharges, refreshes, energy = ReferenceDram(device).replay(addresses, is_write, interval)
    assert (got.cycles, got.row_hits, got.activates) == (cycles, hits, activates)
    assert (got.precharges, got.refreshes) == (precharges, refreshes)
    assert got.energy_pj == pytest.approx(energy, rel=1e-12)


def compare_power_down(device, seed, count, span, writes, interval, after):
    """Power-down clocks with an open row and without: those of a rank looked at clock by clock."""
    rng = np.random.default_rng(seed)
    addresses = rng.integers(0, span, count) * device.req_bytes
    is_write = (rng.random(count) < writes).astype(np.int64)
    state = new_state(device, after)
    _, clocks = kernels.replay(state, addresses, is_write, float(interval), np.zeros(1, TRANSFER))
    plain = ReferenceDram(device, after)
    plain.replay(addresses, is_write, interval)
    down = power_down_activity(state, clocks)
    assert list(down.values()) == [plain.active_down, plain.idle_down]
    standby = activity(state, clocks)
    assert down["dram_active_power_down_clocks"] <= standby["dram_active_clocks"]
    assert down["dram_idle_power_down_clocks"] <= standby["dram_idle_clocks"]


@given(**CASES, after=st.integers(0, 60))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_power_down_is_that_of_the_per_clock_model(device, seed, count, span, writes, interval, after):
    compare_power_down(device, seed, count, span, writes, interval, after)


@given(**CASES)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_the_kernel_is_the_per_clock_model(device, seed, count, span, writes, interval):
    compare(device, seed, count, span, writes, interval)


@pytest.mark.slow
@given(**CASES)
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_the_kernel_is_the_per_clock_model_on_many_traces(device, seed, count, span, writes, interval):
    compare(device, seed, count, span, writes, interval)

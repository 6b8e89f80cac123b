"""Replay of a list of requests through a bank-level DRAM: clocks, row hits, commands and energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from accelsim.errors import TraceError
from accelsim.memory.bank import kernels as bank_kernels
from accelsim.memory.bank import state as bank_state
from accelsim.memory.bank.device import Device, load_device
from accelsim.memory.bank.state import Array, Count

LARGEST_ADDRESS = 2**60


@dataclass(frozen=True)
class DramStats:
    """What a DRAM did in `cycles` clocks. Energy is the core's: commands and background, without I/O or termination."""

    cycles: int
    row_hits: int
    activates: int
    precharges: int
    refreshes: int
    energy_pj: float


def replay(
    addresses: ArrayLike,
    is_write: ArrayLike,
    device: str | Mapping[str, Any] | Device,
    interval_clk: float = 0.0,
) -> DramStats:
    """Offer request i, of one burst, from clock int(i · interval_clk) on, and run until all are served.

    `device` is a preset's name or a mapping of the fields of Device. `cycles` ends at the last answer to a read or at
    the last write's command, whichever is later; as in DRAMsim3 up to 8 writes a channel stay in its buffer. Raises
    ConfigError for a device with a missing or wrong field and TraceError for requests that are none.
    """
    parts = load_device(device)
    where, writes = np.asarray(addresses), np.asarray(is_write)
    whole = where.size == 0 or (where.dtype.kind in "iu" and where.min() >= 0 and where.max() < LARGEST_ADDRESS)
    if where.ndim != 1 or where.shape != writes.shape or not whole:
        raise TraceError("addresses and is_write are lists of one length; addresses are integers from 0 to 2^60 - 1")
    if not 0 <= interval_clk < 2**40:
        raise TraceError(f"interval_clk is {interval_clk}; clocks between requests, >= 0, are expected")
    state = bank_state.new_state(parts)
    nobody = np.zeros((1, bank_kernels.TRANSFER_SIZE), np.int64)
    cycles, clocks = bank_kernels.replay(
        state, where.astype(np.int64), writes.astype(np.int64), float(interval_clk), nobody
    )
    count = bank_state.counters(state)
    return DramStats(
        cycles=int(cycles),
        row_hits=count[Count.ROW_HITS],
        activates=count[Count.ACTIVATES],
        precharges=count[Count.PRECHARGES],
        refreshes=count[Count.REFRESHES],
        energy_pj=core_energy_pj(parts, state, int(clocks)),
    )


def core_energy_pj(device: Device, state: Array, clocks: int) -> float:
    """pJ of the commands so far and of `clocks` of background: active standby while a rank has an open row."""
    count = bank_state.counters(state)
    active, idle = bank_state.standby_clocks(state, clocks)
    charge = (
        count[Count.ACTIVATES] * device.act_inc
        + count[Count.READS] * device.read_inc
        + count[Count.WRITES] * device.write_inc
        + count[Count.REFRESHES] * device.ref_inc
        + active * device.act_stb_inc
        + idle * device.pre_stb_inc
    )
    return charge * device.tCK

"""Replay of a list of requests through a bank-level DRAM: clocks, row hits, commands and energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import TraceError
from .bank import kernels as bank_kernels
from .bank.controller import TRANSFER
from .bank.device import Device, load_device
from .bank.energy import activity, core_commands
from .bank.state import new_state
from .base import energy_of

LARGEST_ADDRESS = 2**60


@dataclass(frozen=True)
class DramStats:
    """What a DRAM did in `cycles` clocks. Energy is the core's: commands and background, without I/O or termination.

    No rank is ever powered down.
    """

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

    >>> stats = replay([0, 64, 128], [False, False, False], "ddr4-2400")  # three bursts of a stream of reads
    >>> stats.cycles, stats.activates, stats.row_hits  # in banks of three bank groups
    (48, 3, 0)
    """
    requested = load_device(device)
    where, writes = np.asarray(addresses), np.asarray(is_write)
    whole = where.size == 0 or (where.dtype.kind in "iu" and where.min() >= 0 and where.max() < LARGEST_ADDRESS)
    if where.ndim != 1 or where.shape != writes.shape or not whole:
        raise TraceError("addresses and is_write are lists of one length; addresses are integers from 0 to 2^60 - 1")
    if not 0 <= interval_clk < 2**40:
        raise TraceError(f"interval_clk is {interval_clk}; clocks between requests, >= 0, are expected")
    state = new_state(requested)
    cycles, clocks = bank_kernels.replay(
        state, where.astype(np.int64), writes.astype(np.int64), float(interval_clk), np.zeros(1, TRANSFER)
    )
    counts = activity(state, int(clocks))
    return DramStats(
        cycles=int(cycles),
        row_hits=counts["dram_row_hits"],
        activates=counts["dram_activates"],
        precharges=counts["dram_precharges"],
        refreshes=counts["dram_refreshes"],
        energy_pj=energy_of((c._replace(component="core") for c in core_commands(requested)), counts)["core"],
    )

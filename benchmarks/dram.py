"""The bank-level DRAM kernel against the plain per-clock model, and its rate on a long random trace."""

from __future__ import annotations

import numpy as np

from accelsim.memory import dram
from accelsim.memory.bank.device import load_device
from benchmarks.timing import ratio, seconds
from tests.references.dram import ReferenceDram


def measure() -> str:
    """40 random reads for the ratio; 200,000 for the rate, whose clocks are the count that goes with it."""
    device = load_device("ddr4-2400")
    addresses = 64 * np.random.default_rng(0).integers(0, 2**24, 200_000)
    reads = np.zeros(len(addresses), bool)

    def replay(count: int) -> dram.DramStats:
        return dram.replay(addresses[:count], reads[:count], device)

    slow = seconds(lambda: ReferenceDram(device).replay(addresses[:40], reads[:40], 0.0), runs=1)
    text = ratio("40 random reads, ddr4-2400", slow, seconds(lambda: replay(40)), "per-clock model")
    rate = len(addresses) / seconds(lambda: replay(len(addresses)))
    return f"{text}; {rate / 1e6:.2f} M random reads a second ({replay(len(addresses)).cycles} clocks)"

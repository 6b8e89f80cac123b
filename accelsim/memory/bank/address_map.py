"""The address map of a bank-level DRAM: which channel, rank, bank group, bank and row an address is of.

An address divided by a request's bytes is the number of a burst, whose bits are the fields of `address_mapping`.
"""

from __future__ import annotations

from typing import Any

from .compiled import inlined
from .device import FIELDS, Device


def address_fields(device: Device) -> dict[str, tuple[int, int]]:
    """Return the lowest bit and the width of each field in the number of a burst.

    >>> from accelsim.memory.bank.device import load_device
    >>> address_fields(load_device("ddr4-2400"))  # rorabacobgch: no channel bit, then the bank group
    {'ch': (0, 0), 'bg': (0, 2), 'co': (2, 7), 'ba': (9, 2), 'ra': (11, 1), 'ro': (12, 16)}
    """
    columns = device.columns // device.BL
    sizes = (device.channels, device.ranks, device.bankgroups, device.banks_per_group, device.rows, columns)
    width = {name: size.bit_length() - 1 for name, size in zip(FIELDS, sizes, strict=True)}
    place, low = {}, 0
    for start in range(len(device.address_mapping) - 2, -1, -2):
        name = device.address_mapping[start : start + 2]
        place[name] = (low, width[name])
        low += width[name]
    return place


# `settings` below is the record of state.SETTINGS, whose fields no static type names.
@inlined
def channel_of(settings: Any, address: int) -> int:
    """Return the number of the channel that serves an address."""
    return int(((address >> settings.offset_bits) >> settings.ch_low) & settings.ch_mask)


@inlined
def bank_of(settings: Any, channel: int, address: int) -> int:
    """Return the number of an address's bank, counted through all channels."""
    burst = address >> settings.offset_bits
    rank = (burst >> settings.ra_low) & settings.ra_mask
    group = (burst >> settings.bg_low) & settings.bg_mask
    bank = (burst >> settings.ba_low) & settings.ba_mask
    return int((channel * settings.ranks + rank) * settings.banks + group * settings.banks_per_group + bank)


@inlined
def row_of(settings: Any, address: int) -> int:
    """Return the row of an address in its bank."""
    return int(((address >> settings.offset_bits) >> settings.ro_low) & settings.ro_mask)

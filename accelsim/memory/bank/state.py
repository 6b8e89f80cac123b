"""The state of a bank-level DRAM: named arrays of records, which compiled code reads as `state.banks[bank].row`.

Everything is numbered through all channels: channel c has the ranks c · ranks to (c + 1) · ranks - 1, and banks, bank
groups, command queues and requests likewise. All fields are int64, clocks are DRAM clocks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .address_map import address_fields
from .device import FIELDS, Device
from .timing import COMMANDS, NONE, SCOPES, TIMED, distances

Array = NDArray[np.int64]
Records = NDArray[np.void]
NEVER = 2**60
CLOSED = -1  # the row of a bank without an open one
STALE = -1  # the number of a queue's candidates where they are to be searched for again
IDLE_WRITES = 8  # writes that a channel leaves in its buffer while nothing fills it (DRAMsim3)
ACTIVATE_WINDOW = 4  # activates in tFAW
FILTER_BITS = 12


def _dtype(*names: str, **arrays: tuple[int, ...]) -> np.dtype[np.void]:
    """A record of integers, and of arrays of integers with their shapes."""
    fields: list[Any] = [(name, np.int64) for name in names]
    return np.dtype(fields + [(name, np.int64, shape) for name, shape in arrays.items()])


# What never changes: counts (ranks a channel, banks a rank), the policies, where the fields of an address lie.
SETTINGS = _dtype(
    *("channels", "ranks", "banks", "banks_per_group", "queues_per_rank"),
    *("queue_depth", "waiting_depth", "unified", "close_page", "dual_commands", "issue_width", "read_delay", "tFAW"),
    *("refresh_interval", "ranks_a_refresh", "offset_bits"),
    *("power_down_after", "write_busy", "tRFC"),
    *(f"{name}_{part}" for name in FIELDS for part in ("low", "mask")),
    distances=(len(SCOPES), len(COMMANDS), TIMED),
)
# `turn` is the queue served last, `queued` the requests in command queues, `draining` the writes of a batch still to go
# there, `blocked` whether no waiting request can move, `wake` the clock of the next event, `free` the number of unused
# requests, `waiting_by_hash` that of requests by hashed address.
CHANNEL = _dtype(
    *("turn", "queued", "draining", "drain_above", "blocked", "wake", "free"),
    *("refresh_at", "refreshes_due", "refresh_rank", "refreshing", "last_return", "last_write"),
    *("row_hits", "activates", "precharges", "refreshes", "reads", "writes"),
    waiting_by_hash=(1 << FILTER_BITS,),
)
# Clocks with an open row and without one up to `since`; those of them in power-down up to the last command, which keeps
# the rank busy until `idle_from`; the last activates; in `ready` the first clock of each command.
RANK = _dtype(
    *("open_banks", "since", "active_clocks", "idle_clocks", "oldest_activate"),
    *("active_down_clocks", "idle_down_clocks", "idle_from"),
    activates=(ACTIVATE_WINDOW,),
    ready=(TIMED,),
)
GROUP = _dtype(ready=(TIMED,))
# `hits` are the reads and writes since the row was opened; then where the bank belongs.
BANK = _dtype("row", "hits", "rank", "group", "queue", ready=(TIMED,))
# `earliest` is the first clock at which one of its commands may go out, `candidates` how many of those there are.
QUEUE = _dtype("length", "earliest", "candidates")
CANDIDATE = _dtype("slot", "command")
WAITING = _dtype("length")
# `owner` is the transfer that it is of, `merged` counts reads of the same address that are answered with it.
REQUEST = _dtype("address", "bank", "queue", "row", "is_write", "owner", "merged")


class State(NamedTuple):
    """The arrays of a DRAM, of the records above; `*_slots` hold numbers of requests, the oldest first."""

    settings: Records  # one
    channels: Records
    ranks: Records
    groups: Records
    banks: Records
    queues: Records
    queue_slots: Array  # (queue, slot)
    candidates: Records  # (queue, candidate): what a queue could send next
    waiting: Records  # lists 2c (reads) and 2c + 1 (writes) of channel c
    waiting_slots: Array  # (list, slot)
    free_slots: Array  # (channel, slot)
    requests: Records


def new_state(device: Device, power_down_after: int = NEVER) -> State:
    """Return an idle DRAM at clock 0 with all its banks closed, whose ranks power down after so many idle clocks."""
    per_bank, depth, waiting_depth, _ = device.queues
    ranks = device.rank_count
    queues = ranks * (device.banks if per_bank else 1)
    pool = queues // device.channels * depth + 2 * waiting_depth  # requests of a channel
    settings = _settings(device)
    settings["power_down_after"] = power_down_after
    return State(
        settings=settings,
        channels=_channels(device, int(settings["refresh_interval"][0]), queues // device.channels, pool),
        ranks=_ranks(ranks),
        groups=np.zeros(ranks * device.bankgroups, GROUP),
        banks=_banks(device, ranks, per_bank),
        queues=_queues(queues),
        queue_slots=np.zeros((queues, depth), np.int64),
        candidates=np.zeros((queues, depth), CANDIDATE),
        waiting=np.zeros(2 * device.channels, WAITING),
        waiting_slots=np.zeros((2 * device.channels, waiting_depth), np.int64),
        free_slots=np.arange(device.channels * pool).reshape(device.channels, pool),
        requests=np.zeros(device.channels * pool, REQUEST),
    )


def _settings(device: Device) -> Records:
    per_bank, depth, waiting_depth, unified = device.queues
    staggered = device.refresh_policy == "RANK_LEVEL_STAGGERED"
    values = {
        "channels": device.channels,
        "ranks": device.ranks,
        "banks": device.banks,
        "banks_per_group": device.banks_per_group,
        "queues_per_rank": device.banks if per_bank else 1,
        "queue_depth": depth,
        "waiting_depth": waiting_depth,
        "unified": unified,
        "close_page": device.row_policy == "CLOSE_PAGE",
        "dual_commands": device.wide,
        "issue_width": device.issue_width,
        "read_delay": device.RL + device.burst_cycle,
        "tFAW": device.tFAW,
        "write_busy": device.WL + device.burst_cycle + device.tWR,
        "tRFC": device.tRFC,
        "refresh_interval": device.tREFI // device.ranks if staggered else device.tREFI,
        "ranks_a_refresh": 1 if staggered else device.ranks,
        "offset_bits": device.req_bytes.bit_length() - 1,
        "distances": distances(device),
    }
    for name, (low, width) in address_fields(device).items():
        values |= {f"{name}_low": low, f"{name}_mask": (1 << width) - 1}
    settings = np.zeros(1, SETTINGS)
    for name, value in values.items():
        settings[name] = value
    return settings


def _channels(device: Device, refresh_interval: int, queues: int, pool: int) -> Records:
    channels = np.zeros(device.channels, CHANNEL)
    numbers = np.arange(device.channels)
    channels["turn"], channels["refresh_rank"] = numbers * queues, numbers * device.ranks
    channels["drain_above"], channels["free"] = IDLE_WRITES, pool
    channels["refresh_at"] = channels["wake"] = refresh_interval
    return channels


def _ranks(count: int) -> Records:
    ranks = np.zeros(count, RANK)
    ranks["activates"] = NONE
    return ranks


def _banks(device: Device, ranks: int, per_bank: bool) -> Records:
    banks = np.zeros(ranks * device.banks, BANK)
    numbers = np.arange(len(banks))
    banks["row"] = CLOSED
    banks["rank"], banks["group"] = numbers // device.banks, numbers // device.banks_per_group
    banks["queue"] = numbers if per_bank else banks["rank"]
    return banks


def _queues(count: int) -> Records:
    queues = np.zeros(count, QUEUE)
    queues["earliest"] = NEVER
    return queues

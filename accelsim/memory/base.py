"""The interface of a DRAM model: its configuration, and the kernel that the engine's one DRAM process owns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import Config


@dataclass(frozen=True)
class Bursts:
    """Whole bursts of an operand that lie apart, as runs in rising order; equal ones compare as equal.

    >>> Bursts.of(np.array([8, 3, 4, 4, 9])).runs.tolist()  # numbers of bursts; (first, how many) of each run
    [[3, 2], [8, 2]]
    """

    packed: bytes

    @classmethod
    def of(cls, numbers: NDArray[np.int64]) -> Bursts:
        """Return these bursts, each once, by their numbers from where the operand begins."""
        each = np.unique(numbers)
        first = np.flatnonzero(np.diff(each, prepend=each[:1] - 2) > 1)
        lengths = np.diff(first, append=each.size)
        return cls(np.stack([each[first], lengths], axis=1).astype(np.int64).tobytes())

    @property
    def runs(self) -> NDArray[np.int64]:
        """Return (number of its first burst, bursts) of each run, (runs, 2), as a copy."""
        return np.frombuffer(self.packed, np.int64).reshape(-1, 2).copy()

    @property
    def count(self) -> int:
        """Return how many bursts they are."""
        return int(self.runs[:, 1].sum())

    def first(self, count: int) -> Bursts:
        """Return the first bursts of them."""
        numbers = np.concatenate([np.arange(start, start + length) for start, length in self.runs])
        return Bursts.of(numbers[:count])


@dataclass(frozen=True)
class Transfer:
    """Bytes of one operand to or from DRAM, from `address` on, which counts from where the operand begins.

    `bursts` are those that it moves where they do not lie one behind the other; `size_bytes` are then theirs.
    """

    operand: str
    size_bytes: int
    is_write: bool
    address: int = 0
    bursts: Bursts | None = None


BURST_BYTES = 64  # assumption where no device is named: a burst of DDR4 and of HBM2


class DramKernel(ABC):
    """Serves the transfers of one layer. All times are array cycles, integers from 0 on.

    The engine makes a kernel for every layer and calls it in this order:

    1. `submit(number, transfer, cycle)` hands a transfer over. Numbers are unique, cycles never decrease, and no cycle
       lies before one that `advance` has returned or been given as its limit.
    2. `advance(limit)` while `busy`: the kernel moves on to the first cycle at which a transfer is done and returns
       (cycle, number), or moves on to `limit` and returns None. Each transfer is returned once, at a cycle that is not
       before its submission, and the cycles returned never decrease. Nothing is ever rolled back: what `advance` has
       passed is settled, and a transfer that is submitted later changes no cycle up to there. Stopping at any limits
       must give the same cycles as not stopping at all.
    3. `close(cycle)`, once, at the layer's last cycle, when nothing is busy.
    4. `busy_cycles`, `counts()` and `energy_pj()`, in any order, which describe everything up to then.
    """

    @abstractmethod
    def submit(self, number: int, transfer: Transfer, cycle: int) -> None:
        """Take transfer `number`, of at least one byte, at `cycle`."""

    @abstractmethod
    def advance(self, limit: float) -> tuple[int, int] | None:
        """Return (cycle, number) of the next transfer that is done at a cycle <= `limit`, which may be inf; else None.

        With an infinite limit and a busy kernel a transfer is always returned.
        """

    def close(self, cycle: int) -> None:  # noqa: B027 - most models hold nothing back
        """Finish at the layer's last cycle, before `counts` and `energy_pj` are asked for."""

    def counts(self) -> dict[str, int]:
        """Return what the model counted, by report column, in the order of the report's columns."""
        return {}

    def energy_pj(self) -> dict[str, float]:
        """Return the pJ that the model knows better than by its commands' counts: `dram_access` and `dram_standby`.

        A model that overrides this lists the same energy as `DramConfig.commands`.
        """
        return {}

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Tell whether a transfer is under way, or done but not returned yet."""

    @property
    @abstractmethod
    def busy_cycles(self) -> int:
        """Return the array cycles in which requests were served, rounded up."""


ACCESS, STANDBY = "dram_access", "dram_standby"  # what traffic costs, and what time costs


class Command(NamedTuple):
    """What a DRAM does that costs energy: `factor` times the sum of the report's `columns` less `minus`, at `pj` each.

    A data sheet gives currents: `charge` is a command's in V·mA·clocks and `pj_per_charge` a clock's nanoseconds. Where
    the energy is known as it is, `charge` is the pJ and `pj_per_charge` 1. `is_io` marks the interface's share of the
    access energy.
    """

    component: str  # ACCESS or STANDBY
    name: str
    columns: tuple[str, ...]
    factor: int
    charge: float
    pj_per_charge: float
    formula: str
    source: str
    minus: tuple[str, ...] = ()
    is_io: bool = False

    @property
    def pj(self) -> float:
        """Return the energy of one, in pJ."""
        return self.charge * self.pj_per_charge


def energy_of(commands: Iterable[Command], counts: Mapping[str, int]) -> dict[str, float]:
    """Return the pJ of so many commands by component: charges are added up first, then turned into energy.

    >>> read = Command("dram_access", "read burst", ("dram_reads",), 1, 100.0, 0.5, "100 × 0.5 ns", "a data sheet")
    >>> energy_of([read], {"dram_reads": 4})
    {'dram_access': 200.0}
    """
    charges: dict[tuple[str, float], float] = {}
    for command in commands:
        unit = (command.component, command.pj_per_charge)
        count = sum(counts[name] for name in command.columns) - sum(counts[name] for name in command.minus)
        charge = command.factor * count * command.charge
        charges[unit] = charges[unit] + charge if unit in charges else charge
    energy: dict[str, float] = {}
    for (component, pj_per_charge), charge in charges.items():
        energy[component] = energy.get(component, 0.0) + charge * pj_per_charge
    return energy


class Accounting(NamedTuple):
    """How a DRAM's energy is counted, in words: its access, and its standby, which is empty where none is counted."""

    access: str = "the energy table's pJ a bit"
    standby: str = ""

    @property
    def sentence(self) -> str:
        """Return the three parts of a run's energy in one line.

        >>> Accounting().sentence
        "energy: on chip + DRAM access (the energy table's pJ a bit); DRAM standby is not counted"
        """
        parts = f"energy: on chip + DRAM access ({self.access})"
        return f"{parts} + DRAM standby ({self.standby})" if self.standby else f"{parts}; DRAM standby is not counted"


BITS_ALONE = Accounting()


class DramConfig(Config, ABC):
    """The configuration of a DRAM model, and what is known of it without simulating.

    A model of one's own is a subclass whose field `model` is a Literal with its name, registered by
    `accelsim.memory.register_dram` or found through the entry-point group `accelsim.dram_models`.
    """

    model: str

    @property
    def is_timed(self) -> bool:
        """Tell whether a transfer takes time, so that `kernel` returns a kernel."""
        return True

    @abstractmethod
    def bytes_per_cycle(self, clock_mhz: float) -> float:
        """Return the bytes an array cycle at best; inf where no transfer takes time."""

    def commands(self, clock_mhz: float) -> tuple[Command, ...]:
        """Return what its energy is made of against an array clock; columns are those of a report's row.

        Where no command is of ACCESS, bits are counted at the energy table's figures.
        """
        return ()

    def expected_counts(self, read_bytes: float, cycles: float, clock_mhz: float) -> dict[str, float]:
        """Return what `commands` counts of bytes read in long bursts, and of so many idle array cycles, on the average.

        For choosing a mapping, before anything is simulated; empty where bits alone are counted.
        """
        return {}

    @property
    def burst_bytes(self) -> int:
        """Return the bytes that are moved at least, from a multiple of as many on: 64 unless the model says more."""
        return BURST_BYTES

    @property
    def accounting(self) -> Accounting:
        """Return in words how its energy is counted."""
        return BITS_ALONE

    def untimed_counts(self, cycles: int, size_bytes: int, clock_mhz: float) -> dict[str, int]:
        """Return what is counted of a layer without a kernel that took so long and moved so much, by report column."""
        return {}

    @abstractmethod
    def kernel(self, clock_mhz: float) -> DramKernel | None:
        """Return a fresh kernel against an array clock; None where no transfer takes time."""

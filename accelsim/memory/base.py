"""The interface of a DRAM model: a resumable kernel that the engine's one DRAM process owns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from accelsim.config import Config

OPERANDS = ("ifmap", "weight", "index", "psum", "ofmap")


@dataclass(frozen=True)
class Transfer:
    """Bytes of one operand to or from DRAM, from `address` on, which counts from where the operand begins."""

    operand: str
    size_bytes: int
    is_write: bool
    address: int = 0


class DramKernel(ABC):
    """Serves transfers request by request. All times are array cycles; calls come in order of time.

    `submit` hands a transfer over at a cycle; `advance` moves on to the first cycle at which a transfer is done, but
    not past `limit`. Nothing is ever rolled back: after `advance(limit)` the past up to `limit` is settled.
    """

    @abstractmethod
    def submit(self, number: int, transfer: Transfer, cycle: int) -> None:
        """Take transfer `number`, of at least one byte, at `cycle`."""

    @abstractmethod
    def advance(self, limit: float) -> tuple[int, int] | None:
        """(cycle, number) of the next transfer done at a cycle <= `limit`, each reported once; else None."""

    def close(self, cycle: int) -> None:  # noqa: B027 - most models hold nothing back
        """Called once, at the layer's last cycle, before `counts` and `energy_pj` are asked for."""

    def counts(self) -> dict[str, int]:
        """What the model counted, by report column."""
        return {}

    def energy_pj(self) -> dict[str, float]:
        """Energy of the components that the model knows better than a figure a bit."""
        return {}

    @property
    @abstractmethod
    def bytes_per_cycle(self) -> float:
        """Bytes an array cycle at best."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether a transfer is under way or done but not reported."""

    @property
    @abstractmethod
    def busy_cycles(self) -> int:
        """Array cycles in which requests were served, rounded up."""


class Command(NamedTuple):
    """What a DRAM does that costs energy: `factor` times the report's column `column`, at `pj` each."""

    component: str  # dram or dram_io
    name: str
    column: str
    factor: float
    pj: float
    formula: str
    source: str


class DramConfig(Config, ABC):
    """The configuration of a DRAM model."""

    model: str

    def commands(self) -> tuple[Command, ...]:
        """What its energy is made of; nothing where the model counts bits alone, at the energy table's figures."""
        return ()

    @abstractmethod
    def kernel(self, clock_mhz: float) -> DramKernel | None:
        """A fresh kernel against an array clock; None where no transfer takes time."""

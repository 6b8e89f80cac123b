"""What the engine says of a schedule: cycles, what the array waited for, and the bars of its timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .dram_traffic import Stalls


@dataclass(frozen=True)
class Span:
    """One bar of the timeline, in array cycles; a transfer's has its bytes."""

    track: str
    name: str
    start: int
    cycles: int
    size_bytes: int = 0


@dataclass(frozen=True)
class EngineRun:
    """Cycles from the first issue to the end of the last write-back, and what the array waited for."""

    cycles: int
    stalls: Stalls
    spans: Sequence[Span]

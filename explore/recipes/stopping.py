"""Batches that end early: trainings side by side stop together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from accelsim.errors import CompressionError
from compress.base import Batch
from compress.recipes.engine import Batches


@dataclass(frozen=True)
class UntilStopped:
    """These batches, of which the next one raises CompressionError once `stopped` is set."""

    batches: Batches
    stopped: Event

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches:
            if self.stopped.is_set():
                raise CompressionError("the training was stopped")
            yield batch

"""Matrix work of a network that is in none of its layers: what somebody let go on without it is recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import FileFormatError
from ..validation import is_integer
from .reader import RecordReader

MACS_LIMIT = 2**63


@dataclass(frozen=True)
class NotSimulated:
    """An operation that no layer stands for: where it is, what it is, and its multiply-accumulates where known.

    >>> NotSimulated("head.bilinear", "bilinear", 4096).macs
    4096
    """

    name: str
    operation: str
    macs: int | None = None


def not_simulated_records(of: Iterable[NotSimulated]) -> list[dict[str, Any]]:
    """Each as a JSON object; `not_simulated_from_records` takes them back."""
    return [asdict(one) for one in of]


def not_simulated_from_records(records: Any, where: str) -> tuple[NotSimulated, ...]:
    """The operations of a JSON list. FileFormatError, which begins with `where`, for anything else."""
    if not isinstance(records, list):
        raise FileFormatError(f"{where}: not_simulated is {repr(records)[:60]}; a list is expected")
    readers = [RecordReader(record, f"{where}: not_simulated {i}") for i, record in enumerate(records)]
    return tuple(NotSimulated(r.text("name"), r.text("operation"), _macs(r)) for r in readers)


def _macs(reader: RecordReader) -> int | None:
    macs = reader.value("macs")
    if macs is None or is_integer(macs, 0, MACS_LIMIT):
        return macs
    raise FileFormatError(f"{reader.where}: macs is {repr(macs)[:60]}; an integer from 0 or null is expected")

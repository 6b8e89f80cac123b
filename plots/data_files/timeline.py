"""One layer of a Chrome trace, as bars on tracks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelsim.errors import FileFormatError, unknown_name
from accelsim.files import read_json
from accelsim.validation import is_number

MOST_BARS = 600  # more can no longer be distinguished in a figure
ENOUGH_BARS = 40  # from here on more of them do not say more


@dataclass(frozen=True)
class Bar:
    """A tile that is computed or a transfer, in microseconds from the layer's start."""

    track: str
    start_us: float
    length_us: float


@dataclass(frozen=True)
class Timeline:
    """What array and DMA did during one layer; `run` names network and machine where that is known."""

    layer: str
    run: str
    bars: tuple[Bar, ...]

    @property
    def tracks(self) -> list[str]:
        """The array, then the transfers in the order in which they begin."""
        first = sorted(self.bars, key=lambda bar: (bar.track != "array", bar.start_us))
        return list(dict.fromkeys(bar.track for bar in first))

    @property
    def end_us(self) -> float:
        """When the last bar ends."""
        return max(bar.start_us + bar.length_us for bar in self.bars)


def read_trace(path: Path) -> tuple[Any, str]:
    """The content of a Chrome trace's file, None where there is none, and what messages call the file."""
    where = f"timeline {str(path)!r}"
    return (read_json(path, "timeline") if path.exists() else None), where


def read_timeline(path: Path, run: object = None, layer: str | None = None) -> Timeline | None:
    """The layer that shows most in a Chrome trace, or the one named; None where there is no file or no bar in it.

    `run` is a mapping with `network` and `hardware`, or nothing. FileFormatError where the file is no Chrome trace.
    """
    content, where = read_trace(path)
    return None if content is None else timeline_of(content, where, run, layer)


def timeline_of(content: object, where: str, run: object = None, layer: str | None = None) -> Timeline | None:
    """The layer that shows most of a Chrome trace's content: many bars that can be distinguished, then a long time.

    `layer` names another one; UnknownNameError where there is none of that name. `where` begins the message of a
    FileFormatError.
    """
    layers = [one for one in _layers(content, where) if one.bars]
    if layer is not None:
        chosen = next((one for one in layers if one.layer == layer), None)
        if chosen is None:
            raise unknown_name("layer", layer, [one.layer for one in layers])
        return _from_its_start(chosen, run)
    if not layers:
        return None
    clear = [one for one in layers if len(one.bars) <= MOST_BARS]
    chosen = (
        max(clear, key=lambda one: (min(len(one.bars), ENOUGH_BARS), _length_us(one)))
        if clear
        else min(layers, key=lambda one: len(one.bars))
    )
    return _from_its_start(chosen, run)


def _from_its_start(chosen: Timeline, run: object) -> Timeline:
    start = min(bar.start_us for bar in chosen.bars)
    bars = tuple(Bar(bar.track, bar.start_us - start, bar.length_us) for bar in chosen.bars)
    return Timeline(chosen.layer, _run_name(run), bars)


def _length_us(layer: Timeline) -> float:
    return layer.end_us - min(bar.start_us for bar in layer.bars)


def _run_name(run: object) -> str:
    return f"{run['network']} on {run['hardware']}" if isinstance(run, Mapping) and {*run} >= {*_NAMES} else ""


_NAMES = ("network", "hardware")


def _layers(content: object, where: str) -> Iterable[Timeline]:
    """Every process of the trace as a layer."""
    events = content.get("traceEvents") if isinstance(content, dict) else content
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise FileFormatError(f"{where} is no Chrome trace; a list `traceEvents` of events is expected")
    try:
        return _grouped(events)
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{where} has an event without {error}; complete events need pid, tid, ts and dur in µs"
        ) from error


def _grouped(events: list[dict[str, Any]]) -> list[Timeline]:
    names = {(e["name"], e["pid"], e["tid"]): e["args"]["name"] for e in events if e.get("ph") == "M"}
    bars: dict[Any, list[Bar]] = {}
    for event in events:
        if event.get("ph") == "X":
            track = names.get(("thread_name", event["pid"], event["tid"]), f"track {event['tid']}")
            bars.setdefault(event["pid"], []).append(Bar(str(track), _time(event, "ts"), _time(event, "dur")))
    processes = {pid: name for (kind, pid, _), name in names.items() if kind == "process_name"}
    return [Timeline(str(processes.get(pid, f"process {pid}")), "", tuple(of_layer)) for pid, of_layer in bars.items()]


def _time(event: Mapping[str, Any], key: str) -> float:
    value = event[key]
    if not is_number(value) or value < 0:
        raise ValueError(f"a {key} of at least 0")
    return float(value)

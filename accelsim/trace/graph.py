"""Who reads whom: for each layer of a network the layers whose outputs it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import FileFormatError, TraceError

Graph = dict[str, tuple[str, ...]]
INPUT = ""
"""Among what a layer reads: the network's input. As a key: what the network returns."""


def checked_graph(graph: Mapping[str, Sequence[str]], layers: Sequence[str], workload: str) -> Graph:
    """The graph over a workload's layers, each source once and in the layers' order.

    A source that is no layer of the workload comes from outside, as the input does, and a reader that is none has no
    place. Raises TraceError where the graph is no mapping of names to names.

    >>> checked_graph({"fc1": ["conv1"], "fc2": ["fc1", "fc1"], "": ["fc2"]}, ["fc1", "fc2"], "net")
    {'fc1': ('',), 'fc2': ('fc1',), '': ('fc2',)}
    """
    if not isinstance(graph, Mapping):
        raise TraceError(f"graph of workload {workload!r} is {repr(graph)[:60]}; a mapping is expected")
    place = {name: number for number, name in enumerate((INPUT, *layers))}
    result: Graph = {}
    for reader, sources in graph.items():
        if isinstance(sources, str) or not all(isinstance(source, str) for source in sources):
            raise TraceError(f"graph of workload {workload!r}: {reader!r} reads {sources!r:.60}; names are expected")
        if reader in place:
            known = {source if source in place else INPUT for source in sources}
            result[reader] = tuple(sorted(known, key=place.__getitem__))
    return {reader: result[reader] for reader in (*layers, INPUT) if reader in result}


def graph_from_record(record: Any, where: str) -> dict[str, list[str]]:
    """The graph of a JSON object. FileFormatError, which begins with `where`, for anything else."""
    if not isinstance(record, dict):
        raise FileFormatError(f"{where}: graph is {repr(record)[:60]}; an object is expected")
    for reader, sources in record.items():
        if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
            raise FileFormatError(
                f"{where}: graph: {reader!r:.60} reads {repr(sources)[:60]}; a list of names is expected"
            )
    return record

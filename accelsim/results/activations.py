"""How activations lay in DRAM, in one line: which of them could not be compressed stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .layer import ReportedLayer

DEFAULTS = {"activation_format": "dense", "layout": "tiled"}
SHOWN = 3  # names in a list; the rest are counted


def activation_storage(tensors: Mapping[str, Any], layers: Sequence[ReportedLayer]) -> str:
    """The sentence of a report; `tensors` is that part of the machine's configuration.

    >>> activation_storage({"activation_format": "dense"}, [])
    'activations in DRAM: dense, tiled'
    """
    packing, layout = (str(tensors.get(key, otherwise)) for key, otherwise in DEFAULTS.items())
    sentence = f"activations in DRAM: {packing}, {layout}"
    if packing == "dense":
        return sentence
    dense = {
        "ifmap": [layer.name for layer in layers if layer.result.shape.ifmap_format == "dense"],
        "ofmap": [layer.name for layer in layers if layer.result.shape.ofmap_format == "dense"],
    }
    said = [f"{part} of {_listed(names)}" for part, names in dense.items() if names]
    return f"{sentence}; dense, since their integers are not known: {', '.join(said)}" if said else sentence


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")

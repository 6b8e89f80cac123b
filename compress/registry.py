"""All compression methods by name. A new one is a file with its factory, and one line in `_METHODS`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from accelsim.errors import CompressionError, suggestion, unknown_name

if TYPE_CHECKING:
    import torch
    from torch import nn

    from compress.base import Compressor


@dataclass(frozen=True)
class Method:
    """What a method is and where it was described: `paper` is three digits ("001") or "ext", `where` its section."""

    name: str
    family: str
    paper: str
    where: str


_PRUNING = "regularized_pruning"
_METHODS: dict[Method, str] = {  # -> "module:factory"; a factory takes (model, example_input, settings)
    Method("admm", _PRUNING, "001", "IV-A; IV-B Eq 1-3"): "admm_defaults:admm",
    Method("admm_filter", _PRUNING, "001", "IV-A; IV-B Eq 3 (filter = row)"): "admm_defaults:admm_filter",
    Method("admm_channel", _PRUNING, "001", "IV-A; IV-B Eq 3 (channel)"): "admm_defaults:admm_channel",
    Method("admm_column", _PRUNING, "001", "IV-A; IV-B Eq 3 (filter shape = column)"): "admm_defaults:admm_column",
    Method("admm_combined", _PRUNING, "001", "IV-A; VI Fig 8 (columns then filters and their dead channels)"): (
        "admm_defaults:admm_combined"
    ),
    Method("inq", "pow2", "003", "4.2.2"): "inq:IncrementalQuantizer",
    Method("deepshift_q", "pow2", "003", "4.2.2 Eq 22"): "deepshift:DeepShiftQ",
    Method("xnor_net", "binary_ternary", "003", "4.2.3"): "xnor_net:XnorNet",
}


def methods() -> list[Method]:
    """Every method, in the papers' order. Loads no torch."""
    return list(_METHODS)


def create(name: str, model: nn.Module, example_input: torch.Tensor | None = None, **settings: Any) -> Compressor:
    """The method `name` at work on `model`, with sensible defaults for every setting.

    `settings` go to the method's factory by keyword. Make the optimizer from `model.parameters()` afterwards. Raises
    UnknownNameError for a name or a setting that nobody knows, CompressionError for a value that cannot be.
    """
    places = {method.name: place for method, place in _METHODS.items()}
    if name not in places:
        raise unknown_name("method", name, places)
    module, factory_name = places[name].split(":")
    factory = getattr(import_module(f"compress.{module}"), factory_name)
    known = [p for p in inspect.signature(factory).parameters if p not in ("model", "example_input")]
    for setting in settings:
        if setting not in known:
            raise CompressionError(f"method {name!r} has no setting {setting!r}; {suggestion(setting, known)}")
    made: Compressor = factory(model, example_input=example_input, **settings)
    return made

"""Compression for real: pruning, quantization, checkpoints of integers. Torch loads on first use of what needs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from compress.registry import Method, create, methods

if TYPE_CHECKING:
    from compress.admm import ADMMPruner
    from compress.base import Compressor
    from compress.checkpoint import Checkpoint, LayerRecord, read
    from compress.codes import ActivationCode, LayerCode
    from compress.constraints import Channels, Columns, Combined, Filters, Unstructured
    from compress.deepshift import DeepShiftQ
    from compress.inq import IncrementalQuantizer
    from compress.integer import calibrate_activations, integer_network
    from compress.recipe import Recipe, load_recipe
    from compress.saving import save
    from compress.shrinking import shrink
    from compress.training import fit
    from compress.xnor_net import XnorNet

_HOMES = {
    "ADMMPruner": "admm",
    "ActivationCode": "codes",
    "Channels": "constraints",
    "Checkpoint": "checkpoint",
    "Columns": "constraints",
    "Combined": "constraints",
    "Compressor": "base",
    "DeepShiftQ": "deepshift",
    "Filters": "constraints",
    "IncrementalQuantizer": "inq",
    "LayerCode": "codes",
    "LayerRecord": "checkpoint",
    "Recipe": "recipe",
    "Unstructured": "constraints",
    "XnorNet": "xnor_net",
    "calibrate_activations": "integer",
    "fit": "training",
    "integer_network": "integer",
    "load_recipe": "recipe",
    "read": "checkpoint",
    "save": "saving",
    "shrink": "shrinking",
}

__all__ = [
    "ADMMPruner",
    "ActivationCode",
    "Channels",
    "Checkpoint",
    "Columns",
    "Combined",
    "Compressor",
    "DeepShiftQ",
    "Filters",
    "IncrementalQuantizer",
    "LayerCode",
    "LayerRecord",
    "Method",
    "Recipe",
    "Unstructured",
    "XnorNet",
    "calibrate_activations",
    "create",
    "fit",
    "integer_network",
    "load_recipe",
    "methods",
    "read",
    "save",
    "shrink",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'compress' has no attribute {name!r}")
    return getattr(import_module(f"compress.{_HOMES[name]}"), name)

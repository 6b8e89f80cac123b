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
    from compress.integer import calibrate_activations, integer_network
    from compress.saving import save
    from compress.shrinking import shrink
    from compress.training import fit

_HOMES = {
    "ADMMPruner": "admm",
    "ActivationCode": "codes",
    "Channels": "constraints",
    "Checkpoint": "checkpoint",
    "Columns": "constraints",
    "Combined": "constraints",
    "Compressor": "base",
    "Filters": "constraints",
    "LayerCode": "codes",
    "LayerRecord": "checkpoint",
    "Unstructured": "constraints",
    "calibrate_activations": "integer",
    "fit": "training",
    "integer_network": "integer",
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
    "Filters",
    "LayerCode",
    "LayerRecord",
    "Method",
    "Unstructured",
    "calibrate_activations",
    "create",
    "fit",
    "integer_network",
    "methods",
    "read",
    "save",
    "shrink",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'compress' has no attribute {name!r}")
    return getattr(import_module(f"compress.{_HOMES[name]}"), name)

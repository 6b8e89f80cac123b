"""Compression for real: pruning, quantization, checkpoints of integers. Torch loads on first use of what needs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from compress.registry import Method, create, methods

if TYPE_CHECKING:
    from compress.admm import ADMMPruner
    from compress.admm_progressive import ProgressivePruner
    from compress.admm_quantization import ADMMQuantizer
    from compress.base import Compressor
    from compress.checkpoint import Checkpoint, LayerRecord, read
    from compress.codes import ActivationCode, LayerCode
    from compress.constraints import Channels, Columns, Combined, Filters, Unstructured
    from compress.deepshift import DeepShiftQ
    from compress.inq import IncrementalQuantizer
    from compress.integer import calibrate_activations, integer_network
    from compress.iterative_magnitude import IterativeMagnitude
    from compress.levels import Binary, Levels, Ternary
    from compress.packed import pack, read_packed
    from compress.projected_gradient import ProjectedGradient
    from compress.recipe import Recipe, load_recipe
    from compress.regularization import FixedRegularization
    from compress.saving import save
    from compress.shrinking import shrink
    from compress.training import fit
    from compress.truncated_gaussian import PrunedTernary
    from compress.xnor_net import XnorNet

_HOMES = {
    "ADMMPruner": "admm",
    "ADMMQuantizer": "admm_quantization",
    "ActivationCode": "codes",
    "Binary": "levels",
    "Channels": "constraints",
    "Checkpoint": "checkpoint",
    "Columns": "constraints",
    "Combined": "constraints",
    "Compressor": "base",
    "DeepShiftQ": "deepshift",
    "Filters": "constraints",
    "FixedRegularization": "regularization",
    "IncrementalQuantizer": "inq",
    "IterativeMagnitude": "iterative_magnitude",
    "LayerCode": "codes",
    "LayerRecord": "checkpoint",
    "Levels": "levels",
    "ProgressivePruner": "admm_progressive",
    "ProjectedGradient": "projected_gradient",
    "PrunedTernary": "truncated_gaussian",
    "Recipe": "recipe",
    "Ternary": "levels",
    "Unstructured": "constraints",
    "XnorNet": "xnor_net",
    "calibrate_activations": "integer",
    "fit": "training",
    "integer_network": "integer",
    "load_recipe": "recipe",
    "pack": "packed",
    "read": "checkpoint",
    "read_packed": "packed",
    "save": "saving",
    "shrink": "shrinking",
}

__all__ = [
    "ADMMPruner",
    "ADMMQuantizer",
    "ActivationCode",
    "Binary",
    "Channels",
    "Checkpoint",
    "Columns",
    "Combined",
    "Compressor",
    "DeepShiftQ",
    "Filters",
    "FixedRegularization",
    "IncrementalQuantizer",
    "IterativeMagnitude",
    "LayerCode",
    "LayerRecord",
    "Levels",
    "Method",
    "ProgressivePruner",
    "ProjectedGradient",
    "PrunedTernary",
    "Recipe",
    "Ternary",
    "Unstructured",
    "XnorNet",
    "calibrate_activations",
    "create",
    "fit",
    "integer_network",
    "load_recipe",
    "methods",
    "pack",
    "read",
    "read_packed",
    "save",
    "shrink",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'compress' has no attribute {name!r}")
    return getattr(import_module(f"compress.{_HOMES[name]}"), name)

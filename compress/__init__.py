"""Compression for real: pruning, quantization, checkpoints of integers. Torch loads on first use of what needs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .registry import Method, create, methods, register_method

if TYPE_CHECKING:
    from .base import Compressor
    from .checkpoint.format import Checkpoint, SavedLayer, read
    from .checkpoint.packed import pack, read_packed
    from .checkpoint.saving import save
    from .granularity.constraints import Channels, Columns, Combined, Filters, Unstructured
    from .graph.groups import Group, Groups, groups
    from .graph.shrinking import NotShrunkWarning, shrink
    from .quantizers.admm import ADMMQuantizer
    from .quantizers.codes import ActivationCode, LayerCode
    from .quantizers.deepshift import DeepShiftQ
    from .quantizers.inq import IncrementalQuantizer
    from .quantizers.integer import calibrate_activations, integer_network
    from .quantizers.levels import Binary, Levels, Ternary
    from .quantizers.mixed_precision import MixedPrecision
    from .quantizers.truncated_gaussian import PrunedTernary
    from .quantizers.xnor_net import XnorNet
    from .recipes.recipe import Recipe, load_recipe
    from .regularizers.fixed import FixedRegularization
    from .schedules.admm import ADMMPruner
    from .schedules.admm_progressive import ProgressivePruner
    from .schedules.iterative_magnitude import IterativeMagnitude
    from .schedules.projected_gradient import ProjectedGradient
    from .training.fit import fit

_HOMES = {
    "ADMMPruner": "schedules.admm",
    "ADMMQuantizer": "quantizers.admm",
    "ActivationCode": "quantizers.codes",
    "Binary": "quantizers.levels",
    "Channels": "granularity.constraints",
    "Checkpoint": "checkpoint.format",
    "Columns": "granularity.constraints",
    "Combined": "granularity.constraints",
    "Compressor": "base",
    "DeepShiftQ": "quantizers.deepshift",
    "Filters": "granularity.constraints",
    "FixedRegularization": "regularizers.fixed",
    "Group": "graph.groups",
    "Groups": "graph.groups",
    "IncrementalQuantizer": "quantizers.inq",
    "IterativeMagnitude": "schedules.iterative_magnitude",
    "LayerCode": "quantizers.codes",
    "Levels": "quantizers.levels",
    "MixedPrecision": "quantizers.mixed_precision",
    "ProgressivePruner": "schedules.admm_progressive",
    "ProjectedGradient": "schedules.projected_gradient",
    "NotShrunkWarning": "graph.shrinking",
    "PrunedTernary": "quantizers.truncated_gaussian",
    "Recipe": "recipes.recipe",
    "SavedLayer": "checkpoint.format",
    "Ternary": "quantizers.levels",
    "Unstructured": "granularity.constraints",
    "XnorNet": "quantizers.xnor_net",
    "calibrate_activations": "quantizers.integer",
    "fit": "training.fit",
    "groups": "graph.groups",
    "integer_network": "quantizers.integer",
    "load_recipe": "recipes.recipe",
    "pack": "checkpoint.packed",
    "read": "checkpoint.format",
    "read_packed": "checkpoint.packed",
    "save": "checkpoint.saving",
    "shrink": "graph.shrinking",
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
    "Group",
    "Groups",
    "IncrementalQuantizer",
    "IterativeMagnitude",
    "LayerCode",
    "Levels",
    "Method",
    "MixedPrecision",
    "NotShrunkWarning",
    "ProgressivePruner",
    "ProjectedGradient",
    "PrunedTernary",
    "Recipe",
    "SavedLayer",
    "Ternary",
    "Unstructured",
    "XnorNet",
    "calibrate_activations",
    "create",
    "fit",
    "groups",
    "integer_network",
    "load_recipe",
    "methods",
    "pack",
    "read",
    "read_packed",
    "register_method",
    "save",
    "shrink",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'compress' has no attribute {name!r}")
    return getattr(import_module(f"compress.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})

"""Which layers of an older checkpoint were pruned: its manifest does not say it of each, but names its method.

A checkpoint of a recipe lists its stages, and a stage that prunes names its layers in `keep` or takes all of them.
Without stages the method decides: one that only quantizes, or none, pruned no layer, any other pruned them all. A
layer that is smaller than it was was pruned in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from accelsim.trace.gemm import GemmTrace

QUANTIZERS = frozenset(  # the classes that checkpoints named as their method, of those that only quantize
    {"ADMMQuantizer", "IncrementalQuantizer", "DeepShiftQ", "XnorNet", "MixedPrecision"}
)
QUANTIZING = frozenset(  # the methods of stages that only quantize
    {"admm_levels", "admm_binary", "admm_ternary", "mixed_precision", "inq", "deepshift_q", "xnor_net"}
)


def pruned_by(method: str | None, provenance: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a layer of a checkpoint with this method and provenance was pruned, by the layer's name.

    >>> pruned_by("ADMMPruner", {})("fc1"), pruned_by("IncrementalQuantizer", {})("fc1")
    (True, False)
    >>> stages = [{"method": "admm", "keep": {"conv1": 9}}, {"method": "admm_levels", "bits": 3}]
    >>> list(map(pruned_by("ADMMQuantizer", {"stages": stages}), ["conv1", "fc1"]))
    [True, False]
    """
    stages = provenance.get("stages")
    if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
        pruned = method is not None and method not in QUANTIZERS
        return lambda name: pruned
    layers = [_layers_of(stage) for stage in stages if stage.get("method") not in QUANTIZING]
    return lambda name: any(names is None or name in names for names in layers)


def _layers_of(stage: Mapping[str, Any]) -> Collection[str] | None:
    """The layers that a pruning stage names; None where it takes all of them."""
    settings = stage.get("settings")
    keep = stage.get("keep") or (settings.get("keep") if isinstance(settings, dict) else None)
    return keep.keys() if isinstance(keep, dict) else None


def smaller(trace: GemmTrace) -> bool:
    """Whether a layer has fewer weights than its dense shape."""
    dense = trace.dense_groups * trace.dense_shape.N * trace.dense_shape.K
    return trace.groups * trace.N * trace.K < dense

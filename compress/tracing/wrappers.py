"""What people hand over in place of a bare module: compiled, data-parallel, averaged, or exported already."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.optim.swa_utils import AveragedModel

_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)
_ROOT = re.compile(r"^L\['self'\]\.?|@\d+")


def unwrapped(model: Any) -> Any:
    """The user's own module within `torch.compile`, data-parallel training and weight averaging."""
    while True:
        if isinstance(model, _PARALLEL):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod
        else:
            return model


class ProgramModules:
    """What a program's graph and state tell of the modules that it was made of."""

    def __init__(self, program: ExportedProgram) -> None:
        self.names = {*program.state_dict, *program.constants}
        stacks = [list((node.meta.get("nn_module_stack") or {}).values()) for node in program.graph.nodes]
        self.kinds = {_path(entry[0]): str(entry[1]) for stack in stacks for entry in stack}
        self.within = {name.rpartition(".")[0] for name in self.names} | self.kinds.keys()

    def describe(self, stack: list[Any]) -> tuple[str, bool, bool]:
        """As `describe` of a module: the innermost one's path, whether it is torch's own layer and has a weight."""
        path = _path(stack[-1][0]) if stack else ""
        inner = f"{path}." if path else ""
        parametrized = f"{inner}parametrizations" in self.within or any(
            name.startswith(f"{inner}parametrizations.") for name in self.names
        )
        within = {other for other in self.within if other != path and other.startswith(inner)}
        childless = all(other.startswith(f"{inner}parametrizations") for other in within)
        kind = self.kinds.get(path, "")
        owns = f"{inner}weight" in self.names or f"{inner}weight_orig" in self.names or f"{inner}weight_g" in self.names
        own = kind.removeprefix("<class '").startswith(("torch.nn", "torch.ao.nn"))
        return path, childless and own, childless and (owns or parametrized)


def _path(text: str) -> str:
    return _ROOT.sub("", text)


def example_of(program: ExportedProgram) -> tuple[torch.Tensor, ...] | None:
    """The example that a program was made with, all its arguments in their order."""
    if program.example_inputs is None:
        return None
    positional, keywords = program.example_inputs
    return (*positional, *keywords.values())

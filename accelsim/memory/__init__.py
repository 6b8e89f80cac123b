"""DRAM models by name; adding one is a file here and a line in MODELS."""

from __future__ import annotations

from importlib import import_module

from accelsim.errors import unknown_name
from accelsim.memory.base import DramConfig

MODELS = {
    "ideal": "accelsim.memory.ideal:IdealDram",
    "bandwidth": "accelsim.memory.bandwidth:BandwidthDram",
    "bank": "accelsim.memory.bank.model:BankDram",
}


def model_class(name: str) -> type[DramConfig]:
    """The configuration class of a DRAM model; UnknownNameError names the nearest one."""
    if name not in MODELS:
        raise unknown_name("DRAM model", name, MODELS)
    module, attribute = MODELS[name].split(":")
    found: type[DramConfig] = getattr(import_module(module), attribute)
    return found

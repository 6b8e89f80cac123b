"""DRAM models by name; adding one is a file here and a line in MODELS."""

from __future__ import annotations

from importlib import import_module

from accelsim.errors import unknown_name
from accelsim.memory.kernel import DramPart

MODELS = {
    "ideal": "accelsim.memory.ideal:IdealDram",
    "bandwidth": "accelsim.memory.bandwidth:BandwidthDram",
    "bank": "accelsim.memory.bank:BankDram",
}


def model_class(name: str) -> type[DramPart]:
    """The configuration class of a DRAM model; UnknownNameError names the nearest one."""
    if name not in MODELS:
        raise unknown_name("DRAM model", name, MODELS)
    module, attribute = MODELS[name].split(":")
    found: type[DramPart] = getattr(import_module(module), attribute)
    return found

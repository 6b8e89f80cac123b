"""A DRAM model of somebody's own: by decorator, and out of an installed package."""

from math import inf
from typing import Literal

import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.errors import ConfigError
from accelsim.memory import register_dram
from accelsim.memory.base import DramConfig, DramKernel
from accelsim.memory.registry import DRAM_MODELS
from tests.packages import install

TOY = '''
"""A DRAM that serves one transfer after another, a fixed number of cycles each."""

from collections import deque
from math import inf
from typing import Literal

from accelsim.memory.base import DramConfig, DramKernel


class ToyKernel(DramKernel):
    """The transfers in order, with the cycle at which each is done."""

    def __init__(self, cycles):
        self.cycles, self.free_at, self.served, self.under_way = cycles, 0, 0, deque()

    def submit(self, number, transfer, cycle):
        """Start when the transfer before is done."""
        self.free_at = max(self.free_at, cycle) + self.cycles
        self.served += 1
        self.under_way.append((self.free_at, number))

    def advance(self, limit):
        """The first transfer, if it is done by then."""
        return self.under_way.popleft() if self.under_way and self.under_way[0][0] <= limit else None

    def counts(self):
        """A column of its own."""
        return {"toy_transfers": self.served}

    @property
    def busy(self):
        """Whether a transfer is under way."""
        return bool(self.under_way)

    @property
    def busy_cycles(self):
        """All transfers' cycles."""
        return self.served * self.cycles


class ToyDram(DramConfig):
    """`cycles` a transfer, whatever its size."""

    model: Literal["NAME"]
    cycles: int = 100

    def bytes_per_cycle(self, clock_mhz):
        """No bound but the transfers' number."""
        return inf

    def kernel(self, clock_mhz):
        """A fresh kernel."""
        return ToyKernel(self.cycles)
'''
LAYER = GemmTrace("layer", M=4, N=4, K=16)  # one tile: ifmap, weights, and the outputs back


def machine(dram):
    array = {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os"}
    return {"name": "m", "array": array, "dram": dram}


def toy_class(name):
    scope = {"__name__": __name__}
    exec(TOY.replace("NAME", name), scope)
    return scope["ToyDram"]


def check_a_simulation(name):
    """Ifmap, weights and outputs follow each other: three transfers, none of which hides behind the one tile."""
    ideal = accelsim.simulate(LAYER, machine({"model": "ideal"}))
    report = accelsim.simulate(LAYER, machine({"model": name, "cycles": 50}))
    assert report.rows[0]["toy_transfers"] == 3
    assert report.cycles == ideal.compute_cycles + 3 * 50
    loaded = accelsim.load_hardware(machine({"model": name}))
    assert accelsim.load_hardware(loaded.to_dict()) == loaded


def test_a_model_registered_by_the_decorator_is_simulated():
    cls = toy_class("toy-registered")
    assert register_dram(cls) is cls
    check_a_simulation("toy-registered")


def test_a_model_of_an_installed_package_is_simulated(tmp_path, monkeypatch):
    text = TOY.replace("NAME", "toy-installed")
    install(tmp_path, monkeypatch, "accelsim.dram_models", {"toy-installed": "toy_dram:ToyDram"}, toy_dram=text)
    assert "toy-installed" in DRAM_MODELS.names()
    check_a_simulation("toy-installed")


def test_a_misspelt_model_is_told_the_nearest():
    with pytest.raises(ConfigError, match=r"dram\.model is 'bandwith'; did you mean 'bandwidth'"):
        accelsim.load_hardware(machine({"model": "bandwith"}))
    with pytest.raises(ConfigError, match=r"dram\.model is 7"):
        accelsim.load_hardware(machine({"model": 7}))
    with pytest.raises(ConfigError, match=r"dram\.model is missing; 'model' is expected: ideal, bandwidth, bank"):
        accelsim.load_hardware(machine({"gbps": 10}))


def test_a_class_without_a_name_of_its_own_is_refused():
    class Nameless(DramConfig):
        def bytes_per_cycle(self, clock_mhz):
            return inf

        def kernel(self, clock_mhz):
            return None

    class Taken(Nameless):
        model: Literal["bank"]

    with pytest.raises(ConfigError, match="the field model of Nameless is no Literal"):
        register_dram(Nameless)
    with pytest.raises(ConfigError, match="DRAM model 'bank' is registered already"):
        register_dram(Taken)
    with pytest.raises(ConfigError, match="a subclass of DramConfig is expected"):
        register_dram(DramKernel)

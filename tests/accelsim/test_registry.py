"""Registries: shipped names, registered ones, and those of installed packages; and what goes wrong, in one line."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import sys
from importlib.metadata import EntryPoint
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

import accelsim
from accelsim.arrays.base import PEArray
from accelsim.arrays.registry import ARRAYS
from accelsim.arrays.systolic import SystolicArray
from accelsim.config import name_in
from accelsim.errors import ConfigError, UnknownNameError
from accelsim.formats import STORAGE_FORMATS, Encoded, encode
from accelsim.memory.base import DramConfig
from accelsim.memory.ideal import IdealDram
from accelsim.memory.registry import DRAM_MODELS
from accelsim.registry import Registry, subclass_of
from tests.packages import install

GROUP = "accelsim.test_things"


class Thing:
    """What the registry of these tests holds."""


class Own(Thing):
    """A thing that an entry point names."""


class Other(Thing):
    """Another."""


def things(**shipped: str) -> Registry[type[Thing]]:
    return Registry("thing", GROUP, shipped, check=subclass_of(Thing))


def pretend(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> list[str]:
    """Entry points as if packages with them were installed; the list tells which groups were looked for."""
    asked: list[str] = []

    def entry_points(group: str) -> list[EntryPoint]:
        asked.append(group)
        return [EntryPoint(name, value, group) for name, value in points]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    return asked


@pytest.fixture
def registries(monkeypatch):
    """What a test registers is forgotten after it."""
    for registry in (ARRAYS, DRAM_MODELS, STORAGE_FORMATS):
        monkeypatch.setattr(registry, "_values", dict(registry._values))


HERE = __name__


def test_shipped_names_load_on_first_use_and_need_no_look_around(monkeypatch):
    asked = pretend(monkeypatch, ("own", f"{HERE}:Own"))
    registry = things(own=f"{HERE}:Own", gone="no.such.module:Thing")
    assert registry.get("own") is Own
    assert "own" in registry
    assert asked == []


def test_registered_and_installed_names_are_listed_behind_the_shipped_ones(monkeypatch):
    asked = pretend(monkeypatch, ("installed", f"{HERE}:Own"))
    registry = things(shipped=f"{HERE}:Own")
    registry.add("registered", Other)
    assert registry.names() == ["shipped", "installed", "registered"]
    assert asked == [GROUP]
    assert registry.get("installed") is Own
    assert "installed" in registry
    assert "nothing" not in registry


def test_an_unknown_name_gets_the_nearest_one(monkeypatch):
    pretend(monkeypatch, ("tortoise", f"{HERE}:Own"))
    with pytest.raises(UnknownNameError, match=r"unknown thing 'tortise'; did you mean 'tortoise'\?"):
        things(hare=f"{HERE}:Own").get("tortise")


def test_a_name_stands_for_one_thing():
    registry = things(shipped=f"{HERE}:Own")
    assert registry.add("mine", Other) is Other
    assert registry.add("mine", Other) is Other
    with pytest.raises(ConfigError, match=rf"thing 'mine' is registered already, as {HERE}\.Other;.*{HERE}\.Own"):
        registry.add("mine", Own)
    with pytest.raises(ConfigError, match="thing 'shipped' is registered already"):
        registry.add("shipped", Other)
    assert registry.add("shipped", Own) is Own
    for name in ("", None, 3):
        with pytest.raises(ConfigError, match="a name is expected"):
            registry.add(name, Own)


@pytest.mark.parametrize("value", [3, int, Thing()])
def test_a_thing_of_the_wrong_kind_is_refused(value):
    with pytest.raises(ConfigError, match=r"thing 'mine' is .*; a subclass of Thing is expected"):
        things().add("mine", value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("no.such.module:Thing", "does not load: ModuleNotFoundError: No module named 'no'"),
        (f"{HERE}:Missing", "does not load: AttributeError"),
        (f"{HERE}:HERE", "a subclass of Thing is expected"),
    ],
)
def test_a_broken_entry_point_is_named(monkeypatch, value, told):
    pretend(monkeypatch, ("broken", value))
    with pytest.raises(ConfigError, match=rf"entry point 'broken' of '{GROUP}' \({value}, from .*{told}"):
        things().get("broken")
    assert things().names() == ["broken"]


def test_a_package_on_the_path_is_found_without_being_imported(tmp_path, monkeypatch):
    registry = things(shipped=f"{HERE}:Own")
    text = f"from {HERE} import Thing\nclass Odd(Thing): pass\n"
    install(tmp_path, monkeypatch, GROUP, {"odd": "odd_package:Odd", "bad": "bad_package:Odd"}, odd_package=text,
            bad_package="1 / 0")  # fmt: skip
    assert registry.names() == ["shipped", "bad", "odd"]
    assert "odd_package" not in sys.modules
    assert registry.get("odd").__name__ == "Odd"
    with pytest.raises(ConfigError, match=r"bad_package:Odd, from somebody\) does not load: .*division by zero"):
        registry.get("bad")
    assert registry.get("shipped") is Own  # the others work


def test_two_packages_may_bring_one_name_for_one_thing_alone(monkeypatch):
    pretend(
        monkeypatch, ("same", f"{HERE}:Own"), ("same", f"{HERE}:Own"), ("two", f"{HERE}:Own"), ("two", f"{HERE}:Other")
    )
    registry = things()
    assert registry.get("same") is Own
    with pytest.raises(ConfigError, match="thing 'two' is brought by"):
        registry.get("two")


# arrays


class SlowArray(SystolicArray):
    """A systolic array under another kind."""

    kind: Literal["slow_array"] = "slow_array"  # type: ignore[assignment]  # another literal is what makes it another kind


MACHINE: dict[str, Any] = {"name": "mine", "array": {"kind": "slow_array", "rows": 4, "cols": 4}}
LAYER = accelsim.GemmTrace.random("fc", M=3, N=10, K=20, seed=1)


def test_a_registered_array_works_in_yaml(registries, tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\narray: {kind: slow_array, rows: 4, cols: 4}\n")
    with pytest.raises(ConfigError, match=r"array\.kind is 'slow_array'"):
        accelsim.load_hardware(tmp_path / "mine.yaml")
    assert accelsim.register_array(SlowArray) is SlowArray
    assert isinstance(accelsim.load_hardware(tmp_path / "mine.yaml").array, SlowArray)
    fallback = {"name": "mine", "array": {"kind": "systolic"}, "fallback": MACHINE["array"]}
    assert isinstance(accelsim.load_hardware(fallback).fallback, SlowArray)


def test_an_array_is_taken_as_it_is():
    machine = accelsim.Accelerator(name="mine", array=SlowArray(rows=4, cols=4))
    assert accelsim.load_hardware(machine) is machine
    report = accelsim.simulate(LAYER, machine, verify=True)
    same = accelsim.simulate(LAYER, {"name": "mine", "array": {"kind": "systolic", "rows": 4, "cols": 4}})
    assert report.cycles == same.cycles
    assert {row["array"] for row in report.rows} == {"slow_array"}


def test_overrides_leave_the_classes_of_unregistered_parts():
    machine = accelsim.Accelerator(name="mine", array=SlowArray(rows=4, cols=4))
    larger = accelsim.load_hardware(machine, **{"array.rows": 8, "name": "larger"})
    assert isinstance(larger.array, SlowArray)
    assert (larger.name, larger.array.rows) == ("larger", 8)
    with pytest.raises(ConfigError, match=r"hardware 'mine': array\.rows is 0; "):
        accelsim.load_hardware(machine, **{"array.rows": 0})
    other = accelsim.load_hardware(machine, array={"kind": "systolic"})
    assert type(other.array) is SystolicArray


def test_what_is_no_array_is_refused(registries):
    class Nameless(SystolicArray):
        kind: str

    for wrong in (int, 3, Nameless):
        with pytest.raises(ConfigError, match="a subclass of PEArray with `kind"):
            accelsim.register_array(wrong)

    class Systolic(SystolicArray):
        pass

    with pytest.raises(ConfigError, match="array kind 'systolic' is registered already"):
        accelsim.register_array(Systolic)


def test_an_installed_array_must_bear_its_name(monkeypatch, registries):
    pretend(monkeypatch, ("slow_array", f"{HERE}:SlowArray"), ("quick_array", f"{HERE}:SlowArray"))
    assert isinstance(accelsim.load_hardware(MACHINE).array, SlowArray)
    with pytest.raises(ConfigError, match=r"entry point 'quick_array'.*kind: Literal\['quick_array'\]"):
        accelsim.load_hardware({**MACHINE, "array": {"kind": "quick_array"}})


# DRAM models and storage formats


def test_a_registered_dram_model(registries):
    @accelsim.register_dram
    class Instant(IdealDram):
        model: Literal["instant"] = "instant"

    machine = accelsim.load_hardware({"name": "mine", "array": {"kind": "systolic"}, "dram": {"model": "instant"}})
    assert isinstance(machine.dram, Instant)
    assert accelsim.simulate(LAYER, machine).stall_cycles == 0
    for wrong in (int, SystolicArray):
        with pytest.raises(ConfigError, match="a subclass of DramConfig"):
            accelsim.register_dram(wrong)


def test_a_registered_format(registries):
    @accelsim.register_format
    @dataclasses.dataclass(frozen=True, eq=False)
    class Twice(Encoded):
        name: ClassVar[str] = "twice"
        values: np.ndarray

        @classmethod
        def encode(cls, matrix, widths):
            return cls(matrix.shape, matrix.dtype, widths.value_bits, matrix.copy())

        def decode(self):
            return self.values

        @property
        def value_bits_total(self):
            return 2 * self.values.size * self.value_bits

        @property
        def index_bits_total(self):
            return 0

    assert encode(np.eye(3, dtype=int), "twice", value_bits=4).bits == 72
    with pytest.raises(UnknownNameError, match="did you mean 'twice'"):
        encode(np.eye(3, dtype=int), "twise")
    with pytest.raises(ConfigError, match="a subclass of Encoded with"):
        accelsim.register_format(int)


def test_every_shipped_name_is_its_class_s_own():
    assert all(STORAGE_FORMATS.get(name).name == name for name in STORAGE_FORMATS.shipped)
    assert all(name_in(ARRAYS.get(kind), PEArray, "kind") == kind for kind in ARRAYS.shipped)
    assert all(name_in(DRAM_MODELS.get(model), DramConfig, "model") == model for model in DRAM_MODELS.shipped)

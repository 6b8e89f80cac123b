"""The JSON schema of a machine: what loads fits it, what does not load does not, and every kind is in it."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import yaml

from accelsim.arrays.registry import ARRAYS
from accelsim.errors import ConfigError
from accelsim.hardware.commented import commented_yaml
from accelsim.hardware.field_notes import NOTES
from accelsim.hardware.loading import config_names, load_hardware
from accelsim.hardware.schema import hardware_schema
from accelsim.memory.registry import DRAM_MODELS

TYPES: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int,
    "number": (int, float),
}  # fmt: skip
SCHEMA = hardware_schema()
GOOD = {
    "name": "good", "clock_mhz": 500, "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"},
    "buffers": {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 64}, "dram": {"model": "bandwidth", "gbps": 19.2},
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], place: str = "") -> Iterator[str]:
    """What of a value a schema refuses, for the keywords that this one uses."""
    if "$ref" in schema:
        yield from faults(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], place)
    for key in ("oneOf", "anyOf"):
        fits = sum(not list(faults(value, option, place)) for option in schema.get(key, []))
        if key in schema and not (fits == 1 if key == "oneOf" else fits):
            yield f"{place} fits {fits} of its {key}"
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{place} is no {kind}"
        return
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        yield f"{place} is {value!r}"
    if kind in {"integer", "number"}:
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        if not (low <= value <= high and value > schema.get("exclusiveMinimum", value - 1)):
            yield f"{place} is out of its bounds"
    if kind == "object":
        yield from (f"{place}.{name} is missing" for name in schema.get("required", []) if name not in value)
        fields = schema.get("properties", {})
        for name, inner in value.items():
            if name in fields:
                yield from faults(inner, fields[name], f"{place}.{name}")
            elif schema.get("additionalProperties", True) is False:
                yield f"{place}.{name} is unknown"


@pytest.mark.parametrize("name", config_names())
def test_every_machine_that_ships_fits_it_and_so_does_its_commented_yaml(name):
    shipped = yaml.safe_load((files("hwconfigs") / f"{name}.yaml").read_text(encoding="utf-8"))
    assert list(faults(shipped, SCHEMA)) == []
    machine = load_hardware(name)
    commented = yaml.safe_load(commented_yaml(machine))
    assert list(faults(commented, SCHEMA)) == []
    assert load_hardware(commented) == machine


@pytest.mark.parametrize(
    ("place", "value"),
    [("nme", "x"), ("array.roows", 8), ("array.rows", 0), ("array.rows", "many"), ("array.kind", "systolik"),
     ("array.dataflow", "oss"), ("array", {"rows": 8}), ("buffers.ifmap_kib", 0), ("buffers.double", "yes"),
     ("dram.model", "bandwith"), ("dram", {"model": "bank", "device": "ddr4-2401"}), ("dram.energy_of", "ddr9"),
     ("vector", {"lanes": 0}), ("fallback", {"kind": "eie", "pes": 0}), ("energy", {"mult_9_pj": 1}),
     ("clock_mhz", "fast"), ("clock_mhz", 0)],
)  # fmt: skip
def test_what_does_not_load_does_not_fit(place, value):
    assert list(faults(GOOD, SCHEMA)) == []
    wrong = {key: dict(part) if isinstance(part, dict) else part for key, part in GOOD.items()}
    *parents, last = place.split(".")
    part = wrong
    for key in parents:
        part = part[key]
    part[last] = value
    with pytest.raises(ConfigError):
        load_hardware(wrong)
    assert list(faults(wrong, SCHEMA))


def test_every_kind_of_array_and_dram_is_in_it_with_its_own_fields():
    defined = SCHEMA["$defs"]
    for part, known, key in (("array", ARRAYS, "kind"), ("dram", DRAM_MODELS, "model")):
        options = [defined[one["$ref"].removeprefix("#/$defs/")] for one in SCHEMA["properties"][part]["oneOf"]]
        assert [option["properties"][key]["const"] for option in options] == known.names()
        for option in options:
            fields = known.get(option["properties"][key]["const"]).model_fields
            assert [*option["properties"]] == [*fields]
            assert option["required"][0] == key
    assert {"PEArray", "DramConfig"}.isdisjoint(defined)


def test_an_array_of_ones_own_is_in_it(monkeypatch):
    from typing import Literal

    from accelsim.arrays.systolic import SystolicArray

    class Mine(SystolicArray):
        kind: Literal["mine"] = "mine"
        magic: int = 3

    monkeypatch.setitem(ARRAYS._values, "mine", Mine)
    schema = hardware_schema()
    assert schema["$defs"]["Mine"]["properties"]["magic"]["default"] == 3
    assert {"$ref": "#/$defs/Mine"} in schema["properties"]["array"]["oneOf"]


def test_every_note_is_of_a_field_that_there_is():
    array_fields = {name for kind in ARRAYS.names() for name in ARRAYS.get(kind).model_fields}
    dram_fields = {name for model in DRAM_MODELS.names() for name in DRAM_MODELS.get(model).model_fields}
    parts = {"buffers": "Buffers", "mapping": "MappingConfig", "tensors": "TensorConfig", "vector": "VectorConfig"}
    known = {part: set(SCHEMA["$defs"][name]["properties"]) for part, name in parts.items()}
    known |= {"array": array_fields, "dram": dram_fields, "": set(SCHEMA["properties"])}
    for place in NOTES:
        part, _, field = place.rpartition(".")
        assert field in known[part], place
    assert set(SCHEMA["properties"]) <= set(NOTES)


def test_descriptions_hold_no_doctest():
    assert ">>>" not in str(SCHEMA)
    assert SCHEMA["$defs"]["SystolicArray"]["properties"]["rows"]["description"] == NOTES["array.rows"]


def test_all_faults_of_a_machine_are_known_at_once():
    wrong = {
        "nme": "x", "array": {"kind": "systolic", "rows": 0, "colls": 3}, "clock_mhz": "fast",
        "dram": {"model": "bandwith"}, "vector": {"lanes": 0},
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        load_hardware(wrong)
    told = "\n".join(caught.value.faults)
    assert str(caught.value) == "hardware: unknown key 'nme'; did you mean 'name'?"
    assert len(caught.value.faults) == 7
    for part in ("'nme'", "name is missing", "clock_mhz", "array.rows", "'array.colls'", "dram.model", "vector.lanes"):
        assert part in told

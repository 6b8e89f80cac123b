"""Timeloop's problem files: one layer as dimensions, data spaces and an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from accelsim.errors import FileFormatError, TraceError
from accelsim.files import read_yaml
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operand import Pattern
from accelsim.trace.workload import Workload
from accelsim.validation import is_number, is_whole

from .einsum import Axis, Einsum

WHAT = "Timeloop problem"
SIZE_LIMIT = 2**31
_CONV = {  # what a problem without a shape of its own is
    "dimensions": ["R", "S", "P", "Q", "C", "K", "N"],
    "coefficients": [{"name": name, "default": 1} for name in ("Wstride", "Hstride", "Wdilation", "Hdilation")],
    "data_spaces": [
        {"name": "Weights", "projection": [[["C"]], [["K"]], [["R"]], [["S"]]]},
        {
            "name": "Inputs",
            "projection": [
                *([["N"]], [["C"]]),
                *([["R", "Wdilation"], ["P", "Wstride"]], [["S", "Hdilation"], ["Q", "Hstride"]]),
            ],
        },
        {"name": "Outputs", "projection": [[["N"]], [["K"]], [["Q"]], [["P"]]], "read_write": True},
    ],
}


def from_timeloop(path: str | Path) -> Workload:
    """The layer of a Timeloop problem, a convolution or a matrix product, as a workload of one trace.

    Dimensions that all data spaces share are groups. Which input is the weights follows from its name ("Weights"),
    else it is the second one. `densities` become seeded random operands: `fixed_structured` ones n:m along K, others
    Bernoulli. A problem without a shape is Timeloop's CNN layer. Source: problem-shapes/ and the v0.4 example designs
    of NVlabs/timeloop. Raises MissingFileError, or FileFormatError, which names what is missing or is no GEMM.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "layer.yaml"
    >>> sizes = "{C: 3, K: 64, R: 7, S: 7, P: 112, Q: 112, N: 1, Wstride: 2, Hstride: 2}"
    >>> _ = file.write_text(f"problem: {{instance: {sizes}}}")
    >>> from_timeloop(file)["layer"].shape
    Shape(M=12544, N=64, K=147)
    """
    path = Path(path)
    where = f"{WHAT} {str(path)!r}"
    problem = _mapping(read_yaml(path, WHAT).get("problem"), f"{where}: problem")
    shape, instance = _shape(problem, where), _instance(problem, where)
    try:
        einsum, names = _einsum(path.stem, shape, instance, where)
        trace = _dense_or_drawn(einsum.lowered(), instance, problem, names, where)
        facts = {"source": "timeloop", "file": path.name, "shape": str(shape.get("name", "cnn-layer"))[:200]}
        return Workload(path.stem, [trace], facts)
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise FileFormatError(f"{where} is {value!r:.60}; a mapping is expected")
    return value


def _shape(problem: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The problem's shape; that of Timeloop's CNN layer where it has none, or names that one."""
    shape = problem.get("shape", _CONV)
    if isinstance(shape, str) and shape.lower().replace("_", "-") == "cnn-layer":
        shape = _CONV
    return _mapping(shape, f"{where}: shape")


def _instance(problem: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The sizes: below `instance`, or beside the shape as older files have them."""
    return _mapping(problem.get("instance", problem), f"{where}: instance")


def _either(entry: Mapping[str, Any], name: str, default: Any) -> Any:
    """A key that versions write with a dash or an underscore."""
    return entry.get(name, entry.get(name.replace("_", "-"), default))


def _einsum(
    name: str, shape: Mapping[str, Any], instance: Mapping[str, Any], where: str
) -> tuple[Einsum, tuple[str, str]]:
    """The nest, and the names of weight and ifmap."""
    dims = shape.get("dimensions")
    if not isinstance(dims, list) or not dims or not all(isinstance(dim, str) for dim in dims):
        raise FileFormatError(f"{where}: dimensions is {dims!r:.60}; a list of names is expected")
    sizes = {dim: _whole(instance.get(dim), f"{where}: {dim}") for dim in dims}
    coefficients: dict[str, int] = {}
    for entry in shape.get("coefficients") or ():
        called = str(_mapping(entry, f"{where}: coefficients").get("name"))
        coefficients[called] = _whole(instance.get(called, entry.get("default", 1)), f"{where}: {called}")
    _require_known(instance, {*sizes, *coefficients}, where)
    spaces = [_mapping(one, f"{where}: data_spaces") for one in _either(shape, "data_spaces", None) or ()]
    axes = {str(one.get("name")): _axes(one.get("projection"), coefficients, where) for one in spaces}
    outputs = [str(one.get("name")) for one in spaces if _either(one, "read_write", False)]
    inputs = [space for space in axes if space not in outputs]
    if len(outputs) != 1 or len(inputs) != 2:
        raise TraceError(f"it has {len(inputs)} inputs and {len(outputs)} outputs; two and one are expected of a GEMM")
    weight, ifmap = _told_apart(inputs)
    return Einsum(name, sizes, axes[weight], axes[ifmap], axes[outputs[0]]), (weight, ifmap)


def _require_known(instance: Mapping[str, Any], known: set[str], where: str) -> None:
    """FileFormatError for a size of the instance that the shape has no dimension or coefficient for."""
    unknown = (name for name, size in instance.items() if name not in known and is_whole(size, 2, SIZE_LIMIT))
    name = next(unknown, None)
    if name is not None:
        raise FileFormatError(
            f"{where}: {str(name)[:60]} is {instance[name]}; the shape has {', '.join(sorted(known))[:120]} and no more"
        )


def _told_apart(inputs: list[str]) -> tuple[str, str]:
    """Weight and ifmap by their names, else the second and the first."""
    first, second = inputs
    weights = [name for name in inputs if any(word in name.lower() for word in ("weight", "filter", "kernel"))]
    return (first, second) if weights == [first] else (second, first)


def _whole(value: Any, where: str) -> int:
    if not is_whole(value, 1, SIZE_LIMIT):
        raise FileFormatError(f"{where} is {value!r:.60}; a whole number from 1 to {SIZE_LIMIT} is expected")
    return value


def _axes(projection: Any, coefficients: Mapping[str, int], where: str) -> tuple[Axis, ...]:
    """A projection, a list of axes that are lists of terms, each a dimension and perhaps a coefficient."""
    if not isinstance(projection, list):
        raise FileFormatError(f"{where}: projection is {projection!r:.60}; a list of axes is expected")
    return tuple(tuple(_term(term, coefficients, where) for term in _listed(axis, where)) for axis in projection)


def _listed(axis: Any, where: str) -> list[Any]:
    if not isinstance(axis, list) or not axis:
        raise FileFormatError(f"{where}: an axis of a projection is {axis!r:.60}; a list of terms is expected")
    return axis


def _term(term: Any, coefficients: Mapping[str, int], where: str) -> tuple[str, int]:
    if not isinstance(term, list) or not 1 <= len(term) <= 2 or not all(isinstance(part, str) for part in term):
        raise FileFormatError(f"{where}: a term is {term!r:.60}; a dimension and perhaps a coefficient are expected")
    if len(term) == 2 and term[1] not in coefficients:
        raise FileFormatError(f"{where}: {term[1]!r:.60} is no coefficient of the shape")
    return term[0], coefficients[term[1]] if len(term) == 2 else 1


def _dense_or_drawn(
    trace: GemmTrace, instance: Mapping[str, Any], problem: Mapping[str, Any], names: tuple[str, str], where: str
) -> GemmTrace:
    """The shape, or random operands where densities are given."""
    given = instance.get("densities", problem.get("densities"))
    if given is None:
        return trace
    densities = _mapping(given, f"{where}: densities")
    (weight, structured), (ifmap, _) = (_density(densities.get(name, 1.0), f"{where}: {name}") for name in names)
    drawn = trace.filled(weight, ifmap)
    if not structured or weight == 1:
        return drawn
    part = Fraction(weight).limit_denominator(16)
    pattern: dict[str, Any] = {"weight": Pattern(1.0, 0, f"{part.numerator}:{part.denominator}"), "pruned": True}
    return replace(drawn, **pattern)


def _density(entry: Any, where: str) -> tuple[float, bool]:
    """A share of nonzeros, and whether it is structured."""
    value = entry.get("density", 1.0) if isinstance(entry, Mapping) else entry
    if not is_number(value) or not 0 < value <= 1:
        raise FileFormatError(f"{where} has the density {value!r:.60}; a number above 0 and up to 1 is expected")
    kind = str(entry.get("distribution", "")) if isinstance(entry, Mapping) else ""
    return float(value), kind.replace("-", "_") == "fixed_structured"

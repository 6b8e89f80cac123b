"""ZigZag's workload files: a list of layers, each an equation over loops."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, FileFormatError, TraceError
from accelsim.files import load_yaml
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.operator import Operator, lane_operations
from accelsim.trace.workload import Workload
from accelsim.validation import is_whole

from .einsum import Axis, Einsum

WHAT = "ZigZag workload"
SIZE_LIMIT = 2**31
LAYERS_LIMIT = 100_000
EQUATION = re.compile(r"(\w+)((?:\[\w*\])+)\+?=(\w+)((?:\[\w*\])+)([*+])(\w+)((?:\[\w*\])+)")
RELATION = re.compile(r"(\w+)=(?:(\d+)\*)?(\w+)\+(?:(\d+)\*)?(\w+)")
VECTOR = {  # operator types that the vector unit runs
    "Add": "add", "Max": "max", "Pooling": "max_pool", "Pool": "max_pool", "MaxPool": "max_pool",
    "AveragePool": "avg_pool", "GlobalAveragePool": "avg_pool",
}  # fmt: skip
Entry = Mapping[str, Any]


def from_zigzag(path: str | Path, *, partial: str = "refuse") -> Workload:
    """The layers of a ZigZag workload: products and convolutions as traces, pooling and additions as operators.

    The equation says which loops index each operand, `dimension_relations` how a filter slides, `operand_precision` how
    many bits weights and activations have; an operand W that another layer makes is an activation. Padding is not
    simulated as elements where it is equal on both sides. `Pooling` and `Pool` count as the largest of a window, of
    which the file does not say more. A layer that is neither is refused by name or, with `partial` "allow", named in
    `not_simulated`. Source: inputs/workload/resnet18.yaml and zigzag/parser of KULeuven-MICAS/zigzag. Raises
    MissingFileError, ConfigError for another `partial`, or FileFormatError naming the layer.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "net.yaml"
    >>> _ = file.write_text('''
    ... - id: 0
    ...   operator_type: Gemm
    ...   equation: O[b][k]+=W[k][c]*I[b][c]
    ...   loop_dims: [B, K, C]
    ...   loop_sizes: [2, 10, 512]
    ...   operand_precision: {W: 4, I: 8, O: 16}
    ... ''')
    >>> layer = from_zigzag(file)["Layer0"]
    >>> layer.shape, layer.weight_bits
    (Shape(M=2, N=10, K=512), 4)
    """
    if partial not in {"refuse", "allow"}:
        raise ConfigError(f"partial is {partial!r:.60}; 'refuse' or 'allow' is expected")
    path = Path(path)
    where = f"{WHAT} {str(path)!r}"
    content = load_yaml(path, WHAT)
    if not isinstance(content, list) or not 0 < len(content) <= LAYERS_LIMIT:
        raise FileFormatError(f"{where} holds {content!r:.60}; a list of 1 to {LAYERS_LIMIT} layers is expected")
    traces: list[GemmTrace] = []
    operators: list[Operator] = []
    lost: list[NotSimulated] = []
    after = ""
    for number, entry in enumerate(content):
        layer = _Layer(entry, f"{where}: layer {number}")
        item = layer.lowered(after, partial)
        if isinstance(item, NotSimulated):
            lost.append(item)
            continue
        (traces if isinstance(item, GemmTrace) else operators).append(item)  # type: ignore[arg-type]  # by its class
        after = item.name
    try:
        facts = {"source": "zigzag", "file": path.name}
        return Workload(path.stem, traces, facts, operators, not_simulated=tuple(lost))
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error


class _Layer:
    """One entry of the list, checked."""

    def __init__(self, entry: Any, where: str) -> None:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("operator_type"), str):
            raise FileFormatError(f"{where} is {entry!r:.60}; a mapping with operator_type is expected")
        self.entry, self.where = entry, where
        self.kind: str = entry["operator_type"]
        self.name = str(entry.get("name") or f"Layer{entry.get('id')}")[:200]
        dims, sizes = entry.get("loop_dims"), entry.get("loop_sizes")
        if not isinstance(dims, list) or not isinstance(sizes, list) or len(dims) != len(sizes):
            raise FileFormatError(f"{where}: loop_dims and loop_sizes are not lists of equal length")
        for dim, size in zip(dims, sizes, strict=True):
            if not is_whole(size, 1, SIZE_LIMIT):
                raise FileFormatError(
                    f"{where}: the size of {dim!r:.60} is {size!r:.60}; 1 to {SIZE_LIMIT} is expected"
                )
        self.sizes = {str(dim).upper(): int(size) for dim, size in zip(dims, sizes, strict=True)}

    def lowered(self, after: str, partial: str) -> GemmTrace | Operator | NotSimulated:
        """The layer behind the one called `after`."""
        equation = self.entry.get("equation")
        matched = EQUATION.fullmatch(re.sub(r"\s", "", str(equation)))
        if matched is None:
            raise FileFormatError(f"{self.where}: equation is {equation!r:.80}; O[..]+=W[..]*I[..] is expected")
        if self.kind in VECTOR:
            return self._operator(matched, after)
        try:
            return self._trace(matched)
        except TraceError as error:
            macs = prod(self.sizes.values())
            if partial == "refuse":
                raise FileFormatError(f"{self.where}, {self.kind}, {macs:,} MACs: {error}") from error
            return NotSimulated(self.name, self.kind, macs)

    def _trace(self, matched: re.Match[str]) -> GemmTrace:
        _, output, first, first_axes, sign, second, second_axes = matched.groups()
        if sign != "*":
            raise TraceError(f"layer {self.name!r} adds its operands; this is no GEMM")
        relations = self._relations()
        axes = {first: _axes(first_axes, relations), second: _axes(second_axes, relations)}
        weight, ifmap = (first, second) if first == "W" else (second, first)
        einsum = Einsum(self.name, self.sizes, axes[weight], axes[ifmap], _axes(output, relations))
        bits, produced = self._bits(ifmap), self._is_activation(weight)
        own = {"kind": "attention", "weight_bits": bits} if produced else {"weight_bits": self._bits(weight)}
        return einsum.lowered(self._padding(relations), activation_bits=bits, **own)

    def _is_activation(self, weight: str) -> bool:
        """Whether another layer makes what stands in the place of the weights."""
        source = self.entry.get("operand_source")
        return isinstance(source, Mapping) and weight in source and source[weight] != self.entry.get("id")

    def _bits(self, operand: str) -> int:
        """Its precision; 8 where the file says none."""
        precision = self.entry.get("operand_precision")
        bits = precision.get(operand, 8) if isinstance(precision, Mapping) else 8
        if not is_whole(bits, 1, 32):
            raise FileFormatError(f"{self.where}: the precision of {operand} is {bits!r:.60}; 1 to 32 is expected")
        return bits

    def _relations(self) -> dict[str, Axis]:
        """The sums that index the ifmap, by name."""
        relations: dict[str, Axis] = {}
        for text in self.entry.get("dimension_relations") or ():
            matched = RELATION.fullmatch(re.sub(r"\s", "", str(text)))
            if matched is None:
                raise FileFormatError(f"{self.where}: relation {text!r:.60}; ix=2*ox+1*fx, for example, is expected")
            name, by_first, first, by_second, second = matched.groups()
            relations[name.upper()] = ((first.upper(), int(by_first or 1)), (second.upper(), int(by_second or 1)))
        return relations

    def _padding(self, relations: Mapping[str, Axis]) -> dict[str, int]:
        """Elements of padding on each side, by the filter's dimension, where both sides have as many."""
        padding: dict[str, int] = {}
        entry = self.entry
        for dim, pad in zip(entry.get("pr_loop_dims") or (), entry.get("padding") or (), strict=False):
            equal = isinstance(pad, list) and len(pad) == 2 and pad[0] == pad[1] and is_whole(pad[0], 0, SIZE_LIMIT)
            axis = relations.get(str(dim).upper(), ())
            padding |= {name: int(pad[0]) for name, _ in axis} if equal else {}
        return padding

    def _operator(self, matched: re.Match[str], after: str) -> Operator:
        """Pooling or an elementwise operation over the outputs."""
        op = VECTOR[self.kind]
        written = {dim.upper() for dim in re.findall(r"\[(\w+)\]", matched[2])}
        outputs = prod(size for dim, size in self.sizes.items() if dim in written)
        window = prod(size for dim, size in self.sizes.items() if dim not in written)
        inputs = self._read(matched[7]) if op in {"max_pool", "avg_pool"} else 2 * outputs
        work = lane_operations(op, outputs, window)
        return Operator(self.name, op, after, inputs, outputs, work, activation_bits=self._bits("I"))

    def _read(self, text: str) -> int:
        """Elements of the ifmap with these axes, padding left out."""
        relations = self._relations()
        padding, sizes = self._padding(relations), []
        for axis in _axes(text, relations):
            reach = sum((self.sizes.get(dim, 1) - 1) * factor for dim, factor in axis) + 1
            sizes.append(reach - 2 * padding.get(axis[-1][0], 0))
        return prod(sizes)


def _axes(text: str, relations: Mapping[str, Axis]) -> tuple[Axis, ...]:
    """[b][c][ix] as axes: a related name is its sum, any other a dimension."""
    names = [name.upper() for name in re.findall(r"\[(\w+)\]", text)]
    return tuple(relations.get(name, ((name, 1),)) for name in names)

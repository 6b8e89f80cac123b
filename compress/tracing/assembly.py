"""From a model's calls to a workload: which numbers to keep, batch norms folded, names, order, and what was left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from accelsim.errors import TraceError
from accelsim.trace.checks import RECURRENT
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.operand import Pattern
from accelsim.trace.operator import Operator

from ..lowering import FREE, Gemm, Item, VectorWork, lower
from ..lowering.calls import Call, Value, joined
from ..lowering.left_out import dense, is_matrix_work, left_out, refusal, unsuitable
from ..lowering.quantizing import Quantization, of_layer
from .filters import FilterOrders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import torch

Sources = frozenset[int]  # the entries whose outputs a tensor is made of
INPUT = -1  # stands for the model's input among them
SCORE_OPS = ("scale", "bias", "add", "where", "sub")  # between a product of queries and keys and its softmax


@dataclass(eq=False)
class Entry:
    """An item with the entries that it reads, and with its integers where the model runs on real numbers."""

    item: Item
    reads: Sources
    activation: np.ndarray | None = None
    second: np.ndarray | None = None  # the weight operand of a product of two activations
    order: np.ndarray | None = None  # of a channel of a batch norm or bias: the filter of the layer before it
    norm: str = ""  # the batch norm's parameters by name
    folded: list[Entry] = field(default_factory=list)  # the batch norms and biases that are a part of it

    @property
    def gemm(self) -> Gemm | None:
        """Its GEMM, None for an operator."""
        return self.item if isinstance(self.item, Gemm) else None


class Assembly:
    """Takes a model's calls one by one, then makes the workload's traces and operators of them.

    With a `quantization` activations become integers as they come by; `calibrate` only notes their ranges. It looks
    layers up by their final names, which an assembly of the same model's shapes has in `names` when it is finished. Its
    traces are multiply-accumulates, and `pruned` where whoever imports the model says so. Matrix work that cannot be
    lowered is refused when it is finished, or left out of a `partial` network and recorded in `not_simulated`.
    """

    def __init__(
        self,
        quantization: Quantization | None = None,
        names: Mapping[int, str] | None = None,
        calibrate: bool = False,
        pruned: bool = False,
        partial: bool = False,
    ) -> None:
        self.quantization, self.calibrate, self.pruned, self.partial = quantization, calibrate, pruned, partial
        self.names: Mapping[int, str] = names or {}
        self._seen: set[str] = set()
        self.entries: list[Entry] = []
        self.graph: dict[str, list[str]] = {}  # who reads whom, when finished
        self.not_lowered: list[str] = []
        self.not_simulated: list[NotSimulated] = []
        self._parameter = ""  # of the first operation that is not simulated
        self._sources: dict[str, Sources] = {}
        self._users: Counter[int] = Counter()
        self._filters = FilterOrders()

    def visit(self, call: Call) -> None:
        """Take the next call. TraceError where it is a layer of a kind that cannot be lowered."""
        if all(value.constant for value in call.outputs):
            return
        items = None if call.op in FREE else self._lowered(call)
        lost = None if items is None else unsuitable(call, items)
        if items is None or lost is not None:
            self._pass_on(call)
            if call.op not in FREE:
                self._leave_out(call, lost)
            return
        for item in items:
            self._add(item, call)
        for value in call.outputs:
            self._sources.setdefault(value.name, self._sources[items[-1].writes.name])

    def finish(self, returned: Iterable[Value]) -> tuple[list[GemmTrace], list[Operator]]:
        """The traces and operators in the order in which they run; `returned` is what the model returns.

        From then on `graph` says who reads whom, as a Workload has it. TraceError where matrix work is in none of them,
        unless the network is `partial`: `not_simulated` names it.
        """
        results: Sources = frozenset()
        for value in returned:
            self._users.update(self._sources_of(value))
            results |= self._sources_of(value)
        self._refuse()
        self._name_attention()
        self._name_beside_layers()
        folded = self._fold()
        naming = _Naming(self, folded)
        layers = naming.result()
        self.names = naming.named
        self.graph = naming.graph(results)
        return layers

    def _refuse(self) -> None:
        """TraceError where matrix work would be lost and the network is not a partial one."""
        if self.not_simulated and not self.partial:
            simulated = sum(entry.gemm.layer.macs for entry in self.entries if entry.gemm is not None)
            raise TraceError(refusal(self.not_simulated, self._parameter, simulated))

    def _sources_of(self, value: Value) -> Sources:
        return self._sources.get(value.name, frozenset({INPUT}))

    def _union(self, values: Iterable[Value]) -> Sources:
        return frozenset(source for v in values if not v.constant for source in self._sources_of(v))

    def _pass_on(self, call: Call) -> None:
        """What an operation writes is made of what it reads."""
        sources = self._union(call.values())
        if call.op in FREE:
            self._filters.moved(call)
        for value in call.outputs:
            self._sources[value.name] = sources

    def _lowered(self, call: Call) -> list[Item] | None:
        """What a call becomes; None, and not an error, for a layer of a kind that cannot be in a partial network."""
        try:
            return lower(call if self.quantization is None else dense(call))
        except TraceError:
            if self.partial:
                return None
            raise

    def _leave_out(self, call: Call, lost: NotSimulated | None) -> None:
        """Note an operation without a lowering: matrix work is refused, or named in a partial network."""
        if lost is not None or is_matrix_work(call):
            if not self.not_simulated:
                self._parameter = next((value.parameter for value in call.parameters()), "")
            self.not_simulated.append(lost or left_out(call))
            return
        text = f"{call.op} at {call.module or 'the model'}"
        if text not in self.not_lowered:
            self.not_lowered.append(text)

    def _add(self, item: Item, call: Call) -> None:
        """Settle what an item reads, take its integers, and let go of its tensors."""
        entry = Entry(item, self._union(item.reads), order=self._filters.order(item, call))
        entry.norm = ", ".join(value.parameter for value in call.parameters())
        self._filters.wrote(item)
        self._users.update(entry.reads)
        self._sources[item.writes.name] = frozenset({len(self.entries)})
        if isinstance(item, Gemm):
            if self.quantization is not None and self.quantization.real_activations:
                self._take_integers(entry, item, self.quantization)
            item.activation = None
            if item.of_activations:
                item.weight = None
        item.reads, item.writes = (), replace(item.writes, tensor=None)
        self.entries.append(entry)

    def _take_integers(self, entry: Entry, item: Gemm, quantization: Quantization) -> None:
        layer = self.names.get(len(self.entries))
        if layer is None:
            raise TraceError(f"layer {item.name!r} does not run for the example input; give data that takes its path")
        if item.activation is None or (layer in self._seen and item.layer.kind not in RECURRENT):
            return  # a layer that runs again keeps its first run's numbers, but for the steps of recurrent ones
        self._seen.add(layer)
        if self.calibrate:
            if item.activation_bits is None:
                quantization.observe(layer, item.activation())
            return
        signed = item.layer.kind in RECURRENT
        entry.activation = _activation(quantization, layer, item, item.activation(), signed=signed)
        if item.of_activations and item.weight is not None:
            entry.second = _activation(quantization, layer, item, item.weight(), "second activation")

    def _fold(self) -> dict[int, int]:
        """Batch norms and biases that alone read what a layer of weights makes: entry -> its layer."""
        folded: dict[int, int] = {}
        for index, entry in enumerate(self.entries):
            item, layer = entry.item, next(iter(entry.reads), INPUT)
            layer = folded.get(layer, layer)
            if len(entry.reads) != 1 or layer == INPUT or not isinstance(item, VectorWork):
                continue
            target = self.entries[layer].item
            known = entry.order is not None
            if isinstance(target, Gemm) and known and self._users[layer] == 1 and target.takes(item):
                folded[index] = layer
                self.entries[layer].folded.append(entry)
                self._users[layer] = self._users[index]
        return folded

    def _name_attention(self) -> None:
        """Products around a softmax are called what fused attention calls them: scores and context."""
        for entry in self.entries:
            if entry.item.name.endswith("matmul") and entry.gemm and entry.gemm.layer.kind == "attention":
                self._name_one(entry)

    def _name_beside_layers(self) -> None:
        """An operator in a layer's own module, of a hook say, leaves the module's name to the layer."""
        layers = {entry.item.name for entry in self.entries if entry.gemm}
        for entry in self.entries:
            if isinstance(entry.item, VectorWork) and entry.item.name in layers:
                entry.item.name = joined(entry.item.name, entry.item.op)

    def _name_one(self, entry: Entry) -> None:
        assert entry.gemm is not None
        before = [self.entries[i] for i in sorted(entry.reads) if i != INPUT]
        shares = [e for e in before if isinstance(e.item, VectorWork) and e.item.op == "softmax"]
        if not shares:
            return
        entry.gemm.rename(entry.gemm.name.removesuffix("matmul") + "context")
        producer = shares[0]
        while isinstance(producer.item, VectorWork) and (producer is shares[0] or producer.item.op in SCORE_OPS):
            earlier = [i for i in producer.reads if i != INPUT]
            if not earlier:
                return
            producer = self.entries[min(earlier, key=lambda i: (self.entries[i].gemm is None, i))]
        if producer.gemm is not None and producer.gemm.name.endswith("matmul"):
            producer.gemm.rename(producer.gemm.name.removesuffix("matmul") + "scores")


class _Naming:
    """Gives every entry a name of its own, counts equal runs together, and says what runs after what."""

    def __init__(self, assembly: Assembly, folded: Mapping[int, int]) -> None:
        self.assembly, self.folded = assembly, folded
        self.traces: dict[str, GemmTrace] = {}
        self.operators: dict[str, Operator] = {}
        self.entry_of: dict[str, Entry] = {}
        self.named: dict[int, str] = {}
        self.last = ""

    def result(self) -> tuple[list[GemmTrace], list[Operator]]:
        """All traces, filled with integers where there are any, and all operators."""
        for index, entry in enumerate(self.assembly.entries):
            if index in self.folded:
                self.named[index] = self.named[self.folded[index]]
                continue
            self.last = self._trace(entry) if entry.gemm else self._operator(index, entry)
            self.named[index] = self.last
        quantization = self.assembly.quantization
        if quantization is None:
            return list(self.traces.values()), list(self.operators.values())
        filled = [_filled(trace, self.entry_of[name], quantization) for name, trace in self.traces.items()]
        return filled, [_with_bits(o, quantization) for o in self.operators.values()]

    def graph(self, returned: Sources) -> dict[str, list[str]]:
        """Of each trace and operator what it reads in any of its runs, and under "" what the model returns."""
        reads: dict[str, set[str]] = {name: set() for name in (*self.traces, *self.operators, "")}
        for index, entry in enumerate(self.assembly.entries):
            if index not in self.folded:
                reads[self.named[index]].update(self.named.get(source, "") for source in entry.reads)
        reads[""].update(self.named[source] for source in returned if source != INPUT)
        return {reader: sorted(sources) for reader, sources in reads.items()}

    def _trace(self, entry: Entry) -> str:
        assert entry.gemm is not None
        trace, fields = entry.gemm.layer, ("M", "N", "K", "groups", "kind", "conv")
        for name, other in self._runs(self.traces, trace.name):
            same = all(getattr(other, f) == getattr(trace, f) for f in fields)
            if same and _norms(self.entry_of[name]) == _norms(entry):
                self.traces[name] = replace(other, repeat=other.repeat + trace.repeat)
                _append_steps(self.entry_of[name], entry, other.repeat, trace)
                return name
        name = self._free(trace.name)
        known = replace(trace, name=name, operation="mac", pruned=self.assembly.pruned)
        self.traces[name], self.entry_of[name] = known, entry
        return name

    def _operator(self, index: int, entry: Entry) -> str:
        work = entry.item
        assert isinstance(work, VectorWork)
        fused = work.fusable and self._drains(entry) and bool(self.last)
        name = self._free(work.name)
        operator = Operator(
            name, work.op, self.last, work.inputs, work.outputs, work.work, work.parameters, fused,
            repeat=work.repeat,
        )  # fmt: skip
        for known, other in self._runs(self.operators, work.name):
            if replace(other, name=name, repeat=1) == replace(operator, repeat=1):
                self.operators[known] = replace(other, repeat=other.repeat + operator.repeat)
                return known
        self.operators[name] = operator
        return name

    def _drains(self, entry: Entry) -> bool:
        """Whether an operator reads the output of what runs right before it, which nothing else reads."""
        if len(entry.reads) != 1:
            return False
        source = self.folded.get(next(iter(entry.reads)), next(iter(entry.reads)))
        return self.named.get(source) == self.last and self.assembly._users[source] == 1

    def _runs(self, known: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
        return [(other, run) for other, run in known.items() if other.split("#")[0] == name]

    def _free(self, name: str) -> str:
        """The name, with a number behind it where a trace or an operator has it already."""
        taken = len(self._runs(self.traces, name)) + len(self._runs(self.operators, name))
        return f"{name}#{taken + 1}" if taken else name


def _norms(entry: Entry) -> list[str]:
    """The batch norms that are a part of a layer's weights; another run of it has others where it has its own norm."""
    return [f.norm for f in entry.folded if isinstance(f.item, VectorWork) and f.item.scale is not None]


def _append_steps(first: Entry, again: Entry, before: int, trace: GemmTrace) -> None:
    """The steps of a recurrent layer's next run below those before; other layers keep their first run's numbers."""
    if trace.kind in RECURRENT and first.activation is not None and again.activation is not None:
        first.activation = np.concatenate([first.activation, again.activation])


def _with_bits(operator: Operator, quantization: Quantization) -> Operator:
    bits = quantization.activation_bits
    return operator if not isinstance(bits, int) else replace(operator, activation_bits=bits)


def _activation(
    quantization: Quantization,
    layer: str,
    item: Gemm,
    values: torch.Tensor,
    side: str = "activation",
    *,
    signed: bool = False,
) -> np.ndarray:
    """An operand of activations as integers, which it may be already."""
    if item.activation_bits is not None and not values.is_floating_point():
        return quantization.integers(layer, side, values, item.activation_bits)
    return quantization.activation(layer, values, side, signed=signed)


def _filled(trace: GemmTrace, entry: Entry, quantization: Quantization) -> GemmTrace:
    """A shape with its integers; the batch norms behind it are a part of its weight."""
    item = entry.gemm
    assert item is not None
    bits = item.activation_bits or quantization.bits("activation", trace.name)
    weight: Any = entry.second
    if item.weight is not None:
        real = item.weight()
        if quantization.scales_folded:
            real = _folded(real, entry)
        if item.weight_bits is not None and not real.is_floating_point():
            weight = quantization.integers(trace.name, "weight", real, item.weight_bits, item.parameter)
        else:
            weight = quantization.weight(trace.name, real, item.parameter)
    activation: Any = entry.activation
    if not quantization.real_activations:
        weight, activation = _assumed(trace, weight, quantization)
    values = {"weight": weight, "activation": activation, "activation_bits": bits}
    weight_bits = (item.weight_bits or quantization.bits("weight", trace.name)) if trace.has_weights else bits
    values |= {"weight_bits": weight_bits} | _signs(weight, activation)
    return replace(trace, **{**values, **quantization.fields(trace)})


def _folded(weight: torch.Tensor, entry: Entry) -> torch.Tensor:
    """A layer's real weight with its batch norms in it, each filter by its channel's scale; integers stay."""
    for norm in entry.folded if weight.is_floating_point() else ():
        if isinstance(norm.item, VectorWork) and norm.item.scale is not None and norm.order is not None:
            given = norm.item.scale()
            by_filter = given.new_empty(given.shape)
            by_filter[norm.order] = given
            single = weight if weight.element_size() > 2 else weight.float()  # half precision rounds products
            weight = single * by_filter.reshape(-1, 1).to(single.dtype)
    return weight


def _signs(weight: Any, activation: Any) -> dict[str, bool]:
    """Integers of an unsigned dtype are unsigned codes."""
    operands = {"weight_signed": weight, "activation_signed": activation}
    return {name: getattr(getattr(values, "dtype", None), "kind", "i") != "u" for name, values in operands.items()}


def _assumed(trace: GemmTrace, weight: Any, quantization: Quantization) -> tuple[Any, Pattern]:
    """Random activations of the assumed density; those of a product's second operand too where it is one."""
    density = of_layer(quantization.assumed_density, trace.name, 1.0)
    seed = crc32(trace.name.encode())
    return Pattern(density, 2 * seed) if weight is None else weight, Pattern(density, 2 * seed + 1)

"""What an array counts: each counter is declared with its unit and its role, and no other name can be counted.

    class MyArray(PEArray):
        counters = (
            idle("my_array_idle_edge", Cause.EDGE, "lanes without an output"),
            statistic("my_array_words", "words", "words read from the PEs' own memories"),
        )

A tile's counts are made by `Program.count(macs_executed=..., my_array_idle_edge=...)`; what is not named is 0. A name
that neither COMMON nor the array declares raises InternalError there, and so does reading or pricing one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ..errors import InternalError, suggestion
from ..validation import is_integer


class Cause(StrEnum):
    """Where the lane cycles of an idle lane are lost to; a split of lost time adds them up by these."""

    IMBALANCE = "imbalance"  # waiting for a busier lane, or got no work at all
    INDEX = "index"  # reading or decoding what says where nonzeros are
    CONFLICT = "conflicts"  # another lane had the bank or the port
    PADDING = "padding"  # working on a zero that the encoding had to store
    EDGE = "edges"  # the sizes do not fill the lanes; fill and drain of a pipeline
    MEMORY = "memory"  # loading operands that others could have hidden
    ZEROS = "zeros"  # holding an operand pair with a zero, neither multiplied nor skipped


class Role(StrEnum):
    """What a counter is for."""

    LANE = "lane"  # operations that occupied a lane: what utilization is made of
    SRAM_PORT = "sram port"  # what passes the port of a buffer, and costs its energy
    REGISTER = "register"  # bits latched
    INDEX = "index"  # index entries that are decoded
    VECTOR = "vector"  # work of the vector unit
    IDLE = "idle"  # lane cycles in which a lane did nothing useful; `cause` says why
    STATISTIC = "statistic"  # reported for its own sake, or priced by one of the array's operations


@dataclass(frozen=True)
class CounterSpec:
    """One counter: its name is a column of the report, in `unit`; an IDLE one has a `cause` (a Cause), no other has.

    Raises InternalError where that does not hold.
    """

    name: str
    unit: str
    role: Role
    meaning: str
    cause: str = ""

    def __post_init__(self) -> None:
        if self.cause not in (set(Cause) if self.role is Role.IDLE else {""}):
            expected = ", ".join(Cause) if self.role is Role.IDLE else "none"
            raise InternalError(f"cause of counter {self.name!r} ({self.role}) is {self.cause!r}; expected: {expected}")


def idle(name: str, cause: Cause, meaning: str) -> CounterSpec:
    """A counter of idle lanes."""
    return CounterSpec(name, "lane cycles", Role.IDLE, meaning, cause)


def statistic(name: str, unit: str, meaning: str) -> CounterSpec:
    """A counter reported for its own sake, or that an operation is priced by."""
    return CounterSpec(name, unit, Role.STATISTIC, meaning)


COMMON = (
    CounterSpec("macs_executed", "operations", Role.LANE, "operations that occupied a lane"),
    CounterSpec("vector_operations", "lane operations", Role.VECTOR, "operations of the vector unit"),
    CounterSpec("sram_ifmap_reads", "elements", Role.SRAM_PORT, "activations read from the ifmap buffer"),
    CounterSpec("sram_filter_reads", "weights", Role.SRAM_PORT, "weights read from the filter buffer"),
    CounterSpec("sram_ofmap_writes", "elements", Role.SRAM_PORT, "outputs and psums written to the ofmap buffer"),
    CounterSpec("sram_psum_reads", "psums", Role.SRAM_PORT, "psums read back from the ofmap buffer"),
    CounterSpec("sram_vector_reads", "elements", Role.VECTOR, "outputs that the vector unit reads from their buffer"),
    CounterSpec("sram_vector_writes", "elements", Role.VECTOR, "outputs that the vector unit puts back"),
    CounterSpec("sram_index_bits", "bits", Role.SRAM_PORT, "index bits read from the filter buffer"),
    CounterSpec("register_bits", "bits", Role.REGISTER, "bits written to registers inside the array"),
    CounterSpec("decodes", "entries", Role.INDEX, "index entries decoded"),
    CounterSpec("sram_ifmap_fill_bytes", "bytes", Role.SRAM_PORT, "bytes of the ifmap put in its buffer, decoded"),
    CounterSpec("sram_ofmap_drain_bytes", "bytes", Role.SRAM_PORT, "bytes of outputs taken to DRAM, not encoded yet"),
    CounterSpec("activation_entries", "entries", Role.INDEX, "values of compressed activations decoded or encoded"),
    CounterSpec(
        "dram_ifmap_index_bits", "bits", Role.INDEX, "bits of compressed ifmap tiles that say where values are"
    ),
    CounterSpec("dram_ofmap_index_bits", "bits", Role.INDEX, "the same of ofmap tiles"),
)


class CounterSchema:
    """The counters of one array: COMMON, then its own in the order of their names.

    Raises InternalError where one of the array's own does not begin with `kind` and an underscore, or stands twice.
    """

    def __init__(self, kind: str, own: Iterable[CounterSpec] = ()) -> None:
        self.kind = kind
        self.own = tuple(sorted(own, key=lambda spec: spec.name))
        self.specs = (*COMMON, *self.own)
        self.names = tuple(spec.name for spec in self.specs)
        self.place = {name: i for i, name in enumerate(self.names)}
        wrong = [spec.name for spec in self.own if not spec.name.startswith(f"{kind}_")]
        if wrong or len(self.place) < len(self.names):
            raise InternalError(
                f"counters of {kind!r}: {wrong or self.names}; names of their own, {kind}_..., each once"
            )

    def index(self, name: str) -> int:
        """Where a counter stands; InternalError for a name that is not declared."""
        if name not in self.place:
            raise InternalError(
                f"counter {name!r} is not declared by array {self.kind!r}; {suggestion(name, self.names)}"
            )
        return self.place[name]

    def count(self, **values: int) -> Counts:
        """Counts of these values, 0 for every other counter.

        >>> schema = CounterSchema("mine", [statistic("mine_words", "words", "words read")])
        >>> counts = schema.count(macs_executed=6, mine_words=2)
        >>> (counts + counts)["mine_words"], counts["decodes"]
        (4, 0)
        >>> schema.count(mine_word=2)
        Traceback (most recent call last):
        accelsim.errors.InternalError: counter 'mine_word' is not declared by array 'mine'; did you mean 'mine_words'?

        Raises InternalError for a name that is not declared and for a value that is no integer.
        """
        numbers = [0] * len(self.names)
        for name, value in values.items():
            place = self.index(name)
            if not is_integer(value):
                raise InternalError(f"counter {name!r} of array {self.kind!r} is {value!r}; an integer is expected")
            numbers[place] = int(value)
        return Counts(self, tuple(numbers))

    @property
    def idle(self) -> tuple[CounterSpec, ...]:
        """The counters of idle lanes."""
        return tuple(spec for spec in self.own if spec.role is Role.IDLE)


@dataclass(frozen=True, slots=True)
class Counts:
    """A number for each counter of a schema; `counts["macs_executed"]`, sums and multiples."""

    schema: CounterSchema
    numbers: tuple[int, ...]

    def __getitem__(self, name: str) -> int:
        return self.numbers[self.schema.index(name)]

    def __add__(self, other: Counts) -> Counts:
        """Of the same schema; InternalError otherwise."""
        if self.schema.names != other.schema.names:
            raise InternalError(f"counts of {other.schema.kind!r} are added to those of {self.schema.kind!r}")
        return Counts(self.schema, tuple(a + b for a, b in zip(self.numbers, other.numbers, strict=True)))

    def __mul__(self, times: int) -> Counts:
        """Each `times` over."""
        return self if times == 1 else Counts(self.schema, tuple(number * times for number in self.numbers))

    def items(self) -> Iterator[tuple[str, int]]:
        """(name, number) in the schema's order."""
        return zip(self.schema.names, self.numbers, strict=True)

    def replace(self, **values: int) -> Counts:
        """The same with other numbers for some counters."""
        return self.schema.count(**{**dict(self.items()), **values})

"""The table of energies and areas at a node: what one action or one unit costs, every figure with its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from math import ceil, log

from ..files import parse_yaml
from ..trace.float_format import FloatFormat, float_format
from .cost import Cost
from .scaling import Scaling

ACCUMULATORS = {16: 11, 32: 24}  # bits of a sum: of its significand, in FP16 and FP32
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class PowerLaw:
    """factor · bytes^size_exponent · width_bits^width_exponent."""

    factor: float
    size_exponent: float
    width_exponent: float
    source: str

    def at(self, size_bytes: float, width_bits: float) -> float:
        """The figure of an SRAM of a size and word width."""
        return float(self.factor * size_bytes**self.size_exponent * width_bits**self.width_exponent)

    @property
    def formula(self) -> str:
        """The law with its numbers."""
        return f"{self.factor:g} · bytes^{self.size_exponent:g} · width_bits^{self.width_exponent:g}"


@dataclass(frozen=True)
class SramRows:
    """The sizes and widths of the rows that the SRAM laws were fitted to."""

    bytes: tuple[float, float] = (512, 1048576)
    bits: tuple[float, float] = (16, 64)

    def beyond(self, size_bytes: float, width_bits: float) -> str:
        """What lies outside, with its bounds; "" where nothing does.

        >>> SramRows().beyond(256, 32)
        'extrapolated: 256 B, rows of 512 to 1.04858e+06 B'
        """
        outside = [
            f"{value:g} {unit}, rows of {low:g} to {high:g} {unit}"
            for value, unit, (low, high) in ((size_bytes, "B", self.bytes), (width_bits, "bits", self.bits))
            if not low <= value <= high
        ]
        return "extrapolated: " + "; ".join(outside) if outside else ""


def kind_of(figure: str) -> str:
    """What a figure or a law is scaled as: energy, area, leakage, leakage_density (of an area), or "" for not at all.

    DRAM chips have a node of their own, and ratios have none.
    """
    if figure.startswith("dram"):
        return ""
    if figure.endswith("uw_per_um2"):
        return "leakage_density"
    kinds = {"pj": "energy", "um2": "area", "uw": "leakage"}
    return next((kind for unit, kind in kinds.items() if unit in figure.split("_")), "")


@dataclass(frozen=True)
class EnergyTable:
    """Figures at a node by name, their sources, the SRAM laws, and the scaling that brought them there.

    Energies in pJ, areas in µm², leakage in µW. `scales` is what each figure and law was multiplied by; `leakage` the
    class of transistors, `node_of_user_nm` the node that a user's own figures are of. Methods that price something
    return a Cost, which is a float.
    """

    figures: Mapping[str, float]
    sources: Mapping[str, str]
    sram: Mapping[str, PowerLaw]
    sram_width_bits: int
    scaling: Scaling
    technology_nm: float = 45.0
    leakage: str = "lstp"
    scales: Mapping[str, float] = field(default_factory=dict)
    node_of_user_nm: float = 45.0
    rows: SramRows = SramRows()
    float_format: FloatFormat | None = None

    def of_format(self, name: str | None) -> EnergyTable:
        """The table whose MACs are of this floating-point format; of integers where it is None."""
        return self if name is None else replace(self, float_format=float_format(name))

    def cost(self, name: str) -> Cost:
        """A figure as it stands in the table."""
        return Cost(self.figures[name], name)

    def _by_width(self, name: str, unit: str, bits: int, base_units: float, units: float) -> Cost:
        """The table's figure at this width, else the 8-bit one by counted full-adder equivalents."""
        if f"{name}_{bits}_{unit}" in self.figures:
            return self.cost(f"{name}_{bits}_{unit}")
        return self.cost(f"{name}_8_{unit}") * (units / base_units)

    def add(self, bits: int, unit: str = "pj") -> Cost:
        """An integer add of `bits` bits, in pJ or µm² (`um2`): 1 full adder a bit. A comparison is a subtraction.

        With a `float_format` a floating-point add of so many bits: FP16 and FP32 where they are 16 and 32.
        """
        if self.float_format is not None:
            return self._float("add", unit, ACCUMULATORS.get(bits, max(1, bits - self.float_format.exponent_bits)))
        return self._by_width("add", unit, bits, 8, bits)

    def _float(self, name: str, unit: str, significand_bits: int) -> Cost:
        """The table's figure for 11 (FP16) and 24 (FP32) bits of significand, else the power law through both.

        Assumption: a unit of any format costs what its significand does, as the two that were measured.
        """
        figures = {bits: f"{name}_{kind}_{unit}" for kind, bits in (("fp16", 11), ("fp32", 24))}
        if significand_bits in figures:
            return self.cost(figures[significand_bits])
        exponent = log(self.figures[figures[24]] / self.figures[figures[11]]) / log(24 / 11)
        share = (significand_bits / 11) ** exponent
        return Cost(self.figures[figures[11]] * share, f"{figures[11]} × ({significand_bits} / 11)^{exponent:.4g}")

    def multiply(self, weight_bits: int, activation_bits: int, unit: str = "pj") -> Cost:
        """An integer multiply, in pJ or µm² (`um2`): one full adder a pair of bits; or one of the `float_format`."""
        if self.float_format is not None:
            return self._float("mult", unit, self.float_format.significand_bits)
        width = weight_bits if weight_bits == activation_bits else 0
        return self._by_width("mult", unit, width, 64, weight_bits * activation_bits)

    def mac(self, weight_bits: int, activation_bits: int, accumulator_bits: int, unit: str = "pj") -> Cost:
        """A multiply and an add into the accumulator, in pJ or µm² (`um2`)."""
        return self.multiply(weight_bits, activation_bits, unit) + self.add(accumulator_bits, unit)

    def lane(self, bits: int, accumulator_bits: int, unit: str = "pj") -> Cost:
        """A lane of the vector unit, or one operation on it: a multiplier, an adder and a comparator.

        The multiplier takes two operands of `bits`, the others two of the accumulator's width. Assumption: all three
        switch at every lane operation, whichever of them it needs.
        """
        return self.mac(bits, bits, accumulator_bits, unit) + self.add(accumulator_bits, unit)

    def full_adders(self, count: float, unit: str = "pj") -> Cost:
        """`count` full-adder equivalents, in pJ or µm² (`um2`): an eighth of the 8-bit add each."""
        return self.cost(f"add_8_{unit}") / 8 * count

    def gates(self, count: float, unit: str = "pj") -> Cost:
        """`count` two-input gates or 2:1 multiplexers of one bit, in pJ or µm² (`um2`), as full-adder equivalents."""
        one = self.cost(f"add_8_{unit}") / 8
        return Cost(one * self.figures["gate_full_adders"], f"gate_full_adders × {one.formula}") * count

    def decode(self, unit: str = "pj") -> Cost:
        """Decoding an index entry, or the decoder (`um2`)."""
        return self.cost("decode_pj" if unit == "pj" else "decoder_um2")

    def register(self, unit: str = "pj") -> Cost:
        """Latching a bit, or a flip-flop (`um2`)."""
        return self.cost(f"register_{unit}_per_bit")

    def clock(self) -> Cost:
        """The clock of one flip-flop bit in one cycle, whether it latches or not."""
        return self.cost("clock_pj_per_bit")

    def macros(self, word_bits: float) -> int:
        """SRAMs side by side that deliver a word: none is wider than `sram_width_bits`."""
        return max(1, ceil(word_bits / self.sram_width_bits))

    def sram_bit(self, law: str, size_bytes: float, word_bits: float | None = None) -> Cost:
        """pJ a bit of a read or write (`read_pj`, `write_pj`) of a bank: a word's energy shared by its bits.

        A word wider than `sram_width_bits` (None: as wide) lies in several SRAMs side by side that share the bytes.
        """
        word_bits = word_bits or self.sram_width_bits
        macros = self.macros(word_bits)
        size, width = max(size_bytes / macros, 1), word_bits / macros
        word = self.sram[law].at(size, width)
        return Cost(word, f"sram.{law}({size:g} B, {width:g} bits)") / width

    def sram_whole(self, law: str, size_bytes: float, banks: int = 1, word_bits: float | None = None) -> Cost:
        """µm² or µW (`area_um2`, `leakage_uw`) of a buffer of equal banks, each of as many SRAMs as its word needs."""
        word_bits = word_bits or self.sram_width_bits
        macros = self.macros(word_bits)
        size, width = size_bytes / banks / macros, word_bits / macros
        return Cost(self.sram[law].at(size, width), f"sram.{law}({size:g} B)") * (banks * macros)

    def sram_beyond(self, size_bytes: float, banks: int = 1, word_bits: float | None = None) -> str:
        """What of an SRAM lies outside the rows that the laws were fitted to; "" where nothing does."""
        word_bits = word_bits or self.sram_width_bits
        macros = self.macros(word_bits)
        return self.rows.beyond(size_bytes / banks / macros, word_bits / macros)

    def sources_of(self, formula: str) -> tuple[str, ...]:
        """Where the figures of a Cost's formula come from, each source once."""
        return tuple(dict.fromkeys(self.sources[name] for name in NAME.findall(formula) if name in self.sources))


@lru_cache(maxsize=1)
def default_table() -> EnergyTable:
    """The shipped table at its own node, 45 nm."""
    content = parse_yaml((files("accelsim") / "data" / "energy_45nm.yaml").read_text("utf-8"), "the energy table")
    figures, laws = content["figures"], content["sram"]
    sources = {name: entry["source"] for name, entry in (figures | laws).items()}
    return EnergyTable(
        {name: float(entry["value"]) for name, entry in figures.items()},
        sources | {"sram_width_bits": content["sram_width_bits"]["source"]},
        {name: PowerLaw(**entry) for name, entry in laws.items()},
        int(content["sram_width_bits"]["value"]),
        Scaling.parse(float(content["technology_nm"]), content["scaling"]),
        rows=SramRows(tuple(content["sram_rows"]["bytes"]), tuple(content["sram_rows"]["bits"])),
    )

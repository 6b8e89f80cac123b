"""csr_rows: PEs of V lanes that walk compressed rows of the weights, with absolute indices in 64×64 blocks."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ...errors import ConfigError
from ...formats.csr_absolute import CsrAbsolute
from ...technology.table import EnergyTable
from ...trace.gemm import GemmTrace
from ..base import BufferPorts, Grain, PEArray, Port, Size, Tile, Work, buffer_ports, ceil_div
from ..common.compressed import CompressedProgram
from ..common.signed_powers import check_terms, exponents_of, shifter_gates, signed_powers
from ..common.slices import row_slices
from ..counters import Cause, CounterSpec, idle, statistic
from ..operation import Operation

BLOCK = 64
COLUMN_BITS = 6
EXTENT_BITS = 13
CodebookBits = Annotated[int, Field(ge=1, le=12)]
ADDRESS_BITS = 16  # of a k, as the decoder adds it up


class CsrRowsArray(PEArray):
    """`pes` PEs of `vector_width` lanes; compressed filters, dense activations in `banks` banks (None: one a PE).

    A pass covers V output pixels. Filter n belongs to PE n mod pes (static) or goes to the first idle PE, lowest index
    on ties, any number of them a cycle (dynamic). A PE walks its nonzeros in k order, block after block; word k of the
    ifmap buffer holds the V activations of column k and lies in bank k mod banks. Each cycle a bank reads one word, the
    one wanted by the PE that has waited longest (then by the lowest index), and all PEs that want it are served: V MACs
    each. Extents come a cycle ahead through a port of their own, so that a (row, block) takes at least one cycle.
    Barrier at the end of a pass. `order: balanced` takes a tile's filters longest processing time first (cycles without
    conflicts; ties in natural order), which evens out the PEs. The index is the one that ADMM-NN-S (001, section III-A)
    calls absolute.

    `mac: shift` has barrel shifters and adders in place of multipliers, `terms` of each a lane, that add all terms of a
    weight in one cycle, as in ShiftCNN (003, Eq. 21): pow2 weights of at most so many signed powers of two run, a
    nonzero is stored as `terms` codes, and other layers go to the fallback. An entry of a codebook's layer is its code;
    every PE looks the weight up in a table of registers through a tree of multiplexers as it takes the entry.
    `codebook_bits` builds that table: it has an area, and layers of wider codebooks go to the fallback; without it the
    area of what looks up is left out.
    """

    kind: Literal["csr_rows"] = "csr_rows"
    multiplies_floats: ClassVar[bool] = True
    scalable: ClassVar[tuple[str, ...]] = ("pes", "vector_width")
    counters: ClassVar[tuple[CounterSpec, ...]] = (
        idle("csr_rows_idle_imbalance", Cause.IMBALANCE, "lanes of PEs that are done with their filters, or got none"),
        idle("csr_rows_idle_empty", Cause.INDEX, "lanes of PEs that look at an extent without a nonzero"),
        idle("csr_rows_idle_conflict", Cause.CONFLICT, "lanes of PEs whose bank serves another word"),
        idle("csr_rows_idle_edge", Cause.EDGE, "lanes without a pixel in a last pass"),
        statistic(
            "csr_rows_lookup_multiplexers",
            "multiplexers",
            "1-bit 2:1 multiplexers that a codebook's codes go through",
        ),
    )
    pes: Size = 16
    vector_width: Size = 16
    assignment: Literal["static", "dynamic"] = "static"
    banks: Size | None = None
    order: Literal["natural", "balanced"] = "natural"
    mac: Literal["multiply", "shift"] = "multiply"
    terms: Size = 1
    codebook_bits: CodebookBits | None = None

    @model_validator(mode="after")
    def _terms_are_shifted(self) -> Self:
        if self.mac == "multiply" and self.terms > 1:
            raise ConfigError(f"array.terms is {self.terms}; with array.mac multiply 1 is expected")
        return self

    @property
    def peak_macs(self) -> int:
        """pes · vector_width."""
        return self.pes * self.vector_width

    @property
    def buffer_ports(self) -> BufferPorts:
        """`banks` words of V activations; an entry with its column a PE; V outputs or psums a PE."""
        words = Port(self.banks or self.pes, self.vector_width)
        return buffer_ports(words, Port(self.pes, 1, COLUMN_BITS), Port(self.pes, self.vector_width))

    @property
    def runs_every_layer(self) -> bool:
        """Multipliers take any integers, unless a table of few bits looks codebooks up."""
        return self.mac == "multiply" and self.codebook_bits is None

    def program(self, trace: GemmTrace) -> CsrRowsProgram:
        """Any coding runs as integers, pow2 alone where shifts are built; UnsupportedLayerError otherwise."""
        if self.mac == "shift":
            check_terms(self, trace, self.terms)
        wanted = trace.number_format.codebook_bits if trace.weight_coding == "codebook" else None
        if wanted and self.codebook_bits and wanted > self.codebook_bits:
            raise self.refuse(trace, f"its codebook has {wanted} bits; at most {self.codebook_bits} are expected")
        return CsrRowsProgram(self, trace)

    def crossbar_gates(self, activation_bits: int) -> int:
        """2:1 multiplexers of one bit that bring one PE the word of the bank that served it: banks − 1 a bit."""
        return ((self.banks or self.pes) - 1) * self.vector_width * activation_bits

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """MACs; a word brought through the crossbar, and the lookup of a code, for every nonzero that a PE walks.

        Assumption: all multiplexers in front of a PE switch, for each bank reads another word every cycle.
        """
        done = list(super().operations(table, weight_bits, activation_bits))
        if self.mac == "shift":
            gates = shifter_gates(weight_bits, activation_bits, self.accumulator_bits)
            term = table.gates(gates) + table.add(self.accumulator_bits)
            done = [Operation("barrel shifts and adds of a weight's terms", "macs_executed", self.terms * term)]
        if crossbar := table.gates(self.crossbar_gates(activation_bits)):
            done.append(Operation("word through the crossbar", "decodes", crossbar))
        lookup = Operation("multiplexer of a codebook's lookup", "csr_rows_lookup_multiplexers", table.gates(1))
        return (*done, lookup)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A MAC a lane; a PE's registers: accumulator and activation a lane, the weight, its column, two extents.

        Between banks and PEs the crossbar, and what grants a bank: for each PE and bank a comparison of the wanted k
        with the bank's, a gate a bit of the address, and a gate of the priority chain. A decoder and a table a PE.
        """
        lane = self.accumulator_bits + activation_bits
        bits = self.vector_width * lane + self.terms * weight_bits + COLUMN_BITS + 2 * EXTENT_BITS
        grants = (self.banks or self.pes) * (ADDRESS_BITS + 1)
        gates = self.crossbar_gates(activation_bits) + grants
        unit = Counter(register_bit=bits, gate=gates, decoder=1)
        if self.codebook_bits:
            unit["register_bit"] += weight_bits << self.codebook_bits
            unit["gate"] += lookup_multiplexers(weight_bits, self.codebook_bits)
        if self.mac == "multiply":
            unit["mac"] = self.vector_width
        else:
            gates = shifter_gates(weight_bits, activation_bits, self.accumulator_bits)
            unit["gate"] += self.vector_width * self.terms * gates
            unit["full_adder"] = self.vector_width * self.terms * self.accumulator_bits
        return {name: float(self.pes * count) for name, count in unit.items()}


def lookup_multiplexers(weight_bits: int, codebook_bits: int) -> int:
    """2:1 multiplexers of one bit that choose one of 2^codebook_bits weights."""
    return ((1 << codebook_bits) - 1) * weight_bits


class Pass(NamedTuple):
    """Of one pass over V pixels: busy cycles, words read from banks, PE-cycles lost to conflicts and empty extents."""

    cycles: int
    services: int
    conflicts: int
    empties: int


class CsrRowsProgram(CompressedProgram):
    """One GEMM on CsrRowsArray. Weights and indices travel and lie in the filter buffer compressed."""

    array: CsrRowsArray
    unit_k = BLOCK
    entry_index_bits = COLUMN_BITS
    unit_index_bits = EXTENT_BITS
    looks_up_codebook = True

    def __init__(self, array: CsrRowsArray, trace: GemmTrace) -> None:
        super().__init__(array, trace)
        self._passes: dict[tuple[int, int, int, int], Pass] = {}

    @property
    def grain(self) -> Grain:
        """Pixels by passes, filters by rounds of the PEs, k by blocks. Cuts of N and K add barriers."""
        return Grain(self.array.vector_width, self.array.pes, BLOCK, "K", frozenset({"N", "K"}))

    def work(self, tile: Tile) -> Work:
        """⌈m / V⌉ equal passes. Buffer words are read whole, also by a last pass of fewer pixels."""
        passes, lanes = ceil_div(tile.m1 - tile.m0, self.array.vector_width), self.array.vector_width
        one = self._one_pass(tile.n0, tile.n1, tile.k0, tile.k1)
        counts = self._operand_counts(tile, one, passes)
        nonzeros = counts["decodes"]  # of all passes
        lost = {
            "edge": nonzeros * lanes - counts["macs_executed"],
            "conflict": one.conflicts * lanes * passes,
            "empty": one.empties * lanes * passes,
        }
        slots = self.array.peak_macs * one.cycles * passes
        lost["imbalance"] = slots - counts["macs_executed"] - sum(lost.values())
        idle = {f"csr_rows_idle_{reason}": count for reason, count in lost.items()}
        return Work(one.cycles * passes, self.count(**counts, **idle))

    def _operand_counts(self, tile: Tile, one: Pass, passes: int) -> dict[str, int]:
        (m, n, k), array = tile.shape, self.array
        nonzeros, extents = self.entries(tile.n0, tile.n1, tile.k0, tile.k1), n * ceil_div(k, BLOCK)
        words = one.services * passes
        psums = tile.psums
        index_bits = (nonzeros * COLUMN_BITS + extents * EXTENT_BITS) * passes
        operands = nonzeros * passes * (self.stored_weight_bits + array.vector_width * self.trace.activation_bits)
        return {
            "macs_executed": nonzeros * m,
            "sram_ifmap_reads": words * array.vector_width,
            "sram_filter_reads": nonzeros * passes,
            "sram_index_bits": index_bits,
            "sram_ofmap_writes": m * n,
            "sram_psum_reads": psums,
            "register_bits": operands + index_bits + (nonzeros * m + psums) * array.accumulator_bits,
            "decodes": nonzeros * passes,
            "csr_rows_lookup_multiplexers": nonzeros * passes * self._lookup,
        }

    @property
    def _lookup(self) -> int:
        """Multiplexers that a weight's code goes through."""
        code = self.trace.number_format.codebook_bits if self.trace.weight_coding == "codebook" else None
        return lookup_multiplexers(self.trace.weight_bits, code) if code else 0

    def functional(self) -> NDArray[np.int64]:
        """The walk of every pass on the decoded columns and values, some passes at a time."""
        trace = self.trace
        lanes = min(self.array.vector_width, trace.M)
        out = np.empty((trace.M, trace.N), np.int64)
        for m0, m1 in row_slices(trace.M, max(trace.K, trace.N), step=lanes):
            words = self._words(m0, m1, lanes)
            sums = np.zeros((len(words), trace.N, lanes), np.int64)
            self._walk(words, sums)
            out[m0:m1] = sums.transpose(0, 2, 1).reshape(-1, trace.N)[: m1 - m0]
        return self.without_zero_point(out)

    def _walk(self, words: NDArray[np.int64], sums: NDArray[np.int64]) -> None:
        """Add the products of some passes, or the shifted words of all terms."""
        from .kernels import walk, walk_shifts

        columns = self._encoded.columns
        if self.array.mac == "shift":
            walk_shifts(*self._rows, columns, *self._terms, words, sums)
        else:
            walk(*self._rows, columns, self._encoded.values.astype(np.int64, copy=False), words, sums)

    @cached_property
    def _terms(self) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Signs and exponents of the entries' terms, (entries, terms)."""
        powers, _ = signed_powers(self._encoded.values, self.array.terms)
        return np.sign(powers).astype(np.int8), exponents_of(powers)

    def _words(self, m0: int, m1: int, lanes: int) -> NDArray[np.int64]:
        """The ifmap buffer of passes over pixels m0..m1−1, (passes, K, lanes); lanes past the last pixel hold 0."""
        passes = ceil_div(m1 - m0, lanes)
        pixels = np.zeros((passes * lanes, self.trace.K), np.int64)
        pixels[: m1 - m0] = self.trace.raw_tile(m0, m1, 0, self.trace.K)
        return np.ascontiguousarray(pixels.reshape(passes, lanes, -1).transpose(0, 2, 1))

    @property
    def stored_weight_bits(self) -> int:
        """A weight at its own width, or at the codebook's; a code a term."""
        return self.array.terms * super().stored_weight_bits

    @cached_property
    def _encoded(self) -> CsrAbsolute:
        from ...formats import encode

        weight = self.trace.weight_tile(0, self.trace.N, 0, self.trace.K)
        encoded = encode(weight, "csr_absolute", value_bits=64, block=(BLOCK, BLOCK))
        assert isinstance(encoded, CsrAbsolute)
        return encoded

    @cached_property
    def _rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self._encoded.rows_of_blocks()

    def entry_counts(self) -> NDArray[np.int64]:
        """Nonzeros of every (row, block)."""
        return self._rows[1]

    def _ordered(self, n0: int, n1: int, b0: int, b1: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Starts and lengths of filters n0..n1−1 in the order in which they are handed out."""
        starts, lengths = (table[n0:n1] for table in self._rows)
        if self.array.order == "natural":
            return starts, lengths
        longest_first = np.argsort(-np.maximum(lengths[:, b0:b1], 1).sum(axis=1), kind="stable")
        return starts[longest_first], lengths[longest_first]

    def _one_pass(self, n0: int, n1: int, k0: int, k1: int) -> Pass:
        """One pass over whole blocks of filters n0..n1−1, simulated once.

        Without zeros the PEs walk in step and want the same word, so that no bank is ever late.
        """
        if self.is_shape:
            steps = ceil_div(n1 - n0, self.array.pes) * (k1 - k0)
            return Pass(steps, steps, 0, 0)
        key = n0, n1, k0, k1
        if key not in self._passes:
            from .kernels import one_pass

            pes, banks = min(self.array.pes, n1 - n0), min(self.array.banks or self.array.pes, self.trace.K)
            blocks, dynamic = (k0 // BLOCK, ceil_div(k1, BLOCK)), self.array.assignment == "dynamic"
            rows = self._ordered(n0, n1, *blocks)
            result = one_pass(*rows, self._encoded.columns, (0, n1 - n0), blocks, pes, banks, dynamic)
            self._passes[key] = Pass(*result)
        return self._passes[key]

"""What every PE array must hold, as a class of pytest: subclass it, name the arrays, and every test runs on each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ..analysis.verification import require_equal
from ..arrays.base import PEArray, Program
from ..hardware.accelerator import Accelerator
from ..results.report import Report
from ..simulate import simulate
from ..trace.gemm import GemmTrace
from . import laws
from .cuts import edges, grain_sizes, layer_sizes, random_steps, tiles, whole
from .laws import require
from .layers import LayerSource

OPERANDS = ("ifmap", "weight", "index", "ofmap", "psum")
TOTALS = ("cycles", "compute_cycles", "stall_cycles", "dram_bytes")
LIMITED: dict[str, Any] = {
    "buffers": {"ifmap_kib": 16, "filter_kib": 16, "ofmap_kib": 16},
    "dram": {"model": "bandwidth", "gbps": 4.0, "latency_cycles": 20},
}
SEEDS = range(4)


class ArrayConformance(LayerSource):
    """`arrays` are what is tested; the hooks of LayerSource say what layers they run.

        class TestMyArray(ArrayConformance):
            arrays = [MyArray(pes=4), MyArray(pes=7)]

    Tests that begin with `test_program` ask the array alone; the others simulate whole machines.
    """

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Every test runs on each of the arrays."""
        if "array" in metafunc.fixturenames:
            arrays = self.instances()
            metafunc.parametrize("array", arrays, ids=[f"{array.kind}-{i}" for i, array in enumerate(arrays)])

    def programs(self, array: PEArray, density: float = 0.4) -> list[Program]:
        """Programs of random layers with values, and of one without."""
        traces = [self.layer(seed, density, array=array) for seed in SEEDS]
        return [array.program(trace.group(0)) for trace in (*traces, self.shape_of(traces[0]))]

    def simulate(
        self, array: PEArray, load: GemmTrace | Sequence[GemmTrace], verify: bool = False, **parts: Any
    ) -> Report:
        """A machine with this array, and memory without limits unless `parts` say more, runs the layers."""
        return simulate(load, Accelerator(name="conformance", clock_mhz=1000, array=array, **parts), verify=verify)

    # ---- the configuration

    def test_program_size_and_configuration(self, array: PEArray) -> None:
        """Plain values and back; scalable sizes."""
        laws.size_is_configuration(array)

    def test_program_operations_and_logic_are_priced(self, array: PEArray) -> None:
        """At the bits of the layers and at narrower ones."""
        trace = self.layer(0)
        laws.costs_are_known(array, trace.weight_bits, trace.activation_bits)
        laws.costs_are_known(array, 1, 1)

    # ---- counts and cycles

    def test_program_counts_are_declared(self, array: PEArray) -> None:
        """Of the whole and of tiles."""
        for program, parts in self._cut(array):
            for tile in parts:
                laws.counts_are_declared(program, tile)

    def test_program_lanes_add_up(self, array: PEArray) -> None:
        """Executed and idle lanes are peak · cycles."""
        for program, parts in self._cut(array):
            for tile in parts:
                laws.lanes_add_up(program, tile)

    def test_program_ports_deliver(self, array: PEArray) -> None:
        """Reads are at most what the ports of the buffers have, of every tile."""
        for program, parts in self._cut(array):
            for tile in parts:
                laws.ports_deliver(program, tile)

    def test_program_tiles_add_up(self, array: PEArray) -> None:
        """Where no cut is costly."""
        for seed, program in enumerate(self.programs(array)):
            rng = np.random.default_rng(seed)
            free = set("MNK") - program.grain.costly
            finest = layer_sizes(program) | {d: grain_sizes(program)[d] for d in free}
            for steps in (random_steps(program, rng, free), finest):
                laws.tiles_add_up(program, tiles(program, steps))

    def test_program_cuts_lose_nothing(self, array: PEArray) -> None:
        """Wherever the cuts are."""
        for program, parts in self._cut(array):
            laws.cuts_lose_nothing(program, parts)

    def test_program_cuts_of_time_cost_what_they_say(self, array: PEArray) -> None:
        """Along T alone."""
        for seed, program in enumerate(self.programs(array)):
            rng = np.random.default_rng(seed)
            laws.cut_of_time_costs_what_it_says(program, random_steps(program, rng, program.grain.whole))

    def test_program_cuts_cost_what_they_say(self, array: PEArray) -> None:
        """Wherever they are, of an array whose tiles pay a fill."""
        for program, parts in self._cut(array):
            laws.cuts_cost_what_they_say(program, parts)

    def test_program_equal_keys_cost_equal_work(self, array: PEArray) -> None:
        """Over several cuts of one layer."""
        for seed, program in enumerate(self.programs(array)):
            rng = np.random.default_rng(seed)
            cuts = [tiles(program, random_steps(program, rng)) for _ in range(3)]
            laws.equal_keys_cost_equal_work(program, [tile for cut in cuts for tile in cut])

    def test_program_psums_spill_where_they_say(self, array: PEArray) -> None:
        """For every k on the grain."""
        for program in self.programs(array):
            laws.psums_spill_where_they_say(program)

    def test_program_a_shape_costs_what_nonzeros_cost(self, array: PEArray) -> None:
        """A layer without values takes the cycles and bits of one whose weights and activations are all nonzero."""
        trace = self.without_zeros(self.layer(3, 1.0, array=array))
        if trace is None:
            pytest.skip("weights of this format have zeros")
        valued, shape = array.program(trace), array.program(self.shape_of(trace))
        one, other = valued.work(whole(valued)), shape.work(whole(shape))
        require(one.cycles == other.cycles, f"{one.cycles} cycles of nonzeros, {other.cycles} of the shape")
        executed, same = one.counts["macs_executed"], other.counts["macs_executed"]
        require(executed == same, f"{executed} operations on nonzeros, {same} on the shape")
        end = 0, trace.N, 0, trace.K
        bits, same_bits = ((p.weight_bits(*end), p.index_bits(*end)) for p in (valued, shape))
        require(bits[0] >= same_bits[0], f"{bits} weight and index bits of nonzeros, {same_bits} of the shape")

    # ---- bits

    def test_program_bits_of_tiles_agree(self, array: PEArray) -> None:
        """Alone, all at once, and added up."""
        for program, steps in self._grids(array):
            laws.bits_of_tiles_agree(program, *steps)

    def test_program_larger_tiles_have_no_fewer_bits(self, array: PEArray) -> None:
        """So that the search for a mapping may stop at the first tile that does not fit."""
        for program, steps in self._grids(array):
            laws.larger_tiles_have_no_fewer_bits(program, *steps)

    def test_program_weights_fit_their_bits(self, array: PEArray) -> None:
        """And are those that `stored_bits` tells."""
        for program, steps in self._grids(array):
            if program.trace.weight_operand is None:
                continue
            laws.weights_fit_their_bits(program, *steps)
            weight = program.trace.weight_tile(0, program.trace.N, 0, program.trace.K)
            end = 0, program.trace.N, 0, program.trace.K
            expected, seen = self.stored_bits(array, weight), (program.weight_bits(*end), program.index_bits(*end))
            require(expected is None or seen == expected, f"{seen} weight and index bits; numpy says {expected}")

    def test_program_nonzeros_by_numpy(self, array: PEArray) -> None:
        """`effectual_macs` and `weights_nonzero`; no fewer operations are executed."""
        for trace in (*self.awkward(), *(self.layer(seed) for seed in SEEDS)):
            program = array.program(trace)
            w, x = trace.weight, trace.activation
            assert w is not None
            assert x is not None
            effectual, executed = self.effectual(x, w), program.work(whole(program)).counts["macs_executed"]
            seen = program.effectual_macs(), program.weights_nonzero()
            expected = effectual, int(np.count_nonzero(w))
            require(seen == expected, f"{seen} effectual MACs and nonzero weights; numpy says {expected}")
            require(executed >= effectual, f"{executed} operations executed, {effectual} are effectual")

    # ---- the datapath

    def test_program_datapath_on_awkward_sizes(self, array: PEArray) -> None:
        """`functional()` and `exact()` are what numpy computes."""
        for trace in self.awkward():
            program = array.program(trace)
            w, x = trace.weight, trace.activation
            assert w is not None
            assert x is not None
            expected = np.asarray(self.expected(x.astype(np.int64), w.astype(np.int64)), np.int64)
            require_equal(program.functional(), expected, layer="layer", kind=array.kind)
            require_equal(program.exact(), expected, layer="layer", kind=array.kind)

    # ---- whole machines

    def test_all_zero_weights(self, array: PEArray) -> None:
        """Take some cycles, and none too many bytes."""
        report = self.simulate(array, self.layer(5, 0.0), verify=True, **LIMITED)
        assert report.cycles > 0

    def test_groups_run_one_after_another(self, array: PEArray) -> None:
        """As many layers, side by side along N; where groups share folds or a pipeline, in no more cycles."""
        trace = self.layer(3, 0.5, groups=3)
        report = self.simulate(array, trace, verify=True)
        parts = [self.simulate(array, trace.group(g), verify=True) for g in range(3)]
        alone = sum(part.compute_cycles for part in parts)
        assert report.compute_cycles == alone or (array.shares_groups and report.compute_cycles < alone)
        assert np.array_equal(report.outputs["layer"], np.hstack([part.outputs["layer"] for part in parts]))

    def test_parts_of_a_report_add_up(self, array: PEArray) -> None:
        """Cycles, bytes and energy; nothing is negative."""
        first, second = self.layer(0), self.layer(1)
        assert second.weight is not None
        renamed = self.with_weights(second, second.weight, "second")
        for parts in ({}, LIMITED):
            report = self.simulate(array, [first, renamed], **parts)
            for row in report.rows:
                energy = [value for name, value in row.items() if name.startswith("energy_") and name != "energy_pj"]
                assert row["cycles"] == row["compute_cycles"] + row["stall_cycles"]
                assert row["dram_bytes"] == sum(row[f"dram_{operand}_bytes"] for operand in OPERANDS)
                assert row["energy_pj"] == pytest.approx(sum(energy), rel=1e-9)
                assert min(value for value in row.values() if isinstance(value, int | float)) >= 0
                assert set(array.schema.names) <= set(row)
            for total in TOTALS:
                assert getattr(report, total) == sum(row[total] for row in report.rows)

    def test_ideal_memory_never_stalls(self, array: PEArray) -> None:
        """Data are always there: an array waits for nothing but the vector unit, which takes zero points off."""
        for seed in SEEDS:
            layers = self.simulate(array, self.layer(seed)).layers
            vector = layers["stall_vector_cycles"] if self.bits.get("activation_zero_point") else 0
            assert (layers["stall_cycles"] == vector).all()

    def test_less_bandwidth_is_never_faster(self, array: PEArray) -> None:
        """By more than 1 %."""
        cycles = []
        for gbps in (8.0, 4.0, 1.0):
            dram = {"model": "bandwidth", "gbps": gbps, "latency_cycles": 20}
            cycles.append(self.simulate(array, self.layer(2), buffers=LIMITED["buffers"], dram=dram).cycles)
        assert 0.98 * cycles[0] <= 0.99 * cycles[1] <= cycles[2]

    def test_same_seed_same_report(self, array: PEArray) -> None:
        """To the letter."""
        first, second = (self.simulate(array, self.layer(0), **LIMITED).to_json() for _ in range(2))
        assert first == second

    def test_a_repeat_multiplies(self, array: PEArray) -> None:
        """Cycles and energy."""
        trace = self.layer(0)
        assert trace.weight is not None
        again = self.with_weights(trace, trace.weight, repeat=3)
        once, thrice = (self.simulate(array, load, **LIMITED) for load in (trace, again))
        assert thrice.cycles == 3 * once.cycles
        assert thrice.energy_pj == pytest.approx(3 * once.energy_pj, rel=1e-12)

    def _cut(self, array: PEArray) -> list[tuple[Program, list[Any]]]:
        """Programs, each whole and with two random cuts on its grain."""
        result: list[tuple[Program, list[Any]]] = []
        for seed, program in enumerate(self.programs(array)):
            rng = np.random.default_rng(seed)
            steps = [layer_sizes(program), random_steps(program, rng), random_steps(program, rng)]
            result += [(program, tiles(program, step)) for step in steps]
        return result

    def _grids(self, array: PEArray) -> list[tuple[Program, tuple[Any, Any]]]:
        """Programs, each with edges along N and K."""
        result: list[tuple[Program, tuple[Any, Any]]] = []
        for seed, program in enumerate(self.programs(array)):
            sizes, rng = layer_sizes(program), np.random.default_rng(seed)
            grids = [grain_sizes(program), random_steps(program, rng)]
            result += [(program, (edges(sizes["N"], grid["N"]), edges(sizes["K"], grid["K"]))) for grid in grids]
        return result


class SparseConformance(ArrayConformance):
    """An array that skips zeros: fewer nonzero weights never cost more compute cycles (2 % + 64)."""

    def test_program_fewer_nonzeros_never_cost_more(self, array: PEArray) -> None:
        """At densities from full to a tenth."""
        for seed, density in enumerate((1.0, 0.6, 0.3, 0.1)):
            trace = self.layer(seed, density, array=array)
            weight = trace.weight
            assert weight is not None
            thinner = weight * (np.random.default_rng(seed).random(weight.shape) < 0.6)
            programs = [array.program(load) for load in (trace, self.with_weights(trace, thinner))]
            before, now = (program.work(whole(program)).cycles for program in programs)
            require(now <= 1.02 * before + laws.SLACK, f"{now} cycles with zeros in place of weights, {before} before")

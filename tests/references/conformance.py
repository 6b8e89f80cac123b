"""What every PE array must hold: subclass it, name the hardware, and every test below runs on it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace

DRAM_PARTS = [f"dram_{part}_bytes" for part in ("ifmap", "weight", "index", "ofmap", "psum")]
LIMITED = {
    "buffers": {"ifmap_kib": 4, "filter_kib": 4, "ofmap_kib": 4},
    "dram": {"model": "bandwidth", "gbps": 4.0, "latency_cycles": 20},
}


class ArrayConformance:
    """`arrays` are configurations to run; `bits` the number format; the hooks say what the array can do."""

    arrays: ClassVar[list[dict[str, Any]]] = []
    bits: ClassVar[dict[str, Any]] = {}

    def weights(self, rng: np.random.Generator, shape: tuple[int, ...], density: float) -> np.ndarray:
        """Random weights of the array's format."""
        return rng.integers(-128, 128, shape) * (rng.random(shape) < density)

    def activations(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Random activations of the array's format."""
        return rng.integers(-128, 128, shape) * (rng.random(shape) < 0.7)

    def expected(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """What the array computes."""
        return x @ w.T

    def hardware(self, array: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"name": "conformance", "clock_mhz": 1000, "array": array, **more}

    def gemm(self, seed: int, density: float = 0.4, shape: tuple[int, int, int] | None = None) -> GemmTrace:
        rng = np.random.default_rng(seed)
        m, n, k = shape or (int(v) for v in rng.integers(1, (12, 40, 150)))
        return GemmTrace(
            "layer", weight=self.weights(rng, (n, k), density), activation=self.activations(rng, (m, k)), **self.bits
        )

    def each(self) -> list[dict[str, Any]]:
        assert self.arrays, "a conformance class names its arrays"
        return self.arrays

    @pytest.mark.parametrize("shape", [(1, 7, 97), (3, 1, 1), (5, 13, 127), (16, 16, 64), (2, 33, 131)])
    def test_verifies_on_awkward_shapes(self, shape):
        """M = 1, K prime, one of each; half of the time with rows of zeros."""
        for seed, array in enumerate(self.each()):
            trace = self.gemm(seed, shape=shape)
            got = accelsim.simulate(trace, self.hardware(array), verify=True).outputs["layer"]
            assert np.array_equal(got, self.expected(trace.activation.astype(np.int64), trace.weight.astype(np.int64)))

    def test_all_zero_weights(self):
        rng = np.random.default_rng(5)
        weight = self.weights(rng, (9, 70), 0.0)
        for array in self.each():
            trace = GemmTrace("layer", weight=weight, activation=self.activations(rng, (3, 70)), **self.bits)
            report = accelsim.simulate(trace, self.hardware(array, **LIMITED), verify=True)
            assert report.cycles > 0

    def test_groups_run_one_after_another(self):
        rng = np.random.default_rng(3)
        w, x = self.weights(rng, (3 * 8, 20), 0.5), self.activations(rng, (6, 3 * 20))
        for array in self.each():
            hardware = self.hardware(array)
            traces = [GemmTrace("g", weight=w, activation=x, groups=3, **self.bits)]
            for g in range(3):
                rows, columns = w[8 * g : 8 * g + 8], x[:, 20 * g : 20 * g + 20]
                traces.append(GemmTrace("g", weight=rows, activation=columns, **self.bits))
            whole, *parts = (accelsim.simulate(trace, hardware, verify=True) for trace in traces)
            assert whole.compute_cycles == sum(p.compute_cycles for p in parts)
            assert np.array_equal(whole.outputs["g"], np.hstack([p.outputs["g"] for p in parts]))

    def test_parts_add_up(self):
        for seed, array in enumerate(self.each()):
            for more in ({}, LIMITED):
                report = accelsim.simulate([self.gemm(seed), self.second(seed)], self.hardware(array, **more))
                for row in report.rows:
                    energy = [v for k, v in row.items() if k.startswith("energy_") and k != "energy_pj"]
                    assert row["cycles"] == row["compute_cycles"] + row["stall_cycles"]
                    assert row["dram_bytes"] == sum(row[p] for p in DRAM_PARTS)
                    assert row["energy_pj"] == pytest.approx(sum(energy), rel=1e-9)
                    assert min(v for v in row.values() if isinstance(v, int | float)) >= 0
                for total in ("cycles", "compute_cycles", "stall_cycles", "dram_bytes"):
                    assert getattr(report, total) == sum(row[total] for row in report.rows)

    def second(self, seed: int) -> GemmTrace:
        trace = self.gemm(seed + 100)
        return GemmTrace("second", weight=trace.weight, activation=trace.activation, **self.bits)

    def test_ideal_memory_never_stalls(self):
        for seed, array in enumerate(self.each()):
            assert accelsim.simulate(self.gemm(seed), self.hardware(array)).stall_cycles == 0

    def test_same_seed_same_report(self):
        for seed, array in enumerate(self.each()):
            first, second = (
                accelsim.simulate(self.gemm(seed), self.hardware(array, **LIMITED)).to_json() for _ in range(2)
            )
            assert first == second

    def test_a_repeat_multiplies(self):
        for seed, array in enumerate(self.each()):
            trace = self.gemm(seed)
            again = GemmTrace("layer", weight=trace.weight, activation=trace.activation, repeat=3, **self.bits)
            once, thrice = (accelsim.simulate(t, self.hardware(array, **LIMITED)) for t in (trace, again))
            assert thrice.cycles == 3 * once.cycles
            assert thrice.energy_pj == pytest.approx(3 * once.energy_pj, rel=1e-12)


class SparseConformance(ArrayConformance):
    """An array that skips zeros: fewer nonzero weights never cost more compute cycles (2 % + 64)."""

    def test_fewer_nonzeros_never_cost_more(self):
        for index in range(20):
            rng = np.random.default_rng(index)
            array = self.each()[index % len(self.each())]
            w, x = self.weights(rng, (40, 200), float(rng.choice([0.2, 0.6, 1.0]))), self.activations(rng, (3, 200))
            thin = w * (rng.random(w.shape) < 0.6)
            before, now = (
                accelsim.simulate(
                    GemmTrace("a", weight=v, activation=x, **self.bits), self.hardware(array)
                ).compute_cycles
                for v in (w, thin)
            )
            assert now <= 1.02 * before + 64

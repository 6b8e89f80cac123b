"""Rates of a report by hand."""

import numpy as np
import pytest

import accelsim
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload

MACHINE = {"name": "check", "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"}}


def report_of(density):
    return accelsim.simulate(GemmTrace.random("a", M=30, N=24, K=40, activation_density=density, seed=1), MACHINE)


def test_operations_a_joule_do_not_fall_because_an_operand_holds_zeros():
    dense, sparse = report_of(1.0), report_of(0.2)
    for report in (dense, sparse):
        assert report.tops_per_w == report.tops_per_w_dense == pytest.approx(2 * 30 * 24 * 40 / report.energy_pj)
        effectual = int(report.layers.macs_effectual.sum())
        assert report.tops_per_w_effectual == pytest.approx(2 * effectual / report.energy_pj)
    assert sparse.tops_per_w >= dense.tops_per_w
    assert sparse.tops_per_w_effectual < 0.3 * sparse.tops_per_w


def test_inferences_a_second_are_the_batch_over_the_run():
    conv = GemmTrace.from_conv("conv", weight=np.ones((4, 3, 3, 3), int), ifmap=np.ones((5, 3, 8, 8), int))
    report = accelsim.simulate(Workload("net", [conv]), MACHINE)
    assert report.batch == 5
    assert report.inferences_per_s == pytest.approx(5 / report.seconds)
    stated = Workload("net", [GemmTrace("fc", M=6, N=4, K=4)], {"batch": 6})
    assert accelsim.simulate(stated, MACHINE).inferences_per_s * accelsim.simulate(
        stated, MACHINE
    ).seconds == pytest.approx(6)

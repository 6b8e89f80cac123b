"""Machines brought to the size of another: the rule, what it reaches, and what it refuses."""

from typing import ClassVar, Literal

import pytest

from accelsim import GemmTrace, load_hardware, simulate
from accelsim.analysis.comparison import compare_machines
from accelsim.analysis.iso_scaling import array_sizes, iso_scaled
from accelsim.arrays.systolic import SystolicArray
from accelsim.energy.area import machine_area
from accelsim.energy.built import Widths
from accelsim.errors import ConfigError, UnknownNameError
from accelsim.trace.workload import Workload

OS = "dense/os-16x16"
CSR = "sparse/csr-rows-16x16"


def layers(weight_bits=8, activation_bits=8):
    small = GemmTrace("small", M=2, N=2, K=2)
    return Workload(
        "w", [small, GemmTrace("a", M=64, N=64, K=64, weight_bits=weight_bits, activation_bits=activation_bits)]
    )


def machine(**array):
    return load_hardware({"name": "m", "array": array})


def test_two_doublings_keep_the_aspect_and_sizes_stay_whole():
    found = {(a.rows, a.cols) for a in array_sizes(machine(kind="systolic", rows=12, cols=14).array) if a.rows <= 48}
    assert found == {(12, 14), (24, 14), (24, 28), (48, 28), (48, 56), (12, 7), (6, 7)}


def test_the_array_itself_comes_first():
    array = machine(kind="eie", pes=24).array
    assert [a.pes for a in array_sizes(array)][:5] == [24, 12, 48, 6, 96]
    assert next(array_sizes(array)) == array


@pytest.mark.parametrize(
    ("array", "bits", "settings"),
    [
        ({"kind": "systolic", "rows": 64, "cols": 64}, 8, {"array.rows": 16, "array.cols": 16}),
        ({"kind": "systolic", "rows": 2, "cols": 8}, 8, {"array.rows": 8, "array.cols": 32}),
        ({"kind": "csr_rows", "pes": 4, "vector_width": 32}, 8, {"array.pes": 8, "array.vector_width": 32}),
        ({"kind": "eie", "pes": 64}, 8, {"array.pes": 256}),
        ({"kind": "xnor", "rows": 16, "cols": 16, "word_bits": 64}, 1, {"array.rows": 2, "array.cols": 2}),
        ({"kind": "shift", "rows": 16, "cols": 16, "terms": 2}, 4, {"array.rows": 32, "array.cols": 16}),
        ({"kind": "bitserial", "rows": 16, "cols": 16}, 2, {"array.rows": 4, "array.cols": 4}),
        ({"kind": "bitserial", "rows": 4, "cols": 4}, 8, {"array.rows": 16, "array.cols": 16}),
        ({"kind": "xnor", "rows": 16, "cols": 16, "multi_bit": True}, 4, {"array.rows": 8, "array.cols": 8}),
        ({"kind": "ternary", "rows": 32, "cols": 32}, 2, {"array.rows": 16, "array.cols": 16}),
        ({"kind": "adder", "rows": 4, "cols": 16}, 8, {"array.rows": 8, "array.cols": 32}),
    ],
)
def test_iso_mac_reaches_the_first_machines_dense_macs(array, bits, settings):
    first, workload = load_hardware(OS), layers(bits, bits)
    got = iso_scaled(machine(**array), first, iso="mac", workload=workload)
    assert got.settings == settings
    assert got.machine.array.baseline_macs(bits, bits) == 256 == got.reached == got.target
    assert got.machine.name == f"m at {'x'.join(map(str, settings.values()))}"
    assert load_hardware(machine(**array), **got.settings, name=got.machine.name) == got.machine


def test_a_machine_of_that_size_stays_what_it_is():
    csr = load_hardware(CSR)
    assert iso_scaled(csr, load_hardware(OS), iso="mac", workload=layers()).machine == csr


def test_an_iso_mac_that_cannot_be_met_is_told_with_its_ratio():
    got = iso_scaled(machine(kind="shift", rows=16, cols=16, terms=3), load_hardware(OS), iso="mac", workload=layers(4))
    assert (got.reached, got.target) == (341, 256)
    assert (
        str(got)
        == "iso-mac: m at 32x32 has array.rows = 32, array.cols = 32: 341 dense MACs a cycle, 1.33x the 256 of os-16x16"
    )


LOW_BIT = {
    "shift-16x16": {"weight_bits": 4, "weight_coding": "pow2"},
    "xnor-16x16x64": {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"},
    "xnor-16x16x64-multi": {"weight_bits": 2, "activation_bits": 2},
    "bitserial-16x16x64": {"weight_bits": 3, "activation_bits": 4},
    "ternary-16x16": {"weight_bits": 2, "weight_coding": "ternary"},
    "adder-16x16": {},
}


@pytest.mark.parametrize("iso", ["mac", "area", "bandwidth"])
@pytest.mark.parametrize("name", LOW_BIT)
def test_low_bit_machines_are_brought_to_size_and_run_natively(name, iso):
    """Within the square root of two of the target, which is half a doubling, on the array itself."""
    trace = GemmTrace("a", M=64, N=64, K=640, **LOW_BIT[name])
    like = load_hardware(OS, dram={"model": "bandwidth", "gbps": 3.2})
    got = iso_scaled(load_hardware(f"lowbit/{name}"), like, iso=iso, workload=Workload("w", [trace]))
    row = simulate(trace, got.machine).layers.iloc[0]
    assert row["array"] == got.machine.array.kind
    if iso == "bandwidth":
        assert got.machine.dram == like.dram
    else:
        assert 0.7 < got.reached / got.target < 1.42
    if iso == "mac":
        passes = {"bitserial": 3 * 4, "xnor": 2 * 2 if "multi" in name else 1}.get(row["array"], 1)
        assert got.reached == got.machine.array.peak_macs // passes


def area_um2(chosen):
    return sum(machine_area(chosen, 8, 8).values())


@pytest.mark.parametrize("like", [OS, "dense/os-32x32"])
@pytest.mark.parametrize("name", [CSR, "dense/ws-16x16", "sparse/sticker-16x16", "sparse/cambricon-x-16x16"])
def test_iso_area_is_within_two_percent_of_the_whole_machine(name, like):
    first = load_hardware(like)
    got = iso_scaled(load_hardware(name), first, iso="area", workload=layers())
    assert (got.reached, got.target) == (area_um2(got.machine), area_um2(first))
    assert (got.reached, got.grain) == (pytest.approx(got.target, rel=0.02), "")


def test_reports_of_an_iso_area_comparison_agree_as_their_scalings_say():
    found = compare_machines(layers(), [OS, CSR], iso="area")
    areas = [side.report.area_um2 for side in found.sides]
    assert areas == pytest.approx([found.scalings[0].target, found.scalings[0].reached])
    assert areas[1] == pytest.approx(areas[0], rel=0.02)


def test_a_machine_of_that_area_stays_what_it_is():
    assert (
        iso_scaled(load_hardware("dense/ws-16x16"), load_hardware(OS), iso="area", workload=layers()).machine.name
        == "ws-16x16"
    )


def test_a_side_goes_on_in_single_steps_where_no_power_of_two_will_do():
    """csr_rows is larger than its dense array: 13 PEs of 16 lanes for 16 rows of 16 columns."""
    got = iso_scaled(load_hardware(CSR), load_hardware(OS), iso="area", workload=layers())
    assert got.settings == {"array.pes": 13, "array.vector_width": 16}


def test_buffers_that_are_larger_than_the_other_machine_forbid_it():
    got = iso_scaled(load_hardware("sparse/eie-64pe"), load_hardware(OS), iso="area", workload=layers())
    assert got.machine.array.pes == 1
    assert got.reached > 1.02 * got.target
    assert "no size is within 2%, what is not the array forbids it: of array.pes, 1 gives" in str(got)
    assert got.to_dict()["grain"] == got.grain


def test_a_coarse_step_forbids_it():
    """One PE of eie, or two, for the four of a systolic array without buffers."""
    first = load_hardware({"name": "s", "array": {"kind": "systolic", "rows": 2, "cols": 2}, "vector": {"lanes": 1}})
    eie = load_hardware({"name": "e", "array": {"kind": "eie", "pes": 4}, "vector": {"lanes": 1}})
    got = iso_scaled(eie, first, iso="area", workload=layers())
    assert (
        "no size is within 2%, a step of array.pes is coarser: of array.pes, 1 gives 0.003, 2 gives 0.005" in got.grain
    )
    assert got.machine.array.pes == 1


def test_iso_area_keeps_buffers_and_counts_a_fallback_in_reach_alone():
    csr, first = load_hardware(CSR), load_hardware("dense/os-32x32")
    got = iso_scaled(csr, first, iso="area", workload=layers())
    assert (got.machine.fallback, got.machine.buffers) == (csr.fallback, csr.buffers)
    assert got.reached == iso_scaled(load_hardware(CSR, fallback=None), first, iso="area", workload=layers()).reached
    shift = load_hardware("lowbit/shift-16x16")
    alone = load_hardware(shift, fallback=None)
    assert area_um2(shift) - area_um2(alone) == pytest.approx(machine_area(load_hardware(OS), 8, 8)["array"])


def test_an_array_is_built_for_the_layers_that_it_runs_itself():
    """1-bit layers on XNOR, 16-bit ones on the fallback: neither array has the other's operands."""
    binary = {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"}
    traces = [
        GemmTrace("bits", M=4, N=4, K=64, **binary),
        GemmTrace("wide", M=4, N=4, K=4, weight_bits=16, activation_bits=16),
    ]
    machine = load_hardware("lowbit/xnor-16x16x64")
    report = simulate(traces, machine)
    built = machine_area(machine, 1, 1, Widths(16, 16))
    assert report.area == built
    assert built["fallback"] == machine_area(load_hardware(OS), 16, 16)["array"]
    assert simulate(traces[0], machine).area["fallback"] == machine_area(load_hardware(OS), 1, 1)["array"]


def test_a_fallback_out_of_reach_has_no_area():
    assert "fallback" not in simulate(layers().traces[1], CSR).area
    for name, reach in {
        CSR: False, "sparse/csr-rows-16x16-codebook": True, "sparse/csr-rows-16x16-shift": True,
        "sparse/scnn-8x8": True, "lowbit/adder-16x16": True, "lowbit/ternary-16x16": True,
    }.items():  # fmt: skip
        assert load_hardware(name).reaches_fallback is reach, name
    assert load_hardware(CSR, fallback={"kind": "adder"}).reaches_fallback


def test_iso_area_is_of_the_widest_operands_that_an_array_runs_itself():
    wide = Workload("w", [GemmTrace("wide", M=2, N=2, K=2, weight_bits=16, activation_bits=16), *layers(4, 4).traces])
    got = iso_scaled(load_hardware(OS), load_hardware(OS), iso="area", workload=wide)
    assert got.target == sum(machine_area(load_hardware(OS), 16, 16).values())


def test_iso_bandwidth_gives_the_first_machines_dram_and_nothing_else():
    first, csr = load_hardware(OS, dram={"model": "bandwidth", "gbps": 3.2}), load_hardware(CSR)
    got = iso_scaled(csr, first, iso="bandwidth", workload=layers())
    assert got.machine == csr.model_copy(update={"dram": first.dram})
    assert got.reached is None
    assert "'gbps': 3.2" in str(got)
    assert str(got).endswith("the DRAM of os-16x16")


def test_a_long_name_leaves_room_for_the_size():
    long = load_hardware(OS, name="x" * 200)
    got = iso_scaled(long, load_hardware("dense/os-32x32"), iso="mac", workload=layers()).machine
    assert got.name == f"{'x' * 150} at 32x32"


@pytest.mark.parametrize("free", ["like", "machine"])
def test_an_array_without_area_is_refused(free):
    nothing = {"add_32_um2": 0, "mult_8_um2": 0, "register_um2_per_bit": 0}
    machines = {"like": load_hardware(OS), "machine": load_hardware(OS, name="other")}
    machines[free] = load_hardware(machines[free], energy=nothing)
    with pytest.raises(ConfigError, match=f"iso-area: the area of {machines[free].name}'s array is 0"):
        iso_scaled(machines["machine"], machines["like"], iso="area", workload=layers())


def test_an_unknown_iso_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'area'"):
        iso_scaled(load_hardware(OS), load_hardware(OS), iso="aera", workload=layers())


def test_an_array_of_other_sizes_is_refused():
    class Odd(SystolicArray):
        kind: Literal["odd"] = "odd"
        scalable: ClassVar[tuple[str, ...]] = ()

    with pytest.raises(ConfigError, match="'odd' has no sizes to scale; names of fields in `scalable`"):
        next(array_sizes(Odd()))


def test_an_array_that_runs_nothing_is_built_for_what_its_fallback_runs():
    narrow = GemmTrace("a", M=4, N=4, K=4, weight_bits=4, activation_bits=4)
    machine = load_hardware("lowbit/xnor-16x16x64")
    assert simulate(narrow, machine).area == machine_area(machine, 4, 4)

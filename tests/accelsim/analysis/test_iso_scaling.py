"""Machines brought to the size of another: the rule, what it reaches, and what it refuses."""

from typing import ClassVar, Literal

import pytest

from accelsim import GemmTrace, load_hardware, simulate
from accelsim.analysis.iso_scaling import array_sizes, iso_scaled
from accelsim.arrays.systolic import SystolicArray
from accelsim.energy.area import machine_area
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
    return machine_area(chosen, 8, 8)["array"]


@pytest.mark.parametrize("like", [OS, "dense/os-32x32"])
@pytest.mark.parametrize("name", [CSR, "dense/ws-16x16"])
def test_iso_area_is_the_nearest_of_all_sizes(name, like):
    first = load_hardware(like)
    got = iso_scaled(load_hardware(name), first, iso="area", workload=layers())
    assert (got.reached, got.target) == (area_um2(got.machine), area_um2(first))

    def misfit(array):
        area = area_um2(got.machine.model_copy(update={"array": array}))
        return max(area / got.target, got.target / area)

    assert misfit(got.machine.array) == min(map(misfit, array_sizes(load_hardware(name).array)))


def test_iso_area_is_the_arrays_and_keeps_buffers_and_fallback():
    csr, first = load_hardware(CSR), load_hardware("dense/os-32x32")
    got = iso_scaled(csr, first, iso="area", workload=layers())
    bare = iso_scaled(
        load_hardware(CSR, fallback=None, **{"buffers.ifmap_kib": 2**20}), first, iso="area", workload=layers()
    )
    assert got.machine.array == bare.machine.array != csr.array
    assert got.reached == bare.reached
    assert (got.machine.fallback, got.machine.buffers) == (csr.fallback, csr.buffers)
    assert "mm² of array" in str(got)


def test_iso_area_is_of_the_widest_operands():
    wide = Workload("w", [GemmTrace("wide", M=2, N=2, K=2, weight_bits=16, activation_bits=16), *layers(4, 4).traces])
    got = iso_scaled(load_hardware(OS), load_hardware(OS), iso="area", workload=wide)
    assert got.target == machine_area(load_hardware(OS), 16, 16)["array"]


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

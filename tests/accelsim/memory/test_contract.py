"""What `accelsim.memory.base` promises of every kernel and configuration, for all models that ship."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.config import build
from accelsim.memory.base import Command, Transfer, energy_of
from accelsim.memory.registry import DRAM_MODELS
from accelsim.trace.operand_names import DRAM_REGIONS

CLOCK_MHZ = 700.0
MODELS = [
    {"model": "bandwidth", "gbps": 12.8},
    {"model": "bandwidth", "gbps": 3.7, "latency_cycles": 60},
    {"model": "bank", "device": "ddr4-2400"},
    {"model": "bank", "device": "lpddr4-2400"},
    {"model": "bank", "device": "hbm2-2000"},
    {"model": "bank", "device": "lpddr4-2400-1chip"},
    {"model": "bank", "device": "ddr4-2400", "power_down_after_clk": 30},
]
EVERY_MODEL = pytest.mark.parametrize("values", MODELS, ids=lambda values: "-".join(map(str, values.values())))


def part(values):
    return build(DRAM_MODELS.get(values["model"]), values)


@st.composite
def submissions(draw):
    """(cycles since the one before, transfer), some of them many bursts long."""
    steps = st.integers(0, 300)
    sizes = st.one_of(st.integers(1, 200), st.integers(1, 9000))
    transfers = st.builds(Transfer, st.sampled_from(DRAM_REGIONS), sizes, st.booleans(), st.integers(0, 2**16))
    return draw(st.lists(st.tuples(steps, transfers), min_size=1, max_size=8))


def advance(kernel, limit, got):
    while kernel.busy and (answer := kernel.advance(limit)) is not None:
        got.append(answer)


def answers(kernel, work, step=None):
    """(cycle, number) of all transfers; the kernel is stopped at every submission, and every `step` cycles if given."""
    got, now = [], 0
    for number, (wait, transfer) in enumerate(work):
        for limit in [*(range(now, now + wait, step) if step else ()), now + wait]:
            advance(kernel, limit, got)
        now += wait
        kernel.submit(number, transfer, now)
    while step and kernel.busy:
        advance(kernel, now, got)
        now += step
    advance(kernel, inf, got)
    return got


@EVERY_MODEL
@given(work=submissions(), step=st.integers(1, 200))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_every_transfer_is_answered_once_in_order_wherever_the_kernel_stops(values, work, step):
    kernel = part(values).kernel(CLOCK_MHZ)
    got = answers(kernel, work)
    submitted, now = {}, 0
    for number, (wait, _) in enumerate(work):
        now += wait
        submitted[number] = now
    assert sorted(number for _, number in got) == list(submitted)
    assert [cycle for cycle, _ in got] == sorted(cycle for cycle, _ in got)
    assert all(cycle >= submitted[number] for cycle, number in got)
    assert answers(part(values).kernel(CLOCK_MHZ), work, step) == got


def test_a_submission_at_the_clock_of_a_requests_end_goes_before_the_next():
    """At 64 bytes a cycle the second transfer comes exactly when the first one's 100th request ends."""
    work = [(0, Transfer("ifmap", 64 * 200, False)), (100, Transfer("weight", 64, False))]
    for step in (None, 1, 7):
        kernel = part({"model": "bandwidth", "gbps": 64.0}).kernel(1000.0)
        assert answers(kernel, work, step) == [(102, 1), (201, 0)]


@EVERY_MODEL
@given(work=submissions())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_no_more_bytes_are_served_than_the_configuration_says(values, work):
    """Writes are taken into buffers and reads may be joined, so only cold reads of different addresses are bound."""
    reads = [Transfer("ifmap", t.size_bytes, False, address=2**17 * n) for n, (_, t) in enumerate(work)]
    kernel = part(values).kernel(CLOCK_MHZ)
    last = answers(kernel, [(0, t) for t in reads])[-1][0]
    assert sum(t.size_bytes for t in reads) <= last * part(values).bytes_per_cycle(CLOCK_MHZ) * (1 + 1e-12)


@EVERY_MODEL
@given(work=submissions())
@settings(max_examples=10, deadline=None, derandomize=True)
def test_the_kernels_energy_is_that_of_the_listed_commands(values, work):
    kernel = part(values).kernel(CLOCK_MHZ)
    end = max(cycle for cycle, _ in answers(kernel, work))
    kernel.close(end)
    moved = sum(t.size_bytes for _, t in work)
    expected = dict.fromkeys(kernel.energy_pj(), 0.0)
    for command in part(values).commands(CLOCK_MHZ):
        counts = {**kernel.counts(), "dram_bytes": moved}
        count = sum(counts[name] for name in command.columns) - sum(counts[name] for name in command.minus)
        expected[command.component] += command.factor * count * command.pj
    assert kernel.energy_pj() == pytest.approx(expected, rel=1e-12)
    assert (expected == {}) == (values["model"] != "bank")


def test_the_rates_of_the_models():
    ddr4, hbm = ({"model": "bank", "device": name} for name in ("ddr4-2400", "hbm2-2000"))
    assert part(ddr4).bytes_per_cycle(1000.0) == pytest.approx(64 / 4 / 0.83)  # a burst of 64 bytes in 4 clocks
    assert part(hbm).bytes_per_cycle(500.0) == pytest.approx(8 * 64 / 2 * 2)  # eight channels, 2 clocks of 1 ns
    assert part({"model": "bandwidth", "gbps": 12.8}).bytes_per_cycle(500.0) == 25.6
    assert part({"model": "ideal"}).bytes_per_cycle(500.0) == inf


def test_ideal_alone_takes_no_time():
    assert all(part(values).is_timed and part(values).kernel(CLOCK_MHZ) is not None for values in MODELS)
    assert not part({"model": "ideal"}).is_timed
    assert part({"model": "ideal"}).kernel(CLOCK_MHZ) is None


def test_energies_add_up_by_component_and_unit():
    listed = [
        Command("dram_access", "a", ("x",), 1, 3.0, 0.5, "", ""),
        Command("dram_access", "b", ("y",), 2, 5.0, 0.5, "", ""),
        Command("dram_access", "c", ("y", "x"), 1, 7.0, 1.0, "", ""),
        Command("dram_standby", "d", ("y",), 8, 0.25, 1.0, "", "", minus=("x",)),
    ]
    assert listed[1].pj == 2.5
    access = 0.5 * (2 * 3 + 2 * 3 * 5) + (2 + 3) * 7
    assert energy_of(listed, {"x": 2, "y": 3}) == {"dram_access": access, "dram_standby": 8 * (3 - 2) * 0.25}
    with pytest.raises(KeyError):  # a command of something that nobody counts
        energy_of(listed, {"x": 2})

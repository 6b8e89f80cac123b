"""The compiled replay against the SimPy model: cycles, stalls, spans in their order, and what the DRAM counted."""

import random
from collections import Counter

import pytest

import accelsim
import workloads
from accelsim.engine import layer_runner, simulation, tiling_race
from accelsim.engine import replay as replay_module
from accelsim.engine.replay import replay
from accelsim.engine.replay_state import SCHEDULED
from accelsim.engine.schedule import Fetch, Schedule, Visit
from accelsim.engine.simulation import simpy_run
from accelsim.hardware.loading import load_hardware
from accelsim.mapping import selection
from accelsim.memory.bandwidth import BandwidthKernel

SIZES = (0, 1, 63, 64, 65, 200, 1000, 5000)


def random_schedule(rng):
    """Jobs, tiles of each operand that span several of them, visits with psums, and a vector unit or none."""
    jobs = rng.randint(1, 14)
    schedule = Schedule(cycles=[rng.choice((0, 1, 5, 40, 300)) for _ in range(jobs)])
    for name in schedule.fetches:
        first = rng.choice((0, 0, 1))
        while first < jobs and rng.random() < 0.9:
            last = min(jobs - 1, first + rng.randint(0, 3))
            schedule.fetches[name].append(Fetch(rng.choice(SIZES), first, last, rng.randrange(0, 10**6, 64)))
            first = last + rng.choice((1, 1, 1, 2))
    first = 0
    while first < jobs:
        last = min(jobs - 1, first + rng.randint(0, 3))
        psum, ofmap = rng.choice(SIZES), rng.choice(SIZES)
        written = (psum, 0) if rng.random() < 0.3 else (0, ofmap)
        schedule.visits.append(Visit(first, last, rng.choice((0, 0, psum)), *written, 0, rng.randrange(0, 10**6, 64)))
        first = last + 1
    if rng.random() < 0.5:
        schedule.drained = [rng.choice((0, 0, 7, 100)) for _ in range(jobs)]
    if rng.random() < 0.2:
        schedule.resident = frozenset({"weight", "index"})
    return schedule


def random_kernel(rng):
    dram = {"model": "bandwidth", "gbps": rng.choice((0.3, 1.6, 7.7, 25.6)), "latency_cycles": rng.choice((0, 1, 30))}
    if rng.random() < 0.5:
        dram |= {"energy_of": "ddr4-2400", "power_down_after_clk": rng.choice((0, 3, 50))}
    machine = {"name": "m", "array": {"kind": "systolic", "rows": 2, "cols": 2}, "dram": dram}
    return load_hardware(machine).dram, rng.choice((500.0, 733.3, 1000.0))


def both(schedule, dram, clock_mhz, slots):
    """(engine run, kernel) of the replay and of SimPy."""
    return [
        (play(schedule, kernel, slots), kernel) for play in (replay, simpy_run) for kernel in [dram.kernel(clock_mhz)]
    ]


@pytest.mark.parametrize("part", range(20))
def test_random_schedules_on_fixed_bandwidth(part):
    """2,000 in all."""
    rng = random.Random(part)
    dram, clock_mhz = random_kernel(rng)
    for _ in range(100):
        schedule, slots = random_schedule(rng), rng.choice((1, 2))
        (ours, kernel), (theirs, plain) = both(schedule, dram, clock_mhz, slots)
        assert (ours.cycles, ours.stalls, list(ours.spans)) == (theirs.cycles, theirs.stalls, list(theirs.spans))
        kernel.close(ours.cycles)
        plain.close(theirs.cycles)
        assert (kernel.busy_cycles, kernel.counts(), kernel.now) == (plain.busy_cycles, plain.counts(), plain.now)


@pytest.mark.parametrize("part", range(4))
def test_random_schedules_on_banks(part):
    """The kernel is the caller's: the same transfers at the same cycles, and the same limits to advance to."""
    rng = random.Random(100 + part)
    dram = load_hardware("dense/os-16x16").dram
    for _ in range(50):
        schedule, slots = random_schedule(rng), rng.choice((1, 2))
        (ours, kernel), (theirs, plain) = both(schedule, dram, 500.0, slots)
        assert (ours.cycles, ours.stalls, list(ours.spans)) == (theirs.cycles, theirs.stalls, list(theirs.spans))
        for each in (kernel, plain):
            each.close(ours.cycles)
        assert (kernel.counts(), kernel.energy_pj()) == (plain.counts(), plain.energy_pj())


def test_times_that_64_bits_do_not_hold_are_left_to_simpy():
    """A clock of many digits against a run of 10^15 cycles."""
    schedule = Schedule(cycles=[10**15], visits=[Visit(0, 0, 0, 0, 64)])
    assert replay(schedule, BandwidthKernel(1.000001, 999.999, 0), 2) is None
    assert replay(schedule, BandwidthKernel(1.0, 1000.0, 0), 2).cycles == 10**15 + 64


def test_spans_are_a_sequence():
    schedule = Schedule(cycles=[5, 6], visits=[Visit(0, 1, 0, 0, 64)])
    spans = replay(schedule, BandwidthKernel(1.0, 1000.0, 0), 2).spans
    assert len(spans) == 3
    assert spans[0] == next(iter(spans))
    assert list(spans[1:]) == list(spans)[1:]
    assert [span.track for span in spans] == ["array", "array", "ofmap write"]


def test_as_many_events_as_simpy_schedules():
    """The DRAM serves up to the next event of any kind, so that none may be missing."""
    rng = random.Random(7)
    for _ in range(50):
        schedule, (dram, clock_mhz) = random_schedule(rng), random_kernel(rng)
        kernel = dram.kernel(clock_mhz)
        plan = replay_module._plan(schedule, 2, is_inside=True)
        state = replay_module._state(schedule, plan, 2, kernel)
        replay_module._run(schedule, kernel, plan, state)
        engine = simulation._Engine(schedule, dram.kernel(clock_mhz), 2)
        engine.run()
        assert state.registers[SCHEDULED] == next(engine.env._eid) - 1  # SimPy's run() schedules the end once more


def test_what_lenet5_costs_in_searches_plays_and_builds(monkeypatch):
    """The counts that its time follows from, on os-16x16 with 12.8 GB/s."""
    counts = Counter()

    def counted(module, name):
        function = getattr(module, name)

        def call(*args, **options):
            counts[name] += 1
            return function(*args, **options)

        monkeypatch.setattr(module, name, call)

    for module, name in ((tiling_race, "play"), (tiling_race, "build"), (layer_runner, "build"), (selection, "_terms")):
        counted(module, name)
    machine = load_hardware("dense/os-16x16", dram={"model": "bandwidth", "gbps": 12.8})
    accelsim.simulate(workloads.load("lenet5"), machine)
    assert counts == {"play": 10, "build": 10, "_terms": 139}

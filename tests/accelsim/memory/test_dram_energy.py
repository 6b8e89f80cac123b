"""Energy of a DRAM in two parts, access and standby: by hand, by every model, and with power-down."""

import numpy as np
import pytest

import accelsim
import workloads
from accelsim import GemmTrace
from accelsim.errors import ConfigError
from accelsim.memory import dram
from accelsim.memory.bank.device import load_device, preset_names
from accelsim.memory.bank.model import BankKernel
from accelsim.memory.base import Accounting, DramConfig, Transfer

DDR4 = load_device("ddr4-2400")
BUFFERS = {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 64, "double": True}
ARRAY = {"kind": "systolic", "rows": 16, "cols": 16, "dataflow": "os"}
LAYER = GemmTrace("layer", M=64, N=64, K=256)
WITHOUT_POWER_DOWN = DDR4.model_dump(exclude={"act_pd_inc"}, exclude_none=True)
LEAST_TRAFFIC = {"goal": "traffic"}  # the same bytes whatever the DRAM's rate and the clock
NO_ENERGY = "DRAM standby is not counted"


def machine(dram_part, **more):
    return {"name": "m", "array": ARRAY, "buffers": BUFFERS, "dram": dram_part, "vector": {"lanes": 16}, **more}


def models(device, gbps, **more):
    """The three that ship, on one device."""
    return {
        "bank": {"model": "bank", "device": device, **more},
        "bandwidth": {"model": "bandwidth", "gbps": gbps, "latency_cycles": 40, "energy_of": device, **more},
        "ideal": {"model": "ideal", "energy_of": device, **more},
    }


RATES = {"ddr4-2400": 19.2, "lpddr4-2400": 19.2, "hbm2-2000": 100.0, "lpddr4-2400-1chip": 4.8}


@pytest.mark.parametrize("device", RATES)
@pytest.mark.parametrize("after", [None, 50])
def test_every_model_accounts_alike_and_its_parts_add_up(device, after):
    more = {} if after is None else {"power_down_after_clk": after}
    reports = {
        name: accelsim.simulate(workloads.load("lenet5"), machine(part, clock_mhz=500))
        for name, part in models(device, RATES[device], **more).items()
    }
    for report in reports.values():
        parts = report.energy_on_chip_pj, report.energy_dram_access_pj, report.energy_dram_standby_pj
        assert all(part > 0 for part in parts)
        assert sum(parts) == pytest.approx(report.energy_pj, rel=1e-12)
        frame = report.layers
        assert frame.energy_dram_access_pj.sum() == pytest.approx(parts[1])
        assert frame.energy_dram_standby_pj.sum() == pytest.approx(parts[2])
        columns = [name for name in frame if name.startswith("energy_") and name != "energy_pj"]
        assert frame[columns].sum(axis=1).tolist() == pytest.approx(frame.energy_pj.tolist(), rel=1e-12)
        assert 0 < report.dram_io_share < 1
        assert ("powered down after 50 idle clocks" in report.accounting.sentence) == (after is not None)
    bank, flat = reports["bank"], reports["bandwidth"]
    assert bank.energy_dram_access_pj == pytest.approx(flat.energy_dram_access_pj, rel=0.1)
    assert bank.energy_dram_standby_pj == pytest.approx(flat.energy_dram_standby_pj, rel=0.3)


def test_bits_and_cycles_of_a_bandwidth_dram_by_hand():
    """3,000 bytes of 64-byte bursts, rows of 8 KiB; two ranks half of the time open; a refresh of each every tREFI."""
    trace = GemmTrace("a", M=20, N=20, K=65)
    part = {"model": "bandwidth", "gbps": 19.2, "energy_of": "ddr4-2400"}
    report = accelsim.simulate(trace, machine(part, clock_mhz=800, mapping=LEAST_TRAFFIC))
    read, written = 2 * 20 * 65, 20 * 20
    core = read * 3532.8 / 64 + written * 3072 / 64 + (read + written) * 4156.8 / 8192
    io = 8 * (read + written) * 3.19
    assert report.energy_dram_access_pj == pytest.approx(core * 0.83 + io, rel=1e-12)
    assert report.dram_io_share == pytest.approx(io / (core * 0.83 + io), rel=1e-12)
    clocks = report.cycles / 800 * 1000 / 0.83
    standby = 2 * clocks * ((412.8 + 326.4) / 2 + 834624 / 9360)
    assert report.energy_dram_standby_pj == pytest.approx(standby * 0.83, rel=1e-12)
    idle = accelsim.simulate(trace, machine({"model": "ideal", "energy_of": "ddr4-2400"}, clock_mhz=800))
    assert idle.energy_dram_access_pj == report.energy_dram_access_pj
    assert idle.energy_dram_standby_pj == pytest.approx(report.energy_dram_standby_pj * idle.cycles / report.cycles)


def test_rows_that_are_closed_behind_a_burst_stand_by_closed():
    device = DDR4.model_dump(exclude_none=True) | {"row_policy": "CLOSE_PAGE"}
    report = accelsim.simulate(LAYER, machine({"model": "ideal", "energy_of": device}, clock_mhz=1000))
    clocks = report.cycles / 0.83
    assert report.energy_dram_standby_pj == pytest.approx(2 * clocks * (326.4 + 834624 / 9360) * 0.83, rel=1e-12)


@pytest.mark.parametrize("part", [{"model": "ideal"}, {"model": "bandwidth", "gbps": 19.2}])
def test_without_a_device_access_is_the_tables_and_standby_is_none_and_said_to_be(part):
    report = accelsim.simulate(LAYER, machine(part, mapping=LEAST_TRAFFIC))
    assert report.energy_dram_access_pj == pytest.approx(8 * report.dram_bytes * 1300 / 64)
    assert report.energy_dram_standby_pj == 0
    assert NO_ENERGY in report.accounting.sentence
    assert NO_ENERGY in report.to_json()
    own = accelsim.simulate(LAYER, machine({**part, "standby_mw": 250.0}, clock_mhz=500, mapping=LEAST_TRAFFIC))
    assert own.energy_dram_standby_pj == pytest.approx(250e-3 * own.seconds * 1e12)
    assert own.energy_dram_access_pj == report.energy_dram_access_pj
    assert NO_ENERGY not in own.accounting.sentence


def test_a_standby_of_ones_own_takes_the_devices_place():
    part = {"model": "ideal", "energy_of": "ddr4-2400", "standby_mw": 10.0}
    report = accelsim.simulate(LAYER, machine(part))
    assert report.energy_dram_standby_pj == pytest.approx(10e-3 * report.seconds * 1e12)
    assert report.energy_dram_access_pj < 8 * report.dram_bytes * 15


def idle_power_down(after):
    """Two reads of one bank, 1,000 clocks apart, up to clock 1,200; a cycle is a clock of 1 ns."""
    kernel = BankKernel(DDR4.model_copy(update={"tCK": 1.0}), 1000.0, power_down_after_clk=after)
    kernel.submit(0, Transfer("ifmap", 64, False), 0)
    first = kernel.advance(float("inf"))
    assert first is not None
    kernel.submit(1, Transfer("ifmap", 64, False, address=64 * 4), 1000)  # the same bank and row
    second = kernel.advance(float("inf"))
    assert second is not None
    kernel.close(1200)
    return kernel, first[0], second[0]


def test_power_down_of_two_requests_by_hand():
    """Rank 0 is idle from the end of the first burst to the second read, and from the end of that to the last clock,
    with its row open; rank 1 always. Each idle time counts but for its first 30 clocks."""
    kernel, first, second = idle_power_down(30)
    counts = kernel.counts()
    assert (counts["dram_activates"], counts["dram_reads"], counts["dram_refreshes"]) == (1, 2, 0)
    read = second - DDR4.RL - DDR4.burst_cycle  # the clock of the second read
    assert counts["dram_active_power_down_clocks"] == (read - first - 30) + (1200 - second - 30)
    assert counts["dram_idle_power_down_clocks"] == 1200 - 30
    energy, without = kernel.energy_pj(), idle_power_down(None)[0].energy_pj()
    saved = counts["dram_active_power_down_clocks"] * (412.8 - 355.2) + (1200 - 30) * (326.4 - 240)
    assert energy["dram_access"] == without["dram_access"]
    assert without["dram_standby"] - energy["dram_standby"] == pytest.approx(saved, rel=1e-9)


def test_power_down_changes_no_time_and_a_late_one_nothing():
    plain = accelsim.simulate(LAYER, machine({"model": "bank"}))
    rows = {}
    for after in (0, 20, 200, 10**9):
        rows[after] = accelsim.simulate(LAYER, machine({"model": "bank", "power_down_after_clk": after}))
        assert rows[after].cycles == plain.cycles
        assert rows[after].energy_dram_access_pj == plain.energy_dram_access_pj
    standby = [report.energy_dram_standby_pj for report in rows.values()]
    assert standby == sorted(standby)
    assert standby[0] < standby[1] < standby[-1] == plain.energy_dram_standby_pj


def test_a_bandwidth_drams_power_down_by_hand():
    """8 bytes a cycle, a cycle a clock: 800 bytes take 100 cycles; idle are 400 to the next and 400 to the close."""
    config = accelsim.load_hardware(
        machine({"model": "bandwidth", "gbps": 8.0, "energy_of": "ddr4-2400", "power_down_after_clk": 100})
    ).dram
    kernel = config.kernel(1000.0)
    for number, cycle in enumerate((0, 500)):
        kernel.submit(number, Transfer("ifmap", 800, False), cycle)
        assert kernel.advance(float("inf")) == (cycle + 100, number)
    kernel.close(1000)
    assert kernel.counts() == {"dram_power_down_cycles": (400 - 83) * 2}  # 100 clocks of 0.83 ns


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_says_what_power_down_draws(name):
    device = load_device(name)
    assert 0 < device.pre_pd_inc < device.pre_stb_inc
    assert 0 < device.act_pd_inc < device.act_stb_inc
    assert device.pd_source


def test_one_chip_is_a_quarter_of_a_rank_of_four():
    """Its bits cost as much; its standby an eighth of the two ranks'; it streams at a quarter of the rate."""
    one, eight = load_device("lpddr4-2400-1chip"), load_device("lpddr4-2400")
    assert one.capacity_bytes * 8 == eight.capacity_bytes
    assert one.bytes_per_clock * 4 == eight.bytes_per_clock == 16
    for part in ("act", "read", "write", "ref", "act_stb", "pre_stb", "act_pd", "pre_pd"):
        assert getattr(one, f"{part}_inc") * 4 == pytest.approx(getattr(eight, f"{part}_inc"), rel=1e-5), part
    count = 20_000
    rates = {}
    for device in (one, eight):
        stats = dram.replay(device.req_bytes * np.arange(count), np.zeros(count, bool), device)
        rates[device.bus_width] = device.req_bytes * count / (stats.cycles * device.tCK)
    assert rates[16] == pytest.approx(rates[64] / 4, rel=0.05)
    assert rates[16] == pytest.approx(4.8, rel=0.08)  # 10⁹ bytes a second, less refreshes


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"model": "ideal", "energy_of": "ddr4-240"}, "dram.energy_of is 'ddr4-240'; did you mean 'ddr4-2400'"),
        ({"model": "ideal", "power_down_after_clk": 9}, "dram.energy_of is expected"),
        (
            {"model": "ideal", "energy_of": "ddr4-2400", "standby_mw": 1.0, "power_down_after_clk": 9},
            "no dram.standby_mw",
        ),
        ({"model": "bank", "power_down_after_clk": -1}, "dram.power_down_after_clk is -1"),
        ({"model": "ideal", "standby_mw": -1.0}, "dram.standby_mw is -1"),
        (
            {
                "model": "bank",
                "power_down_after_clk": 9,
                "device": WITHOUT_POWER_DOWN,
            },
            "dram.device has no power-down currents; act_pd_inc and pre_pd_inc",
        ),
    ],
)
def test_what_cannot_be_accounted_is_refused(part, message):
    with pytest.raises(ConfigError, match=message):
        accelsim.load_hardware(machine(part))


def test_a_models_energy_that_is_neither_access_nor_standby_is_refused():
    class Odd(DramConfig):
        model: str = "odd"

        def bytes_per_cycle(self, clock_mhz):
            return float("inf")

        def kernel(self, clock_mhz):
            return BankKernel(DDR4, clock_mhz)

    class OddKernel(BankKernel):
        def energy_pj(self):
            return {"dram": 1.0}

    class OddEnergy(Odd):
        def kernel(self, clock_mhz):
            return OddKernel(DDR4, clock_mhz)

    plain = accelsim.load_hardware(machine({"model": "ideal"}))
    assert accelsim.simulate(LAYER, plain.model_copy(update={"dram": Odd()})).accounting == Accounting()
    with pytest.raises(ConfigError, match="names 'dram'; dram_access or dram_standby is expected"):
        accelsim.simulate(LAYER, plain.model_copy(update={"dram": OddEnergy()}))

"""Buffers as SRAM: banks and words by what the array reads, what they cost, and where the laws end."""

import json

import pytest
from typer.testing import CliRunner

import accelsim
from accelsim import GemmTrace
from accelsim.analysis.dense_baseline import dense_machine
from accelsim.arrays.ports import Port
from accelsim.energy.area import area_items, machine_area
from accelsim.errors import ConfigError
from accelsim.hardware.loading import config_names, load_hardware
from accelsim.technology.table import default_table
from explore.cli import app
from tests.accelsim.energy.energy_by_hand import read_bit, sram_um2, write_bit

LAYER = GemmTrace.random("a", M=64, N=64, K=256, weight_density=0.3, activation_density=1.0, seed=0)
CSR = "sparse/csr-rows-16x16"


def sram_pj(name, **settings):
    return accelsim.simulate(LAYER, load_hardware(name, **settings)).energy_by_component_pj["sram"]


def test_csr_rows_reads_sixteen_banks_of_sixteen_activations():
    """4 KiB a bank, two SRAMs of 2 KiB and 64 bits side by side; weights alone in words of 14 bits."""
    row = accelsim.simulate(LAYER, load_hardware(CSR, **{"mapping.k": LAYER.K})).rows[0]
    bank = 64 * 1024 / 16
    reads = 8 * row["sram_ifmap_reads"] * read_bit(bank / 2) + 8 * row["sram_filter_reads"] * read_bit(bank, 8 + 6)
    psums = 16 * 32 / 64  # SRAMs side by side in a bank of the ofmap buffer
    writes = 8 * row["sram_ofmap_writes"] * write_bit(bank / psums)
    filled = 8 * row["dram_ifmap_bytes"] * write_bit(bank / 2)
    filled += 8 * (row["dram_weight_bytes"] + row["dram_index_bytes"]) * write_bit(bank, 8 + 6)
    drained = 8 * row["dram_ofmap_bytes"] * read_bit(bank / psums)
    assert row["sram_psum_reads"] == 0
    assert row["energy_sram_pj"] == pytest.approx(reads + writes + filled + drained, rel=1e-9)


def test_reads_cost_less_of_more_banks_and_of_wider_words():
    banked = [sram_pj(CSR, **{"buffers.ifmap_banks": banks}) for banks in (16, 32, 64)]
    wider = [sram_pj(CSR, **{"buffers.ifmap_word_bits": bits}) for bits in (128, 256, 512)]
    assert banked == sorted(banked, reverse=True)
    assert wider == sorted(wider, reverse=True)
    assert sram_pj(CSR, **{"buffers.ifmap_banks": 16, "buffers.ifmap_word_bits": 128}) == sram_pj(CSR)


@pytest.mark.parametrize("law", ["read_pj", "write_pj"])
def test_a_word_costs_more_and_a_bit_of_it_less_the_wider_it_is(law):
    table, widths = default_table(), (1, 8, 16, 32, 64, 96, 128, 1024)
    bits = [float(table.sram_bit(law, 2**17, width)) for width in widths]
    words = [pj * width for pj, width in zip(bits, widths, strict=True)]
    assert words == sorted(words)
    assert bits == sorted(bits, reverse=True)


def test_a_word_wider_than_the_widest_row_lies_in_several_srams():
    table = default_table()
    assert [table.macros(bits) for bits in (1, 64, 65, 128, 1024)] == [1, 1, 2, 2, 16]
    assert float(table.sram_bit("read_pj", 65536, 128)) == pytest.approx(read_bit(32768))
    assert float(table.sram_whole("area_um2", 65536, 2, 128)) == pytest.approx(4 * sram_um2(16384))
    assert float(table.sram_bit("read_pj", 65536, 96)) == pytest.approx(read_bit(32768, 48))


def test_more_banks_have_more_area():
    areas = [machine_area(load_hardware(CSR, **{"buffers.ifmap_banks": n}), 8, 8)["ifmap_buffer"] for n in (1, 4, 64)]
    assert areas == sorted(areas)


@pytest.mark.parametrize(
    ("size", "banks", "bits", "said"),
    [
        (65536, 1, 64, ""),
        (2**20, 1, 16, ""),
        (2**20 + 1, 1, 64, "extrapolated: 1.04858e+06 B, rows of 512 to 1.04858e+06 B"),
        (2**20, 1, 1024, ""),
        (8192, 16, 64, ""),
        (8192, 32, 64, "extrapolated: 256 B, rows"),
        (8192, 1, 8, "extrapolated: 8 bits, rows of 16 to 64 bits"),
        (100, 1, 8, "extrapolated: 100 B, rows of 512 to 1.04858e+06 B; 8 bits"),
    ],
)
def test_what_lies_beyond_the_rows_is_said(size, banks, bits, said):
    assert default_table().sram_beyond(size, banks, bits).startswith(said) is True
    assert bool(default_table().sram_beyond(size, banks, bits)) == bool(said)


def test_show_and_report_mark_what_is_extrapolated():
    text = CliRunner().invoke(app, ["hw", "show", "published/scnn", "--energy"]).stdout
    assert "extrapolated: 192 B" in text
    report = accelsim.simulate(LAYER, CSR)
    assert report.extrapolated == {"filter_buffer": "extrapolated: 14 bits, rows of 16 to 64 bits"}
    assert json.loads(report.to_json())["extrapolated"] == report.extrapolated
    assert accelsim.simulate(LAYER, "dense/os-16x16").extrapolated == {}


def test_ports_that_cannot_deliver_are_refused():
    """16 PEs want 16 words of 128 bits; one bank of 64 bits has a thirty-second of that."""
    said = "buffers.ifmap_banks and ifmap_word_bits are 1 and 64, .* bits in the .* busy cycles of layer 'a'"
    with pytest.raises(ConfigError, match=said):
        sram_pj(CSR, **{"buffers.ifmap_banks": 1, "buffers.ifmap_word_bits": 64})
    with pytest.raises(ConfigError, match=r"buffers\.ifmap_banks is 1: layer 'a' reads"):
        sram_pj(CSR, **{"buffers.ifmap_banks": 1})
    with pytest.raises(ConfigError, match=r"buffers\.filter_banks is 0"):
        sram_pj(CSR, **{"buffers.filter_banks": 0})


def test_a_port_has_a_word_of_its_operands():
    assert Port(4, 16, 4).word_of(8) == 16 * 12
    assert Port(4, 16, word_bits=64).word_of(8) == 64
    assert Port().word_of(8) is None
    assert (Port(4, 16).most_reads(10), Port().most_reads(10), Port(4, 16, limited=False).most_reads(10)) == (
        640, None, None,
    )  # fmt: skip


@pytest.mark.parametrize("name", config_names())
def test_every_machine_reads_within_its_ports(name):
    machine = load_hardware(name)
    layer = GemmTrace.from_conv("c", weight=(32, 16, 3, 3), ifmap=(1, 16, 12, 12), padding=1)
    assert accelsim.simulate(layer, machine).energy_pj > 0


def test_scnns_accumulators_are_sram_and_its_area_is_near_the_papers_ratio():
    """The paper's accelerator has 1.34x the area of its dense one (Parashar et al., ISCA 2017, section VI)."""
    scnn = load_hardware("published/scnn")
    items = {(item.part, item.unit): item for item in area_items(scnn, 16, 16)}
    accumulators = items["array", "accumulators"]
    assert accumulators.count == 64 * 32
    own = machine_area(scnn, 16, 16)
    assert accumulators.um2 < 0.5 * own["array"]
    dense = dense_machine(scnn, 16, 16)
    ratio = (sum(own.values()) - own["fallback"]) / sum(machine_area(dense, 16, 16).values())
    assert 1.34 * 0.8 < ratio < 1.34 * 1.2

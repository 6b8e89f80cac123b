"""What the designs' own papers publish (tests/golden/published.csv) beside what our models of them give."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import accelsim
import workloads
from accelsim.analysis.comparison import uncompressed
from accelsim.analysis.dense_baseline import dense_pair
from accelsim.hardware.loading import load_hardware
from accelsim.results.report import Report
from accelsim.trace.workload import Workload
from examples.eie_alexnet import LAYERS
from tests.places import GOLDEN

ROWS = GOLDEN / "published.csv"
OFF_CHIP = ("energy_dram_access_pj", "energy_dram_standby_pj")
FRAMES = 1000
TELLING = 0.2  # a difference above this is explained


@dataclass(frozen=True)
class Published:
    """One published figure, ours, and what explains a difference above 20 %."""

    design: str
    figure: str
    unit: str
    published: float
    ours: float
    why: str

    @property
    def difference(self) -> float:
        """Relative, signed."""
        return self.ours / self.published - 1


@lru_cache(maxsize=1)
def eie() -> Report:
    """AlexNet's FC layers as in EIE's paper: 16-entry codebooks, 16 bits, weights resident, DRAM out of the picture.

    Equal frames come one after another, as the steps of a recurrent layer do, so that weights are filled in once.
    """
    coding = {"weight_bits": 16, "activation_bits": 16, "weight_coding": "codebook", "codebook_bits": 4}
    traces = []
    for name, (k, n, w, a) in LAYERS.items():
        frame = accelsim.GemmTrace.random(name, M=1, N=n, K=k, weight_density=w, activation_density=a, seed=0, **coding)
        operands = {"weight": frame.weight_operand, "activation": frame.activation_operand}
        traces.append(accelsim.GemmTrace(name, M=1, N=n, K=k, **operands, **coding, kind="lstm", repeat=FRAMES))
    return accelsim.simulate(traces, load_hardware("published/eie", dram={"model": "ideal"}))


EIE_PES = 64
MEMORY_WHY = (
    "a pair of column pointers is charged 32 bits of a PE's whole 160 KiB bank, 144 of these mW, where the design has "
    "two pointer memories of 16 KB; and a matrix word is read again for every column that begins in it"
)
REGISTER_WHY = (
    "latched queue entries, matrix words and psums are counted; registers between pipeline stages, of control and of "
    "the activations' files are not, and neither is their clock"
)
EIE_COMPONENTS = {  # mW of one PE, EIE (Han et al., ISCA 2016), table II: 9.157 in all; ours, and why they differ
    "memory": (5.416, ("sram", "index"), MEMORY_WHY),
    "arithmetic": (0.841, ("mac",), "theirs is all combinational logic, control included; ours multiplies and adds"),
    "registers": (1.026, ("register",), REGISTER_WHY),
    "clock": (1.874, ("clock",), "as for registers; the tree is an assumption, and of the array's flip-flops alone"),
}


def eie_components() -> list[Published]:
    """mW of EIE's 64 PEs by component; leakage, which the paper does not list apart, is in none of them."""
    report = eie()
    pj = report.energy_by_component_pj
    return [
        Published("EIE", name, "mW", EIE_PES * theirs, sum(pj[part] for part in parts) / report.seconds * 1e-9, why)
        for name, (theirs, parts, why) in EIE_COMPONENTS.items()
    ]


@lru_cache(maxsize=4)
def alexnet_conv(hardware: str) -> tuple[Report, Report]:
    """(dense, sparse): AlexNet's conv layers at Deep Compression's densities, at 16 bits as both designs have."""
    network = workloads.load("alexnet", profile="deep_compression")
    layers = [
        accelsim.GemmTrace.random(
            t.name, N=t.N, groups=t.groups, conv=t.conv, weight_density=t.weight_operand.pattern.density,
            activation_density=t.activation_operand.pattern.density, seed=0, weight_bits=16, activation_bits=16,
        )
        for t in network.traces if t.conv is not None
    ]  # fmt: skip
    workload, machine = Workload("alexnet conv", layers), load_hardware(hardware)
    return accelsim.simulate(*dense_pair(uncompressed(workload), workload, machine)), accelsim.simulate(
        workload, machine
    )


def on_chip_mw(report: Report) -> float:
    """Average power without DRAM, in mW: pJ a µs are µW."""
    pj = report.energy_pj - sum(row[column] for row in report.rows for column in OFF_CHIP)
    return pj / (report.seconds * 1e6) * 1e-3


def peak_gops(hardware: str) -> float:
    """Two operations a MAC."""
    machine = load_hardware(hardware)
    return 2 * machine.array.peak_macs * machine.clock_mhz * 1e-3


def gain(hardware: str, figure: Callable[[Report], float]) -> float:
    """Dense ÷ sparse on AlexNet's conv layers."""
    dense, sparse = alexnet_conv(hardware)
    return figure(dense) / figure(sparse)


def cambricon_area_mm2() -> float:
    """Array, vector unit and buffers at 65 nm."""
    return alexnet_conv("published/cambricon-x")[1].area_um2 * 1e-6


OURS: dict[tuple[str, str], tuple[Callable[[], float], str]] = {
    ("EIE", "AlexNet FC6-8 throughput"): (lambda: FRAMES * eie().inferences_per_s, ""),
    ("EIE", "power"): (lambda: on_chip_mw(eie()), ""),
    ("EIE", "peak on compressed weights"): (lambda: peak_gops("published/eie"), ""),
    ("SCNN", "speedup over an equal dense accelerator"): (
        lambda: gain("published/scnn", lambda report: report.seconds),
        "AlexNet alone, whose conv1 keeps 84 % of its weights, where the paper averages over three networks; and our "
        "model, as the tool that it is checked against, has no queue between multipliers and accumulator banks",
    ),
    ("SCNN", "energy gain over an equal dense accelerator"): (
        lambda: gain("published/scnn", lambda report: report.energy_pj),
        "AlexNet alone; most of both energies is DRAM here",
    ),
    ("Cambricon-X", "peak"): (lambda: peak_gops("published/cambricon-x"), ""),
    ("Cambricon-X", "area"): (
        cambricon_area_mm2,
        "ours is logic and SRAM by counted units with assumed buffer sizes; control, DMA and wires are not in it",
    ),
    ("Cambricon-X", "power"): (
        lambda: on_chip_mw(alexnet_conv("published/cambricon-x")[1]),
        "the model charges a buffer read a selected neuron and a selection whose 256:1 multiplexers all switch, "
        "both upper bounds: the paper's buffer controller reads neurons once for all PEs",
    ),
    ("Cambricon-X", "speedup over the dense accelerator it compares with"): (
        lambda: gain("published/cambricon-x", lambda report: report.seconds),
        "theirs is over DianNao at its own utilization, FC layers included; ours over an equal dense systolic array on "
        "AlexNet's conv layers, whose densities of 0.35 to 0.84 allow 2.7x at most",
    ),
    ("TPU v1", "peak"): (lambda: peak_gops("published/tpu-v1") * 1e-3, ""),
}


def rows() -> list[Published]:
    """Every row of the file."""
    with ROWS.open(newline="") as file:
        found = list(csv.DictReader(file))
    return [
        Published(r["design"], r["figure"], r["unit"], float(r["value"]), *_computed(r["design"], r["figure"]))
        for r in found
    ]


def _computed(design: str, figure: str) -> tuple[float, str]:
    compute, why = OURS[design, figure]
    return compute(), why


def component_table() -> str:
    """EIE's power by component, and all of them together, as Markdown."""
    parts = eie_components()
    lines = [
        f"| {p.figure} | {p.published:.1f} | {p.ours:.1f} | {100 * p.difference:+.0f} % | {p.why} |" for p in parts
    ]
    theirs, ours = sum(p.published for p in parts), sum(p.ours for p in parts)
    total = (
        f"| together | {theirs:.1f} | {ours:.1f} | {100 * (ours / theirs - 1):+.0f} % | the errors above, added up |"
    )
    head = "| component (mW) | published | ours | difference | why |\n|---|---|---|---|---|"
    return "\n".join([head, *lines, total])


def scnn_area() -> Published:
    """Area over the equal dense accelerator's, 7.9 over 5.9 mm² (SCNN, Parashar et al., ISCA 2017, section VI-B)."""
    dense, sparse = alexnet_conv("published/scnn")
    ours = (sparse.area_um2 - sparse.area["fallback"]) / dense.area_um2
    return Published("SCNN", "area over an equal dense accelerator, without our fallback", "x", 1.34, ours, "")


def by_machine() -> dict[str, list[Published]]:
    """What is compared with a paper, by the design."""
    designs: dict[str, list[Published]] = {}
    for row in [*rows(), *eie_components(), scnn_area()]:
        designs.setdefault(row.design, []).append(row)
    return designs


def table() -> str:
    """The rows as Markdown."""
    head = "| design | figure | published | ours | difference | why more than 20 % |\n|---|---|---|---|---|---|"
    lines = [
        f"| {r.design} | {r.figure} ({r.unit}) | {r.published:g} | {r.ours:.4g} | {100 * r.difference:+.0f} % | "
        f"{r.why if abs(r.difference) > TELLING else ''} |"
        for r in rows()
    ]
    return "\n".join([head, *lines])

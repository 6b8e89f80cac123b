"""SCALE-Sim 3.0.0 and ours on the same layers in one run; SCALE-Sim lives in a virtual environment of its own."""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import accelsim
from accelsim import GemmTrace
from benchmarks.timing import seconds

ENVIRONMENT = Path("out/scalesim")
PACKAGES = ("scalesim==3.0.0", "numpy==1.26.4")
LAYERS = (("conv3", 169, 384, 2304), ("conv5", 169, 256, 1728), ("fc", 16, 1000, 512))  # name, M, N, K
CONFIG = """
[general]
run_name = bench
[architecture_presets]
ArrayHeight : 32
ArrayWidth : 32
IfmapSramSzkB : 64
FilterSramSzkB : 64
OfmapSramSzkB : 64
IfmapOffset : 0
FilterOffset : 10000000
OfmapOffset : 20000000
Dataflow : ws
Bandwidth : 64
MemoryBanks : 1
ReadRequestBuffer : 32
WriteRequestBuffer : 32
[layout]
IfmapCustomLayout : False
IfmapSRAMBankBandwidth : 10
IfmapSRAMBankNum : 10
IfmapSRAMBankPort : 2
FilterCustomLayout : False
FilterSRAMBankBandwidth : 10
FilterSRAMBankNum : 10
FilterSRAMBankPort : 2
[sparsity]
SparsitySupport : false
SparseRep : ellpack_block
OptimizedMapping : false
BlockSize : 8
RandomNumberGeneratorSeed : 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""
RUN = """
import time
from scalesim.scale_sim import scalesim
s = scalesim(
    save_disk_space=True, verbose=False, config="c.cfg", topology="t.csv", layout="t.csv", input_type_gemm=True
)
started = time.perf_counter()
s.run_scale(top_path="results")
print("SECONDS", time.perf_counter() - started)
"""


def measure() -> str:
    """Weight-stationary 32 x 32 with 64 kB buffers; the cycles must agree, or the comparison means nothing."""
    hardware = accelsim.load_hardware(
        {
            "name": "bench",
            "array": {"kind": "systolic", "rows": 32, "cols": 32, "dataflow": "ws"},
            "buffers": {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 64},
            "dram": {"model": "bandwidth", "gbps": 64.0},
        }
    )
    traces = [GemmTrace(name, M=m, N=n, K=k) for name, m, n, k in LAYERS]
    theirs, cycles = _scalesim()
    ours = seconds(lambda: accelsim.simulate(traces, hardware))
    plain = accelsim.simulate(traces, accelsim.load_hardware(hardware, buffers=None, dram={"model": "ideal"}))
    agree = [row["compute_cycles"] - 1 for row in plain.rows] == cycles
    verdict = "equal" if agree else f"NOT equal: {cycles}"
    times = f"{1000 * ours:.3g} ms, SCALE-Sim {theirs:.1f} s, ratio {theirs / ours:,.0f}x"
    return f"{len(LAYERS)} layers: {times}; cycles {verdict}"


def _scalesim() -> tuple[float, list[int]]:
    """Seconds of its run, start-up apart, and the last zero-based cycle of every layer."""
    python = _environment()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "c.cfg").write_text(CONFIG)
        (folder / "t.csv").write_text("Layer,M,N,K,\n" + "".join(f"{n},{a},{b},{c},\n" for n, a, b, c in LAYERS))
        said = subprocess.run([python, "-c", RUN], cwd=folder, check=True, capture_output=True, text=True).stdout
        with (folder / "results" / "bench" / "COMPUTE_REPORT.csv").open(newline="") as file:
            cycles = [int(float(row[" Total Cycles"])) for row in csv.DictReader(file)]
    return float(said.split("SECONDS")[1]), cycles


def _environment() -> Path:
    """Its interpreter, installed on first use."""
    python = (ENVIRONMENT / "bin" / "python").absolute()
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python

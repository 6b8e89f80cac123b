"""Studies to draw: made up, with as many networks and machines as a test asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plots.data_files.data import StudyData
from plots.data_files.timeline import Bar, Timeline

NETWORKS = ("baseline", "nonstructured", "structured", "pow2", "binary", "ternary-weights-and-more")
MACHINES = (
    "dense/os-16x16", "sparse/csr-rows-16x16", "dense/ws-16x16", "dense/is-16x16", "csr-rows-16x16-dynamic",
    "sparse/eie-64pe", "lowbit/shift-16x16", "lowbit/xnor-16x16",
)  # fmt: skip
LAYERS = (("conv1", "conv", 500), ("conv2", "conv", 25000), ("fc1", "linear", 400000), ("fc2", "linear", 5000))
COMPONENTS = ("mac", "register", "sram", "index", "leakage", "dram_access", "dram_standby")
OPERANDS = ("ifmap", "weight", "index", "ofmap", "psum")
TRACKS = ("ifmap read", "weight read", "index read", "array", "ofmap write")


def layer_row(rng: np.random.Generator, network: str, hardware: str, layer: tuple[str, str, int]) -> dict[str, Any]:
    """A layer's figures, of which the parts add up."""
    name, kind, weights = layer
    rate = 1 if network == "baseline" else int(rng.integers(5, 60))
    compute, stall = int(rng.integers(200_000) // rate + 40), int(rng.integers(60_000) // rate + 3)
    energies = {f"energy_{part}_pj": float(rng.integers(1_000, 9_000_000)) / rate for part in COMPONENTS}
    traffic = {f"dram_{part}_bytes": int(rng.integers(0, 90_000)) // rate for part in OPERANDS}
    fallback = hardware.startswith("lowbit") and name == "conv1"
    return {
        "network": network, "hardware": hardware, "name": name, "kind": kind,
        "array": "systolic" if fallback or hardware.startswith("dense") else "csr_rows",
        "bound": "compute" if compute > stall else "memory", "M": 64, "N": 50, "K": weights // 50,
        "weight_bits": 8, "activation_bits": 8, "cycles": compute + stall, "compute_cycles": compute,
        "stall_cycles": stall, "utilization": float(rng.random()), "macs_effectual": 64 * weights // rate,
        "weights_dense": weights, "weights_nonzero": weights // rate, **traffic, "dram_bytes": sum(traffic.values()),
        **energies, "energy_pj": sum(energies.values()),
    }  # fmt: skip


def run_row(rng: np.random.Generator, layers: pd.DataFrame, network: str, hardware: str) -> dict[str, Any]:
    """A run's totals."""
    rows = layers[(layers.network == network) & (layers.hardware == hardware)]
    totals = {key: rows[key].sum().item() for key in ("cycles", "compute_cycles", "stall_cycles", "dram_bytes")}
    alpha = float(rows.weights_dense.sum() / rows.weights_nonzero.sum())
    ratios = {key: float(rng.uniform(0.7, 8)) for key in ("ppr", "ppr_compute", "ppr_energy", "ppr_energy_active")}
    fallback = ["conv1"] if hardware.startswith("lowbit") else []
    return {
        "network": network, "hardware": hardware, **totals, "energy_pj": float(rows.energy_pj.sum()),
        "energy_on_chip_pj": float(rows[[f"energy_{part}_pj" for part in COMPONENTS[:-2]]].sum().sum()),
        "energy_dram_access_pj": float(rows.energy_dram_access_pj.sum()),
        "energy_dram_standby_pj": float(rows.energy_dram_standby_pj.sum()),
        "area_um2": 786541.95, "seconds": totals["cycles"] / 5e8, "alpha": alpha, "alpha_macs": alpha,
        "beta": alpha / ratios["ppr"], **ratios, "ppr_conv": ratios["ppr"] * 1.1, "ppr_conv_compute": None,
        "storage_weight_bits": int(rows.weights_nonzero.sum()) * 8, "storage_index_bits": 1000,
        "baseline_hardware": "dense os 16x16", "fallback_layers": fallback,
    }  # fmt: skip


def storage_of(rng: np.random.Generator, network: str) -> list[dict[str, Any]]:
    """Bits in the three formats."""
    rate = 1 if network == "baseline" else int(rng.integers(10, 60))
    return [
        {"network": network, "format": kind, "value_bits": 8 * 430_500 // (1 if kind == "dense" else rate),
         "index_bits": 0 if kind == "dense" else 430_500 * 7 // rate, "padding_entries": 0}
        for kind in ("dense", "csr_absolute", "csr_relative")
    ]  # fmt: skip


def timeline() -> Timeline:
    """Twelve tiles with their transfers."""
    rng = np.random.default_rng(1)
    bars = [
        Bar(track, 1.5 * tile + 0.3 * number + float(rng.random()) * 0.2, 0.2 + float(rng.random()))
        for tile in range(12)
        for number, track in enumerate(TRACKS)
    ]
    return Timeline("conv2", "nonstructured on sparse/csr-rows-16x16", tuple(bars))


def accuracy_rate() -> list[dict[str, Any]]:
    """Seven ways at four rates, the later ones the worse."""
    ways = [
        ("admm_progressive", "ADMM, progressive"), ("admm_one_shot", "ADMM, one shot"),
        ("iterative_magnitude", "iterative magnitude"), ("one_shot_magnitude", "one-shot magnitude"),
        ("l1_regularization", "fixed L1"), ("l2_regularization", "fixed L2"),
        ("projected_gradient", "projected gradient"),
    ]  # fmt: skip
    return [
        {"way": way, "words": words, "asked_rate": rate, "whole_rate": rate * 1.01, "baseline_accuracy": 0.992,
         "accuracy": 0.991 - rate / 361 * (0.01 + 0.02 * number)}
        for number, (way, words) in enumerate(ways)
        for rate in (25.0, 100.0, 246.0, 361.0)
    ]  # fmt: skip


def study(networks: int = 3, machines: int = 3, seed: int = 0) -> StudyData:
    """Every network on every machine."""
    rng = np.random.default_rng(seed)
    pairs = [(network, hardware) for hardware in MACHINES[:machines] for network in NETWORKS[:networks]]
    layers = pd.DataFrame([layer_row(rng, *pair, layer) for pair in pairs for layer in LAYERS])
    accuracy = {name: 0.9915 - 0.0013 * number for number, name in enumerate(NETWORKS[:networks])}
    return StudyData(
        runs=[run_row(rng, layers, *pair) for pair in pairs],
        accuracy=accuracy,
        verdict="At baseline accuracy (99.15 %): smallest is structured (7.31 KB), fastest is structured.",
        layers=layers,
        storage=[row for network in accuracy for row in storage_of(rng, network)],
        provenance={
            "command": "accelsim demo --seed 0",
            "seed": 0,
            "versions": {"python": "3.11.2", "numpy": "2.4.6"},
            "networks": {name: {"epochs": {"train": 25}, "seconds": {"train": 31.5}} for name in accuracy},
            "machines": {name: {"name": name, "clock_mhz": 500.0} for name in MACHINES[:machines]},
        },
        timeline=timeline(),
        accuracy_rate=accuracy_rate(),
    )


def write(data: StudyData, folder: Path) -> Path:
    """The files from which `StudyData.from_folder` reads `data` back, its timeline aside."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "runs": data.runs, "accuracy": data.accuracy, "verdict": data.verdict, "storage": data.storage,
        "provenance": data.provenance,
    }  # fmt: skip
    (folder / "report.json").write_text(json.dumps(content))
    data.layers.to_csv(folder / "layers.csv", index=False)
    return folder

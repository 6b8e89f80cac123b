"""One workload side by side on several machines, each against the first and against its own dense baseline."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, TraceError, shortened
from ..hardware.accelerator import Accelerator
from ..hardware.loading import load_hardware
from ..results.quantities import energy, size, time
from ..results.report import Report
from ..results.utilization import utilization_of
from ..simulate import simulate
from ..trace.coverage import csv_head, not_simulated_fields
from ..trace.gemm import GemmTrace
from ..trace.operator import Operator
from ..trace.workload import LONGEST_LINE, Workload
from .dense_baseline import baseline_text, dense_pair
from .iso_scaling import IsoScaling, iso_scaled
from .ppr import PPR, finite, ppr, with_unpruned
from .unpruned import unpruned_report

if TYPE_CHECKING:
    import pandas as pd

Hardware = str | Path | Mapping[str, Any] | Accelerator
Progress = Callable[[str], None]
MOST_SIDES = 8  # lines of a `repr`
UNITS = {"_pj": energy, "_bytes": size, "_um2": lambda um2: f"{um2 / 1e6:.3f} mm²"}  # by the end of a column's name
WRITTEN: dict[str, Callable[[Any], str]] = {**UNITS, "_cycles": "{:,}".format, "seconds": time}
TOTALS = ("cycles", "compute_cycles", "stall_cycles", "seconds", "inferences_per_s", "energy_pj", "energy_on_chip_pj",
          "tops_per_w", "tops_per_w_effectual", "dram_bytes", "area_um2")  # fmt: skip
RATIOS = ("alpha", "alpha_pruned", "alpha_macs", "beta", "beta_compute", "beta_energy", "beta_energy_active",
          "beta_unpruned", "ppr", "ppr_corrected", "ppr_compute", "ppr_energy", "ppr_energy_active")  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One machine of a comparison: its report, its own dense baseline's, and PPR against that and the first machine.

    The dense baseline is the uncompressed network on the strongest dense array of the same peak and DRAM;
    `against_first` compares the same workload on the first machine. `unpruned` is the uncompressed network on this
    machine, None where it cannot run it; `beta_unpruned` sets it against the dense baseline, or against the same
    network on the first machine.
    """

    report: Report
    dense: Report
    against_first: PPR
    against_dense: PPR
    unpruned: Report | None = None

    def __repr__(self) -> str:
        """One line of totals and the PPR; `report`, `dense` and both ratios hold the rest."""
        return f"Side({side_line(self)}; .report, .dense, .against_first and .against_dense have the rest)"

    @property
    def utilization(self) -> float:
        """Executed MACs ÷ (peak · compute cycles), over all GEMMs, each with the peak of the array that ran it."""
        return utilization_of(self.report.results)

    @property
    def baseline(self) -> str:
        """What the dense baseline is, in one line."""
        return baseline_text(self.dense)

    @property
    def fallback_layers(self) -> list[str]:
        """Layers that ran on the machine's fallback array."""
        return self.report.fallback_layers

    def figures(self) -> dict[str, Any]:
        """Totals (energy on chip among them), energy by component and DRAM bytes by operand; units in the names."""
        return {
            **{key: getattr(self.report, key) for key in TOTALS},
            "utilization": self.utilization,
            **{f"energy_{part}_pj": pj for part, pj in self.report.energy_by_component_pj.items()},
            **self.report.traffic.columns(),
        }

    def to_dict(self) -> dict[str, Any]:
        """The figures, both sets of ratios (null where infinite) and the configuration, as plain values."""
        return {
            "hardware": self.report.name, **self.figures(), "fallback_layers": self.fallback_layers,
            "against_first": _ratios(self.against_first),
            "against_dense": {
                "baseline_hardware": self.dense.name, "baseline": self.baseline, **_ratios(self.against_dense),
            },
            "configuration": dict(self.report.hardware),
        }  # fmt: skip

    def flat(self) -> dict[str, Any]:
        """The same as one table row: ratios as `first_ppr`, `dense_ppr`, `dense_conv_ppr` ..., no configuration."""
        row = {"hardware": self.report.name, **self.figures(), "dense_hardware": self.dense.name}
        for prefix, ratio in (("first", self.against_first), ("dense", self.against_dense)):
            row |= {f"{prefix}_{key}": getattr(ratio, key) for key in RATIOS}
            row |= {f"{prefix}_conv_{key}": getattr(ratio.conv, key) if ratio.conv else None for key in RATIOS}
        return row


@dataclass(frozen=True)
class Comparison:
    """A workload on several machines, the first of which the others are compared with; `scalings` say how they came."""

    workload: str
    sides: list[Side]
    scalings: list[IsoScaling]

    def __repr__(self) -> str:
        """A line of totals a machine; `to_frame` has all figures."""
        shown, more = self.sides[:MOST_SIDES], len(self.sides) - MOST_SIDES
        lines = [*map(side_line, shown), *([f"and {more} more"] if more > 0 else [])]
        if self.not_simulated_line:
            lines.append(shortened(self.not_simulated_line, LONGEST_LINE // 2))
        head = (
            f"Comparison({shortened(self.workload)!r} on {len(self.sides)} machines, PPR against each's dense baseline"
        )
        return "\n  ".join([f"{head}; .to_frame() has a row a machine:", *lines]) + ")"

    @property
    def first(self) -> str:
        """The machine that the others are compared with."""
        return self.sides[0].report.name

    @property
    def not_simulated_line(self) -> str:
        """What of the network no machine ran, and its share of the MACs, in one line; "" where nothing is."""
        return self.sides[0].report.not_simulated_line

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is assumed about the network's numbers, a line each; often none."""
        return self.sides[0].report.remarks

    @property
    def accounting(self) -> str:
        """Which parts of energy are in, in one line; where machines differ in it, the line says so first."""
        of = {side.report.name: side.report.accounting for side in self.sides}
        if len(set(of.values())) == 1:
            return next(iter(of.values())).sentence
        if len({bool(one.standby) for one in of.values()}) > 1:
            without = ", ".join(name for name, one in of.items() if not one.standby)
            begin = f"energies with and without DRAM standby, which are not comparable (without: {without})"
        else:
            begin = "energies whose DRAM is accounted differently"
        return "; ".join([begin, *(f"{name}: {one.sentence.removeprefix('energy: ')}" for name, one in of.items())])

    def to_frame(self) -> pd.DataFrame:
        """One row a machine. `attrs` say what is not simulated, where something is."""
        import pandas as pd

        frame = pd.DataFrame([side.flat() for side in self.sides])
        frame.attrs |= {"not_simulated": self.not_simulated_line} if self.not_simulated_line else {}
        return frame

    def csv_text(self) -> str:
        """`to_frame` as CSV, below a line "# not simulated: ..." where something is not."""
        return csv_head(self.not_simulated_line) + str(self.to_frame().to_csv(index=False))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; JSON holds them."""
        report = self.sides[0].report
        return {
            "workload": self.workload,
            "first": self.first,
            **not_simulated_fields(report.not_simulated, report.not_simulated_share),
            **({"remarks": list(self.remarks)} if self.remarks else {}),
            "energy_accounting": self.accounting,
            "sizings": [scaling.to_dict() for scaling in self.scalings],
            "machines": [side.to_dict() for side in self.sides],
        }

    def to_json(self) -> str:
        """The text of `to_dict`; it holds no time or date."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(str(scaling))}</p>" for scaling in self.scalings)
        head = f"<p>{escape(self.workload)}; `first` is {escape(self.first)}, `dense` each one's dense baseline</p>"
        head += "".join(f"<p>{escape(line)}</p>" for line in (self.not_simulated_line, *self.remarks) if line)
        table = str(_written(self.to_frame().set_index("hardware")).T.to_html())
        return f"<p>{escape(self.accounting)}</p>{head}{notes}{table}"


def compare_machines(
    workload: Workload,
    machines: Iterable[Hardware],
    *,
    iso: str | None = None,
    verify: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Simulate a workload on two or more machines and set each against the first and its own dense baseline.

    `machines` are what `load_hardware` takes; of equal names the later ones get a number. `iso` (mac, area or
    bandwidth) first brings the later machines to the size of the first one. `verify` is `simulate`'s; `progress` is
    called with each machine's name. Raises ConfigError for fewer than two machines, and what load_hardware, iso scaling
    and simulate raise. PPR's source: DESIGN's definition after 001 §I and §VI.

    >>> import accelsim, workloads
    >>> network = workloads.load("lenet5", density=0.1)
    >>> sides = accelsim.compare_machines(network, ["dense/os-16x16", "sparse/csr-rows-16x16"]).sides
    >>> sides[1].report.name, round(sides[1].against_first.beta, 2)  # times as fast as the first
    ('csr-rows-16x16', 5.66)
    """
    loaded = _distinct([load_hardware(machine) for machine in machines])
    if len(loaded) < 2:
        raise ConfigError(f"{len(loaded)} machines to compare; two or more are expected")
    scalings = (
        [iso_scaled(machine, loaded[0], iso=iso, workload=workload) for machine in loaded[1:]]
        if iso is not None
        else []
    )
    lined_up = [loaded[0], *(scaling.machine for scaling in scalings)] if scalings else loaded
    original = uncompressed(workload)
    sides: list[Side] = []
    for machine in lined_up:
        if progress:
            progress(machine.name)
        report = simulate(workload, machine, verify=verify)
        layers, baseline = dense_pair(original, workload, machine)
        dense = simulate(layers, baseline)
        unpruned = dense if baseline == machine else unpruned_report(layers, workload, machine)
        first, first_unpruned = (sides[0].report, sides[0].unpruned) if sides else (report, unpruned)
        against_first = with_unpruned(ppr(first, report), first_unpruned, unpruned)
        sides.append(Side(report, dense, against_first, ppr(dense, report, unpruned), unpruned))
    return Comparison(workload.name, sides, scalings)


def side_line(side: Side) -> str:
    """One machine of a comparison in a line."""
    report = side.report
    return (
        f"{shortened(report.name)}: {report.cycles:,} cycles = {time(report.seconds)}, {energy(report.energy_pj)}, "
        f"{size(report.dram_bytes)} DRAM, PPR {side.against_dense.ppr:.3g}"
    )


def _written(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a machine, every figure in the unit that people read; columns lose the unit that stood in their names."""
    for suffix, text in WRITTEN.items():
        columns = [name for name in frame.columns if name == suffix.strip("_") or name.endswith(suffix)]
        frame[columns] = frame[columns].map(text)
        frame = frame.rename(columns={name: name.removesuffix(suffix) for name in columns if suffix in UNITS})
    numbers = list(frame.select_dtypes("number").columns)
    frame[numbers] = frame[numbers].map("{:.4g}".format)
    return frame


def uncompressed(workload: Workload) -> Workload:
    """Shapes of the network before compression, from each trace's `dense_shape` and `dense_groups`.

    Layers that were removed altogether are not known to the workload and stay away. Operators that are fused with a
    layer have as many more elements as it has more filters, so that they still run with it; what others read is not
    known, and they keep the smaller network's sizes. TraceError where a conv layer's dense shape has another M, or a K
    that its kernel does not divide.
    """
    layers = [_uncompressed_layer(trace) for trace in workload.traces]
    operators = list(_uncompressed_operators(workload))
    return Workload(
        workload.name, layers, operators=operators, graph=workload.graph, not_simulated=workload.not_simulated
    )


def _uncompressed_operators(workload: Workload) -> Iterator[Operator]:
    """Each operator with the filters that the layer which it is fused with had before: a whole number for each now."""
    filters = {t.name: (t.dense_groups * t.dense_shape[1], t.groups * t.N) for t in workload.traces}
    for operator in workload.operators:
        if operator.fused and operator.after in filters:
            before, now = filters[operator.name] = filters[operator.after]
            sizes = {name: getattr(operator, name) for name in ("inputs", "outputs", "work", "parameters")}
            operator = replace(operator, **{s: n * before // now for s, n in sizes.items() if n % now == 0})
        yield operator


def _uncompressed_layer(trace: GemmTrace) -> GemmTrace:
    rows, filters, reduction = trace.dense_shape
    conv = trace.conv
    if conv is not None and (trace.K, trace.groups) != (reduction, trace.dense_groups):
        conv = replace(conv, channels=max(1, reduction // conv.taps), columns=None)
    if conv is not None and (rows, reduction) != (conv.M, conv.K):
        raise TraceError(
            f"layer {trace.name!r} has the dense shape {tuple(trace.dense_shape)}, which its "
            f"{conv.height}x{conv.width} ifmap and {conv.kernel[0]}x{conv.kernel[1]} kernel cannot have; M = {conv.M} "
            f"and K a multiple of {conv.taps} "
            "are expected"
        )
    groups = trace.dense_groups
    return replace(
        trace.as_shape(), M=rows, N=filters, K=reduction, groups=groups, conv=conv, filter_bits=None, operation="any",
        pruned=False,
    )  # fmt: skip


def _distinct(machines: Sequence[Accelerator]) -> list[Accelerator]:
    """The machines under names of their own: a name that was there before gets "(2)", "(3)" and so on."""
    taken: set[str] = set()
    named = []
    for machine in machines:
        number, name = 1, machine.name
        while name in taken:
            number += 1
            name = f"{machine.name} ({number})"
        taken.add(name)
        named.append(machine.model_copy(update={"name": name}))
    return named


def _ratios(ratio: PPR) -> dict[str, Any]:
    ratios: dict[str, Any] = {key: finite(getattr(ratio, key)) for key in RATIOS}
    conv = ratio.conv
    return ratios | {"conv": None if conv is None else {key: finite(getattr(conv, key)) for key in RATIOS}}

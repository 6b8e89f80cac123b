"""What the figures and the page show: the files of one study, read back and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError, MissingFileError, unknown_name
from accelsim.trace.coverage import not_simulated_line, read_not_simulated

from .bandwidth import LayerBandwidth, bandwidth_of
from .timeline import Timeline, read_trace, timeline_of

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class StudyData:
    """One study: networks × machines, with what produced it.

    `runs` are `Run.summary()` dicts, `storage` rows of `analysis.storage.storage_rows`, `layers` the reports' rows
    behind `network` and `hardware`. `accuracy` is a fraction a network, the uncompressed one first. `timeline` is
    one layer's transfers and tiles, or None, `bandwidth` the DRAM's over the layers of one run, and `trace` the content
    of the Chrome trace that they are of. `accuracy_rate` are points of accuracy against pruning rate, by way of
    pruning. Units stand in the names.
    """

    runs: Sequence[Row]
    accuracy: Mapping[str, float]
    verdict: str
    layers: pd.DataFrame
    storage: Sequence[Row] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    timeline: Timeline | None = None
    accuracy_rate: Sequence[Row] = ()
    bandwidth: Sequence[LayerBandwidth] = ()
    trace: Any = None

    @classmethod
    def of_accuracy_rate(cls, points: Sequence[Row]) -> StudyData:
        """A study of nothing but these points: rows with `way, words, asked_rate, whole_rate, accuracy` and
        `baseline_accuracy`, accuracies as fractions."""
        import pandas as pd

        return cls((), {}, "", pd.DataFrame(), accuracy_rate=points)

    @classmethod
    def from_folder(cls, folder: str | Path) -> StudyData:
        """Read `report.json`, `layers.csv` and, where it is there, `timeline.json`.

        MissingFileError where the folder or one of the first two is not there; FileFormatError, naming file and
        field, where a file holds something else.
        """
        from .checking import checked_layers, checked_report

        folder = Path(folder)
        if not folder.is_dir():
            state = "a file" if folder.exists() else "not there"
            raise MissingFileError(
                f"study folder {str(folder)!r} is {state}; name a folder that `accelsim demo` has written"
            )
        report = checked_report(folder / "report.json")
        layers = checked_layers(folder / "layers.csv", report["runs"])
        provenance = report.get("provenance", {})
        trace, where = read_trace(folder / "timeline.json")
        timeline = timeline_of(trace, where, provenance.get("timeline")) if trace is not None else None
        return cls(report["runs"], report["accuracy"], report["verdict"], layers, report.get("storage", []), provenance,
                   timeline, bandwidth=bandwidth_of(trace), trace=trace)  # fmt: skip

    def with_accuracy(self, accuracy: Mapping[str, float]) -> StudyData:
        """The same with the accuracy (a fraction) of its networks; the uncompressed one comes first."""
        return replace(self, accuracy=dict(accuracy))

    @property
    def baseline(self) -> str:
        """The uncompressed network."""
        return next(iter(self.accuracy))

    @property
    def energy_columns(self) -> list[str]:
        """Columns of `layers` that hold the energy of one component, `energy_<component>_pj`."""
        names = [str(name) for name in self.layers]
        return [n for n in names if n.startswith("energy_") and n.endswith("_pj") and n != "energy_pj"]

    @property
    def networks(self) -> list[str]:
        """Networks that ran: those of `accuracy` in its order, then the others in the order in which they ran."""
        ran = [run["network"] for run in self.runs]
        return [name for name in dict.fromkeys([*self.accuracy, *ran]) if name in ran]

    @property
    def ratios(self) -> list[Row]:
        """The runs that have a pruning-to-performance ratio."""
        return [run for run in self.runs if run.get("ppr") is not None]

    @property
    def not_simulated_lines(self) -> list[str]:
        """A line each network of which something is not simulated: the network, what it is, its share of the MACs."""
        lines = ((run["network"], not_simulated_line(*read_not_simulated(run, "run"))) for run in self.runs)
        return list(dict.fromkeys(f"{network}: {line}" for network, line in lines if line))

    @property
    def machines(self) -> list[str]:
        """Machines in the order in which they ran."""
        return list(dict.fromkeys(run["hardware"] for run in self.runs))

    def runs_of(self, network: str) -> list[Row]:
        """The runs of one network."""
        return [run for run in self.runs if run["network"] == network]

    @property
    def stored(self) -> bool:
        """Whether it says what the weights take: in each format, or as they lay in each run's DRAM."""
        return bool(self.storage) or "storage_weight_bits" in self.layers

    def layers_of(self, run: Row, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The layers of one run in the order in which they ran, or those of these names.

        UnknownNameError for a name that no layer has.
        """
        table = self.layers
        here = table[(table["network"] == run["network"]) & (table["hardware"] == run["hardware"])]
        rows = [{str(key): value for key, value in row.items()} for row in here.to_dict("records")]
        if names is None:
            return rows
        known = [str(row["name"]) for row in rows]
        for name in names:
            if name not in known:
                raise unknown_name("layer", str(name), known)
        return [row for row in rows if row["name"] in names]

    def configuration(self, run: Row) -> Mapping[str, Any]:
        """The configuration of the machine of a run; ConfigError where the files do not hold it."""
        machines = self.provenance.get("machines", {})
        found = run.get("configuration") or (machines.get(run["hardware"]) if isinstance(machines, Mapping) else None)
        if not isinstance(found, Mapping):
            raise ConfigError(
                f"the configuration of {run['hardware']!r} is not known; a Report, or the report.json of `accelsim run`"
                " or `accelsim demo`, is expected"
            )
        return found

    def layer_sums(self, columns: Sequence[str]) -> dict[tuple[str, str], dict[str, float]]:
        """Sums of some columns of `layers` by (network, hardware)."""
        sums = self.layers.groupby(["network", "hardware"], sort=False)[list(columns)].sum()
        return {key: dict(zip(columns, map(float, row), strict=True)) for key, *row in sums.itertuples()}

"""The parts of the page: networks, runs and layers as tables, figures, and where everything came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from ..figures.storage import format_label
from ..numbers import digits
from ..registry import drawable
from ..saving import rendered
from .svg import inline_svg
from .table import Column, Row, key, table

if TYPE_CHECKING:
    import pandas as pd

    from ..data_files.data import StudyData


def whole(value: float) -> str:
    """A count with its thousands grouped."""
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """A fraction in percent."""
    return f"{100 * value:.2f} %"


def times(value: float) -> str:
    """A factor."""
    return f"{digits(value)}×"


PRUNED: Mapping[bool | None, str] = {True: "yes", False: "no"}
NETWORK = Column("network", key("network"))
HARDWARE = Column("hardware", key("hardware"))
RUNS = (
    NETWORK,
    HARDWARE,
    Column("accuracy", key("accuracy"), percent),
    Column("cycles", key("cycles"), whole),
    Column("compute\ncycles", key("compute_cycles"), whole),
    Column("stall\ncycles", key("stall_cycles"), whole),
    Column("time\nµs", key("seconds", 1e-6), digits),
    Column("energy\nµJ", key("energy_pj", 1e6), digits),
    Column("on chip\nµJ", key("energy_on_chip_pj", 1e6), digits),
    Column("DRAM access\nµJ", key("energy_dram_access_pj", 1e6), digits),
    Column("DRAM standby\nµJ", key("energy_dram_standby_pj", 1e6), digits),
    Column("DRAM\nKB", key("dram_bytes", 1e3), digits),
    Column("α", key("alpha"), times),
    Column("β", key("beta"), times),
    Column("β\nunpruned", key("beta_unpruned"), times),
    Column("PPR\ntotal time", key("ppr"), digits),
    Column("PPR\ncorrected", key("ppr_corrected"), digits),
    Column("PPR\ncompute", key("ppr_compute"), digits),
    Column("PPR energy\non chip + access", key("ppr_energy_active"), digits),
    Column("PPR energy\nwith standby", key("ppr_energy"), digits),
    Column("PPR\nconv layers", key("ppr_conv"), digits),
    Column("area\nmm²", key("area_um2", 1e6), digits),
    Column("weights\nKB", key("storage_weight_bits", 8e3), digits),
    Column("indices\nKB", key("storage_index_bits", 8e3), digits),
    Column("on fallback", lambda run: ", ".join(run.get("fallback_layers", [])) or None),
)
LAYERS = (
    NETWORK,
    HARDWARE,
    Column("layer", key("name")),
    Column("kind", key("kind")),
    Column("array", key("array")),
    Column("M × N × K", lambda row: f"{row['M']} × {row['N']} × {row['K']}"),
    Column("bits\nw / a", lambda row: f"{row['weight_bits']} / {row['activation_bits']}"),
    Column("weights\nnonzero", key("weights_nonzero"), whole),
    Column("pruned", lambda row: PRUNED.get(row.get("pruned"))),
    Column("MACs\neffectual", key("macs_effectual"), whole),
    Column("cycles", key("cycles"), whole),
    Column("compute\ncycles", key("compute_cycles"), whole),
    Column("stall\ncycles", key("stall_cycles"), whole),
    Column("utilization", key("utilization"), percent),
    Column("bound by", key("bound")),
    Column("DRAM ifmap\nbytes", key("dram_ifmap_bytes"), whole),
    Column("DRAM weight\nbytes", key("dram_weight_bytes"), whole),
    Column("DRAM index\nbytes", key("dram_index_bytes"), whole),
    Column("DRAM ofmap\nbytes", key("dram_ofmap_bytes"), whole),
    Column("DRAM psum\nbytes", key("dram_psum_bytes"), whole),
    Column("energy\nnJ", key("energy_pj", 1e3), digits),
    Column("DRAM access\nnJ", key("energy_dram_access_pj", 1e3), digits),
    Column("DRAM standby\nnJ", key("energy_dram_standby_pj", 1e3), digits),
)


def networks_section(data: StudyData) -> str:
    """Accuracy, reduction rates, bits, and storage in each format of every network."""
    columns = [
        NETWORK,
        Column("accuracy", key("accuracy"), percent),
        Column("against\nthe first", key("change"), lambda value: f"{100 * value:+.2f} points"),
        Column("weight reduction α\nconv layers", key("conv"), times),
        Column("weight reduction α\nwhole", key("whole"), times),
        Column("bits\nweights / activations", key("bits")),
        *(
            Column(f"{label}\nKB, weights + indices", key(kind, 8e3), digits)
            for kind, label in _formats(data).items()
        ),
    ]  # fmt: skip
    return table(
        f"Networks; accuracy is measured on the integers, the first is {data.baseline!r}", columns, _networks(data)
    )


def _formats(data: StudyData) -> dict[str, str]:
    kinds = dict.fromkeys(row["format"] for row in data.storage)
    return {kind: format_label(kind) for kind in kinds}


def _networks(data: StudyData) -> list[Row]:
    bits = {(row["network"], row["format"]): row["value_bits"] + row["index_bits"] for row in data.storage}
    return [
        {
            "network": name,
            "accuracy": data.accuracy[name],
            "change": data.accuracy[name] - data.accuracy[data.baseline],
            **_rates(data, name),
            **{kind: bits.get((name, kind)) for kind in _formats(data)},
        }
        for name in data.networks
    ]


def _rates(data: StudyData, network: str) -> dict[str, Any]:
    """α of the conv layers (1 for the uncompressed network) and of all of them, and the bits, of the first run."""
    run, rows = data.runs_of(network)[0], _first_layers(data, network)
    uncompressed = _first_layers(data, data.baseline if data.baseline in data.networks else network)
    weights = float(uncompressed.loc[uncompressed["kind"] == "conv", "weights_dense"].sum())
    conv = rows[rows["kind"] == "conv"]
    nonzero = float(_weights_now(conv).sum())
    widths = rows[["weight_bits", "activation_bits"]].drop_duplicates().sort_values(["weight_bits", "activation_bits"])
    return {
        "conv": 1.0 if network == data.baseline else weights / nonzero if nonzero else None,
        "whole": run.get("alpha"),
        "bits": ", ".join(f"{w} / {a}" for w, a in widths.itertuples(index=False)),
    }


def _weights_now(layers: pd.DataFrame) -> pd.Series[int]:
    """What α counts: nonzero weights of pruned layers, all of others. Studies of earlier versions do not say which."""
    nonzero: pd.Series[int] = layers["weights_nonzero"]
    return nonzero.where(layers["pruned"], layers["weights_dense"]) if "pruned" in layers else nonzero


def _first_layers(data: StudyData, network: str) -> pd.DataFrame:
    hardware = data.runs_of(network)[0]["hardware"]
    rows: pd.DataFrame = data.layers[(data.layers["network"] == network) & (data.layers["hardware"] == hardware)]
    return rows


def figures_section(data: StudyData) -> str:
    """Every figure inline, with what it shows."""
    files = rendered(data)
    return "\n".join(
        f"<figure>{inline_svg(files[f'{name}.svg'].decode('utf-8'), name, drawing.caption)}"
        f"<figcaption>{escape(drawing.caption)}</figcaption></figure>"
        for name, drawing in drawable(data).items()
    )


def runs_section(data: StudyData) -> str:
    """Every run with its totals, and which layers ran on a fallback array."""
    rows = [{**run, "accuracy": data.accuracy[name]} for name in data.networks for run in data.runs_of(name)]
    said = "".join(f"<p>{escape(text)}</p>\n" for text in (_fallback(data), *_accountings(data)))
    return f"{said}{table('Every network on every machine', RUNS, rows)}"


def _accountings(data: StudyData) -> list[str]:
    """How the energy of which machines is accounted, a line each way."""
    machines: dict[str, dict[str, None]] = {}
    for run in data.runs:
        if run.get("energy_accounting"):
            machines.setdefault(run["energy_accounting"], {})[run["hardware"]] = None
    if len(machines) < 2:
        return [f"{sentence}." for sentence in machines]
    return [f"{sentence}: {', '.join(names)}." for sentence, names in machines.items()]


def _fallback(data: StudyData) -> str:
    machines: dict[str, list[str]] = {}
    for run in data.runs:
        if run.get("fallback_layers"):
            layers = f"{', '.join(run['fallback_layers'])} of {run['network']}"
            machines.setdefault(run["hardware"], []).append(layers)
    if not machines:
        return "Every layer ran on its machine's own array."
    said = "; ".join(f"on {machine}: {' and '.join(layers)}" for machine, layers in machines.items())
    return f"Layers that the array cannot run and that ran on the machine's fallback array: {said}."


def layers_section(data: StudyData) -> str:
    """Every layer of every run."""
    fallback = {(run["network"], run["hardware"], name) for run in data.runs for name in run.get("fallback_layers", [])}
    rows: list[Row] = [{str(name): value for name, value in row.items()} for row in data.layers.to_dict("records")]
    marked = [
        {**row, "array": f"{row['array']} (fallback)"}
        if (row["network"], row["hardware"], row["name"]) in fallback
        else row
        for row in rows
    ]
    return table("Every layer of every run; layers.csv holds all columns", LAYERS, marked, tall=True)


def provenance_section(data: StudyData) -> str:
    """Command, seed and versions in full; nested settings folded away."""
    plain = {name: value for name, value in data.provenance.items() if not isinstance(value, Mapping | list)}
    parts = [
        "<dl>",
        *(f"<dt>{escape(str(k))}</dt><dd><code>{escape(str(v))}</code></dd>" for k, v in plain.items()),
        "</dl>",
    ]
    for name, value in data.provenance.items():
        if name not in plain:
            parts.append(f"<h3>{escape(str(name))}</h3>\n{_nested(value)}")
    return "\n".join(parts)


def _nested(value: Any) -> str:
    """A mapping of plain values as a table, one of mappings folded away, anything else as JSON."""
    if not isinstance(value, Mapping):
        return _text(value)
    if all(isinstance(entry, Mapping) for entry in value.values()):
        return "\n".join(
            f"<details><summary>{escape(str(name))}</summary>{_text(entry)}</details>" for name, entry in value.items()
        )
    if any(isinstance(entry, Mapping | list) for entry in value.values()):
        return _text(value)
    rows = (f'<tr><th scope="row">{escape(str(k))}</th><td>{escape(str(v))}</td></tr>' for k, v in value.items())
    return f"<table>{''.join(rows)}</table>"


def _text(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=1, ensure_ascii=False))}</pre>"
